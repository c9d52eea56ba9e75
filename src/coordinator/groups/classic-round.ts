/**
 * The rounds of a classic group, from one generation to the next, as Kafka's ClassicGroup has them:
 *
 *   Empty ─▶ PreparingRebalance ─ all have joined, or time is up ─▶ CompletingRebalance ─ the leader has synced ─▶ Stable
 *                 ▲                                                        │ somebody comes, goes or changes         │
 *                 └────────────────────────────────────────────────────────┴─────────────────────────────────────────┘
 */
import { assert } from '../../base/assert.ts';
import type { CoordinatorReplyOf } from '../protocol.ts';
import type { Draft } from './draft.ts';
import type { ClassicState, Member, MemberRow, Round } from './facts.ts';
import { joinRefused, NO_BYTES, REJOIN, type Refusal, refusal, syncRefused, unknownMember } from './replies.ts';
import { emptyRound, NEVER } from './state.ts';
import { nameSome } from './words.ts';

export function roundOf(draft: Draft): Round {
  return draft.round ?? emptyRound;
}

export function stateOf(draft: Draft): ClassicState {
  return roundOf(draft).state;
}

function turn(draft: Draft, round: Partial<Round>): void {
  draft.round = { ...roundOf(draft), ...round };
}

/** Somebody came, went or changed: a new round begins, or the present join phase may be complete now. */
export function rebalanceOrComplete(draft: Draft, reason: string): void {
  if (stateOf(draft) !== 'PreparingRebalance') prepareRebalance(draft, reason);
  else completeIfAllJoined(draft);
}

export function prepareRebalance(draft: Draft, reason: string): void {
  const { monotonicMs, settings } = draft.around;
  const isFirst = stateOf(draft) === 'Empty' && settings.firstRebalanceDelayMs > 0;
  if (stateOf(draft) === 'CompletingRebalance') sendBack(draft);
  draft.tell('rebalance', '', reason);
  const longestMs = rebalanceTimeoutMs(draft);
  turn(draft, {
    state: 'PreparingRebalance',
    isFirst,
    hasGrown: false,
    unsynced: [],
    syncByMs: NEVER,
    joinByMs: monotonicMs + (isFirst ? settings.firstRebalanceDelayMs : longestMs),
    delayLeftMs: isFirst ? Math.max(longestMs - settings.firstRebalanceDelayMs, 0) : 0,
  });
  if (!isFirst) completeIfAllJoined(draft);
}

/** Whoever waits for its assignment joins again instead. What it had is kept: a cooperative member still reads it. */
function sendBack(draft: Draft): void {
  for (const { row, live } of draft.all()) {
    if (live.sync === null) continue;
    draft.put(row, { ...live, sync: null });
    draft.reply(live.sync.token, syncRefused(live.sync.id, REJOIN));
    draft.heard(row.memberId, row.sessionTimeoutMs);
  }
}

export function completeIfAllJoined(draft: Draft): void {
  const { state, isFirst, promised } = roundOf(draft);
  if (state !== 'PreparingRebalance' || isFirst || promised.size > 0) return;
  if (draft.all().every(({ live }) => live.join !== null)) completeJoin(draft);
}

/** The join phase's time is up. */
export function endJoinPhase(draft: Draft): void {
  const { isFirst, hasGrown, delayLeftMs } = roundOf(draft);
  if (!isFirst || !hasGrown || delayLeftMs === 0) return completeJoin(draft);
  const delayMs = Math.min(draft.around.settings.firstRebalanceDelayMs, delayLeftMs);
  turn(draft, { hasGrown: false, joinByMs: draft.around.monotonicMs + delayMs, delayLeftMs: delayLeftMs - delayMs });
}

/** A round that the last coordinator did not end begins anew. */
export function resumeRound(draft: Draft): void {
  if (stateOf(draft) !== 'PreparingRebalance') return;
  draft.tell('rebalance', '', `generation ${draft.row.epoch} was not assigned before the coordinator ended`);
  turn(draft, { joinByMs: draft.around.monotonicMs + rebalanceTimeoutMs(draft) });
}

