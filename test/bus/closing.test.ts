/**
 * Closing a bus, in every state that it may be in: it drains what it can, tells what it could not, never throws, and leaves neither a
 * handle that keeps the process alive nor a folder that does not open.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, test } from 'vitest';
import { Bus, type BusOptions, type Consumer, type Receipt, serdes } from '../../src/index.ts';
import { seededRandom } from '../../src/world/random.ts';
import { runChild } from './run-child.ts';

const MiB = 1024 * 1024;
/** Racy ones are run with so many seeds: more by SPILLWAY_SEEDS. */
const SEEDS = Number(process.env.SPILLWAY_SEEDS ?? 3);
const folders = mkdtempSync(join(tmpdir(), 'spillway-closing-'));
let count = 0;
afterAll(() => rmSync(folders, { recursive: true }));

const newFolder = (): string => join(folders, String(count++));
const open = (options: BusOptions = {}): Promise<Bus> => Bus.open({ memoryBytesMax: 32 * MiB, hosts: 2, logLevel: 'silent', ...options });
const CLEAN = { unfinished: [] };

/** Values of a partition by their offsets, from a bus opened anew. */
async function stored(dir: string, topic = 't', partition = 0): Promise<number[]> {
  await using bus = await open({ dir });
  const [{ offset: end }] = (await bus.admin().listOffsets(topic, 'latest')).filter((one) => one.partition === partition);
  const consumer = await bus.consumer<string, number>({ autoOffsetReset: 'earliest' }).assign([{ topic, partition }]);
  const values: number[] = [];
  while (values.length < end) for (const { offset, value } of await consumer.poll({ timeoutMs: 5000 })) values[offset] = value ?? -1;
  return values;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe('a bus that', () => {
  test.each([
    ['in memory', undefined],
    ['with a folder', newFolder()],
  ])('idles, %s', async (_, dir) => {
    const bus = await open(dir === undefined ? {} : { dir });
    expect(await bus.close()).toEqual(CLEAN);
    expect(bus.closed).toBe(true);
  });

  test('leaves its scope', async () => {
    let seen: Bus;
    {
      await using bus = await open();
      seen = bus;
    }
    expect(seen.closed).toBe(true);
  });

  test('is closed twice, at once and later: it is one close and one report', async () => {
    const bus = await open();
    const reports = await Promise.all([bus.close(), bus.close({ deadlineMs: 0 })]);
    expect(await bus.close()).toBe(reports[0]);
    expect(reports[1]).toBe(reports[0]);
    expect(reports[0]).toEqual(CLEAN);
  });

  test('has records in flight, in open batches, and waiting for their topic: all are acknowledged and kept', async () => {
    const dir = newFolder();
    const bus = await open({ dir });
    const producer = bus.producer({ lingerMs: 60_000, batchSize: 2048 });
    const sent = Array.from({ length: 2000 }, (_, i) => producer.send('t', { partition: 0, value: i }));
    expect(await bus.close()).toEqual(CLEAN);
    const receipts = await Promise.all(sent);
    expect(receipts.map(({ offset }) => offset)).toEqual(receipts.map((_, i) => i));
    expect(await stored(dir)).toEqual(receipts.map((_, i) => i));
  });

  test('has consumers that wait: loops end, polls come back empty', async () => {
    const bus = await open();
    await bus.admin().createTopics([{ name: 't', partitions: 3 }]);
    const [records, batches, polls] = await Promise.all([0, 1, 2].map(() => bus.consumer().assign('t')));
    const ends = Promise.all([
      (async () => {
        for await (const _ of records) throw new Error('nothing was sent');
      })(),
      (async () => {
        for await (const _ of batches.batches()) throw new Error('nothing was sent');
      })(),
      polls.poll({ timeoutMs: 60_000 }),
    ]);
    await sleep(20);
    expect(await bus.close()).toEqual(CLEAN);
    expect(await ends).toEqual([undefined, undefined, []]);
  });

  test('has consumers in the midst of records', async () => {
    const bus = await open();
    const producer = bus.producer({ value: serdes.raw });
    await producer.send(
      't',
      Array.from({ length: 1000 }, () => ({ value: Buffer.alloc(1000) })),
    );
    const consumer = await bus.consumer({ autoOffsetReset: 'earliest', recordsMax: 10 }).assign('t');
    const seen = await consumer.poll({ timeoutMs: 5000 });
    expect(await bus.close()).toEqual(CLEAN);
    // What was handed out stays readable.
    expect(seen.map(({ rawValue }) => rawValue?.length)).toEqual(seen.map(() => 1000));
  });

  test('is opened again at once, while the first one closes', async () => {
    const dir = newFolder();
    for (let round = 0; round < SEEDS; round++) {
      const bus = await open({ dir });
      const closing = bus.close();
      const [first, second] = await Promise.allSettled([closing, open({ dir })]);
      expect(first).toEqual({ status: 'fulfilled', value: CLEAN });
      if (second.status === 'fulfilled') await second.value.close();
      else expect(second.reason).toMatchObject({ code: 'FOLDER_LOCKED', details: { pid: process.pid } });
    }
    await (await open({ dir })).close();
  });
});

describe('the deadline', () => {
  test('that has passed is told, not thrown; the folder opens', async () => {
    const dir = newFolder();
    const bus = await open({ dir });
    const producer = bus.producer({ lingerMs: 60_000 });
    await bus.admin().createTopics([{ name: 't', partitions: 2 }]);
    const sent = Promise.allSettled([0, 1].map((partition) => producer.send('t', { partition, value: 1 })));
    await sleep(50);
    const { unfinished } = await bus.close({ deadlineMs: 0 });
    expect(unfinished).toContain('2 batches of producers were not acknowledged');
    expect(unfinished).toContain('host 0 did not close in time');
    for (const one of await sent) {
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'CLOSED' });
    }
    await (await open({ dir })).close();
  });

  test('binds sends that wait for room which nobody makes', async () => {
    const bus = await open({ memoryBytesMax: 16 * MiB });
    const producer = bus.producer({ value: serdes.raw, maxBlockMs: 60_000, deliveryTimeoutMs: 60_000 });
    const sent = Promise.allSettled(Array.from({ length: 200 }, () => producer.send('t', { value: Buffer.alloc(100_000) })));
    await expect.poll(async () => (await bus.pressure()).level).not.toBe('calm');
    const startMs = performance.now();
    const { unfinished } = await bus.close({ deadlineMs: 1000 });
    expect(performance.now() - startMs).toBeLessThan(2500);
    expect(unfinished).toEqual([expect.stringMatching(/^\d+ batches of producers were not acknowledged$/)]);
    const reasons = (await sent).flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
    expect(new Set(reasons)).toEqual(new Set(['CLOSED']));
  });
});

