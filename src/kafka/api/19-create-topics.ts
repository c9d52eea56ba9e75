/** CreateTopics: with partitions or an assignment, and configs; checked only, if so asked. */
import { errors } from '../../base/errors.ts';
import type { NewTopic, TopicResult } from '../../coordinator/protocol.ts';
import { type Broker, kafkaCode, NODE_ID } from '../broker.ts';
import { namedTwice } from '../by-topic.ts';
import { rowOf as configRow } from '../configs.ts';
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

/** A topic that is named twice is answered once. */
export function handleCreateTopics(request: Request, { broker }: Call, reply: Reply<typeof createTopics.response>): void {
  const { validateOnly } = request;
  const wanted = request.topics.map(newTopicOf);
  const names = new Set(wanted.map(({ topic }) => topic.name));
  const twice = namedTwice(wanted.map(({ topic }) => topic.name));
  const refusals = new Map(wanted.flatMap((one) => (one.error !== 0 && !twice.has(one.topic.name) ? [[one.topic.name, one]] : [])));
  const topics = wanted.flatMap(({ topic }) => (refusals.has(topic.name) ? [] : [topic]));
  broker.dispatcher.askCoordinator('createTopics', { topics, validateOnly, describe: true }, (error, answer) => {
    const results = new Map((answer?.topics ?? []).map((result) => [result.name, result]));
    const rows = [...names].map((name) => {
      const refusal = refusals.get(name);
      if (refusal !== undefined) return refused(name, refusal.error, refusal.message);
      const result = results.get(name);
      if (result === undefined) return refused(name, error, null);
      return result.error === 0 ? rowOf(result, broker) : refused(name, result.error, result.message);
    });
    reply({ topics: rows });
  });
}

interface Wanted {
  topic: NewTopic;
  /** Not 0: why it cannot be asked for. */
  error: number;
  message: string;
}

/** Partitions by count, or by an assignment to brokers, of which there is one. */
function newTopicOf({ name, numPartitions, replicationFactor, assignments, configs }: Request['topics'][number]): Wanted {
  const topic = { name, partitions: numPartitions, replicationFactor, configs: setOnly(configs) };
  const unset = configs.find(({ value }) => value === null);
  if (unset !== undefined)
    return { topic, error: errors.INVALID_CONFIG.code, message: `"${unset.name}" has no value: leave it out, or give one` };
  if (assignments.length === 0) return { topic, error: 0, message: '' };
  topic.partitions = assignments.length;
  topic.replicationFactor = 1;
  if (numPartitions !== -1 || replicationFactor !== -1)
    return { topic, error: errors.INVALID_REQUEST.code, message: 'give an assignment, or counts' };
  const message = assignmentRefusal(assignments);
  return { topic, error: message === '' ? 0 : errors.INVALID_REPLICA_ASSIGNMENT.code, message };
}

export function assignmentRefusal(assignments: readonly { partitionIndex: number; brokerIds: readonly number[] }[]): string {
  const partitions = assignments.map(({ partitionIndex }) => partitionIndex).sort((a, b) => a - b);
  if (partitions.some((partition, i) => partition !== i)) return 'partitions are numbered from 0 without gaps';
  if (assignments.some(({ brokerIds }) => brokerIds.length !== 1 || brokerIds[0] !== NODE_ID))
    return `every partition lies on broker ${NODE_ID} alone`;
  return '';
}

function setOnly(configs: readonly { name: string; value: string | null }[]): Record<string, string> {
  return Object.fromEntries(configs.flatMap(({ name, value }) => (value === null ? [] : [[name, value]])));
}

/** A topic that was only tried has an id as well, that nobody will see again. */
function rowOf({ name, topicId, partitions, entries = [] }: TopicResult, { dispatcher }: Broker): Row {
  return {
    name,
    topicId: topicId === '' ? Buffer.from(dispatcher.random.bytes(16)).toString('hex') : topicId,
    errorMessage: null,
    numPartitions: partitions,
    replicationFactor: 1,
    configs: entries.map(configRow),
  };
}

function refused(name: string, error: number, errorMessage: string | null): Row {
  return { name, topicId: ZERO_UUID, errorCode: kafkaCode(error), errorMessage, configs: [] };
}
