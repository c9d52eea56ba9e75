/** Records for tests: what goes into a batch and what came out of it, in one shape that can be compared. */
import fc from 'fast-check';
import { RecordCursor, readHeaders } from '../../src/record/batch-read.ts';
import { BatchWriter, type BatchWriterOptions, type Header } from '../../src/record/batch-write.ts';

export interface PlainRecord {
  timestampMs: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: Header[];
}

export interface ReadRecord extends PlainRecord {
  offset: number;
}

const bytesOf = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
const nullable = (arbitrary: fc.Arbitrary<Buffer>) => fc.option(arbitrary, { nil: null, freq: 4 });

/** Small and middling values, long enough for varints of one, two and three bytes. */
const anyValue = fc.oneof(
  { weight: 5, arbitrary: bytesOf(80) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.integer({ min: 60, max: 20_000 }), fc.integer({ min: 0, max: 255 })).map(([n, byte]) => Buffer.alloc(n, byte)),
  },
);

/** Now, around it, and as far from it as a timestamp can be. */
const anyTimestamp = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_010_000 }) },
  { weight: 1, arbitrary: fc.maxSafeInteger() },
);

export const anyRecord: fc.Arbitrary<PlainRecord> = fc.record({
  timestampMs: anyTimestamp,
  key: nullable(bytesOf(20)),
  value: nullable(anyValue),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'binary', maxLength: 8 }), value: nullable(bytesOf(10)) }), { maxLength: 4 }),
});

/** Seals `records` into one batch; all of them fit. */
export function sealed(records: readonly PlainRecord[], options: Partial<BatchWriterOptions> = {}): Buffer {
  const writer = new BatchWriter({ bytesMax: 1 << 24, compression: 0, ...options });
  for (const { timestampMs, key, value, headers } of records) writer.append(timestampMs, key, value, headers);
  return writer.seal({ producerId: -1, producerEpoch: -1, baseSequence: -1 });
}

/** Copies all records of `bytes` at or after `minOffset` out, through the cursor. */
export function readAll(bytes: Buffer, minOffset = 0): ReadRecord[] {
  const cursor = new RecordCursor();
  cursor.open(bytes, 0, bytes.length, minOffset, true);
  const records: ReadRecord[] = [];
  while (cursor.next()) records.push(recordAt(cursor));
  return records;
}

export function recordAt(cursor: RecordCursor): ReadRecord {
  const part = (at: number, length: number) => (length < 0 ? null : Buffer.from(cursor.bytes.subarray(at, at + length)));
  return {
    offset: cursor.offset,
    timestampMs: cursor.timestampMs,
    key: part(cursor.keyAt, cursor.keyLength),
    value: part(cursor.valueAt, cursor.valueLength),
    headers: readHeaders(cursor.bytes, cursor.headersAt, cursor.headerCount, cursor.recordEnd).map(({ key, value }) => ({
      key,
      value: value && Buffer.from(value),
    })),
  };
}
