/** Handlers over a real bus: groups, dead letters, positions, closing. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bus, deadLetterHeaders, serdes } from '../../../src/index.ts';

let bus: Bus;
beforeAll(async () => {
  bus = await Bus.open({ memoryBytesMax: 32 * 1024 * 1024, hosts: 2, logLevel: 'silent' });
});
afterAll(() => bus.close());

async function fill(topic: string, partitions: number, count: number): Promise<void> {
  await bus.admin().createTopics([{ name: topic, partitions }]);
  const producer = bus.producer();
  await Promise.all(
    Array.from({ length: count }, (_, i) => producer.send(topic, { key: `k${i % 7}`, value: i, partition: i % partitions })),
  );
  await producer.close();
}

test('a member handles its partitions, commits what is handled, and the next one begins there', async () => {
  await fill('work', 4, 400);
  const seen: string[] = [];
  const options = { groupId: 'workers', topics: ['work'], autoOffsetReset: 'earliest' } as const;
  const first = bus.consumer(options);
  const run = first.run({ eachRecord: async ({ partition, offset }) => void seen.push(`${partition}:${offset}`), concurrency: 4 });
  await expect.poll(() => seen.length).toBe(400);
  await first.close();
  expect(await run).toMatchObject({ handled: 400, unfinished: [] });
  await bus.producer().send('work', { key: 'k', value: -1, partition: 2 });
  const second = bus.consumer(options);
  const more: string[] = [];
  const rest = second.run({ eachRecord: ({ partition, offset }) => void more.push(`${partition}:${offset}`) });
  await expect.poll(() => more).toEqual(['2:100']);
  await second.close();
  await rest;
  expect(new Set(seen).size).toBe(400);
});

test('two members share the work while one comes and goes, nothing is left out', async () => {
  await fill('shared', 8, 800);
  const seen = new Map<string, number>();
  const eachRecord = async ({ partition, offset }: { partition: number; offset: number }): Promise<void> => {
    const name = `${partition}:${offset}`;
    await new Promise((resolve) => setTimeout(resolve, 1));
    seen.set(name, (seen.get(name) ?? 0) + 1);
  };
  const options = { groupId: 'sharers', topics: ['shared'], autoOffsetReset: 'earliest', heartbeatIntervalMs: 100 } as const;
  const one = bus.consumer(options);
  const ofOne = one.run({ eachRecord, concurrency: 8 });
  await expect.poll(() => seen.size).toBeGreaterThan(50);
  const two = bus.consumer(options);
  const ofTwo = two.run({ eachRecord, concurrency: 8 });
  await expect.poll(() => two.assignment().length).toBe(4);
  await one.close();
  await expect.poll(() => seen.size, { timeout: 10_000 }).toBe(800);
  await two.close();
  await Promise.all([ofOne, ofTwo]);
  // Partitions were handed over in order: what was handled was committed before they moved.
  expect([...seen.values()].every((times) => times === 1)).toBe(true);
}, 20_000);

test('a dead letter: key, value and headers as they were, the reason behind them, and the run goes on', async () => {
  await bus.admin().createTopics([{ name: 'letters', partitions: 1 }]);
  const producer = bus.producer({ value: serdes.raw, key: serdes.raw as never });
  const key = Buffer.from([0xff, 0x00, 0x01]);
  const poison = Buffer.from([0xc1, 0xfe]);
  const headers = [
    { key: 'a', value: Buffer.from([0x80]) },
    { key: 'a', value: null },
  ];
  await producer.send('letters', { key: key as never, value: poison, headers, timestamp: 1_700_000_000_123 });
  await producer.send('letters', { value: null });
  const failures: unknown[] = [];
  const note = (event: unknown): void => void failures.push(event);
  subscribe('spillway:handlerFailed', note);
  const consumer = await bus.consumer({ groupId: 'readers', autoOffsetReset: 'earliest', value: serdes.json() }).assign('letters');
  // 0xc1 0xfe is not JSON: reading the value throws within the handler.
  const handled: number[] = [];
  const run = consumer.run({
    eachRecord: (record) => {
      void record.value;
      handled.push(record.offset);
    },
    deadLetter: { topic: 'letters-dead' },
  });
  await expect.poll(() => handled).toEqual([1]);
  await consumer.close();
  unsubscribe('spillway:handlerFailed', note);
  expect(await run).toEqual({ handled: 1, retried: 0, deadLettered: 1, skipped: 0, unfinished: [] });
  expect(failures).toMatchObject([{ topic: 'letters', partition: 0, offset: 0, attempt: 1, did: 'deadLetter' }]);
  const dead = await bus.consumer({ autoOffsetReset: 'earliest' }).assign('letters-dead');
  const [record] = await dead.poll({ timeoutMs: 5000 });
  expect([record.rawKey, record.rawValue, record.rawHeaders.slice(0, 2)]).toEqual([key, poison, headers]);
  const reason = Object.fromEntries(record.rawHeaders.slice(2).map((header) => [header.key, String(header.value)]));
  expect(reason).toEqual({
    [deadLetterHeaders.topic]: 'letters',
    [deadLetterHeaders.partition]: '0',
    [deadLetterHeaders.offset]: '0',
    [deadLetterHeaders.timestamp]: '1700000000123',
    [deadLetterHeaders.error]: expect.stringMatching(/^INVALID_DATA: value of topic "letters"/),
    [deadLetterHeaders.attempts]: '1',
    [deadLetterHeaders.group]: 'readers',
  });
  await dead.close();
});

test('a handler that releases its batch and fails then is handed it again, whole', async () => {
  await fill('released', 1, 10);
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign('released');
  const values: unknown[] = [];
  let isFirst = true;
  const run = consumer.run({
    eachBatch: (batch) => {
      const here = batch.records().map(({ value }) => value);
      batch.release();
      if (!isFirst) return void values.push(...here);
      isFirst = false;
      throw new Error('once');
    },
    backoffMs: 1,
  });
  await expect.poll(() => values).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await consumer.close();
  await run;
});

test('a dead letter that cannot be written stops the run before its record', async () => {
  await fill('stuck', 1, 3);
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign('stuck');
  const eachRecord = (): never => {
    throw new Error('never');
  };
  await expect(consumer.run({ eachRecord, attempts: 1, deadLetter: { topic: 'not a name' } })).rejects.toMatchObject({
    code: 'INVALID_TOPIC_EXCEPTION',
  });
  expect(consumer.position('stuck', 0)).toBe(0);
  await consumer.close();
});

test('a run that fails leaves the position at its record, and the next reader begins there', async () => {
  await fill('again', 1, 10);
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign('again');
  const eachRecord = ({ offset }: { offset: number }): void => {
    if (offset === 4) throw new Error('four');
  };
  await expect(consumer.run({ eachRecord, attempts: 1 })).rejects.toThrow('four');
  const [record] = await consumer.poll({ timeoutMs: 5000 });
  expect(record.offset).toBe(4);
  await consumer.close();
});

test('a signal ends the run, the consumer stays; two runs at once are refused', async () => {
  await fill('signalled', 1, 10);
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign('signalled');
  const ending = new AbortController();
  const seen: number[] = [];
  const run = consumer.run({ eachRecord: ({ offset }) => void seen.push(offset), signal: ending.signal });
  await expect.poll(() => seen.length).toBe(10);
  await expect(consumer.run({ eachRecord: () => {} })).rejects.toThrow('handlers read from this consumer already');
  await expect(consumer.poll()).rejects.toThrow('handlers read from this consumer already');
  ending.abort();
  expect(await run).toMatchObject({ handled: 10 });
  expect(await consumer.poll()).toEqual([]);
  await expect(consumer.run({ eachRecord: () => {}, signal: AbortSignal.abort(new Error('too late')) })).rejects.toThrow('too late');
  await consumer.close();
});

test('closing says which handler did not end, within its deadline, and the run ends too', async () => {
  await fill('endless', 2, 2);
  const consumer = bus.consumer({ groupId: 'endless', topics: ['endless'], autoOffsetReset: 'earliest' });
  let begun = 0;
  const signals: AbortSignal[] = [];
  const run = consumer.run({
    eachRecord: ({ partition }, { signal }) => {
      begun++;
      signals.push(signal);
      return partition === 0 ? new Promise(() => {}) : undefined;
    },
    concurrency: 2,
  });
  await expect.poll(() => begun).toBe(2);
  const beganMs = performance.now();
  const { unfinished } = await consumer.close({ deadlineMs: 300 });
  expect(performance.now() - beganMs).toBeLessThan(2000);
  expect(unfinished.join()).toMatch(/the handler of endless-0 at offset 0 did not end within \d+ ms/);
  expect((await run).unfinished).toHaveLength(1);
  expect(signals.every(({ aborted }) => aborted)).toBe(true);
});

test('the group is told how far handlers are, and what they do: not how far they were fed', async () => {
  await fill('told', 3, 6);
  const consumer = bus.consumer({ groupId: 'told', topics: ['told'], autoOffsetReset: 'earliest', heartbeatIntervalMs: 100 });
  const run = consumer.run({
    eachRecord: ({ partition }) => {
      if (partition === 0) return new Promise(() => {});
      if (partition === 1) throw new Error('the bank does not answer');
      return undefined;
    },
    concurrency: 2,
    backoffMs: 60_000,
    backoffMsMax: 60_000,
    stopDeadlineMs: 10,
  });
  const explained = async (): Promise<string[]> => {
    const { partitions } = await bus.admin().explainGroup('told');
    return partitions.map(
      ({ partition, lag, text }) =>
        `${partition} ${lag} ${/handler[^(]*?(?= since)|failed.*again|all of it/.exec(text)?.[0]} ${/\(([^()]*)\)$/.exec(text)?.[1] ?? ''}`,
    );
  };
  await expect
    .poll(explained)
    .toEqual(['0 2 handler has been running ', '1 2 handler failed and is tried again Error: the bank does not answer', '2 0 all of it ']);
  await consumer.close({ deadlineMs: 200 });
  await run;
});

test('order by key over a real topic: each key in its order, several at once', async () => {
  await fill('keyed', 1, 70);
  const last = new Map<string, number>();
  let at = 0;
  let most = 0;
  let wrong = 0;
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign('keyed');
  let done = 0;
  const run = consumer.run({
    order: 'key',
    concurrency: 10,
    eachRecord: async ({ key, offset }) => {
      most = Math.max(most, ++at);
      await new Promise((resolve) => setTimeout(resolve, (offset * 7) % 5));
      if ((last.get(String(key)) ?? -1) > offset) wrong++;
      last.set(String(key), offset);
      at--;
      done++;
    },
  });
  await expect.poll(() => done).toBe(70);
  await consumer.close();
  await run;
  expect([wrong, most]).toEqual([0, 7]);
});
