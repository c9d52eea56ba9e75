/**
 * The consumer without a group: it is told which partitions to read and from where. Batches and records are pulled by `for await` or
 * `poll`; what is fetched ahead is bounded by bytes.
 */
import { BusError, errors } from '../base/errors.ts';
import type { Dispatcher, Subscriber } from '../dispatch/dispatcher.ts';
import type { Chunk } from '../dispatch/feed.ts';
import { Reader } from '../dispatch/reader.ts';
import type { Header } from '../record/batch-write.ts';
import { ask, loadTopic } from './ask.ts';
import { checkInteger, checkNames } from './check.ts';
import { type ConsumerOptions, checkConsumerOptions, notAssigned, stoppedError } from './consumer-options.ts';
import {
  type Assignable,
  checkPlaces,
  checkTarget,
  checkWanted,
  checkWhere,
  keyOf,
  type SeekTarget,
  type TopicPartition,
  type Wanted,
} from './places.ts';
import { ConsumedBatch, type ConsumedRecord } from './records.ts';
import { unknownPartition, unknownTopic } from './refusals.ts';
import { type Serde, serdes } from './serde.ts';
import { plainTopic, type Topic } from './topic.ts';

export type { SeekTarget, TopicPartition } from './places.ts';

export interface PartitionLag extends TopicPartition {
  position: number;
  highWatermark: number;
  /** Records between the two. */
  lag: number;
}

interface Assigned<K, V, H> {
  declared: Topic<K, V, H>;
  topic: string;
  partition: number;
  position: number;
  paused: boolean;
}

export class Consumer<K = string | Uint8Array, V = unknown, H = readonly Header[]> implements Subscriber {
  readonly #dispatcher: Dispatcher;
  readonly #reader: Reader;
  readonly #key: Serde<K>;
  readonly #value: Serde<V>;
  readonly #reset: 'earliest' | 'latest' | 'none';
  readonly #recordsMax: number;
  readonly #skipDamage: boolean;
  readonly #assigned = new Map<string, Assigned<K, V, H>>();
  readonly #closing: (consumer: Consumer<K, V, H>) => void;
  /** Errors that the next read throws, in order. */
  readonly #errors: BusError[] = [];
  readonly #waiting = new Set<() => void>();
  /** Records of a chunk that a poll or a record iteration has begun. */
  #begun: { records: Iterator<ConsumedRecord<K, V, H>>; chunk: Chunk; assigned: Assigned<K, V, H> } | null = null;
  #closed = false;

