/**
 * Administration of groups: what there is, who reads what and how far behind, and their committed offsets, which can be reset, deleted,
 * exported and imported while a group has no members. `Admin` is the public face of all this.
 */
import { BusError, errorName, errors } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { GroupDescription, GroupState, GroupType, OffsetToCommit } from '../coordinator/groups/protocol.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { PartitionDescription } from '../partition/protocol.ts';
import { ask, askCoordinator, askPartition, loadTopic } from './ask.ts';
import { type CheckedTarget, checkExport, checkGroupId, checkReset, type OffsetsExport, type ResetOptions } from './group-checks.ts';
import { keyOf, type TopicPartition } from './places.ts';
import { advice, unknownPartition } from './refusals.ts';

export interface GroupListing {
  groupId: string;
  /** 'consumer' for consumers; '' for a group that only holds offsets. */
  protocolType: string;
  state: GroupState;
  type: GroupType;
}

export interface GroupOffset extends TopicPartition {
  offset: number;
  /** −1: not known. */
  leaderEpoch: number;
  metadata: string;
}

/** How far a group is with one partition. */
export interface GroupLag extends TopicPartition {
  /** −1: nothing is committed. */
  committed: number;
  /** −1: the partition cannot be asked just now. */
  highWatermark: number;
  /** Records between the two; −1 when one of them is not known. */
  lag: number;
  /** Who reads it; '' when nobody does. */
  memberId: string;
}

export interface GroupWithLag extends Omit<GroupDescription, 'error' | 'message'> {
  offsets: GroupLag[];
}

/** What a reset does to one partition. */
export interface OffsetChange extends TopicPartition {
  /** −1: nothing was committed. */
  before: number;
  after: number;
}

/** The error of a group: said in the coordinator's words where it had some. */
export function groupRefusal(groupId: string, error: number, message: string): BusError {
  const words = message === '' ? `group "${groupId}" was refused: ${advice(error)}` : message;
  return new BusError(errorName(error), words, { details: { groupId } });
}

export async function describeGroups(dispatcher: Dispatcher, groupIds: readonly string[]): Promise<GroupWithLag[]> {
  const { groups } = await askCoordinator(dispatcher, 'describeGroups', { groupIds: groupIds.map((id) => checkGroupId(id)) });
  for (const { groupId, error, message } of groups) if (error !== 0) throw groupRefusal(groupId, error, message);
  return Promise.all(
    groups.map(async ({ error: _error, message: _message, ...group }) => ({ ...group, offsets: await lagOf(dispatcher, group) })),
  );
}

/** Every partition that somebody reads, or that has something committed. */
async function lagOf(dispatcher: Dispatcher, group: Pick<GroupDescription, 'groupId' | 'members'>): Promise<GroupLag[]> {
  const rows = new Map<string, GroupLag>();
  const rowOf = (topic: string, partition: number): GroupLag => {
    const key = keyOf({ topic, partition });
    const row = rows.get(key) ?? { topic, partition, committed: -1, highWatermark: -1, lag: -1, memberId: '' };
    rows.set(key, row);
    return row;
  };
  for (const { topic, partition, offset } of await committedOffsets(dispatcher, group.groupId)) rowOf(topic, partition).committed = offset;
  for (const { memberId, assignment } of group.members) {
    for (const { topic, partitions } of assignment) for (const partition of partitions) rowOf(topic, partition).memberId = memberId;
  }
  const sorted = [...rows.values()].sort(byPlace);
  const ends = await describePlaces(dispatcher, sorted);
  for (const row of sorted) {
    row.highWatermark = ends.get(keyOf(row))?.highWatermark ?? -1;
    if (row.committed >= 0 && row.highWatermark >= 0) row.lag = Math.max(0, row.highWatermark - row.committed);
  }
  return sorted;
}

export async function committedOffsets(dispatcher: Dispatcher, groupId: string): Promise<GroupOffset[]> {
  const reply = await askCoordinator(dispatcher, 'offsetFetch', {
    groupId: checkGroupId(groupId),
    memberId: null,
    epoch: -1,
    topics: null,
    requireStable: false,
  });
  return reply.offsets
    .filter(({ error, offset }) => error === 0 && offset >= 0)
    .map(({ topic, partition, offset, leaderEpoch, metadata }) => ({ topic, partition, offset, leaderEpoch, metadata }))
    .sort(byPlace);
}

