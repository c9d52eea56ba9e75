/**
 * The producer: serializes, picks the partition, and hands records to the gatherer. `send` gives a promise of a receipt; `push` is
 * the hot path without one.
 */
import { type BusError, errors } from '../base/errors.ts';
import type { TopicMetadata } from '../coordinator/protocol.ts';
import type { Dispatcher, Subscriber } from '../dispatch/dispatcher.ts';
import { Gather } from '../dispatch/gather.ts';
import type { RecordDone } from '../dispatch/lane.ts';
import { type Partitioner, partitionOfKey, StickyPartitions } from '../dispatch/route.ts';
import type { Durability } from '../log/config.ts';
import type { Header } from '../record/batch-write.ts';
import { within } from '../world/within.ts';
import { type AnyTopic, type Known, KnownTopics, type Load } from './known-topics.ts';
import { readOptions } from './option-table.ts';
import { callPartitioner, checkPartition, checkRecord, checkSize, checkTimestamp } from './outgoing.ts';
import { checkProducerOptions, closeOptions, type ProducerOptions } from './producer-options.ts';
import { blockedTooLong, closedError, deliveryError, lookedUpTooLong } from './refusals.ts';
import { type Serde, serdes } from './serde.ts';
import { type HeadersToSend, headersToSend, keyToSend, type Topic, valueToSend } from './topic.ts';
import { tell } from './user-code.ts';
import { type Attempt, Waiters } from './waiters.ts';

/** A record to send. */
export interface RecordToSend<K, V, H = readonly Header[]> {
  key?: K | null | undefined;
  value?: V | null | undefined;
  headers?: HeadersToSend<H> | undefined;
  /** Explicit partition; else the partitioner's choice. */
  partition?: number | undefined;
  /** Milliseconds since the epoch; default: now. */
  timestamp?: number | undefined;
}

/** Where a record lies, and how safe it is. */
export interface Receipt {
  topic: string;
  partition: number;
  /** −1 with acks 0. */
  offset: number;
  /** Its create time, or its append time where the topic says so. */
  timestamp: number;
  /** What is promised by now: 'synced' and 'written' as the topic says with acks 'all', at most 'written' with acks 1, 'memory' with 0. */
  durability: Durability;
}

/** Date.now() takes 25 ns; a clock this coarse is right to the millisecond all the same. */
const PUSHES_PER_CLOCK = 32;

export class Producer<K = string | Uint8Array, V = unknown> implements Subscriber {
  readonly #dispatcher: Dispatcher;
  readonly #gather: Gather;
  readonly #topics: KnownTopics;
  readonly #sticky: StickyPartitions;
  readonly #partitioner: Partitioner | undefined;
  readonly #maxBlockMs: number;
  readonly #recordBytesMax: number;
  readonly #onError: ((error: BusError) => void) | undefined;
  readonly #isOpen = (topic: string, partition: number): boolean => this.#gather.isOpen(topic, partition);
  readonly #closing: (producer: Producer<K, V>) => void;
  readonly #waiters: Waiters;
  #firstError: BusError | null = null;
  #nowMs = 0;
  #pushes = 0;
  #closed = false;
  /** Closed, and all that was given before has ended. */
  #ended = false;

