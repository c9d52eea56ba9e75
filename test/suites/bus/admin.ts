/** Topics, partitions, configurations and offsets as an administrator sees them. */
import { expect } from 'vitest';
import { serdes } from '../../../src/index.ts';
import type { Bench, Cases } from '../bus.ts';
import { codeOf, range } from './read.ts';

async function configOf({ bus }: Bench, topic: string, key: string) {
  const [{ entries }] = await bus.admin().describeConfigs([topic]);
  return entries.find((entry) => entry.key === key);
}

export const adminCases: Cases = {
  'a topic that is made is listed and described': async (bench) => {
    const admin = bench.bus.admin();
    const name = bench.name();
    const [made] = await admin.createTopics([{ name, partitions: 3 }]);
    expect(made).toMatchObject({ name, partitions: 3 });
    expect(made.topicId).toMatch(/^[0-9a-f]{32}$/);
    expect((await admin.listTopics()).find((topic) => topic.name === name)).toMatchObject({ partitions: 3, topicId: made.topicId });
    const [described] = await admin.describeTopics([name]);
    expect(described).toMatchObject({ name, topicId: made.topicId });
    expect(described.partitions.map(({ partition, startOffset, endOffset }) => [partition, startOffset, endOffset])).toEqual(
      range(0, 3).map((partition) => [partition, 0, 0]),
    );
  },

  'topics that cannot be made are refused by what is wrong, and others of the call are made': async (bench) => {
    const admin = bench.bus.admin();
    const taken = await bench.topic();
    const make = (topic: object) => codeOf(admin.createTopics([{ name: bench.name(), ...topic }]));
    expect(await make({ name: taken })).toBe('TOPIC_ALREADY_EXISTS');
    expect(await make({ name: 'a b' })).toBe('INVALID_TOPIC_EXCEPTION');
    expect(await make({ name: '.' })).toBe('INVALID_TOPIC_EXCEPTION');
    expect(await make({ name: 'x'.repeat(250) })).toBe('INVALID_TOPIC_EXCEPTION');
    expect(await make({ partitions: 0 })).toBe('INVALID_PARTITIONS');
    expect(await make({ replicationFactor: 5 })).toBe('INVALID_REPLICATION_FACTOR');
    expect(await make({ configs: { 'no.such.config': '1' } })).toBe('INVALID_CONFIG');
    expect(await make({ configs: { 'retention.ms': 'soon' } })).toBe('INVALID_CONFIG');
    expect(await make({ configs: { 'cleanup.policy': 'shred' } })).toBe('INVALID_CONFIG');
    const good = bench.name();
    expect(await codeOf(admin.createTopics([{ name: taken }, { name: good }]))).toBe('TOPIC_ALREADY_EXISTS');
    expect((await admin.listTopics()).map(({ name }) => name)).toContain(good);
  },

  'validateOnly makes and changes nothing, and refuses what would be refused': async (bench) => {
    const admin = bench.bus.admin();
    const name = bench.name();
    expect(await codeOf(admin.createTopics([{ name, partitions: 2 }], { validateOnly: true }))).toBe('none');
    expect((await admin.listTopics()).map((topic) => topic.name)).not.toContain(name);
    expect(await codeOf(admin.createTopics([{ name, partitions: 0 }], { validateOnly: true }))).toBe('INVALID_PARTITIONS');
    const topic = await bench.topic();
    await admin.alterConfigs(topic, [{ key: 'retention.ms', op: 'set', value: 5000 }], { validateOnly: true });
    expect((await configOf(bench, topic, 'retention.ms'))?.value).not.toBe('5000');
  },

  'partitions are added and never taken away': async (bench) => {
    const admin = bench.bus.admin();
    const topic = await bench.topic(2);
    await admin.createPartitions(topic, 4);
    expect((await admin.describeTopics([topic]))[0].partitions).toHaveLength(4);
    await using producer = bench.bus.producer({ value: serdes.string });
    expect((await producer.send(topic, { partition: 3, value: 'x' })).offset).toBe(0);
    expect(await codeOf(admin.createPartitions(topic, 4))).toBe('INVALID_PARTITIONS');
    expect(await codeOf(admin.createPartitions(topic, 1))).toBe('INVALID_PARTITIONS');
    expect(await codeOf(admin.createPartitions(bench.name(), 4))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  },

  'configurations are set, added to, taken from and put back': async (bench) => {
    const admin = bench.bus.admin();
    const topic = await bench.topic(1, { 'retention.ms': 86_400_000 });
    expect(await configOf(bench, topic, 'retention.ms')).toMatchObject({ value: '86400000', source: 'topic' });
    await admin.alterConfigs(topic, [
      { key: 'retention.ms', op: 'set', value: 7_200_000 },
      { key: 'cleanup.policy', op: 'append', value: 'compact' },
    ]);
    expect((await configOf(bench, topic, 'retention.ms'))?.value).toBe('7200000');
    expect((await configOf(bench, topic, 'cleanup.policy'))?.value.split(',').sort()).toEqual(['compact', 'delete']);
    await admin.alterConfigs(topic, [
      { key: 'retention.ms', op: 'delete' },
      { key: 'cleanup.policy', op: 'subtract', value: 'compact' },
    ]);
    expect((await configOf(bench, topic, 'retention.ms'))?.source).not.toBe('topic');
    expect((await configOf(bench, topic, 'cleanup.policy'))?.value).toBe('delete');
  },

  'a change of configurations with one that is wrong changes none': async (bench) => {
    const admin = bench.bus.admin();
    const topic = await bench.topic();
    const change = admin.alterConfigs(topic, [
      { key: 'retention.ms', op: 'set', value: 1000 },
      { key: 'segment.bytes', op: 'set', value: 'large' },
    ]);
    expect(await codeOf(change)).toBe('INVALID_CONFIG');
    expect((await configOf(bench, topic, 'retention.ms'))?.value).toBe('-1');
    const unknown = admin.alterConfigs(bench.name(), [{ key: 'retention.ms', op: 'set', value: 1000 }]);
    expect(await codeOf(unknown)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  },

  'a group is told apart from the others how long its sessions are, and goes back to what holds for all': async (bench) => {
    const admin = bench.bus.admin();
    const groupId = bench.name();
    const key = 'consumer.session.timeout.ms';
    const now = async () => (await admin.describeGroupConfigs([groupId]))[0].entries.find((entry) => entry.key === key);
    const before = await now();
    expect(before).toMatchObject({ source: 'default', type: 'int', readOnly: false });
    await admin.alterGroupConfigs(groupId, [{ key, op: 'set', value: 50_000 }], { validateOnly: true });
    expect(await now()).toEqual(before);
    await admin.alterGroupConfigs(groupId, [{ key, op: 'set', value: 50_000 }]);
    await expect.poll(now).toMatchObject({ value: '50000', source: 'group' });
    const alter = (op: object) => codeOf(admin.alterGroupConfigs(groupId, [op as never]));
    expect(await alter({ key, op: 'set', value: 1 })).toBe('INVALID_CONFIG');
    expect(await alter({ key, op: 'append', value: 1 })).toBe('INVALID_CONFIG');
    expect(await alter({ key, op: 'set', value: 'long' })).toBe('INVALID_CONFIG');
    expect(await alter({ key: 'no.such', op: 'set', value: 1 })).toBe('INVALID_CONFIG');
    await admin.alterGroupConfigs(groupId, [{ key, op: 'delete' }]);
    await expect.poll(now).toEqual(before);
  },

  'offsets are told by place and by time': async (bench) => {
    const admin = bench.bus.admin();
    const topic = await bench.topic(2);
    await using producer = bench.bus.producer({ value: serdes.string });
    for (const timestamp of [1000, 3000, 2000]) await producer.send(topic, { partition: 0, value: 'x', timestamp });
    const offsets = async (spec: Parameters<typeof admin.listOffsets>[1]) =>
      (await admin.listOffsets(topic, spec)).map(({ offset }) => offset);
    expect(await offsets('earliest')).toEqual([0, 0]);
    expect(await offsets('latest')).toEqual([3, 0]);
    expect(await offsets(0)).toEqual([0, -1]);
    expect(await offsets(1001)).toEqual([1, -1]);
    expect(await offsets(3001)).toEqual([-1, -1]);
    expect(await admin.listOffsets(topic, 'maxTimestamp')).toMatchObject([{ offset: 1, timestamp: 3000 }, { offset: -1 }]);
  },

  'a topic that is deleted is gone, and one of the same name begins anew': async (bench) => {
    const admin = bench.bus.admin();
    const topic = await bench.topic();
    const [{ topicId }] = await admin.describeTopics([topic]);
    await using producer = bench.bus.producer({ value: serdes.string, autoCreateTopics: false });
    await producer.send(topic, [{ value: 'a' }, { value: 'b' }]);
    await admin.deleteTopics([topic]);
    expect(await codeOf(admin.describeTopics([topic]))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await codeOf(admin.deleteTopics([topic]))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    await admin.createTopics([{ name: topic }]);
    const [again] = await admin.describeTopics([topic]);
    expect(again.topicId).not.toBe(topicId);
    await using other = bench.bus.producer({ value: serdes.string });
    expect((await other.send(topic, { value: 'c' })).offset).toBe(0);
  },

  'what lies where is told in bytes': async (bench) => {
    const topic = await bench.topic(2);
    await using producer = bench.bus.producer({ value: serdes.raw });
    await producer.send(topic, { partition: 1, value: Buffer.alloc(10_000, 'x') });
    const dirs = await bench.bus.admin().describeLogDirs([topic]);
    const bytes = dirs.sort((a, b) => a.partition - b.partition).map(({ logBytes }) => logBytes);
    expect(bytes[0]).toBe(0);
    expect(bytes[1]).toBeGreaterThan(10_000);
    expect(bytes[1]).toBeLessThan(10_200);
  },

  'unknown topics are refused by everything that names one': async (bench) => {
    const admin = bench.bus.admin();
    const missing = bench.name();
    const asked = [
      admin.describeTopics([missing]),
      admin.describeConfigs([missing]),
      admin.listOffsets(missing, 'latest'),
      admin.deleteRecords(missing, { 0: 1 }),
      admin.describeLogDirs([missing]),
      admin.deleteTopics([missing]),
    ];
    expect(await Promise.all(asked.map(codeOf))).toEqual(asked.map(() => 'UNKNOWN_TOPIC_OR_PARTITION'));
  },
};
