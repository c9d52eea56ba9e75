/**
 * A batch as it comes with a request, looked at before its partition is: whether it is one whole batch of the one format, and what its
 * header says. What lies in it is its partition's to judge.
 */
import { asBuffer } from '../base/bytes.ts';
import { errors } from '../base/errors.ts';
import {
  compressionOf,
  HEADER_BYTES,
  isTransactional as hasBit,
  LENGTH_AT,
  LENGTH_OVERHEAD,
  MAGIC,
  MAGIC_AT,
} from '../record/batch-layout.ts';
import { compressions } from '../record/compression.ts';

/** The smallest length of a batch of any format. */
const LENGTH_MIN = 14;

/** 0, or the code: as in Kafka, bytes that lack the batch that they announce are no records, and a length that cannot be is damage. */
export function checkFrame(batch: Uint8Array): number {
  const bytes = asBuffer(batch);
  if (bytes.length < LENGTH_OVERHEAD) return errors.INVALID_RECORD.code;
  const length = bytes.readInt32BE(LENGTH_AT);
  if (length < LENGTH_MIN) return errors.CORRUPT_MESSAGE.code;
  if (bytes.length <= MAGIC_AT) return errors.INVALID_RECORD.code;
  const magic = bytes[MAGIC_AT];
  if (magic > MAGIC) return errors.CORRUPT_MESSAGE.code;
  return magic < MAGIC || bytes.length !== LENGTH_OVERHEAD + length ? errors.INVALID_RECORD.code : 0;
}

export function isTransactional(batch: Uint8Array): boolean {
  return batch.length >= HEADER_BYTES && hasBit(asBuffer(batch), 0);
}

export function isZstd(batch: Uint8Array): boolean {
  return batch.length >= HEADER_BYTES && compressionOf(asBuffer(batch), 0) === compressions.zstd;
}