  constructor(dispatcher: Dispatcher, options: ProducerOptions<K, V> = {}, closing: (producer: Producer<K, V>) => void = () => {}) {
    const checked = checkProducerOptions(options);
    this.#dispatcher = dispatcher;
    this.#waiters = new Waiters(dispatcher);
    this.#closing = closing;
    const key = (options.key ?? serdes.textOrBytes) as Serde<unknown>;
    const value = (options.value ?? serdes.msgpack()) as Serde<unknown>;
    this.#topics = new KnownTopics(dispatcher, checked.autoCreateTopics, { key, value }, () => this.#waiters.release());
    this.#partitioner = options.partitioner ?? undefined;
    this.#onError = options.onError ?? undefined;
    this.#maxBlockMs = checked.maxBlockMs;
    this.#recordBytesMax = checked.maxRequestSize;
    this.#sticky = new StickyPartitions(dispatcher.random);
    this.#gather = new Gather(dispatcher, checked.gather, {
      drained: () => this.#waiters.release(),
      failed: (error, message, topic, partition, records) => this.#failed(error, message, topic, partition, records),
    });
    dispatcher.subscribe(this);
  }

  /**
   * Sends one record, or many in their order; resolves with a receipt for each when they are acknowledged as `acks` says. Waits up to
   * `maxBlockMs` for room. Rejects with a BusError: INVALID_DATA, MESSAGE_TOO_LARGE, UNKNOWN_TOPIC_OR_PARTITION, BUFFER_FULL,
   * MEMORY_FULL, DISK_FULL, REQUEST_TIMED_OUT, CLOSED …; of many records, those that were acknowledged stay so.
   */
  send<TK = K, TV = V, TH = readonly Header[]>(
    topic: string | Topic<TK, TV, TH>,
    record: RecordToSend<NoInfer<TK>, NoInfer<TV>, NoInfer<TH>>,
  ): Promise<Receipt>;
  send<TK = K, TV = V, TH = readonly Header[]>(
    topic: string | Topic<TK, TV, TH>,
    records: readonly RecordToSend<NoInfer<TK>, NoInfer<TV>, NoInfer<TH>>[],
  ): Promise<Receipt[]>;
  async send<TK = K, TV = V, TH = readonly Header[]>(
    topic: string | Topic<TK, TV, TH>,
    records: RecordToSend<NoInfer<TK>, NoInfer<TV>, NoInfer<TH>> | readonly RecordToSend<NoInfer<TK>, NoInfer<TV>, NoInfer<TH>>[],
  ): Promise<Receipt | Receipt[]> {
    this.#checkOpen();
    const known = this.#topics.find(topic as string | AnyTopic);
    const list = (Array.isArray(records) ? records : [records]) as readonly RecordToSend<unknown, unknown, unknown>[];
    const receipts: Promise<Receipt>[] = [];
    try {
      await this.#place(known, list, receipts);
    } catch (error) {
      await Promise.allSettled(receipts);
      throw error;
    }
    return Array.isArray(records) ? Promise.all(receipts) : receipts[0];
  }

  /**
   * Takes one record without a promise. False: the buffer is full, the bus is paused, or the topic is not known yet; await `drained()`
   * and push it again. Throws a BusError for a record that can never be sent. Failures later are told to `onError` and by `flush`.
   */
  push<TK = K, TV = V, TH = readonly Header[]>(
    topic: string | Topic<TK, TV, TH>,
    record: RecordToSend<NoInfer<TK>, NoInfer<TV>, NoInfer<TH>>,
  ): boolean {
    this.#checkOpen();
    const known = this.#topics.find(topic as string | AnyTopic);
    if (known.metadata === undefined) {
      this.#topics.load(known).tellNext = true;
      return false;
    }
    if (!this.#waiters.isEmpty) return false;
    return this.#append(known, record as RecordToSend<unknown, unknown, unknown>, null);
  }

  /** Resolves when it is worth pushing again. Rejects with CLOSED when the producer is closed meanwhile. */
  drained(): Promise<void> {
    this.#checkOpen();
    // Answers that wait at the ports may have made room already.
    this.#dispatcher.receive();
    const attempt = (): Attempt => {
      if (this.#topics.isLoading) return 'later';
      return this.#gather.hasRoomNow() ? 'done' : 'full';
    };
    if (this.#waiters.isEmpty && attempt() === 'done') return Promise.resolve();
    return this.#waiters.wait({ attempt, about: null, blockMs: Number.POSITIVE_INFINITY, late: closedError });
  }

  /** Resolves when every record given so far is acknowledged; rejects with the first failure since the last flush. */
  async flush(): Promise<void> {
    await this.#flushed();
    const failed = this.#firstError;
    this.#firstError = null;
    if (failed !== null) throw failed;
  }

  /** Bytes that wait or are in flight. */
  get bufferedBytes(): number {
    return this.#gather.usedBytes;
  }

  /** Flushes within `deadlineMs` (default 30 s), gives up the rest and tells how many batches that were. */
  async close(options: { deadlineMs?: number } = {}): Promise<{ unfinished: number }> {
    const { deadlineMs } = readOptions('producer.close', options, closeOptions);
    if (this.#closed) return { unfinished: 0 };
    this.#closed = true;
    const flushed = this.#flushed().catch(() => {});
    await within(this.#dispatcher.clock, deadlineMs, flushed, undefined);
    // Sends that still wait have no batch yet; they are refused below.
    const unfinished = this.#gather.outstanding + this.#waiters.sends;
    if (unfinished > 0) this.#gather.abort(errors.CLOSED.code, `the producer was closed and ${deadlineMs} ms did not suffice to flush it`);
    this.#ended = true;
    this.#gather.close();
    this.#dispatcher.unsubscribe(this);
    this.#waiters.refuse(closedError());
    this.#closing(this);
    return { unfinished };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // What the dispatcher tells.

  topicsChanged(names: readonly string[]): void {
    this.#topics.changed(names);
  }

  turned(): void {
    this.#nowMs = 0;
  }

  closed(): void {
    this.#waiters.refuse(closedError());
  }

  // Sending.

  /** Appends records in their order; a promise only when some must wait for the topic or for room. */
  #place(
    known: Known,
    records: readonly RecordToSend<unknown, unknown, unknown>[],
    receipts: Promise<Receipt>[],
  ): Promise<void> | undefined {
    let load: Load | null = null;
    const attempt = (): Attempt => {
      if (this.#dispatcher.closed) throw closedError();
      if (load !== null && load.refused !== null) throw load.refused;
      if (known.metadata === undefined) {
        load = this.#topics.load(known);
        return 'later';
      }
      const before = receipts.length;
      while (receipts.length < records.length) {
        const receipt = this.#appendWithReceipt(known, records[receipts.length]);
        if (receipt === null) return receipts.length === before ? 'full' : 'some';
        receipts.push(receipt);
      }
      return 'done';
    };
    if (this.#waiters.isEmpty && attempt() === 'done') return undefined;
    if (known.metadata === undefined) load ??= this.#topics.load(known);
    return this.#waiters.wait({ attempt, about: known, blockMs: this.#maxBlockMs, late: () => this.#waitedTooLong(known) });
  }

  /** When every record given so far, those that wait for room among them, has ended. */
  async #flushed(): Promise<void> {
    if (!this.#waiters.isEmpty)
      await this.#waiters.wait({ attempt: () => 'done', about: null, blockMs: Number.POSITIVE_INFINITY, late: closedError });
    await new Promise<void>((resolve) => this.#gather.flush(resolve));
  }

  #appendWithReceipt(known: Known, record: RecordToSend<unknown, unknown, unknown>): Promise<Receipt> | null {
    // Made first: a record that can never be sent is refused within `append`.
    const { promise, resolve, reject } = Promise.withResolvers<Receipt>();
    let partition = -1;
    const taken = this.#append(
      known,
      record,
      (error, message, offset, timestamp, durability) => {
        const topic = known.declared.name;
        if (error === 0) resolve({ topic, partition, offset, timestamp, durability });
        else reject(deliveryError(error, message, topic, partition, 1));
      },
      (chosen) => {
        partition = chosen;
      },
    );
    if (!taken) return null;
    // A caller that sends many and fails early must not leave the others unhandled.
    promise.catch(() => {});
    return promise;
  }

  #append(
    known: Known,
    record: RecordToSend<unknown, unknown, unknown>,
    done: RecordDone | null,
    chosen?: (partition: number) => void,
  ): boolean {
    const { declared } = known;
    const metadata = known.metadata as TopicMetadata;
    checkRecord(record);
    const key = keyToSend(declared, record.key);
    const value = valueToSend(declared, record.value);
    const headers = record.headers === undefined ? null : headersToSend(declared, record.headers);
    checkSize(declared.name, key, value, headers, this.#recordBytesMax);
    const partition =
      record.partition === undefined ? this.#partitionFor(declared.name, metadata, key, value) : checkPartition(metadata, record.partition);
    chosen?.(partition);
    const timestampMs = record.timestamp === undefined ? this.#now() : checkTimestamp(record.timestamp);
    // Serdes, schemas and partitioners are the user's, and may have closed whatever there is.
    if (this.#ended || this.#dispatcher.closed) throw closedError();
    return this.#gather.append(metadata, partition, timestampMs, key, value, headers, done);
  }

  #partitionFor(topic: string, metadata: TopicMetadata, key: Uint8Array | null, value: Uint8Array | null): number {
    const count = metadata.partitions.length;
    if (this.#partitioner !== undefined) {
      const chosen = callPartitioner(this.#partitioner, topic, key, value, count);
      if (chosen !== undefined) return chosen;
    }
    return key !== null ? partitionOfKey(key, count) : this.#sticky.choose(topic, count, this.#isOpen);
  }

  #now(): number {
    if (this.#nowMs === 0 || ++this.#pushes % PUSHES_PER_CLOCK === 0) {
      this.#nowMs = this.#dispatcher.clock.nowMs();
      // The time is right while this turn of the event loop runs.
      if (this.#pushes % PUSHES_PER_CLOCK !== 0) this.#dispatcher.clock.next(this.#forgetNow);
    }
    return this.#nowMs;
  }

  readonly #forgetNow = (): void => {
    this.#nowMs = 0;
  };

  // What went wrong.

  #waitedTooLong(known: Known): BusError {
    if (known.metadata === undefined) return lookedUpTooLong(known.declared.name, this.#maxBlockMs);
    return blockedTooLong(this.#dispatcher.level, this.#gather.usedBytes, this.#maxBlockMs);
  }

  #failed(error: number, message: string, topic: string, partition: number, records: number): void {
    const failure = deliveryError(error, message, topic, partition, records);
    this.#firstError ??= failure;
    if (this.#onError !== undefined) tell(this.#dispatcher.clock, 'onError', this.#onError, failure);
  }

  #checkOpen(): void {
    if (this.#closed || this.#dispatcher.closed) throw closedError();
  }
}
