/**
 * What every bench sends and how it proves that all of it arrived: record i has one of 1,024 keys of 8 bytes and a value that begins
 * with i. A receiver counts the records and adds up their numbers and the last bytes of their keys.
 *
 *  value:  number u32 LE | filler … (latency: due time f64 LE, in microseconds of the machine's monotonic clock, at 8)
 */

export const KEY_BYTES = 8;
const KEYS = 1024;
const FILLER = 0x61;
export const DUE_AT = 8;
/** The smallest value that has room for a number and a due time. */
export const VALUE_BYTES_MIN = DUE_AT + 8;

/** 'k0000000' … 'k0001023' */
export const keys: readonly Buffer[] = Array.from({ length: KEYS }, (_, i) =>
  ownBytes(Buffer.from(`k${String(i).padStart(7, '0')}`, 'latin1')),
);

export const keyOf = (index: number): Buffer => keys[index & (KEYS - 1)];

export function makeValue(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes)).fill(FILLER);
}

export function writeNumber(value: Uint8Array, index: number): void {
  value[0] = index;
  value[1] = index >>> 8;
  value[2] = index >>> 16;
  value[3] = index >>> 24;
}

export function readNumber(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** Counts and sums what arrives. Sums stay exact: 4 · 10^7 records add up to less than 2^53. */
export class Tally {
  count = 0;
  // A double from the start (−0 is one), or V8 rebuilds the loops when the sum outgrows 31 bits.
  sum = -0;

  add(bytes: Uint8Array, keyAt: number, valueAt: number): void {
    this.count++;
    this.sum += readNumber(bytes, valueAt) + bytes[keyAt + KEY_BYTES - 1];
  }

  /** A record of whose value there is a view. */
  addView(bytes: Uint8Array, keyAt: number, value: Uint8Array): void {
    this.count++;
    this.sum += readNumber(value, 0) + bytes[keyAt + KEY_BYTES - 1];
  }

  /** A record whose key and value lie in arrays of their own. */
  take(key: Uint8Array, value: Uint8Array): void {
    this.count++;
    this.sum += readNumber(value, 0) + key[KEY_BYTES - 1];
  }

  get check(): string {
    return `${this.count}:${this.sum}`;
  }
}

/** The check of records from … to − 1, each once. */
export function checkOf(to: number, from = 0): string {
  const turns = Math.floor((to - from) / KEYS);
  let keySum = 0;
  for (let i = 0; i < KEYS; i++) keySum += keys[i][KEY_BYTES - 1];
  let sum = ((from + to - 1) * (to - from)) / 2 + turns * keySum;
  for (let i = from + turns * KEYS; i < to; i++) sum += keyOf(i)[KEY_BYTES - 1];
  return `${to - from}:${sum}`;
}

function ownBytes(from: Buffer): Buffer {
  const own = Buffer.from(new ArrayBuffer(from.length));
  from.copy(own);
  return own;
}
