/** What those who keep offsets ask of groups: who may commit or fetch, what is still read, which groups are empty and since when. */
import { CONSUMER_PROTOCOL, decodeSubscription } from '../../assign/consumer-protocol.ts';
import { assert } from '../../base/assert.ts';
import { errors } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { CoordinatorAskOf } from '../protocol.ts';
import { validateMember } from './classic-join.ts';
import { hear, validateGeneration } from './classic-members.ts';
import { roundOf, stateOf } from './classic-round.ts';
import { hasJoinedSince } from './consumer-classic.ts';
import type { GroupSurroundings } from './decision.ts';
import { blankGroup, Draft } from './draft.ts';
import type { GroupFact, MemberRow } from './facts.ts';
import { parsePattern } from './pattern.ts';
import { fencedInstance, REJOIN, type Refusal, refusal, unknownMember } from './replies.ts';
import type { Group, Groups } from './state.ts';

type CommitAsk = Pick<CoordinatorAskOf<'offsetCommit'>, 'groupId' | 'memberId' | 'instanceId' | 'epoch'>;

export interface Permission {
  /** 0, or the error of the whole ask. */
  error: number;
  message: string;
  /** To be applied in either case: a commit counts as a heartbeat of a classic member, and one from outside makes its group. */
  facts: GroupFact[];
}

/** Whether who asks may commit now. */
export function mayCommit(groups: Groups, ask: CommitAsk, around: GroupSurroundings): Permission {
  if (ask.groupId === '') return refused(refusal('INVALID_GROUP_ID', 'a group has a name: give a groupId'));
  const group = groups.byId.get(ask.groupId);
  if (group === undefined) return mayBegin(groups, ask, around);
  // From outside: somebody who assigns partitions to himself, or an administrator.
  if (ask.epoch < 0 && group.members.size === 0) return GRANTED;
  if (group.row.type === 'consumer') return commitToConsumerGroup(group, ask);
  const draft = new Draft(group, around);
  if (ask.epoch < 0 && ask.memberId === '' && ask.instanceId === null) return refused(notEmpty(ask.groupId));
  const wrong = validateMember(draft, ask.memberId, ask.instanceId) ?? validateGeneration(draft, ask.epoch);
  if (wrong !== null) return refused(wrong);
  // One that has not synced does not know whether what it commits is still its own, be the others settled or not.
  if (stateOf(draft) === 'CompletingRebalance' || roundOf(draft).unsynced.includes(ask.memberId)) {
    return refused(refusal('REBALANCE_IN_PROGRESS', 'the partitions are being assigned anew: sync first, and commit what you still have'));
  }
  hear(draft, ask.memberId);
  return { ...GRANTED, facts: draft.end().facts };
}

const GRANTED: Permission = { error: 0, message: '', facts: [] };

function refused({ error, message }: Refusal): Permission {
  return { error: errors[error].code, message, facts: [] };
}

function mayBegin(groups: Groups, ask: CommitAsk, around: GroupSurroundings): Permission {
  if (ask.epoch >= 0) return refused(refusal('GROUP_ID_NOT_FOUND', `there is no group "${ask.groupId}": join again`));
  if (groups.byId.size >= limits.groupsMax) {
    return refused(refusal('GROUP_MAX_SIZE_REACHED', `the bus has ${limits.groupsMax} groups, which is the most: delete some`));
  }
  return { ...GRANTED, facts: new Draft(undefined, around, blankGroup(ask.groupId, 'classic', around)).end().facts };
}

function notEmpty(groupId: string): Refusal {
  return refusal('UNKNOWN_MEMBER_ID', `group "${groupId}" has members, and only they commit: stop them first, or commit as one of them`);
}

function commitToConsumerGroup(group: Group, { groupId, memberId, instanceId, epoch }: CommitAsk): Permission {
  if (epoch < 0 && memberId === '') return refused(notEmpty(groupId));
  const member = group.members.get(memberId);
  if (member === undefined) return refused(unknownMember(groupId, memberId));
  const { row } = member;
  if (instanceId !== null && row.instanceId !== instanceId) return refused(fencedInstance(groupId, instanceId));
  const wrong = checkMemberEpoch(row, epoch);
  if (wrong === null) return GRANTED;
  return refused(row.protocols !== null && hasJoinedSince(member, epoch) ? REJOIN : wrong);
}

function checkMemberEpoch({ memberId, epoch, protocols }: MemberRow, told: number): Refusal | null {
  if (told === epoch) return null;
  if (protocols !== null) return refusal('ILLEGAL_GENERATION', `${memberId} is in generation ${epoch}, not ${told}: join again`);
  return refusal('STALE_MEMBER_EPOCH', `${memberId} is in epoch ${epoch}, not ${told}: try again after the next heartbeat`);
}

/** Whether who asks may see the group's offsets: 0, or the error. A group that is not known has none, which is no error. */
export function mayFetchOffsets(groups: Groups, ask: Pick<CoordinatorAskOf<'offsetFetch'>, 'groupId' | 'memberId' | 'epoch'>): number {
  const group = groups.byId.get(ask.groupId);
  if (group === undefined || group.row.type === 'classic' || (ask.memberId === null && ask.epoch < 0)) return 0;
  const row = group.members.get(ask.memberId ?? '')?.row;
  const wrong = row === undefined ? unknownMember(ask.groupId, ask.memberId ?? '') : checkMemberEpoch(row, ask.epoch);
  return wrong === null ? 0 : errors[wrong.error].code;
}

export function isMember(groups: Groups, groupId: string, memberId: string): boolean {
  return groups.byId.get(groupId)?.members.has(memberId) === true;
}

/** Whether a member of the group reads this topic, so that its offsets must neither be deleted nor expire. */
export function isSubscribed(groups: Groups, groupId: string, topic: string): boolean {
  const group = groups.byId.get(groupId);
  if (group === undefined) return false;
  for (const { row } of group.members.values()) {
    const subscribes = group.row.type === 'consumer' ? reads(row, topic) : readsClassic(group, row, topic);
    if (subscribes) return true;
  }
  return false;
}

function reads({ topics, topicRegex }: MemberRow, topic: string): boolean {
  if (topics.includes(topic)) return true;
  return topicRegex !== '' && parsePattern(topicRegex).test?.(topic) === true;
}

/** What a member of another type than consumers reads nobody can tell: everything is taken to be read. */
function readsClassic(group: Group, row: MemberRow, topic: string): boolean {
  if (group.row.protocolType !== CONSUMER_PROTOCOL) return true;
  return (row.protocols ?? []).some(({ metadata }) => decodeSubscription(metadata)?.topics.includes(topic) ?? true);
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
