/**
 * lmdb as a queue: keys are numbers that rise, values hold key and value one after the other. Its own batching of asynchronous puts,
 * as its documentation recommends; "synced" waits for `flushed`. Its memory is mostly the mapped file.
 */
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { sendAtPace } from '../pace.ts';
import { DUE_AT, KEY_BYTES, keyOf, makeValue, readNumber, Tally, writeNumber } from '../records.ts';
import { startReader } from './reader-thread.ts';
import { latencyRates, type Peer, type PeerSetup, tellRate, type Work, wants } from './work.ts';

/** Puts between two looks at whether the earlier ones were committed. */
const PUTS_AHEAD = 10_000;
const readerModule = new URL('./lmdb-reader.ts', import.meta.url);

export const openQueue = (path: string): RootDatabase<Buffer, number> =>
  open<Buffer, number>({ path, keyEncoding: 'uint32', encoding: 'binary' });

export const peer: Peer = {
  skipReason: () => null,
  async run(setup) {
    const { counts } = setup;
    if (wants(setup, 'produce 100 B', 'replay 100 B')) await replayed(setup, '100 B', 100, counts.records100);
    if (wants(setup, 'both 100 B')) await both(setup, counts.records100);
    if (wants(setup, 'produce 1 KiB', 'replay 1 KiB')) await replayed(setup, '1 KiB', 1024, counts.records1k);
    if (wants(setup, 'synced, batched')) {
      const count = counts.syncedBatched;
      await withQueue(setup, 'batched', (queue) =>
        tellRate(setup, 'synced, batched', count, async () => {
          await fill(queue, 100, count);
          await queue.flushed;
          return `${queue.getKeysCount()}`;
        }),
      );
    }
    if (wants(setup, 'synced, one by one')) {
      const count = counts.syncedOneByOne;
      await withQueue(setup, 'alone', (queue) => tellRate(setup, 'synced, one by one', count, () => fillOneByOne(queue, count)));
    }
    for (const work of ['latency 1,000/s', 'latency 50,000/s'] as const) if (wants(setup, work)) await latency(setup, work);
    return 0;
  },
};

async function withQueue(
  setup: PeerSetup,
  name: string,
  work: (queue: RootDatabase<Buffer, number>, path: string) => Promise<void>,
): Promise<void> {
  const path = join(setup.folder, `${name}.mdb`);
  const queue = openQueue(path);
  try {
    await work(queue, path);
  } finally {
    await queue.close();
  }
}

/** lmdb writes later, so each record needs bytes of its own. */
function makeRecord(template: Buffer, index: number): Buffer {
  const record = Buffer.allocUnsafe(KEY_BYTES + template.length);
  record.set(keyOf(index), 0);
  record.set(template, KEY_BYTES);
  writeNumber(record.subarray(KEY_BYTES), index);
  return record;
}

async function fill(
  queue: RootDatabase<Buffer, number>,
  valueBytes: number,
  count: number,
  committed: () => void = () => {},
): Promise<void> {
  const template = makeValue(valueBytes);
  let earlier: Promise<unknown> = Promise.resolve();
  let latest: Promise<unknown> = Promise.resolve();
  for (let i = 0; i < count; i++) {
    const put = queue.put(i + 1, makeRecord(template, i));
    if ((i + 1) % PUTS_AHEAD !== 0) {
      if (i + 1 === count) latest = put;
      continue;
    }
    await earlier;
    committed();
    earlier = put;
    latest = put;
  }
  await latest;
  committed();
}

async function fillOneByOne(queue: RootDatabase<Buffer, number>, count: number): Promise<string> {
  const template = makeValue(100);
  for (let i = 0; i < count; i++) {
    await queue.put(i + 1, makeRecord(template, i));
    await queue.flushed;
  }
  return `${queue.getKeysCount()}`;
}

async function replayed(setup: PeerSetup, size: '100 B' | '1 KiB', valueBytes: number, count: number): Promise<void> {
  await withQueue(setup, size.replace(' ', ''), async (queue) => {
    await tellRate(setup, `produce ${size}`, count, async () => {
      await fill(queue, valueBytes, count);
      return `${queue.getKeysCount()}`;
    });
    await tellRate(setup, `replay ${size}`, count, () => {
      const tally = new Tally();
      for (const { value } of queue.getRange({ start: 1, snapshot: false })) {
        tally.count++;
        tally.sum += readNumber(value, KEY_BYTES) + value[KEY_BYTES - 1];
      }
      return tally.check;
    });
  });
}

async function both(setup: PeerSetup, count: number): Promise<void> {
  await withQueue(setup, 'both', async (queue, path) => {
    const reader = startReader(readerModule, { path, count, isTimed: false });
    await reader.ready;
    await tellRate(setup, 'both 100 B', count, async () => {
      await fill(queue, 100, count, reader.ring);
      return (await reader.result).check;
    });
    await reader.end();
  });
}

async function latency(setup: PeerSetup, work: Work & keyof typeof latencyRates): Promise<void> {
  const recordsPerSecond = latencyRates[work];
  const count = (recordsPerSecond * setup.counts.latencyMs) / 1000;
  await withQueue(setup, `latency-${recordsPerSecond}`, async (queue, path) => {
    const reader = startReader(readerModule, { path, count, isTimed: true });
    await reader.ready;
    const template = makeValue(100);
    let told: Promise<unknown> | null = null;
    await sendAtPace({ recordsPerSecond, count }, (index, dueUs) => {
      const record = makeRecord(template, index);
      record.writeDoubleLE(dueUs, KEY_BYTES + DUE_AT);
      const put = queue.put(index + 1, record);
      // Puts of one turn share a promise.
      if (put !== told) {
        told = put;
        void put.then(reader.ring);
      }
      return true;
    });
    const { check, delays } = await reader.result;
    await reader.end();
    if (delays === null) throw new Error('the reader was told to measure delays');
    setup.tell({ work, value: delays.p50Us, p99Us: delays.p99Us, p999Us: delays.p999Us, unit: 'µs', check: check.split(':')[0] });
  });
}
