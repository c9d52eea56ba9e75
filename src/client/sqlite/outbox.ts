/**
 * Records that are written in the user's own transaction and produced afterwards: once, and in their order, whatever crashes in between. The
 * table says what is on its way and as whom (outbox-table.ts); here is the pump: rows to lanes, lanes to partitions, one batch each at a time.
 */
import { BusError } from '../../base/errors.ts';
import type { TopicMetadata } from '../../coordinator/protocol.ts';
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import { partitionOfKey } from '../../dispatch/route.ts';
import type { Timer } from '../../world/clock.ts';
import { within } from '../../world/within.ts';
import { loadTopic } from '../ask.ts';
import { readOptions } from '../option-table.ts';
import { checkRecord, checkSize, checkTimestamp } from '../outgoing.ts';
import { checkWanted, keyOf } from '../places.ts';
import type { RecordToSend } from '../producer.ts';
import { closeOptions } from '../producer-options.ts';
import { pauseMs } from '../run/backoff.ts';
import { type Serde, serdes } from '../serde.ts';
import { headersToSend, keyToSend, plainTopic, type Topic, valueToSend } from '../topic.ts';
import { reasonOf, tell } from '../user-code.ts';
import { checkDatabase, inTransaction, type SqliteDatabase } from './database.ts';
import { isPassing, OutboxDelivery } from './outbox-delivery.ts';
import { type CheckedOutboxOptions, checkOutboxOptions, type OutboxOptions } from './outbox-options.ts';
import { type Lane, type OutboxRow, OutboxTable } from './outbox-table.ts';

const RECORD_BYTES_MAX = 1024 * 1024;
/** Rows that get their lanes in one transaction. */
const ASSIGN_ROWS = 1000;
/** How often an open transaction is looked at. */
const FREE_MS = 5;
const BACKOFF_MS_MAX = 30_000;

interface Flush {
  lastId: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

export class Outbox<K = string | Uint8Array, V = unknown> {
  readonly #dispatcher: Dispatcher;
  readonly #db: SqliteDatabase;
  readonly #table: OutboxTable;
  readonly #delivery: OutboxDelivery;
  readonly #options: CheckedOutboxOptions;
  readonly #key: Serde<unknown>;
  readonly #value: Serde<unknown>;
  readonly #onError: ((error: BusError) => void) | undefined;
  readonly #closing: (outbox: Outbox<K, V>) => void;
  /** Lanes with a batch on its way, or with a refusal that is waited out. */
  readonly #busy = new Set<string>();
  readonly #flushes = new Set<Flush>();
  readonly #idle = new Set<() => void>();
  #poll: Timer | null = null;
  #kicked = false;
  #assigning = false;
  #closed = false;

  constructor(dispatcher: Dispatcher, db: SqliteDatabase, options: OutboxOptions<K, V>, closing: (outbox: Outbox<K, V>) => void) {
    checkDatabase('bus.outbox', db);
    this.#options = checkOutboxOptions(options);
    this.#dispatcher = dispatcher;
    this.#closing = closing;
    this.#db = db;
    this.#key = (options.key ?? serdes.textOrBytes) as Serde<unknown>;
    this.#value = (options.value ?? serdes.msgpack()) as Serde<unknown>;
    this.#onError = options.onError;
    this.#delivery = new OutboxDelivery(dispatcher);
    this.#table = new OutboxTable(db, options.table ?? 'spillway_outbox');
    // What an earlier life has left.
    this.#kick();
    this.#schedulePoll();
  }

