/** The heartbeat of KIP-848: joining, changing a subscription, owning less and more, leaving — all in one verb. */
import { serverAssignors } from '../../assign/server.ts';
import { limits } from '../../base/limits.ts';
import type { CoordinatorAskOf } from '../protocol.ts';
import { blankRow, hasSameAssignment, moveOn, removeMembers } from './consumer-members.ts';
import type { Draft } from './draft.ts';
import type { MemberRow, Partitions } from './facts.ts';
import { isSubset, NO_PARTITIONS, toPartitions } from './partitions.ts';
import { parsePattern } from './pattern.ts';
import { fencedInstance, NO_BYTES, type Refusal, refusal, refuseWith, unknownMember } from './replies.ts';
import type { GroupSettings } from './settings.ts';
import { NEVER, unheard } from './state.ts';
import { bump } from './target.ts';
import { nameSome, randomUuid } from './words.ts';

type Ask = CoordinatorAskOf<'consumerGroupHeartbeat'>;

/** The epoch by which a static member keeps its place; −1 gives it up. */
const LEAVES_FOR_A_WHILE = -2;

/** What is wrong with a heartbeat, whatever the group. */
export function checkHeartbeat(ask: Ask, settings: GroupSettings): Refusal | null {
  const { memberId, memberEpoch, instanceId, sessionTimeoutMs, assignor } = ask;
  const invalid = (message: string) => refusal('INVALID_REQUEST', message);
  if (memberId === '' && memberEpoch !== 0) return invalid('a member that has joined tells its id');
  if (instanceId === '' || ask.rackId === '') return invalid('an instance id and a rack id are absent or have at least one character');
  if (memberEpoch < LEAVES_FOR_A_WHILE) return invalid(`${memberEpoch} is no member epoch`);
  if (memberEpoch === LEAVES_FOR_A_WHILE && instanceId === null)
    return invalid('only a member with an instance id can come back to its place');
  if (memberEpoch === 0) {
    if (ask.rebalanceTimeoutMs < 0) return invalid('a member that joins tells its rebalance timeout');
    if (ask.owned === null || ask.owned.length > 0) return invalid('a member that joins owns nothing yet');
    if (ask.topics === null && ask.topicRegex === null) return invalid('a member that joins tells what it subscribes to');
  }
  if ((ask.topics?.length ?? 0) > limits.groupTopicsMax)
    return invalid(`a member subscribes to at most ${limits.groupTopicsMax} topics by name`);
  if (sessionTimeoutMs !== -1 && (sessionTimeoutMs < settings.sessionTimeoutMsMin || sessionTimeoutMs > settings.sessionTimeoutMsMax)) {
    const { sessionTimeoutMsMin, sessionTimeoutMsMax } = settings;
    return refusal(
      'INVALID_SESSION_TIMEOUT',
      `a session timeout lasts ${sessionTimeoutMsMin} to ${sessionTimeoutMsMax} ms, not ${sessionTimeoutMs}`,
    );
  }
  if (assignor !== null && assignor !== '' && !Object.hasOwn(serverAssignors, assignor)) {
    return refusal('UNSUPPORTED_ASSIGNOR', `the server assigns by ${Object.keys(serverAssignors).join(' or ')}, not by "${assignor}"`);
  }
  if (ask.topicRegex === null || ask.topicRegex === '') return null;
  const { message } = parsePattern(ask.topicRegex);
  return message === undefined ? null : refusal('INVALID_REGULAR_EXPRESSION', message);
}

