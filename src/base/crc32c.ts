/** CRC-32C (Castagnoli), as RecordBatch v2 uses it. The one place that imports @node-rs/crc32 (about 6 GB/s). */
import { lazily } from './modules.ts';

// A thread that has nothing to check yet starts 2 ms earlier without it.
const crc32Module = lazily<typeof import('@node-rs/crc32')>('@node-rs/crc32');

/** The checksum of `bytes` as an unsigned 32-bit integer; `initial` continues an earlier one. */
export function crc32c(bytes: Uint8Array, initial = 0): number {
  return crc32Module().crc32c(bytes as Buffer, initial) >>> 0;
}
