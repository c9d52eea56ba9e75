/**
 * Members of the classic protocol in a consumer group: their joins and syncs are answered at once, since the coordinator assigns; a
 * heartbeat tells them when to join again. What they own they tell with their subscription.
 */
import { CONSUMER_PROTOCOL, decodeSubscription, encodeAssignment, type Subscription, versionOf } from '../../assign/consumer-protocol.ts';
import { type ErrorName, errors } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { CoordinatorAskOf } from '../protocol.ts';
import { rebalanceTimeoutOf } from './classic-join.ts';
import { sameNames } from './consumer.ts';
import { blankRow, moveOn, removeMembers } from './consumer-members.ts';
import type { Draft } from './draft.ts';
import type { Member, MemberRow } from './facts.ts';
import { downgrade } from './migrate.ts';
import { isReconciled } from './reconcile.ts';
import { fencedInstance, joinRefused, NO_BYTES, REJOIN, type Refusal, refusal, refuseWith, syncRefused, unknownMember } from './replies.ts';
import { NEVER, unheard } from './state.ts';
import { bump } from './target.ts';
import { nameSome, newMemberId, reasonOf, toIds, toNames } from './words.ts';

type JoinAsk = CoordinatorAskOf<'joinGroup'>;

export function joinConsumerGroup(draft: Draft, ask: JoinAsk, token: number): void {
  const { around } = draft;
  const memberId = ask.memberId === '' ? newMemberId(ask.instanceId ?? ask.clientId, around.random) : ask.memberId;
  const place = ask.instanceId === null ? undefined : draft.static(ask.instanceId);
  const subscription = supported(draft, ask);
  const refused = whyNot(draft, ask, { memberId, place, subscription });
  if (refused !== null || subscription === null) return draft.refuse(token, refusedJoin(ask, memberId, refused ?? unsupported(draft)));

  const before = admit(draft, ask, memberId, place);
  const row = toRow(before, ask, subscription);
  const isNews = !sameNames(row.topics, before.topics) || before.topicRegex !== '';
  draft.put(row, draft.get(memberId)?.live ?? unheard);
  if (place !== undefined && ask.memberId === '' && allClassic(draft)) return endMigration(draft, ask, token, { memberId, isNews });
  if (isNews || draft.row.epoch === 0) {
    bump(draft);
    draft.tell('rebalance', memberId, `epoch ${draft.row.epoch}: ${memberId} subscribes to ${nameSome(row.topics) || 'nothing'}`);
  }
  moveOn(draft, memberId, toIds(subscription.owned, around.topics));
  draft.heard(memberId, row.sessionTimeoutMs);
  draft.touch(memberId, { rebalanceByMs: NEVER, syncByMs: around.monotonicMs + row.rebalanceTimeoutMs });
  draft.reply(token, joinedAs(draft, ask.id, memberId, draft.member(memberId).row.epoch, row.protocols?.[0].name ?? ''));
}

function whyNot(
  draft: Draft,
  ask: JoinAsk,
  { memberId, place, subscription }: { memberId: string; place: Member | undefined; subscription: Subscription | null },
): Refusal | null {
  const { groupId } = draft;
  const { membersMax } = draft.around.settings;
  const isKnown = draft.get(memberId) !== undefined;
  if (draft.size >= membersMax && !isKnown && place === undefined) {
    return refusal('GROUP_MAX_SIZE_REACHED', `group "${groupId}" has ${membersMax} members, which is the most`);
  }
  if (subscription === null) return unsupported(draft);
  if (ask.memberId === '') {
    const isPromised = ask.instanceId === null && ask.requiresMemberId;
    return isPromised ? refusal('MEMBER_ID_REQUIRED', `join again as "${memberId}"`) : null;
  }
  // Ids that are given out are not remembered here; but one that owns something was a member, and must hear that it is none any more.
  if (!isKnown && subscription.owned.length > 0) return unknownMember(groupId, memberId);
  if (ask.instanceId === null) return null;
  if (place === undefined) return unknownMember(groupId, memberId);
  return place.row.memberId === memberId ? null : fencedInstance(groupId, ask.instanceId);
}

function refusedJoin(ask: JoinAsk, memberId: string, refused: Refusal) {
  return joinRefused(ask.id, refused.error === 'MEMBER_ID_REQUIRED' ? memberId : ask.memberId, refused);
}

