/** What lists all that there is, on a broker that has two topics and two groups; and what is asked of the broker itself. Goes first. */
import { produce } from '../../../../src/kafka/api/00-produce.ts';
import { metadata } from '../../../../src/kafka/api/03-metadata.ts';
import { offsetCommit } from '../../../../src/kafka/api/08-offset-commit.ts';
import { findCoordinator } from '../../../../src/kafka/api/10-find-coordinator.ts';
import { listGroups } from '../../../../src/kafka/api/16-list-groups.ts';
import { apiVersions } from '../../../../src/kafka/api/18-api-versions.ts';
import { initProducerId } from '../../../../src/kafka/api/22-init-producer-id.ts';
import { describeConfigs } from '../../../../src/kafka/api/32-describe-configs.ts';
import { describeLogDirs } from '../../../../src/kafka/api/35-describe-log-dirs.ts';
import { electLeaders } from '../../../../src/kafka/api/43-elect-leaders.ts';
import { listPartitionReassignments } from '../../../../src/kafka/api/46-list-partition-reassignments.ts';
import { listTransactions } from '../../../../src/kafka/api/66-list-transactions.ts';
import { consumerGroupHeartbeat } from '../../../../src/kafka/api/68-consumer-group-heartbeat.ts';
import { getTelemetrySubscriptions } from '../../../../src/kafka/api/71-get-telemetry-subscriptions.ts';
import { listConfigResources } from '../../../../src/kafka/api/74-list-config-resources.ts';
import { describeTopicPartitions } from '../../../../src/kafka/api/75-describe-topic-partitions.ts';
import { apiOf } from '../../../../src/kafka/apis.ts';
import { ZERO_UUID } from '../../../../src/kafka/schema.ts';
import { batchOf } from '../../../kafka/wire-client.ts';
import type { Asker } from '../asking.ts';
import { commitOf } from './commits.ts';

export async function listCases(asker: Asker): Promise<void> {
  const ids = await asker.makeTopics({ alpha: 2, beta: 1 });
  const records = batchOf(['x'], { timestampMs: 1 });
  await asker.prepare(produce, {
    acks: -1,
    timeoutMs: 2000,
    topicData: [{ name: 'alpha', topicId: ids.alpha, partitionData: [{ index: 0, records }] }],
  });
  await awake(asker);
  await everything(asker);
  await groups(asker);
  await logDirs(asker);
  await elections(asker);
  await transactions(asker);
  await versions(asker);
}

/** Kafka makes the topic of offsets when it is asked for a coordinator first, and takes its time; so with producer ids. */
async function awake(asker: Asker): Promise<void> {
  const topics = [{ name: 'alpha', partitions: commitOf().topics[0].partitions }];
  const found = { key: '', coordinatorKeys: ['offsets-alone'] };
  await asker.until(findCoordinator, found, ({ coordinators: [{ errorCode }] }) => errorCode === 0);
  const commit = commitOf({ groupId: 'offsets-alone', topics });
  await asker.until(offsetCommit, commit, ({ topics: [{ partitions }] }) => partitions[0].errorCode === 0, 9);
  await asker.until(initProducerId, { transactionalId: null, transactionTimeoutMs: 1000 }, ({ errorCode }) => errorCode === 0);
  const heartbeat = {
    groupId: 'awake',
    memberId: 'A',
    memberEpoch: 0,
    rebalanceTimeoutMs: 10_000,
    subscribedTopicNames: ['alpha'],
    topicPartitions: [],
  };
  await asker.until(consumerGroupHeartbeat, heartbeat, ({ errorCode }) => errorCode === 0);
}

async function everything(asker: Asker): Promise<void> {
  const all = {
    topics: null,
    allowAutoTopicCreation: false,
    includeTopicAuthorizedOperations: false,
    includeClusterAuthorizedOperations: false,
  };
  for (const version of [1, 13]) await asker.ask('all', metadata, all, version);
  await asker.ask('all', metadata, { ...all, topics: [] }, 0);
  await asker.ask('all', describeTopicPartitions, { topics: [] });
  for (const version of [0, 1]) await asker.ask('all', listConfigResources, { resourceTypes: [] }, version);
  for (const type of [2, 32]) await asker.ask(`type ${type}`, listConfigResources, { resourceTypes: [type] });
  for (const [label, resourceType, resourceName] of [
    ['all of the broker', 4, '1'],
    ['all of the logger', 8, '1'],
  ] as const) {
    const resources = [{ resourceType, resourceName, configurationKeys: null }];
    await asker.ask(label, describeConfigs, { resources, includeSynonyms: false, includeDocumentation: false });
  }
}

