/** Joins of a classic group: new members, members that join again, static members that come back under a new id. */
import { CONSUMER_PROTOCOL, decodeAssignment, decodeSubscription } from '../../assign/consumer-protocol.ts';
import type { CoordinatorAskOf } from '../protocol.ts';
import {
  completeIfAllJoined,
  inconsistent,
  joined,
  noteGrowth,
  prepareRebalance,
  promise,
  rebalanceOrComplete,
  roundOf,
  selectProtocol,
  stateOf,
  supports,
  synced,
  unpromise,
} from './classic-round.ts';
import { type Draft, waiting } from './draft.ts';
import type { Member, MemberRow, Waiting } from './facts.ts';
import { fencedInstance, joinRefused, NO_BYTES, REJOIN, type Refusal, refusal, syncRefused, unknownMember } from './replies.ts';
import type { GroupSettings } from './settings.ts';
import { NEVER, unheard } from './state.ts';
import { newMemberId, reasonOf } from './words.ts';

type JoinAsk = CoordinatorAskOf<'joinGroup'>;

export function join(draft: Draft, ask: JoinAsk, token: number): void {
  const refuse = (refused: Refusal, memberId = ask.memberId) => draft.refuse(token, joinRefused(ask.id, memberId, refused));
  if (!hasRoom(draft, ask.memberId)) {
    const { membersMax } = draft.around.settings;
    return refuse(refusal('GROUP_MAX_SIZE_REACHED', `group "${draft.groupId}" has ${membersMax} members, which is the most`), '');
  }
  if (!supports(draft, ask.protocolType, ask.protocols)) return refuse(inconsistent(draft, ask.protocolType));
  if (draft.size === 0) draft.change({ protocolType: ask.protocolType });
  if (ask.memberId === '') return joinAsNew(draft, ask, token);
  if (unpromise(draft, ask.memberId)) return addMember(draft, ask, token, ask.memberId);
  const wrong = validateMember(draft, ask.memberId, ask.instanceId);
  if (wrong !== null) return refuse(wrong);
  joinAgain(draft, ask, token, draft.member(ask.memberId));
}

function hasRoom(draft: Draft, memberId: string): boolean {
  const { membersMax } = draft.around.settings;
  const { state, promised } = roundOf(draft);
  if (promised.has(memberId)) return draft.size < membersMax;
  if (state === 'Empty') return promised.size < membersMax;
  if (state !== 'PreparingRebalance') return draft.get(memberId) !== undefined || draft.size + promised.size < membersMax;
  if (draft.get(memberId)?.live.join != null) return true;
  return draft.all().filter(({ live }) => live.join !== null).length + promised.size < membersMax;
}

/** Whether a member with this id, and this instance id if one is given, is in the group. */
export function validateMember(draft: Draft, memberId: string, instanceId: string | null): Refusal | null {
  if (instanceId !== null) {
    const known = draft.static(instanceId);
    if (known === undefined) return unknownMember(draft.groupId, memberId);
    if (known.row.memberId !== memberId) return fencedInstance(draft.groupId, instanceId);
  }
  return draft.get(memberId) === undefined ? unknownMember(draft.groupId, memberId) : null;
}

function joinAsNew(draft: Draft, ask: JoinAsk, token: number): void {
  const memberId = newMemberId(ask.instanceId ?? ask.clientId, draft.around.random);
  const known = ask.instanceId === null ? undefined : draft.static(ask.instanceId);
  if (known !== undefined) return comeBack(draft, ask, token, known, memberId);
  if (ask.instanceId !== null || !ask.requiresMemberId) return addMember(draft, ask, token, memberId);
  promise(draft, memberId, draft.around.monotonicMs + ask.sessionTimeoutMs);
  draft.reply(token, joinRefused(ask.id, memberId, refusal('MEMBER_ID_REQUIRED', `join again as "${memberId}"`)));
}

