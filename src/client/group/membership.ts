/**
 * A member of a group that speaks KIP-848: the coordinator assigns, the member gives up what is not its own any more, takes up the rest
 * and says so with its next heartbeat. Pure: what happens goes in, the next state and what follows come out (steps.ts).
 *
 *   out ──wanted──▶ joining ──answered──▶ member ◀─┐ heartbeats; a new assignment is reconciled, then told
 *    ▲                 ▲                    │ └────┘
 *    │                 └─── fenced: lose ───┤
 *    └── stalled: lose, leave ──────────────┤
 *                                           └─ closing ─▶ leaving ─▶ ended
 */
import { assert } from '../../base/assert.ts';
import { errors, isRetriable } from '../../base/errors.ts';
import type { GroupVerbs, TopicIdPartitions, TopicPartitions } from '../../coordinator/groups/protocol.ts';
import {
  backoffMs,
  type Decision,
  type Effect,
  type Happening,
  type MemberSetup,
  type Standing,
  samePartitions,
  withoutPartitions,
} from './steps.ts';

type HeartbeatReply = GroupVerbs['consumerGroupHeartbeat']['reply'];

export interface MembershipSetup extends MemberSetup {
  memberId: string;
  /** Null: the group's own choice. */
  assignor: string | null;
  topics: readonly string[];
  /** '' for none. */
  topicRegex: string;
}

export interface Membership extends Standing {
  readonly setup: MembershipSetup;
  /** The ask that is under way, and whose answer counts. */
  readonly seq: number;
  readonly asking: boolean;
  /** Something waits at the coordinator that the ask under way may have missed. */
  readonly again: boolean;
  /** What the user has been told that it owns. Topics by id: a topic that was made anew is another one. */
  readonly owned: readonly TopicIdPartitions[];
  /** What the coordinator wants it to own; null before it has said so. */
  readonly target: readonly TopicIdPartitions[] | null;
  /** What the edge is working towards. */
  readonly reconciling: readonly TopicIdPartitions[] | null;
  /** The coordinator has not heard yet what is owned. */
  readonly ownedIsNews: boolean;
  /** What the ask under way says of it; null: nothing. */
  readonly telling: readonly TopicIdPartitions[] | null;
  readonly names: Readonly<Record<string, string>>;
  readonly failures: number;
  /** Until when a static member waits for the one before it to be given up by the group. */
  readonly waitUntilMs: number;
  /** The user reads again, while the member was still leaving. */
  readonly wantedAgain: boolean;
}

const LEAVE = -1;
const LEAVE_FOR_A_WHILE = -2;

export function beginMembership(setup: MembershipSetup): Membership {
  return {
    setup,
    memberId: setup.memberId,
    epoch: 0,
    dueMs: Number.POSITIVE_INFINITY,
    phase: 'out',
    seq: 0,
    asking: false,
    again: false,
    owned: [],
    target: null,
    reconciling: null,
    ownedIsNews: true,
    telling: null,
    names: {},
    failures: 0,
    waitUntilMs: Number.POSITIVE_INFINITY,
    wantedAgain: false,
  };
}

export function decideMembership(state: Membership, happening: Happening, nowMs: number): Decision<Membership> {
  switch (happening.event) {
    case 'wanted':
      if (state.phase === 'out') return join(state);
      return { state: state.phase === 'leaving' ? { ...state, wantedAgain: true } : state, effects: [] };
    case 'due':
      return nowMs >= state.dueMs && !state.asking ? heartbeat(state) : { state, effects: [] };
    case 'nudged':
      if (state.phase !== 'member') return { state, effects: [] };
      return state.asking ? { state: { ...state, again: true }, effects: [] } : heartbeat(state);
    case 'answered':
      if (happening.seq !== state.seq || !state.asking) return { state, effects: [] };
      return answered(state, happening, nowMs);
    case 'reconciled':
      return state.reconciling === null ? { state, effects: [] } : reconciled(state, state.reconciling);
    case 'fenced':
      if (state.phase !== 'member') return { state, effects: [] };
      // Another bears its name by now: the two would take it from each other for ever.
      if (happening.error === errors.FENCED_INSTANCE_ID.code) return failed(state, happening.error, happening.message);
      return fenced(state, happening.error, happening.message);
    case 'stalled':
      return state.phase === 'member' || state.phase === 'joining' ? stalled(state, happening.message) : { state, effects: [] };
    case 'closing':
      return close(state);
    default:
      // The others happen to classic members.
      return { state, effects: [] };
  }
}

function join(state: Membership): Decision<Membership> {
  return heartbeat({
    ...state,
    phase: 'joining',
    epoch: 0,
    owned: [],
    target: null,
    reconciling: null,
    ownedIsNews: true,
    again: false,
    wantedAgain: false,
  });
}