function unsupported({ groupId }: Draft): Refusal {
  return refusal('INCONSISTENT_GROUP_PROTOCOL', `group "${groupId}" is one of consumers: offer an assignor that its members support`);
}

/** It took the place of the last member of KIP-848: the group is a classic one again, at rest if everybody has what he is to have. */
function endMigration(draft: Draft, ask: JoinAsk, token: number, { memberId, isNews }: { memberId: string; isNews: boolean }): void {
  const isAtRest = draft.all().every(({ row }) => row.memberId === memberId || isReconciled(row, draft.row.epoch));
  downgrade(draft, isNews || !isAtRest, `${memberId} took the place of its last other member`);
  if (isNews || !isAtRest) return draft.reply(token, joinRefused(ask.id, memberId, REJOIN));
  draft.reply(token, joinedAs(draft, ask.id, memberId, draft.row.epoch, draft.row.assignor));
}

function allClassic(draft: Draft): boolean {
  const { canDowngrade } = draft.around.settings;
  return canDowngrade && draft.all().every(({ row }) => row.protocols !== null);
}

function joinedAs(draft: Draft, id: number, memberId: string, generation: number, protocolName: string) {
  return {
    verb: 'joinGroup' as const,
    id,
    error: 0,
    message: '',
    generation,
    protocolType: draft.row.protocolType,
    protocolName,
    // Nobody leads: the coordinator assigns, and no member is asked to.
    leader: '',
    memberId,
    skipAssignment: false,
    members: [],
  };
}

/** Its subscription, if it is a consumer's and shares an assignor with the other classic members. */
function supported(draft: Draft, ask: JoinAsk): Subscription | null {
  if (ask.protocolType !== CONSUMER_PROTOCOL || ask.protocols.length === 0) return null;
  const others = draft.all().flatMap(({ row }) => (row.protocols === null || row.memberId === ask.memberId ? [] : [row.protocols]));
  const isShared = ask.protocols.some(({ name }) => others.every((protocols) => protocols.some((one) => one.name === name)));
  if (!isShared) return null;
  const subscription = decodeSubscription(ask.protocols[0].metadata);
  return subscription === null || subscription.topics.length > limits.groupTopicsMax ? null : subscription;
}

/** The row that it begins from: its own, that of the static member whose place it takes, or a blank one. */
function admit(draft: Draft, ask: JoinAsk, memberId: string, place: Member | undefined): MemberRow {
  const known = draft.get(memberId);
  if (known !== undefined) return known.row;
  if (place === undefined) {
    draft.tell('joined', memberId, `${memberId} joins${reasonOf(ask.reason)}`);
    return blankRow(draft, memberId, ask.instanceId);
  }
  draft.remove(place.row.memberId);
  draft.tell('joined', memberId, `${memberId} takes the place of ${place.row.memberId}`);
  return { ...place.row, memberId, epoch: 0, previousEpoch: 0, sinceMs: draft.around.nowMs };
}

function toRow(row: MemberRow, ask: JoinAsk, subscription: Subscription): MemberRow {
  return {
    ...row,
    rackId: subscription.rackId ?? row.rackId,
    clientId: ask.clientId,
    clientHost: ask.clientHost,
    sessionTimeoutMs: ask.sessionTimeoutMs,
    rebalanceTimeoutMs: rebalanceTimeoutOf(ask),
    protocols: ask.protocols,
    topics: [...new Set(subscription.topics)].sort(),
    topicRegex: '',
    assignor: '',
  };
}

/** The member who asks, or why it may not. */
function recognise(draft: Draft, memberId: string, instanceId: string | null, generation: number): MemberRow | Refusal {
  if (instanceId !== null) {
    const place = draft.static(instanceId);
    if (place === undefined) return unknownMember(draft.groupId, memberId);
    if (place.row.memberId !== memberId) return fencedInstance(draft.groupId, instanceId);
  }
  const row = draft.get(memberId)?.row;
  if (row === undefined || row.protocols === null) return unknownMember(draft.groupId, memberId);
  if (row.epoch === generation) return row;
  if (hasJoinedSince(draft.member(memberId), generation)) return REJOIN;
  return refusal('ILLEGAL_GENERATION', `${memberId} is in generation ${row.epoch}, not ${generation}: join again`);
}

