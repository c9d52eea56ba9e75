/** Metadata, DescribeTopicPartitions, DescribeCluster, DescribeProducers: what there is, by name and by id. */

import { produce } from '../../../../src/kafka/api/00-produce.ts';
import { metadata } from '../../../../src/kafka/api/03-metadata.ts';
import { describeCluster } from '../../../../src/kafka/api/60-describe-cluster.ts';
import { describeProducers } from '../../../../src/kafka/api/61-describe-producers.ts';
import { describeTopicPartitions } from '../../../../src/kafka/api/75-describe-topic-partitions.ts';
import { type OutgoingRequestOf, ZERO_UUID } from '../../../../src/kafka/schema.ts';
import { batchOf } from '../../../kafka/wire-client.ts';
import { type Asker, NO_TOPIC_ID } from '../asking.ts';

type Request = OutgoingRequestOf<typeof metadata>;
type Named = NonNullable<Request['topics']>[number];
type Page = OutgoingRequestOf<typeof describeTopicPartitions>;

const byName = (name: string | null): Named => ({ topicId: ZERO_UUID, name });
const NO_OPS = { includeTopicAuthorizedOperations: false, includeClusterAuthorizedOperations: false };
const ALL_OPS = { includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true };

export async function metadataCases(asker: Asker): Promise<void> {
  const ids = await asker.makeTopics({ shown: 2, 'shown-too': 1 });
  const ask = (label: string, topics: readonly Named[] | null, more: Partial<Request> = {}, version?: number) =>
    asker.ask(label, metadata, { topics, allowAutoTopicCreation: false, ...NO_OPS, ...more }, version);
  for (const version of [0, 1, 4, 8, 9, 12, 13]) {
    await ask('one', [byName('shown')], {}, version);
    await ask('unknown', [byName('absent')], {}, version);
    await ask('bad name', [byName('bad name')], {}, version);
    await ask('empty name', [byName('')], {}, version);
  }
  const cases: Readonly<Record<string, readonly Named[]>> = {
    none: [],
    'by id': [{ topicId: ids.shown, name: null }],
    'by id and name': [{ topicId: ids.shown, name: 'shown' }],
    'by id and another name': [{ topicId: ids.shown, name: 'shown-too' }],
    'by unknown id': [{ topicId: NO_TOPIC_ID, name: null }],
    twice: [byName('shown'), byName('shown')],
    'by id twice': [
      { topicId: ids.shown, name: null },
      { topicId: ids.shown, name: null },
    ],
    'one and an unknown one': [byName('shown'), byName('absent')],
    'by id, and another by name': [{ topicId: ids.shown, name: null }, byName('shown-too')],
    'name of 250': [byName('a'.repeat(250))],
    'a dot': [byName('.')],
  };
  for (const [label, topics] of Object.entries(cases)) await ask(label, topics);
  await ask('with operations', [byName('shown')], ALL_OPS);
  await ask('with operations', [byName('shown')], ALL_OPS, 8);
  await ask('unknown, may be made', [byName('absent')], { allowAutoTopicCreation: true });
  await ask('bad name, may be made', [byName('bad name')], { allowAutoTopicCreation: true });
  await pageCases(asker);
  for (const endpointType of [0, 1, 2, 3]) {
    await asker.ask(`endpoint type ${endpointType}`, describeCluster, {
      includeClusterAuthorizedOperations: true,
      endpointType,
      includeFencedBrokers: false,
    });
  }
  await asker.ask('first version', describeCluster, { includeClusterAuthorizedOperations: false, includeFencedBrokers: false }, 0);
  await producerCases(asker, ids.shown);
}

/** Names sort before what the cursor names, or after it. */
async function pageCases(asker: Asker): Promise<void> {
  const page = (label: string, names: readonly string[], more: Partial<Page> = {}) =>
    asker.ask(label, describeTopicPartitions, { topics: names.map((name) => ({ name })), ...more });
  const both = ['shown', 'shown-too'];
  await page('one', ['shown']);
  await page('limit 1', both, { responsePartitionLimit: 1 });
  await page('limit 2', both, { responsePartitionLimit: 2 });
  await page('limit 0', ['shown'], { responsePartitionLimit: 0 });
  await page('limit -1', ['shown'], { responsePartitionLimit: -1 });
  await page('unknown', ['absent']);
  await page('bad name', ['bad name']);
  await page('cursor', both, { cursor: { topicName: 'shown', partitionIndex: 1 } });
  await page('cursor past its topic', both, { cursor: { topicName: 'shown', partitionIndex: 2 } });
  await page('cursor between', both, { cursor: { topicName: 'shown-a', partitionIndex: 0 } });
  await page('cursor before all', ['shown'], { cursor: { topicName: 'a', partitionIndex: 0 } });
  await page('cursor negative', ['shown'], { cursor: { topicName: 'shown', partitionIndex: -1 } });
  await page('cursor behind all', ['shown'], { cursor: { topicName: 'zzz', partitionIndex: 0 } });
  await page('twice', ['shown', 'shown']);
}

async function producerCases(asker: Asker, topicId: string): Promise<void> {
  const records = batchOf(['x'], { producerId: 999, producerEpoch: 0, baseSequence: 0 });
  const topicData = [{ name: 'shown', topicId, partitionData: [{ index: 1, records }] }];
  await asker.prepare(produce, { acks: -1, timeoutMs: 2000, topicData });
  const ask = (label: string, name: string, partitionIndexes: number[]) =>
    asker.ask(label, describeProducers, { topics: [{ name, partitionIndexes }] });
  await ask('one', 'shown', [1]);
  await ask('none, and unknown partition', 'shown', [0, 9]);
  await ask('unknown topic', 'absent', [0]);
  await ask('bad name', 'bad name', [0]);
  await asker.ask('nothing', describeProducers, { topics: [] });
}
