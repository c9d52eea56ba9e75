/** CreateTopics, DeleteTopics, CreatePartitions. Each case has a topic of its own, so that none meets what another left. */
import { createTopics } from '../../../../src/kafka/api/19-create-topics.ts';
import { deleteTopics } from '../../../../src/kafka/api/20-delete-topics.ts';
import { createPartitions } from '../../../../src/kafka/api/37-create-partitions.ts';
import { type OutgoingRequestOf, ZERO_UUID } from '../../../../src/kafka/schema.ts';
import { type Asker, NO_TOPIC_ID } from '../asking.ts';

type Create = OutgoingRequestOf<typeof createTopics>;
type Topic = Create['topics'][number];
type Doomed = OutgoingRequestOf<typeof deleteTopics>['topics'][number];
type Grown = OutgoingRequestOf<typeof createPartitions>['topics'][number];

const topic = (name: string, more: Partial<Topic> = {}): Topic => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
});
const withConfig = (name: string, key: string, value: string | null): Topic => topic(name, { configs: [{ name: key, value }] });
/** By brokers, a list for each partition. */
const laid = (name: string, brokers: Record<string, number[]> | [number, number[]][], more: Partial<Topic> = {}): Topic => {
  const rows: [number, number[]][] = Array.isArray(brokers) ? brokers : Object.entries(brokers).map(([key, ids]) => [Number(key), ids]);
  const assignments = rows.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds }));
  return topic(name, { numPartitions: -1, replicationFactor: -1, assignments, ...more });
};

const made: Readonly<Record<string, Topic>> = {
  'no name': topic(''),
  'a dot': topic('.'),
  'two dots': topic('..'),
  'name of 250': topic('a'.repeat(250)),
  'name of 249': topic('a'.repeat(249)),
  'name with a space': topic('bad name'),
  'there already': topic('made'),
  'no partitions': topic('made-p0', { numPartitions: 0 }),
  'partitions -1': topic('made-p-1', { numPartitions: -1 }),
  'partitions -2': topic('made-p-2', { numPartitions: -2 }),
  'no replicas': topic('made-r0', { replicationFactor: 0 }),
  'two replicas': topic('made-r2', { replicationFactor: 2 }),
  'replicas -1': topic('made-r-1', { replicationFactor: -1 }),
  'replicas -2': topic('made-r-2', { replicationFactor: -2 }),
  assigned: laid('laid', { 0: [1], 1: [1] }),
  'assigned and counted': laid('laid-counted', { 0: [1] }, { numPartitions: 1, replicationFactor: 1 }),
  'assigned and partitions counted': laid('laid-partitions', { 0: [1] }, { numPartitions: 1 }),
  'assigned and replicas counted': laid('laid-replicas', { 0: [1] }, { replicationFactor: 1 }),
  'assigned with a gap': laid('laid-gap', { 1: [1] }),
  'assigned to nobody known': laid('laid-stranger', { 0: [7] }),
  'assigned twice': laid('laid-twice', [
    [0, [1]],
    [0, [1]],
  ]),
  'assigned to nobody': laid('laid-nobody', { 0: [] }),
  'assigned to one broker twice': laid('laid-pair', { 0: [1, 1] }),
  'config unknown': withConfig('c-unknown', 'no.such', '1'),
  'config no number': withConfig('c-number', 'retention.ms', 'x'),
  'config null': withConfig('c-null', 'retention.ms', null),
  'config too small': withConfig('c-small', 'segment.bytes', '1'),
  'config list': withConfig('c-list', 'cleanup.policy', 'compact,delete'),
  'config list unknown': withConfig('c-list-unknown', 'cleanup.policy', 'zap'),
  'config list empty': withConfig('c-list-empty', 'cleanup.policy', ''),
  'config twice': topic('c-twice', {
    configs: [
      { name: 'retention.ms', value: '1' },
      { name: 'retention.ms', value: '2' },
    ],
  }),
  'config with spaces': withConfig('c-spaces', 'retention.ms', ' 5 '),
  'config codec': withConfig('c-codec', 'compression.type', 'zstd'),
  'config codec unknown': withConfig('c-codec-unknown', 'compression.type', 'zip'),
  'config lag crossed': topic('c-lag', {
    configs: [
      { name: 'min.compaction.lag.ms', value: '10' },
      { name: 'max.compaction.lag.ms', value: '5' },
    ],
  }),
  'config no boolean': withConfig('c-boolean', 'preallocate', 'yes'),
  'config ratio': withConfig('c-ratio', 'min.cleanable.dirty.ratio', '2'),
  'config replicas': withConfig('c-replicas', 'min.insync.replicas', '3'),
  'config message size': withConfig('c-size', 'max.message.bytes', '-1'),
  'config retention -2': withConfig('c-retention', 'retention.ms', '-2'),
  'config local retention': withConfig('c-local-ms', 'local.retention.ms', '1000'),
  'config local bytes': withConfig('c-local-bytes', 'local.retention.bytes', '1000'),
  'config remote off': withConfig('c-remote-off', 'remote.storage.enable', 'false'),
  'config remote on': withConfig('c-remote-on', 'remote.storage.enable', 'true'),
  'config remote copy': withConfig('c-remote-copy', 'remote.log.copy.disable', 'false'),
  'config remote copy off': withConfig('c-remote-copy-off', 'remote.log.copy.disable', 'true'),
  'config remote delete': withConfig('c-remote-delete', 'remote.log.delete.on.disable', 'false'),
  'config remote delete on': withConfig('c-remote-delete-on', 'remote.log.delete.on.disable', 'true'),
  'config local above all': topic('c-local-above', {
    configs: [
      { name: 'retention.ms', value: '10' },
      { name: 'local.retention.ms', value: '11' },
    ],
  }),
  'too many partitions': topic('made-many', { numPartitions: 20_000 }),
};

