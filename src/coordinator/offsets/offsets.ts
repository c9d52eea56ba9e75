/**
 * The pure core of committed offsets: what a commit, a fetch and a deletion come to, with Kafka's errors. Whether a member may commit at
 * all the groups' core says (`GroupsView`); nothing is changed here.
 */
import { errors } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { CommittedOffset, GroupVerbs, OffsetToCommit, TopicPartitions } from '../groups/protocol.ts';
import type { CoordinatorAskOf, CoordinatorReplyOf } from '../protocol.ts';
import type { Topic } from '../state.ts';
import type { CommittedRow, OffsetFact } from './facts.ts';
import { committedOf, type OffsetsState } from './state.ts';

/** What offsets have to know of topics and groups. */
export interface OffsetsAround {
  nowMs: number;
  topic(name: string): Topic | undefined;
  topicName(topicId: string): string | undefined;
  groups: GroupsView;
}

export type Refusal = { error: number; message: string };

export interface GroupsView {
  exists(groupId: string): boolean;
  /** Null: it may. A group that is not there yet takes commits from outside (member '', epoch −1), and is made by them. */
  mayCommit(who: { groupId: string; memberId: string; instanceId: string | null; epoch: number }): Refusal | null;
  /** Null: it may. Asked only when a member says who it is (KIP-848). */
  mayFetch(who: { groupId: string; memberId: string | null; epoch: number }): Refusal | null;
  /** Null when nobody in the group is. */
  subscribed(groupId: string, topic: string): boolean;
}

export interface OffsetDecision<V extends keyof GroupVerbs> {
  facts: OffsetFact[];
  reply: CoordinatorReplyOf<V>;
}

/** Offsets in one ask: as many as a bus has partitions. */
const ROWS_MAX = limits.partitionsMax;

export function commitOffsets(
  state: OffsetsState,
  ask: CoordinatorAskOf<'offsetCommit'>,
  around: OffsetsAround,
): OffsetDecision<'offsetCommit'> {
  const refused = wrongGroupId(ask.groupId) ?? tooMany(ask.offsets.length) ?? around.groups.mayCommit(ask);
  if (refused !== null) return refuseCommit(ask, refused);
  const rows: CommittedRow[] = [];
  let room = limits.committedOffsetsMax - state.count;
  let message = '';
  const offsets = ask.offsets.map((one) => {
    const { topic: name, partition, offset, leaderEpoch, metadata } = one;
    const topic = around.topic(name);
    let error = wrongRow(one, topic);
    if (error === 0 && topic !== undefined) {
      if (committedOf(state, ask.groupId, topic.topicId, partition) === undefined && room-- <= 0) error = errors.LIMIT_REACHED.code;
      else rows.push({ topicId: topic.topicId, partition, offset, leaderEpoch, metadata, committedMs: around.nowMs });
    }
    if (error !== 0 && message === '') message = wordsOf(error, one);
    return { topic: name, partition, error };
  });
  const facts: OffsetFact[] = rows.length === 0 ? [] : [{ fact: 'offsetsCommitted', groupId: ask.groupId, rows }];
  return { facts, reply: { verb: 'offsetCommit', id: ask.id, error: 0, message, offsets } };
}

export function fetchOffsets(
  state: OffsetsState,
  ask: CoordinatorAskOf<'offsetFetch'>,
  around: OffsetsAround,
): CoordinatorReplyOf<'offsetFetch'> {
  const asked = ask.topics?.reduce((sum, { partitions }) => sum + partitions.length, 0) ?? 0;
  const isMember = ask.memberId !== null || ask.epoch >= 0;
  const refused = wrongGroupId(ask.groupId) ?? tooMany(asked) ?? (isMember ? around.groups.mayFetch(ask) : null);
  if (refused !== null) return { verb: 'offsetFetch', id: ask.id, ...refused, offsets: [] };
  const offsets = ask.topics === null ? everything(state, ask.groupId, around) : asList(state, ask.groupId, ask.topics, around);
  return { verb: 'offsetFetch', id: ask.id, error: 0, message: '', offsets };
}

