/** What consumers see: where they begin and go on, what they wait for, bounds, pauses, lag, records that were deleted. */
import { expect } from 'vitest';
import { serdes } from '../../../src/index.ts';
import type { Bench, Cases } from '../bus.ts';
import { codeOf, extra, range, take } from './read.ts';

const text = { key: serdes.string, value: serdes.string };

/** Records 0, 1, 2 … of one partition, a batch each, a second apart. */
async function filled(bench: Bench, count: number, partitions = 1): Promise<string> {
  const topic = await bench.topic(partitions);
  await using producer = bench.bus.producer(text);
  for (const i of range(0, count))
    await producer.send(topic, { partition: i % partitions, value: `${i}`, timestamp: 1_000_000 + 1000 * i });
  return topic;
}

export const consumeCases: Cases = {
  'autoOffsetReset says where a partition begins': async (bench) => {
    const topic = await filled(bench, 5);
    const early = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(topic);
    const late = await bench.bus.consumer({ ...text, autoOffsetReset: 'latest' }).assign(topic);
    expect((await take(early, 5)).map(({ value }) => value)).toEqual(range(0, 5).map(String));
    expect(await extra(late)).toEqual([]);
    await using producer = bench.bus.producer(text);
    await producer.send(topic, { value: 'new' });
    expect((await take(late, 1)).map(({ value, offset }) => [value, offset])).toEqual([['new', 5]]);
    await Promise.all([early.close(), late.close()]);
  },

  'a seek goes on at an offset, at the beginning, at the end, or at a time': async (bench) => {
    const topic = await filled(bench, 10);
    await using consumer = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(topic);
    const next = async (): Promise<number | undefined> => (await take(consumer, 1))[0]?.offset;
    expect(await next()).toBe(0);
    for (const offset of [7, 2, 9]) {
      await consumer.seek({ topic, partition: 0 }, offset);
      expect(await next()).toBe(offset);
    }
    await consumer.seek(topic, 'beginning');
    expect(await next()).toBe(0);
    await consumer.seek(topic, { timestamp: 1_004_500 });
    expect(await next()).toBe(5);
    await consumer.seek(topic, { timestamp: 1_004_000 });
    expect(await next()).toBe(4);
    await consumer.seek(topic, { timestamp: 0 });
    expect(await next()).toBe(0);
    await consumer.seek(topic, { timestamp: 9_999_999 });
    expect(consumer.position(topic, 0)).toBe(10);
    await consumer.seek(topic, 3);
    await consumer.seek(topic, 'end');
    expect(await extra(consumer)).toEqual([]);
  },

  'an offset out of range is reset, or thrown by one that wants no reset': async (bench) => {
    const topic = await filled(bench, 3);
    await using reset = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(topic);
    await reset.seek(topic, 100);
    expect((await take(reset, 3)).map(({ offset }) => offset)).toEqual([0, 1, 2]);
    await using strict = await bench.bus.consumer({ ...text, autoOffsetReset: 'none' }).assign(topic);
    await strict.seek(topic, 100);
    expect(await codeOf(strict.poll({ timeoutMs: 5000 }))).toBe('OFFSET_OUT_OF_RANGE');
    await strict.seek(topic, 1);
    expect((await take(strict, 2)).map(({ offset }) => offset)).toEqual([1, 2]);
  },

  'positions follow what was given out, and lag is what is left': async (bench) => {
    const topic = await filled(bench, 8, 2);
    await using consumer = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign([{ topic, partition: 1 }]);
    await take(consumer, 3);
    expect(consumer.position(topic, 1)).toBe(3);
    expect(await consumer.lag()).toEqual([{ topic, partition: 1, position: 3, highWatermark: 4, lag: 1 }]);
    expect(consumer.assignment()).toMatchObject([{ topic, partition: 1, position: 3, paused: false }]);
  },

  'a partition that is paused gives nothing until it is resumed, and then everything': async (bench) => {
    const topic = await filled(bench, 10, 2);
    await using consumer = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(topic);
    consumer.pause([{ topic, partition: 0 }]);
    expect((await take(consumer, 5)).map(({ partition }) => partition)).toEqual([1, 1, 1, 1, 1]);
    expect(await extra(consumer)).toEqual([]);
    consumer.resume();
    expect((await take(consumer, 5)).map(({ partition, offset }) => [partition, offset])).toEqual(range(0, 5).map((offset) => [0, offset]));
  },

  'a poll waits for a record and no longer, and gives no more than was asked for': async (bench) => {
    const topic = await filled(bench, 5);
    await using consumer = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(topic);
    expect(await consumer.poll({ timeoutMs: 5000, recordsMax: 2 })).toHaveLength(2);
    await take(consumer, 3);
    const startMs = performance.now();
    expect(await consumer.poll({ timeoutMs: 80 })).toEqual([]);
    expect(performance.now() - startMs).toBeGreaterThan(60);
    const waiting = consumer.poll({ timeoutMs: 10_000 });
    await using producer = bench.bus.producer(text);
    await producer.send(topic, { value: 'late' });
    expect((await waiting).map(({ value }) => value)).toEqual(['late']);
    expect(performance.now() - startMs).toBeLessThan(5000);
  },

  'records of many partitions come in the order of each': async (bench) => {
    const topic = await bench.topic(5);
    await using producer = bench.bus.producer({ ...text, batchSize: 1024 });
    await Promise.all(range(0, 500).map((i) => producer.send(topic, { partition: i % 5, value: `${i}` })));
    await using consumer = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(topic);
    const records = await take(consumer, 500);
    for (const partition of range(0, 5)) {
      const own = records.filter((record) => record.partition === partition);
      expect(own.map(({ offset }) => offset)).toEqual(range(0, 100));
      expect(own.map(({ value }) => value)).toEqual(range(0, 100).map((i) => `${5 * i + partition}`));
    }
  },

  'batches and loops give the same records as polls': async (bench) => {
    const topic = await filled(bench, 6);
    await using first = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(topic);
    const seen: string[] = [];
    for await (const batch of first.batches()) {
      expect(batch.nextOffset).toBeGreaterThan(batch.firstOffset);
      for (const { value } of batch) seen.push(value ?? '');
      if (batch.nextOffset === 6) break;
    }
    expect(seen).toEqual(range(0, 6).map(String));
    await using second = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(topic);
    const looped: string[] = [];
    for await (const { value, offset } of second) {
      looped.push(value ?? '');
      if (offset === 5) break;
    }
    expect(looped).toEqual(seen);
  },

  'bounds of a fetch delay records and lose none: a batch that is larger comes all the same': async (bench) => {
    const topic = await bench.topic(2);
    await using producer = bench.bus.producer(text);
    for (const i of range(0, 20)) await producer.send(topic, { partition: i % 2, value: `${i}`.padEnd(3000, '.') });
    const bounds = { fetchBytesMax: 1000, partitionBytesMax: 500, queuedBytesMax: 4000 };
    await using consumer = await bench.bus.consumer({ ...text, ...bounds, autoOffsetReset: 'earliest' }).assign(topic);
    const records = await take(consumer, 20);
    expect(records.map(({ value }) => Number.parseInt(value ?? '', 10)).sort((a, b) => a - b)).toEqual(range(0, 20));
  },

  'a fetch that wants more bytes waits for them, and not for ever': async (bench) => {
    const topic = await filled(bench, 1);
    const patience = { fetchBytesMin: 1_000_000, fetchWaitMs: 300 };
    await using consumer = await bench.bus.consumer({ ...text, ...patience, autoOffsetReset: 'earliest' }).assign(topic);
    const startMs = performance.now();
    expect(await take(consumer, 1)).toHaveLength(1);
    expect(performance.now() - startMs).toBeGreaterThan(200);
  },

  'what is assigned anew goes on where it was, what is not assigned any more is silent': async (bench) => {
    const topic = await filled(bench, 8, 2);
    await using consumer = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign([{ topic, partition: 0 }]);
    await take(consumer, 2);
    await consumer.assign(topic);
    const records = await take(consumer, 6);
    expect(records.filter(({ partition }) => partition === 0).map(({ offset }) => offset)).toEqual([2, 3]);
    expect(records.filter(({ partition }) => partition === 1).map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
    await consumer.assign([]);
    expect(await extra(consumer)).toEqual([]);
  },

  'topics and partitions that do not exist cannot be assigned': async (bench) => {
    const topic = await bench.topic(2);
    const consumer = bench.bus.consumer(text);
    expect(await codeOf(consumer.assign(bench.name()))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await codeOf(consumer.assign([{ topic, partition: 2 }]))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(consumer.assignment()).toEqual([]);
    await consumer.close();
  },

  'records that were deleted are gone for everybody': async (bench) => {
    const topic = await filled(bench, 10);
    const admin = bench.bus.admin();
    expect(await admin.deleteRecords(topic, { 0: 4 })).toEqual({ 0: 4 });
    expect(await admin.listOffsets(topic, 'earliest')).toMatchObject([{ partition: 0, offset: 4 }]);
    await using consumer = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(topic);
    expect((await take(consumer, 6)).map(({ offset }) => offset)).toEqual(range(4, 10));
    await consumer.seek(topic, 2);
    expect((await take(consumer, 1)).map(({ offset }) => offset)).toEqual([4]);
    expect(await codeOf(admin.deleteRecords(topic, { 0: 11 }))).toBe('OFFSET_OUT_OF_RANGE');
    expect(await admin.deleteRecords(topic, { 0: -1 })).toEqual({ 0: 10 });
    await using producer = bench.bus.producer(text);
    expect((await producer.send(topic, { value: 'next' })).offset).toBe(10);
  },

  'records beyond their retention go by themselves': async (bench) => {
    const topic = await bench.topic(1, { 'retention.ms': 60_000 });
    await using producer = bench.bus.producer(text);
    await producer.send(topic, { value: 'old', timestamp: Date.now() - 3_600_000 });
    const endMs = performance.now() + 10_000;
    const start = async (): Promise<number> => (await bench.bus.admin().listOffsets(topic, 'earliest'))[0].offset;
    while ((await start()) !== 1 && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await start()).toBe(1);
    expect((await producer.send(topic, { value: 'new' })).offset).toBe(1);
  },

  'a topic that is deleted stops its readers': async (bench) => {
    const topic = await filled(bench, 2);
    await using consumer = await bench.bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(topic);
    await take(consumer, 2);
    const waiting = codeOf(consumer.poll({ timeoutMs: 10_000 }));
    await bench.bus.admin().deleteTopics([topic]);
    expect(await waiting).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  },

  'a consumer that is closed ends its loops': async (bench) => {
    const topic = await bench.topic();
    const consumer = await bench.bus.consumer(text).assign(topic);
    const loop = (async () => {
      for await (const _ of consumer) throw new Error('nothing was sent');
      return 'ended';
    })();
    await consumer.close();
    expect(await loop).toBe('ended');
    expect(await codeOf(consumer.poll())).toBe('CLOSED');
  },
};
