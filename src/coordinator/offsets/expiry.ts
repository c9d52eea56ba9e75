/**
 * Which offsets are too old to keep (Kafka: offsets.retention.minutes). An offset's time begins when its group becomes empty, or when it
 * was committed if that is later; in a group that lives, only what no member subscribes to any more ages, from its commit.
 */
import type { OffsetFact } from './facts.ts';
import type { OffsetsState } from './state.ts';

export interface ExpiryView {
  /** Since when a group has had no members; null: it has some. −∞ for a group that never had any. */
  emptySinceMs(groupId: string): number | null;
  subscribed(groupId: string, topicId: string): boolean;
}

/** Facts that drop what has expired, and the groups that are left with nothing. */
export function expireOffsets(
  state: OffsetsState,
  view: ExpiryView,
  { nowMs, retentionMs }: { nowMs: number; retentionMs: number },
): { facts: OffsetFact[]; emptied: string[] } {
  const facts: OffsetFact[] = [];
  const emptied: string[] = [];
  for (const [groupId, topics] of state.byGroup) {
    const emptySinceMs = view.emptySinceMs(groupId);
    // Nothing of a group that became empty lately has expired: most groups are passed over here.
    if (emptySinceMs !== null && nowMs - emptySinceMs < retentionMs) continue;
    const rows: { topicId: string; partition: number }[] = [];
    let kept = 0;
    for (const [topicId, partitions] of topics) {
      const isUsed = emptySinceMs === null && view.subscribed(groupId, topicId);
      for (const [partition, { committedMs }] of partitions) {
        if (isUsed || nowMs - committedMs < retentionMs) kept++;
        else rows.push({ topicId, partition });
      }
    }
    if (rows.length === 0) continue;
    facts.push({ fact: 'offsetsDropped', groupId, rows });
    if (kept === 0 && emptySinceMs !== null) emptied.push(groupId);
  }
  return { facts, emptied };
}
