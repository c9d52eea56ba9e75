/** Committed offsets in Kafka's words: commit, fetch and delete, and what comes back. Pure. */
import { errors } from '../../base/errors.ts';
import type { CommittedOffset, GroupVerbs, TopicPartitions } from '../../coordinator/groups/protocol.ts';
import type { offsetCommit } from '../api/08-offset-commit.ts';
import type { offsetFetch } from '../api/09-offset-fetch.ts';
import type { offsetDelete } from '../api/47-offset-delete.ts';
import { byTopic } from '../by-topic.ts';
import { type Answer, busCode, type RequestTo, type ResponseFrom } from './words.ts';

type Commit = GroupVerbs['offsetCommit'];
type Fetch = GroupVerbs['offsetFetch'];

/** When a commit counts as kept, the cluster decides: `synced` cannot be asked for. */
export function commitRequest({ groupId, memberId, instanceId, epoch, offsets }: Commit['ask']): RequestTo<typeof offsetCommit> {
  return {
    groupId,
    memberId,
    groupInstanceId: instanceId,
    generationIdOrMemberEpoch: epoch,
    topics: byTopic(offsets, ({ partition, offset, leaderEpoch, metadata }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch,
      committedMetadata: metadata,
    })),
  };
}

/** What Kafka refuses by partition; anything else is about the member or the group, and stands in every row that could have been stored. */
const ofPartition = new Set<number>(
  (['NONE', 'UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID', 'OFFSET_METADATA_TOO_LARGE', 'TOPIC_AUTHORIZATION_FAILED'] as const).map(
    (name) => errors[name].code,
  ),
);

export function commitReply(response: ResponseFrom<typeof offsetCommit>): Answer<'offsetCommit'> {
  const offsets = response.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, errorCode }) => ({ topic: name, partition: partitionIndex, error: busCode(errorCode) })),
  );
  const whole = offsets.find(({ error }) => !ofPartition.has(error))?.error ?? 0;
  return { error: whole, message: '', offsets };
}

export function noCommit({ offsets }: Commit['ask'], error: number, message: string): Answer<'offsetCommit'> {
  return { error, message, offsets: offsets.map(({ topic, partition }) => ({ topic, partition, error })) };
}

/** One group: by itself up to version 7, from then on as a list of one. */
export function fetchRequest({ groupId, memberId, epoch, topics, requireStable }: Fetch['ask']): RequestTo<typeof offsetFetch> {
  const wanted = topics?.map(({ topic, partitions }) => ({ name: topic, partitionIndexes: partitions })) ?? null;
  return { groupId, topics: wanted, groups: [{ groupId, memberId, memberEpoch: epoch, topics: wanted }], requireStable };
}

/**
 * A partition whose offset cannot be told (a transaction that commits it is under way, somebody may not see it) must not pass for one of
 * which nothing is committed: its reader would begin elsewhere. It fails the whole.
 */
export function fetchReply(response: ResponseFrom<typeof offsetFetch>): Answer<'offsetFetch'> {
  const { topics, errorCode } = response.groups.length > 0 ? response.groups[0] : response;
  const offsets: CommittedOffset[] = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode: code }) => ({
      topic: name,
      partition: partitionIndex,
      offset: committedOffset,
      leaderEpoch: committedLeaderEpoch,
      metadata: metadata ?? '',
      error: busCode(code),
    })),
  );
  const untold = offsets.find(({ error }) => error !== 0 && !ofMissing.has(error))?.error ?? 0;
  return { error: busCode(errorCode) || untold, message: '', offsets };
}

/** Of what is not there nothing is committed. */
const ofMissing = new Set<number>([errors.UNKNOWN_TOPIC_OR_PARTITION.code, errors.UNKNOWN_TOPIC_ID.code]);

export function deleteRequest(groupId: string, topics: readonly TopicPartitions[]): RequestTo<typeof offsetDelete> {
  return {
    groupId,
    topics: topics.map(({ topic, partitions }) => ({
      name: topic,
      partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
    })),
  };
}

export function deleteReply(response: ResponseFrom<typeof offsetDelete>): Answer<'offsetDelete'> {
  const offsets = response.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, errorCode }) => ({ topic: name, partition: partitionIndex, error: busCode(errorCode) })),
  );
  return { error: busCode(response.errorCode), message: '', offsets };
}
