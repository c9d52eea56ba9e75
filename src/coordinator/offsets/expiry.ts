/**
 * Which offsets are too old to keep (Kafka: offsets.retention.minutes). An offset's time begins when its group becomes empty, or when it
 * was committed if that is later; in a group that lives, only what no member subscribes to any more ages, from its commit.
 */
import type { Fact } from '../facts.ts';
import { emptySinceMs, forgetGroup, isSubscribed } from '../groups/groups.ts';
import type { State } from '../state.ts';
import type { GroupOffsets } from './state.ts';

/** Facts that drop what has expired, and the groups that are left with neither members nor offsets. */
export function expireOffsets(state: State, { nowMs, retentionMs }: { nowMs: number; retentionMs: number }): Fact[] {
  const facts: Fact[] = [];
  for (const [groupId, group] of state.groups.byId) {
    const sinceMs = group.members.size > 0 ? null : (emptySinceMs(state.groups, groupId) ?? Number.NEGATIVE_INFINITY);
    const offsets = state.offsets.byGroup.get(groupId);
    if (offsets === undefined) {
      if (sinceMs !== null) facts.push(...forgetGroup(state.groups, groupId));
      continue;
    }
    // Nothing of a group that became empty lately has expired.
    if (sinceMs !== null && nowMs - sinceMs < retentionMs) continue;
    const isUsed = (topicId: string): boolean => sinceMs === null && isUsedIn(state, groupId, topicId);
    const { rows, kept } = expired(offsets, isUsed, nowMs - retentionMs);
    if (rows.length === 0) continue;
    // A group that goes takes its offsets along.
    if (kept === 0 && sinceMs !== null) facts.push(...forgetGroup(state.groups, groupId));
    else facts.push({ fact: 'offsetsDropped', groupId, rows });
  }
  return facts;
}

function isUsedIn(state: State, groupId: string, topicId: string): boolean {
  const name = state.byId.get(topicId)?.name;
  return name !== undefined && isSubscribed(state.groups, groupId, name);
}

function expired(
  offsets: GroupOffsets,
  isUsed: (topicId: string) => boolean,
  untilMs: number,
): { rows: { topicId: string; partition: number }[]; kept: number } {
  const rows: { topicId: string; partition: number }[] = [];
  let kept = 0;
  for (const [topicId, partitions] of offsets) {
    const stays = isUsed(topicId);
    for (const [partition, { committedMs }] of partitions) {
      if (stays || committedMs > untilMs) kept++;
      else rows.push({ topicId, partition });
    }
  }
  return { rows, kept };
}