/** Those who have joined are the next generation; static members stay even if they have not. */
function completeJoin(draft: Draft): void {
  for (const { row, live } of draft.all()) {
    if (live.join !== null || row.instanceId !== null) continue;
    draft.tell('expired', row.memberId, `${row.memberId} has not joined again in time`);
    removeMember(draft, row.memberId);
  }
  const members = draft.all();
  if (members.length > 0 && !electLeader(draft, members)) {
    turn(draft, { isFirst: false, joinByMs: draft.around.monotonicMs + rebalanceTimeoutMs(draft) });
    return;
  }
  draft.change({ epoch: draft.row.epoch + 1, assignor: selectProtocol(members, draft.row.leader) });
  if (members.length === 0) {
    draft.tell('state', '', `generation ${draft.row.epoch}: the group is empty`);
    turn(draft, { state: 'Empty', isFirst: false, joinByMs: NEVER, syncByMs: NEVER, unsynced: [] });
    draft.change({ assignmentEpoch: draft.row.epoch });
    return draft.save();
  }
  const syncByMs = draft.around.monotonicMs + rebalanceTimeoutMs(draft);
  const unsynced = members.map(({ row }) => row.memberId);
  // Its number is told now: after a restart it must not be given to another generation.
  draft.saveRow();
  turn(draft, { state: 'CompletingRebalance', isFirst: false, joinByMs: NEVER, syncByMs, unsynced });
  draft.tell('rebalance', '', `generation ${draft.row.epoch}: ${nameSome(unsynced)}; ${draft.row.leader} assigns by ${draft.row.assignor}`);
  for (const { row, live } of members) {
    // A static member that has not joined keeps its place for what is left of its session: Kafka begins it anew with each generation, so
    // that a dead one can hold up a busy group for long.
    if (live.join === null) continue;
    draft.put(row, { ...live, join: null, isNew: false });
    draft.heard(row.memberId, row.sessionTimeoutMs);
    draft.reply(live.join.token, joined(draft, live.join.id, row.memberId, {}));
  }
}

/** What a member of the present generation is told when it joins. */
export function joined(
  draft: Draft,
  id: number,
  memberId: string,
  options: { leader?: string; skipAssignment?: boolean; withMembers?: boolean },
): CoordinatorReplyOf<'joinGroup'> {
  const { epoch, protocolType, assignor, leader } = draft.row;
  const told = options.leader ?? leader;
  const withMembers = options.withMembers ?? leader === memberId;
  return {
    verb: 'joinGroup',
    id,
    error: 0,
    message: '',
    generation: epoch,
    protocolType,
    protocolName: assignor,
    leader: told,
    memberId,
    skipAssignment: options.skipAssignment ?? false,
    members: withMembers ? draft.all().map(({ row }) => candidate(row, assignor)) : [],
  };
}

function candidate({ memberId, instanceId, protocols }: MemberRow, protocol: string) {
  return { memberId, instanceId, metadata: protocols?.find(({ name }) => name === protocol)?.metadata ?? NO_BYTES };
}

/** A leader that has joined; false when nobody has. */
function electLeader(draft: Draft, members: readonly Member[]): boolean {
  const leader = draft.get(draft.row.leader);
  if (leader !== undefined && leader.live.join !== null) return true;
  const next = members.find(({ live }) => live.join !== null);
  if (next === undefined) return false;
  draft.change({ leader: next.row.memberId });
  return true;
}

/** Takes a member out. Its waiting join or sync is refused, so that whoever waits there joins anew. */
export function removeMember(draft: Draft, memberId: string, why?: Refusal): void {
  const { row, live } = draft.member(memberId);
  const refused = why ?? unknownMember(draft.groupId, memberId);
  if (live.join !== null) draft.reply(live.join.token, joinRefused(live.join.id, '', refused));
  if (live.sync !== null) draft.reply(live.sync.token, syncRefused(live.sync.id, refused));
  draft.remove(memberId);
  synced(draft, memberId);
  if (draft.row.leader === row.memberId) draft.change({ leader: draft.all()[0]?.row.memberId ?? '' });
}

/** The member has synced, or will not. */
export function synced(draft: Draft, memberId: string): void {
  const round = roundOf(draft);
  if (!round.unsynced.includes(memberId)) return;
  const unsynced = round.unsynced.filter((one) => one !== memberId);
  turn(draft, { unsynced, syncByMs: unsynced.length === 0 ? NEVER : round.syncByMs });
}

