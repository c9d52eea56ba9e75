/**
 * RecordBatch v2 (magic 2): the one layout that lies in memory, in the file, on the socket and in the consumer. This file knows where
 * each header field is, and stamps those that the leader owns; it never looks at records.
 *
 *  offset size  field                 meaning
 *  ------ ----  --------------------  ------------------------------------------------------------------------------
 *       0    8  baseOffset            offset of the first record; stamped by the leader
 *       8    4  batchLength           bytes after this field: the whole batch is 12 + batchLength
 *      12    4  partitionLeaderEpoch  stamped by the leader
 *      16    1  magic                 2; layouts 0 and 1 (before Kafka 0.11) have their magic at the same place
 *      17    4  crc                   CRC-32C of everything from `attributes` to the end. The fields above lie outside, so
 *                                     that the leader stamps offset and epoch without reading the batch again
 *      21    2  attributes            see the ruler below
 *      23    4  lastOffsetDelta       offset of the last record − baseOffset; compaction keeps it when it removes records
 *      27    8  baseTimestamp         what timestamp deltas count from; the delete horizon when bit 6 is set
 *      35    8  maxTimestamp          largest timestamp; with log-append time, the timestamp of every record
 *      43    8  producerId            −1: not idempotent
 *      51    2  producerEpoch
 *      53    4  baseSequence          sequence number of the first record; −1 with producerId −1
 *      57    4  recordCount           records that follow (uncompressed: one after the other; else one compressed piece)
 *      61       records
 *
 *  attributes:  15 … 7 unused | 6 delete horizon | 5 control | 4 transactional | 3 log-append time | 2 1 0 compression
 *
 * https://kafka.apache.org/documentation/#recordbatch
 */
import { assert } from '../base/assert.ts';
import { readInt64, writeInt64 } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';

export const BASE_OFFSET_AT = 0;
export const LENGTH_AT = BASE_OFFSET_AT + 8;
export const LEADER_EPOCH_AT = LENGTH_AT + 4;
export const MAGIC_AT = LEADER_EPOCH_AT + 4;
export const CRC_AT = MAGIC_AT + 1;
export const ATTRIBUTES_AT = CRC_AT + 4;
export const LAST_OFFSET_DELTA_AT = ATTRIBUTES_AT + 2;
export const BASE_TIMESTAMP_AT = LAST_OFFSET_DELTA_AT + 4;
export const MAX_TIMESTAMP_AT = BASE_TIMESTAMP_AT + 8;
export const PRODUCER_ID_AT = MAX_TIMESTAMP_AT + 8;
export const PRODUCER_EPOCH_AT = PRODUCER_ID_AT + 8;
export const BASE_SEQUENCE_AT = PRODUCER_EPOCH_AT + 2;
export const RECORD_COUNT_AT = BASE_SEQUENCE_AT + 4;
export const RECORDS_AT = RECORD_COUNT_AT + 4;
assert(RECORDS_AT === 61, 'the fields of a batch header add up to 61 bytes');

/** Bytes of a batch header. */
export const HEADER_BYTES = RECORDS_AT;
/** Bytes before the part that `batchLength` counts. */
export const LENGTH_OVERHEAD = LENGTH_AT + 4;
/** The smallest `batchLength` that holds a header. */
export const BATCH_LENGTH_MIN = HEADER_BYTES - LENGTH_OVERHEAD;

export const MAGIC = 2;

export const COMPRESSION_MASK = 0b0000_0111;
export const LOG_APPEND_TIME_BIT = 0b0000_1000;
export const TRANSACTIONAL_BIT = 0b0001_0000;
export const CONTROL_BIT = 0b0010_0000;
export const DELETE_HORIZON_BIT = 0b0100_0000;

