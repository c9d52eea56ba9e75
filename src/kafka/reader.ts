/**
 * Reads Kafka's primitive types from a frame. Nothing is allocated before its length was held against what is left of the frame, and
 * a frame as a whole may hold only so many array items and tagged fields; whatever is wrong throws Malformed with a reason to count.
 */
import { asBuffer, readInt64 } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';

/** Why a frame was refused. Connections count them by name. */
export type MalformedReason =
  | 'truncated'
  | 'negative-length'
  | 'null-where-none-may-be'
  | 'array-too-long'
  | 'string-too-long'
  | 'too-many-tagged-fields'
  | 'tagged-field-size'
  | 'varint-too-long'
  | 'frame-too-large'
  | 'frame-size'
  | 'unknown-api'
  | 'unsupported-version';

export class Malformed extends Error {
  override name = 'Malformed';
  readonly reason: MalformedReason;

  /** Without a stack, which takes most of the time that a bad frame takes: it says what the sender did, and where is of no use. */
  constructor(reason: MalformedReason, message: string) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
    this.reason = reason;
  }
}

export class Reader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #itemsLeft: number = limits.wireItemsMax;
  #tagsLeft: number = limits.taggedFieldsMax;

  constructor(bytes: Uint8Array, from = 0, to = bytes.length) {
    this.#bytes = asBuffer(bytes);
    this.#at = from;
    this.#end = to;
  }

  get position(): number {
    return this.#at;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  bool(): boolean {
    return this.#bytes[this.#take(1)] !== 0;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  int64(): number {
    return readInt64(this.#bytes, this.#take(8));
  }

  float64(): number {
    return this.#bytes.readDoubleBE(this.#take(8));
  }

  uuid(): string {
    const at = this.#take(16);
    return this.#bytes.toString('hex', at, at + 16);
  }

  /** Up to 32 bits, seven at a time, the lowest first. */
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#take(1)];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw new Malformed('varint-too-long', 'a varint has more than 32 bits');
  }

  /** A length before what it measures: −1 is null. Compact ones are one more than the length. */
  length(flexible: boolean, short: boolean): number {
    const length = flexible ? this.uvarint() - 1 : short ? this.int16() : this.int32();
    if (length < -1) throw new Malformed('negative-length', `a length is ${length}`);
    return length;
  }

  string(flexible: boolean): string | null {
    const length = this.length(flexible, true);
    if (length === -1) return null;
    if (length > limits.wireStringBytesMax) throw new Malformed('string-too-long', `a string has ${length} bytes`);
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /** A view of the frame. */
  bytes(flexible: boolean): Buffer | null {
    const length = this.length(flexible, false);
    if (length === -1) return null;
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** How many items an array has, each of at least `itemBytesMin`; −1 is null. */
  count(flexible: boolean, itemBytesMin: number): number {
    const count = this.length(flexible, false);
    if (count * itemBytesMin > this.left) throw new Malformed('array-too-long', `an array of ${count} items in ${this.left} bytes`);
    this.#itemsLeft -= count;
    if (this.#itemsLeft < 0) throw new Malformed('array-too-long', `more than ${limits.wireItemsMax} items in one frame`);
    return count;
  }

  tagCount(): number {
    const count = this.uvarint();
    this.#tagsLeft -= count;
    if (this.#tagsLeft < 0) throw new Malformed('too-many-tagged-fields', `more than ${limits.taggedFieldsMax} tagged fields`);
    return count;
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#end - at) throw new Malformed('truncated', `${bytes} bytes are wanted where ${this.#end - at} are left`);
    this.#at = at + bytes;
    return at;
  }
}
