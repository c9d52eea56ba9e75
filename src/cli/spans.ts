/** From where to where a verb reads, in each partition: places as a command line names them become offsets of a bus. */
import type { Admin, ListedOffset } from '../client/admin.ts';
import { NotFoundError } from './exit.ts';
import { type Place, parsePartitions } from './position.ts';

export interface Span {
  from: number;
  /** Exclusive; Infinity when followed. */
  until: number;
}

export interface Wanted {
  from: Place;
  /** Null: what is there now. */
  until: Place | null;
  /** Lists of partitions; none stands for all. */
  partitions: readonly string[];
  isEndless: boolean;
  verb: string;
}

/** Where to begin and end in each chosen partition. Throws NotFoundError. */
export async function spansOf(
  admin: Admin,
  topic: string,
  { from, until, partitions, isEndless, verb }: Wanted,
): Promise<Map<number, Span>> {
  if (!(await admin.listTopics()).some(({ name }) => name === topic)) throw new NotFoundError(`topic "${topic}" does not exist`);
  const [starts, ends] = await Promise.all([offsetsAt(admin, topic, 'earliest'), offsetsAt(admin, topic, 'latest')]);
  const chosen = partitions.length === 0 ? [...ends.keys()] : parsePartitions(partitions, verb);
  const missing = chosen.find((partition) => !ends.has(partition));
  if (missing !== undefined) throw new NotFoundError(`topic "${topic}" has partitions 0 to ${ends.size - 1}, not ${missing}`);
  const [firsts, lasts] = await Promise.all([
    resolve(admin, topic, from, starts, ends),
    until === null ? ends : resolve(admin, topic, until, starts, ends),
  ]);
  const end = (partition: number): number => (isEndless ? Number.POSITIVE_INFINITY : Math.min(at(lasts, partition), at(ends, partition)));
  return new Map(chosen.map((partition) => [partition, { from: at(firsts, partition), until: end(partition) }]));
}

type Offsets = ReadonlyMap<number, number>;

/** A place as an offset of every partition. */
async function resolve(admin: Admin, topic: string, place: Place, starts: Offsets, ends: Offsets): Promise<Offsets> {
  switch (place.kind) {
    case 'beginning':
      return starts;
    case 'end':
      return ends;
    case 'offset':
      return new Map([...ends.keys()].map((partition) => [partition, Math.max(place.offset, at(starts, partition))]));
    case 'last':
      return new Map([...ends].map(([partition, end]) => [partition, Math.max(at(starts, partition), end - place.count)]));
    case 'time': {
      const found = await offsetsAt(admin, topic, place.timestampMs);
      // No record that late: the end.
      return new Map([...found].map(([partition, offset]) => [partition, offset < 0 ? at(ends, partition) : offset]));
    }
  }
}

async function offsetsAt(admin: Admin, topic: string, spec: 'earliest' | 'latest' | number): Promise<Map<number, number>> {
  const listed: ListedOffset[] = await admin.listOffsets(topic, spec);
  return new Map(listed.map(({ partition, offset }) => [partition, offset]));
}

function at(offsets: Offsets, partition: number): number {
  return offsets.get(partition) ?? 0;
}