function addMember(draft: Draft, ask: JoinAsk, token: number, memberId: string): void {
  const { nowMs, monotonicMs, settings } = draft.around;
  noteGrowth(draft);
  draft.put(rowOf(ask, memberId, nowMs), {
    ...unheard,
    heardMs: nowMs,
    // It cannot send heartbeats before it knows its id; one that went meanwhile must not hold up the others for ever.
    sessionByMs: monotonicMs + settings.newMemberJoinTimeoutMs,
    join: waiting(ask, token),
    isNew: true,
  });
  if (draft.row.leader === '') draft.change({ leader: memberId });
  draft.tell('joined', memberId, `${memberId} joins${reasonOf(ask.reason)}`);
  rebalanceOrComplete(draft, `${memberId} joined`);
}

function rowOf(ask: JoinAsk, memberId: string, sinceMs: number): MemberRow {
  return {
    memberId,
    instanceId: ask.instanceId,
    rackId: null,
    clientId: ask.clientId,
    clientHost: ask.clientHost,
    sessionTimeoutMs: ask.sessionTimeoutMs,
    rebalanceTimeoutMs: rebalanceTimeoutOf(ask),
    sinceMs,
    protocols: ask.protocols,
    assignmentBytes: NO_BYTES,
    topics: [],
    topicRegex: '',
    assignor: '',
    epoch: 0,
    previousEpoch: 0,
    state: 'stable',
    assigned: [],
    revoking: [],
    target: [],
  };
}

/** Before JoinGroup v1 the session's timeout was that of rebalances too. */
export function rebalanceTimeoutOf({ rebalanceTimeoutMs, sessionTimeoutMs }: JoinAsk): number {
  return rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs;
}

function joinAgain(draft: Draft, ask: JoinAsk, token: number, { row }: Member): void {
  const { memberId } = row;
  const isSame = sameProtocols(row.protocols ?? [], ask.protocols);
  switch (stateOf(draft)) {
    case 'PreparingRebalance':
      updateMember(draft, ask, token, memberId);
      return completeIfAllJoined(draft);
    case 'CompletingRebalance':
      // The answer to its join may have been lost.
      if (isSame) return draft.reply(token, joined(draft, ask.id, memberId, {}));
      updateMember(draft, ask, token, memberId);
      return prepareRebalance(draft, `${memberId} changed what it asks for`);
    case 'Stable':
      if (draft.row.leader === memberId) {
        updateMember(draft, ask, token, memberId);
        return prepareRebalance(draft, `the leader ${memberId} joined again${reasonOf(ask.reason)}`);
      }
      if (isSame) return draft.reply(token, joined(draft, ask.id, memberId, {}));
      updateMember(draft, ask, token, memberId);
      return prepareRebalance(draft, `${memberId} changed what it asks for`);
    default:
      return draft.reply(token, joinRefused(ask.id, memberId, unknownMember(draft.groupId, memberId)));
  }
}

function updateMember(draft: Draft, ask: JoinAsk, token: number, memberId: string): void {
  const { row, live } = draft.member(memberId);
  dropWaiting(draft, live.join);
  const { sessionTimeoutMs, protocols } = ask;
  draft.put(
    { ...row, sessionTimeoutMs, protocols, rebalanceTimeoutMs: rebalanceTimeoutOf(ask) },
    // Who waits for the others is alive as far as anybody can tell.
    { ...live, heardMs: draft.around.nowMs, sessionByMs: live.isNew ? live.sessionByMs : NEVER, join: waiting(ask, token) },
  );
}

/** An earlier join of the same member, on a connection that it has probably given up. */
function dropWaiting(draft: Draft, join: Waiting | null): void {
  if (join !== null) draft.reply(join.token, joinRefused(join.id, '', REJOIN));
}

