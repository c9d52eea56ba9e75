/**
 * One producing thread, 4 partitions, keys of 8 B, acks 1. Values of 100 B: as a share of what the same thread encodes when it does
 * nothing else. Values of 1 KiB: as a share of write() in 128 KiB pieces to a fresh file.
 */
import { MiB } from '../../src/base/bytes.ts';
import type { Bus } from '../../src/index.ts';
import { countStored, type Durability, makeTopic, pushRecords, rawProducer, withBus } from '../bus.ts';
import { appendPieces, encodeOnly } from '../ceilings.ts';
import { type Bench, expectCheck, measureSides, ratioOf, rounded, type Side } from '../harness.ts';
import { KEY_BYTES } from '../records.ts';

export async function main(bench: Bench): Promise<void> {
  const rounds = bench.pick(1, 3, 7);
  const warmups = bench.pick(0, 1, 1);
  const folder = bench.makeFolder();

  if (bench.wants('100 B, written') || bench.wants('100 B, memory')) {
    const records = bench.pick(20_000, 1_000_000, 4_000_000);
    // Beside the disk: a bus that holds all of a round in memory.
    await withBus({ dir: folder, memoryBytesMax: 512 * MiB }, (bus) =>
      withBus({ memoryBytesMax: bench.pick(64, 512, 2048) * MiB }, async (inMemory) => {
        const sides: Side[] = [
          { name: '100 B, written, acks 1', run: (round) => produce(bus, `small${round}`, 'written', 100, records) },
          { name: '100 B, memory, acks 1', run: (round) => produce(inMemory, `small${round}`, 'memory', 100, records) },
          { name: 'encode only', run: () => encodeOnly({ records, valueBytes: 100 }) },
        ];
        const measured = await measureSides(sides, rounds, warmups);
        const ceiling = measured[2];
        for (const side of measured.slice(0, 2)) {
          const ratio = rounded(ratioOf(side, ceiling));
          bench.emit({ case: side.name, value: rounded(side.value), unit: 'records/s', ratio, of: ceiling.name, check: side.check });
        }
        bench.emit({ case: ceiling.name, value: rounded(ceiling.value), unit: 'records/s', check: ceiling.check });
      }),
    );
  }

  if (bench.wants('1 KiB, written')) {
    const records = bench.pick(2_000, 200_000, 1_000_000);
    const recordBytes = 1024 + KEY_BYTES;
    await withBus({ dir: folder, memoryBytesMax: 512 * MiB }, async (bus) => {
      const sides: Side[] = [
        { name: '1 KiB, written, acks 1', run: (round) => produce(bus, `large${round}`, 'written', 1024, records) },
        {
          name: 'write() in 128 KiB pieces',
          run: () => {
            const { value, check } = appendPieces(folder, { bytes: records * recordBytes });
            return { value: value / recordBytes, check };
          },
        },
      ];
      const [side, ceiling] = await measureSides(sides, rounds, warmups);
      const ratio = rounded(ratioOf(side, ceiling));
      bench.emit({ case: side.name, value: rounded(side.value), unit: 'records/s', ratio, of: ceiling.name, check: side.check });
      bench.emit({ case: ceiling.name, value: rounded(ceiling.value * recordBytes), unit: 'B/s', check: ceiling.check });
    });
  }
  bench.drop(folder);
}

async function produce(bus: Bus, topic: string, durability: Durability, valueBytes: number, records: number) {
  await makeTopic(bus, topic, durability);
  const producer = rawProducer(bus, { acks: 1 });
  await producer.send(topic, { key: null, value: null, partition: 0 });
  const startMs = performance.now();
  await pushRecords(producer, topic, valueBytes, records);
  await producer.flush();
  const seconds = (performance.now() - startMs) / 1000;
  const check = expectCheck(await countStored(bus, topic), `${records + 1}`, topic);
  await producer.close();
  await bus.admin().deleteTopics([topic]);
  return { value: records / seconds, check };
}
