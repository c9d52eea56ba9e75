/** On a broker that makes topics when they are asked for: which requests make one, and which do not. */
import { produce } from '../../../../src/kafka/api/00-produce.ts';
import { fetch } from '../../../../src/kafka/api/01-fetch.ts';
import { listOffsets } from '../../../../src/kafka/api/02-list-offsets.ts';
import { metadata } from '../../../../src/kafka/api/03-metadata.ts';
import { offsetCommit } from '../../../../src/kafka/api/08-offset-commit.ts';
import { offsetFetch } from '../../../../src/kafka/api/09-offset-fetch.ts';
import { findCoordinator } from '../../../../src/kafka/api/10-find-coordinator.ts';
import { deleteRecords } from '../../../../src/kafka/api/21-delete-records.ts';
import { offsetForLeaderEpoch } from '../../../../src/kafka/api/23-offset-for-leader-epoch.ts';
import { describeConfigs } from '../../../../src/kafka/api/32-describe-configs.ts';
import { createPartitions } from '../../../../src/kafka/api/37-create-partitions.ts';
import { describeTopicPartitions } from '../../../../src/kafka/api/75-describe-topic-partitions.ts';
import { ZERO_UUID } from '../../../../src/kafka/schema.ts';
import { batchOf } from '../../../kafka/wire-client.ts';
import { type Asker, NO_TOPIC_ID } from '../asking.ts';
import { commitOf } from './commits.ts';

const show = (name: string | null, allowAutoTopicCreation: boolean, topicId = ZERO_UUID) => ({
  topics: [{ topicId, name }],
  allowAutoTopicCreation,
  includeTopicAuthorizedOperations: false,
  includeClusterAuthorizedOperations: false,
});

export async function makingCases(asker: Asker): Promise<void> {
  await nobodyMakes(asker);
  await asker.ask('may not make', metadata, show('left-alone', false));
  await asker.ask('bad name, makes', metadata, show('bad name', true));
  await asker.ask('unknown id, makes', metadata, show(null, true, NO_TOPIC_ID));
  await asker.ask('empty name, makes', metadata, show('', true));
  for (const version of [1, 4, 13]) {
    const name = `made-${version}`;
    await asker.ask('makes', metadata, show(name, true), version);
    const isThere = ({
      topics: [{ errorCode, partitions }],
    }: {
      topics: readonly { errorCode: number; partitions: readonly unknown[] }[];
    }) => errorCode === 0 && partitions.length > 0;
    await asker.until(metadata, show(name, false), isThere);
    await asker.ask('made', metadata, show(name, true), version);
  }
  await asker.makeTopics({ 'with.dot': 1 });
  await asker.ask('name that collides, makes', metadata, show('with_dot', true));
  await asker.ask('nothing else was made', metadata, { ...show('', false), topics: null });
}

/** Each of them names a topic that is not there. */
async function nobodyMakes(asker: Asker): Promise<void> {
  const [topic, name, topicId] = ['nobody-made', 'nobody-made', NO_TOPIC_ID];
  const partitionData = [{ index: 0, records: batchOf(['x']) }];
  await asker.ask('makes none', produce, { acks: -1, timeoutMs: 2000, topicData: [{ name, topicId, partitionData }] }, 12);
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }];
  await asker.ask(
    'makes none',
    fetch,
    { maxWaitMs: 10, minBytes: 1, topics: [{ topic, topicId, partitions }], forgottenTopicsData: [] },
    12,
  );
  const rows = [{ partitionIndex: 0, timestamp: -1 }];
  await asker.ask('makes none', listOffsets, { replicaId: -1, isolationLevel: 0, timeoutMs: 1000, topics: [{ name, partitions: rows }] });
  await asker.ask('makes none', deleteRecords, { timeoutMs: 1000, topics: [{ name, partitions: [{ partitionIndex: 0, offset: 0 }] }] });
  await asker.ask('makes none', offsetForLeaderEpoch, {
    replicaId: -1,
    topics: [{ topic, partitions: [{ partition: 0, leaderEpoch: 0 }] }],
  });
  const resources = [{ resourceType: 2, resourceName: name, configurationKeys: null }];
  await asker.ask('makes none', describeConfigs, { resources, includeSynonyms: false, includeDocumentation: false });
  await asker.ask('makes none', createPartitions, {
    topics: [{ name, count: 3, assignments: null }],
    timeoutMs: 1000,
    validateOnly: false,
  });
  await asker.ask('makes none', describeTopicPartitions, { topics: [{ name }] });
  await asker.until(findCoordinator, { key: '', coordinatorKeys: ['commits'] }, ({ coordinators: [{ errorCode }] }) => errorCode === 0);
  const loaded = { groupId: 'commits', topics: [], groups: [{ groupId: 'commits', topics: null }] };
  await asker.until(offsetFetch, loaded, ({ groups: [{ errorCode }] }) => errorCode === 0, 9);
  await asker.ask('makes none', offsetCommit, commitOf({ topics: [{ name, partitions: commitOf().topics[0].partitions }] }), 9);
}