/** A static member that was started anew takes the place, the partitions included, of its predecessor (KIP-345, KIP-814). */
function comeBack(draft: Draft, ask: JoinAsk, token: number, known: Member, memberId: string): void {
  const { row, live } = known;
  const fenced = fencedInstance(draft.groupId, ask.instanceId ?? '');
  if (live.join !== null) draft.reply(live.join.token, joinRefused(live.join.id, row.memberId, fenced));
  if (live.sync !== null) draft.reply(live.sync.token, syncRefused(live.sync.id, fenced));
  const leader = draft.row.leader;
  draft.remove(row.memberId);
  synced(draft, row.memberId);
  draft.put(
    { ...rowOf(ask, memberId, draft.around.nowMs), assignmentBytes: row.assignmentBytes },
    { ...unheard, heardMs: draft.around.nowMs, join: waiting(ask, token) },
  );
  if (leader === row.memberId) draft.change({ leader: memberId });
  draft.tell('joined', memberId, `${memberId} takes the place of ${row.memberId}${reasonOf(ask.reason)}`);
  switch (stateOf(draft)) {
    case 'Stable':
      if (selectProtocol(draft.all(), draft.row.leader) !== draft.row.assignor) {
        return prepareRebalance(draft, `${memberId} came back with other protocols`);
      }
      // Kafka lets it wait for the next rebalance, which may never come: nobody else knows that it reads other topics now.
      if (!readsTheSame(row, ask)) return prepareRebalance(draft, `${memberId} came back with other topics`);
      // Kafka lets that wait too: what was added while the leader was away it takes for known, and nobody would read it.
      if (draft.row.leader === memberId && !isAllAssigned(draft))
        return prepareRebalance(draft, `partitions were added while the leader ${memberId} was away`);
      draft.touch(memberId, { join: null });
      draft.heard(memberId, ask.sessionTimeoutMs);
      draft.save();
      // From v9 on a leader is told that it need not assign; before, that somebody else leads.
      if (ask.canSkipAssignment === true) {
        const isLeader = draft.row.leader === memberId;
        return draft.reply(token, joined(draft, ask.id, memberId, { skipAssignment: isLeader, withMembers: isLeader }));
      }
      return draft.reply(token, joined(draft, ask.id, memberId, { leader, withMembers: false }));
    case 'CompletingRebalance':
      return prepareRebalance(draft, `${memberId} came back while an assignment was made for ${row.memberId}`);
    default:
      return completeIfAllJoined(draft);
  }
}

function sameProtocols(a: JoinAsk['protocols'] | NonNullable<MemberRow['protocols']>, b: JoinAsk['protocols']): boolean {
  if (a.length !== b.length) return false;
  return a.every(({ name, metadata }, i) => name === b[i].name && Buffer.compare(metadata, b[i].metadata) === 0);
}

function readsTheSame({ protocols }: MemberRow, ask: JoinAsk): boolean {
  if (ask.protocolType !== CONSUMER_PROTOCOL) return true;
  const topicsOf = (metadata: Uint8Array | undefined): string => (decodeSubscription(metadata ?? NO_BYTES)?.topics ?? []).sort().join();
  return topicsOf(protocols?.[0]?.metadata) === topicsOf(ask.protocols[0].metadata);
}

/** Whether each partition of the topics that its members read is somebody's; true where that cannot be told. */
function isAllAssigned(draft: Draft): boolean {
  if (draft.row.protocolType !== CONSUMER_PROTOCOL) return true;
  const topics = new Set<string>();
  const counts = new Map<string, number>();
  for (const { row } of draft.all()) {
    const subscription = decodeSubscription(row.protocols?.find(({ name }) => name === draft.row.assignor)?.metadata ?? NO_BYTES);
    const assignment = decodeAssignment(row.assignmentBytes);
    if (subscription === null || assignment === null) return true;
    for (const topic of subscription.topics) topics.add(topic);
    for (const { topic, partitions } of assignment.partitions) counts.set(topic, (counts.get(topic) ?? 0) + partitions.length);
  }
  return [...topics].every((topic) => (counts.get(topic) ?? 0) >= (draft.around.topics.byName(topic)?.partitions ?? 0));
}

/** What is wrong with a join, whatever the group. */
export function checkJoin(ask: JoinAsk, settings: GroupSettings): Refusal | null {
  const { sessionTimeoutMsMin, sessionTimeoutMsMax } = settings;
  if (ask.sessionTimeoutMs >= sessionTimeoutMsMin && ask.sessionTimeoutMs <= sessionTimeoutMsMax) return null;
  return refusal(
    'INVALID_SESSION_TIMEOUT',
    `a session timeout lasts ${sessionTimeoutMsMin} to ${sessionTimeoutMsMax} ms, not ${ask.sessionTimeoutMs}`,
  );
}
