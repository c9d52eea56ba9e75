/**
 * Replay from the beginning, keys and values touched: from what the bus holds in memory, and from cold files (a bus freshly opened, nothing
 * resident; the system's page cache holds them). In each manner of reading.
 */
import { MiB } from '../../src/base/bytes.ts';
import type { Bus } from '../../src/index.ts';
import { type Manner, makeTopic, pushRecords, rawProducer, replay, withBus } from '../bus.ts';
import { type Bench, expectCheck, type Measured, measureSides, ratioOf, rounded, type Side } from '../harness.ts';
import { checkOf } from '../records.ts';

const manners: readonly { manner: Manner; name: string }[] = [
  { manner: 'cursor', name: 'allocation-free' },
  { manner: 'views', name: 'a view per value' },
  { manner: 'records', name: 'record objects' },
];

export async function main(bench: Bench): Promise<void> {
  const folder = bench.makeFolder();
  await measureSize(bench, folder, { size: '100 B', valueBytes: 100, records: bench.pick(20_000, 1_000_000, 4_000_000) });
  await measureSize(bench, folder, { size: '1 KiB', valueBytes: 1024, records: bench.pick(2_000, 100_000, 500_000) });
  bench.drop(folder);
}

async function measureSize(bench: Bench, folder: string, load: { size: string; valueBytes: number; records: number }): Promise<void> {
  const { size, valueBytes, records } = load;
  const topic = `replay-${valueBytes}`;
  const fill = async (bus: Bus, durability: 'memory' | 'written') => {
    await makeTopic(bus, topic, durability);
    const producer = rawProducer(bus);
    await pushRecords(producer, topic, valueBytes, records);
    await producer.flush();
  };
  const memoryBytesMax = Math.max(64 * MiB, records * (valueBytes + 40) * 3);
  await withBus({ dir: folder }, (bus) => fill(bus, 'written'));
  await withBus({ memoryBytesMax }, async (warm) => {
    await fill(warm, 'memory');
    // The least memory that a bus takes: what is read from files does not become resident.
    await withBus({ dir: folder, memoryBytesMax: 64 * MiB }, async (cold) => {
      const sides = manners.flatMap(({ manner, name }): Side[] => [
        { name: `${size}, ${name}, from memory`, run: () => read(warm, topic, records, manner) },
        { name: `${size}, ${name}, from cold files`, run: () => read(cold, topic, records, manner) },
      ]);
      const wanted = sides.filter(({ name }) => bench.wants(name));
      const measured = await measureSides(wanted, bench.pick(1, 3, 7), bench.pick(0, 2, 2));
      for (const side of measured)
        bench.emit({ case: side.name, value: rounded(side.value), unit: 'records/s', ...share(side, measured), check: side.check });
    });
  });
}

/** Of a cold replay: its share of the warm one. */
function share(side: Measured, all: readonly Measured[]): { ratio?: number; of?: string } {
  const warm = all.find(({ name }) => name === side.name.replace('cold files', 'memory'));
  return warm === undefined || warm === side ? {} : { ratio: rounded(ratioOf(side, warm)), of: 'from memory' };
}

async function read(bus: Bus, topic: string, records: number, manner: Manner) {
  const startMs = performance.now();
  const tally = await replay(bus, topic, records, manner);
  const seconds = (performance.now() - startMs) / 1000;
  return { value: records / seconds, check: expectCheck(tally.check, checkOf(records), topic) };
}
