/** What both kinds of members of a consumer group have in common: their rows, the step towards their target, and their end. */

import type { Draft } from './draft.ts';
import type { MemberLive, MemberRow, Partitions } from './facts.ts';
import { downgrade, mayDowngrade } from './migrate.ts';
import { minus, NO_PARTITIONS, samePartitions, union } from './partitions.ts';
import type { GroupEvent } from './protocol.ts';
import { isReconciled, reconcile } from './reconcile.ts';
import { NO_BYTES } from './replies.ts';
import { NEVER } from './state.ts';
import { bump } from './target.ts';
import { namePartitions, toNames } from './words.ts';

export function blankRow(draft: Draft, memberId: string, instanceId: string | null): MemberRow {
  return {
    memberId,
    instanceId,
    rackId: null,
    clientId: '',
    clientHost: '',
    sessionTimeoutMs: draft.around.settings.sessionTimeoutMs,
    rebalanceTimeoutMs: -1,
    sinceMs: draft.around.nowMs,
    protocols: null,
    assignmentBytes: NO_BYTES,
    topics: [],
    topicRegex: '',
    assignor: '',
    epoch: 0,
    previousEpoch: 0,
    state: 'stable',
    assigned: NO_PARTITIONS,
    revoking: NO_PARTITIONS,
    target: NO_PARTITIONS,
  };
}

/** Moves a member on towards its target, as far as it goes now. */
export function moveOn(draft: Draft, memberId: string, owned: Partitions | null): void {
  const { row, live } = draft.member(memberId);
  const targetEpoch = draft.row.assignmentEpoch;
  if (isReconciled(row, targetEpoch)) return;
  const next = reconcile(row, { targetEpoch, owned, ownerOf: (topicId, partition) => draft.ownerOf(topicId, partition) });
  if (next === row) return;
  draft.put(next, { ...live, rebalanceByMs: deadlineOf(draft, next, live) });
  tellMoves(draft, row, next);
}

/** A member of KIP-848 has to give up what it must within its rebalance timeout; a classic one is given its time when it is told. */
function deadlineOf(draft: Draft, row: MemberRow, live: MemberLive): number {
  if (row.protocols !== null) return live.rebalanceByMs;
  return row.state === 'unrevoked' ? draft.around.monotonicMs + row.rebalanceTimeoutMs : NEVER;
}

function tellMoves(draft: Draft, before: MemberRow, after: MemberRow): void {
  const { topics } = draft.around;
  const { memberId } = after;
  const name = (partitions: Partitions): string => namePartitions(toNames(partitions, topics));
  const had = union(before.assigned, before.revoking);
  const gone = minus(had, union(after.assigned, after.revoking));
  const leaving = minus(after.revoking, before.revoking);
  const got = minus(after.assigned, before.assigned);
  if (gone.length > 0) draft.tell('revoked', memberId, `${memberId} has given up ${name(gone)}`);
  if (leaving.length > 0) draft.tell('revoked', memberId, `${memberId} is to give up ${name(leaving)}`);
  if (got.length > 0) draft.tell('assigned', memberId, `${memberId} gets ${name(got)} in epoch ${after.epoch}`);
}

export function hasSameAssignment(a: MemberRow, b: MemberRow): boolean {
  return samePartitions(a.assigned, b.assigned);
}

/** Takes members out and makes a target without them; when only classic ones are left, the group is a classic one again. */
export function removeMembers(draft: Draft, gone: readonly { memberId: string; kind: GroupEvent['kind']; text: string }[]): void {
  if (gone.length === 0) return;
  for (const { memberId, kind, text } of gone) {
    draft.tell(kind, memberId, text);
    draft.remove(memberId);
  }
  if (mayDowngrade(draft)) return downgrade(draft, true, `only classic members are left`);
  bump(draft);
  if (draft.size === 0) draft.tell('state', '', 'the group is empty');
}
