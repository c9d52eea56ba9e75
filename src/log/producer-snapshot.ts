/**
 * The state of idempotent producers at an offset, in Apache Kafka's format (ProducerStateManager, version 1): what lets a start
 * read only the batches after it. The file is named by the offset: `<20 digits>.snapshot`.
 *
 *  offset size  field          meaning
 *       0    2  version        1
 *       2    4  crc            CRC-32C of everything after this field
 *       6    4  count          entries that follow
 *
 *  entry, 46 bytes:
 *       0    8  producerId
 *       8    2  producerEpoch
 *      10    4  lastSequence
 *      14    8  lastOffset
 *      22    4  offsetDelta            last offset − first offset of the producer's last batch
 *      26    8  timestamp              of that batch
 *      34    4  coordinatorEpoch       −1 outside of transactions
 *      38    8  currentTxnFirstOffset  −1 outside of transactions
 */
import { assert } from '../base/assert.ts';
import { readInt64, writeInt64 } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { limits } from '../base/limits.ts';

/** Batches of one producer in a snapshot, at most: as many as may be in flight of an idempotent producer. */
export const snapshotBatches = 5;

/** A batch of a producer as a snapshot knows it. Several entries of one producer are in the order of their batches. */
export interface ProducerEntry {
  producerId: number;
  producerEpoch: number;
  lastSequence: number;
  lastOffset: number;
  offsetDelta: number;
  timestampMs: number;
  coordinatorEpoch: number;
  currentTxnFirstOffset: number;
}

const VERSION = 1;
const VERSION_AT = 0;
const CRC_AT = VERSION_AT + 2;
const COUNT_AT = CRC_AT + 4;
const ENTRIES_AT = COUNT_AT + 4;

const PRODUCER_ID_AT = 0;
const PRODUCER_EPOCH_AT = PRODUCER_ID_AT + 8;
const LAST_SEQUENCE_AT = PRODUCER_EPOCH_AT + 2;
const LAST_OFFSET_AT = LAST_SEQUENCE_AT + 4;
const OFFSET_DELTA_AT = LAST_OFFSET_AT + 8;
const TIMESTAMP_AT = OFFSET_DELTA_AT + 4;
const COORDINATOR_EPOCH_AT = TIMESTAMP_AT + 8;
const TXN_FIRST_OFFSET_AT = COORDINATOR_EPOCH_AT + 4;
const ENTRY_BYTES = TXN_FIRST_OFFSET_AT + 8;
assert(ENTRY_BYTES === 46, 'the fields of a producer entry add up');

export function encodeSnapshot(entries: readonly ProducerEntry[]): Buffer {
  const bytes = Buffer.alloc(ENTRIES_AT + entries.length * ENTRY_BYTES);
  bytes.writeInt16BE(VERSION, VERSION_AT);
  bytes.writeInt32BE(entries.length, COUNT_AT);
  let at = ENTRIES_AT;
  for (const entry of entries) {
    writeInt64(bytes, entry.producerId, at + PRODUCER_ID_AT);
    bytes.writeInt16BE(entry.producerEpoch, at + PRODUCER_EPOCH_AT);
    bytes.writeInt32BE(entry.lastSequence, at + LAST_SEQUENCE_AT);
    writeInt64(bytes, entry.lastOffset, at + LAST_OFFSET_AT);
    bytes.writeInt32BE(entry.offsetDelta, at + OFFSET_DELTA_AT);
    writeInt64(bytes, entry.timestampMs, at + TIMESTAMP_AT);
    bytes.writeInt32BE(entry.coordinatorEpoch, at + COORDINATOR_EPOCH_AT);
    writeInt64(bytes, entry.currentTxnFirstOffset, at + TXN_FIRST_OFFSET_AT);
    at += ENTRY_BYTES;
  }
  bytes.writeUInt32BE(crc32c(bytes.subarray(COUNT_AT)), CRC_AT);
  return bytes;
}

/** The entries, or null when the bytes are not a whole and sound snapshot. */
export function decodeSnapshot(bytes: Buffer): ProducerEntry[] | null {
  if (bytes.length < ENTRIES_AT || bytes.readInt16BE(VERSION_AT) !== VERSION) return null;
  const count = bytes.readInt32BE(COUNT_AT);
  if (count < 0 || count > limits.producersPerPartitionMax * snapshotBatches || bytes.length !== ENTRIES_AT + count * ENTRY_BYTES)
    return null;
  if (crc32c(bytes.subarray(COUNT_AT)) !== bytes.readUInt32BE(CRC_AT)) return null;
  const entries: ProducerEntry[] = [];
  for (let at = ENTRIES_AT; at < bytes.length; at += ENTRY_BYTES) {
    entries.push({
      producerId: readInt64(bytes, at + PRODUCER_ID_AT),
      producerEpoch: bytes.readInt16BE(at + PRODUCER_EPOCH_AT),
      lastSequence: bytes.readInt32BE(at + LAST_SEQUENCE_AT),
      lastOffset: readInt64(bytes, at + LAST_OFFSET_AT),
      offsetDelta: bytes.readInt32BE(at + OFFSET_DELTA_AT),
      timestampMs: readInt64(bytes, at + TIMESTAMP_AT),
      coordinatorEpoch: bytes.readInt32BE(at + COORDINATOR_EPOCH_AT),
      currentTxnFirstOffset: readInt64(bytes, at + TXN_FIRST_OFFSET_AT),
    });
  }
  return entries;
}
