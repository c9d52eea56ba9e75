/** Segments that Apache Kafka wrote for real clients are read here, record for record; and ours are the Java client's, byte for byte. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  baseSequenceOf,
  batchBytes,
  compressionOf,
  countOf,
  isControl,
  isLogAppendTime,
  isTransactional,
  leaderEpochOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
  stampBatch,
} from '../../src/record/batch-layout.ts';
import { batchEnd, readRecords, validateBatch, validateProduced } from '../../src/record/batch-read.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';
import { compressions } from '../../src/record/compression.ts';
import { type GoldenFile, type GoldenRecord, goldenFiles, goldenRecords } from '../golden/record/cases.ts';
import { readAll } from './records.ts';

const read = (name: string) => readFileSync(join(import.meta.dirname, '..', 'golden', 'record', `${name}.log`));

const expected = ({ records, logAppendTime }: GoldenFile, bytes: Buffer) =>
  records.map(({ timestampMs, key, value, headers }: GoldenRecord, offset) => ({
    offset,
    timestampMs: logAppendTime ? maxTimestampOf(bytes, 0) : timestampMs,
    key,
    value,
    headers: headers.map(([name, value]) => ({ key: name, value })),
  }));

describe.each(goldenFiles)('$name', (file) => {
  const bytes = read(file.name);

  test('is read record for record', () => {
    expect(readAll(bytes)).toEqual(expected(file, bytes));
    expect(
      readRecords(bytes, 0, bytes.length).map(({ offset, timestampMs, key, value, headers }) => ({
        offset,
        timestampMs,
        key,
        value,
        headers,
      })),
    ).toEqual(expected(file, bytes));
  });

  test('has sound batches with the attributes that were asked for', () => {
    let batches = 0;
    for (let at = 0; at < bytes.length; batches++) {
      expect(validateBatch(bytes, at, bytes.length, true)).toBe(0);
      expect(isTransactional(bytes, at)).toBe(file.transactional);
      if (!isControl(bytes, at)) {
        expect(compressionOf(bytes, at)).toBe(compressions[file.codec]);
        expect(isLogAppendTime(bytes, at)).toBe(file.logAppendTime);
        expect(producerIdOf(bytes, at)).toBeGreaterThanOrEqual(0);
      }
      at = batchEnd(bytes, at, bytes.length);
    }
    expect(batches).toBeGreaterThanOrEqual(file.transactional ? 2 : 1);
  });

  test('was acceptable when it was produced', () => {
    const batch = Buffer.from(bytes.subarray(0, batchBytes(bytes, 0)));
    expect(validateProduced(batch, 0, batch.length)).toBe(0);
  });
});

test('records from the middle of a batch on', () => {
  const bytes = read('librdkafka-zstd');
  expect(readAll(bytes, 40).map(({ offset }) => offset)).toEqual(goldenRecords.map((_, offset) => offset).slice(40));
});

test('the same records are encoded to the very bytes of the Java client', () => {
  const golden = read('java-none');
  expect(countOf(golden, 0)).toBe(goldenRecords.length);
  const writer = new BatchWriter({ bytesMax: 1 << 20, compression: 0 });
  for (const { timestampMs, key, value, headers } of goldenRecords) {
    const list = headers.map(([name, bytes]) => ({ key: name, value: bytes }));
    writer.append(timestampMs, key, value, list);
  }
  const batch = writer.seal({
    producerId: producerIdOf(golden, 0),
    producerEpoch: producerEpochOf(golden, 0),
    baseSequence: baseSequenceOf(golden, 0),
  });
  stampBatch(batch, 0, 0, leaderEpochOf(golden, 0));
  expect(batch.equals(golden)).toBe(true);
});
