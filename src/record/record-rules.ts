/**
 * What a topic asks of each record, and which records of a batch do not keep to it: a producer that is told can leave out just those
 * (KIP-467). It looks at batches that are sound; those that are not are refused whole (batch-read.ts).
 */
import { limits } from '../base/limits.ts';
import { RecordCursor } from './record-cursor.ts';

export interface RecordRules {
  /** Every record has a key. */
  keyed: boolean;
  /** Every record's timestamp lies in here, unless it has none (−1). */
  timestampMsMin: number;
  timestampMsMax: number;
  /** What the batch may grow to. */
  decompressedBytesMax: number;
}

export interface RefusedRecord {
  /** Its place in the batch, from 0. */
  batchIndex: number;
  message: string;
}

/** In order, the first `limits.refusedRecordsMax` of them. Throws as RecordCursor does. */
export function refusedRecords(batch: Buffer, rules: RecordRules): RefusedRecord[] {
  const cursor = new RecordCursor();
  cursor.decompressedBytesMax = rules.decompressedBytesMax;
  cursor.open(batch, 0, batch.length, 0);
  const refused: RefusedRecord[] = [];
  for (let batchIndex = 0; refused.length < limits.refusedRecordsMax && cursor.next(); batchIndex++) {
    const message = reasonOf(cursor, batchIndex, rules);
    if (message !== '') refused.push({ batchIndex, message });
  }
  return refused;
}

function reasonOf(cursor: RecordCursor, index: number, { keyed, timestampMsMin, timestampMsMax }: RecordRules): string {
  if (keyed && cursor.keyLength < 0) return `record ${index} of the batch has no key`;
  const { timestampMs } = cursor;
  if (timestampMs === NO_TIMESTAMP || (timestampMs >= timestampMsMin && timestampMs <= timestampMsMax)) return '';
  return `the timestamp ${timestampMs} of record ${index} of the batch is not within ${timestampMsMin} to ${timestampMsMax}`;
}

const NO_TIMESTAMP = -1;
