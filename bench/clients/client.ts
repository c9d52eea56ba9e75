/** Clients of a Kafka broker, side by side: each produces and reads the same records, with the settings that suit it best. */
import { KEY_BYTES, keyOf, makeValue, writeNumber } from '../records.ts';

export const PARTITIONS = 4;
export const VALUE_BYTES = 100;
/** Bytes of one partition's batch. */
export const BATCH_BYTES = 128 * 1024;
/** About as many records: lengths, deltas and the like take some 8 bytes each. */
export const BATCH_RECORDS = Math.floor(BATCH_BYTES / (VALUE_BYTES + KEY_BYTES + 8));

export interface WireRecord {
  key: Buffer;
  value: Buffer;
}

export interface WireClient {
  /** Makes the topic (ours), or learns of it, so that a round measures records alone. */
  open(topic: string): Promise<void>;
  /** Resolves when all are acknowledged, by all replicas, in order and once. */
  produce(topic: string, records: readonly WireRecord[]): Promise<void>;
  /** Reads `count` records from the beginning; seconds from the first batch to the last record. */
  consume(topic: string, count: number): Promise<{ check: string; seconds: number; records: number }>;
  close(): Promise<void>;
}

/** Record i of every bench, made before anything is measured, in one piece of memory. */
export function makeRecords(count: number): WireRecord[] {
  const all = makeValue(VALUE_BYTES * count);
  return Array.from({ length: count }, (_, i) => {
    const value = all.subarray(i * VALUE_BYTES, (i + 1) * VALUE_BYTES);
    writeNumber(value, i);
    return { key: keyOf(i), value };
  });
}

/** Record i goes to partition i mod PARTITIONS: batches of each partition in one request, `inFlight` requests at once. */
export async function inRequests(count: number, inFlight: number, send: (from: number, to: number) => Promise<unknown>): Promise<void> {
  const step = BATCH_RECORDS * PARTITIONS;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const from = next;
      next = Math.min(count, from + step);
      await send(from, next);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}
