/**
 * What each codec costs and saves, one thread: batches of 128 KiB of JSON lines encoded and sealed, and walked again; then the same
 * uncompressed with two headers on every record. The check is the bytes that the batches took: the saving can be read from it.
 */
import { BatchWriter, type Header } from '../../src/record/batch-write.ts';
import { type CompressionName, compressions } from '../../src/record/compression.ts';
import { RecordCursor } from '../../src/record/record-cursor.ts';
import { readHeaders } from '../../src/record/record-view.ts';
import { PIECE_BYTES } from '../ceilings.ts';
import { type Bench, expectCheck, measureSides, ratioOf, rounded, type Sample, type Side } from '../harness.ts';
import { keyOf } from '../records.ts';

const VALUES = 4096;
const START_MS = 1_700_000_000_000;
const NOBODY = { producerId: -1, producerEpoch: -1, baseSequence: -1 };

/** Lines of some 100 bytes: they repeat their names and differ in their numbers, as records do. */
const values: readonly Buffer[] = Array.from({ length: VALUES }, (_, i) =>
  Buffer.from(
    JSON.stringify({
      id: i,
      flight: `SW${(i * 7919) % 3000}`,
      from: 'OAK',
      to: 'LAX',
      delay: (i * 31) % 47,
      distance: (i * 997) % 2500,
      ok: true,
    }),
  ),
);
const headers: readonly Header[] = [
  { key: 'trace-id', value: Buffer.from('00-4bf92f3577b34da6a3ce929d0e0e4736-01') },
  { key: 'source', value: Buffer.from('gate 7') },
];

export async function main(bench: Bench): Promise<void> {
  const records = bench.pick(2_000, 200_000, 1_000_000);
  const names = Object.keys(compressions) as CompressionName[];
  const sides: Side[] = [
    ...names.map((name) => ({ name: `encode, ${name}`, run: () => encoded(records, name, null) })),
    { name: 'encode, two headers', run: () => encoded(records, 'none', headers) },
    ...names.map((name) => walkOf(`walk, ${name}`, records, name, null)),
    walkOf('walk, two headers read', records, 'none', headers),
  ];
  const measured = await measureSides(
    sides.filter(({ name }) => bench.wants(name)),
    bench.pick(1, 3, 5),
    1,
  );
  for (const side of measured) {
    const of = side.name.replace(/,.*/, ', none');
    const ceiling = measured.find(({ name }) => name === of);
    const ratio = ceiling === undefined || ceiling === side ? {} : { ratio: rounded(ratioOf(side, ceiling)), of };
    bench.emit({ case: side.name, value: rounded(side.value), unit: 'records/s', ...ratio, check: side.check });
  }
}

function encoded(records: number, codec: CompressionName, headers: readonly Header[] | null): Sample {
  const startMs = performance.now();
  let bytes = 0;
  encode(records, codec, headers, (batch) => {
    bytes += batch.length;
  });
  return { value: (records / (performance.now() - startMs)) * 1000, check: `${bytes}` };
}

function walkOf(name: string, records: number, codec: CompressionName, headers: readonly Header[] | null): Side {
  const batches: Buffer[] = [];
  encode(records, codec, headers, (batch) => {
    batches.push(Buffer.from(batch));
  });
  const cursor = new RecordCursor();
  return {
    name,
    run() {
      const startMs = performance.now();
      let count = 0;
      let headersRead = 0;
      for (const batch of batches) {
        cursor.open(batch, 0, batch.length, 0);
        while (cursor.next()) {
          count++;
          if (cursor.headerCount > 0)
            headersRead += readHeaders(cursor.bytes, cursor.headersAt, cursor.headerCount, cursor.recordEnd).length;
        }
      }
      const value = (records / (performance.now() - startMs)) * 1000;
      return { value, check: expectCheck(`${count}+${headersRead}`, `${records}+${(headers?.length ?? 0) * records}`, name) };
    },
  };
}

function encode(records: number, codec: CompressionName, headers: readonly Header[] | null, take: (batch: Buffer) => void): void {
  const writer = new BatchWriter({ bytesMax: PIECE_BYTES, compression: compressions[codec] });
  for (let i = 0; i < records; i++) {
    const value = values[i % VALUES];
    if (writer.append(START_MS + i, keyOf(i), value, headers) >= 0) continue;
    take(writer.seal(NOBODY));
    writer.reset();
    writer.append(START_MS + i, keyOf(i), value, headers);
  }
  take(writer.seal(NOBODY));
}
