/**
 * One partition on its way: where it goes on after a start, what was sent, what was acknowledged. That each record arrives once rests on
 * this: the target's partition has one writer, its batches arrive in order and each once (idempotence), and what is committed says which
 * offset of the target is which of the source. What the target has beyond that is, record for record, what the source has beyond it; a start
 * compares the two and goes on behind. Every receipt is held against the offset that it must have, so a second writer is noticed at once.
 */

import { crc32c } from '../../base/crc32c.ts';
import { BusError } from '../../base/errors.ts';
import type { Header } from '../../record/batch-write.ts';
import type { RecordView } from '../../record/record-view.ts';
import type { Admin } from '../admin.ts';
import type { GroupOffset } from '../group-admin.ts';
import type { Receipt } from '../producer.ts';
import { serdes } from '../serde.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import type { MirrorEnd } from './ends.ts';
import { OffsetMap } from './offset-map.ts';

export interface Place {
  topic: string;
  partition: number;
  /** Of the source. */
  topicId: string;
}

/** Where a partition of one side begins and ends. */
export interface Span {
  start: number;
  end: number;
}

/** A record as it is sent on. */
export interface Sent {
  key: Buffer | null;
  value: Buffer | null;
  headers: readonly Header[];
  partition: number;
  timestamp: number;
}

export class Lane {
  readonly place: Place;
  readonly map: OffsetMap;
  /** The source's offset that is forwarded next. */
  next: number;
  /** Digests of what the target has already beyond what was committed. */
  readonly #present: number[];
  /** The target's offset that the next record that is sent must get. */
  #nextSent: number;
  /** The end of the source, as far as it is known. */
  end = 0;
  /** What was committed last, as text; '' for nothing. */
  committed = '';
  /** Resolves when everything sent so far is acknowledged; rejects with why not. */
  settled: Promise<void> = Promise.resolve();

  constructor(place: Place, map: OffsetMap, present: number[]) {
    this.place = place;
    this.map = map;
    this.#present = present;
    this.next = map.nextSource;
    this.#nextSent = map.nextTarget + present.length;
  }

  /** What of a batch the target has not yet. Its offsets go to `offsets`. */
  take(records: Iterable<RecordView>, offsets: number[]): Sent[] {
    const sent: Sent[] = [];
    for (const view of records) {
      const { offset, timestampMs, key, value, headers } = view;
      if (offset < this.next) continue;
      this.next = offset + 1;
      if (this.#present.length > 0 && this.#isPresent(offset, digestOf(key, value, headers))) continue;
      offsets.push(offset);
      sent.push({ key, value, headers, partition: this.place.partition, timestamp: Math.max(0, timestampMs) });
    }
    return sent;
  }

  /** Records of a batch are on their way; when they are acknowledged, the map has them. */
  follow(receipts: Promise<Receipt[]>, offsets: readonly number[], nextOffset: number): Promise<void> {
    const expected = this.#nextSent;
    this.#nextSent += offsets.length;
    receipts.catch(() => {});
    this.settled = this.settled.then(async () => {
      const got = await receipts;
      const [first, last] = [got[0]?.offset ?? expected, got[got.length - 1]?.offset ?? expected - 1];
      if (first !== expected || last !== expected + got.length - 1) throw this.#secondWriter(expected, first);
      for (const offset of offsets) this.map.append(offset);
      this.map.passed(nextOffset);
    });
    this.settled.catch(() => {});
    return this.settled;
  }

  /** The source has nothing between what came last and this offset. */
  passed(offset: number): void {
    this.next = Math.max(this.next, offset);
    if (this.#present.length === 0 && this.#nextSent === this.map.nextTarget) this.map.passed(offset);
  }

  #isPresent(offset: number, digest: number): boolean {
    const present = this.#present;
    if (offset > this.map.nextSource && present[0] !== digest) {
      // The source has lost what the target still has: what is found there again ends what was lost.
      const at = present.indexOf(digest);
      const lost = at === -1 ? present.length : at;
      this.map.lost(lost, offset);
      present.splice(0, lost);
      if (at === -1) return false;
    }
    if (present[0] !== digest) throw this.#secondWriter(this.map.nextTarget, this.map.nextTarget);
    present.shift();
    this.map.append(offset);
    return true;
  }

  #secondWriter(expected: number, found: number): BusError {
    const { topic, partition } = this.place;
    const where = expected === found ? `at offset ${found}` : `at offset ${found}, where ${expected} came next`;
    return new BusError(
      'INVALID_DATA',
      `somebody else writes to ${topic}-${partition} of the target (seen ${where}): a mirrored topic has one writer; stop the other, delete the topic there, and mirror it anew`,
      { details: { topic, partition, expected, found } },
    );
  }
}

