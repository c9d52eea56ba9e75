/**
 * The pure core of committed offsets: what a commit, a fetch and a deletion come to, with Kafka's errors. Whether a member may commit at
 * all the groups' core says; nothing is changed here.
 */
import { errors } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Fact } from '../facts.ts';
import type { GroupSurroundings } from '../groups/decision.ts';
import { isSubscribed, mayCommit, mayFetchOffsets } from '../groups/groups.ts';
import type { CommittedOffset, GroupVerbs, OffsetToCommit, TopicPartitions } from '../groups/protocol.ts';
import type { CoordinatorAskOf, CoordinatorReplyOf } from '../protocol.ts';
import type { State, Topic } from '../state.ts';
import type { CommittedRow } from './facts.ts';
import { committedOf } from './state.ts';

interface Refusal {
  error: number;
  message: string;
}

export interface OffsetDecision<V extends keyof GroupVerbs> {
  facts: Fact[];
  reply: CoordinatorReplyOf<V>;
}

/** Offsets in one ask: as many as a bus has partitions. */
const ROWS_MAX = limits.partitionsMax;

export function commitOffsets(
  state: State,
  ask: CoordinatorAskOf<'offsetCommit'>,
  around: GroupSurroundings,
): OffsetDecision<'offsetCommit'> {
  const wrong = wrongGroupId(ask.groupId) ?? tooMany(ask.offsets.length);
  if (wrong !== null) return refuseCommit(ask, wrong, []);
  const may = mayCommit(state.groups, ask, around);
  if (may.error !== 0) return refuseCommit(ask, may, may.facts);
  const rows: CommittedRow[] = [];
  let room = limits.committedOffsetsMax - state.offsets.count;
  let message = '';
  let refused: CoordinatorReplyOf<'offsetCommit'>['offsets'] = null;
  for (const one of ask.offsets) {
    const { topic: name, partition, offset, leaderEpoch, metadata } = one;
    const topic = state.byName.get(name);
    let error = wrongRow(one, topic);
    if (error === 0 && topic !== undefined) {
      if (committedOf(state.offsets, ask.groupId, topic.topicId, partition) === undefined && room-- <= 0) error = errors.LIMIT_REACHED.code;
      else rows.push({ topicId: topic.topicId, partition, offset, leaderEpoch, metadata, committedMs: around.nowMs });
    }
    if (error === 0) continue;
    if (message === '') message = wordsOf(error, one);
    refused ??= [];
    refused.push({ topic: name, partition, error });
  }
  const reply = { verb: 'offsetCommit', id: ask.id, error: 0, message, offsets: refused } as const;
  // A commit from outside makes its group, but not for nothing.
  if (rows.length === 0) return { facts: state.groups.byId.has(ask.groupId) ? may.facts : [], reply };
  return { facts: [...may.facts, { fact: 'offsetsCommitted', groupId: ask.groupId, rows }], reply };
}

export function fetchOffsets(state: State, ask: CoordinatorAskOf<'offsetFetch'>): CoordinatorReplyOf<'offsetFetch'> {
  const asked = ask.topics?.reduce((sum, { partitions }) => sum + partitions.length, 0) ?? 0;
  const refused = wrongGroupId(ask.groupId) ?? tooMany(asked) ?? stranger(state, ask);
  if (refused !== null) return { verb: 'offsetFetch', id: ask.id, ...refused, offsets: [] };
  const offsets = ask.topics === null ? everything(state, ask.groupId) : asList(state, ask.groupId, ask.topics);
  return { verb: 'offsetFetch', id: ask.id, error: 0, message: '', offsets };
}

