/**
 * Reads RecordBatch v2 bytes of any origin: checks a batch, walks the batches of a range, walks their records. It trusts nothing: a
 * malformed byte is a typed refusal, never a read outside the batch. It decides nothing about offsets, producers or visibility.
 */
import { BusError, errors } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import {
  BATCH_LENGTH_MIN,
  baseOffsetOf,
  baseSequenceOf,
  batchBytes,
  batchLengthOf,
  computeCrc,
  countOf,
  crcOf,
  HEADER_BYTES,
  isCompressed,
  isControl,
  LENGTH_OVERHEAD,
  lastOffsetDeltaOf,
  MAGIC,
  MAGIC_AT,
  magicOf,
  producerIdOf,
} from './batch-layout.ts';
import { RECORD_BYTES_MIN, RecordCursor } from './record-cursor.ts';
import { type RecordView, readHeaders } from './record-view.ts';

export { batchEnd, RecordCursor } from './record-cursor.ts';
export { type RecordView, readHeaders } from './record-view.ts';

const CORRUPT = errors.CORRUPT_MESSAGE.code;

/**
 * Whether the batch at `at` is whole and sound: size, magic, CRC, counts, last offset delta; with `walk`, every record too, which
 * decompresses. Returns 0 or an error code: CORRUPT_MESSAGE, UNSUPPORTED_FOR_MESSAGE_FORMAT for formats 0 and 1, and of the walk also
 * UNSUPPORTED_COMPRESSION_TYPE and MESSAGE_TOO_LARGE. Base offset and leader epoch lie outside the CRC; a walk needs a base offset ≥ 0.
 */
export function validateBatch(bytes: Buffer, at: number, end: number, walk = false): number {
  if (end - at <= MAGIC_AT) return CORRUPT;
  const magic = magicOf(bytes, at);
  if (magic === 0 || magic === 1) return errors.UNSUPPORTED_FOR_MESSAGE_FORMAT.code;
  if (magic !== MAGIC || end - at < HEADER_BYTES) return CORRUPT;
  const length = batchLengthOf(bytes, at);
  if (length < BATCH_LENGTH_MIN || length > end - at - LENGTH_OVERHEAD) return CORRUPT;
  if (crcOf(bytes, at) !== computeCrc(bytes, at)) return CORRUPT;
  const count = countOf(bytes, at);
  if (count < 0 || count > lastOffsetDeltaOf(bytes, at) + 1) return CORRUPT;
  if (!isCompressed(bytes, at) && count * RECORD_BYTES_MIN > length - BATCH_LENGTH_MIN) return CORRUPT;
  return walk ? walkBatch(bytes, at, { decompressedBytesMax: limits.decompressedBytesMax, keyed: false }) : 0;
}

export interface ProducedRules {
  /** Beyond it, a batch is MESSAGE_TOO_LARGE. */
  decompressedBytesMax?: number;
  /** Every record has a key (topics that are compacted). */
  keyed?: boolean;
}

/**
 * `validateBatch` with `walk`, and what a leader asks of a batch fresh from a producer: base offset 0, at least one record, offsets
 * without gaps, no control records, and the keys that the rules ask for; else INVALID_RECORD.
 */
export function validateProduced(bytes: Buffer, at: number, end: number, rules: ProducedRules = {}): number {
  const error = validateBatch(bytes, at, end);
  if (error !== 0) return error;
  const count = countOf(bytes, at);
  // As many records as offsets, each offset used once at most (the walk sees to that): no gaps.
  const isDense = count > 0 && lastOffsetDeltaOf(bytes, at) === count - 1;
  if (!isDense || baseOffsetOf(bytes, at) !== 0 || isControl(bytes, at)) return errors.INVALID_RECORD.code;
  if (producerIdOf(bytes, at) >= 0 && baseSequenceOf(bytes, at) < 0) return errors.INVALID_RECORD.code;
  const { decompressedBytesMax = limits.producedBytesMax, keyed = false } = rules;
  return walkBatch(bytes, at, { decompressedBytesMax, keyed });
}

/** The records of `bytes[from, to)` at or after `minOffset`, as views. Throws as RecordCursor does. 10 M/s and more. */
export function readRecords(bytes: Buffer, from: number, to: number, minOffset = 0): RecordView[] {
  const cursor = new RecordCursor();
  cursor.open(bytes, from, to, minOffset);
  const records: RecordView[] = [];
  while (cursor.next()) records.push(cursor.view());
  return records;
}

function walkBatch(bytes: Buffer, at: number, { decompressedBytesMax, keyed }: Required<ProducedRules>): number {
  const cursor = new RecordCursor();
  cursor.decompressedBytesMax = decompressedBytesMax;
  cursor.includeControl = true;
  cursor.open(bytes, at, at + batchBytes(bytes, at), 0);
  try {
    while (cursor.next()) {
      if (keyed && cursor.keyLength < 0) return errors.INVALID_RECORD.code;
      if (cursor.headerCount > 0) readHeaders(cursor.bytes, cursor.headersAt, cursor.headerCount, cursor.recordEnd);
    }
    return 0;
  } catch (error) {
    if (error instanceof BusError) return errors[error.code].code;
    throw error;
  }
}
