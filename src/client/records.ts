/** What a consumer hands out: batches of one partition, and the records within them, decoded when they are touched. */
import { type Chunk, type ChunkMemory, giveBack } from '../dispatch/feed.ts';
import { RecordCursor } from '../record/batch-read.ts';
import type { Header } from '../record/batch-write.ts';
import type { RecordView } from '../record/record-view.ts';
import { headersReceived, keyReceived, type Topic, valueReceived } from './topic.ts';

/** One record. Its parts are decoded at each access: hold them rather than asking twice. Its bytes stay valid as long as it is held. */
export class ConsumedRecord<K = unknown, V = unknown, H = readonly Header[]> {
  readonly partition: number;
  readonly #topic: Topic<K, V, H>;
  readonly #view: RecordView;

  constructor(topic: Topic<K, V, H>, partition: number, view: RecordView) {
    this.#topic = topic;
    this.partition = partition;
    this.#view = view;
  }

  get topic(): string {
    return this.#topic.name;
  }

  get offset(): number {
    return this.#view.offset;
  }

  /** Milliseconds since the epoch. */
  get timestamp(): number {
    return this.#view.timestampMs;
  }

  /** Null for a record without a key. Throws BusError INVALID_DATA when the serde or the schema refuses it. */
  get key(): K | null {
    return keyReceived(this.#topic, this.#view.key);
  }

  /** Null for a tombstone. Throws BusError INVALID_DATA when the serde or the schema refuses it. */
  get value(): V | null {
    return valueReceived(this.#topic, this.#view.value);
  }

  get headers(): H {
    return headersReceived(this.#topic, this.#view.headers);
  }

  /** The key's bytes as they were sent. */
  get rawKey(): Buffer | null {
    return this.#view.key;
  }

  get rawValue(): Buffer | null {
    return this.#view.value;
  }

  /** All headers as they were sent, with duplicates, in order. */
  get rawHeaders(): readonly Header[] {
    return this.#view.headers;
  }

  toJSON(): object {
    const { topic, partition, offset, timestamp, key, value, headers } = this;
    return { topic, partition, offset, timestamp, key, value, headers };
  }
}

/** Records of one partition that came together: one or more stored batches, whole and in order. */
export class ConsumedBatch<K = unknown, V = unknown, H = readonly Header[]> {
  readonly topic: string;
  readonly partition: number;
  /** Where this batch begins; it holds no record before it. */
  readonly firstOffset: number;
  /** Where the next one goes on. */
  readonly nextOffset: number;
  /** The partition's high watermark when this was read. */
  readonly highWatermark: number;
  /** The stored batches, as they lie in the log. */
  readonly bytes: Buffer;
  readonly #declared: Topic<K, V, H>;
  #memory: ChunkMemory | null;

  constructor(declared: Topic<K, V, H>, chunk: Chunk) {
    this.#declared = declared;
    this.#memory = chunk.memory ?? null;
    this.topic = chunk.topic;
    this.partition = chunk.partition;
    this.firstOffset = chunk.offset;
    this.nextOffset = chunk.nextOffset;
    this.highWatermark = chunk.highWatermark;
    this.bytes = chunk.bytes;
  }

  /**
   * Says that this batch, its records and every view of them are done with: they must not be touched afterwards. Its memory is free at once
   * instead of when the garbage collector finds it, which for a replay is a third of the time. Nobody needs to call it, and what
   * `consumer.run` hands to a handler is not released by it: a batch may be tried again.
   */
  release(): void {
    if (this.#memory !== null) giveBack(this.#memory);
    this.#memory = null;
  }

  /** The records, one object each. */
  *[Symbol.iterator](): Generator<ConsumedRecord<K, V, H>> {
    const cursor = this.cursor();
    while (cursor.next()) yield new ConsumedRecord(this.#declared, this.partition, cursor.view());
  }

  /** The rest of this batch, from the record at `offset` on: the same bytes, which it does not hold, so that its `release` does nothing. */
  from(offset: number): ConsumedBatch<K, V, H> {
    const { topic, partition, nextOffset, highWatermark, bytes } = this;
    return new ConsumedBatch(this.#declared, { topic, partition, offset, nextOffset, highWatermark, bytes });
  }

  /** All records in a list. */
  records(): ConsumedRecord<K, V, H>[] {
    const records: ConsumedRecord<K, V, H>[] = [];
    const cursor = this.cursor();
    while (cursor.next()) records.push(new ConsumedRecord(this.#declared, this.partition, cursor.view()));
    return records;
  }

  /**
   * The fastest way through the records: nothing is allocated per record. `while (cursor.next())` the cursor's fields say where in
   * `cursor.bytes` the key and the value lie. Pass a cursor to use it again.
   */
  cursor(cursor: RecordCursor = new RecordCursor()): RecordCursor {
    cursor.open(this.bytes, 0, this.bytes.length, this.firstOffset);
    return cursor;
  }
}
