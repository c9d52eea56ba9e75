/**
 * Carries records into the user's SQLite exactly once: his rows and the offsets commit in one transaction of his database, and a partition
 * resumes where that database says, whatever the coordinator thinks.
 *
 *   take ─▶ the partition's first batch under a tenure? ─▶ resume: at the stored offset, else seek there
 *        ─▶ BEGIN IMMEDIATE · move offsets from what is expected · handler · COMMIT ─▶ finished
 *
 * Of two owners at once (one was declared dead and is not) the second finds other offsets than it expects: it rolls back and resumes.
 */
import { assert } from '../../base/assert.ts';
import { BusError } from '../../base/errors.ts';
import type { PartitionProgress } from '../../coordinator/groups/protocol.ts';
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import { loadTopic } from '../ask.ts';
import type { Runner, Task, Work } from '../group/work.ts';
import { keyOf, type TopicPartition } from '../places.ts';
import type { ConsumedBatch, ConsumedRecord } from '../records.ts';
import { pauseMs } from '../run/backoff.ts';
import { wordsOf } from '../run/dead-letters.ts';
import { isFinal } from '../run/failures.ts';
import { reasonOf } from '../user-code.ts';
import { type SqliteDatabase, transact } from './database.ts';
import { type Place, StoredOffsets } from './stored-offsets.ts';
import { type CheckedTransactionOptions, noPromises, type TransactionHandler } from './transaction-options.ts';

/** What `consumer.transaction` did, told when it has ended. */
export interface TransactionReport {
  records: number;
  transactions: number;
  /** Attempts beyond the first. */
  retried: number;
  /** Transactions that were rolled back because another had written the same records. */
  fenced: number;
}

export interface TransactorSetup<K, V, H> {
  dispatcher: Dispatcher;
  db: SqliteDatabase;
  handler: TransactionHandler<K, V, H>;
  options: CheckedTransactionOptions;
  assignment(): (TopicPartition & { position: number })[];
  seek(place: TopicPartition, offset: number): Promise<void>;
}

/** A partition under a tenure. */
interface Resumed extends Place {
  tenure: number;
  /** What the database holds, as far as we know. */
  stored: number;
  /** It was sought: what was fetched before does not count. */
  sought: boolean;
}

/** What one transaction takes of a partition. */
interface Part<K, V, H> {
  resumed: Resumed;
  records: ConsumedRecord<K, V, H>[];
  nextOffset: number;
}

/** The database holds other offsets than were expected. */
class Fenced extends Error {}

export class Transactor<K, V, H> implements Runner {
  readonly #setup: TransactorSetup<K, V, H>;
  readonly #offsets: StoredOffsets;
  readonly #resumed = new Map<string, Resumed>();
  /** Batches that were taken and are not written. */
  #tasks: Task<K, V, H>[] = [];
  readonly #report: TransactionReport = { records: 0, transactions: 0, retried: 0, fenced: 0 };
  /** Why the transaction is tried again. */
  #retrying: { sinceMs: number; detail: string; keys: Set<string> } | null = null;
  #work: Work<K, V, H> | null = null;
  #stopped = false;
  readonly #ended = Promise.withResolvers<void>();
  #hurry: () => void = () => {};

  constructor(setup: TransactorSetup<K, V, H>) {
    this.#setup = setup;
    this.#offsets = new StoredOffsets(setup.db, setup.options.id);
  }

