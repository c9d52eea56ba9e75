/** One flow of the fanout bench, in a process of its own: the producer and all groups on its main thread. */
import { RecordCursor, serdes } from '../../src/index.ts';
import { type Durability, makeTopic, pushAtPace, pushRecords, type RawConsumer, rawProducer, withBus } from '../bus.ts';
import { expectCheck } from '../harness.ts';
import { nowUs } from '../pace.ts';
import { checkOf, DUE_AT, Tally } from '../records.ts';
import { setupOf, tell } from '../scenario.ts';
import { allHave, until } from './groups-settled.ts';

const TOPIC = 'news';
const BEFORE = 'yesterday';
const PARTITIONS = 4;
/** The delays' histogram: 0.1 ms to a bucket, the last holds all beyond. */
const BUCKET_US = 100;
const BUCKETS = 100_000;

export interface FanoutSetup {
  folder: string;
  durability: Durability;
  groups: number;
  recordsPerSecond: number;
  seconds: number;
  memoryBytesMax: number;
  /** Produced beforehand, so that the bus's memory is as full as it gets in the long run. */
  beforeBytes: number;
}

export interface Fanned {
  sentRate: number;
  takenRate: number;
  peakBytes: number;
  delays: { p50Ms: number; p99Ms: number; maxMs: number };
  check: string;
}

const { folder, durability, groups, recordsPerSecond, seconds, memoryBytesMax, beforeBytes } = setupOf<FanoutSetup>();
const count = Math.ceil(recordsPerSecond * seconds);
const buckets = new Uint32Array(BUCKETS);
let maxUs = 0;

await withBus({ dir: folder, memoryBytesMax }, async (bus) => {
  await makeTopic(bus, BEFORE, durability);
  const producer = rawProducer(bus);
  await pushRecords(producer, BEFORE, 1024, Math.ceil(beforeBytes / 1024));
  await producer.flush();
  await makeTopic(bus, TOPIC, durability, { partitions: PARTITIONS });
  const consumers = Array.from({ length: groups }, (_, i) =>
    bus.consumer({ key: serdes.raw, value: serdes.raw, groupId: `group ${i}`, topics: TOPIC, autoOffsetReset: 'earliest' }),
  );
  const reads = consumers.map((consumer) => readAll(consumer));
  await until(() => consumers.every((consumer) => allHave([consumer], PARTITIONS)));
  const startMs = performance.now();
  await pushAtPace(producer, TOPIC, recordsPerSecond, count);
  const sentRate = count / ((performance.now() - startMs) / 1000);
  const tallies = await Promise.all(reads);
  const takenRate = (count * groups) / ((performance.now() - startMs) / 1000);
  for (const { check } of tallies) expectCheck(check, checkOf(count), TOPIC);
  await Promise.all(consumers.map((consumer) => consumer.close()));
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  const delays = { p50Ms: delayMs(0.5), p99Ms: delayMs(0.99), maxMs: maxUs / 1e3 };
  tell({ sentRate, takenRate, peakBytes, delays, check: `${groups} × ${count}` } satisfies Fanned);
});

async function readAll(consumer: RawConsumer): Promise<Tally> {
  const tally = new Tally();
  const cursor = new RecordCursor();
  for await (const batch of consumer.batches()) {
    batch.cursor(cursor);
    const us = nowUs();
    while (cursor.next()) {
      const { bytes, valueAt } = cursor;
      tally.add(bytes, cursor.keyAt, valueAt);
      const delayUs = us - bytes.readDoubleLE(valueAt + DUE_AT);
      if (delayUs > maxUs) maxUs = delayUs;
      buckets[Math.min(BUCKETS - 1, (delayUs / BUCKET_US) | 0)]++;
    }
    batch.release();
    if (tally.count >= count) break;
  }
  return tally;
}

/** The upper bound of the bucket in which this share of all deliveries is reached. */
function delayMs(share: number): number {
  const wanted = share * count * groups;
  let seen = 0;
  for (let i = 0; i < BUCKETS; i++) {
    seen += buckets[i];
    if (seen >= wanted) return ((i + 1) * BUCKET_US) / 1e3;
  }
  return maxUs / 1e3;
}