export async function resetOffsets(dispatcher: Dispatcher, groupId: string, options: ResetOptions): Promise<OffsetChange[]> {
  const { what, to, dryRun } = checkReset(groupId, options);
  const before = new Map((await committedOffsets(dispatcher, groupId)).map((one) => [keyOf(one), one]));
  const places = what === null ? [...before.values()] : await expand(dispatcher, what);
  if (places.length === 0) throw nothingCommitted(groupId);
  await checkEmpty(dispatcher, groupId);
  const found = await describePlaces(dispatcher, places);
  const changes = await Promise.all(
    places.map(async (place): Promise<OffsetChange> => {
      const log = found.get(keyOf(place));
      if (log === undefined || log.highWatermark < 0) throw unknownEnd(place);
      const current = before.get(keyOf(place))?.offset ?? -1;
      const wanted = await targetOf(dispatcher, place, to, current, log);
      // As Kafka's tool does: what lies outside of the log is moved to its nearer end.
      const after = Math.min(Math.max(wanted, log.startOffset), log.highWatermark);
      return { topic: place.topic, partition: place.partition, before: current, after };
    }),
  );
  if (!dryRun)
    await commitFromOutside(
      dispatcher,
      groupId,
      changes.map((change) => ({ ...change, offset: change.after, leaderEpoch: -1, metadata: '' })),
    );
  return changes;
}

/** Commits for a group without members. Throws UNKNOWN_MEMBER_ID or the like when it has some. */
export async function commitFromOutside(dispatcher: Dispatcher, groupId: string, offsets: readonly OffsetToCommit[]): Promise<void> {
  for (let at = 0; at < offsets.length; at += limits.partitionsMax) {
    const rows = offsets
      .slice(at, at + limits.partitionsMax)
      .map(({ topic, partition, offset, leaderEpoch, metadata }) => ({ topic, partition, offset, leaderEpoch, metadata }));
    const reply = await askCoordinator(dispatcher, 'offsetCommit', {
      groupId,
      memberId: '',
      instanceId: null,
      epoch: -1,
      offsets: rows,
      synced: true,
    });
    const wrong = reply.offsets?.find(({ error }) => error !== 0);
    if (wrong !== undefined) throw groupRefusal(groupId, wrong.error, reply.message);
  }
}

export async function deleteGroupOffsets(dispatcher: Dispatcher, groupId: string, places: readonly TopicPartition[]): Promise<void> {
  const topics = [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, rows]) => ({
    topic,
    partitions: rows.map(({ partition }) => partition),
  }));
  const reply = await askCoordinator(dispatcher, 'offsetDelete', { groupId: checkGroupId(groupId), topics });
  const wrong = reply.offsets.find(({ error }) => error !== 0);
  if (wrong === undefined) return;
  const unknown = `topic "${wrong.topic}" does not exist`;
  const message = wrong.error === errors.UNKNOWN_TOPIC_OR_PARTITION.code ? unknown : reply.message;
  throw groupRefusal(groupId, wrong.error, message);
}

export async function exportOffsets(dispatcher: Dispatcher, groupIds: readonly string[]): Promise<OffsetsExport> {
  const groups = await Promise.all(groupIds.map(async (groupId) => ({ groupId, offsets: await committedOffsets(dispatcher, groupId) })));
  return { format: 'spillway-offsets', version: 1, groups };
}

/** What is imported is checked as a whole before anything is committed. */
export async function importOffsets(
  dispatcher: Dispatcher,
  document: unknown,
  dryRun: boolean,
): Promise<(OffsetChange & { groupId: string })[]> {
  const { groups } = checkExport(document);
  const changes: (OffsetChange & { groupId: string })[] = [];
  for (const { groupId, offsets } of groups) {
    await checkEmpty(dispatcher, groupId);
    for (const { topic, partition } of offsets) {
      const { partitions } = await loadTopic(dispatcher, topic);
      if (partitions[partition] === undefined) throw unknownPartition(topic, partition, partitions.length);
    }
    const before = new Map((await committedOffsets(dispatcher, groupId)).map((one) => [keyOf(one), one.offset]));
    for (const { topic, partition, offset } of offsets) {
      changes.push({ groupId, topic, partition, before: before.get(keyOf({ topic, partition })) ?? -1, after: offset });
    }
  }
  if (!dryRun) for (const { groupId, offsets } of groups) await commitFromOutside(dispatcher, groupId, offsets);
  return changes;
}