describe('a host that dies', () => {
  const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);
  test.each(seeds)('around a close loses nothing that was acknowledged, not even of memory topics (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const dir = newFolder();
    const bus = await open({ dir, configs: { 'log.durability': 'memory' } });
    await bus.admin().createTopics([{ name: 't', partitions: 2 }]);
    const producer = bus.producer({ retryBackoffMs: 5 });
    const receipts: Receipt[] = [];
    const total = 200 + random.below(2000);
    const sending = Array.from({ length: total }, async (_, i) => {
      receipts.push(await producer.send('t', { partition: i % 2, value: i }));
    });
    const settled = Promise.allSettled(sending);
    await sleep(random.below(10));
    const kill = async (): Promise<void> => {
      await sleep(random.below(15));
      await bus.hostThreads[random.below(bus.hostThreads.length)]?.terminate();
    };
    const killed = Promise.all([kill(), ...(random.below(2) === 0 ? [kill()] : [])]);
    await sleep(random.below(10));
    const report = await bus.close({ deadlineMs: 10_000 });
    await Promise.all([killed, settled]);
    expect(report).toEqual(CLEAN);
    expect(receipts.length).toBe(total);
    for (const partition of [0, 1]) {
      const values = await stored(dir, 't', partition);
      expect(values).toEqual(Array.from({ length: Math.ceil((total - partition) / 2) }, (_, i) => 2 * i + partition));
    }
  });

  test('just before a close, with nothing to do: the close is clean', async () => {
    const bus = await open();
    await bus.hostThreads[0].terminate();
    const startMs = performance.now();
    expect(await bus.close()).toEqual(CLEAN);
    expect(performance.now() - startMs).toBeLessThan(3000);
  });
});