const doomed: Readonly<Record<string, readonly Doomed[]>> = {
  absent: [{ name: 'absent', topicId: ZERO_UUID }],
  'unknown id': [{ name: null, topicId: NO_TOPIC_ID }],
  'neither name nor id': [{ name: null, topicId: ZERO_UUID }],
  twice: [
    { name: 'doomed', topicId: ZERO_UUID },
    { name: 'doomed', topicId: ZERO_UUID },
  ],
  none: [],
  'empty name': [{ name: '', topicId: ZERO_UUID }],
  'bad name': [{ name: 'bad name', topicId: ZERO_UUID }],
  'one of two': [
    { name: 'doomed-one', topicId: ZERO_UUID },
    { name: 'absent', topicId: ZERO_UUID },
  ],
};

const grown: Readonly<Record<string, readonly Partial<Grown>[]>> = {
  fewer: [{ name: 'grown', count: 1 }],
  'as many': [{ name: 'grown', count: 2 }],
  zero: [{ name: 'grown', count: 0 }],
  negative: [{ name: 'grown', count: -1 }],
  absent: [{ name: 'absent' }],
  'empty name': [{ name: '' }],
  twice: [{ name: 'grown-twice' }, { name: 'grown-twice' }],
  'twice, otherwise': [{ name: 'grown-twice' }, { name: 'grown-twice', count: 4 }],
  'assigned too many': [{ name: 'grown', assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }],
  'assigned to a stranger': [{ name: 'grown', assignments: [{ brokerIds: [9] }] }],
  'assigned none': [{ name: 'grown', assignments: [] }],
  'assigned to nobody': [{ name: 'grown', assignments: [{ brokerIds: [] }] }],
  'assigned twice': [{ name: 'grown', assignments: [{ brokerIds: [1, 1] }] }],
  assigned: [{ name: 'grown-laid', assignments: [{ brokerIds: [1] }] }],
  none: [],
  'one of two': [{ name: 'grown-one' }, { name: 'absent' }],
};

export async function topicCases(asker: Asker): Promise<void> {
  await asker.makeTopics({ made: 1 });
  const create = (label: string, topics: readonly Topic[], more: Partial<Create> = {}, version?: number) =>
    asker.ask(label, createTopics, { topics, timeoutMs: 5000, ...more }, version);
  for (const [label, one] of Object.entries(made)) await create(label, [one]);
  await create('name with a dot', [topic('x.y')]);
  await create('name that collides', [topic('x_y')]);
  await create('name that collides, tried', [topic('x_y')], { validateOnly: true });
  await create('names that collide with each other', [topic('q.y'), topic('q_y')]);
  await create('twice', [topic('twice'), topic('twice'), topic('once')]);
  await create('none', []);
  await create('tried', [topic('tried', { numPartitions: 3, configs: [{ name: 'retention.ms', value: '7' }] })], { validateOnly: true });
  await create('tried, there already', [topic('made')], { validateOnly: true });
  await create('no time', [topic('no-time')], { timeoutMs: 0 });
  await create('partitions -1', [topic('minus-3', { numPartitions: -1, replicationFactor: -1 })], {}, 3);
  await create('partitions -1', [topic('minus-2', { numPartitions: -1, replicationFactor: -1 })], {}, 2);

  const ids = await asker.makeTopics({ doomed: 1, 'doomed-one': 1, 'doomed-both': 1, 'doomed-id': 1, 'doomed-old': 1 });
  const remove = (label: string, topics: readonly Doomed[], version?: number) =>
    asker.ask(label, deleteTopics, { topics, topicNames: topics.map(({ name }) => name ?? ''), timeoutMs: 5000 }, version);
  for (const [label, topics] of Object.entries(doomed)) await remove(label, topics);
  await remove('name and id', [{ name: 'doomed-both', topicId: ids['doomed-both'] }]);
  await remove('name and id, and again', [{ name: 'doomed-both', topicId: ZERO_UUID }]);
  await remove('id', [{ name: null, topicId: ids['doomed-id'] }]);
  await remove('id and name of one', [
    { name: 'doomed', topicId: ZERO_UUID },
    { name: null, topicId: ids.doomed },
  ]);
  await remove('twice', doomed.twice, 5);
  await remove('one of two', [{ name: 'doomed-old', topicId: ZERO_UUID }, ...doomed.absent], 1);

  await asker.makeTopics({ grown: 2, 'grown-twice': 2, 'grown-laid': 2, 'grown-one': 2 });
  const grow = (label: string, topics: readonly Partial<Grown>[], validateOnly = false) => {
    const rows = topics.map((one) => ({ name: 'grown', count: 3, assignments: null, ...one }));
    return asker.ask(label, createPartitions, { topics: rows, timeoutMs: 5000, validateOnly });
  };
  for (const [label, topics] of Object.entries(grown)) await grow(label, topics);
  await grow('tried', [{ count: 9 }], true);
  await grow('tried, fewer', [{ count: 1 }], true);
  await grow('tried, assigned wrong', [{ assignments: [{ brokerIds: [9] }] }], true);
}
