/**
 * Four consumers on this thread share 64 partitions and replay them from the beginning, out of memory: as members of a group (automatic
 * commits, heartbeats and all) against the same consumers that were told which partitions are theirs. Once from the moment at which all
 * is settled, and once from nothing, joining and rebalancing included.
 */
import { type Bus, type ConsumerOptions, RecordCursor, serdes, type TopicPartition } from '../../src/index.ts';
import { makeTopic, pushRoundRobin, type RawConsumer, rawProducer, withBus } from '../bus.ts';
import { type Bench, expectCheck, measureSides, ratioOf, rounded, type Sample, secondsOf } from '../harness.ts';
import { checkOf, Tally } from '../records.ts';
import { allHave, until } from './groups-settled.ts';

const TOPIC = 'shared';
const MEMBERS = 4;
const PARTITIONS = 64;
const VALUE_BYTES = 100;

const numbers = Array.from({ length: MEMBERS }, (_, i) => i);

export async function measureReplay(bench: Bench): Promise<void> {
  const names = ['assigned partitions, settled', 'a group, settled', 'assigned partitions, from nothing', 'a group, from nothing'];
  const cases = names.map((name) => `${MEMBERS} consumers, ${PARTITIONS} partitions replayed, ${name}`);
  if (!cases.some((name) => bench.wants(name))) return;
  const records = bench.pick(20_000, 2_000_000, 8_000_000);
  await withBus({ memoryBytesMax: Math.max(64 * 2 ** 20, records * (VALUE_BYTES + 40) * 3) }, async (bus) => {
    await makeTopic(bus, TOPIC, 'memory', { partitions: PARTITIONS });
    const producer = rawProducer(bus, { lingerMs: 5 });
    await pushRoundRobin(producer, TOPIC, VALUE_BYTES, records, PARTITIONS);
    await producer.flush();
    let groups = 0;
    const assigned = () => Promise.all(numbers.map((i) => makeAssigned(bus, i)));
    const members = () => numbers.map(() => makeMember(bus, { groupId: `replay ${groups}`, topics: TOPIC }));
    const group = () => {
      groups++;
      return members();
    };
    const sides = [
      { name: cases[0], run: async () => replaySettled(await assigned(), records) },
      { name: cases[1], run: async () => replaySettled(group(), records) },
      { name: cases[2], run: () => replayWhole(assigned, records) },
      { name: cases[3], run: () => replayWhole(async () => group(), records) },
    ];
    const measured = await measureSides(sides, bench.pick(1, 5, 9), bench.pick(0, 2, 2));
    measured.forEach((side, i) => {
      const ratio = i % 2 === 0 ? {} : { ratio: rounded(ratioOf(side, measured[i - 1])), of: 'assigned partitions' };
      bench.emit({ case: side.name, value: rounded(side.value), unit: 'records/s', ...ratio, check: side.check });
    });
  });
}

const raw = { key: serdes.raw, value: serdes.raw, autoOffsetReset: 'earliest' } as const;

/** What a group of this size gives each of its members, by the user's own hand. */
async function makeAssigned(bus: Bus, number: number): Promise<RawConsumer> {
  const consumer: RawConsumer = bus.consumer(raw);
  const own = Array.from({ length: PARTITIONS / MEMBERS }, (_, i): TopicPartition => ({ topic: TOPIC, partition: number + i * MEMBERS }));
  await consumer.assign(own);
  return consumer;
}

function makeMember(bus: Bus, group: Pick<ConsumerOptions, 'groupId' | 'topics'>): RawConsumer {
  return bus.consumer<Uint8Array, Uint8Array>({ ...raw, ...group });
}

/** Nothing is given out before everybody has what is his: partitions are paused as they come. */
async function replaySettled(consumers: readonly RawConsumer[], records: number): Promise<Sample> {
  const reading = new Reading(consumers, records);
  reading.hold();
  const ended = reading.begin();
  await until(() => {
    reading.hold();
    return allHave(consumers, PARTITIONS);
  });
  const seconds = await secondsOf(() => {
    reading.release();
    return reading.done;
  });
  return finish(consumers, reading, ended, seconds);
}

async function replayWhole(make: () => Promise<RawConsumer[]>, records: number): Promise<Sample> {
  const startMs = performance.now();
  const consumers = await make();
  const reading = new Reading(consumers, records);
  const ended = reading.begin();
  await reading.done;
  return finish(consumers, reading, ended, (performance.now() - startMs) / 1000);
}

async function finish(consumers: readonly RawConsumer[], reading: Reading, ended: Promise<unknown>, seconds: number): Promise<Sample> {
  await Promise.all(consumers.map((consumer) => consumer.close()));
  await ended;
  return { value: reading.records / seconds, check: expectCheck(reading.tally.check, checkOf(reading.records), 'replay') };
}

/** Several consumers that read until they have seen so many records together. */
class Reading {
  readonly tally = new Tally();
  readonly records: number;
  readonly done: Promise<void>;
  readonly #consumers: readonly RawConsumer[];
  #finish: () => void = () => {};

  constructor(consumers: readonly RawConsumer[], records: number) {
    this.#consumers = consumers;
    this.records = records;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  hold(): void {
    for (const consumer of this.#consumers) consumer.pause();
  }

  release(): void {
    for (const consumer of this.#consumers) consumer.resume();
  }

  /** Resolves when all of them are closed. */
  begin(): Promise<unknown> {
    return Promise.all(this.#consumers.map((consumer) => this.#read(consumer)));
  }

  async #read(consumer: RawConsumer): Promise<void> {
    const cursor = new RecordCursor();
    for await (const batch of consumer.batches()) {
      batch.cursor(cursor);
      while (cursor.next()) this.tally.add(cursor.bytes, cursor.keyAt, cursor.valueAt);
      batch.release();
      if (this.tally.count >= this.records) this.#finish();
    }
  }
}
