/**
 * A member of a group that speaks the classic protocol: it joins, the member that leads assigns for all, each hears its part by a sync.
 * Pure, in the words of steps.ts. Eager assignors have a member give up everything before it joins again; cooperative ones only what
 * moves, and those who gave something up join once more, so that it can be handed out (KIP-429).
 *
 *   out ─wanted─▶ join ─▶ (leads: assign) ─▶ sync ─▶ stable ─ rebalance ─▶ (eager: give up) ─▶ join …
 */

import type { Assignor } from '../../assign/client.ts';
import { CONSUMER_PROTOCOL, decodeAssignment, encodeSubscription } from '../../assign/consumer-protocol.ts';
import { errors, isRetriable } from '../../base/errors.ts';
import type { GroupVerbs, TopicPartitions } from '../../coordinator/groups/protocol.ts';
import {
  backoffMs,
  type Decision,
  type Effect,
  type Happening,
  type MemberAsk,
  type MemberSetup,
  type Standing,
  samePartitions,
  withoutPartitions,
} from './steps.ts';

export interface ClassicSetup extends MemberSetup {
  /** In order of preference. */
  assignors: readonly Assignor[];
  topics: readonly string[];
}

export interface ClassicMembership extends Standing {
  readonly setup: ClassicSetup;
  readonly seq: number;
  readonly asking: boolean;
  /** Where in the round it is; what `due` does depends on it. */
  readonly at: 'rest' | 'join' | 'assign' | 'sync' | 'stable' | 'give-up' | 'leave';
  readonly topics: readonly string[];
  readonly protocolName: string;
  readonly leads: boolean;
  readonly owned: readonly TopicPartitions[];
  readonly reconciling: readonly TopicPartitions[] | null;
  /** What was assigned last, for assignors that stick to it. */
  readonly last: { partitions: readonly TopicPartitions[]; generation: number } | null;
  /** A round is to begin when what is being reconciled is. */
  readonly again: boolean;
  readonly failures: number;
  readonly wantedAgain: boolean;
}

type State = ClassicMembership;
type Answered = Extract<Happening, { event: 'answered' }>;

export function beginClassic(setup: ClassicSetup): State {
  return {
    setup,
    memberId: '',
    epoch: -1,
    dueMs: Number.POSITIVE_INFINITY,
    phase: 'out',
    seq: 0,
    asking: false,
    at: 'rest',
    topics: setup.topics,
    protocolName: '',
    leads: false,
    owned: [],
    reconciling: null,
    last: null,
    again: false,
    failures: 0,
    wantedAgain: false,
  };
}

export function decideClassic(state: State, happening: Happening, nowMs: number): Decision<State> {
  switch (happening.event) {
    case 'wanted':
      if (state.phase === 'out') return join({ ...state, phase: 'joining', wantedAgain: false });
      return { state: state.phase === 'leaving' ? { ...state, wantedAgain: true } : state, effects: [] };
    case 'due':
      return nowMs >= state.dueMs && !state.asking ? due(state) : { state, effects: [] };
    case 'nudged':
      return (state.at === 'stable' || state.at === 'give-up') && !state.asking ? heartbeat(state) : { state, effects: [] };
    case 'answered':
      return happening.seq === state.seq && state.asking ? answered({ ...state, asking: false }, happening, nowMs) : { state, effects: [] };
    case 'assigned':
      return happening.seq === state.seq && state.at === 'assign' ? sync(state, happening.assignments) : { state, effects: [] };
    case 'assignFailed':
      if (happening.seq !== state.seq || state.at !== 'assign') return { state, effects: [] };
      return failed(state, errors.USER_CODE_FAILED.code, happening.message);
    case 'reconciled':
      return state.reconciling === null ? { state, effects: [] } : reconciled(state, state.reconciling);
    case 'fenced':
      if (state.phase !== 'member') return { state, effects: [] };
      // Another bears its name by now: the two would take it from each other for ever.
      if (happening.error === errors.FENCED_INSTANCE_ID.code) return failed(state, happening.error, happening.message);
      return fenced(state, happening.error, happening.message);
    case 'stalled':
      return state.phase === 'member' || state.phase === 'joining' ? stalled(state, happening.message) : { state, effects: [] };
    case 'resubscribed':
      return resubscribed(state, happening.topics);
    case 'closing':
      return close(state);
  }
}

/** All assignors must agree that members keep what they have while they join. */
function isCooperative({ setup }: State): boolean {
  return setup.assignors.every(({ protocol }) => protocol === 'cooperative');
}

// Asking.

function ask(state: State, given: MemberAsk): Decision<State> {
  const seq = state.seq + 1;
  return {
    state: { ...state, seq, asking: true, dueMs: Number.POSITIVE_INFINITY },
    effects: [{ do: 'ask', seq, ask: given }],
  };
}

function due(state: State): Decision<State> {
  switch (state.at) {
    case 'join':
    case 'sync':
      // A sync that was not answered may have missed its round.
      return join(state);
    case 'stable':
    case 'give-up':
      return heartbeat(state);
    case 'leave':
      return leave(state);
    default:
      return { state, effects: [] };
  }
}