export function heartbeat848(draft: Draft, ask: Ask, token: number): void {
  const refuse = (refused: Refusal) => draft.refuse(token, refuseWith(ask, token, refused).reply);
  const memberId = ask.memberId === '' ? randomUuid(draft.around.random) : ask.memberId;
  const { membersMax } = draft.around.settings;
  if (
    draft.size >= membersMax &&
    draft.get(memberId) === undefined &&
    (ask.instanceId === null || draft.static(ask.instanceId) === undefined)
  ) {
    return refuse(refusal('GROUP_MAX_SIZE_REACHED', `group "${draft.groupId}" has ${membersMax} members, which is the most`));
  }
  const owned = ask.owned === null ? null : toPartitions(ask.owned);
  const refused = ask.memberEpoch === 0 ? admit(draft, ask, memberId) : recognise(draft, ask, owned);
  if (refused !== null) return refuse(refused);

  const known = draft.member(memberId);
  const before = known.row;
  const updated = update(before, ask, draft.around.settings.own?.sessionTimeoutMs ?? null);
  if (updated !== before) draft.put(updated, known.live);
  const isNews = updated.topicRegex !== before.topicRegex || !sameNames(updated.topics, before.topics);
  if (draft.row.epoch === 0 || isNews) {
    bump(draft);
    draft.tell('rebalance', memberId, `epoch ${draft.row.epoch}: ${memberId} subscribes to ${subscriptionOf(updated)}`);
  }
  moveOn(draft, memberId, owned);
  const after = draft.member(memberId).row;
  draft.heard(memberId, after.sessionTimeoutMs);
  const isFull = ask.rebalanceTimeoutMs !== -1 && (ask.topics !== null || ask.topicRegex !== null) && ask.owned !== null;
  const isTold = ask.memberEpoch === 0 || isFull || !hasSameAssignment(before, after);
  draft.reply(token, answer(draft, ask.id, after, isTold));
}

/** A member joins, comes back to its static place, or joins again because it was fenced or lost an answer. */
function admit(draft: Draft, ask: Ask, memberId: string): Refusal | null {
  const place = ask.instanceId === null ? undefined : draft.static(ask.instanceId);
  if (ask.instanceId !== null && place !== undefined) return takePlace(draft, ask, memberId, place.row);
  const known = draft.get(memberId);
  if (known !== undefined) return checkEpoch(known.row, 0, NO_PARTITIONS);
  draft.put(blankRow(draft, memberId, ask.instanceId), { ...unheard, heardMs: draft.around.nowMs });
  draft.tell('joined', memberId, `${memberId} joins`);
  return null;
}

/** The place of a static member is free when it left for a while; that of a classic one is taken over, as its own protocol has it. */
function takePlace(draft: Draft, ask: Ask, memberId: string, place: MemberRow): Refusal | null {
  if (place.protocols === null && place.epoch !== LEAVES_FOR_A_WHILE) {
    if (place.memberId === memberId) return checkEpoch(place, 0, NO_PARTITIONS);
    return refusal(
      'UNRELEASED_INSTANCE_ID',
      `the instance id "${ask.instanceId}" is in use by member ${place.memberId} of group "${draft.groupId}": stop that one first, or wait for its session to end`,
    );
  }
  if (place.memberId !== memberId) draft.remove(place.memberId);
  draft.put({ ...place, memberId, epoch: 0, previousEpoch: 0, sinceMs: draft.around.nowMs }, { ...unheard, heardMs: draft.around.nowMs });
  const text = place.memberId === memberId ? `${memberId} comes back` : `${memberId} takes the place of ${place.memberId}`;
  draft.tell('joined', memberId, text);
  return null;
}

function recognise(draft: Draft, ask: Ask, owned: Partitions | null): Refusal | null {
  const { memberId, instanceId } = ask;
  if (instanceId !== null) {
    const place = draft.static(instanceId);
    if (place === undefined) return unknownMember(draft.groupId, memberId);
    if (place.row.memberId !== memberId) return fencedInstance(draft.groupId, instanceId);
  }
  const known = draft.get(memberId);
  return known === undefined ? unknownMember(draft.groupId, memberId) : checkEpoch(known.row, ask.memberEpoch, owned);
}

/** The epoch before is accepted too, from a member that has no more than it was given: the answer with the new one may have been lost. */
function checkEpoch({ memberId, epoch, previousEpoch, assigned }: MemberRow, told: number, owned: Partitions | null): Refusal | null {
  if (told === epoch) return null;
  if (told < epoch && told === previousEpoch && owned !== null && isSubset(owned, assigned)) return null;
  return refusal(
    'FENCED_MEMBER_EPOCH',
    `${memberId} is in epoch ${epoch}, not ${told}: give up all partitions and join again with epoch 0`,
  );
}

