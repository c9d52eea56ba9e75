/** Metadata: brokers, topics and where their partitions are led. Topics have ids from version 10, and may be asked for by id from version 12. */

import { errors } from '../../base/errors.ts';
import { checkTopicName } from '../../coordinator/names.ts';
import type { TopicMetadata } from '../../coordinator/protocol.ts';
import { type Broker, kafkaCode, NODE_ID } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { clusterOperations, operationsOf, topicOperations } from '../operations.ts';
import { api, array, bool, int16, int32, type RequestOf, type ResponseOf, string, struct, uuid, ZERO_UUID } from '../schema.ts';
import type { TopicName } from '../topics.ts';

export const metadata = api({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexible: 9,
  request: {
    topics: array(
      struct({
        topicId: uuid({ since: 10 }),
        name: string({ nullable: 10 }),
      }),
      { nullable: 1 },
    ),
    allowAutoTopicCreation: bool({ since: 4, default: true }),
    includeClusterAuthorizedOperations: bool({ since: 8, until: 10 }),
    includeTopicAuthorizedOperations: bool({ since: 8 }),
  },
  response: {
    throttleTimeMs: int32({ since: 3, default: 0 }),
    brokers: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ since: 1, nullable: true, default: null }),
      }),
    ),
    clusterId: string({ since: 2, nullable: true, default: null }),
    controllerId: int32({ since: 1, default: -1 }),
    topics: array(
      struct({
        errorCode: int16({ default: 0 }),
        name: string({ nullable: 12 }),
        topicId: uuid({ since: 10 }),
        isInternal: bool({ since: 1, default: false }),
        partitions: array(
          struct({
            errorCode: int16({ default: 0 }),
            partitionIndex: int32(),
            leaderId: int32(),
            leaderEpoch: int32({ since: 7, default: -1 }),
            replicaNodes: array(int32()),
            isrNodes: array(int32()),
            offlineReplicas: array(int32(), { since: 5 }),
          }),
        ),
        topicAuthorizedOperations: int32({ since: 8, default: -2_147_483_648 }),
      }),
    ),
    clusterAuthorizedOperations: int32({ since: 8, until: 10, default: -2_147_483_648 }),
    errorCode: int16({ since: 13, default: 0 }),
  },
});

type Request = RequestOf<typeof metadata>;
type TopicRow = ResponseOf<typeof metadata>['topics'][number];

export function handleMetadata(request: Request, { broker, version }: Call, reply: Reply<typeof metadata.response>): void {
  const answer = (topics: TopicRow[]): void =>
    reply({
      brokers: [{ nodeId: NODE_ID, ...broker.advertised }],
      clusterId: broker.clusterId,
      controllerId: NODE_ID,
      topics,
      clusterAuthorizedOperations: operationsOf(request.includeClusterAuthorizedOperations, clusterOperations),
    });
  const operations = operationsOf(request.includeTopicAuthorizedOperations, topicOperations);
  // Before null could be said, an empty list meant all.
  if (request.topics === null || (version === 0 && request.topics.length === 0)) {
    broker.dispatcher.askCoordinator('metadata', { topics: null, autoCreate: false }, (_error, all) => {
      answer((all?.topics ?? []).map((topic) => rowOf(topic, operations)));
    });
    return;
  }
  const names = namedOnce(request.topics);
  broker.topics.learn(names, request.allowAutoTopicCreation, () => {
    answer(
      names.map((named) => {
        const topic = broker.topics.find(named);
        return topic === undefined ? refusedRow(broker, named) : rowOf(topic, operations);
      }),
    );
  });
}

/** Each topic once. Where some are asked for by id, names alone are not looked at, as in Kafka. */
function namedOnce(topics: NonNullable<Request['topics']>): TopicName[] {
  const byId = topics.filter(({ topicId }) => topicId !== ZERO_UUID);
  const once = new Map(
    (byId.length > 0 ? byId : topics).map(({ name, topicId }) => [topicId === ZERO_UUID ? name : topicId, { name, topicId }]),
  );
  return [...once.values()].map(({ name, topicId }) => ({ topic: name ?? '', topicId }));
}

function rowOf(topic: TopicMetadata, topicAuthorizedOperations: number): TopicRow {
  return {
    name: topic.name,
    topicId: topic.topicId,
    errorCode: kafkaCode(topic.error),
    topicAuthorizedOperations,
    partitions: topic.partitions.map(({ partition, leaderEpoch }) => ({
      partitionIndex: partition,
      leaderId: NODE_ID,
      leaderEpoch,
      replicaNodes: [NODE_ID],
      isrNodes: [NODE_ID],
      offlineReplicas: [],
    })),
  };
}

function refusedRow({ topics }: Broker, named: TopicName): TopicRow {
  const isNamed = named.topicId === ZERO_UUID;
  const code = isNamed && checkTopicName(named.topic) !== null ? errors.INVALID_TOPIC_EXCEPTION.code : topics.refusalOf(named);
  const name = code === errors.UNKNOWN_TOPIC_ID.code ? null : named.topic;
  return { name, topicId: named.topicId, errorCode: kafkaCode(code), partitions: [] };
}
