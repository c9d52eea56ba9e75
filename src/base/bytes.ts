/** Byte arrays that own their memory, and 64-bit integers as JavaScript numbers. */

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

/**
 * A zeroed Buffer over an ArrayBuffer of its own, so that it can be transferred to another thread. A Buffer from Node's
 * pool shares its ArrayBuffer with strangers and would be copied silently.
 */
export function allocateBytes(bytes: number): Buffer<ArrayBuffer> {
  return Buffer.from(new ArrayBuffer(bytes));
}

/** Views any byte array as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Writes a signed 64-bit big-endian integer. `value` is a safe integer: |value| ≤ 2^53 − 1. */
export function writeInt64(bytes: Buffer, value: number, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 4);
}

/** Reads a signed 64-bit big-endian integer; exact within ±(2^53 − 1), rounded beyond (callers bound what they accept). */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}
