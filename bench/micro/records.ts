/** Record batches by themselves, on one thread: how fast they are written and walked. The other benches' share of that is their ratio. */
import { BatchWriter } from '../../src/record/batch-write.ts';
import { RecordCursor } from '../../src/record/record-cursor.ts';
import { encodeOnly, PIECE_BYTES } from '../ceilings.ts';
import { type Bench, expectCheck, measureSides, rounded, type Sample, type Side } from '../harness.ts';
import { checkOf, keyOf, makeValue, Tally, writeNumber } from '../records.ts';

export async function main(bench: Bench): Promise<void> {
  for (const { name, valueBytes, records } of [
    { name: '100 B', valueBytes: 100, records: bench.pick(5_000, 1_000_000, 4_000_000) },
    { name: '1 KiB', valueBytes: 1024, records: bench.pick(1_000, 200_000, 500_000) },
  ]) {
    const batches = encodeAll(records, valueBytes);
    const expected = checkOf(records);
    const sides: Side<Sample>[] = [
      { name: `encode, ${name}`, run: () => encodeOnly({ records, valueBytes }) },
      { name: `walk, ${name}`, run: () => timed(records, expected, () => walk(batches)) },
      { name: `walk with a view per value, ${name}`, run: () => timed(records, expected, () => walkViews(batches)) },
      { name: `walk with CRC, ${name}`, run: () => timed(records, expected, () => walk(batches, true)) },
    ];
    const measured = await measureSides(
      sides.filter((side) => bench.wants(side.name)),
      bench.pick(1, 3, 7),
      1,
    );
    for (const { name, value, check } of measured) bench.emit({ case: name, value: rounded(value), unit: 'records/s', check });
  }
}

function encodeAll(records: number, valueBytes: number): Buffer[] {
  const writer = new BatchWriter({ bytesMax: PIECE_BYTES, compression: 0 });
  const value = makeValue(valueBytes);
  const batches: Buffer[] = [];
  const seal = () => {
    const batch = writer.seal({ producerId: -1, producerEpoch: -1, baseSequence: -1 });
    batches.push(Buffer.from(batch));
    writer.reset();
  };
  for (let i = 0; i < records; i++) {
    writeNumber(value, i);
    if (writer.append(1_700_000_000_000, keyOf(i), value, null) >= 0) continue;
    seal();
    writer.append(1_700_000_000_000, keyOf(i), value, null);
  }
  seal();
  return batches;
}

function timed(records: number, expected: string, work: () => Tally): Sample {
  const startMs = performance.now();
  const tally = work();
  const seconds = (performance.now() - startMs) / 1000;
  return { value: records / seconds, check: expectCheck(tally.check, expected, 'a walk') };
}

function walk(batches: readonly Buffer[], checkCrc = false): Tally {
  const tally = new Tally();
  const cursor = new RecordCursor();
  for (const batch of batches) {
    cursor.open(batch, 0, batch.length, 0, checkCrc);
    while (cursor.next()) tally.add(cursor.bytes, cursor.keyAt, cursor.valueAt);
  }
  return tally;
}

function walkViews(batches: readonly Buffer[]): Tally {
  const tally = new Tally();
  const cursor = new RecordCursor();
  for (const batch of batches) {
    cursor.open(batch, 0, batch.length, 0);
    while (cursor.next()) {
      const value = cursor.bytes.subarray(cursor.valueAt, cursor.valueAt + cursor.valueLength);
      tally.addView(cursor.bytes, cursor.keyAt, value);
    }
  }
  return tally;
}