  /** Runs until it is stopped, closed, or fails. */
  async run(work: Work<K, V, H>): Promise<TransactionReport> {
    this.#work = work;
    try {
      while (!this.#stopped && !work.closing) {
        await this.#resumeAssigned();
        this.#take(work);
        await this.#resumeTaken();
        if (this.#stopped) break;
        if (this.#tasks.length === 0) await this.#more(work);
        else await this.#write();
      }
      return this.#report;
    } finally {
      this.#stopped = true;
      this.#tasks = [];
      this.#ended.resolve();
    }
  }

  /** Ends after the transaction that is under way. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#hurry();
    return this.#ended.promise;
  }

  // What the consumer says. Transactions are synchronous: none is under way when it does.

  revoking(partitions: readonly TopicPartition[]): Promise<void> {
    this.lost(partitions);
    return Promise.resolve();
  }

  /** Where each partition goes on when the run has ended. */
  positions(): (TopicPartition & { offset: number })[] {
    return [...this.#resumed.values()].map(({ topic, partition, stored }) => ({ topic, partition, offset: stored }));
  }

  lost(partitions: readonly TopicPartition[]): void {
    for (const place of partitions) this.#forget(keyOf(place));
    this.#hurry();
  }

  async closing(): Promise<string[]> {
    await this.stop();
    return [];
  }

  progress(topic: string, partition: number): Pick<PartitionProgress, 'doing' | 'sinceMs' | 'detail'> | null {
    const retrying = this.#retrying;
    if (retrying === null || !retrying.keys.has(keyOf({ topic, partition }))) return null;
    return { doing: 'retrying', sinceMs: retrying.sinceMs, detail: retrying.detail };
  }

  busySinceMs(): number | null {
    return null;
  }

  // Taking and resuming.

  #take(work: Work<K, V, H>): void {
    // What is left of a batch that was larger than a transaction goes first.
    if (this.#tasks.length > 0) return;
    let bytes = 0;
    for (let task = work.take(); task !== null; task = work.take()) {
      this.#tasks.push(task);
      bytes += task.batch.bytes.length;
      if (bytes >= TAKEN_BYTES) return;
    }
  }

  /** A partition that was assigned goes on where the database says, though nothing may come from where the coordinator thinks it is. */
  async #resumeAssigned(): Promise<void> {
    const assigned = new Map(this.#setup.assignment().map((one) => [keyOf(one), one]));
    for (const key of this.#resumed.keys()) if (!assigned.has(key)) this.#forget(key);
    for (const [key, { topic, partition, position }] of assigned) {
      if (this.#resumed.has(key)) continue;
      const isHere = (): boolean => this.#setup.assignment().some((one) => keyOf(one) === key);
      const resumed = await this.#lookUp({ topic, partition }, position, isHere);
      if (resumed === null) continue;
      this.#resumed.set(key, { ...resumed, tenure: -1, sought: true });
      if (resumed.stored !== position) await this.#setup.seek({ topic, partition }, resumed.stored);
    }
  }

  /** Where the database says that a partition goes on: at `start` when it does not know it. Null: it has moved, or nobody knows yet. */
  async #lookUp({ topic, partition }: TopicPartition, start: number, isHere: () => boolean): Promise<(Place & { stored: number }) | null> {
    const { db, dispatcher } = this.#setup;
    const { topicId } = await loadTopic(dispatcher, topic);
    const place = { topic, partition, topicId };
    const resume = (): number | null => transact(db, () => this.#offsets.resume(place, start, dispatcher.clock.nowMs()));
    const stored = await this.#attempt([place], `looking up ${topic}-${partition}`, isHere, resume);
    return stored === null || !isHere() ? null : { ...place, stored };
  }

  /** The same for what was taken: a batch that comes under another tenure may begin elsewhere. */
  async #resumeTaken(): Promise<void> {
    for (const task of this.#tasks) {
      const { batch, tenure } = task;
      const { topic, partition } = batch;
      const key = keyOf(batch);
      const known = this.#resumed.get(key);
      if (known?.tenure === tenure || !this.#tasks.includes(task)) continue;
      const found = await this.#lookUp({ topic, partition }, batch.firstOffset, () => this.#tasks.includes(task));
      // It may have moved meanwhile.
      if (found === null) continue;
      const { stored } = found;
      const resumed: Resumed = { ...found, tenure, sought: known?.sought === true && known.stored === stored };
      this.#resumed.set(key, resumed);
      if (stored !== batch.firstOffset) await this.#goTo(key, resumed, batch);
    }
  }

  async #goTo(key: string, resumed: Resumed, { firstOffset }: ConsumedBatch<K, V, H>): Promise<void> {
    const { topic, partition, stored } = resumed;
    if (resumed.sought) {
      // It was sought, and the log has no such offset: its records are gone, or were never there.
      if (firstOffset < stored) throw logTooShort(topic, partition, stored, firstOffset);
      return;
    }
    this.#tasks = this.#tasks.filter(({ batch }) => keyOf(batch) !== key);
    resumed.sought = true;
    // The seek begins a new tenure, under which it is looked up again.
    resumed.tenure = -1;
    await this.#setup.seek({ topic, partition }, stored);
  }

  #forget(key: string): void {
    this.#resumed.delete(key);
    this.#tasks = this.#tasks.filter(({ batch }) => keyOf(batch) !== key);
  }

  // Writing.

  async #write(): Promise<void> {
    const { clock } = this.#setup.dispatcher;
    const { parts, left } = this.#cut();
    const places = parts.map(({ resumed }) => resumed);
    const isHere = (): boolean => places.every((one) => this.#resumed.get(keyOf(one)) === one);
    try {
      // What was lost or sought meanwhile is no longer among the tasks: the others are cut anew.
      if ((await this.#attempt(places, nameOf(parts), isHere, (attempt) => this.#commit(parts, attempt))) === null) return;
      this.#tasks = left;
      this.#tell(parts);
    } catch (cause) {
      if (!(cause instanceof Fenced)) throw cause;
      this.#report.fenced++;
      // Whoever was faster has written them: each goes on where the database says.
      for (const one of places) this.#forget(keyOf(one));
    }
    // Fetches, heartbeats and whatever else this thread does have their turn.
    await new Promise<void>((resolve) => clock.soon(resolve));
  }

  /** Does `work`, again after a pause where it fails; null when it is not wanted any more. */
  async #attempt<T>(
    places: readonly TopicPartition[],
    what: string,
    isWanted: () => boolean,
    work: (attempt: number) => T,
  ): Promise<T | null> {
    const { options, dispatcher } = this.#setup;
    for (let attempt = 1; isWanted() && !this.#stopped; attempt++) {
      try {
        return work(attempt);
      } catch (cause) {
        if (cause instanceof Fenced) throw cause;
        if (attempt >= options.attempts || isFinal(cause)) throw failure(what, attempt, cause);
        this.#report.retried++;
        this.#retrying = { sinceMs: dispatcher.clock.nowMs(), detail: wordsOf(cause), keys: new Set(places.map(keyOf)) };
        await this.#pause(pauseMs(options, attempt, dispatcher.random));
        this.#retrying = null;
      }
    }
    return null;
  }

  /** What one transaction holds, and the batches that are left for the next. */
  #cut(): { parts: Part<K, V, H>[]; left: Task<K, V, H>[] } {
    const parts = new Map<string, Part<K, V, H>>();
    const left: Task<K, V, H>[] = [];
    let room = this.#setup.options.recordsMax;
    for (const { batch, tenure } of this.#tasks) {
      if (room === 0) {
        left.push({ batch, tenure });
        continue;
      }
      const key = keyOf(batch);
      const resumed = this.#resumed.get(key);
      assert(resumed !== undefined && resumed.tenure === tenure, 'a partition is resumed before its records are written');
      const part = parts.get(key) ?? { resumed, records: [], nextOffset: resumed.stored };
      parts.set(key, part);
      if (batch.firstOffset < part.nextOffset) throw logTooShort(batch.topic, batch.partition, part.nextOffset, batch.firstOffset);
      part.nextOffset = batch.nextOffset;
      for (const record of batch) {
        if (room === 0) {
          part.nextOffset = record.offset;
          left.push({ batch: batch.from(record.offset), tenure });
          break;
        }
        part.records.push(record);
        room--;
      }
    }
    return { parts: [...parts.values()], left };
  }

  #commit(parts: readonly Part<K, V, H>[], attempt: number): void {
    const { db, handler, dispatcher } = this.#setup;
    const nowMs = dispatcher.clock.nowMs();
    const records = parts.flatMap((part) => part.records);
    transact(db, () => {
      for (const { resumed, nextOffset } of parts) {
        if (!this.#offsets.move(resumed, resumed.stored, nextOffset, nowMs)) throw new Fenced();
      }
      if (records.length === 0) return;
      const result = handler(records, { attempt });
      if (typeof result !== 'object' || result === null || !('then' in result)) return;
      Promise.resolve(result).catch(() => {});
      throw noPromises();
    });
    this.#report.transactions++;
    this.#report.records += records.length;
  }

  #tell(parts: readonly Part<K, V, H>[]): void {
    for (const { resumed, nextOffset } of parts) {
      resumed.stored = nextOffset;
      resumed.sought = false;
      this.#work?.finished(resumed.topic, resumed.partition, nextOffset, resumed.tenure);
    }
  }

  #more(work: Work<K, V, H>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hurry = resolve;
    return Promise.race([work.more(LOOK_MS), promise]);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#setup.dispatcher.clock.after(ms, resolve, true);
      this.#hurry = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** How often it is looked whether partitions were assigned of which nothing comes. */
const LOOK_MS = 100;
/** Fetched bytes that wait for their transaction. */
const TAKEN_BYTES = 4 * 1024 * 1024;

function nameOf<K, V, H>(parts: readonly Part<K, V, H>[]): string {
  const places = parts.map(
    ({ resumed: { topic, partition, stored }, nextOffset }) => `${topic}-${partition} from ${stored} to ${nextOffset - 1}`,
  );
  return `the transaction of ${places.slice(0, 3).join(', ')}${places.length > 3 ? ` and ${places.length - 3} more` : ''}`;
}

function failure(what: string, attempts: number, cause: unknown): BusError {
  if (cause instanceof BusError && cause.code === 'INVALID_ARGUMENT') return cause;
  const often = attempts === 1 ? 'once' : `${attempts} times`;
  return new BusError('USER_CODE_FAILED', `${what}, tried ${often}, failed: ${reasonOf(cause)}. Nothing of it is in the database.`, {
    cause,
    details: { attempts },
  });
}

function logTooShort(topic: string, partition: number, stored: number, offset: number): BusError {
  const what = `${topic}-${partition} goes on at offset ${offset}, but its records up to ${stored} are in the database already`;
  const advice = 'the log has lost what the database holds. To begin anew, delete its row of spillway_offsets';
  return new BusError('OFFSET_OUT_OF_RANGE', `${what}: ${advice}.`, { details: { topic, partition, stored, offset } });
}
