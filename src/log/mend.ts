/**
 * What can be told of a batch whose header is damaged where the checksum does not reach: base offset, length, leader epoch, magic.
 * If the checksum holds with the values that the neighbours ask for, these were the values.
 */
import { MiB, writeInt64 } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  CRC_AT,
  HEADER_BYTES,
  LAST_OFFSET_DELTA_AT,
  LENGTH_AT,
  LENGTH_OVERHEAD,
  MAGIC,
  MAGIC_AT,
} from '../record/batch-layout.ts';
import type { DiskFile } from '../world/disk.ts';
import type { ScannedDamage } from './scan.ts';

/** The first 17 bytes of the batch as they must have been; null when its content is damaged too, or it is more than one batch. */
export function mendHeader(file: DiskFile, { position, length, firstOffset, nextOffset }: ScannedDamage): Buffer | null {
  if (length < HEADER_BYTES) return null;
  const header = Buffer.alloc(HEADER_BYTES);
  if (file.read(header, position) < HEADER_BYTES) return null;
  if (firstOffset + header.readInt32BE(LAST_OFFSET_DELTA_AT) + 1 !== nextOffset) return null;
  if (crcOf(file, position + ATTRIBUTES_AT, position + length) !== header.readUInt32BE(CRC_AT)) return null;
  writeInt64(header, firstOffset, BASE_OFFSET_AT);
  header.writeInt32BE(length - LENGTH_OVERHEAD, LENGTH_AT);
  header[MAGIC_AT] = MAGIC;
  return header.subarray(0, CRC_AT);
}

function crcOf(file: DiskFile, from: number, to: number): number {
  const piece = Buffer.from(new ArrayBuffer(Math.min(to - from, 1 * MiB)));
  let crc = 0;
  for (let at = from; at < to; ) {
    const count = file.read(piece.subarray(0, Math.min(piece.length, to - at)), at);
    if (count === 0) return -1;
    crc = crc32c(piece.subarray(0, count), crc);
    at += count;
  }
  return crc;
}
