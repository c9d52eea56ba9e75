/**
 * The pure core of groups: what an ask, a deadline or a change of topics means. Everything here looks at the state and answers with
 * facts and replies; nothing is changed but by `applyGroup`.
 */
import { assert } from '../../base/assert.ts';
import { errors } from '../../base/errors.ts';
import type { CoordinatorAskOf } from '../protocol.ts';
import type { GroupCoreAsk, GroupDecision, GroupSurroundings } from './decision.ts';
import type { GroupFact } from './facts.ts';
import { refuseGroupAsk } from './refuse.ts';
import { type Groups, NEVER } from './state.ts';

/** `token` names whom the reply goes to, be it now or later. */
export function decideGroup(_groups: Groups, ask: GroupCoreAsk, _around: GroupSurroundings, token: number): GroupDecision {
  return { facts: [], replies: [{ token, reply: refuseGroupAsk(ask, errors.COORDINATOR_NOT_AVAILABLE.code, 'groups are being built') }] };
}

/** Expires what is due at `around.monotonicMs`. */
export function expireGroups(_groups: Groups, _around: GroupSurroundings): GroupDecision {
  return { facts: [], replies: [] };
}

/** Once after a load: sessions begin anew, and consumer groups see the topics as they are now. */
export function beginGroups(_groups: Groups, _around: GroupSurroundings): GroupDecision {
  return { facts: [], replies: [] };
}

/** Topics of these names were created, grew or went. */
export function topicsChanged(_groups: Groups, _names: readonly string[], _around: GroupSurroundings): GroupDecision {
  return { facts: [], replies: [] };
}

/**
 * Whether who asks may commit now: 0, or the error of the whole ask. The facts are to be applied in either case: a commit counts as a
 * heartbeat of a classic member, and one from outside makes its group.
 */
export function mayCommit(
  _groups: Groups,
  _ask: Pick<CoordinatorAskOf<'offsetCommit'>, 'groupId' | 'memberId' | 'instanceId' | 'epoch'>,
  _around: GroupSurroundings,
): { error: number; message: string; facts: GroupFact[] } {
  return { error: 0, message: '', facts: [] };
}

/** Whether who asks may see the group's offsets: 0, or the error. A group that is not known has none, which is no error. */
export function mayFetchOffsets(_groups: Groups, _ask: Pick<CoordinatorAskOf<'offsetFetch'>, 'groupId' | 'memberId' | 'epoch'>): number {
  return 0;
}

/** Whether a member of the group reads this topic, so that its offsets must neither be deleted nor expire. */
export function isSubscribed(_groups: Groups, _groupId: string, _topic: string): boolean {
  return false;
}

/** Since when (wall clock) a group has had no members; null while it has, or when there is no such group. */
export function emptySinceMs(groups: Groups, groupId: string): number | null {
  const since = groups.byId.get(groupId)?.row.emptySinceMs ?? -1;
  return since === -1 ? null : since;
}

/** What ends a group that has neither members nor, as the caller has seen to, offsets. */
export function forgetGroup(groups: Groups, groupId: string): GroupFact[] {
  const group = groups.byId.get(groupId);
  assert(group === undefined || group.members.size === 0, 'a group that is forgotten has no members');
  return group === undefined || (group.round !== null && group.round.promised.size > 0) ? [] : [{ fact: 'groupGone', groupId }];
}

export { NEVER };
