/** The bus as the benches use it: raw keys and values, records by number, and receipts that are counted in the log itself. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  type Admin,
  Bus,
  type BusOptions,
  type Consumer,
  type Producer,
  type ProducerOptions,
  RecordCursor,
  serdes,
} from '../src/index.ts';
import { type Delays, sendAtPace } from './pace.ts';
import { DUE_AT, keyOf, makeValue, Tally, writeNumber } from './records.ts';

export type Durability = 'memory' | 'written' | 'synced';
export type RawProducer = Producer<Uint8Array, Uint8Array>;
export type RawConsumer = Consumer<Uint8Array, Uint8Array>;

/** What makes producers, consumers and admins: the bus, or what a worker attached. */
export interface Access {
  producer<K, V>(options: ProducerOptions<K, V>): Producer<K, V>;
  consumer: Bus['consumer'];
  admin(): Admin;
}

/** Opens a bus, hands it to `work` and closes it; what could not be finished is an error. */
export async function withBus<T>(options: BusOptions, work: (bus: Bus) => Promise<T>): Promise<T> {
  const bus = await Bus.open({ logLevel: 'error', ...options });
  let result: T;
  try {
    result = await work(bus);
  } catch (error) {
    await bus.close();
    throw error;
  }
  const { unfinished } = await bus.close();
  if (unfinished.length > 0) throw new Error(`the bus did not close clean: ${unfinished.join('; ')}`);
  return result;
}

export const rawProducer = (bus: Access, options: ProducerOptions<Uint8Array, Uint8Array> = {}): RawProducer =>
  bus.producer({ key: serdes.raw, value: serdes.raw, ...options });

/** Makes a topic with everything kept, whatever its age. */
export async function makeTopic(
  bus: Access,
  name: string,
  durability: Durability,
  { partitions = 4, configs = {} }: { partitions?: number; configs?: Record<string, string | number> } = {},
): Promise<void> {
  await bus.admin().createTopics([{ name, partitions, configs: { durability, ...configs } }]);
}

/** Pushes records from … to − 1, by key. */
export async function pushRecords(producer: RawProducer, topic: string, valueBytes: number, to: number, from = 0): Promise<void> {
  const value = makeValue(valueBytes);
  for (let i = from; i < to; i++) {
    writeNumber(value, i);
    while (!producer.push(topic, { key: keyOf(i), value })) await producer.drained();
  }
}

/** As `pushRecords`, to partitions in turn, whatever the key. */
export async function pushRoundRobin(
  producer: RawProducer,
  topic: string,
  valueBytes: number,
  to: number,
  partitions: number,
): Promise<void> {
  const value = makeValue(valueBytes);
  for (let i = 0; i < to; i++) {
    writeNumber(value, i);
    while (!producer.push(topic, { key: keyOf(i), value, partition: i % partitions })) await producer.drained();
  }
}

/** How many records the topic's partitions hold: the check of a produce. */
export async function countStored(bus: Access, topic: string): Promise<string> {
  const [ends, starts] = await Promise.all([bus.admin().listOffsets(topic, 'latest'), bus.admin().listOffsets(topic, 'earliest')]);
  return `${ends.reduce((sum, { offset }, i) => sum + offset - starts[i].offset, 0)}`;
}

/** How a reader goes through a batch. 'views': a Buffer per value. 'cursor': nothing allocated per record. 'records': an object per record. */
export type Manner = 'cursor' | 'views' | 'records';

/** Reads `count` records from the beginning, counts and sums them. */
export async function replay(bus: Access, topic: string, count: number, manner: Manner = 'cursor'): Promise<Tally> {
  const consumer = bus.consumer({ key: serdes.raw, value: serdes.raw, autoOffsetReset: 'earliest' });
  try {
    await consumer.assign(topic);
    return await take(consumer, count, manner);
  } finally {
    await consumer.close();
  }
}

/** Takes `count` records from where the consumer is. */
export async function take(consumer: RawConsumer, count: number, manner: Manner = 'cursor'): Promise<Tally> {
  const tally = new Tally();
  const cursor = new RecordCursor();
  if (count === 0) return tally;
  for await (const batch of consumer.batches()) {
    if (manner === 'cursor') tallyCursor(tally, batch.cursor(cursor));
    else if (manner === 'views') tallyViews(tally, batch.cursor(cursor));
    else for (const record of batch) tally.take(record.rawKey as Buffer, record.rawValue as Buffer);
    batch.release();
    if (tally.count >= count) break;
  }
  return tally;
}

function tallyCursor(tally: Tally, cursor: RecordCursor): void {
  while (cursor.next()) tally.add(cursor.bytes, cursor.keyAt, cursor.valueAt);
}

function tallyViews(tally: Tally, cursor: RecordCursor): void {
  while (cursor.next()) {
    const value = cursor.bytes.subarray(cursor.valueAt, cursor.valueAt + cursor.valueLength);
    tally.addView(cursor.bytes, cursor.keyAt, value);
  }
}

/** What a reading thread is told (bench/bus-reader.ts). */
export interface BusReaderSetup {
  topic: string;
  count: number;
  /** Values hold due times, and the delays are wanted. */
  isTimed: boolean;
}

export interface BusReaderResult {
  check: string;
  delays: Delays | null;
}

/** Starts a thread of the user's kind that attaches to the bus and reads a topic from its beginning. Resolves when it is assigned. */
export async function startBusReader(bus: Bus, setup: BusReaderSetup): Promise<{ result: Promise<BusReaderResult>; end(): Promise<void> }> {
  const handle = bus.handle();
  const worker = new Worker(new URL('./bus-reader.ts', import.meta.url), {
    workerData: { handle, setup },
    transferList: [...handle.transferList],
  });
  const result = Promise.withResolvers<BusReaderResult>();
  const ready = Promise.withResolvers<void>();
  worker.on('message', (message: 'ready' | BusReaderResult) => (message === 'ready' ? ready.resolve() : result.resolve(message)));
  worker.once('error', (error) => {
    ready.reject(error);
    result.reject(error);
  });
  // Both may be rejected before anyone waits for the second.
  result.promise.catch(() => {});
  await ready.promise;
  return {
    result: result.promise,
    async end() {
      const ended = once(worker, 'exit');
      worker.postMessage('end');
      await ended;
    },
  };
}

/** Pushes records at their due times, which their values carry. */
export function pushAtPace(producer: RawProducer, topic: string, recordsPerSecond: number, count: number): Promise<void> {
  const value = makeValue(100);
  return sendAtPace({ recordsPerSecond, count }, (index, dueUs) => {
    writeNumber(value, index);
    value.writeDoubleLE(dueUs, DUE_AT);
    return producer.push(topic, { key: keyOf(index), value });
  });
}
