/**
 * Which record's handler may begin next. Pure: it knows lanes (partitions under one tenure), the order within them and how many may run;
 * handlers, promises and time are the runner's.
 *
 *   lane ── key a: 4 · 9 · 11      of each key one record is begun, the others wait behind it; records without a key wait for nobody
 *        └─ key b: 5 · 6           with order by partition, all records have the same key
 *
 * A record whose handler failed waits outside: it takes no place among those that run, and what must come after it stays behind it.
 */
import { assert } from '../../base/assert.ts';
import { OffsetTracker } from './offset-tracker.ts';

/** One record, or one batch, and how far it has got. */
export interface Item<T> {
  readonly lane: Lane<T>;
  /** Of a batch of which a part is handled: the first that is not. */
  offset: number;
  /** What it keeps its order with; null: with nothing. */
  readonly key: string | null;
  readonly payload: T;
  /** Handlers that were begun for it. */
  attempts: number;
  state: 'behind' | 'ready' | 'running' | 'waiting' | 'ended';
}

/** A partition of which records are handled. */
export interface Lane<T> {
  readonly topic: string;
  readonly partition: number;
  readonly tenure: number;
  readonly tracker: OffsetTracker;
  /** Those of each key that were begun, in order; the first is the one that runs. */
  readonly keys: Map<string, Item<T>[]>;
  /** May begin at once. */
  readonly ready: Item<T>[];
  /** Those that run or wait to be tried again. */
  readonly open: Set<Item<T>>;
  /** Nothing of it begins any more. */
  closed: boolean;
  ringed: boolean;
}

export interface SchedulerOptions {
  /** Handlers that run at once, over all lanes. */
  concurrency: number;
  /** Records of a lane from the first that is not finished to the last that was begun. */
  windowRecords: number;
}

export class Scheduler<T> {
  readonly #options: SchedulerOptions;
  /** Lanes with something ready, the longest unserved first. */
  readonly #ring: Lane<T>[] = [];
  #running = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Handlers that run now. */
  get running(): number {
    return this.#running;
  }

  lane(topic: string, partition: number, tenure: number, nextOffset: number): Lane<T> {
    const tracker = new OffsetTracker(nextOffset);
    return { topic, partition, tenure, tracker, keys: new Map(), ready: [], open: new Set(), closed: false, ringed: false };
  }

  /** Whether the lane has room for its next record. */
  hasRoom(lane: Lane<T>): boolean {
    return !lane.closed && lane.tracker.gap < this.#options.windowRecords;
  }

  /** Takes in the lane's next record. */
  admit(lane: Lane<T>, offset: number, key: string | null, payload: T): void {
    assert(this.hasRoom(lane), 'a lane stays within its window');
    lane.tracker.begin(offset);
    const item: Item<T> = { lane, offset, key, payload, attempts: 0, state: 'ready' };
    const before = key === null ? undefined : lane.keys.get(key);
    if (before !== undefined) {
      item.state = 'behind';
      before.push(item);
      return;
    }
    if (key !== null) lane.keys.set(key, [item]);
    this.#makeReady(item);
  }

  /** The next record to handle, of the lane whose turn it is; null when none may begin. */
  start(): Item<T> | null {
    if (this.#running >= this.#options.concurrency) return null;
    for (let lane = this.#ring.shift(); lane !== undefined; lane = this.#ring.shift()) {
      lane.ringed = false;
      const item = lane.closed ? undefined : lane.ready.shift();
      if (item === undefined) continue;
      this.#enter(lane);
      item.state = 'running';
      item.attempts++;
      lane.open.add(item);
      this.#running++;
      return item;
    }
    return null;
  }

  /** A record is handled, or was put where it is safe: what waits behind it may begin. Gives the lane's next offset to commit. */
  finish(item: Item<T>): number {
    this.#leave(item, 'ended');
    const { lane, key } = item;
    lane.open.delete(item);
    if (key !== null) {
      const behind = lane.keys.get(key) as Item<T>[];
      behind.shift();
      if (behind.length === 0) lane.keys.delete(key);
      else this.#makeReady(behind[0]);
    }
    return lane.tracker.finish(item.offset);
  }

  /** A part of a batch is handled, up to `offset`. Gives the lane's next offset to commit. */
  advance(item: Item<T>, offset: number): number {
    const next = item.lane.tracker.advance(item.offset, offset);
    item.offset = offset;
    return next;
  }

  /** The handler has ended and the record is not finished: others may run meanwhile. */
  wait(item: Item<T>): void {
    this.#leave(item, 'waiting');
  }

  /** What waited may begin again, before all else of its lane. */
  again(item: Item<T>): void {
    assert(item.state === 'waiting', 'what is tried again has waited');
    if (item.lane.closed) return this.drop(item);
    item.lane.open.delete(item);
    item.state = 'ready';
    item.lane.ready.unshift(item);
    this.#enter(item.lane);
  }

  /** Gives up a record that will not be finished here: the next offset to commit stays below it. */
  drop(item: Item<T>): void {
    this.#leave(item, 'ended');
    item.lane.open.delete(item);
  }

  /** Begins nothing more of the lane. What runs goes on; what waits to be tried again is given up. */
  close(lane: Lane<T>): void {
    lane.closed = true;
    lane.ready.length = 0;
    for (const item of [...lane.open]) if (item.state === 'waiting') this.drop(item);
  }

  #makeReady(item: Item<T>): void {
    item.state = 'ready';
    item.lane.ready.push(item);
    this.#enter(item.lane);
  }

  #enter(lane: Lane<T>): void {
    if (lane.ringed || lane.closed || lane.ready.length === 0) return;
    lane.ringed = true;
    this.#ring.push(lane);
  }

  #leave(item: Item<T>, state: 'waiting' | 'ended'): void {
    assert(item.state === 'running' || (item.state === 'waiting' && state === 'ended'), 'what ends was begun, and ends once');
    if (item.state === 'running') this.#running--;
    item.state = state;
  }
}