export interface Ends {
  from: MirrorEnd;
  to: MirrorEnd;
  /** Behind what the target has of others. */
  append: boolean;
}

/** More than this a mirror never has on its way: what is beyond was written by others. */
const PRESENT_MAX = 4_000_000;

/** Finds where a partition goes on. Throws BusError INVALID_DATA, TOPIC_ALREADY_EXISTS. */
export async function openLane(place: Place, ends: Ends, source: Span, target: Span, committed: GroupOffset | undefined): Promise<Lane> {
  const { topic, partition, topicId } = place;
  const name = `${topic}-${partition}`;
  if (committed === undefined) {
    if (target.end > target.start && !ends.append) {
      const what = `the target has ${target.end - target.start} records in ${name} that this mirror did not write: delete the topic there, leave it out, or put the source's records behind them (append)`;
      throw new BusError('TOPIC_ALREADY_EXISTS', what, { details: { topic, partition } });
    }
    return new Lane(place, new OffsetMap(source.start, target.end), []);
  }
  const checkpoint: Checkpoint = readCheckpoint(name, committed.offset, committed.metadata);
  const { map } = checkpoint;
  if (checkpoint.topicId !== topicId || source.end < map.nextSource) {
    const what = `${topic} was made anew at the source since it was mirrored: delete it on the target, so that it is mirrored from its start`;
    throw new BusError('INVALID_DATA', what, { details: { topic, partition } });
  }
  const beyond = target.end - map.nextTarget;
  if (beyond < 0 || beyond > PRESENT_MAX) {
    const what = `${name} of the target ends at ${target.end}, where ${map.nextTarget} was mirrored: it was made anew or written by others; delete it there, so that it is mirrored from its start`;
    throw new BusError('INVALID_DATA', what, { details: { topic, partition } });
  }
  const present = beyond === 0 ? [] : await digests(ends.to, place, Math.max(map.nextTarget, target.start), target.end);
  // What the target has removed meanwhile cannot be compared any more.
  const removed = Math.max(0, beyond - present.length);
  if (removed > 0) map.lost(removed, map.nextSource);
  return new Lane(place, map, present);
}

/** The records of the target in [from, until), as numbers to compare. */
async function digests(to: MirrorEnd, { topic, partition }: Place, from: number, until: number): Promise<number[]> {
  const found: number[] = [];
  if (from >= until) return found;
  const consumer = to.consumer({ key: serdes.raw, value: serdes.raw, autoOffsetReset: 'earliest' });
  await consumer.assign([{ topic, partition }]);
  await consumer.seek({ topic, partition }, from);
  for await (const batch of consumer.batches()) {
    const cursor = batch.cursor();
    while (cursor.next()) {
      const { offset, key, value, headers } = cursor.view();
      if (offset < until) found.push(digestOf(key, value, headers));
    }
    if (batch.nextOffset >= until) break;
  }
  await consumer.close();
  return found;
}

const SEPARATOR = Buffer.of(0);

function digestOf(key: Buffer | null, value: Buffer | null, headers: readonly Header[]): number {
  let sum = crc32c(value ?? SEPARATOR, key === null ? 1 : crc32c(key));
  for (const header of headers) sum = crc32c(header.value ?? SEPARATOR, crc32c(Buffer.from(header.key), sum));
  return sum;
}

/** Where the partitions of a topic begin and end. */
export async function spansOf(admin: Admin, topic: string): Promise<Map<number, Span>> {
  const [starts, ends] = await Promise.all([admin.listOffsets(topic, 'earliest'), admin.listOffsets(topic, 'latest')]);
  const startOf = new Map(starts.map(({ partition, offset }) => [partition, offset]));
  return new Map(ends.map(({ partition, offset }) => [partition, { start: startOf.get(partition) ?? 0, end: offset }]));
}