function join(state: State): Decision<State> {
  const { setup, owned, epoch, last } = state;
  const { groupId, instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs } = setup;
  const protocols = setup.assignors.map(({ name, userData }) => ({
    name,
    metadata: encodeSubscription({
      topics: [...state.topics],
      userData: userData?.(last) ?? null,
      owned: owned.map(copyOf),
      generation: epoch,
      rackId: null,
    }),
  }));
  const about = { groupId, instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs };
  // Without the last, a leader that comes back under its name is told that another leads, and nobody looks after partitions that are added.
  const knows = { reason: '', requiresMemberId: true, canSkipAssignment: true };
  const fields = { ...about, ...knows, memberId: state.memberId, protocolType: CONSUMER_PROTOCOL, protocols };
  return ask({ ...state, at: 'join', again: false, leads: false }, { verb: 'joinGroup', fields });
}

function sync(state: State, assignments: { memberId: string; assignment: Uint8Array }[]): Decision<State> {
  const { setup, epoch, memberId, protocolName } = state;
  const { groupId, instanceId } = setup;
  const fields = { groupId, generation: epoch, memberId, instanceId, protocolType: CONSUMER_PROTOCOL, protocolName, assignments };
  return ask({ ...state, at: 'sync' }, { verb: 'syncGroup', fields });
}

function heartbeat(state: State): Decision<State> {
  const { setup, epoch, memberId } = state;
  return ask(state, { verb: 'heartbeat', fields: { groupId: setup.groupId, generation: epoch, memberId, instanceId: setup.instanceId } });
}

function leave(state: State): Decision<State> {
  const { setup, memberId } = state;
  const members = [{ memberId, instanceId: setup.instanceId, reason: '' }];
  return ask({ ...state, at: 'leave', phase: 'leaving' }, { verb: 'leaveGroup', fields: { groupId: setup.groupId, members } });
}

// Answers.

function answered(state: State, happening: Answered, nowMs: number): Decision<State> {
  const { error, message, reply } = happening;
  if (state.at === 'leave') return leaveAnswered(state, error, nowMs);
  if (state.phase === 'leaving') {
    // It has been given an id after all, and the others would wait for who bears it.
    const memberId = reply?.verb === 'joinGroup' ? reply.memberId : '';
    return memberId === '' ? leaveAnswered(state, 0, nowMs) : leave({ ...state, memberId });
  }
  if (error === 0 && reply !== null) {
    switch (reply.verb) {
      case 'joinGroup':
        return joined(state, reply, happening.seq);
      case 'syncGroup':
        return synced(state, reply.assignment, nowMs);
      default:
        return { state: { ...state, failures: 0, dueMs: nowMs + state.setup.heartbeatIntervalMs }, effects: [] };
    }
  }
  switch (error) {
    case errors.MEMBER_ID_REQUIRED.code:
      return join(reply?.verb === 'joinGroup' ? { ...state, memberId: reply.memberId } : state);
    case errors.REBALANCE_IN_PROGRESS.code:
      // While partitions are given up this is known, and only the session matters.
      if (state.at === 'join') return later(state, nowMs);
      return stillMember(state, nowMs);
    case errors.UNKNOWN_MEMBER_ID.code:
    case errors.ILLEGAL_GENERATION.code:
      return fenced(state, error, message);
    default:
      return isRetriable(error) || reply === null ? later(state, nowMs) : failed(state, error, message);
  }
}

/** A round begins; while partitions are given up for it this is known, and only the session matters. */
function stillMember(before: State, nowMs: number): Decision<State> {
  const state: State = { ...before, dueMs: nowMs + before.setup.heartbeatIntervalMs };
  return state.at === 'give-up' ? { state, effects: [] } : rejoin(state);
}

function joined(before: State, reply: GroupVerbs['joinGroup']['reply'], seq: number): Decision<State> {
  const { generation: epoch, memberId, protocolName, leader, skipAssignment, members } = reply;
  const leads = leader === memberId;
  const state: State = { ...before, epoch, memberId, protocolName, leads, failures: 0 };
  if (!leads || skipAssignment) return sync(state, []);
  return { state: { ...state, at: 'assign' }, effects: [{ do: 'assign', seq, assignor: protocolName, members }] };
}

function synced(before: State, assignment: Uint8Array, nowMs: number): Decision<State> {
  const target = (decodeAssignment(assignment)?.partitions ?? []).filter(({ partitions }) => partitions.length > 0);
  const { epoch, owned, setup } = before;
  const state: State = {
    ...before,
    at: 'stable',
    phase: 'member',
    failures: 0,
    last: { partitions: target, generation: epoch },
    dueMs: nowMs + setup.heartbeatIntervalMs,
  };
  const effects: Effect[] = before.phase === 'joining' ? [{ do: 'joined' }] : [];
  if (samePartitions(owned, target)) return before.again ? also(effects, rejoin(state)) : { state, effects };
  const revoke = withoutPartitions(owned, target);
  // What was given up can be handed out when its old owner has joined without it.
  const again = before.again || revoke.length > 0;
  return {
    state: { ...state, reconciling: target, again },
    effects: [...effects, { do: 'reconcile', revoke, assign: withoutPartitions(target, owned) }],
  };
}