/** Before anything is changed from outside; the coordinator refuses it all the same when a member comes meanwhile. */
async function checkEmpty(dispatcher: Dispatcher, groupId: string): Promise<void> {
  const { groups } = await askCoordinator(dispatcher, 'describeGroups', { groupIds: [groupId] });
  const members = groups[0]?.members.length ?? 0;
  if (members === 0) return;
  const what = `group "${groupId}" has ${members} member${members === 1 ? '' : 's'}, whose positions would not follow: close its consumers first`;
  throw new BusError('NON_EMPTY_GROUP', what, { details: { groupId, members } });
}

async function expand(dispatcher: Dispatcher, what: readonly (string | TopicPartition)[]): Promise<TopicPartition[]> {
  const found = new Map<string, TopicPartition>();
  for (const one of what) {
    const topic = typeof one === 'string' ? one : one.topic;
    const { partitions } = await loadTopic(dispatcher, topic);
    const chosen = typeof one === 'string' ? partitions.map(({ partition }) => partition) : [one.partition];
    for (const partition of chosen) {
      if (partitions[partition] === undefined) throw unknownPartition(topic, partition, partitions.length);
      found.set(keyOf({ topic, partition }), { topic, partition });
    }
  }
  return [...found.values()].sort(byPlace);
}

async function targetOf(
  dispatcher: Dispatcher,
  { topic, partition }: TopicPartition,
  to: CheckedTarget,
  current: number,
  log: PartitionDescription,
): Promise<number> {
  switch (to.kind) {
    case 'earliest':
      return log.startOffset;
    case 'latest':
      return log.highWatermark;
    case 'offset':
      return to.offset;
    case 'fromEnd':
      return log.highWatermark - to.count;
    case 'shift':
      if (current < 0) throw new BusError('INVALID_ARGUMENT', `nothing is committed of ${topic}-${partition}, so it cannot be shifted`);
      return current + to.by;
    case 'time': {
      const timestampMs = to.isAgo ? Math.max(0, dispatcher.clock.nowMs() - to.ms) : to.ms;
      const { offset } = await askPartition(dispatcher, { topic, partition }, 'listOffsets', { timestampMs });
      return offset < 0 ? log.highWatermark : offset;
    }
  }
}

/** What the hosts say of these partitions; one that is not there (any more) is not in the answer. */
async function describePlaces(dispatcher: Dispatcher, places: readonly TopicPartition[]): Promise<Map<string, PartitionDescription>> {
  const slotsOf = new Map<number, number[]>();
  for (const name of new Set(places.map(({ topic }) => topic))) {
    // A topic that was deleted meanwhile has no end, which is no reason to say nothing of the others.
    const topic = await loadTopic(dispatcher, name).catch(() => null);
    for (const { topic: own, partition } of places) {
      const place = own === name ? topic?.partitions[partition] : undefined;
      if (place !== undefined) slotsOf.set(place.host, [...(slotsOf.get(place.host) ?? []), place.slot]);
    }
  }
  const replies = await Promise.all([...slotsOf].map(([host, slots]) => ask(dispatcher, host, 'describe', { slots })));
  return new Map(
    replies.flatMap(({ partitions }) => partitions.filter(({ error }) => error === 0).map((one) => [keyOf(one), one] as const)),
  );
}

function nothingCommitted(groupId: string): BusError {
  const what = `group "${groupId}" has committed nothing, so it is not known what to reset: name topics`;
  return new BusError('GROUP_ID_NOT_FOUND', what, { details: { groupId } });
}

function unknownEnd({ topic, partition }: TopicPartition): BusError {
  return new BusError('LEADER_NOT_AVAILABLE', `${topic}-${partition} cannot be asked where it begins and ends just now; try again`, {
    details: { topic, partition },
  });
}

function byPlace(a: TopicPartition, b: TopicPartition): number {
  return a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition;
}
