/** OffsetFetch: where a group stands, of one group, or from version 8 of many. */
import type { CoordinatorAskOf } from '../../coordinator/protocol.ts';
import { type Broker, kafkaCode } from '../broker.ts';
import { byTopic } from '../by-topic.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, bool, int16, int32, int64, type RequestOf, type ResponseOf, string, struct } from '../schema.ts';

export const offsetFetch = api({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 9],
  flexible: 6,
  request: {
    groupId: string({ until: 7 }),
    topics: array(
      struct({
        name: string(),
        partitionIndexes: array(int32()),
      }),
      { until: 7, nullable: 2 },
    ),
    groups: array(
      struct({
        groupId: string(),
        memberId: string({ since: 9, nullable: true, default: null }),
        memberEpoch: int32({ since: 9, default: -1 }),
        topics: array(
          struct({
            name: string(),
            partitionIndexes: array(int32()),
          }),
          { nullable: true },
        ),
      }),
      { since: 8 },
    ),
    requireStable: bool({ since: 7, default: false }),
  },
  response: {
    throttleTimeMs: int32({ since: 3, default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ since: 5, default: -1 }),
            metadata: string({ nullable: true }),
            errorCode: int16({ default: 0 }),
          }),
        ),
      }),
      { until: 7 },
    ),
    errorCode: int16({ since: 2, until: 7, default: 0 }),
    groups: array(
      struct({
        groupId: string(),
        topics: array(
          struct({
            name: string(),
            partitions: array(
              struct({
                partitionIndex: int32(),
                committedOffset: int64(),
                committedLeaderEpoch: int32({ default: -1 }),
                metadata: string({ nullable: true }),
                errorCode: int16({ default: 0 }),
              }),
            ),
          }),
        ),
        errorCode: int16({ default: 0 }),
      }),
      { since: 8 },
    ),
  },
});

type Request = RequestOf<typeof offsetFetch>;
type GroupRow = ResponseOf<typeof offsetFetch>['groups'][number];

export function handleOffsetFetch(request: Request, { broker, version }: Call, reply: Reply<typeof offsetFetch.response>): void {
  const { groupId, topics, groups, requireStable } = request;
  if (version < MANY_SINCE) {
    const one = { groupId, memberId: null, memberEpoch: -1, topics };
    return fetchGroup(broker, one, requireStable, (row) => reply({ topics: row.topics, errorCode: row.errorCode, groups: [] }));
  }
  let left = groups.length;
  const rows: GroupRow[] = [];
  if (left === 0) return reply({ topics: [], groups: [] });
  groups.forEach((one, i) => {
    fetchGroup(broker, one, requireStable, (row) => {
      rows[i] = row;
      if (--left === 0) reply({ topics: [], groups: rows });
    });
  });
}

function fetchGroup(broker: Broker, group: Request['groups'][number], requireStable: boolean, done: (row: GroupRow) => void): void {
  const { groupId, memberId, memberEpoch } = group;
  if (groupId === '') return done(nothingOf(group));
  const topics = group.topics?.map(({ name, partitionIndexes }) => ({ topic: name, partitions: [...partitionIndexes] })) ?? null;
  const ask: Omit<CoordinatorAskOf<'offsetFetch'>, 'verb' | 'id'> = { groupId, memberId, epoch: memberEpoch, topics, requireStable };
  broker.dispatcher.askCoordinator('offsetFetch', ask, (error, answer) => {
    if (error !== 0 || answer === null) return done({ groupId, topics: [], errorCode: kafkaCode(error) });
    const row = ({ partition, offset, leaderEpoch, metadata, error: code }: (typeof answer.offsets)[number]) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch,
      metadata,
      errorCode: kafkaCode(code),
    });
    done({ groupId, topics: byTopic(answer.offsets, row) });
  });
}

/** Clients of before 2.2 that read without a group ask for the offsets of the one without a name: nobody commits there. */
function nothingOf({ groupId, topics }: Request['groups'][number]): GroupRow {
  const nothing = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 0 };
  return {
    groupId,
    topics: (topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, ...nothing })),
    })),
  };
}

/** The version that asks for many groups at once. */
const MANY_SINCE = 8;
