/**
 * Those who use the bus in a simulation: producers, readers, an administrator. Each is an async function over the public API, told
 * apart by its seed; all that it does and sees goes to the auditor. Refusals are life; wrong errors are violations.
 */
import { BusError } from '../../src/base/errors.ts';
import type { Client } from '../../src/client/client.ts';
import type { Consumer } from '../../src/client/consumer.ts';
import type { Producer, Receipt } from '../../src/client/producer.ts';
import type { ProducerOptions } from '../../src/client/producer-options.ts';
import { serdes } from '../../src/client/serde.ts';
import type { Random } from '../../src/world/random.ts';
import type { Auditor, Cursor, SeenRecord } from './auditor.ts';
import { makeValue, type Safety, type Sent, type SourceOfRecords, safetyOf } from './shadow.ts';

export interface User {
  name: string;
  client: Client;
  random: Random;
  auditor: Auditor;
  /** Those under whose names it has sent. */
  sources: SourceOfRecords[];
  /** Nothing new is begun any more. */
  stopping: () => boolean;
}

export function sleep({ client }: User, ms: number): Promise<void> {
  return new Promise((resolve) => void client.dispatcher.clock.after(ms, resolve, true));
}

export function chance(random: Random, percent: number): boolean {
  return random.below(100) < percent;
}

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)];
}

// Producing.

type RawProducer = Producer<Uint8Array, Uint8Array>;

/** How one producer behaves. */
export interface ProducerHabits {
  topics: readonly string[];
  /** Partitions that may be named; 0: never names one. */
  partitions: number;
  style: 'one' | 'burst' | 'array' | 'push';
  options: Pick<
    ProducerOptions,
    | 'acks'
    | 'idempotence'
    | 'maxInFlight'
    | 'lingerMs'
    | 'batchSize'
    | 'bufferMemory'
    | 'compression'
    | 'maxBlockMs'
    | 'deliveryTimeoutMs'
    | 'retryBackoffMs'
  > & { acks: 0 | 1 | 'all' };
  burst: number;
  pauseMs: number;
  valueBytesMax: number;
  /** Records in all. */
  records: number;
}

export async function produce(user: User, habits: ProducerHabits, made: (producer: RawProducer) => void): Promise<void> {
  const { client, random, auditor } = user;
  const { options } = habits;
  const producer: RawProducer = client.producer({ ...options, key: serdes.raw, value: serdes.raw });
  made(producer);
  const exact = options.idempotence !== false;
  const source = auditor.source({ exact, ordered: exact || options.maxInFlight === 1 });
  user.sources.push(source);
  let left = habits.records;
  while (left > 0 && !user.stopping()) {
    const count = Math.min(left, 1 + random.below(habits.burst));
    left -= count;
    await styles[habits.style](user, producer, source, habits, count);
    await sleep(user, random.below(habits.pauseMs * 2 + 1));
  }
}

const styles: Record<
  ProducerHabits['style'],
  (user: User, producer: RawProducer, source: SourceOfRecords, habits: ProducerHabits, count: number) => Promise<void>
> = {
  async one(user, producer, source, habits, count) {
    for (let i = 0; i < count; i++) await sendOne(user, producer, makeRecord(user, source, habits), habits);
  },
  async burst(user, producer, source, habits, count) {
    const sends: Promise<void>[] = [];
    for (let i = 0; i < count; i++) sends.push(sendOne(user, producer, makeRecord(user, source, habits), habits));
    // The next burst begins while this one may still be under way.
    if (chance(user.random, 60)) await Promise.all(sends);
    else await sends[0];
  },
  async array(user, producer, source, habits, count) {
    const topic = pick(user.random, habits.topics);
    const sents = Array.from({ length: count }, () => makeRecord(user, source, { ...habits, topics: [topic] }));
    try {
      const receipts = await producer.send(topic, sents.map(recordOf));
      for (let i = 0; i < count; i++) acknowledge(user, sents[i], receipts[i], habits);
    } catch (error) {
      // Some were acknowledged and some not: nothing is owed.
      for (const sent of sents) user.auditor.failed(sent, codeOf(user, error));
    }
  },
  async push(user, producer, source, habits, count) {
    const pushed: Sent[] = [];
    for (let i = 0; i < count; i++) {
      const sent = makeRecord(user, source, habits);
      if (await pushOne(user, producer, sent)) pushed.push(sent);
    }
    try {
      await producer.flush();
      for (const sent of pushed) acknowledge(user, sent, null, habits);
    } catch (error) {
      for (const sent of pushed) user.auditor.failed(sent, codeOf(user, error));
    }
  },
};