/** A round begins, when what the user is being told has been told. */
function rejoin(state: State): Decision<State> {
  if (state.reconciling !== null) {
    // It is heard meanwhile.
    return { state: { ...state, again: true, at: state.at === 'give-up' ? 'give-up' : 'stable' }, effects: [] };
  }
  if (isCooperative(state) || state.owned.length === 0) return join(state);
  const effects: Effect[] = [{ do: 'reconcile', revoke: state.owned.map(copyOf), assign: [] }];
  return { state: { ...state, at: 'give-up', reconciling: [], again: true }, effects };
}

function reconciled(before: State, owned: readonly TopicPartitions[]): Decision<State> {
  const state: State = { ...before, owned, reconciling: null };
  if (!state.again) return { state, effects: [] };
  return rejoin({ ...state, again: false });
}

function resubscribed(before: State, topics: readonly string[]): Decision<State> {
  const isSame = topics.length === before.topics.length && topics.every((topic, i) => topic === before.topics[i]);
  const state: State = { ...before, topics };
  // The join that is under way says what was read before.
  if (state.phase === 'joining') return { state: { ...state, again: state.again || !isSame }, effects: [] };
  // Who does not lead has nothing to say about partitions; the leader will.
  if (state.phase !== 'member' || (isSame && !state.leads)) return { state, effects: [] };
  if (state.at !== 'stable') return { state: { ...state, again: true }, effects: [] };
  return rejoin(state);
}

function fenced(state: State, error: number, message: string): Decision<State> {
  const isUnknown = error !== errors.ILLEGAL_GENERATION.code;
  const lost = lose(state, error, message);
  return also(lost.effects, join({ ...lost.state, memberId: isUnknown ? '' : state.memberId, phase: 'joining' }));
}

function stalled(state: State, message: string): Decision<State> {
  const lost = lose(state, errors.REQUEST_TIMED_OUT.code, message);
  return also(lost.effects, goodbye({ ...lost.state, wantedAgain: false }));
}

function lose(state: State, error: number, message: string): Decision<State> {
  const { owned, reconciling } = state;
  const partitions = [...owned, ...withoutPartitions(reconciling ?? [], owned)].map(copyOf);
  const after: State = { ...state, epoch: -1, owned: [], reconciling: null, again: false, at: 'rest' };
  return { state: after, effects: [{ do: 'lose', partitions, error, message }] };
}

function failed(state: State, error: number, message: string): Decision<State> {
  const lost = lose(state, error, message);
  const effects: Effect[] = [...lost.effects, { do: 'fail', error, message }];
  // Nobody waits for the answer to this.
  if (state.memberId !== '' && state.setup.instanceId === null) effects.push(...leave(lost.state).effects);
  return { state: { ...lost.state, seq: state.seq + 1, asking: false, phase: 'ended', dueMs: Number.POSITIVE_INFINITY }, effects };
}

function later(state: State, nowMs: number): Decision<State> {
  const failures = state.failures + 1;
  return { state: { ...state, failures, dueMs: nowMs + backoffMs(failures) }, effects: [] };
}

function close(state: State): Decision<State> {
  if (state.phase === 'leaving') return { state: { ...state, wantedAgain: false }, effects: [] };
  if (state.phase === 'out' || state.phase === 'ended') return gone(state, 'ended');
  return goodbye({ ...state, owned: [], reconciling: null, wantedAgain: false });
}

/** A static member keeps its place until its session ends, so that it may come back. */
function goodbye(state: State): Decision<State> {
  if (state.setup.instanceId === null) {
    if (state.memberId !== '') return leave(state);
    if (state.asking) return { state: { ...state, phase: 'leaving' }, effects: [] };
  }
  return gone({ ...state, seq: state.seq + 1, asking: false }, 'out');
}

function gone(state: State, phase: 'out' | 'ended'): Decision<State> {
  const out: State = { ...state, phase, at: 'rest', epoch: -1, failures: 0, dueMs: Number.POSITIVE_INFINITY };
  return { state: out, effects: [{ do: 'left' }] };
}

function leaveAnswered(state: State, error: number, nowMs: number): Decision<State> {
  if (error !== 0 && isRetriable(error)) return later(state, nowMs);
  const out: State = { ...state, memberId: '' };
  if (state.wantedAgain) return join({ ...out, phase: 'joining', epoch: -1, failures: 0, wantedAgain: false });
  return gone(out, 'out');
}

function also(effects: readonly Effect[], next: Decision<State>): Decision<State> {
  return { state: next.state, effects: [...effects, ...next.effects] };
}

function copyOf({ topic, partitions }: TopicPartitions): TopicPartitions {
  return { topic, partitions: [...partitions] };
}
