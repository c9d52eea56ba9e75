/** ConsumerGroupDescribe: groups of KIP-848, each member with what it has and what it is to have. */
import { errors } from '../../base/errors.ts';
import type { GroupDescription, MemberDescription, TopicPartitions } from '../../coordinator/groups/protocol.ts';
import { type Broker, kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { groupOperations, operationsOf } from '../operations.ts';
import { api, array, bool, int8, int16, int32, type RequestOf, type ResponseOf, string, struct, uuid, ZERO_UUID } from '../schema.ts';

const topicPartitions = {
  topicId: uuid(),
  topicName: string(),
  partitions: array(int32()),
};

const assignment = {
  topicPartitions: array(struct(topicPartitions)),
};

export const consumerGroupDescribe = api({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: [0, 1],
  flexible: 0,
  request: {
    groupIds: array(string()),
    includeAuthorizedOperations: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    groups: array(
      struct({
        errorCode: int16({ default: 0 }),
        errorMessage: string({ nullable: true, default: null }),
        groupId: string(),
        groupState: string(),
        groupEpoch: int32(),
        assignmentEpoch: int32(),
        assignorName: string(),
        members: array(
          struct({
            memberId: string(),
            instanceId: string({ nullable: true, default: null }),
            rackId: string({ nullable: true, default: null }),
            memberEpoch: int32(),
            clientId: string(),
            clientHost: string(),
            subscribedTopicNames: array(string()),
            subscribedTopicRegex: string({ nullable: true, default: null }),
            assignment: struct(assignment),
            targetAssignment: struct(assignment),
            memberType: int8({ since: 1, default: -1 }),
          }),
        ),
        authorizedOperations: int32({ default: -2_147_483_648 }),
      }),
    ),
  },
});

type Row = ResponseOf<typeof consumerGroupDescribe>['groups'][number];
type MemberRow = Row['members'][number];

export function handleConsumerGroupDescribe(
  request: RequestOf<typeof consumerGroupDescribe>,
  { broker }: Call,
  reply: Reply<typeof consumerGroupDescribe.response>,
): void {
  const authorizedOperations = operationsOf(request.includeAuthorizedOperations, groupOperations);
  broker.dispatcher.askCoordinator('describeGroups', { groupIds: [...request.groupIds] }, (error, answer) => {
    const known = new Map((answer?.groups ?? []).map((group) => [group.groupId, group]));
    const members = [...known.values()].flatMap((group) => group.members);
    const topics = new Set(members.flatMap(({ assignment: has, targetAssignment: gets }) => [...has, ...gets].map(({ topic }) => topic)));
    // Assignments are told by id too.
    const named = [...topics].map((topic) => ({ topic, topicId: ZERO_UUID }));
    broker.topics.learn(named, false, () => {
      const groups = request.groupIds.map((groupId): Row => {
        if (groupId === '') return dead(groupId, errors.INVALID_GROUP_ID.code, null);
        const group = known.get(groupId);
        if (group === undefined) return dead(groupId, error, null);
        if (group.error !== 0) return dead(groupId, group.error, group.message === '' ? `Group ${groupId} not found.` : group.message);
        if (group.type !== 'consumer') return dead(groupId, errors.GROUP_ID_NOT_FOUND.code, `Group ${groupId} is not a consumer group.`);
        return { ...rowOf(broker, group), authorizedOperations };
      });
      reply({ groups });
    });
  });
}

function rowOf(broker: Broker, { groupId, state, epoch, assignmentEpoch, assignor, members }: GroupDescription): Row {
  return {
    errorMessage: null,
    groupId,
    groupState: state,
    groupEpoch: epoch,
    assignmentEpoch,
    assignorName: assignor,
    members: members.map((member) => memberRow(broker, member)),
  };
}

function memberRow(broker: Broker, member: MemberDescription): MemberRow {
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.subscribedTopics,
    subscribedTopicRegex: member.subscribedRegex,
    assignment: { topicPartitions: withIds(broker, member.assignment) },
    targetAssignment: { topicPartitions: withIds(broker, member.targetAssignment) },
    memberType: member.isClassic ? 0 : 1,
  };
}

/** Topics that are gone meanwhile are left out. */
function withIds({ topics }: Broker, assigned: readonly TopicPartitions[]) {
  return assigned.flatMap(({ topic, partitions }) => {
    const known = topics.find({ topic, topicId: ZERO_UUID });
    return known === undefined ? [] : [{ topicId: known.topicId, topicName: topic, partitions }];
  });
}

function dead(groupId: string, error: number, errorMessage: string | null): Row {
  const none = { groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [] };
  return { groupId, errorCode: kafkaCode(error), errorMessage, ...none };
}