export function deleteOffsets(state: State, ask: CoordinatorAskOf<'offsetDelete'>): OffsetDecision<'offsetDelete'> {
  const { groupId, topics } = ask;
  const flat = topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
  const refused = wrongGroupId(groupId) ?? tooMany(flat.length) ?? unknownGroup(state, groupId);
  if (refused !== null) {
    const offsets = flat.map((row) => ({ ...row, error: refused.error }));
    return { facts: [], reply: { verb: 'offsetDelete', id: ask.id, ...refused, offsets } };
  }
  const dropped: { topicId: string; partition: number }[] = [];
  const used = new Set(topics.map(({ topic }) => topic).filter((topic) => isSubscribed(state.groups, groupId, topic)));
  const offsets = flat.map(({ topic: name, partition }) => {
    const topic = state.byName.get(name);
    if (topic === undefined || topic.slots[partition] === undefined)
      return { topic: name, partition, error: errors.UNKNOWN_TOPIC_OR_PARTITION.code };
    if (used.has(name)) return { topic: name, partition, error: errors.GROUP_SUBSCRIBED_TO_TOPIC.code };
    // As in Kafka, to delete what is not there is no error.
    if (committedOf(state.offsets, groupId, topic.topicId, partition) !== undefined) dropped.push({ topicId: topic.topicId, partition });
    return { topic: name, partition, error: 0 };
  });
  const message =
    used.size === 0 ? '' : `members of the group read ${[...used].join(', ')}: close them, or have them subscribe to less, first`;
  const facts: Fact[] = dropped.length === 0 ? [] : [{ fact: 'offsetsDropped', groupId, rows: dropped }];
  return { facts, reply: { verb: 'offsetDelete', id: ask.id, error: 0, message, offsets } };
}

function wrongGroupId(groupId: string): Refusal | null {
  if (typeof groupId === 'string' && groupId !== '' && groupId.length <= limits.groupNameMax) return null;
  return { error: errors.INVALID_GROUP_ID.code, message: `a group’s id is a text of 1 to ${limits.groupNameMax} characters` };
}

function tooMany(rows: number): Refusal | null {
  if (rows <= ROWS_MAX) return null;
  return { error: errors.LIMIT_REACHED.code, message: `${rows} offsets in one ask: ask for at most ${ROWS_MAX} at once` };
}

function stranger(state: State, ask: CoordinatorAskOf<'offsetFetch'>): Refusal | null {
  const error = mayFetchOffsets(state.groups, ask);
  return error === 0 ? null : { error, message: `"${ask.memberId}" is no member of the group in epoch ${ask.epoch}: join it anew` };
}

function unknownGroup(state: State, groupId: string): Refusal | null {
  if (state.groups.byId.has(groupId)) return null;
  return { error: errors.GROUP_ID_NOT_FOUND.code, message: `there is no group "${groupId}"` };
}

function refuseCommit(ask: CoordinatorAskOf<'offsetCommit'>, { error, message }: Refusal, facts: Fact[]): OffsetDecision<'offsetCommit'> {
  const offsets = ask.offsets.map(({ topic, partition }) => ({ topic, partition, error }));
  return { facts, reply: { verb: 'offsetCommit', id: ask.id, error, message, offsets } };
}

function wrongRow({ partition, topicId, offset, leaderEpoch, metadata }: OffsetToCommit, topic: Topic | undefined): number {
  if (topic === undefined || topic.slots[partition] === undefined || (topicId ?? topic.topicId) !== topic.topicId)
    return errors.UNKNOWN_TOPIC_OR_PARTITION.code;
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

function asList(state: State, groupId: string, topics: readonly TopicPartitions[]): CommittedOffset[] {
  return topics.flatMap(({ topic: name, partitions }) => {
    const topic = state.byName.get(name);
    return partitions.map((partition) => {
      const committed = topic === undefined ? undefined : committedOf(state.offsets, groupId, topic.topicId, partition);
      if (committed === undefined) return { topic: name, partition, ...nothing };
      const { offset, leaderEpoch, metadata } = committed;
      return { topic: name, partition, offset, leaderEpoch, metadata, error: 0 };
    });
  });
}

function everything(state: State, groupId: string): CommittedOffset[] {
  const found: CommittedOffset[] = [];
  for (const [topicId, partitions] of state.offsets.byGroup.get(groupId) ?? []) {
    const topic = state.byId.get(topicId)?.name ?? '';
    for (const [partition, { offset, leaderEpoch, metadata }] of partitions) {
      found.push({ topic, partition, offset, leaderEpoch, metadata, error: 0 });
    }
  }
  return found;
}
