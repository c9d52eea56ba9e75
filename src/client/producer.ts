/**
 * The producer: serializes, picks the partition, and hands records to the gatherer. `send` gives a promise of a receipt; `push` is
 * the hot path without one.
 */
import { BusError, errors } from '../base/errors.ts';
import type { TopicMetadata } from '../coordinator/protocol.ts';
import type { Dispatcher, Subscriber } from '../dispatch/dispatcher.ts';
import { Gather } from '../dispatch/gather.ts';
import { type Partitioner, partitionOfKey, StickyPartitions } from '../dispatch/route.ts';
import type { Header } from '../record/batch-write.ts';
import { checkProducerOptions, type ProducerOptions } from './producer-options.ts';
import { callPartitioner, checkPartition, checkTimestamp, closedError, deliveryError, tooLarge, unknownTopic } from './refusals.ts';
import { type Serde, serdes } from './serde.ts';
import { type HeadersToSend, headersToSend, keyToSend, plainTopic, type Topic, valueToSend } from './topic.ts';
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
  durability: string;
}

/** A topic as it is used here: declaration and metadata side by side, looked up once per push. */
interface Known {
  declared: Topic<unknown, unknown, unknown>;
  metadata: TopicMetadata | undefined;
  loading: boolean;
  refused: BusError | null;
}

/** Date.now() takes 25 ns; a clock this coarse is right to the millisecond all the same. */
const PUSHES_PER_CLOCK = 32;

export class Producer<K = string | Uint8Array, V = unknown> implements Subscriber {
  readonly #dispatcher: Dispatcher;
  readonly #gather: Gather;
  readonly #key: Serde<K>;
  readonly #value: Serde<V>;
  readonly #sticky: StickyPartitions;
  readonly #partitioner: Partitioner | undefined;
  readonly #maxBlockMs: number;
  readonly #recordBytesMax: number;
  readonly #autoCreate: boolean;
  readonly #onError: ((error: BusError) => void) | undefined;
  readonly #byName = new Map<string, Known>();
  readonly #byDeclaration = new Map<Topic<unknown, unknown, unknown>, Known>();
  readonly #isOpen = (topic: string, partition: number): boolean => this.#gather.isOpen(topic, partition);
  readonly #closing: (producer: Producer<K, V>) => void;
  readonly #waiters: Waiters;
  #firstError: BusError | null = null;
  #nowMs = 0;
  #pushes = 0;
  #closed = false;

  constructor(dispatcher: Dispatcher, options: ProducerOptions<K, V> = {}, closing: (producer: Producer<K, V>) => void = () => {}) {
    const checked = checkProducerOptions(options);
    this.#dispatcher = dispatcher;
    this.#waiters = new Waiters(dispatcher.clock);
    this.#closing = closing;
    this.#key = options.key ?? (serdes.textOrBytes as Serde<unknown> as Serde<K>);
    this.#value = options.value ?? serdes.msgpack<V>();
    this.#partitioner = options.partitioner;
    this.#onError = options.onError;
    this.#autoCreate = checked.autoCreateTopics;
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
    const known = this.#known(topic);
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
    const known = this.#known(topic);
    if (known.metadata === undefined || !this.#waiters.isEmpty) {
      this.#load(known);
      return false;
    }
    return this.#append(known, record as RecordToSend<unknown, unknown, unknown>, null);
  }

