/**
 * Zigzag varints, as protocol buffers write them: 7 bits per byte, lowest first, the top bit says that more follow; zigzag maps
 * 0, −1, 1, −2 … to 0, 1, 2, 3 …, so that small negatives stay small. Numbers here are JavaScript's: exact up to ±(2^53 − 1).
 * The hot loops of batch-write and batch-read inline the one-byte case and call these for the rest.
 *
 *   int32: 1 to 5 bytes      int64: 1 to 10 bytes
 */

/** What a malformed or cut varint reads as; no length, count or delta can be this. */
export const BAD_VARINT = Number.NaN;

/** Bytes that `value`, an integer in [−2^31, 2^31), takes. */
export function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

/** Writes an integer in [−2^31, 2^31) and returns the position after it. */
export function writeVarint(bytes: Uint8Array, value: number, at: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

/** Bytes that the safe integer difference `value − base` takes. */
export function varlongBytes(value: number, base: number): number {
  const delta = value - base;
  if (delta === (delta | 0)) return varintBytes(delta);
  let rest = zigzag64(value, base);
  let size = 1;
  for (; rest >= 0x80n; rest >>= 7n) size++;
  return size;
}

/** Writes the difference of two safe integers, exact even where it is none itself, and returns the position after it. */
export function writeVarlong(bytes: Uint8Array, value: number, base: number, at: number): number {
  const delta = value - base;
  if (delta === (delta | 0)) return writeVarint(bytes, delta, at);
  let rest = zigzag64(value, base);
  for (; rest >= 0x80n; rest >>= 7n) bytes[at++] = Number(rest & 0x7fn) | 0x80;
  bytes[at++] = Number(rest);
  return at;
}

// Rare: records of one batch that lie more than 24 days apart.
function zigzag64(value: number, base: number): bigint {
  const delta = BigInt(value) - BigInt(base);
  return delta < 0n ? -delta * 2n - 1n : delta * 2n;
}

/** Where the varint at `at` ends, or −1 when it does not end before `end` or within `bytesMax` bytes. */
export function varintEnd(bytes: Uint8Array, at: number, end: number, bytesMax: number): number {
  const stop = Math.min(end, at + bytesMax);
  for (; at < stop; at++) if (bytes[at] < 0x80) return at + 1;
  return -1;
}

/** Reads the int32 in [from, to), bounds that `varintEnd` gave. Bits beyond the 32nd make it BAD_VARINT. */
export function readVarint(bytes: Uint8Array, from: number, to: number): number {
  let zigzag = 0;
  for (let at = to - 1; at >= from; at--) zigzag = zigzag * 0x80 + (bytes[at] & 0x7f);
  if (zigzag > 0xffff_ffff) return BAD_VARINT;
  return (zigzag >>> 1) ^ -(zigzag & 1);
}

/** Reads `base` + the int64 in [from, to). Exact where the sum is a safe integer, BAD_VARINT where it is not. */
export function readVarlong(bytes: Uint8Array, from: number, to: number, base: number): number {
  if (to - from <= 4) return base + readVarint(bytes, from, to);
  let zigzag = 0n;
  for (let at = to - 1; at >= from; at--) zigzag = (zigzag << 7n) | BigInt(bytes[at] & 0x7f);
  const delta = zigzag & 1n ? -(zigzag >> 1n) - 1n : zigzag >> 1n;
  const sum = Number(BigInt(base) + delta);
  return Number.isSafeInteger(sum) ? sum : BAD_VARINT;
}