/** Asks; after a failure, and when joining, everything is said again. */
function heartbeat(state: Membership): Decision<Membership> {
  const { setup, phase, failures } = state;
  const leaving = phase === 'leaving';
  const whole = phase === 'joining' || failures > 0;
  const seq = state.seq + 1;
  const telling = leaving ? null : ownedToTell(state, whole);
  const fields: GroupVerbs['consumerGroupHeartbeat']['ask'] = {
    groupId: setup.groupId,
    memberId: state.memberId,
    memberEpoch: leaving ? (setup.instanceId === null ? LEAVE : LEAVE_FOR_A_WHILE) : state.epoch,
    instanceId: setup.instanceId,
    rackId: null,
    clientId: setup.clientId,
    clientHost: setup.clientHost,
    rebalanceTimeoutMs: whole ? setup.rebalanceTimeoutMs : -1,
    sessionTimeoutMs: whole ? setup.sessionTimeoutMs : -1,
    topics: whole && !leaving ? [...setup.topics] : null,
    topicRegex: whole && !leaving ? setup.topicRegex : null,
    assignor: whole && !leaving ? setup.assignor : null,
    owned: telling === null ? null : telling.map(copyOf),
  };
  return {
    state: { ...state, seq, telling, asking: true, again: false, dueMs: Number.POSITIVE_INFINITY },
    effects: [{ do: 'ask', seq, ask: { verb: 'consumerGroupHeartbeat', fields } }],
  };
}

/** What is not said to be owned may be given to others: what is being taken up is owned already. */
function ownedToTell({ owned, reconciling, ownedIsNews }: Membership, whole: boolean): readonly TopicIdPartitions[] | null {
  if (!whole && !ownedIsNews) return null;
  return reconciling === null ? owned : mergeOf(owned, reconciling);
}

function answered(before: Membership, { error, message, reply }: Extract<Happening, { event: 'answered' }>, nowMs: number) {
  const state: Membership = { ...before, asking: false };
  if (state.phase === 'leaving') return leaveAnswered(state, error, nowMs);
  if (error === 0 && reply?.verb === 'consumerGroupHeartbeat') return heard(state, reply, nowMs);
  switch (error) {
    case errors.FENCED_MEMBER_EPOCH.code:
      return state.phase === 'joining' ? leaveFirst(state) : fenced(state, error, message);
    case errors.UNKNOWN_MEMBER_ID.code:
      return state.phase === 'joining' ? later(state, nowMs) : fenced(state, error, message);
    case errors.UNRELEASED_INSTANCE_ID.code: {
      // Who held this place before may be gone without a word: the group gives it up when its session ends.
      const waitUntilMs = Math.min(state.waitUntilMs, nowMs + 2 * state.setup.sessionTimeoutMs);
      if (nowMs >= waitUntilMs) return failed(state, error, message);
      return later({ ...state, waitUntilMs }, nowMs);
    }
    default:
      return isRetriable(error) || reply === null ? later(state, nowMs) : failed(state, error, message);
  }
}

function later(state: Membership, nowMs: number): Decision<Membership> {
  const failures = state.failures + 1;
  return { state: { ...state, failures, dueMs: nowMs + backoffMs(failures) }, effects: [] };
}

function heard(before: Membership, reply: HeartbeatReply, nowMs: number): Decision<Membership> {
  const { heartbeatIntervalMs } = before.setup;
  const intervalMs = reply.heartbeatIntervalMs > 0 ? Math.min(reply.heartbeatIntervalMs, heartbeatIntervalMs) : heartbeatIntervalMs;
  const joined = before.phase === 'joining';
  const names = { ...before.names, ...reply.names };
  let state: Membership = {
    ...before,
    phase: 'member',
    memberId: reply.memberId === '' ? before.memberId : reply.memberId,
    epoch: reply.memberEpoch,
    ownedIsNews: before.telling === null ? before.ownedIsNews : before.telling !== before.owned,
    telling: null,
    names,
    // What was deleted since it was assigned has no name any more: what is owned of it has one still, the rest is not worth taking up.
    target: reply.assignment?.filter(({ topicId }) => names[topicId] !== undefined) ?? before.target,
    failures: 0,
    waitUntilMs: Number.POSITIVE_INFINITY,
    dueMs: nowMs + intervalMs,
  };
  const effects: Effect[] = joined ? [{ do: 'joined' }] : [];
  const step = reconcile(state);
  state = step.state;
  effects.push(...step.effects);
  if (!before.again) return { state, effects };
  const more = heartbeat(state);
  return { state: more.state, effects: [...effects, ...more.effects] };
}

/** Begins to become what the coordinator wants, unless that is done or under way. */
function reconcile(state: Membership): Decision<Membership> {
  const { target, owned, reconciling } = state;
  if (target === null || reconciling !== null) return { state, effects: [] };
  const [from, to] = [byName(state, owned), byName(state, target)];
  if (samePartitions(from, to) && sameIds(owned, target)) {
    // A first assignment may be empty; the coordinator hears of it all the same.
    return { state, effects: [] };
  }
  // A topic that was made anew under its old name is given up and taken up.
  const kept = keptOf(owned, target);
  const keptByName = byName(state, kept);
  return {
    state: { ...state, reconciling: target },
    effects: [{ do: 'reconcile', revoke: withoutPartitions(from, keptByName), assign: withoutPartitions(to, keptByName) }],
  };
}