/** The leader's assignment is everybody's; members that it forgot have nothing. */
export function settle(draft: Draft, assignments: ReadonlyMap<string, Uint8Array>, describe: (bytes: Uint8Array) => string): void {
  assert(stateOf(draft) === 'CompletingRebalance', 'an assignment is given while it is waited for');
  for (const { row, live } of draft.all()) {
    const assignmentBytes = assignments.get(row.memberId) ?? NO_BYTES;
    draft.put({ ...row, assignmentBytes }, { ...live, sync: null });
    draft.tell('assigned', row.memberId, `${row.memberId} gets ${describe(assignmentBytes)}`);
    if (live.sync === null) continue;
    draft.heard(row.memberId, row.sessionTimeoutMs);
    draft.reply(live.sync.token, assigned(draft, live.sync.id, assignmentBytes));
  }
  turn(draft, { state: 'Stable' });
  draft.change({ assignmentEpoch: draft.row.epoch });
  draft.save();
}

export function assigned(draft: Draft, id: number, assignment: Uint8Array): CoordinatorReplyOf<'syncGroup'> {
  const { protocolType, assignor } = draft.row;
  return { verb: 'syncGroup', id, error: 0, message: '', protocolType, protocolName: assignor, assignment };
}

/** Members that have not synced in time go; the others join again. */
export function expireSyncs(draft: Draft): void {
  const { unsynced } = roundOf(draft);
  for (const memberId of unsynced) {
    draft.tell('expired', memberId, `${memberId} has not synced in time`);
    removeMember(draft, memberId);
  }
  prepareRebalance(draft, `${nameSome(unsynced)} went without a sync`);
}

export function promise(draft: Draft, memberId: string, untilMs: number): void {
  turn(draft, { promised: new Map([...roundOf(draft).promised, [memberId, untilMs]]) });
}

/** Takes an id back; false when it was not given. */
export function unpromise(draft: Draft, memberId: string): boolean {
  const promised = new Map(roundOf(draft).promised);
  if (!promised.delete(memberId)) return false;
  turn(draft, { promised });
  return true;
}

export function noteGrowth(draft: Draft): void {
  if (roundOf(draft).isFirst) turn(draft, { hasGrown: true });
}

function rebalanceTimeoutMs(draft: Draft): number {
  return Math.max(0, ...draft.all().map(({ row }) => row.rebalanceTimeoutMs));
}

/** The protocol that most members prefer among those that all support; the leader's order decides a tie. */
export function selectProtocol(members: readonly Member[], leader: string): string {
  if (members.length === 0) return '';
  const candidates = supportedByAll(members);
  const votes = new Map<string, number>();
  for (const { row } of members) {
    const favourite = row.protocols?.find(({ name }) => candidates.has(name));
    if (favourite !== undefined) votes.set(favourite.name, (votes.get(favourite.name) ?? 0) + 1);
  }
  const order = (members.find(({ row }) => row.memberId === leader) ?? members[0]).row.protocols ?? [];
  let best = '';
  for (const { name } of order) if ((votes.get(name) ?? 0) > (votes.get(best) ?? 0)) best = name;
  return best;
}

function supportedByAll(members: readonly Member[]): Set<string> {
  const counts = new Map<string, number>();
  for (const { row } of members) for (const { name } of row.protocols ?? []) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Set([...counts].filter(([, count]) => count === members.length).map(([name]) => name));
}

/** Whether somebody with these protocols can be a member. */
export function supports(draft: Draft, protocolType: string, protocols: readonly { name: string }[]): boolean {
  if (protocolType === '' || protocols.length === 0) return false;
  const members = draft.all();
  if (members.length === 0) return true;
  const common = supportedByAll(members);
  return protocolType === draft.row.protocolType && protocols.some(({ name }) => common.has(name));
}

export function inconsistent(draft: Draft, protocolType: string): Refusal {
  const common = [...supportedByAll(draft.all())].join(', ');
  return refusal(
    'INCONSISTENT_GROUP_PROTOCOL',
    `group "${draft.groupId}" is of type "${draft.row.protocolType}" and its members assign by ${common || 'nothing yet'}, not of type "${protocolType}" with what was offered: offer an assignor that all members support`,
  );
}