  constructor(dispatcher: Dispatcher, options: ConsumerOptions<K, V> = {}, closing: (consumer: Consumer<K, V, H>) => void = () => {}) {
    this.#dispatcher = dispatcher;
    this.#closing = closing;
    const checked = checkConsumerOptions(options);
    this.#key = options.key ?? (serdes.textOrBytes as Serde<unknown> as Serde<K>);
    this.#value = options.value ?? serdes.msgpack<V>();
    this.#reset = checked.reset;
    this.#skipDamage = checked.skipDamage;
    this.#recordsMax = checked.recordsMax;
    this.#reader = new Reader(dispatcher, checked.reader, {
      ready: () => this.#wake(),
      stopped: (topic, partition, error, offset, nextOffset, startOffset, highWatermark) =>
        this.#stopped(topic, partition, error, offset, nextOffset, startOffset, highWatermark),
    });
    dispatcher.subscribe(this);
  }

  /**
   * Reads exactly these partitions from now on; a topic's name or declaration stands for all its partitions. Partitions that were
   * assigned before keep their position. Begin where `autoOffsetReset` says, unless `seek` follows. Resolves with this consumer, which
   * has the types of a declared topic: `const consumer = await bus.consumer().assign(orders)`.
   */
  assign<TK, TV, TH>(what: Topic<TK, TV, TH> | readonly Topic<TK, TV, TH>[]): Promise<Consumer<TK, TV, TH>>;
  assign(what: string | readonly (string | TopicPartition)[]): Promise<this>;
  async assign(what: Assignable | readonly Assignable[]): Promise<unknown> {
    this.#checkOpen();
    const wanted = new Map<string, Assigned<K, V, H>>();
    for (const one of checkWanted(what)) await this.#expand(one, wanted);
    const fresh = [...wanted].filter(([key]) => !this.#assigned.has(key));
    const positions = await Promise.all(fresh.map(([, one]) => this.#startOf(one)));
    this.#checkOpen();
    const places = fresh.map(([, one]) => this.#place(one.topic, one.partition));
    // From here on nothing fails: what is assigned is what it was, or what was asked for.
    for (const [key, { topic, partition }] of this.#assigned) {
      if (wanted.has(key)) continue;
      this.#reader.unfollow(topic, partition);
      this.#assigned.delete(key);
    }
    fresh.forEach(([key, one], i) => {
      this.#assigned.set(key, one);
      one.position = positions[i];
      this.#reader.follow(one.topic, one.partition, places[i].slot, places[i].host, one.position);
    });
    if (this.#begun !== null && !this.#assigned.has(keyOf(this.#begun.chunk))) this.#begun = null;
    return this;
  }

  /** What is assigned, with positions. */
  assignment(): (TopicPartition & { position: number; paused: boolean })[] {
    return [...this.#assigned.values()].map(({ topic, partition, position, paused }) => ({ topic, partition, position, paused }));
  }

  /** Goes on elsewhere; without `partition` all assigned partitions of the topic do. What was fetched ahead is dropped. */
  async seek(where: TopicPartition | { topic: string } | string, target: SeekTarget): Promise<void> {
    this.#checkOpen();
    const { topic, partition } = checkWhere(where);
    const place = checkTarget(target);
    const chosen = [...this.#assigned.values()].filter(
      (one) => one.topic === topic && (partition === undefined || one.partition === partition),
    );
    if (chosen.length === 0) throw notAssigned(topic, partition);
    const offsets = await Promise.all(chosen.map((one) => this.#offsetOf(one, place)));
    chosen.forEach((one, i) => {
      one.position = offsets[i];
      if (this.#begun?.assigned === one) this.#begun = null;
      this.#reader.seek(one.topic, one.partition, offsets[i]);
    });
  }

  /** The offset of the next record that this partition will give. */
  position(topic: string, partition: number): number {
    const one = this.#assigned.get(keyOf({ topic, partition }));
    if (one === undefined) throw notAssigned(topic, partition);
    return one.position;
  }

  /** Bytes that were fetched and not yet given out. */
  get queuedBytes(): number {
    return this.#reader.queuedBytes;
  }

  /** Stops giving out records of these partitions; all of them without an argument. */
  pause(which?: readonly TopicPartition[]): void {
    for (const one of this.#select('pause', which)) {
      one.paused = true;
      this.#reader.pause(one.topic, one.partition);
      if (this.#begun?.assigned !== one) continue;
      // What is left of a chunk that was begun is fetched again.
      this.#begun = null;
      this.#reader.seek(one.topic, one.partition, one.position);
    }
  }

  resume(which?: readonly TopicPartition[]): void {
    for (const one of this.#select('resume', which)) {
      one.paused = false;
      this.#reader.resume(one.topic, one.partition);
    }
    this.#wake();
  }

  /** Batches as they come, for ever: end it with `break`, or by closing the consumer. */
  async *batches(): AsyncGenerator<ConsumedBatch<K, V, H>, void, undefined> {
    for (;;) {
      const batch = this.#nextBatch();
      if (batch !== null) {
        yield batch;
        continue;
      }
      this.#throwFirst();
      if (this.#closed) return;
      await this.#more();
    }
  }

  /** Records as they come, for ever: end it with `break`, or by closing the consumer. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumedRecord<K, V, H>, void, undefined> {
    for (;;) {
      const record = this.#nextRecord();
      if (record !== null) {
        yield record;
        continue;
      }
      this.#throwFirst();
      if (this.#closed) return;
      await this.#more();
    }
  }

  /** Up to `recordsMax` records, as soon as there is one; an empty list after `timeoutMs` (default 0: only what is here). */
  async poll(options: { timeoutMs?: number; recordsMax?: number } = {}): Promise<ConsumedRecord<K, V, H>[]> {
    checkNames('consumer.poll', options, ['timeoutMs', 'recordsMax']);
    const { timeoutMs = 0, recordsMax = this.#recordsMax } = options;
    checkInteger('timeoutMs', timeoutMs, 0, Number.MAX_SAFE_INTEGER);
    checkInteger('recordsMax', recordsMax, 1, Number.MAX_SAFE_INTEGER);
    this.#checkOpen();
    const { clock } = this.#dispatcher;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const records: ConsumedRecord<K, V, H>[] = [];
      while (records.length < recordsMax) {
        const record = this.#nextRecord();
        if (record === null) break;
        records.push(record);
      }
      // An error waits for the next call when records came before it.
      if (records.length === 0) this.#throwFirst();
      const leftMs = deadlineMs - clock.monotonicMs();
      if (records.length > 0 || leftMs <= 0 || this.#closed) return records;
      await this.#more(leftMs);
    }
  }

  /** How far each assigned partition is behind its high watermark, asked of the hosts now. */
  async lag(): Promise<PartitionLag[]> {
    this.#checkOpen();
    return Promise.all(
      [...this.#assigned.values()].map(async (one) => {
        const highWatermark = await this.#listOffset(one, -1);
        return {
          topic: one.topic,
          partition: one.partition,
          position: one.position,
          highWatermark,
          lag: Math.max(0, highWatermark - one.position),
        };
      }),
    );
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.close();
    this.#dispatcher.unsubscribe(this);
    this.#begun = null;
    this.#errors.length = 0;
    this.#wake();
    this.#closing(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // What the dispatcher tells.

  closed(failed: boolean): void {
    this.#closed = true;
    // A loop over records ends when the bus is closed; when it died, nobody may take that for the end.
    if (failed)
      this.#errors.push(new BusError('COORDINATOR_NOT_AVAILABLE', 'the coordinator of the bus died: close the bus and open it again'));
    this.#wake();
  }

  // Taking.

  /** Null when none is here; an error may wait then. */
  #nextBatch(): ConsumedBatch<K, V, H> | null {
    // A batch whose records were begun one by one is finished as a batch from there.
    const begun = this.#begun;
    if (begun !== null) {
      this.#begun = null;
      const { chunk, assigned } = begun;
      if (assigned.position < chunk.nextOffset) return this.#given({ ...chunk, offset: assigned.position }, assigned);
    }
    const chunk = this.#reader.take();
    if (chunk === undefined) return null;
    const assigned = this.#assigned.get(keyOf(chunk));
    return assigned === undefined ? null : this.#given(chunk, assigned);
  }

  #given(chunk: Chunk, assigned: Assigned<K, V, H>): ConsumedBatch<K, V, H> {
    assigned.position = chunk.nextOffset;
    return new ConsumedBatch(assigned.declared, chunk);
  }

  /** Null when none is here; an error may wait then. */
  #nextRecord(): ConsumedRecord<K, V, H> | null {
    for (;;) {
      if (this.#begun === null) {
        const chunk = this.#reader.take();
        if (chunk === undefined) return null;
        const assigned = this.#assigned.get(keyOf(chunk));
        if (assigned === undefined) continue;
        this.#begun = { records: new ConsumedBatch(assigned.declared, chunk)[Symbol.iterator](), chunk, assigned };
      }
      const { records, chunk, assigned } = this.#begun;
      try {
        const next = records.next();
        if (!next.done) {
          assigned.position = next.value.offset + 1;
          return next.value;
        }
      } catch (error) {
        // A batch that matches its CRC and holds no records that can be read: told, and passed over.
        if (!(error instanceof BusError)) throw error;
        this.#errors.push(error);
      }
      assigned.position = chunk.nextOffset;
      this.#begun = null;
      if (this.#errors.length > 0) return null;
    }
  }

  #throwFirst(): void {
    const first = this.#errors.shift();
    if (first !== undefined) throw first;
  }

  /** Until something may be here, or for so long. */
  #more(timeoutMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        timer?.cancel();
        this.#waiting.delete(go);
        this.#dispatcher.release();
        resolve();
      };
      const timer = timeoutMs === undefined ? null : this.#dispatcher.clock.after(timeoutMs, go, true);
      this.#waiting.add(go);
      this.#dispatcher.hold();
    });
  }

  #wake(): void {
    for (const go of [...this.#waiting]) go();
  }

  #stopped(
    topic: string,
    partition: number,
    error: number,
    offset: number,
    nextOffset: number,
    startOffset: number,
    highWatermark: number,
  ): void {
    const one = this.#assigned.get(keyOf({ topic, partition }));
    if (one === undefined) return;
    if (error === errors.OFFSET_OUT_OF_RANGE.code && this.#reset !== 'none') {
      const target = this.#reset === 'earliest' || offset < startOffset ? startOffset : highWatermark;
      one.position = target;
      this.#reader.seek(topic, partition, target);
      return;
    }
    if (error === errors.CORRUPT_MESSAGE.code && nextOffset > offset) {
      one.position = Math.max(one.position, nextOffset);
      this.#reader.seek(topic, partition, nextOffset);
      if (this.#skipDamage) return;
    }
    this.#errors.push(stoppedError(topic, partition, error, offset, nextOffset, startOffset));
    this.#wake();
  }

  // Places and offsets.

  async #expand({ topic, partition, declared }: Wanted, into: Map<string, Assigned<K, V, H>>): Promise<void> {
    const { partitions } = await loadTopic(this.#dispatcher, topic);
    const chosen = partition === undefined ? partitions.map((one) => one.partition) : [partition];
    for (const number of chosen) {
      if (partitions[number] === undefined) throw unknownPartition(topic, number, partitions.length);
      const one: Assigned<K, V, H> = {
        declared: (declared ?? plainTopic(topic, this.#key, this.#value)) as Topic<unknown, unknown, unknown> as Topic<K, V, H>,
        topic,
        partition: number,
        position: -1,
        paused: false,
      };
      into.set(keyOf(one), one);
    }
  }

  #place(topic: string, partition: number): { slot: number; host: number } {
    const place = this.#dispatcher.topic(topic)?.partitions[partition];
    if (place === undefined) throw unknownTopic(topic, 0);
    return place;
  }

  #startOf(one: Assigned<K, V, H>): Promise<number> {
    // 'none' means that the user seeks before reading; the end loses nothing that was there before.
    return this.#offsetOf(one, this.#reset === 'earliest' ? 'beginning' : 'end');
  }

  async #offsetOf(one: Assigned<K, V, H>, target: SeekTarget): Promise<number> {
    if (typeof target === 'number') return target;
    if (target === 'beginning') return this.#listOffset(one, -2);
    if (target === 'end') return this.#listOffset(one, -1);
    const found = await this.#listOffset(one, target.timestamp);
    return found >= 0 ? found : this.#listOffset(one, -1);
  }

  async #listOffset(one: TopicPartition, timestampMs: number): Promise<number> {
    await loadTopic(this.#dispatcher, one.topic);
    const { slot, host } = this.#place(one.topic, one.partition);
    const { offset } = await ask(this.#dispatcher, host, 'listOffsets', { slot, timestampMs });
    return offset;
  }

  #select(what: string, which: readonly TopicPartition[] | undefined): Assigned<K, V, H>[] {
    this.#checkOpen();
    if (which === undefined) return [...this.#assigned.values()];
    return checkPlaces(what, which).map((place) => {
      const one = this.#assigned.get(keyOf(place));
      if (one === undefined) throw notAssigned(place.topic, place.partition);
      return one;
    });
  }

  #checkOpen(): void {
    if (this.#closed || this.#dispatcher.closed) throw new BusError('CLOSED', 'the consumer is closed, or its bus is');
  }
}
