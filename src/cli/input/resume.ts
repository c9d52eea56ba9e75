/**
 * An import that can be run again: each record says in a header from which place of which file it came, so what has arrived is seen in the
 * topic itself, also after a kill, and only the rest is sent. It needs one partition, in which a file's records lie in the file's order.
 *
 *   spillway.input: <place> <name of the file>       place: the byte, line or element at which the record begins
 */
import { basename } from 'node:path';
import { serdes } from '../../client/serde.ts';
import type { Header } from '../../record/batch-write.ts';
import { UsageError } from '../exit.ts';
import type { BusSide } from '../session.ts';

const headerName = 'spillway.input';

export function inputHeader(name: string, place: number): Header {
  return { key: headerName, value: Buffer.from(`${place} ${name}`) };
}

/** The names under which files are known in headers. Throws UsageError where these would not tell them apart. */
export function inputNames(files: readonly string[]): string[] {
  if (files.includes('-')) throw new UsageError('--resume goes on in files; standard input has no place to go on from', 'produce');
  const names = files.map((file) => basename(file));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`--resume knows files by their names, and there are two "${twice}"`, 'produce');
  return names;
}

/** The partition that all of an import goes to. Throws UsageError when there would be several. */
export function onePartition(chosen: number | undefined, partitions: number): number {
  if (chosen !== undefined) return chosen;
  if (partitions === 1) return 0;
  throw new UsageError(`--resume needs one partition, and the topic has ${partitions}: say which (--partition)`, 'produce');
}

export interface Import {
  topic: string;
  partition: number;
  names: readonly string[];
  /** No record of these files is older. */
  sinceMs: number | undefined;
}

/** How far each file has been imported: the place of its last record in the topic. A file that is not there has none. */
export async function placesReached(bus: BusSide, { topic, partition, names, sinceMs }: Import): Promise<Map<string, number>> {
  const reached = new Map<string, number>();
  const [start, end] = await Promise.all((['earliest', 'latest'] as const).map((spec) => offsetOf(bus, topic, partition, spec)));
  if (start >= end) return reached;
  // After an import that was cut short the last record tells all there is to know.
  await look(bus, topic, partition, end - 1, end, reached);
  const [name] = reached.keys();
  if (name !== undefined && names.length === 1 && name === names[0]) return reached;
  const from = sinceMs === undefined ? start : await offsetOf(bus, topic, partition, sinceMs);
  if (from >= 0) await look(bus, topic, partition, from, end, reached);
  return reached;
}

async function offsetOf(bus: BusSide, topic: string, partition: number, spec: 'earliest' | 'latest' | number): Promise<number> {
  return (await bus.admin().listOffsets(topic, spec)).find((one) => one.partition === partition)?.offset ?? 0;
}

/** Reads the headers in [from, until). */
async function look(
  bus: BusSide,
  topic: string,
  partition: number,
  from: number,
  until: number,
  reached: Map<string, number>,
): Promise<void> {
  const consumer = bus.consumer({ value: serdes.raw, autoOffsetReset: 'earliest', onDamage: 'skip' });
  await consumer.assign([{ topic, partition }]);
  await consumer.seek({ topic, partition }, from);
  for await (const batch of consumer.batches()) {
    const cursor = batch.cursor();
    while (cursor.next()) {
      if (cursor.offset >= until) break;
      const text = cursor.view().headers.find(({ key }) => key === headerName)?.value;
      const match = /^(\d+) (.*)$/s.exec(text === undefined || text === null ? '' : Buffer.from(text).toString());
      if (match !== null) reached.set(match[2], Math.max(Number(match[1]), reached.get(match[2]) ?? 0));
    }
    const isThrough = batch.nextOffset >= until;
    batch.release();
    if (isThrough) break;
  }
  await consumer.close();
}
