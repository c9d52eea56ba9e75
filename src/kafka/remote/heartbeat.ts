/**
 * The heartbeat of KIP-848 in Kafka's words. A broker names topics by id alone, so their names are looked up before a member hears what it is
 * assigned. Pure.
 */
import { errors } from '../../base/errors.ts';
import type { GroupVerbs } from '../../coordinator/groups/protocol.ts';
import type { consumerGroupHeartbeat } from '../api/68-consumer-group-heartbeat.ts';
import { type Answer, busCode, type RequestTo, type ResponseFrom } from './words.ts';

type Ask = GroupVerbs['consumerGroupHeartbeat']['ask'];

/**
 * The session timeout is the group's and cannot be asked for (group config `consumer.session.timeout.ms`). A pattern that was never there is
 * not said, so that brokers which do not know patterns yet take the rest.
 */
export function memberRequest(ask: Ask): RequestTo<typeof consumerGroupHeartbeat> {
  const { groupId, memberId, memberEpoch, instanceId, rackId, rebalanceTimeoutMs, topics, topicRegex, assignor, owned } = ask;
  return {
    groupId,
    memberId,
    memberEpoch,
    instanceId,
    rackId,
    rebalanceTimeoutMs,
    subscribedTopicNames: topics,
    subscribedTopicRegex: topicRegex === '' ? null : topicRegex,
    serverAssignor: assignor,
    topicPartitions: owned,
  };
}

/** Topics whose names a member needs. */
export function idsIn({ assignment }: ResponseFrom<typeof consumerGroupHeartbeat>): string[] {
  return assignment?.topicPartitions.map(({ topicId }) => topicId) ?? [];
}

/**
 * With a topic that nobody can name yet the member is told to try again: it then says everything anew, and is told the whole assignment
 * once more. Without it, it would take a part for the whole.
 */
export function memberReply(
  ask: Ask,
  response: ResponseFrom<typeof consumerGroupHeartbeat>,
  names: Readonly<Record<string, string>>,
): Answer<'consumerGroupHeartbeat'> {
  const unnamed = idsIn(response).find((id) => names[id] === undefined);
  if (unnamed !== undefined)
    return noHeartbeat(ask, errors.UNKNOWN_TOPIC_ID.code, `the topic with id ${unnamed} is assigned, and not known to the brokers yet`);
  return {
    error: busCode(response.errorCode),
    message: response.errorMessage ?? '',
    memberId: response.memberId ?? ask.memberId,
    memberEpoch: response.memberEpoch,
    heartbeatIntervalMs: response.heartbeatIntervalMs,
    assignment: response.assignment?.topicPartitions.map(({ topicId, partitions }) => ({ topicId, partitions: [...partitions] })) ?? null,
    names: { ...names },
  };
}

export function noHeartbeat({ memberId, memberEpoch }: Ask, error: number, message: string): Answer<'consumerGroupHeartbeat'> {
  return { error, message, memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null, names: {} };
}
