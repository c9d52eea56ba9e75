/**
 * Writes Kafka's primitive types. Small fields go side by side into slabs that many frames share; large byte arrays (records) are not
 * copied but listed between the pieces, so a frame leaves as the pieces of one gathered write.
 */
import { assert } from '../base/assert.ts';
import { asBuffer, KiB, writeInt64 } from '../base/bytes.ts';
import { INT64_MAX } from './schema.ts';

const SLAB_BYTES = 64 * KiB;
/** From this size on a byte array is listed instead of copied. */
const COPY_BYTES_MAX = 4 * KiB;

export class Writer {
  readonly #slabBytes: number;
  #slab: Buffer = NONE;
  /** Where the piece begins that is being written. */
  #from = 0;
  #at = 0;
  #pieces: Buffer[] = [];
  /** Bytes in #pieces. */
  #listed = 0;

  constructor(slabBytes = SLAB_BYTES) {
    this.#slabBytes = slabBytes;
  }

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#listed + this.#at - this.#from;
  }

  /** What was written, as pieces that nobody writes to again. */
  take(): Buffer[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#listed = 0;
    return pieces;
  }

  /** Forgets what was written since the last `take`. */
  drop(): void {
    if (this.#pieces.length === 0) this.#at = this.#from;
    else this.#from = this.#at;
    this.#pieces = [];
    this.#listed = 0;
  }

  /** Leaves room for a size in front, and gives the function that fills it in with the number of bytes written since. */
  sized(): () => void {
    const at = this.#room(4);
    const slab = this.#slab;
    const before = this.length;
    return () => void slab.writeInt32BE(this.length - before, at);
  }

  bool(value: boolean): void {
    const at = this.#room(1);
    this.#slab[at] = value ? 1 : 0;
  }

  int8(value: number): void {
    const at = this.#room(1);
    this.#slab.writeInt8(value, at);
  }

  int16(value: number): void {
    const at = this.#room(2);
    this.#slab.writeInt16BE(value, at);
  }

  uint16(value: number): void {
    const at = this.#room(2);
    this.#slab.writeUInt16BE(value, at);
  }

  int32(value: number): void {
    const at = this.#room(4);
    this.#slab.writeInt32BE(value, at);
  }

  int64(value: number): void {
    const at = this.#room(8);
    if (value >= INT64_MAX) this.#slab.writeBigInt64BE(0x7fff_ffff_ffff_ffffn, at);
    else writeInt64(this.#slab, value, at);
  }

  float64(value: number): void {
    const at = this.#room(8);
    this.#slab.writeDoubleBE(value, at);
  }

  uuid(value: string): void {
    const at = this.#room(16);
    const written = this.#slab.write(value, at, 16, 'hex');
    assert(written === 16 && value.length === 32, 'a uuid is 32 hexadecimal digits');
  }

  uvarint(value: number): void {
    let rest = value;
    let at = this.#room(5);
    while (rest > 0x7f) {
      this.#slab[at++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#slab[at++] = rest;
    this.#at = at;
  }

  /** −1 stands for null. */
  writeLength(length: number, flexible: boolean, short: boolean): void {
    if (flexible) this.uvarint(length + 1);
    else if (short) this.int16(length);
    else this.int32(length);
  }

  string(value: string | null, flexible: boolean): void {
    if (value === null) return this.writeLength(-1, flexible, true);
    const bytes = Buffer.byteLength(value);
    assert(bytes <= 0x7fff, 'a string on the wire has at most 32767 bytes');
    this.writeLength(bytes, flexible, true);
    const at = this.#room(bytes);
    this.#slab.write(value, at, bytes);
  }

  bytes(value: Uint8Array | null, flexible: boolean): void {
    if (value === null) return this.writeLength(-1, flexible, false);
    this.writeLength(value.length, flexible, false);
    this.raw(value);
  }

  /** Bytes as they are, listed when they are many: they must not change until the frame has left. */
  raw(value: Uint8Array): void {
    if (value.length < COPY_BYTES_MAX) {
      const at = this.#room(value.length);
      this.#slab.set(value, at);
      return;
    }
    this.#cut();
    this.#pieces.push(asBuffer(value));
    this.#listed += value.length;
  }

  /** Takes room in the slab; a piece that does not fit goes on in the next one. */
  #room(bytes: number): number {
    if (this.#at + bytes > this.#slab.length) {
      this.#cut();
      this.#slab = Buffer.allocUnsafeSlow(Math.max(this.#slabBytes, bytes));
      this.#from = 0;
      this.#at = 0;
    }
    const at = this.#at;
    this.#at = at + bytes;
    return at;
  }

  #cut(): void {
    if (this.#at === this.#from) return;
    this.#pieces.push(this.#slab.subarray(this.#from, this.#at));
    this.#listed += this.#at - this.#from;
    this.#from = this.#at;
  }
}

const NONE = Buffer.alloc(0);
