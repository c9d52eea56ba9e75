/**
 * What consumers tell each other through the coordinator in the classic protocol, byte for byte as Kafka's ConsumerProtocol:
 *
 *   Subscription => version:int16 topics:[string] user_data:bytes? owned:[topic:string partitions:[int32]] (v1+)
 *                   generation:int32 (v2+) rack_id:string? (v3)
 *   Assignment   => version:int16 assigned:[topic:string partitions:[int32]] user_data:bytes?
 *
 * [x] is an int32 count and the items, a string an int16 length and UTF-8, bytes an int32 length and the bytes; a length of −1 is null.
 * A reader takes any later version for the latest that it knows: fields are only ever added at the end.
 */

export interface TopicPartitions {
  topic: string;
  partitions: number[];
}

export interface Subscription {
  topics: string[];
  userData: Uint8Array | null;
  /** What the member had, of which a cooperative assignor keeps what it can. */
  owned: TopicPartitions[];
  /** The generation in which it had them; −1: none, or not told. */
  generation: number;
  rackId: string | null;
}

export interface Assignment {
  partitions: TopicPartitions[];
  userData: Uint8Array | null;
}

export const SUBSCRIPTION_VERSION = 3;
export const ASSIGNMENT_VERSION = 3;
/** The type of group that consumers make (`protocolType`). */
export const CONSUMER_PROTOCOL = 'consumer';

/** Topics and owned partitions are written in order, as Kafka's do, so that the same subscription has the same bytes. */
export function encodeSubscription(subscription: Subscription, version = SUBSCRIPTION_VERSION): Uint8Array<ArrayBuffer> {
  const { topics, userData, owned, generation, rackId } = subscription;
  const writer = new Writer();
  writer.int16(version);
  writer.int32(topics.length);
  for (const topic of [...topics].sort(compare)) writer.string(topic);
  writer.bytes(userData);
  if (version >= 1) writer.partitions(inOrder(owned));
  if (version >= 2) writer.int32(generation);
  if (version >= 3) writer.string(rackId);
  return writer.end();
}

/** Null when these bytes are no subscription. */
export function decodeSubscription(bytes: Uint8Array): Subscription | null {
  return reading(bytes, (reader) => {
    const version = Math.min(reader.version(), SUBSCRIPTION_VERSION);
    const topics = reader.list(() => reader.string());
    const userData = reader.bytes();
    const owned = version >= 1 ? reader.partitions() : [];
    const generation = version >= 2 ? reader.int32() : -1;
    const rackId = version >= 3 ? reader.nullableString() : null;
    return { topics, userData, owned, generation, rackId: rackId === '' ? null : rackId };
  });
}

/** Partitions are written as they are given: their order is the assignor's. */
export function encodeAssignment(assignment: Assignment, version = ASSIGNMENT_VERSION): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.int16(version);
  writer.partitions(assignment.partitions);
  writer.bytes(assignment.userData);
  return writer.end();
}

/** Null when these bytes are no assignment. No bytes at all are an assignment of nothing: what a leader forgot. */
export function decodeAssignment(bytes: Uint8Array): Assignment | null {
  if (bytes.length === 0) return { partitions: [], userData: null };
  return reading(bytes, (reader) => {
    reader.version();
    return { partitions: reader.partitions(), userData: reader.bytes() };
  });
}

/** The version that these bytes begin with; −1 when they have none. */
export function versionOf(bytes: Uint8Array): number {
  return bytes.length < 2 ? -1 : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readInt16BE(0);
}

/** By code units, as Java compares strings. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** One row per topic, rows and partitions in order. */
export function inOrder(rows: readonly TopicPartitions[]): TopicPartitions[] {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partitions } of rows) byTopic.set(topic, [...(byTopic.get(topic) ?? []), ...partitions]);
  return [...byTopic]
    .sort(([a], [b]) => compare(a, b))
    .map(([topic, partitions]) => ({ topic, partitions: partitions.sort((a, b) => a - b) }));
}

class Malformed extends Error {}

function reading<T>(bytes: Uint8Array, read: (reader: Reader) => T): T | null {
  try {
    return read(new Reader(bytes));
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/** Also of the sticky assignors' user data, which is written in the same way. */
export class Writer {
  readonly #parts: Buffer[] = [];

  int16(value: number): void {
    const part = Buffer.alloc(2);
    part.writeInt16BE(value);
    this.#parts.push(part);
  }

  int32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeInt32BE(value);
    this.#parts.push(part);
  }

  string(text: string | null): void {
    if (text === null) return this.int16(-1);
    const part = Buffer.from(text, 'utf8');
    this.int16(part.length);
    this.#parts.push(part);
  }

  bytes(bytes: Uint8Array | null): void {
    if (bytes === null) return this.int32(-1);
    this.int32(bytes.length);
    this.#parts.push(Buffer.from(bytes));
  }

  partitions(rows: readonly TopicPartitions[]): void {
    this.int32(rows.length);
    for (const { topic, partitions } of rows) {
      this.string(topic);
      this.int32(partitions.length);
      const part = Buffer.alloc(4 * partitions.length);
      for (let i = 0; i < partitions.length; i++) part.writeInt32BE(partitions[i], 4 * i);
      this.#parts.push(part);
    }
  }

  /** In an ArrayBuffer of its own, so that it can be transferred. */
  end(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(Buffer.concat(this.#parts));
  }
}

export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  version(): number {
    const version = this.int16();
    if (version < 0) throw new Malformed();
    return version;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  string(): string {
    const text = this.nullableString();
    if (text === null) throw new Malformed();
    return text;
  }

  nullableString(): string | null {
    const length = this.int16();
    if (length === -1) return null;
    const from = this.#take(length);
    return this.#bytes.toString('utf8', from, from + length);
  }

  bytes(): Uint8Array | null {
    const length = this.int32();
    if (length === -1) return null;
    const from = this.#take(length);
    return Uint8Array.from(this.#bytes.subarray(from, from + length));
  }

  list<T>(read: () => T): T[] {
    const count = this.int32();
    // Every item takes at least two bytes: a count that cannot be true is refused before anything is made for it.
    if (count < 0 || count > this.left / 2) throw new Malformed();
    return Array.from({ length: count }, read);
  }

  partitions(): TopicPartitions[] {
    return this.list(() => ({ topic: this.string(), partitions: this.list(() => this.int32()) }));
  }

  #take(bytes: number): number {
    const from = this.#at;
    if (bytes < 0 || bytes > this.left) throw new Malformed();
    this.#at += bytes;
    return from;
  }
}

/** What `read` makes of these bytes; null when they are too short or otherwise not what they should be. */
export function tryRead<T>(bytes: Uint8Array, read: (reader: Reader) => T): T | null {
  return reading(bytes, read);
}