export function deleteOffsets(
  state: OffsetsState,
  ask: CoordinatorAskOf<'offsetDelete'>,
  around: OffsetsAround,
): OffsetDecision<'offsetDelete'> {
  const { groupId, topics } = ask;
  const flat = topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
  const refused = wrongGroupId(groupId) ?? tooMany(flat.length) ?? unknownGroup(state, groupId, around);
  const rowsWith = (error: number) => flat.map((row) => ({ ...row, error }));
  if (refused !== null) return { facts: [], reply: { verb: 'offsetDelete', id: ask.id, ...refused, offsets: rowsWith(refused.error) } };
  const dropped: { topicId: string; partition: number }[] = [];
  const used = new Set(topics.map(({ topic }) => topic).filter((topic) => around.groups.subscribed(groupId, topic)));
  const offsets = flat.map(({ topic: name, partition }) => {
    const topic = around.topic(name);
    if (topic === undefined) return { topic: name, partition, error: errors.UNKNOWN_TOPIC_OR_PARTITION.code };
    if (used.has(name)) return { topic: name, partition, error: errors.GROUP_SUBSCRIBED_TO_TOPIC.code };
    // As in Kafka, to delete what is not there is no error.
    if (committedOf(state, groupId, topic.topicId, partition) !== undefined) dropped.push({ topicId: topic.topicId, partition });
    return { topic: name, partition, error: 0 };
  });
  const message = used.size === 0 ? '' : `members of the group read ${[...used].join(', ')}: close them, or have them subscribe to less, first`;
  const facts: OffsetFact[] = dropped.length === 0 ? [] : [{ fact: 'offsetsDropped', groupId, rows: dropped }];
  return { facts, reply: { verb: 'offsetDelete', id: ask.id, error: 0, message, offsets } };
}

function wrongGroupId(groupId: string): Refusal | null {
  if (typeof groupId === 'string' && groupId !== '' && groupId.length <= limits.groupIdMax) return null;
  return { error: errors.INVALID_GROUP_ID.code, message: `a group’s id is a text of 1 to ${limits.groupIdMax} characters` };
}

function tooMany(rows: number): Refusal | null {
  if (rows <= ROWS_MAX) return null;
  return { error: errors.LIMIT_REACHED.code, message: `${rows} offsets in one ask: ask for at most ${ROWS_MAX} at once` };
}

function unknownGroup(state: OffsetsState, groupId: string, around: OffsetsAround): Refusal | null {
  if (state.byGroup.has(groupId) || around.groups.exists(groupId)) return null;
  return { error: errors.GROUP_ID_NOT_FOUND.code, message: `there is no group "${groupId}"` };
}

function refuseCommit(ask: CoordinatorAskOf<'offsetCommit'>, { error, message }: Refusal): OffsetDecision<'offsetCommit'> {
  const offsets = ask.offsets.map(({ topic, partition }) => ({ topic, partition, error }));
  return { facts: [], reply: { verb: 'offsetCommit', id: ask.id, error, message, offsets } };
}

function wrongRow({ partition, offset, leaderEpoch, metadata }: OffsetToCommit, topic: Topic | undefined): number {
  if (topic === undefined || topic.slots[partition] === undefined) return errors.UNKNOWN_TOPIC_OR_PARTITION.code;
  if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(leaderEpoch)) return errors.INVALID_REQUEST.code;
  // A character takes at most three bytes of UTF-8 per unit of its length: most texts need no count.
  if (metadata.length * 3 > limits.offsetMetadataMax && Buffer.byteLength(metadata) > limits.offsetMetadataMax)
    return errors.OFFSET_METADATA_TOO_LARGE.code;
  return 0;
}

function wordsOf(error: number, { topic, partition, offset, metadata }: OffsetToCommit): string {
  switch (error) {
    case errors.UNKNOWN_TOPIC_OR_PARTITION.code:
      return `there is no partition ${topic}-${partition} (any more)`;
    case errors.OFFSET_METADATA_TOO_LARGE.code:
      return `the metadata of ${topic}-${partition} has ${Buffer.byteLength(metadata)} bytes of UTF-8; at most ${limits.offsetMetadataMax}`;
    case errors.LIMIT_REACHED.code:
      return `the bus keeps at most ${limits.committedOffsetsMax} committed offsets: delete groups that are not used any more`;
    default:
      return `an offset is a whole number from 0, not ${offset}`;
  }
}

const nothing = { offset: -1, leaderEpoch: -1, metadata: '', error: 0 };

function asList(state: OffsetsState, groupId: string, topics: readonly TopicPartitions[], around: OffsetsAround): CommittedOffset[] {
  return topics.flatMap(({ topic: name, partitions }) => {
    const topic = around.topic(name);
    return partitions.map((partition) => {
      const committed = topic === undefined ? undefined : committedOf(state, groupId, topic.topicId, partition);
      if (committed === undefined) return { topic: name, partition, ...nothing };
      const { offset, leaderEpoch, metadata } = committed;
      return { topic: name, partition, offset, leaderEpoch, metadata, error: 0 };
    });
  });
}

function everything(state: OffsetsState, groupId: string, around: OffsetsAround): CommittedOffset[] {
  const found: CommittedOffset[] = [];
  for (const [topicId, partitions] of state.byGroup.get(groupId) ?? []) {
    const topic = around.topicName(topicId);
    if (topic === undefined) continue;
    for (const [partition, { offset, leaderEpoch, metadata }] of partitions) {
      found.push({ topic, partition, offset, leaderEpoch, metadata, error: 0 });
    }
  }
  return found;
}