async function groups(asker: Asker): Promise<void> {
  const list = (label: string, statesFilter: readonly string[], typesFilter: readonly string[], version?: number) =>
    asker.ask(label, listGroups, { statesFilter, typesFilter }, version);
  for (const version of [0, 3, 4, 5]) await list('all', [], [], version);
  await list('unknown state', ['zap'], []);
  await list('unknown type', [], ['zap']);
  await list('stable ones of consumers', ['stable'], ['Consumer']);
  await list('classic ones', [], ['classic']);
  await list('empty ones', ['Empty'], []);
  await list('stable or unknown', ['Stable', 'zap'], []);
}

async function logDirs(asker: Asker): Promise<void> {
  await asker.ask('all', describeLogDirs, { topics: null });
  await asker.ask('unknown topic', describeLogDirs, { topics: [{ topic: 'absent', partitions: [0] }] });
  await asker.ask('nothing', describeLogDirs, { topics: [] });
  await asker.ask('one, and an unknown partition', describeLogDirs, { topics: [{ topic: 'alpha', partitions: [0, 9] }] });
  for (const version of [1, 2, 3]) await asker.ask('one', describeLogDirs, { topics: [{ topic: 'alpha', partitions: [0] }] }, version);
}

async function elections(asker: Asker): Promise<void> {
  for (const electionType of [0, 1, 7]) {
    const elect = (label: string, topicPartitions: { topic: string; partitions: number[] }[] | null) =>
      asker.ask(`${label}, type ${electionType}`, electLeaders, { electionType, topicPartitions, timeoutMs: 1000 });
    await elect('all', null);
    await elect('one, and unknown ones', [
      { topic: 'alpha', partitions: [0, 9] },
      { topic: 'absent', partitions: [0] },
    ]);
    await elect('nothing', []);
  }
  await asker.ask('one', electLeaders, { electionType: 0, topicPartitions: [{ topic: 'alpha', partitions: [0] }], timeoutMs: 1000 }, 0);
  const moved = (label: string, topics: { name: string; partitionIndexes: number[] }[] | null) =>
    asker.ask(label, listPartitionReassignments, { topics, timeoutMs: 1000 });
  await moved('all', null);
  await moved('one', [{ name: 'alpha', partitionIndexes: [0] }]);
  await moved('unknown', [{ name: 'absent', partitionIndexes: [0] }]);
}

async function transactions(asker: Asker): Promise<void> {
  const list = (label: string, stateFilters: string[], transactionalIdPattern: string | null) =>
    asker.ask(label, listTransactions, { stateFilters, producerIdFilters: [], durationFilter: -1, transactionalIdPattern });
  await list('all', [], null);
  await list('by state', ['Zap', 'Ongoing'], null);
  await list('by a pattern', [], 'a.*');
  await list('by no pattern', [], '');
  await list('by a bad pattern', [], '(');
  const init = (label: string, producerId: number, producerEpoch: number, transactionTimeoutMs = 1000) =>
    asker.ask(label, initProducerId, { transactionalId: null, transactionTimeoutMs, producerId, producerEpoch });
  await init('a new one', -1, -1);
  await init('one that it has', 5, 3);
  await init('an id without an epoch', 5, -1);
  await init('an epoch without an id', -1, 3);
  await init('no time', -1, -1, 0);
  await asker.ask('without a name', initProducerId, { transactionalId: '', transactionTimeoutMs: 1000 });
}

async function versions(asker: Asker): Promise<void> {
  const ask = (version: number, clientSoftwareName = 'a', clientSoftwareVersion = '1') =>
    asker.prepare(apiVersions, { clientSoftwareName, clientSoftwareVersion }, version);
  const { apiKeys } = await ask(4);
  // What Spillway does not speak is in docs/protocol.md.
  const spoken = apiKeys
    .filter(({ apiKey }) => apiOf(apiKey) !== undefined)
    .toSorted((a, b) => a.apiKey - b.apiKey)
    .map(({ apiKey, minVersion, maxVersion }) => `${apiKey}: ${minVersion} to ${maxVersion}`);
  asker.note('ApiVersions v4 spoken', spoken);
  for (const version of [0, 3, 4]) {
    const { errorCode, apiKeys: rows, supportedFeatures, finalizedFeatures, zkMigrationReady } = await ask(version);
    const features = [supportedFeatures.length > 0, finalizedFeatures.length > 0];
    asker.note(`ApiVersions v${version} but for its rows`, { errorCode, rows: rows.length > 0, features, zkMigrationReady });
  }
  for (const [label, name, version] of [
    ['no name', '', '1'],
    ['name with a space', 'a b', '1'],
    ['no version', 'a', ''],
  ]) {
    const { errorCode, apiKeys: rows } = await ask(3, name, version);
    asker.note(`ApiVersions v3 ${label}`, { errorCode, rows: rows.length > 0 });
  }
  await asker.ask('a new one', getTelemetrySubscriptions, { clientInstanceId: ZERO_UUID });
}
