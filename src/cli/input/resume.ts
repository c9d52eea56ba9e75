/**
 * An import that can be run again: each record says in a header from which place of which file it came, so what has arrived is seen in the
 * topic itself, also after a kill, and only the rest is sent. Which partition a record goes to follows from its key, or without one from its place, and
 * in each partition a file's records lie in the file's order: the last one there tells for all before it.
 *
 *   spillway.input: <place> <name of the file>               place: the byte, line or element at which the record begins
 *                   <place>/<partitions> <name of the file>  where it was spread over several
 */
import { basename } from 'node:path';
import { partitionOfKey } from '../../base/murmur2.ts';
import { serdes } from '../../client/serde.ts';
import type { Header } from '../../record/batch-write.ts';
import { UsageError } from '../exit.ts';
import type { BusSide } from '../session.ts';

const headerName = 'spillway.input';

/** Over how many partitions an import is spread; over one it may be any. */
export interface Spread {
  partitions: number;
  /** The only one, when it is one. */
  first: number;
}

export function inputHeader(name: string, place: number, { partitions }: Spread): Header {
  return { key: headerName, value: Buffer.from(`${place}${partitions === 1 ? '' : `/${partitions}`} ${name}`) };
}

/** The partition of a record: the same one whenever it is asked for. */
export function partitionOfInput(key: string | Uint8Array | null, place: number, { partitions, first }: Spread): number {
  if (partitions === 1) return first;
  const text = key ?? String(place);
  return partitionOfKey(typeof text === 'string' ? Buffer.from(text) : text, partitions);
}

/** The names under which files are known in headers. Throws UsageError where these would not tell them apart. */
export function inputNames(files: readonly string[]): string[] {
  if (files.includes('-')) throw new UsageError('--resume goes on in files; standard input has no place to go on from', 'produce');
  const names = files.map((file) => basename(file));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`--resume knows files by their names, and there are two "${twice}"`, 'produce');
  return names;
}

export interface Import {
  topic: string;
  spread: Spread;
  names: readonly string[];
  /** No record of these files is older. */
  sinceMs: number | undefined;
}

/**
 * How far each file has been imported, by partition: the place of its last record there. A file that is not there has none. Throws UsageError when one was
 * spread otherwise: nobody could tell what is missing.
 */
export async function placesReached(bus: BusSide, what: Import): Promise<Map<string, number>[]> {
  const { partitions, first } = what.spread;
  const all: Map<string, number>[] = [];
  for (let partition = first; partition < first + partitions; partition++) all[partition] = await reachedIn(bus, what, partition);
  return all;
}

async function reachedIn(bus: BusSide, what: Import, partition: number): Promise<Map<string, number>> {
  const { topic, names, sinceMs } = what;
  const reached = new Map<string, number>();
  const [start, end] = await Promise.all((['earliest', 'latest'] as const).map((spec) => offsetOf(bus, topic, partition, spec)));
  if (start >= end) return reached;
  // After an import that was cut short the last record tells all there is to know.
  await look(bus, what, partition, end - 1, end, reached);
  const [name] = reached.keys();
  if (name !== undefined && names.length === 1 && name === names[0]) return reached;
  const from = sinceMs === undefined ? start : await offsetOf(bus, topic, partition, sinceMs);
  if (from >= 0) await look(bus, what, partition, from, end, reached);
  return reached;
}

async function offsetOf(bus: BusSide, topic: string, partition: number, spec: 'earliest' | 'latest' | number): Promise<number> {
  return (await bus.admin().listOffsets(topic, spec)).find((one) => one.partition === partition)?.offset ?? 0;
}

/** Reads the headers in [from, until). */
async function look(
  bus: BusSide,
  { topic, names, spread }: Import,
  partition: number,
  from: number,
  until: number,
  reached: Map<string, number>,
): Promise<void> {
  let wrong: UsageError | null = null;
  const consumer = bus.consumer({ value: serdes.raw, autoOffsetReset: 'earliest', onDamage: 'skip' });
  await consumer.assign([{ topic, partition }]);
  await consumer.seek({ topic, partition }, from);
  for await (const batch of consumer.batches()) {
    const cursor = batch.cursor();
    while (cursor.next()) {
      if (cursor.offset >= until) break;
      const text = cursor.view().headers.find(({ key }) => key === headerName)?.value;
      const match = /^(\d+)(?:\/(\d+))? (.*)$/s.exec(text === undefined || text === null ? '' : Buffer.from(text).toString());
      if (match === null) continue;
      const [, place, partitions = '1', name] = match;
      if (Number(partitions) !== spread.partitions && names.includes(name)) wrong = spreadOtherwise(name, Number(partitions), spread);
      reached.set(name, Math.max(Number(place), reached.get(name) ?? 0));
    }
    const isThrough = batch.nextOffset >= until;
    batch.release();
    if (isThrough || wrong !== null) break;
  }
  await consumer.close();
  if (wrong !== null) throw wrong;
}

function spreadOtherwise(name: string, before: number, { partitions }: Spread): UsageError {
  const over = (count: number): string => (count === 1 ? 'one partition' : `${count} partitions`);
  return new UsageError(
    `"${name}" was imported into ${over(before)}; --resume can tell what is missing there alone, not in ${over(partitions)}`,
    'produce',
  );
}
