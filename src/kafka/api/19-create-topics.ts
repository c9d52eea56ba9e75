/** CreateTopics: with partitions or an assignment, and configs; checked only, if so asked. */
import { errors } from '../../base/errors.ts';
import type { NewTopic, TopicResult } from '../../coordinator/protocol.ts';
import { kafkaCode, NODE_ID } from '../broker.ts';
import { configSources, configsAsMade } from '../configs.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, bool, int8, int16, int32, type RequestOf, type ResponseOf, string, struct, uuid, ZERO_UUID } from '../schema.ts';

export const createTopics = api({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexible: 5,
  request: {
    topics: array(
      struct({
        name: string(),
        numPartitions: int32(),
        replicationFactor: int16(),
        assignments: array(
          struct({
            partitionIndex: int32(),
            brokerIds: array(int32()),
          }),
        ),
        configs: array(
          struct({
            name: string(),
            value: string({ nullable: true }),
          }),
        ),
      }),
    ),
    timeoutMs: int32({ default: 60_000 }),
    validateOnly: bool({ default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        name: string(),
        topicId: uuid({ since: 7 }),
        errorCode: int16({ default: 0 }),
        errorMessage: string({ nullable: true }),
        topicConfigErrorCode: int16({ since: 5, tag: 0 }),
        numPartitions: int32({ since: 5, default: -1 }),
        replicationFactor: int16({ since: 5, default: -1 }),
        configs: array(
          struct({
            name: string(),
            value: string({ nullable: true }),
            readOnly: bool(),
            configSource: int8({ default: -1 }),
            isSensitive: bool(),
          }),
          { since: 5, nullable: true },
        ),
      }),
    ),
  },
});

type Request = RequestOf<typeof createTopics>;
type Row = ResponseOf<typeof createTopics>['topics'][number];

export function handleCreateTopics(request: Request, { broker }: Call, reply: Reply<typeof createTopics.response>): void {
  const { dispatcher } = broker;
  const wanted = request.topics.map(newTopicOf);
  const topics = wanted.flatMap((one) => (one.refusal === '' ? [one.topic] : []));
  dispatcher.askCoordinator('createTopics', { topics, validateOnly: request.validateOnly }, (error, answer) => {
    const results = new Map((answer?.topics ?? []).map((result) => [result.name, result]));
    const made = request.validateOnly ? [] : [...results.values()].filter((result) => result.error === 0).map(({ name }) => name);
    configsAsMade(dispatcher, made, (configs) => {
      const rows = wanted.map(({ topic, refusal }) => {
        if (refusal !== '') return refused(topic.name, errors.INVALID_REPLICA_ASSIGNMENT.code, refusal);
        const result = results.get(topic.name);
        return result === undefined ? refused(topic.name, error, null) : rowOf(result, configs.get(topic.name) ?? asAsked(topic));
      });
      reply({ topics: rows });
    });
  });
}

/** Partitions by count, or by an assignment to brokers, of which there is one. */
function newTopicOf({ name, numPartitions, replicationFactor, assignments, configs }: Request['topics'][number]): {
  topic: NewTopic;
  refusal: string;
} {
  const topic = { name, partitions: numPartitions, replicationFactor, configs: setOnly(configs) };
  if (assignments.length === 0) return { topic, refusal: '' };
  topic.partitions = assignments.length;
  topic.replicationFactor = 1;
  const refusal = numPartitions !== -1 || replicationFactor !== -1 ? 'give an assignment, or counts' : assignmentRefusal(assignments);
  return { topic, refusal };
}

export function assignmentRefusal(assignments: readonly { partitionIndex: number; brokerIds: readonly number[] }[]): string {
  const partitions = assignments.map(({ partitionIndex }) => partitionIndex).sort((a, b) => a - b);
  if (partitions.some((partition, i) => partition !== i)) return 'partitions are numbered from 0 without gaps';
  if (assignments.some(({ brokerIds }) => brokerIds.length !== 1 || brokerIds[0] !== NODE_ID))
    return `every partition lies on broker ${NODE_ID} alone`;
  return '';
}

/** The configs of a topic that was only tried: those that it would have of its own. Kafka's Java client wants a list where there is no error. */
function asAsked({ configs }: NewTopic): NonNullable<Row['configs']> {
  return Object.entries(configs).map(([name, value]) => ({
    name,
    value,
    readOnly: false,
    configSource: configSources.topic,
    isSensitive: false,
  }));
}

function setOnly(configs: readonly { name: string; value: string | null }[]): Record<string, string> {
  return Object.fromEntries(configs.flatMap(({ name, value }) => (value === null ? [] : [[name, value]])));
}

function rowOf(result: TopicResult, configs: Row['configs']): Row {
  if (result.error !== 0) return refused(result.name, result.error, result.message);
  return {
    name: result.name,
    topicId: result.topicId === '' ? ZERO_UUID : result.topicId,
    errorMessage: null,
    numPartitions: result.partitions,
    replicationFactor: 1,
    configs,
  };
}

function refused(name: string, error: number, errorMessage: string | null): Row {
  return { name, topicId: ZERO_UUID, errorCode: kafkaCode(error), errorMessage, configs: null };
}
