/** CRC-32C (Castagnoli), as RecordBatch v2 uses it. The one place that imports @node-rs/crc32 (about 6 GB/s). */
import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/** The checksum of `bytes` as an unsigned 32-bit integer; `initial` continues an earlier one. */
export function crc32c(bytes: Uint8Array, initial = 0): number {
  return nativeCrc32c(bytes as Buffer, initial) >>> 0;
}
