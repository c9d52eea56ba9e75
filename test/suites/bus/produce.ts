/** What becomes of records on their way in: order, partitions, keys, headers, times, codecs, acknowledgements, refusals. */
import { expect } from 'vitest';
import { type BusError, type ProducerOptions, serdes } from '../../../src/index.ts';
import type { Bench, Cases } from '../bus.ts';
import { codeOf, range, take } from './read.ts';

const text = { key: serdes.string, value: serdes.string };

async function readAll({ bus }: Bench, topic: string, count: number) {
  const consumer = await bus.consumer({ ...text, autoOffsetReset: 'earliest' }).assign(topic);
  const records = await take(consumer, count);
  await consumer.close();
  return records;
}

/** Hashes that Kafka's own tests publish for its default partitioner (murmur2). */
const published: [key: string, hash: number][] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const satisfies ProducerOptions['compression'][];

export const produceCases: Cases = {
  'records of a partition come back once, in the order in which they were sent': async (bench) => {
    const topic = await bench.topic();
    await using producer = bench.bus.producer({ ...text, batchSize: 1024 });
    const receipts = await Promise.all(range(0, 1000).map((i) => producer.send(topic, { value: `${i}` })));
    expect(receipts.map(({ offset }) => offset)).toEqual(range(0, 1000));
    const records = await readAll(bench, topic, 1000);
    expect(records.map(({ value }) => value)).toEqual(range(0, 1000).map(String));
    expect(records.map(({ offset }) => offset)).toEqual(range(0, 1000));
  },

  'many records in one call are acknowledged in their order': async (bench) => {
    const topic = await bench.topic();
    await using producer = bench.bus.producer(text);
    const receipts = await producer.send(
      topic,
      range(0, 50).map((i) => ({ key: 'k', value: `${i}` })),
    );
    expect(receipts.map(({ offset }) => offset)).toEqual(range(0, 50));
    expect(receipts[0]).toMatchObject({ topic, partition: 0 });
  },

  'a key chooses the partition that it chooses in Kafka’s Java client': async (bench) => {
    const topic = await bench.topic(7);
    await using producer = bench.bus.producer(text);
    const receipts = await producer.send(
      topic,
      published.map(([key]) => ({ key, value: '' })),
    );
    expect(receipts.map(({ partition }) => partition)).toEqual(published.map(([, hash]) => (hash & 0x7fffffff) % 7));
  },

  'a partition that is named is the one, and records without a key go to any': async (bench) => {
    const topic = await bench.topic(3);
    await using producer = bench.bus.producer(text);
    const named = await Promise.all([2, 0, 1, 2].map((partition) => producer.send(topic, { key: 'same', partition })));
    expect(named.map(({ partition }) => partition)).toEqual([2, 0, 1, 2]);
    const free = await producer.send(topic, { value: 'x' });
    expect([0, 1, 2]).toContain(free.partition);
    expect(await codeOf(producer.send(topic, { partition: 3, value: 'x' }))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  },

  'no key and no value are null, empty ones are empty': async (bench) => {
    const topic = await bench.topic();
    await using producer = bench.bus.producer(text);
    await producer.send(topic, [{}, { key: '', value: '' }, { key: 'k', value: null }, { key: null, value: 'v' }]);
    const records = await readAll(bench, topic, 4);
    expect(records.map(({ key, value }) => [key, value])).toEqual([
      [null, null],
      ['', ''],
      ['k', null],
      [null, 'v'],
    ]);
  },

  'headers keep their order, their duplicates, and values that are null': async (bench) => {
    const topic = await bench.topic();
    await using producer = bench.bus.producer(text);
    const headers = [
      { key: 'b', value: Buffer.from('1') },
      { key: 'a', value: null },
      { key: 'b', value: Buffer.from([0, 255]) },
      { key: 'é', value: Buffer.alloc(0) },
    ];
    await producer.send(topic, { value: 'x', headers });
    const [record] = await readAll(bench, topic, 1);
    expect(record.rawHeaders.map(({ key, value }) => [key, value === null ? null : [...value]])).toEqual([
      ['b', [49]],
      ['a', null],
      ['b', [0, 255]],
      ['é', []],
    ]);
  },

  'a time that is given is kept, and else it is now': async (bench) => {
    const topic = await bench.topic();
    await using producer = bench.bus.producer(text);
    const beforeMs = Date.now();
    const receipts = await producer.send(topic, [{ timestamp: 1_234_567_890_123 }, { value: 'now' }, { timestamp: 5 }]);
    const [given, now, old] = await readAll(bench, topic, 3);
    expect([given.timestamp, old.timestamp]).toEqual([1_234_567_890_123, 5]);
    expect(receipts[0].timestamp).toBe(1_234_567_890_123);
    expect(now.timestamp).toBeGreaterThanOrEqual(beforeMs - 1000);
    expect(now.timestamp).toBeLessThanOrEqual(Date.now() + 1000);
  },

  'a topic of append times stamps what it takes': async (bench) => {
    const topic = await bench.topic(1, { 'message.timestamp.type': 'LogAppendTime' });
    await using producer = bench.bus.producer(text);
    const beforeMs = Date.now();
    const receipt = await producer.send(topic, { timestamp: 1000, value: 'x' });
    const [record] = await readAll(bench, topic, 1);
    expect(record.timestamp).toBeGreaterThanOrEqual(beforeMs - 1000);
    expect(receipt.timestamp).toBe(record.timestamp);
  },

  'every codec keeps every byte, side by side in one log': async (bench) => {
    const topic = await bench.topic();
    const values = codecs.map((codec, i) => Buffer.concat([Buffer.from(codec), Buffer.alloc(20_000, `${codec} `), Buffer.from([i])]));
    for (const [i, compression] of codecs.entries()) {
      await using producer = bench.bus.producer({ value: serdes.raw, compression });
      await producer.send(topic, { value: values[i] });
    }
    const consumer = await bench.bus.consumer({ value: serdes.raw, autoOffsetReset: 'earliest' }).assign(topic);
    const records = await take(consumer, codecs.length);
    await consumer.close();
    expect(records).toHaveLength(codecs.length);
    records.forEach(({ rawValue }, i) => {
      expect(rawValue?.equals(values[i]), codecs[i]).toBe(true);
    });
  },

  'acks say what is waited for: 0 knows no offset, 1 and all do': async (bench) => {
    const topic = await bench.topic();
    const offsets: number[] = [];
    for (const acks of [0, 1, 'all'] as const) {
      await using producer = bench.bus.producer({ ...text, acks, ...(acks === 'all' ? {} : { idempotence: false }) });
      offsets.push((await producer.send(topic, { value: `${acks}` })).offset);
      await producer.flush();
    }
    expect(offsets).toEqual([-1, 1, 2]);
    expect((await readAll(bench, topic, 3)).map(({ value }) => value)).toEqual(['0', '1', 'all']);
  },

  'records that are pushed are there after a flush': async (bench) => {
    const topic = await bench.topic();
    await using producer = bench.bus.producer({ ...text, lingerMs: 5 });
    for (let i = 0; i < 500; ) {
      if (producer.push(topic, { value: `${i}` })) i++;
      else await producer.drained();
    }
    await producer.flush();
    expect(producer.bufferedBytes).toBe(0);
    expect((await readAll(bench, topic, 500)).map(({ value }) => value)).toEqual(range(0, 500).map(String));
  },

  'a record that its producer, or its topic, takes for too large is refused, and those around it are not': async (bench) => {
    const topic = await bench.topic(1, { 'max.message.bytes': 5000 });
    await using strict = bench.bus.producer({ ...text, maxRequestSize: 2000 });
    expect(await codeOf(strict.send(topic, { value: 'x'.repeat(2000) }))).toBe('MESSAGE_TOO_LARGE');
    await using lax = bench.bus.producer(text);
    const outcomes = await Promise.all([
      codeOf(lax.send(topic, { value: 'before' })),
      codeOf(lax.send(topic, { value: 'x'.repeat(6000) })),
      codeOf(lax.send(topic, { value: 'after' })),
    ]);
    expect(outcomes).toEqual(['none', 'MESSAGE_TOO_LARGE', 'none']);
    expect((await readAll(bench, topic, 2)).map(({ value }) => value)).toEqual(['before', 'after']);
  },

  'of a batch with records that its topic does not take, each record is told whether it is to blame': async (bench) => {
    const topic = await bench.topic(1, { 'cleanup.policy': 'compact' });
    await using producer = bench.bus.producer({ ...text, lingerMs: 50 });
    const records = [{ key: 'a', value: '1' }, { value: '2' }, { key: 'b', value: '3' }];
    const told = ({ code, message }: BusError): string => `${code}${message.includes('not this one but another') ? ' of another' : ''}`;
    const outcomes = records.map((record) => producer.send(topic, record).then(() => 'taken', told));
    expect(await Promise.all(outcomes)).toEqual(['INVALID_RECORD of another', 'INVALID_RECORD', 'INVALID_RECORD of another']);
    expect((await producer.send(topic, records[2])).offset).toBe(0);
  },

  'a record of a megabyte and one of a byte go the same way': async (bench) => {
    const topic = await bench.topic(1, { 'max.message.bytes': 2_000_000 });
    await using producer = bench.bus.producer({ ...text, maxRequestSize: 2_000_000 });
    const large = 'abcdefgh'.repeat(131_072);
    await producer.send(topic, [{ value: 'a' }, { value: large }, { value: 'b' }]);
    expect((await readAll(bench, topic, 3)).map(({ value }) => value)).toEqual(['a', large, 'b']);
  },

  'a topic that does not exist is refused, or made where both sides want it': async (bench) => {
    const missing = bench.name();
    await using strict = bench.bus.producer({ ...text, autoCreateTopics: false, maxBlockMs: 2000 });
    expect(await codeOf(strict.send(missing, { value: 'x' }))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    await using producer = bench.bus.producer(text);
    expect(await codeOf(producer.send('no/topic', { value: 'x' }))).toBe('INVALID_TOPIC_EXCEPTION');
    expect((await producer.send(missing, { value: 'x' })).offset).toBe(0);
    expect((await bench.bus.admin().listTopics()).map(({ name }) => name)).toContain(missing);
  },

  'producers that send at once each keep their own order, and nothing comes twice': async (bench) => {
    const topic = await bench.topic(2);
    await Promise.all(
      range(0, 4).map(async (who) => {
        await using producer = bench.bus.producer({ ...text, batchSize: 1024 });
        await Promise.all(range(0, 200).map((i) => producer.send(topic, { key: `${who}`, value: `${who} ${i}` })));
      }),
    );
    const records = await readAll(bench, topic, 800);
    for (const who of range(0, 4)) {
      const own = records.filter(({ key }) => key === `${who}`).map(({ value }) => value);
      expect(own).toEqual(range(0, 200).map((i) => `${who} ${i}`));
    }
  },

  'a producer that is closed has delivered what it took': async (bench) => {
    const topic = await bench.topic();
    const producer = bench.bus.producer({ ...text, lingerMs: 60_000 });
    const sent = Promise.all(range(0, 10).map((i) => producer.send(topic, { value: `${i}` })));
    await bench.bus.admin().describeTopics([topic]);
    expect(await producer.close()).toEqual({ unfinished: 0 });
    expect((await sent).map(({ offset }) => offset)).toEqual(range(0, 10));
    expect(await codeOf(producer.send(topic, { value: 'late' }))).toBe('CLOSED');
  },
};