  /** Resolves when it is worth pushing again. Rejects with CLOSED when the producer is closed meanwhile. */
  drained(): Promise<void> {
    this.#checkOpen();
    // Answers that wait at the ports may have made room already.
    this.#dispatcher.receive();
    const attempt = (): Attempt => {
      for (const { loading } of this.#all()) if (loading) return 'later';
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
  async close({ deadlineMs = 30_000 }: { deadlineMs?: number } = {}): Promise<{ unfinished: number }> {
    if (this.#closed) return { unfinished: 0 };
    this.#closed = true;
    let timer: { cancel(): void } | undefined;
    const expired = new Promise<void>((resolve) => {
      timer = this.#dispatcher.clock.after(deadlineMs, resolve, true);
    });
    await Promise.race([this.#flushed().catch(() => {}), expired]);
    timer?.cancel();
    // Sends that still wait have no batch yet; they are refused below.
    const unfinished = this.#gather.outstanding + this.#waiters.sends;
    if (unfinished > 0) this.#gather.abort(errors.CLOSED.code, `the producer was closed and ${deadlineMs} ms did not suffice to flush it`);
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
    for (const known of this.#all()) {
      if (names.includes(known.declared.name)) known.metadata = undefined;
    }
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
    const attempt = (): Attempt => {
      if (this.#dispatcher.closed) throw closedError();
      if (known.refused !== null) throw known.refused;
      if (known.metadata === undefined) {
        this.#load(known);
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
    if (known.metadata === undefined) this.#load(known);
    return this.#waiters.wait({ attempt, about: known, blockMs: this.#maxBlockMs, late: () => this.#blockedTooLong() });
  }

  /** When every record given so far, those that wait for room among them, has ended. */
  async #flushed(): Promise<void> {
    if (!this.#waiters.isEmpty)
      await this.#waiters.wait({ attempt: () => 'done', about: null, blockMs: Number.POSITIVE_INFINITY, late: closedError });
    await new Promise<void>((resolve) => this.#gather.flush(resolve));
  }

  #appendWithReceipt(known: Known, record: RecordToSend<unknown, unknown, unknown>): Promise<Receipt> | null {
    let settle: ((receipt: Receipt) => void) | undefined;
    let refuse: ((error: BusError) => void) | undefined;
    const { metadata } = known;
    let partition = -1;
    const taken = this.#append(
      known,
      record,
      (error, message, offset, timestamp) => {
        const topic = known.declared.name;
        if (error === 0) settle?.({ topic, partition, offset, timestamp, durability: metadata?.durability ?? '' });
        else refuse?.(deliveryError(error, message, topic, partition, 1));
      },
      (chosen) => {
        partition = chosen;
      },
    );
    if (!taken) return null;
    const receipt = new Promise<Receipt>((resolve, reject) => {
      settle = resolve;
      refuse = reject;
    });
    // A caller that sends many and fails early must not leave the others unhandled.
    receipt.catch(() => {});
    return receipt;
  }

  #append(
    known: Known,
    record: RecordToSend<unknown, unknown, unknown>,
    done: ((error: number, message: string, offset: number, timestampMs: number) => void) | null,
    chosen?: (partition: number) => void,
  ): boolean {
    const { declared } = known;
    const metadata = known.metadata as TopicMetadata;
    const key = keyToSend(declared, record.key);
    const value = valueToSend(declared, record.value);
    const headers = record.headers === undefined ? null : headersToSend(declared, record.headers);
    const bytes = (key === null ? 0 : key.length) + (value === null ? 0 : value.length);
    if (bytes > this.#recordBytesMax) throw tooLarge(declared.name, bytes, this.#recordBytesMax);
    const partition =
      record.partition === undefined ? this.#partitionFor(declared.name, metadata, key, value) : checkPartition(metadata, record.partition);
    chosen?.(partition);
    const timestampMs = record.timestamp === undefined ? this.#now() : checkTimestamp(record.timestamp);
    return this.#gather.append(metadata, partition, timestampMs, key, value, headers, done);
  }

  #partitionFor(topic: string, metadata: TopicMetadata, key: Uint8Array | null, value: Uint8Array | null): number {
    const count = metadata.partitions.length;
    if (this.#partitioner !== undefined) {
      const chosen = callPartitioner(this.#partitioner, topic, key, value, count);
      if (chosen !== undefined) return checkPartition(metadata, chosen);
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

  // Topics.

  #known(topic: string | Topic<never, never, never> | Topic<unknown, unknown, unknown>): Known {
    const known = typeof topic === 'string' ? this.#byName.get(topic) : this.#byDeclaration.get(topic as Topic<unknown, unknown, unknown>);
    if (known === undefined) return this.#learn(topic as string | Topic<unknown, unknown, unknown>);
    if (known.refused !== null) throw this.#takeRefusal(known);
    return known;
  }

  #learn(topic: string | Topic<unknown, unknown, unknown>): Known {
    if (typeof topic !== 'string' && (topic === null || typeof topic !== 'object' || typeof topic.name !== 'string')) {
      throw new BusError('INVALID_ARGUMENT', `a topic is a name or what defineTopic() returns, not ${String(topic)}`);
    }
    const declared =
      typeof topic === 'string' ? plainTopic<unknown, unknown>(topic, this.#key as Serde<unknown>, this.#value as Serde<unknown>) : topic;
    const made: Known = {
      declared: declared as Topic<unknown, unknown, unknown>,
      metadata: this.#dispatcher.topic(declared.name),
      loading: false,
      refused: null,
    };
    if (typeof topic === 'string') this.#byName.set(topic, made);
    else this.#byDeclaration.set(topic, made);
    return made;
  }

  #load(known: Known): void {
    if (known.loading || known.metadata !== undefined) return;
    known.loading = true;
    const { name } = known.declared;
    this.#dispatcher.loadTopics([name], this.#autoCreate, (error) => {
      known.loading = false;
      known.metadata = this.#dispatcher.topic(name);
      if (known.metadata === undefined) known.refused = unknownTopic(name, error);
      const told = this.#waiters.has(known);
      this.#waiters.release();
      // Told to the sends that waited for it; else it is kept for the next push.
      if (told) known.refused = null;
    });
  }

  #takeRefusal(known: Known): BusError {
    const refused = known.refused as BusError;
    known.refused = null;
    return refused;
  }

  *#all(): Generator<Known> {
    yield* this.#byName.values();
    yield* this.#byDeclaration.values();
  }

  // Waiting for room.

  #blockedTooLong(): BusError {
    const { level } = this.#dispatcher;
    const why =
      level >= 2
        ? 'the bus is under memory pressure; bus.pressure() says why'
        : `bufferMemory is full (${this.#gather.usedBytes} bytes wait)`;
    return new BusError(
      level >= 2 ? 'MEMORY_FULL' : 'BUFFER_FULL',
      `no room for the record within maxBlockMs=${this.#maxBlockMs}: ${why}. Send it again later.`,
      {
        details: { bufferedBytes: this.#gather.usedBytes, pressureLevel: level },
      },
    );
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
