/** ConsumerGroupHeartbeat of KIP-848: a member says what changed and is told its assignment. */
import { errors } from '../../base/errors.ts';
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, int16, int32, type RequestOf, string, struct, uuid } from '../schema.ts';

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
};

export const consumerGroupHeartbeat = api({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexible: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string({ nullable: true, default: null }),
    rackId: string({ nullable: true, default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: array(string(), { nullable: true, default: null }),
    subscribedTopicRegex: string({ since: 1, nullable: true, default: null }),
    serverAssignor: string({ nullable: true, default: null }),
    topicPartitions: array(
      struct({
        topicId: uuid(),
        partitions: array(int32()),
      }),
      { nullable: true, default: null },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: true, default: null }),
    memberId: string({ nullable: true, default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct(
      {
        topicPartitions: array(struct(topicPartitions)),
      },
      { nullable: true, default: null },
    ),
  },
});

export function handleConsumerGroupHeartbeat(
  request: RequestOf<typeof consumerGroupHeartbeat>,
  { broker, version, clientId, clientHost }: Call,
  reply: Reply<typeof consumerGroupHeartbeat.response>,
): void {
  const refuse = (error: number, errorMessage: string | null): void =>
    reply({ errorCode: kafkaCode(error), errorMessage, memberEpoch: 0, heartbeatIntervalMs: 0 });
  const { memberId, topicPartitions } = request;
  if (request.groupId.trim() === '') return refuse(errors.INVALID_REQUEST.code, "GroupId can't be empty.");
  if (version >= OWN_ID_SINCE && memberId === '') return refuse(errors.INVALID_REQUEST.code, "MemberId can't be empty.");
  const owned = topicPartitions?.map(({ topicId, partitions }) => ({ topicId, partitions: [...partitions] })) ?? null;
  const ask = {
    clientId,
    clientHost,
    groupId: request.groupId,
    memberId,
    memberEpoch: request.memberEpoch,
    instanceId: request.instanceId,
    rackId: request.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    sessionTimeoutMs: -1,
    topics: request.subscribedTopicNames === null ? null : [...request.subscribedTopicNames],
    topicRegex: request.subscribedTopicRegex,
    assignor: request.serverAssignor,
    owned,
  };
  broker.dispatcher.askCoordinator('consumerGroupHeartbeat', ask, (error, answer) => {
    if (error !== 0 || answer === null) return refuse(error, answer === null || answer.message === '' ? null : answer.message);
    reply({
      errorMessage: null,
      memberId: answer.memberId,
      memberEpoch: answer.memberEpoch,
      heartbeatIntervalMs: answer.heartbeatIntervalMs,
      assignment: answer.assignment === null ? null : { topicPartitions: answer.assignment },
    });
  });
}

/** From this version on members make their own ids. */
const OWN_ID_SINCE = 1;
