/**
 * Groups as administrators see them, in Kafka's words. What a broker does not tell (the generation of a classic group, when a member was
 * heard last) is −1 or 0 in the descriptions. Pure.
 */
import { CONSUMER_PROTOCOL, decodeAssignment, decodeSubscription } from '../../assign/consumer-protocol.ts';
import { errors } from '../../base/errors.ts';
import type { GroupDescription, GroupState, GroupType, GroupVerbs, MemberDescription } from '../../coordinator/groups/protocol.ts';
import type { describeGroups } from '../api/15-describe-groups.ts';
import type { listGroups } from '../api/16-list-groups.ts';
import type { deleteGroups } from '../api/42-delete-groups.ts';
import type { consumerGroupDescribe } from '../api/69-consumer-group-describe.ts';
import { busCode, type RequestTo, type ResponseFrom } from './words.ts';

type ListAsk = GroupVerbs['listGroups']['ask'];
type Listing = GroupVerbs['listGroups']['reply']['groups'][number];
type ClassicRow = ResponseFrom<typeof describeGroups>['groups'][number];
type ConsumerRow = ResponseFrom<typeof consumerGroupDescribe>['groups'][number];

const states: readonly GroupState[] = ['Empty', 'Assigning', 'Reconciling', 'PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead'];
const types: readonly GroupType[] = ['consumer', 'classic'];

/** Brokers have spelt them in several ways; one that is not known here is none that this house has. */
function stateOf(name: string): GroupState | null {
  return states.find((state) => state.toLowerCase() === name.toLowerCase()) ?? null;
}

export function listRequest(ask: ListAsk): RequestTo<typeof listGroups> {
  return { statesFilter: ask.states, typesFilter: ask.types };
}

/** Groups of one broker. Older brokers neither filter nor tell types; share and streams groups are left out. */
export function listReply(ask: ListAsk, response: ResponseFrom<typeof listGroups>): { error: number; groups: Listing[] } {
  const listed = response.groups.flatMap(({ groupId, protocolType, groupState, groupType }): Listing[] => {
    const type = groupType === '' ? 'classic' : types.find((one) => one === groupType.toLowerCase());
    if (type === undefined) return [];
    const state = stateOf(groupState) ?? 'Dead';
    if (ask.states.length > 0 && !ask.states.includes(state)) return [];
    if (ask.types.length > 0 && !ask.types.includes(type)) return [];
    return [{ groupId, protocolType, state, type }];
  });
  return { error: busCode(response.errorCode), groups: listed };
}

/** The one group that was asked for, of KIP-848. */
export function consumerDescription(groupId: string, response: ResponseFrom<typeof consumerGroupDescribe>): GroupDescription {
  const [row] = response.groups;
  if (row === undefined) return noGroup(groupId, -1, 'the broker said nothing of it');
  return row.errorCode === 0 ? consumerGroup(row) : noGroup(groupId, busCode(row.errorCode), row.errorMessage ?? '');
}

/** The one group that was asked for, of the classic protocol. Versions before 6 call a group that is not there dead. */
export function classicDescription(groupId: string, response: ResponseFrom<typeof describeGroups>): GroupDescription {
  const [row] = response.groups;
  if (row === undefined) return noGroup(groupId, -1, 'the broker said nothing of it');
  const isMissing = row.errorCode === 0 && stateOf(row.groupState) === 'Dead' && row.members.length === 0;
  const error = isMissing ? errors.GROUP_ID_NOT_FOUND.code : busCode(row.errorCode);
  if (error === errors.GROUP_ID_NOT_FOUND.code) return noGroup(groupId, error, `group "${groupId}" does not exist`);
  return error === 0 ? classicGroup(row) : noGroup(groupId, error, row.errorMessage ?? '');
}

function consumerGroup(row: ConsumerRow): GroupDescription {
  return {
    groupId: row.groupId,
    error: busCode(row.errorCode),
    message: row.errorMessage ?? '',
    type: 'consumer',
    state: stateOf(row.groupState) ?? 'Dead',
    epoch: row.groupEpoch,
    assignmentEpoch: row.assignmentEpoch,
    assignor: row.assignorName,
    protocolType: CONSUMER_PROTOCOL,
    members: row.members.map((member): MemberDescription => {
      const named = ({ topicName, partitions }: (typeof member.assignment.topicPartitions)[number]) => ({
        topic: topicName,
        partitions: [...partitions],
      });
      return {
        memberId: member.memberId,
        instanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        memberEpoch: member.memberEpoch,
        subscribedTopics: [...member.subscribedTopicNames],
        subscribedRegex: member.subscribedTopicRegex ?? '',
        assignment: member.assignment.topicPartitions.map(named),
        targetAssignment: member.targetAssignment.topicPartitions.map(named),
        metadata: NOTHING,
        assignmentBytes: NOTHING,
        sinceMs: 0,
        heardMs: 0,
        isClassic: member.memberType === CLASSIC,
      };
    }),
  };
}

/** What its members sent and got is read where they are consumers. */
function classicGroup(row: ClassicRow): GroupDescription {
  const isOfConsumers = row.protocolType === CONSUMER_PROTOCOL;
  return {
    groupId: row.groupId,
    error: busCode(row.errorCode),
    message: row.errorMessage ?? '',
    type: 'classic',
    state: stateOf(row.groupState) ?? 'Dead',
    epoch: -1,
    assignmentEpoch: -1,
    assignor: row.protocolData,
    protocolType: row.protocolType,
    members: row.members.map(({ memberId, groupInstanceId, clientId, clientHost, memberMetadata, memberAssignment }): MemberDescription => {
      const assigned = isOfConsumers ? (decodeAssignment(memberAssignment)?.partitions ?? []) : [];
      return {
        memberId,
        instanceId: groupInstanceId,
        clientId,
        clientHost,
        memberEpoch: -1,
        subscribedTopics: isOfConsumers ? (decodeSubscription(memberMetadata)?.topics ?? []) : [],
        subscribedRegex: '',
        assignment: assigned,
        targetAssignment: assigned,
        metadata: new Uint8Array(memberMetadata),
        assignmentBytes: new Uint8Array(memberAssignment),
        sinceMs: 0,
        heardMs: 0,
        isClassic: true,
      };
    }),
  };
}

export function noGroup(groupId: string, error: number, message: string): GroupDescription {
  const none = { epoch: -1, assignmentEpoch: -1, assignor: '', protocolType: '', members: [] };
  return { groupId, error, message, type: 'classic', state: 'Dead', ...none };
}

/** The one group that was to go. */
export function deleteReply(groupId: string, response: ResponseFrom<typeof deleteGroups>) {
  const error = busCode(response.results[0]?.errorCode ?? -1);
  return { groupId, error, message: '' };
}

const NOTHING = new Uint8Array(0);
/** ConsumerGroupDescribeResponse.MemberType. */
const CLASSIC = 0;