async function pushOne(user: User, producer: RawProducer, sent: Sent): Promise<boolean> {
  for (;;) {
    try {
      if (producer.push(sent.topic, recordOf(sent))) return true;
      await producer.drained();
    } catch (error) {
      user.auditor.failed(sent, codeOf(user, error));
      return false;
    }
  }
}

async function sendOne(user: User, producer: RawProducer, sent: Sent, habits: ProducerHabits): Promise<void> {
  try {
    acknowledge(user, sent, await producer.send(sent.topic, recordOf(sent)), habits);
  } catch (error) {
    user.auditor.failed(sent, codeOf(user, error));
  }
}

function makeRecord({ random, auditor, client }: User, source: SourceOfRecords, habits: ProducerHabits): Sent {
  const partition = habits.partitions > 0 && chance(random, 30) ? random.below(habits.partitions) : -1;
  const key = chance(random, 60) ? Buffer.from(`key ${random.below(20)}`) : null;
  const big = chance(random, 5);
  const valueBytes = 4 + random.below(big ? habits.valueBytesMax : Math.min(200, habits.valueBytesMax));
  const timestampMs = chance(random, 20) ? client.dispatcher.clock.nowMs() - random.below(5000) : undefined;
  return auditor.sending({ source, topic: pick(random, habits.topics), partition, key, valueBytes, timestampMs });
}

function recordOf({ n, key, valueBytes, partition, timestampMs }: Sent) {
  return { key, value: makeValue(n, valueBytes), partition: partition < 0 ? undefined : partition, timestamp: timestampMs };
}

function acknowledge({ auditor }: User, sent: Sent, receipt: Receipt | null, { options }: ProducerHabits): void {
  const promised: Safety = options.acks === 0 ? 0 : receipt === null ? 1 : safetyOf[receipt.durability as keyof typeof safetyOf];
  if (receipt !== null && receipt.topic !== sent.topic) auditor.violated(`record ${sent.n}: the receipt names topic ${receipt.topic}`);
  if (receipt !== null && options.acks !== 0 && receipt.offset < 0) auditor.violated(`record ${sent.n}: a receipt without an offset`);
  auditor.acked(sent, { partition: receipt?.partition ?? sent.partition, offset: receipt?.offset ?? -1, claimed: promised });
}

/** The code of a refusal; anything but a BusError is a violation. */
export function codeOf({ auditor, name }: User, error: unknown): string {
  if (error instanceof BusError) return error.code;
  auditor.violated(`${name}: not a BusError: ${error instanceof Error ? error.stack : String(error)}`);
  return 'not a BusError';
}

// Reading.

type RawConsumer = Consumer<Uint8Array, Uint8Array>;

export interface ReaderHabits {
  topic: string;
  style: 'poll' | 'batches' | 'records';
  /** Percent of rounds in which it goes elsewhere, or pauses a partition. */
  seeks: number;
  pauses: number;
  delayMs: number;
  recordsMax: number;
  options: {
    fetchBytesMax: number;
    partitionBytesMax: number;
    fetchBytesMin: number;
    fetchWaitMs: number;
    queuedBytesMax: number;
  };
}

/** A reader as the simulation looks at it from outside. */
export interface Reading {
  name: string;
  consumer: RawConsumer;
  cursors: Map<number, Cursor>;
  paused: Set<number>;
}

