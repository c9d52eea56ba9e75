/** OffsetCommit: where a group stands, by its member's generation or member epoch. Retention was a matter of the commit up to version 4. */
import { errors } from '../../base/errors.ts';
import { kafkaCode } from '../broker.ts';
import { byTopic } from '../by-topic.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, int16, int32, int64, type RequestOf, string, struct } from '../schema.ts';

export const offsetCommit = api({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 9],
  flexible: 8,
  request: {
    groupId: string(),
    generationIdOrMemberEpoch: int32({ default: -1 }),
    memberId: string(),
    groupInstanceId: string({ since: 7, nullable: true, default: null }),
    retentionTimeMs: int64({ until: 4, default: -1 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ since: 6, default: -1 }),
            committedMetadata: string({ nullable: true }),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32({ since: 3, default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16({ default: 0 }),
          }),
        ),
      }),
    ),
  },
});

/** Answered when it is stored, not when it is synced: as Kafka's. */
export function handleOffsetCommit(
  request: RequestOf<typeof offsetCommit>,
  { broker, version }: Call,
  reply: Reply<typeof offsetCommit.response>,
): void {
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch } = request;
  const offsets = request.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => ({
      topic: name,
      partition: partitionIndex,
      offset: committedOffset,
      leaderEpoch: committedLeaderEpoch,
      metadata: committedMetadata ?? '',
    })),
  );
  const ask = { groupId, memberId, instanceId: groupInstanceId, epoch: generationIdOrMemberEpoch, offsets, synced: false };
  broker.dispatcher.askCoordinator('offsetCommit', ask, (error, answer) => {
    // Within the bus only what was refused is named.
    const refused = error === 0 ? new Map(answer?.offsets?.map((row) => [`${row.partition} ${row.topic}`, row.error])) : null;
    const errorOf = (topic: string, partition: number): number => (refused === null ? error : (refused.get(`${partition} ${topic}`) ?? 0));
    const rows = offsets.map(({ topic, partition }) => ({ topic, partition, error: errorOf(topic, partition) }));
    const row = ({ partition, error: code }: (typeof rows)[number]) => ({
      partitionIndex: partition,
      errorCode: codeFor(version, kafkaCode(code)),
    });
    reply({ topics: byTopic(rows, row) });
  });
}

/** Older versions have no words for some refusals. */
function codeFor(version: number, code: number): number {
  if (version >= EPOCHS_SINCE) return code;
  if (code === errors.GROUP_ID_NOT_FOUND.code) return errors.ILLEGAL_GENERATION.code;
  return code === errors.STALE_MEMBER_EPOCH.code ? errors.UNSUPPORTED_VERSION.code : code;
}

/** The version in which members of KIP-848 commit. */
const EPOCHS_SINCE = 9;