function reconciled(before: Membership, owned: readonly TopicIdPartitions[]): Decision<Membership> {
  const named = Object.fromEntries([...owned, ...(before.target ?? [])].map(({ topicId }) => [topicId, nameOf(before, topicId)]));
  const step = reconcile({ ...before, owned, reconciling: null, ownedIsNews: true, names: named });
  if (step.state.asking) return { state: { ...step.state, again: true }, effects: step.effects };
  const told = heartbeat(step.state);
  return { state: told.state, effects: [...told.effects, ...step.effects] };
}

function fenced(state: Membership, error: number, message: string): Decision<Membership> {
  const lost = lose(state, error, message);
  const joining = join(lost.state);
  return { state: joining.state, effects: [...lost.effects, ...joining.effects] };
}

/**
 * The group still has this member in an epoch of which it has not heard, and refuses its join for as long: by itself it would give it up when
 * the session ends, and nobody would read its partitions until then. Kafka's brokers do the same.
 */
function leaveFirst(state: Membership): Decision<Membership> {
  return heartbeat({ ...state, phase: 'leaving', wantedAgain: true });
}

function stalled(state: Membership, message: string): Decision<Membership> {
  const lost = lose(state, errors.REQUEST_TIMED_OUT.code, message);
  const leaving = heartbeat({ ...lost.state, phase: 'leaving', wantedAgain: false });
  return { state: leaving.state, effects: [...lost.effects, ...leaving.effects] };
}

function lose(state: Membership, error: number, message: string): Decision<Membership> {
  // What is about to be taken up may have been handed to the user already.
  const partitions = byName(state, mergeOf(state.owned, state.reconciling ?? []));
  const after: Membership = { ...state, owned: [], target: null, reconciling: null, ownedIsNews: true };
  return { state: after, effects: [{ do: 'lose', partitions, error, message }] };
}

function failed(state: Membership, error: number, message: string): Decision<Membership> {
  const lost = lose(state, error, message);
  const effects: Effect[] = [...lost.effects, { do: 'fail', error, message }];
  return { state: { ...lost.state, phase: 'ended', dueMs: Number.POSITIVE_INFINITY }, effects };
}

/** The edge has given up what was owned before. */
function close(state: Membership): Decision<Membership> {
  switch (state.phase) {
    case 'out':
    case 'ended':
      return { state: { ...state, phase: 'ended', dueMs: Number.POSITIVE_INFINITY }, effects: [{ do: 'left' }] };
    case 'leaving':
      return { state: { ...state, wantedAgain: false }, effects: [] };
    default:
      return heartbeat({ ...state, phase: 'leaving', wantedAgain: false, owned: [], target: null, reconciling: null });
  }
}

function leaveAnswered(state: Membership, error: number, nowMs: number): Decision<Membership> {
  if (error !== 0 && isRetriable(error)) return later(state, nowMs);
  const out: Membership = { ...state, phase: 'out', epoch: 0, failures: 0, dueMs: Number.POSITIVE_INFINITY };
  if (state.wantedAgain) return join(out);
  return { state: out, effects: [{ do: 'left' }] };
}

// Sets of partitions by topic id.

function copyOf({ topicId, partitions }: TopicIdPartitions): TopicIdPartitions {
  return { topicId, partitions: [...partitions] };
}

function nameOf({ names }: Membership, topicId: string): string {
  const name = names[topicId];
  assert(name !== undefined, 'what has no name is not aimed at');
  return name;
}

function byName(state: Membership, all: readonly TopicIdPartitions[]): (TopicPartitions & { topicId: string })[] {
  return all.map(({ topicId, partitions }) => ({ topicId, topic: nameOf(state, topicId), partitions: [...partitions] }));
}

function keptOf(owned: readonly TopicIdPartitions[], target: readonly TopicIdPartitions[]): TopicIdPartitions[] {
  const wanted = new Map(target.map(({ topicId, partitions }) => [topicId, new Set(partitions)]));
  return owned
    .map(({ topicId, partitions }) => ({ topicId, partitions: partitions.filter((partition) => wanted.get(topicId)?.has(partition)) }))
    .filter(({ partitions }) => partitions.length > 0);
}

function sameIds(a: readonly TopicIdPartitions[], b: readonly TopicIdPartitions[]): boolean {
  const ids = (all: readonly TopicIdPartitions[]): string =>
    all
      .filter(({ partitions }) => partitions.length > 0)
      .map(({ topicId }) => topicId)
      .sort()
      .join(' ');
  return ids(a) === ids(b);
}

function mergeOf(a: readonly TopicIdPartitions[], b: readonly TopicIdPartitions[]): TopicIdPartitions[] {
  const merged = new Map<string, Set<number>>();
  for (const { topicId, partitions } of [...a, ...b]) {
    const known = merged.get(topicId) ?? new Set();
    for (const partition of partitions) known.add(partition);
    merged.set(topicId, known);
  }
  return [...merged].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions] }));
}
