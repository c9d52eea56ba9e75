/** What depends on how far away the bus is (differences.ts): here as a bus has it, there as is said. */
import { expect } from 'vitest';
import { serdes } from '../../../src/index.ts';
import type { Bench, Cases } from '../bus.ts';
import { codeOf } from './read.ts';

const patient = { timeout: 10_000, interval: 10 };

async function filled(bench: Bench): Promise<string> {
  const topic = await bench.topic();
  await using producer = bench.bus.producer({ value: serdes.raw });
  await producer.send(topic, { value: Buffer.alloc(50_000, 'x') });
  return topic;
}

export const distanceCases: Cases = {
  'what of a partition lies in memory is told where it is known': async (bench) => {
    const topic = await filled(bench);
    const [{ partitions }] = await bench.bus.admin().describeTopics([topic]);
    expect(partitions).toMatchObject([{ state: 'online', endOffset: 1 }]);
    expect(partitions[0].logBytes).toBeGreaterThan(50_000);
    const inMemory = partitions[0].residentBytes;
    if (bench.differs('no-inside')) expect(inMemory).toBe(0);
    else expect(inMemory).toBeGreaterThan(50_000);
  },

  'pressure is told where it is known': async (bench) => {
    await filled(bench);
    const resident = async (): Promise<number> => (await bench.bus.admin().pressure()).gauges.residentBytes;
    expect((await bench.bus.admin().pressure()).level).toBe('calm');
    if (bench.differs('no-pressure')) expect(await resident()).toBe(0);
    else await expect.poll(resident, patient).toBeGreaterThan(50_000);
  },

  'why a group stands where it stands, and what has happened in it, is told where it is known': async (bench) => {
    const topic = await filled(bench);
    const groupId = bench.name();
    const options = { groupId, topics: topic, heartbeatIntervalMs: 100, sessionTimeoutMs: 10_000, value: serdes.raw } as const;
    await using consumer = bench.bus.consumer({ ...options, autoOffsetReset: 'earliest', groupProtocol: 'classic' });
    await expect.poll(async () => (await consumer.poll({ timeoutMs: 100 })).length, patient).toBe(1);
    await consumer.commit();
    const admin = bench.bus.admin();
    const { epoch } = await admin.describeGroup(groupId);
    if (bench.differs('no-generation')) expect(epoch).toBe(-1);
    else expect(epoch).toBeGreaterThan(0);
    if (bench.differs('no-explanation')) {
      expect(await codeOf(admin.explainGroup(groupId))).toBe('UNSUPPORTED_VERSION');
      expect(await codeOf(admin.groupHistory(groupId))).toBe('UNSUPPORTED_VERSION');
      return;
    }
    expect((await admin.explainGroup(groupId)).partitions).toMatchObject([{ topic, partition: 0, committed: 1, state: 'caught-up' }]);
    expect((await admin.groupHistory(groupId)).map(({ kind }) => kind)).toContain('joined');
  },

  'a topic promises what was asked for, or more': async (bench) => {
    const isKafka = bench.differs('durability-of-kafka');
    const topic = await bench.topic(1, { durability: 'memory' });
    await using producer = bench.bus.producer({ value: serdes.string });
    const { durability } = await producer.send(topic, { value: 'x' });
    expect(durability).toBe(isKafka ? 'written' : 'memory');
    const admin = bench.bus.admin();
    const told = async (name: string) => (await admin.listTopics()).find((one) => one.name === name)?.durability;
    expect(await told(topic)).toBe(durability);
    expect(await codeOf(admin.createTopics([{ name: bench.name(), configs: { durability: 'eternal' } }]))).toBe('INVALID_CONFIG');
    if (!isKafka) return;
    await admin.alterConfigs(topic, [{ key: 'durability', op: 'set', value: 'synced' }]);
    expect(await told(topic)).toBe('synced');
    const [{ entries }] = await admin.describeConfigs([topic]);
    expect(entries.find(({ key }) => key === 'flush.messages')).toMatchObject({ value: '1', source: 'topic' });
    expect((await producer.send(topic, { value: 'y' })).durability).toBe('synced');
    await admin.alterConfigs(topic, [{ key: 'durability', op: 'delete' }]);
    expect(await told(topic)).toBe('written');
  },
};