/** It said this before its last join was answered, and has not synced since: it has lost nothing, which ILLEGAL_GENERATION would tell it. */
export function hasJoinedSince({ row, live }: Member, generation: number): boolean {
  return generation > 0 && generation === row.previousEpoch && live.syncByMs !== NEVER;
}

export function syncConsumerGroup(draft: Draft, ask: CoordinatorAskOf<'syncGroup'>, token: number): void {
  const refuse = (refused: Refusal) => draft.reply(token, syncRefused(ask.id, refused));
  const row = recognise(draft, ask.memberId, ask.instanceId, ask.generation);
  if ('error' in row) return refuse(row);
  const protocol = row.protocols?.[0];
  const protocolName = protocol?.name ?? '';
  if ((ask.protocolType ?? CONSUMER_PROTOCOL) !== CONSUMER_PROTOCOL || (ask.protocolName ?? protocolName) !== protocolName) {
    return refuse(refusal('INCONSISTENT_GROUP_PROTOCOL', `${row.memberId} was told "${protocolName}" when it joined: join again`));
  }
  // One that has something to give up is first told what it keeps; then it joins again by itself.
  if (draft.row.epoch > row.epoch && row.state !== 'unrevoked') {
    mustJoinAgain(draft, row);
    return refuse(REJOIN);
  }
  draft.heard(row.memberId, row.sessionTimeoutMs);
  draft.touch(row.memberId, { syncByMs: NEVER });
  const version = Math.max(0, Math.min(versionOf(protocol?.metadata ?? NO_BYTES), 3));
  const assignment = encodeAssignment({ partitions: toNames(row.assigned, draft.around.topics), userData: null }, version);
  draft.reply(token, {
    verb: 'syncGroup',
    id: ask.id,
    error: 0,
    message: '',
    protocolType: CONSUMER_PROTOCOL,
    protocolName,
    assignment,
  });
}

export function heartbeatConsumerGroup(draft: Draft, ask: CoordinatorAskOf<'heartbeat'>, token: number): void {
  const row = recognise(draft, ask.memberId, ask.instanceId, ask.generation);
  if ('error' in row) return draft.reply(token, refuseWith(ask, token, row).reply);
  draft.heard(row.memberId, row.sessionTimeoutMs);
  const hasNews = row.epoch < draft.row.epoch || row.state === 'unrevoked' || (row.state === 'unreleased' && !isWaiting(draft, row));
  if (hasNews) {
    mustJoinAgain(draft, row);
    return draft.reply(token, refuseWith(ask, token, REJOIN).reply);
  }
  draft.reply(token, { verb: 'heartbeat', id: ask.id, error: 0, message: '' });
}

/** It has its rebalance timeout to join again, from when it was told first. */
function mustJoinAgain(draft: Draft, row: MemberRow): void {
  const { live } = draft.member(row.memberId);
  if (live.rebalanceByMs === NEVER) draft.touch(row.memberId, { rebalanceByMs: draft.around.monotonicMs + row.rebalanceTimeoutMs });
}

/** Whether something that it is to have is still another's. */
function isWaiting(draft: Draft, row: MemberRow): boolean {
  return row.target.some(({ topicId, partitions }) =>
    partitions.some((partition) => {
      const owner = draft.ownerOf(topicId, partition);
      return owner !== undefined && owner !== row.memberId;
    }),
  );
}

export function leaveConsumerGroup(draft: Draft, ask: CoordinatorAskOf<'leaveGroup'>, token: number): void {
  const leaving = new Map<string, string>();
  const members = ask.members.map(({ memberId, instanceId, reason }) => {
    const place = instanceId === null ? draft.get(memberId) : draft.static(instanceId);
    let error: ErrorName = 'NONE';
    if (place === undefined) error = 'UNKNOWN_MEMBER_ID';
    else if (instanceId !== null && memberId !== '' && place.row.memberId !== memberId) error = 'FENCED_INSTANCE_ID';
    else leaving.set(place.row.memberId, `${place.row.memberId} leaves${reasonOf(reason)}`);
    return { memberId, instanceId, error: errors[error].code };
  });
  removeMembers(
    draft,
    [...leaving].map(([memberId, text]) => ({ memberId, kind: 'left' as const, text })),
  );
  draft.reply(token, { verb: 'leaveGroup', id: ask.id, error: 0, message: '', members });
}
