/**
 * How a member of a consumer group comes from what it has to what it is to have (KIP-848). It first gives up what is not its any
 * more, in its old epoch; then it moves to the target's epoch and gets what is free; then it waits for what others have yet to give up.
 *
 *   stable ── a newer target ──▶ has to give something up? ── yes ─▶ unrevoked ─ it does not own it any more ─┐
 *     ▲                                │ no                              ▲                                    │
 *     │                                ▼                                 └── yes ── a newer target again? ◀───┘
 *     └──── all is free ◀──── gets what is free ──── not all is free ──▶ unreleased
 */
import type { MemberRow, Partitions } from './facts.ts';
import { filterPartitions, intersect, minus, NO_PARTITIONS, overlap, samePartitions, union } from './partitions.ts';

export interface Reconciling {
  /** The epoch of `row.target`. */
  targetEpoch: number;
  /** What the member says that it owns; null: it did not say. */
  owned: Partitions | null;
  ownerOf(topicId: string, partition: number): string | undefined;
}

export function isReconciled(row: MemberRow, targetEpoch: number): boolean {
  return row.state === 'stable' && row.epoch === targetEpoch;
}

/** The member's next row, or the same one when it cannot go on yet. */
export function reconcile(row: MemberRow, around: Reconciling): MemberRow {
  switch (row.state) {
    case 'stable':
      return row.epoch === around.targetEpoch ? row : advance(row, row.epoch, around);
    case 'unrevoked':
      if (stillOwns(around.owned, row.revoking)) return row;
      return advance({ ...row, revoking: NO_PARTITIONS }, row.epoch + 1, around);
    default:
      return advance(row, row.epoch, around);
  }
}

/** `epoch`: the one that it is in until it has given up everything that it must. */
function advance(row: MemberRow, epoch: number, { targetEpoch, owned, ownerOf }: Reconciling): MemberRow {
  const { memberId, target } = row;
  const kept = intersect(row.assigned, target);
  const revoking = minus(row.assigned, kept);
  if (revoking.length > 0 && stillOwns(owned, revoking)) {
    return { ...row, state: 'unrevoked', epoch, previousEpoch: row.epoch, assigned: kept, revoking };
  }
  const wanted = minus(target, kept);
  const free = filterPartitions(wanted, (topicId, partition) => {
    // Its own, when it has just given it up and is to have it after all.
    const owner = ownerOf(topicId, partition);
    return owner === undefined || owner === memberId;
  });
  const assigned = union(kept, free);
  const state = count(free) === count(wanted) ? 'stable' : 'unreleased';
  const isSame = row.state === state && row.epoch === targetEpoch && row.revoking.length === 0 && samePartitions(assigned, row.assigned);
  return isSame ? row : { ...row, state, epoch: targetEpoch, previousEpoch: row.epoch, assigned, revoking: NO_PARTITIONS };
}

function stillOwns(owned: Partitions | null, revoking: Partitions): boolean {
  return owned === null || overlap(owned, revoking);
}

export function count(partitions: Partitions): number {
  let sum = 0;
  for (const row of partitions) sum += row.partitions.length;
  return sum;
}