  /**
   * Writes a record into the table, within whatever transaction the connection is in: it is produced when that commits, and never when it rolls
   * back. Gives the row's id. Throws BusError INVALID_DATA, MESSAGE_TOO_LARGE, INVALID_ARGUMENT.
   */
  add<TK = K, TV = V, TH = unknown>(
    topic: string | Topic<TK, TV, TH>,
    record: RecordToSend<NoInfer<TK>, NoInfer<TV>, NoInfer<TH>>,
  ): number {
    this.#checkOpen();
    const [{ topic: name, declared = plainTopic(name, this.#key, this.#value) }] = checkWanted(topic);
    checkRecord(record);
    const key = keyToSend(declared, record.key);
    const value = valueToSend(declared, record.value);
    const headers = record.headers === undefined ? [] : headersToSend(declared, record.headers as never);
    checkSize(name, key, value, headers, RECORD_BYTES_MAX);
    const timestampMs = record.timestamp === undefined ? this.#dispatcher.clock.nowMs() : checkTimestamp(record.timestamp);
    const id = this.#table.add({
      topic: name,
      key: bytes(key),
      value: bytes(value),
      headers,
      timestampMs,
      wanted: wantedOf(record.partition),
    });
    this.#kick();
    return id;
  }

  /** Resolves when every row that is in the table now is produced. Rejects when one of them is refused for good. */
  async flush(): Promise<void> {
    this.#checkOpen();
    const lastId = this.#table.lastId();
    if (!this.#table.holds(lastId)) return;
    this.#kick();
    await new Promise<void>((resolve, reject) => this.#flushes.add({ lastId, resolve, reject }));
  }

  /** Rows that are not produced yet. */
  get waiting(): number {
    return this.#table.count();
  }

  /** Waits for what is on its way, within `deadlineMs` (default 30 s). Rows that are left are produced by the next outbox over this table. */
  async close(options: { deadlineMs?: number } = {}): Promise<{ unfinished: number }> {
    const { deadlineMs } = readOptions('outbox.close', options, closeOptions);
    if (this.#closed) return { unfinished: 0 };
    this.#closed = true;
    this.#poll?.cancel();
    for (const { reject } of this.#flushes) reject(closed());
    this.#flushes.clear();
    const quiet = new Promise<void>((resolve) => {
      this.#idle.add(resolve);
      this.#lookIdle();
    });
    await within(this.#dispatcher.clock, deadlineMs, quiet, undefined);
    this.#closing(this);
    return { unfinished: this.#busy.size };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // The pump.

  /** Looks soon, when the transaction that is open now has probably ended. */
  #kick(): void {
    if (this.#kicked || this.#closed) return;
    this.#kicked = true;
    this.#dispatcher.clock.soon(() => {
      this.#kicked = false;
      void this.#pump();
    });
  }

  #schedulePoll(): void {
    this.#poll = this.#dispatcher.clock.after(this.#options.pollMs, () => {
      void this.#pump();
      if (!this.#closed) this.#schedulePoll();
    });
  }

  /** One look at the table: rows get their lanes, lanes that are not busy begin to carry. */
  async #pump(): Promise<void> {
    // Within the user's transaction nothing is looked at: its rows may be rolled back, and it is not ours to commit.
    if (this.#closed || this.#assigning || inTransaction(this.#db) === true) return;
    this.#assigning = true;
    try {
      if (await this.#assign()) this.#kick();
      for (const { topic, partition } of this.#closed ? [] : this.#table.waiting()) this.#carry(topic, partition);
      this.#lookFlushed();
    } catch (error) {
      this.#report(error);
    } finally {
      this.#assigning = false;
      this.#lookIdle();
    }
  }

  /** True: there are more rows to assign. */
  async #assign(): Promise<boolean> {
    const topics = new Map<string, TopicMetadata>();
    for (const name of this.#table.unassignedTopics(ASSIGN_ROWS)) {
      try {
        topics.set(name, await loadTopic(this.#dispatcher, name, true));
      } catch (error) {
        this.#report(error);
      }
    }
    if (topics.size === 0 || this.#closed || inTransaction(this.#db) === true) return false;
    // Rows without a key stay together, so that a round makes one batch of them.
    const sticky = new Map<string, number>();
    const assigned = this.#table.assign(ASSIGN_ROWS, (row) => {
      const topic = topics.get(row.topic);
      if (topic === undefined) return null;
      if (row.wanted >= 0) return row.wanted;
      const count = topic.partitions.length;
      if (row.key !== null) return partitionOfKey(row.key, count);
      const chosen = sticky.get(row.topic) ?? this.#dispatcher.random.below(count);
      sticky.set(row.topic, chosen);
      return chosen;
    });
    return assigned === ASSIGN_ROWS;
  }

  #carry(topic: string, partition: number): void {
    const key = keyOf({ topic, partition });
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    void this.#carryAll(topic, partition).finally(() => {
      this.#busy.delete(key);
      this.#lookIdle();
    });
  }

  /** Carries a lane's batches until it has none; one that is refused is sent again after a pause. */
  async #carryAll(topic: string, partition: number): Promise<void> {
    for (let failures = 0; !this.#closed; ) {
      try {
        if (!(await this.#carryOne(topic, partition))) return;
        failures = 0;
        this.#lookFlushed();
      } catch (error) {
        if (this.#closed || this.#dispatcher.closed) return;
        failures++;
        this.#report(error);
        const backoff = { backoffMs: this.#options.retryBackoffMs, backoffMsMax: BACKOFF_MS_MAX };
        const ms = pauseMs(backoff, failures, this.#dispatcher.random);
        await new Promise<void>((resolve) => this.#dispatcher.clock.after(ms, resolve));
      }
    }
  }

  /** False: the lane has no rows. */
  async #carryOne(topic: string, partition: number): Promise<boolean> {
    const { batchRows } = this.#options;
    const metadata = await loadTopic(this.#dispatcher, topic, true);
    const isKnown = this.#table.lane(topic, partition)?.topicId === metadata.topicId;
    const fresh = isKnown ? null : await this.#delivery.newIdentity();
    const fromOffset = await this.#delivery.endOf(metadata, partition);
    await this.#untilFree();
    if (this.#closed) return false;
    const before = this.#table.lane(topic, partition);
    const place = { topic, partition, topicId: metadata.topicId };
    const lane = this.#table.fix(place, fresh, fromOffset, batchRows, (rows) => this.#delivery.fits(metadata, rows));
    if (lane === null) return false;
    const rows = this.#table.rows(topic, partition, lane.lastId, lane.rows + 1);
    if (rows.length !== lane.rows && rows.length > 0) throw changed(lane, rows);
    // One that was fixed earlier, here or in another life, may be in the log already.
    const isAgain = before !== null && before.lastId === lane.lastId && before.topicId === lane.topicId;
    const isHere = rows.length === 0 || (isAgain && (await this.#isHere(metadata, lane)));
    const isStored = isHere || (await this.#delivery.send(metadata, lane, rows)) === 'stored' || (await this.#isHere(metadata, lane));
    await this.#untilFree();
    if (isStored) this.#table.settle(lane);
    // The partition has lost its end, and waits for a sequence that nobody sends any more: the batch is never taken under this identity.
    else this.#table.rename(lane, await this.#delivery.newIdentity());
    return true;
  }

  /** What is the pump's own is not to become part of a transaction of the user's that is open across turns. */
  async #untilFree(): Promise<void> {
    const { clock } = this.#dispatcher;
    while (inTransaction(this.#db) === true && !this.#dispatcher.closed)
      await new Promise<void>((resolve) => clock.after(FREE_MS, resolve));
  }

  async #isHere(topic: TopicMetadata, lane: Lane): Promise<boolean> {
    const found = await this.#delivery.find(topic, lane);
    if (found === 'unknown') throw notKnown(lane);
    return found === 'here';
  }

  // What is told.

  #lookFlushed(): void {
    for (const flush of [...this.#flushes]) {
      if (this.#table.holds(flush.lastId)) continue;
      this.#flushes.delete(flush);
      flush.resolve();
    }
  }

  #lookIdle(): void {
    if (this.#busy.size > 0 || this.#assigning) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }

  #report(error: unknown): void {
    const told =
      error instanceof BusError
        ? error
        : new BusError('USER_CODE_FAILED', `the outbox’s database refuses: ${reasonOf(error)}`, { cause: error });
    if (this.#onError !== undefined) tell(this.#dispatcher.clock, 'onError', this.#onError, told);
    if (isPassing(error)) return;
    for (const { reject } of this.#flushes) reject(told);
    this.#flushes.clear();
  }

  #checkOpen(): void {
    if (this.#closed || this.#dispatcher.closed) throw closed();
  }
}

function bytes(part: Uint8Array | null): Buffer | null {
  return part === null ? null : Buffer.from(part.buffer, part.byteOffset, part.byteLength);
}

function wantedOf(partition: number | undefined): number {
  if (partition === undefined) return -1;
  if (Number.isInteger(partition) && partition >= 0 && partition < 2 ** 31) return partition;
  throw new BusError('INVALID_ARGUMENT', `partition is a whole number from 0, not ${String(partition)}`, { details: { partition } });
}

function closed(): BusError {
  return new BusError('CLOSED', 'the outbox is closed, or its bus is');
}

function changed({ topic, partition, rows, lastId }: Lane, found: readonly OutboxRow[]): BusError {
  const what = `${rows} rows up to id ${lastId} were on their way to ${topic}-${partition}, of which ${found.length} are in the table now`;
  return new BusError(
    'INVALID_DATA',
    `${what}: rows of an outbox are not to be changed. Delete them all if they are in the topic, else set last_id of the lane to 0.`,
    {
      details: { topic, partition, rows, found: found.length },
    },
  );
}

function notKnown({ topic, partition, rows, lastId, fromOffset }: Lane): BusError {
  const what = `${rows} rows up to id ${lastId} may be in ${topic}-${partition} already, but its log does not reach back to offset ${fromOffset} or is damaged there`;
  return new BusError(
    'OFFSET_OUT_OF_RANGE',
    `${what}. Delete the rows if they were produced, or set last_id of their lane to 0 to send them again.`,
    {
      details: { topic, partition, rows, lastId, fromOffset },
    },
  );
}