describe('workers of the user’s', () => {
  test('that are in the midst of it: their calls are refused, their loops end, what they were told is kept, they end by themselves', async () => {
    const dir = newFolder();
    const bus = await open({ dir });
    await bus.admin().createTopics([{ name: 't' }]);
    const handle = bus.handle();
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: handle, transferList: [...handle.transferList] });
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const told: unknown[] = [];
    worker.on('message', (message) => told.push(message));
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(['works']);
    expect(await bus.close()).toEqual(CLEAN);
    expect(await exited).toBe(0);
    const { acked, ...rest } = told[1] as { acked: number[] };
    expect(rest).toMatchObject({ sending: 'CLOSED', reading: 'ended', closed: true });
    expect(acked).toEqual(acked.map((_, i) => i));
    expect((await stored(dir)).slice(0, acked.length)).toEqual(acked);
  });

  test('that have nothing to do but to wait live until the bus is closed, and hear of it', async () => {
    const bus = await open();
    await bus.admin().createTopics([{ name: 't' }]);
    const handle = bus.handle();
    const entry = new URL('./waiting-worker.ts', import.meta.url);
    const worker = new Worker(entry, { workerData: handle, transferList: [...handle.transferList] });
    const told: unknown[] = [];
    worker.on('message', (message) => told.push(message));
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(['waits']);
    expect(await Promise.race([exited, sleep(300).then(() => 'alive')])).toBe('alive');
    expect(await bus.close()).toEqual(CLEAN);
    expect(await exited).toBe(0);
    expect(told).toEqual(['waits', 'ended']);
  });

  test('with handles that nobody took up', async () => {
    const bus = await open();
    for (let i = 0; i < 5; i++) bus.handle();
    expect(await bus.close()).toEqual(CLEAN);
  });
});

describe('a loop that catches whatever comes and reads on', () => {
  test.each<[string, (consumer: Consumer) => Promise<unknown>]>([
    ['poll', (consumer) => consumer.poll({ timeoutMs: 100 })],
    ['batches', (consumer) => consumer.batches().next()],
    ['run', (consumer) => consumer.run({ eachRecord: () => {} })],
  ])('leaves the thread to others when the bus is closed: %s', async (_, read) => {
    const bus = await open();
    await bus.admin().createTopics([{ name: 't' }]);
    const consumer = await bus.consumer().assign('t');
    await bus.close();
    let isTimersTurn = false;
    setTimeout(() => {
      isTimersTurn = true;
    }, 60);
    let reads = 0;
    while (!isTimersTurn && reads < 10_000) {
      reads++;
      await read(consumer).catch(() => {});
    }
    expect(reads).toBeLessThan(10);
  });
});

describe('the process', () => {
  test.each([
    ['in memory', 'closes'],
    ['with a folder', 'closes'],
    ['with a listener', 'listens'],
  ])('ends by itself after a close, %s', async (where, mode) => {
    const child = runChild(mode, ...(where === 'with a folder' ? [newFolder()] : []));
    expect(await child.said('closed')).toBe('closed {"unfinished":[]}');
    const closedMs = performance.now();
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - closedMs).toBeLessThan(2000);
  });

  test('lives on with a bus that nobody closes; a signal ends it, and the folder opens', async () => {
    const dir = newFolder();
    const child = runChild('stays', dir);
    await child.said('done');
    expect(await Promise.race([child.ended, sleep(1000).then(() => 'alive')])).toBe('alive');
    child.process.kill('SIGTERM');
    expect(await child.ended).toEqual({ code: null, signal: 'SIGTERM' });
    await using bus = await open({ dir });
    expect((await bus.admin().listOffsets('t', 'latest')).reduce((sum, { offset }) => sum + offset, 0)).toBe(100);
  });

  test('that is ended by SIGTERM in the middle of its work leaves a folder that opens, with all that was acknowledged', async () => {
    const dir = newFolder();
    const child = runChild('writes', dir);
    await child.said('acked 20');
    child.process.kill('SIGTERM');
    expect(await child.ended).toEqual({ code: null, signal: 'SIGTERM' });
    const acked = child.lines.filter((line) => /^acked \d+$/.test(line)).length;
    const values = await stored(dir);
    expect(values.length).toBeGreaterThanOrEqual(acked);
    expect(values).toEqual(values.map((_, i) => i));
  });

  test('holds nothing of a bus that was closed', async () => {
    const ports = (): number => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    await (await open()).close();
    const before = ports();
    for (let i = 0; i < 3; i++) await (await open({ dir: newFolder() })).close();
    await expect.poll(ports).toBe(before);
  });
});
