/** The machine's own limits, by themselves: what the ratios of the other benches are measured against. */
import { KiB, MiB } from '../../src/base/bytes.ts';
import { appendAndSync, appendPieces, encodeOnly, postRoundTrips, readPieces } from '../ceilings.ts';
import { type Bench, measureSides, rounded, type Sample, type Side } from '../harness.ts';

export async function main(bench: Bench): Promise<void> {
  const folder = bench.makeFolder();
  const rounds = bench.pick(1, 3, 5);
  const records = bench.pick(10_000, 1_000_000, 4_000_000);
  const bytes = bench.pick(1 * MiB, 256 * MiB, 1024 * MiB);
  const times = bench.pick(10, 500, 2000);
  const sides: (Side<Sample> & { unit: string })[] = [
    { name: 'encode only, 100 B', unit: 'records/s', run: () => encodeOnly({ records, valueBytes: 100 }) },
    { name: 'encode only, 1 KiB', unit: 'records/s', run: () => encodeOnly({ records: records / 10, valueBytes: 1024 }) },
    { name: 'write() 128 KiB pieces, fresh file', unit: 'B/s', run: () => appendPieces(folder, { bytes }) },
    { name: 'write() 1 MiB pieces, fresh file', unit: 'B/s', run: () => appendPieces(folder, { bytes, pieceBytes: MiB }) },
    { name: 'read() 128 KiB pieces, page cache', unit: 'B/s', run: () => readPieces(folder, { bytes }) },
    { name: 'append + fdatasync 4 KiB', unit: 'syncs/s', run: () => appendAndSync(folder, { times, pieceBytes: 4 * KiB }) },
    { name: 'overwrite + fdatasync 4 KiB', unit: 'syncs/s', run: () => appendAndSync(folder, { times, pieceBytes: 4 * KiB, ahead: true }) },
    { name: 'append + fdatasync 128 KiB', unit: 'syncs/s', run: () => appendAndSync(folder, { times, pieceBytes: 128 * KiB }) },
    {
      name: 'append + fdatasync 1 MiB',
      unit: 'syncs/s',
      run: () => appendAndSync(folder, { times: Math.ceil(times / 4), pieceBytes: MiB }),
    },
    { name: 'postMessage round trip, p50', unit: 'µs', run: () => postRoundTrips(times * 10) },
  ];
  const wanted = sides.filter(({ name }) => bench.wants(name));
  const measured = await measureSides<Sample>(wanted, rounds, 1);
  for (const [i, { name, value, check }] of measured.entries())
    bench.emit({ case: name, value: rounded(value), unit: wanted[i].unit, check });
  bench.drop(folder);
}