export async function readOn(user: User, habits: ReaderHabits, made: (reading: Reading) => void): Promise<void> {
  const { client, random } = user;
  const consumer: RawConsumer = client.consumer({ ...habits.options, autoOffsetReset: 'earliest', key: serdes.raw, value: serdes.raw });
  const reading: Reading = { name: user.name, consumer, cursors: new Map(), paused: new Set() };
  if (!(await assign(user, habits, reading))) return void (await consumer.close());
  made(reading);
  let rounds = roundsOf[habits.style](user, habits, reading);
  for (;;) {
    try {
      if ((await rounds.next()).done) return;
      if (!user.stopping()) {
        await sleep(user, random.below(habits.delayMs * 2 + 1));
        if (chance(random, habits.seeks)) await seekSomewhere(user, habits, reading);
        if (chance(random, habits.pauses) && !user.stopping()) togglePause(user, habits, reading);
        if (chance(random, 3)) await assign(user, habits, reading);
      }
    } catch (error) {
      const code = codeOf(user, error);
      // The topic is gone, or the bus.
      if (code === 'UNKNOWN_TOPIC_OR_PARTITION' || code === 'CLOSED' || client.dispatcher.closed) return void (await consumer.close());
      if (code === 'not a BusError') return;
      // An error ends an iteration; what follows it, damage for instance, is read by the next one.
      rounds = roundsOf[habits.style](user, habits, reading);
      // Of a bus that will end it is the same error again and again.
      await sleep(user, 1);
    }
  }
}

/** What a reader does between its whims; each round ends where the user may do something else. */
const roundsOf: Record<ReaderHabits['style'], (user: User, habits: ReaderHabits, reading: Reading) => AsyncGenerator<void, void>> = {
  async *poll(user, { recordsMax }, { consumer, ...reading }) {
    for (;;) {
      for (const record of await consumer.poll({ timeoutMs: 100, recordsMax })) note(user, reading, record);
      yield;
    }
  },
  async *batches(user, _, { consumer, ...reading }) {
    for await (const batch of consumer.batches()) {
      for (const record of batch) note(user, reading, record);
      const cursor = reading.cursors.get(batch.partition);
      if (cursor !== undefined) user.auditor.passedOver(cursor, batch.nextOffset);
      yield;
    }
  },
  async *records(user, { recordsMax }, { consumer, ...reading }) {
    let count = 0;
    for await (const record of consumer) {
      note(user, reading, record);
      if (++count % recordsMax === 0) yield;
    }
  },
};

function note({ auditor, name }: User, { cursors, paused }: Pick<Reading, 'cursors' | 'paused'>, record: SeenRecord): void {
  const cursor = cursors.get(record.partition);
  if (cursor === undefined) return auditor.violated(`${name} was given ${record.topic}-${record.partition}, which it does not follow`);
  if (paused.has(record.partition)) auditor.violated(`${name} was given ${record.topic}-${record.partition}, which is paused`);
  auditor.read(cursor, record);
}

async function assign(user: User, { topic }: ReaderHabits, { consumer, cursors, paused }: Reading): Promise<boolean> {
  try {
    await consumer.assign(topic);
  } catch (error) {
    codeOf(user, error);
    return false;
  }
  for (const { partition, position } of consumer.assignment()) {
    const known = cursors.get(partition);
    if (known === undefined) cursors.set(partition, { name: user.name, topic, partition, next: position });
    else if (user.auditor.isPassing(topic)) known.next = position;
    else if (known.next !== position && !paused.has(partition) && position < known.next)
      user.auditor.violated(`${user.name}: ${topic}-${partition} stood at ${known.next} and is at ${position} after assign`);
  }
  return true;
}

async function seekSomewhere(user: User, { topic }: ReaderHabits, { consumer, cursors }: Reading): Promise<void> {
  const { random, auditor } = user;
  const partition = pick(random, [...cursors.keys()]);
  const cursor = cursors.get(partition);
  if (cursor === undefined) return;
  const timestamp = user.client.dispatcher.clock.nowMs() - random.below(20_000);
  const target = pick(random, ['beginning', 'beginning', 'end', { timestamp }, random.below(cursor.next + 1)] as const);
  await consumer.seek({ topic, partition }, target);
  cursor.next = consumer.position(topic, partition);
  if (typeof target === 'object') auditor.soughtTime(topic, partition, timestamp, cursor.next);
}

function togglePause({ random }: User, { topic }: ReaderHabits, { consumer, cursors, paused }: Reading): void {
  const partition = pick(random, [...cursors.keys()]);
  if (paused.delete(partition)) consumer.resume([{ topic, partition }]);
  else {
    consumer.pause([{ topic, partition }]);
    paused.add(partition);
  }
}