/** The row with what the heartbeat tells, and its group's session if that is set; the same one when it tells nothing new. */
function update(row: MemberRow, ask: Ask, ofGroupMs: number | null): MemberRow {
  const askedMs = ask.sessionTimeoutMs === -1 ? row.sessionTimeoutMs : ask.sessionTimeoutMs;
  const next: MemberRow = {
    ...row,
    instanceId: ask.instanceId ?? row.instanceId,
    rackId: ask.rackId ?? row.rackId,
    clientId: ask.clientId,
    clientHost: ask.clientHost,
    rebalanceTimeoutMs: ask.rebalanceTimeoutMs === -1 ? row.rebalanceTimeoutMs : ask.rebalanceTimeoutMs,
    sessionTimeoutMs: ofGroupMs ?? askedMs,
    topics: ask.topics === null ? row.topics : [...new Set(ask.topics)].sort(),
    topicRegex: ask.topicRegex ?? row.topicRegex,
    assignor: ask.assignor ?? row.assignor,
    protocols: null,
    assignmentBytes: NO_BYTES,
  };
  const isSame =
    next.instanceId === row.instanceId &&
    next.rackId === row.rackId &&
    next.clientId === row.clientId &&
    next.clientHost === row.clientHost &&
    next.rebalanceTimeoutMs === row.rebalanceTimeoutMs &&
    next.sessionTimeoutMs === row.sessionTimeoutMs &&
    sameNames(next.topics, row.topics) &&
    next.topicRegex === row.topicRegex &&
    next.assignor === row.assignor &&
    row.protocols === null;
  return isSame ? row : next;
}

export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, i) => name === b[i]));
}

function subscriptionOf({ topics, topicRegex }: MemberRow): string {
  return [nameSome(topics), topicRegex === '' ? '' : `/${topicRegex}/`].filter((text) => text !== '').join(' and ') || 'nothing';
}

function answer(draft: Draft, id: number, row: MemberRow, isTold: boolean) {
  const names: Record<string, string> = {};
  if (isTold)
    for (const { topicId } of row.assigned) {
      const topic = draft.around.topics.byId(topicId);
      if (topic !== undefined) names[topicId] = topic.name;
    }
  return {
    verb: 'consumerGroupHeartbeat' as const,
    id,
    error: 0,
    message: '',
    memberId: row.memberId,
    memberEpoch: row.epoch,
    heartbeatIntervalMs: heartbeatIntervalMs(row, draft.around.settings),
    assignment: isTold ? row.assigned.map(({ topicId, partitions }) => ({ topicId, partitions: [...partitions] })) : null,
    names,
  };
}

/** Three heartbeats fit into a session, unless its group is told otherwise. */
function heartbeatIntervalMs({ sessionTimeoutMs }: MemberRow, settings: GroupSettings): number {
  const ofGroupMs = settings.own?.heartbeatIntervalMs ?? null;
  if (ofGroupMs !== null) return ofGroupMs;
  return Math.max(1, Math.min(settings.heartbeatIntervalMs, Math.floor(sessionTimeoutMs / 3)));
}

export function leave848(draft: Draft, ask: Ask, token: number): void {
  const { memberId, instanceId, memberEpoch } = ask;
  const refuse = (refused: Refusal) => draft.refuse(token, refuseWith(ask, token, refused).reply);
  const place = instanceId === null ? draft.get(memberId) : draft.static(instanceId);
  if (place === undefined) return refuse(unknownMember(draft.groupId, memberId));
  if (place.row.memberId !== memberId) return refuse(fencedInstance(draft.groupId, instanceId ?? ''));
  if (memberEpoch === LEAVES_FOR_A_WHILE) {
    draft.put({ ...place.row, epoch: LEAVES_FOR_A_WHILE, revoking: NO_PARTITIONS }, { ...place.live, rebalanceByMs: NEVER });
    draft.tell('left', memberId, `${memberId} leaves for a while; its place as ${instanceId} is kept`);
  } else {
    removeMembers(draft, [{ memberId, kind: 'left', text: `${memberId} leaves` }]);
  }
  const reply = { verb: 'consumerGroupHeartbeat' as const, id: ask.id, error: 0, message: '', memberId, memberEpoch };
  draft.reply(token, { ...reply, heartbeatIntervalMs: 0, assignment: null, names: {} });
}
