/** Groups as administrators see them. */

import { decodeAssignment, decodeSubscription } from '../../assign/consumer-protocol.ts';
import { errors } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { CoordinatorAskOf, CoordinatorReplyOf } from '../protocol.ts';
import type { GroupSurroundings } from './decision.ts';
import type { GroupFact, Member } from './facts.ts';
import type { GroupDescription, GroupState, MemberDescription } from './protocol.ts';
import { isReconciled } from './reconcile.ts';
import { NO_BYTES } from './replies.ts';
import type { Group, Groups } from './state.ts';
import { toNames } from './words.ts';

export function stateOfGroup(group: Group): GroupState {
  const { row, round, members } = group;
  if (row.type === 'classic') return round?.state ?? 'Empty';
  if (members.size === 0) return 'Empty';
  if (row.epoch > row.assignmentEpoch) return 'Assigning';
  for (const member of members.values()) if (!isReconciled(member.row, row.assignmentEpoch)) return 'Reconciling';
  return 'Stable';
}

export function listGroups(groups: Groups, ask: CoordinatorAskOf<'listGroups'>): CoordinatorReplyOf<'listGroups'> {
  const wanted = (list: readonly string[], value: string): boolean =>
    list.length === 0 || list.some((one) => one.toLowerCase() === value.toLowerCase());
  const listed = [];
  for (const group of groups.byId.values()) {
    const { groupId, protocolType, type } = group.row;
    const state = stateOfGroup(group);
    if (wanted(ask.states, state) && wanted(ask.types, type)) listed.push({ groupId, protocolType, state, type });
  }
  return { verb: 'listGroups', id: ask.id, error: 0, groups: listed };
}

export function describeGroups(
  groups: Groups,
  ask: CoordinatorAskOf<'describeGroups'>,
  around: GroupSurroundings,
): CoordinatorReplyOf<'describeGroups'> {
  if (ask.groupIds.length > limits.groupsMax) return { verb: 'describeGroups', id: ask.id, error: errors.LIMIT_REACHED.code, groups: [] };
  const described = ask.groupIds.map((groupId) => {
    const group = groups.byId.get(groupId);
    return group === undefined ? describeMissing(groupId) : describeGroup(group, around);
  });
  return { verb: 'describeGroups', id: ask.id, error: 0, groups: described };
}

export function describeMissing(groupId: string): GroupDescription {
  return {
    groupId,
    error: errors.GROUP_ID_NOT_FOUND.code,
    message: `there is no group "${groupId}"`,
    type: 'classic',
    state: 'Dead',
    epoch: -1,
    assignmentEpoch: -1,
    assignor: '',
    protocolType: '',
    members: [],
  };
}

export function describeGroup(group: Group, around: Pick<GroupSurroundings, 'topics'>): GroupDescription {
  const { groupId, type, epoch, assignmentEpoch, assignor, protocolType } = group.row;
  const members = [...group.members.values()].map((member) => describeMember(group, member, around));
  const told = type === 'consumer' ? assignmentEpoch : -1;
  const state = stateOfGroup(group);
  return { groupId, error: 0, message: '', type, state, epoch, assignmentEpoch: told, assignor, protocolType, members };
}

function describeMember(group: Group, { row, live }: Member, { topics }: Pick<GroupSurroundings, 'topics'>): MemberDescription {
  const isConsumerGroup = group.row.type === 'consumer';
  const metadata = (row.protocols?.find(({ name }) => name === group.row.assignor) ?? row.protocols?.[0])?.metadata ?? NO_BYTES;
  const assignment = isConsumerGroup ? toNames(row.assigned, topics) : (decodeAssignment(row.assignmentBytes)?.partitions ?? []);
  return {
    memberId: row.memberId,
    instanceId: row.instanceId,
    clientId: row.clientId,
    clientHost: row.clientHost,
    memberEpoch: isConsumerGroup ? row.epoch : group.row.epoch,
    subscribedTopics: isConsumerGroup ? [...row.topics] : (decodeSubscription(metadata)?.topics ?? []),
    subscribedRegex: row.topicRegex,
    assignment,
    targetAssignment: isConsumerGroup ? toNames(row.target, topics) : assignment,
    metadata,
    assignmentBytes: row.assignmentBytes,
    sinceMs: row.sinceMs,
    heardMs: live.heardMs,
    isClassic: row.protocols !== null,
  };
}

/** Groups that have members stay. Offsets go with their group. */
export function deleteGroups(
  groups: Groups,
  ask: CoordinatorAskOf<'deleteGroups'>,
): { facts: GroupFact[]; reply: CoordinatorReplyOf<'deleteGroups'> } {
  if (ask.groupIds.length > limits.groupsMax) {
    return { facts: [], reply: { verb: 'deleteGroups', id: ask.id, error: errors.LIMIT_REACHED.code, groups: [] } };
  }
  const facts: GroupFact[] = [];
  const gone = new Set<string>();
  const rows = ask.groupIds.map((groupId) => {
    const group = gone.has(groupId) ? undefined : groups.byId.get(groupId);
    if (group === undefined) return { groupId, error: errors.GROUP_ID_NOT_FOUND.code, message: `there is no group "${groupId}"` };
    // Who has been promised a place only is no member yet, as in Kafka.
    const count = group.members.size;
    if (count > 0)
      return { groupId, error: errors.NON_EMPTY_GROUP.code, message: `group "${groupId}" has ${count} members: stop them first` };
    gone.add(groupId);
    facts.push({ fact: 'groupGone', groupId });
    return { groupId, error: 0, message: '' };
  });
  return { facts, reply: { verb: 'deleteGroups', id: ask.id, error: 0, groups: rows } };
}

export function groupHistory(groups: Groups, ask: CoordinatorAskOf<'groupHistory'>): CoordinatorReplyOf<'groupHistory'> {
  const history = groups.byId.get(ask.groupId)?.history;
  const verb = 'groupHistory' as const;
  if (history === undefined) {
    return { verb, id: ask.id, error: errors.GROUP_ID_NOT_FOUND.code, message: `there is no group "${ask.groupId}"`, events: [] };
  }
  return { verb, id: ask.id, error: 0, message: '', events: [...history] };
}
