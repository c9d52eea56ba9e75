/** ListOffsets, OffsetForLeaderEpoch, DeleteRecords. */
import { produce } from '../../../../src/kafka/api/00-produce.ts';
import { listOffsets } from '../../../../src/kafka/api/02-list-offsets.ts';
import { deleteRecords } from '../../../../src/kafka/api/21-delete-records.ts';
import { offsetForLeaderEpoch } from '../../../../src/kafka/api/23-offset-for-leader-epoch.ts';
import type { OutgoingRequestOf } from '../../../../src/kafka/schema.ts';
import { batchOf } from '../../../kafka/wire-client.ts';
import type { Asker } from '../asking.ts';

type List = OutgoingRequestOf<typeof listOffsets>;
type Asked = List['topics'][number]['partitions'][number];
type Epoch = OutgoingRequestOf<typeof offsetForLeaderEpoch>['topics'][number]['partitions'][number];
type Deleted = OutgoingRequestOf<typeof deleteRecords>['topics'][number]['partitions'][number];

/** A second each. Partition 0 has records of these times, partition 1 has none. */
const times = [1000, 3000, 2000, 5000];

const epochs: Readonly<Record<string, Partial<Epoch>>> = {
  'epoch 0': {},
  'epoch 1': { leaderEpoch: 1 },
  'epoch -1': { leaderEpoch: -1 },
  'epoch -2': { leaderEpoch: -2 },
  'in an epoch to come': { currentLeaderEpoch: 5 },
  'in the epoch': { currentLeaderEpoch: 0 },
  'unknown partition': { partition: 9 },
  'of an empty partition': { partition: 1 },
};

const deleted: Readonly<Record<string, Partial<Deleted>>> = {
  'offset -5': { offset: -5 },
  'beyond the end': { offset: 9999 },
  'unknown partition': { partitionIndex: 9 },
  one: { offset: 1 },
  'what is gone': { offset: 0 },
  'of an empty partition': { partitionIndex: 1, offset: 0 },
  all: { offset: -1 },
};

export async function offsetCases(asker: Asker): Promise<void> {
  const ids = await asker.makeTopics({ listed: 2, shrunk: 2 });
  await asker.makeTopics({ 'shrunk-compacted': 1 }, { 'cleanup.policy': 'compact' });
  await asker.makeTopics({ 'shrunk-kept': 1 }, { 'cleanup.policy': '' });
  for (const name of ['listed', 'shrunk'] as const) {
    for (const timestampMs of times) {
      const topicData = [{ name, topicId: ids[name], partitionData: [{ index: 0, records: batchOf(['x'], { timestampMs }) }] }];
      await asker.prepare(produce, { acks: -1, timeoutMs: 2000, topicData });
    }
  }
  const list = (label: string, partitions: readonly Partial<Asked>[], more: Partial<List> = {}, version?: number) => {
    const rows = partitions.map((one) => ({ partitionIndex: 0, timestamp: -1, ...one }));
    const topics = [{ name: 'listed', partitions: rows }];
    return asker.ask(label, listOffsets, { replicaId: -1, isolationLevel: 0, timeoutMs: 1000, topics, ...more }, version);
  };
  for (const timestamp of [-1, -2, -3, -4, -5, -6, -7, 0, 1001, 2001, 5000, 5001, 4e12]) {
    await list(`time ${timestamp}`, [{ timestamp }]);
    await list(`time ${timestamp} of an empty partition`, [{ timestamp, partitionIndex: 1 }]);
  }
  for (const version of [1, 7, 8, 9])
    for (const timestamp of [-3, -4, -5, -6]) await list(`time ${timestamp}`, [{ timestamp }], {}, version);
  await list('unknown partition', [{ partitionIndex: 9 }]);
  await list('negative partition', [{ partitionIndex: -1 }]);
  await list('epoch to come', [{ currentLeaderEpoch: 5 }]);
  await list('epoch of now', [{ currentLeaderEpoch: 0 }]);
  await list('twice', [{}, { timestamp: -2 }]);
  await list('twice and another', [{}, { timestamp: -2 }, { partitionIndex: 1 }]);
  await list('unknown topic', [], { topics: [{ name: 'absent', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] });
  await list('bad name', [], { topics: [{ name: 'bad name', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] });
  await list('as a replica', [{}], { replicaId: 5 });
  await list('committed only', [{}], { isolationLevel: 1 });
  await list('isolation 9', [{}], { isolationLevel: 9 });
  await list('nothing', [], { topics: [] });

  const epoch = (label: string, topic: string, partition: Partial<Epoch>) =>
    asker.ask(label, offsetForLeaderEpoch, {
      replicaId: -1,
      topics: [{ topic, partitions: [{ partition: 0, leaderEpoch: 0, ...partition }] }],
    });
  for (const [label, partition] of Object.entries(epochs)) await epoch(label, 'listed', partition);
  await epoch('unknown topic', 'absent', {});

  const remove = (label: string, name: string, partition: Partial<Deleted>) =>
    asker.ask(label, deleteRecords, { timeoutMs: 2000, topics: [{ name, partitions: [{ partitionIndex: 0, offset: 0, ...partition }] }] });
  for (const [label, partition] of Object.entries(deleted)) await remove(label, 'shrunk', partition);
  await remove('unknown topic', 'absent', {});
  await remove('of a compacted topic', 'shrunk-compacted', {});
  await remove('of a topic without a policy', 'shrunk-kept', {});
  const start = {
    replicaId: -1,
    isolationLevel: 0,
    timeoutMs: 1000,
    topics: [{ name: 'shrunk', partitions: [{ partitionIndex: 0, timestamp: -2 }] }],
  };
  await asker.ask('start after all were deleted', listOffsets, start);
}
