/** One flow of the memory bench, in a process of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { serdes } from '../../src/index.ts';
import { countStored, type Durability, makeTopic, pushRecords, type RawConsumer, rawProducer, withBus } from '../bus.ts';
import { expectCheck } from '../harness.ts';
import { setupOf, tell } from '../scenario.ts';

const TOPIC = 'flow';
const VALUE_BYTES = 1024;
/** The slow one rests this long after every batch it is given. */
const SLOW_MS = 20;

export interface Flow {
  folder: string;
  durability: Durability;
  consumer: 'none' | 'slow' | 'standing still';
  bytes: number;
  memoryBytesMax: number;
}

export interface Flowed {
  peakBytes: number;
  bytesPerSecond: number;
  check: string;
}

const { folder, durability, consumer, bytes, memoryBytesMax } = setupOf<Flow>();
const records = Math.ceil(bytes / VALUE_BYTES);

await withBus({ dir: folder, memoryBytesMax }, async (bus) => {
  await makeTopic(bus, TOPIC, durability);
  const reading = consumer === 'none' ? null : bus.consumer({ key: serdes.raw, value: serdes.raw, autoOffsetReset: 'earliest' });
  await reading?.assign(TOPIC);
  const reads = reading === null ? Promise.resolve(0) : consumer === 'slow' ? readSlowly(reading) : readOnce(reading);
  const producer = rawProducer(bus);
  const startMs = performance.now();
  await pushRecords(producer, TOPIC, VALUE_BYTES, records);
  await producer.flush();
  const bytesPerSecond = bytes / ((performance.now() - startMs) / 1000);
  const stored = expectCheck(await countStored(bus, TOPIC), `${records}`, TOPIC);
  await reading?.close();
  const read = await reads;
  if (consumer !== 'none' && read === 0) throw new Error('the consumer was given nothing');
  // The peak of the whole process since it began, as the system counts it.
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  tell({ peakBytes, bytesPerSecond, check: stored } satisfies Flowed);
});

/** Reads on until the consumer is closed; dense offsets are the proof that it lost nothing. */
async function readSlowly(from: RawConsumer): Promise<number> {
  const next = new Map<number, number>();
  let read = 0;
  for await (const { partition, firstOffset, nextOffset } of from.batches()) {
    if (firstOffset !== (next.get(partition) ?? 0))
      throw new Error(`partition ${partition} goes on at ${firstOffset}, not at ${next.get(partition)}`);
    next.set(partition, nextOffset);
    read += nextOffset - firstOffset;
    await sleep(SLOW_MS);
  }
  return read;
}

/** Takes one batch and never asks again. */
async function readOnce(from: RawConsumer): Promise<number> {
  const { value } = await from.batches().next();
  return value === undefined ? 0 : value.nextOffset - value.firstOffset;
}