export const baseOffsetOf = (bytes: Buffer, at: number): number => readInt64(bytes, at + BASE_OFFSET_AT);
export const batchLengthOf = (bytes: Buffer, at: number): number => bytes.readInt32BE(at + LENGTH_AT);
export const leaderEpochOf = (bytes: Buffer, at: number): number => bytes.readInt32BE(at + LEADER_EPOCH_AT);
export const magicOf = (bytes: Buffer, at: number): number => bytes.readInt8(at + MAGIC_AT);
export const crcOf = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at + CRC_AT);
export const attributesOf = (bytes: Buffer, at: number): number => bytes.readInt16BE(at + ATTRIBUTES_AT);
export const lastOffsetDeltaOf = (bytes: Buffer, at: number): number => bytes.readInt32BE(at + LAST_OFFSET_DELTA_AT);
export const baseTimestampOf = (bytes: Buffer, at: number): number => readInt64(bytes, at + BASE_TIMESTAMP_AT);
export const maxTimestampOf = (bytes: Buffer, at: number): number => readInt64(bytes, at + MAX_TIMESTAMP_AT);
export const producerIdOf = (bytes: Buffer, at: number): number => readInt64(bytes, at + PRODUCER_ID_AT);
export const producerEpochOf = (bytes: Buffer, at: number): number => bytes.readInt16BE(at + PRODUCER_EPOCH_AT);
export const baseSequenceOf = (bytes: Buffer, at: number): number => bytes.readInt32BE(at + BASE_SEQUENCE_AT);
export const countOf = (bytes: Buffer, at: number): number => bytes.readInt32BE(at + RECORD_COUNT_AT);

/** The codec's id, 0 to 7; compression.ts knows 0 to 4. */
export const compressionOf = (bytes: Buffer, at: number): number => attributesOf(bytes, at) & COMPRESSION_MASK;
export const isCompressed = (bytes: Buffer, at: number): boolean => compressionOf(bytes, at) !== 0;
export const isLogAppendTime = (bytes: Buffer, at: number): boolean => (attributesOf(bytes, at) & LOG_APPEND_TIME_BIT) !== 0;
export const isTransactional = (bytes: Buffer, at: number): boolean => (attributesOf(bytes, at) & TRANSACTIONAL_BIT) !== 0;
export const isControl = (bytes: Buffer, at: number): boolean => (attributesOf(bytes, at) & CONTROL_BIT) !== 0;
export const hasDeleteHorizon = (bytes: Buffer, at: number): boolean => (attributesOf(bytes, at) & DELETE_HORIZON_BIT) !== 0;

/** Bytes of the whole batch, as its length field tells them. */
export const batchBytes = (bytes: Buffer, at: number): number => LENGTH_OVERHEAD + batchLengthOf(bytes, at);

/** Offset of the last record that the batch ever held. */
export const lastOffsetOf = (bytes: Buffer, at: number): number => baseOffsetOf(bytes, at) + lastOffsetDeltaOf(bytes, at);

/** The offset after the batch. */
export const nextOffsetOf = (bytes: Buffer, at: number): number => lastOffsetOf(bytes, at) + 1;

/** What the CRC field should hold, computed over the whole batch. The batch lies in `bytes` entirely. */
export const computeCrc = (bytes: Buffer, at: number): number => crc32c(bytes.subarray(at + ATTRIBUTES_AT, at + batchBytes(bytes, at)));

/** The leader's stamp: base offset and leader epoch. Both lie outside the CRC. */
export function stampBatch(bytes: Buffer, at: number, baseOffset: number, leaderEpoch: number): void {
  writeInt64(bytes, baseOffset, at + BASE_OFFSET_AT);
  bytes.writeInt32BE(leaderEpoch, at + LEADER_EPOCH_AT);
}

/** Gives every record of the batch the time of its append, in place of its producer's. Recomputes the CRC. */
export function stampLogAppendTime(bytes: Buffer, at: number, timestampMs: number): void {
  bytes.writeInt16BE(attributesOf(bytes, at) | LOG_APPEND_TIME_BIT, at + ATTRIBUTES_AT);
  writeInt64(bytes, timestampMs, at + MAX_TIMESTAMP_AT);
  bytes.writeUInt32BE(computeCrc(bytes, at), at + CRC_AT);
}

/** Who made a batch, and its place among that producer's batches for the partition. −1, −1, −1: nobody who can be known again. */
export interface ProducerStamp {
  producerId: number;
  producerEpoch: number;
  baseSequence: number;
}

/** Renames the producer of a sealed batch, as when an epoch was bumped between two attempts. Recomputes the CRC. */
export function stampProducer(bytes: Buffer, at: number, stamp: ProducerStamp): void {
  writeProducer(bytes, at, stamp);
  bytes.writeUInt32BE(computeCrc(bytes, at), at + CRC_AT);
}

/** Writes the producer's fields alone; the CRC is the caller's to write. */
export function writeProducer(bytes: Buffer, at: number, { producerId, producerEpoch, baseSequence }: ProducerStamp): void {
  writeInt64(bytes, producerId, at + PRODUCER_ID_AT);
  bytes.writeInt16BE(producerEpoch, at + PRODUCER_EPOCH_AT);
  bytes.writeInt32BE(baseSequence, at + BASE_SEQUENCE_AT);
}
