/** What members of a classic group ask once they have joined: sync, heartbeat, leave. */
import { type ErrorName, errors } from '../../base/errors.ts';
import type { CoordinatorAskOf } from '../protocol.ts';
import { validateMember } from './classic-join.ts';
import { assigned, completeIfAllJoined, prepareRebalance, removeMember, settle, stateOf, synced, unpromise } from './classic-round.ts';
import { type Draft, waiting } from './draft.ts';
import { REJOIN, type Refusal, refusal, refuseWith, syncRefused } from './replies.ts';
import { NEVER } from './state.ts';
import { nameSome, reasonOf } from './words.ts';

/** `describe` puts an assignment's bytes into words. */
export function sync(draft: Draft, ask: CoordinatorAskOf<'syncGroup'>, token: number, describe: (bytes: Uint8Array) => string): void {
  const { memberId } = ask;
  const wrong = validateSync(draft, ask);
  if (wrong !== null) return draft.reply(token, syncRefused(ask.id, wrong));
  const { row, live } = draft.member(memberId);
  synced(draft, memberId);
  if (stateOf(draft) === 'Stable') return draft.reply(token, assigned(draft, ask.id, row.assignmentBytes));
  if (live.sync !== null) draft.reply(live.sync.token, syncRefused(live.sync.id, REJOIN));
  draft.touch(memberId, { heardMs: draft.around.nowMs, sessionByMs: NEVER, sync: waiting(ask, token) });
  if (draft.row.leader !== memberId) return;
  settle(draft, new Map(ask.assignments.map(({ memberId: to, assignment }) => [to, assignment])), describe);
}

function validateSync(draft: Draft, ask: CoordinatorAskOf<'syncGroup'>): Refusal | null {
  const wrong = validateMember(draft, ask.memberId, ask.instanceId) ?? validateGeneration(draft, ask.generation);
  if (wrong !== null) return wrong;
  const { protocolType, assignor } = draft.row;
  if ((ask.protocolType ?? protocolType) !== protocolType || (ask.protocolName ?? assignor) !== assignor) {
    return refusal('INCONSISTENT_GROUP_PROTOCOL', `the group assigns by "${assignor}" of type "${protocolType}": join again`);
  }
  return stateOf(draft) === 'PreparingRebalance' ? REJOIN : null;
}

export function validateGeneration(draft: Draft, generation: number): Refusal | null {
  if (generation === draft.row.epoch) return null;
  return refusal('ILLEGAL_GENERATION', `group "${draft.groupId}" is in generation ${draft.row.epoch}, not ${generation}: join again`);
}

export function heartbeat(draft: Draft, ask: CoordinatorAskOf<'heartbeat'>, token: number): void {
  const wrong = validateMember(draft, ask.memberId, ask.instanceId) ?? validateGeneration(draft, ask.generation);
  if (wrong !== null) return draft.reply(token, refuseWith(ask, token, wrong).reply);
  hear(draft, ask.memberId);
  if (stateOf(draft) === 'PreparingRebalance') return draft.reply(token, refuseWith(ask, token, REJOIN).reply);
  draft.reply(token, { verb: 'heartbeat', id: ask.id, error: 0, message: '' });
}

/** Its session begins anew, unless it waits for an answer and is alive anyway. */
export function hear(draft: Draft, memberId: string): void {
  const { row, live } = draft.member(memberId);
  draft.heard(memberId, live.join !== null || live.sync !== null ? NEVER : row.sessionTimeoutMs);
}

export function leave(draft: Draft, ask: CoordinatorAskOf<'leaveGroup'>, token: number): void {
  const left: string[] = [];
  const members = ask.members.map(({ memberId, instanceId, reason }) => {
    // An administrator removes a static member by its instance id alone.
    const known = memberId === '' && instanceId !== null ? (draft.static(instanceId)?.row.memberId ?? '') : memberId;
    const error = leaveOne(draft, known, instanceId, reason);
    if (error === 'NONE') left.push(known);
    return { memberId, instanceId, error: errors[error].code };
  });
  draft.reply(token, { verb: 'leaveGroup', id: ask.id, error: 0, message: '', members });
  if (left.length === 0) return;
  const state = stateOf(draft);
  if (state === 'PreparingRebalance') completeIfAllJoined(draft);
  else if (state !== 'Empty') prepareRebalance(draft, `${nameSome(left)} left`);
}

function leaveOne(draft: Draft, memberId: string, instanceId: string | null, reason: string): ErrorName {
  if (unpromise(draft, memberId)) return 'NONE';
  const wrong = validateMember(draft, memberId, instanceId);
  if (wrong !== null) return wrong.error;
  draft.tell('left', memberId, `${memberId} leaves${reasonOf(reason)}`);
  removeMember(draft, memberId);
  return 'NONE';
}
