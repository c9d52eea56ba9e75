/**
 * Appends with acks all on `synced` topics. Group commit: as a share of what a plain loop of write + fdatasync reaches when each of its
 * syncs carries as many bytes as the bus's did. One by one: as a share of append + fdatasync of 4 KiB, and beside better-sqlite3
 * with synchronous=FULL, one row per transaction.
 */
import { KiB, MiB } from '../../src/base/bytes.ts';
import type { Bus } from '../../src/index.ts';
import { countStored, makeTopic, pushRecords, rawProducer, withBus } from '../bus.ts';
import { appendAndSync } from '../ceilings.ts';
import { syncsSoFar } from '../count-syncs.ts';
import { type Bench, expectCheck, measureSides, median, ratioOf, rounded, type Sample, type Side } from '../harness.ts';
import { insertOneByOne } from '../peers/sqlite.ts';
import { keyOf, makeValue, writeNumber } from '../records.ts';

interface Grouped extends Sample {
  bytesPerSync: number;
  bytes: number;
}

export async function main(bench: Bench): Promise<void> {
  const folder = bench.makeFolder();
  await withBus({ dir: folder }, async (bus) => {
    for (const { size, valueBytes, records } of [
      { size: '100 B', valueBytes: 100, records: bench.pick(5_000, 300_000, 2_000_000) },
      { size: '1 KiB', valueBytes: 1024, records: bench.pick(1_000, 100_000, 500_000) },
    ]) {
      for (const partitions of [1, 4]) {
        await measureGrouped(bench, folder, `grouped, pushed, ${size}, ${count(partitions, 'partition')}`, (round) =>
          pushed(bus, `pushed-${valueBytes}-${partitions}-${round}`, partitions, valueBytes, records),
        );
      }
    }
    for (const senders of [16, 256]) {
      const records = bench.pick(512, 8_192, 32_768);
      await measureGrouped(bench, folder, `grouped, ${senders} senders of one record each`, (round) =>
        sentBySenders(bus, `senders-${senders}-${round}`, senders, records),
      );
    }
    await measureOneByOne(bench, bus, folder);
  });
  bench.drop(folder);
}

/** The ceiling of a round carries as many bytes per sync as the bus did in that round. */
async function measureGrouped(bench: Bench, folder: string, name: string, run: (round: number) => Promise<Grouped>): Promise<void> {
  if (!bench.wants(name)) return;
  const pieces: number[] = [];
  let last: Grouped = { value: 0, check: '', bytesPerSync: 0, bytes: 0 };
  const sides: Side[] = [
    {
      name,
      run: async (round) => {
        last = await run(round);
        if (round >= 0) pieces.push(last.bytesPerSync);
        return last;
      },
    },
    {
      name: 'write + fdatasync',
      run: () => {
        const pieceBytes = Math.max(1, Math.round(last.bytesPerSync));
        const times = Math.max(8, Math.ceil(Math.min(last.bytes, 64 * MiB) / pieceBytes));
        // As records, so that the two compare; how many there were is told by the bus's side.
        const recordBytes = last.bytes / Number(last.check);
        return {
          value: (appendAndSync(folder, { times, pieceBytes }).value * pieceBytes) / recordBytes,
          check: 'bytes per sync as the bus had',
        };
      },
    },
  ];
  const [side, ceiling] = await measureSides(sides, bench.pick(1, 3, 7), bench.pick(0, 1, 1));
  const of = `write + fdatasync of ${Math.round(median(pieces) / 1024)} KiB`;
  bench.emit({ case: name, value: rounded(side.value), unit: 'records/s', ratio: rounded(ratioOf(side, ceiling)), of, check: side.check });
}

/** Pushed as fast as it goes: full batches, several in flight. */
async function pushed(bus: Bus, topic: string, partitions: number, valueBytes: number, records: number): Promise<Grouped> {
  return grouped(bus, topic, partitions, records, async (producer) => {
    await pushRecords(producer, topic, valueBytes, records);
    await producer.flush();
  });
}

/** As many users as there are senders, each of which waits for its receipt before its next record. */
async function sentBySenders(bus: Bus, topic: string, senders: number, records: number): Promise<Grouped> {
  return grouped(bus, topic, 1, records, async (producer) => {
    let next = 0;
    const sendOn = async () => {
      const value = makeValue(100);
      while (next < records) {
        const index = next++;
        writeNumber(value, index);
        await producer.send(topic, { key: keyOf(index), value });
      }
    };
    await Promise.all(Array.from({ length: senders }, sendOn));
  });
}

async function grouped(
  bus: Bus,
  topic: string,
  partitions: number,
  records: number,
  work: (producer: ReturnType<typeof rawProducer>) => Promise<void>,
): Promise<Grouped> {
  await makeTopic(bus, topic, 'synced', { partitions });
  const producer = rawProducer(bus);
  const syncs = syncsSoFar();
  const startMs = performance.now();
  await work(producer);
  const seconds = (performance.now() - startMs) / 1000;
  const bytesPerSync = (await bytesOf(bus, topic)) / (syncsSoFar() - syncs);
  const bytes = await bytesOf(bus, topic);
  const check = expectCheck(await countStored(bus, topic), `${records}`, topic);
  await producer.close();
  await bus.admin().deleteTopics([topic]);
  return { value: records / seconds, check, bytesPerSync, bytes };
}

async function bytesOf(bus: Bus, topic: string): Promise<number> {
  const partitions = await bus.admin().describeLogDirs([topic]);
  return partitions.reduce((sum, { logBytes }) => sum + logBytes, 0);
}

async function measureOneByOne(bench: Bench, bus: Bus, folder: string): Promise<void> {
  const name = 'one by one';
  if (!bench.wants(name)) return;
  const records = bench.pick(20, 500, 3_000);
  const sides: Side[] = [
    { name, run: (round) => oneByOne(bus, `alone-${round}`, records) },
    {
      name: 'append + fdatasync of 4 KiB',
      run: () => ({ ...appendAndSync(folder, { times: records, pieceBytes: 4 * KiB }), check: `${records}` }),
    },
    { name: 'better-sqlite3, synchronous=FULL', run: () => insertOneByOne(folder, records) },
  ];
  const [side, ceiling, sqlite] = await measureSides(sides, bench.pick(1, 3, 7), bench.pick(0, 1, 1));
  for (const other of [ceiling, sqlite]) {
    bench.emit({
      case: name,
      value: rounded(side.value),
      unit: 'records/s',
      ratio: rounded(ratioOf(side, other)),
      of: other.name,
      check: side.check,
    });
  }
  bench.emit({ case: name, peer: sqlite.name, value: rounded(sqlite.value), unit: 'records/s', check: sqlite.check });
  bench.emit({ case: ceiling.name, value: rounded(ceiling.value), unit: 'syncs/s', check: ceiling.check });
}

async function oneByOne(bus: Bus, topic: string, records: number): Promise<Sample> {
  await makeTopic(bus, topic, 'synced', { partitions: 1 });
  const producer = rawProducer(bus);
  const value = makeValue(100);
  await producer.send(topic, { key: keyOf(0), value });
  const startMs = performance.now();
  for (let i = 1; i < records; i++) {
    writeNumber(value, i);
    await producer.send(topic, { key: keyOf(i), value });
  }
  const seconds = (performance.now() - startMs) / 1000;
  const check = expectCheck(await countStored(bus, topic), `${records}`, topic);
  await producer.close();
  await bus.admin().deleteTopics([topic]);
  return { value: (records - 1) / seconds, check };
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
