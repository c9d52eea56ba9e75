/** One flow of the pressure bench, in a process of its own. */
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Bus, type PressureLevel, type PressureReport, serdes } from '../../src/index.ts';
import { countStored, type Durability, makeTopic, type RawConsumer, rawProducer, withBus } from '../bus.ts';
import { expectCheck } from '../harness.ts';
import { keyOf, makeValue, writeNumber } from '../records.ts';
import { setupOf, tell } from '../scenario.ts';
import { Places, type Seen, seenOf } from './pressure-places.ts';

const VALUE_BYTES = 1024;
const GROUP = {
  key: serdes.raw,
  value: serdes.raw,
  groupId: 'pressed',
  topics: 'pressed',
  autoOffsetReset: 'earliest',
} as const;

export interface PressureSetup {
  folder: string;
  durability: Durability;
  consumer: 'at a tenth' | 'at nothing' | 'that dies and comes back';
  bytes: number;
  memoryBytesMax: number;
}

export interface Pressed {
  peakBytes: number;
  producedBytesPerSecond: number;
  changes: number;
  /** Each level that was entered, and how often. */
  levels: string;
  check: string;
}

const { folder, durability, consumer, bytes, memoryBytesMax } = setupOf<PressureSetup>();
const records = Math.ceil(bytes / VALUE_BYTES);
const places = new Places(records);
let produced = 0;

const entered = new Map<PressureLevel, number>();
subscribe('spillway:pressure', (report) => {
  const { level } = report as PressureReport;
  entered.set(level, (entered.get(level) ?? 0) + 1);
});

await withBus({ dir: folder, memoryBytesMax }, async (bus) => {
  await makeTopic(bus, GROUP.topics, durability, { partitions: places.partitions });
  const reads = consumer === 'that dies and comes back' ? readAndDie(bus) : readBehind(bus, consumer === 'at a tenth' ? 0.1 : 0);
  const startMs = performance.now();
  await produce(bus);
  const producedBytesPerSecond = bytes / ((performance.now() - startMs) / 1000);
  await reads;
  expectCheck(await countStored(bus, GROUP.topics), `${records}`, GROUP.topics);
  const levels = [...entered].map(([level, times]) => `${level} ${times}`).join(', ') || 'calm throughout';
  tell({
    peakBytes: process.resourceUsage().maxRSS * 1024,
    producedBytesPerSecond,
    changes: [...entered.values()].reduce((sum, times) => sum + times, 0),
    levels,
    check: `${records} records, none lost, ${places.again} again`,
  } satisfies Pressed);
});

/** Record i goes to partition i mod P, so that its place follows from its number (pressure-places.ts). */
async function produce(bus: Bus): Promise<void> {
  const producer = rawProducer(bus);
  const value = makeValue(VALUE_BYTES);
  for (; produced < records; produced++) {
    writeNumber(value, produced);
    const record = { key: keyOf(produced), value, partition: produced % places.partitions };
    while (!producer.push(GROUP.topics, record)) await producer.drained();
  }
  await producer.flush();
}

/** Takes this share of what was produced until all of it is, and then the rest; the first batch in any case. */
async function readBehind(bus: Bus, share: number): Promise<void> {
  const reading: RawConsumer = bus.consumer<Uint8Array, Uint8Array>(GROUP);
  for await (const batch of reading.batches()) {
    places.see(seenOf(batch, places.partitions));
    batch.release();
    while (produced < records && places.count > produced * share) await sleep(1);
    if (places.count >= records) break;
  }
  const { unfinished } = await reading.close();
  if (unfinished.length > 0) throw new Error(`the consumer did not close clean: ${unfinished.join('; ')}`);
}

/** One thread reads until half is produced and is killed in the midst of it; the other joins when half of the rest is, and reads all. */
async function readAndDie(bus: Bus): Promise<void> {
  const first = startReader(bus);
  while (produced < records / 2 || places.count === 0) await sleep(1);
  await first.worker.terminate();
  while (produced < records * 0.75) await sleep(1);
  const second = startReader(bus);
  await Promise.race([second.ended, places.complete]);
  second.worker.postMessage('end');
  await second.ended;
}

function startReader(bus: Bus): { worker: Worker; ended: Promise<void> } {
  const handle = bus.handle();
  const workerData = { handle, partitions: places.partitions };
  const worker = new Worker(new URL('./pressure-reader.ts', import.meta.url), { workerData, transferList: [...handle.transferList] });
  worker.on('message', (seen: Seen) => places.see(seen));
  return { worker, ended: once(worker, 'exit').then(() => {}) };
}
