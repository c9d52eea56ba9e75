/** Committed offsets by group, topic and partition, and how a fact changes them. Invariant: no group, and no topic in it, is kept empty. */
import type { CommittedRow, OffsetFact } from './facts.ts';

export interface Committed {
  offset: number;
  leaderEpoch: number;
  metadata: string;
  committedMs: number;
}

/** By topic id, then by partition. */
export type GroupOffsets = Map<string, Map<number, Committed>>;

export interface OffsetsState {
  readonly byGroup: Map<string, GroupOffsets>;
  /** Over all groups. */
  count: number;
}

export function emptyOffsets(): OffsetsState {
  return { byGroup: new Map(), count: 0 };
}

export function committedOf(state: OffsetsState, groupId: string, topicId: string, partition: number): Committed | undefined {
  return state.byGroup.get(groupId)?.get(topicId)?.get(partition);
}

export function applyOffsets(state: OffsetsState, fact: OffsetFact): void {
  if (fact.fact === 'offsetsCommitted') for (const row of fact.rows) put(state, fact.groupId, row);
  else for (const { topicId, partition } of fact.rows) drop(state, fact.groupId, topicId, partition);
}

/** A group is gone. */
export function forgetGroup(state: OffsetsState, groupId: string): void {
  const group = state.byGroup.get(groupId);
  if (group === undefined) return;
  for (const partitions of group.values()) state.count -= partitions.size;
  state.byGroup.delete(groupId);
}

/** A topic is gone. */
export function forgetTopic(state: OffsetsState, topicId: string): void {
  for (const [groupId, group] of state.byGroup) {
    const partitions = group.get(topicId);
    if (partitions === undefined) continue;
    state.count -= partitions.size;
    group.delete(topicId);
    if (group.size === 0) state.byGroup.delete(groupId);
  }
}

/** Facts that give these offsets when they are applied to none. */
export function offsetFactsOf(state: OffsetsState): OffsetFact[] {
  return [...state.byGroup].map(([groupId, group]) => ({ fact: 'offsetsCommitted', groupId, rows: rowsOf(group) }));
}

export function rowsOf(group: GroupOffsets): CommittedRow[] {
  const rows: CommittedRow[] = [];
  for (const [topicId, partitions] of group)
    for (const [partition, committed] of partitions) rows.push({ topicId, partition, ...committed });
  return rows;
}

function put(state: OffsetsState, groupId: string, row: CommittedRow): void {
  let group = state.byGroup.get(groupId);
  if (group === undefined) {
    group = new Map();
    state.byGroup.set(groupId, group);
  }
  let partitions = group.get(row.topicId);
  if (partitions === undefined) {
    partitions = new Map();
    group.set(row.topicId, partitions);
  }
  const { offset, leaderEpoch, metadata, committedMs } = row;
  if (!partitions.has(row.partition)) state.count++;
  partitions.set(row.partition, { offset, leaderEpoch, metadata, committedMs });
}

function drop(state: OffsetsState, groupId: string, topicId: string, partition: number): void {
  const group = state.byGroup.get(groupId);
  const partitions = group?.get(topicId);
  if (group === undefined || partitions === undefined || !partitions.delete(partition)) return;
  state.count--;
  if (partitions.size > 0) return;
  group.delete(topicId);
  if (group.size === 0) state.byGroup.delete(groupId);
}
