/** What the writer encodes is what the reader and a plain encoder say it is; and it fits, grows and refuses as told. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BusError } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { isLogAppendTime, isTransactional, maxTimestampOf } from '../../src/record/batch-layout.ts';
import { validateBatch, validateProduced } from '../../src/record/batch-read.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';
import { compressions } from '../../src/record/compression.ts';
import { buildBatch } from './build.ts';
import { anyRecord, readAll, sealed } from './records.ts';

const nobody = { producerId: -1, producerEpoch: -1, baseSequence: -1 };
const plain = (bytesMax: number) => new BatchWriter({ bytesMax, compression: 0 });

describe('any records', () => {
  const anyRecords = fc.array(anyRecord, { minLength: 1, maxLength: 12 });

  test('come back as they were, through every codec', () => {
    fc.assert(
      fc.property(anyRecords, fc.constantFrom(...Object.values(compressions)), (records, compression) => {
        const batch = sealed(records, { compression });
        expect(validateProduced(batch, 0, batch.length)).toBe(0);
        expect(readAll(batch)).toEqual(records.map((record, offset) => ({ offset, ...record })));
        expect(maxTimestampOf(batch, 0)).toBe(Math.max(...records.map(({ timestampMs }) => timestampMs)));
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  test('are the bytes of the plain encoder', () => {
    fc.assert(
      fc.property(anyRecords, fc.nat(), fc.nat(32_767), fc.nat(), (records, producerId, producerEpoch, baseSequence) => {
        const writer = plain(1 << 24);
        for (const { timestampMs, key, value, headers } of records) writer.append(timestampMs, key, value, headers);
        const base = BigInt(records[0].timestampMs);
        const built = buildBatch({
          baseTimestamp: base,
          maxTimestamp: BigInt(Math.max(...records.map(({ timestampMs }) => timestampMs))),
          producerId: BigInt(producerId),
          producerEpoch,
          baseSequence,
          attributes: 0b1_0000,
          records: records.map(({ timestampMs, key, value, headers }) => ({
            timestampDelta: BigInt(timestampMs) - base,
            key,
            value,
            headers: headers.map((header): [string, Buffer | null] => [header.key, header.value as Buffer | null]),
          })),
        });
        expect(writer.bytes).toBe(built.length);
        expect(writer.seal({ producerId, producerEpoch, baseSequence, isTransactional: true }).equals(built)).toBe(true);
      }),
      { seed: 4, numRuns: 300 },
    );
  });
});

test('lengths and counts around every step of a varint', () => {
  const sizes = [0, 1, 7, 8, 9, 55, 56, 57, 62, 63, 64, 65, 8183, 8190, 8191, 8192, 8193];
  const records = sizes.flatMap((size) => [
    { timestampMs: 0, key: Buffer.alloc(size, 1), value: null, headers: [] },
    { timestampMs: 0, key: null, value: Buffer.alloc(size, 2), headers: [] },
  ]);
  expect(readAll(sealed(records))).toEqual(records.map((record, offset) => ({ offset, ...record })));
});

test('offset deltas around every step of a varint', () => {
  const writer = plain(1 << 24);
  for (let i = 0; i < 8300; i++) expect(writer.append(i, null, null, null)).toBe(i);
  const batch = writer.seal(nobody);
  expect(validateProduced(batch, 0, batch.length)).toBe(0);
  expect(readAll(batch).every(({ offset, timestampMs }, i) => offset === i && timestampMs === i)).toBe(true);
});

test('header keys of any kind, more of them than are remembered', () => {
  const keys = [...Array.from({ length: 1500 }, (_, i) => `key ${i}`), 'x'.repeat(101), '', 'ключ', '\u{1f600}', 'key 0', 'key 1499'];
  const headers = keys.map((key) => ({ key, value: null }));
  for (let round = 0; round < 2; round++) {
    expect(readAll(sealed([{ timestampMs: 0, key: null, value: null, headers }]))[0].headers).toEqual(headers);
  }
});

test('an ordinary Uint8Array will do, and a view into a larger one', () => {
  const whole = Uint8Array.from({ length: 100 }, (_, i) => i);
  const writer = plain(4096);
  writer.append(1, whole.subarray(10, 14), whole.subarray(20, 60), [{ key: 'h', value: whole.subarray(90) }]);
  const [record] = readAll(writer.seal(nobody));
  expect([...(record.key ?? [])]).toEqual([10, 11, 12, 13]);
  expect([...(record.value ?? [])]).toEqual([...whole.subarray(20, 60)]);
  expect([...(record.headers[0].value ?? [])]).toEqual([...whole.subarray(90)]);
});

describe('a batch is full', () => {
  test('when the next record passes bytesMax by one, and not when it reaches it', () => {
    const value = Buffer.alloc(100);
    const recordBytes = 2 + 6 + 1 + 100;
    for (const [room, delta] of [
      [0, 1],
      [-1, -1],
    ]) {
      const writer = plain(61 + 2 * recordBytes + room);
      expect(writer.append(0, null, value, null)).toBe(0);
      expect(writer.append(0, null, value, null)).toBe(delta);
      expect(writer.count).toBe(delta === -1 ? 1 : 2);
      expect(writer.bytes).toBe(61 + writer.count * recordBytes);
      expect(validateProduced(writer.seal(nobody), 0, writer.bytes)).toBe(0);
    }
  });

  test('but a first record always fits, and nothing after it', () => {
    const writer = plain(1024);
    const huge = Buffer.alloc(100_000, 5);
    expect(writer.append(0, null, huge, null)).toBe(0);
    expect(writer.append(0, null, Buffer.alloc(0), null)).toBe(-1);
    expect(readAll(writer.seal(nobody))[0].value?.equals(huge)).toBe(true);
    writer.reset();
    expect(writer.append(0, null, Buffer.alloc(500), null)).toBe(0);
    expect(writer.append(0, null, Buffer.alloc(500), null)).toBe(-1);
  });

  test('at the bound of records', () => {
    const writer = plain(1 << 24);
    for (let i = 0; i < limits.batchRecordsMax; i++) writer.append(0, null, null, null);
    expect(writer.count).toBe(limits.batchRecordsMax);
    expect(writer.append(0, null, null, null)).toBe(-1);
  });
});

describe('is refused', () => {
  const thrown = (call: () => unknown) => {
    try {
      call();
    } catch (error) {
      return error instanceof BusError ? error.code : (error as Error).name;
    }
    return 'nothing';
  };
  const headers = (count: number) => Array.from({ length: count }, () => ({ key: '', value: null }));

  test('a record beyond the bound of bytes', () => {
    const writer = plain(1024);
    const value = new Uint8Array(limits.recordBytesMax + 1);
    const otherBytes = 10;
    expect(thrown(() => writer.append(0, null, value.subarray(otherBytes), null))).toBe('MESSAGE_TOO_LARGE');
    expect(writer.append(0, null, value.subarray(otherBytes + 1), null)).toBe(0);
  });

  test('one header beyond the bound, not one at it', () => {
    expect(plain(1024).append(0, null, null, headers(limits.recordHeadersMax))).toBe(0);
    expect(thrown(() => plain(1024).append(0, null, null, headers(limits.recordHeadersMax + 1)))).toBe('LIMIT_REACHED');
  });

  test('a timestamp that is no safe integer, first or later, changing nothing', () => {
    const writer = plain(1024);
    for (const timestampMs of [Number.NaN, 0.5, 2 ** 53, Number.POSITIVE_INFINITY]) {
      expect(thrown(() => writer.append(timestampMs, null, null, null))).toBe('AssertionFailure');
    }
    writer.append(10, null, null, null);
    for (const timestampMs of [Number.NaN, 10.5, 2 ** 53]) {
      expect(thrown(() => writer.append(timestampMs, null, null, null))).toBe('AssertionFailure');
    }
    expect(writer.count).toBe(1);
  });

  test('an empty batch', () => expect(thrown(() => plain(1024).seal(nobody))).toBe('AssertionFailure'));
});

test('a writer is used again after reset', () => {
  for (const compression of Object.values(compressions)) {
    const writer = new BatchWriter({ bytesMax: 10_000, compression });
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i <= round * 10; i++) writer.append(round, Buffer.from(`${round}`), Buffer.alloc(50, i), null);
      const batch = writer.seal(nobody);
      expect(readAll(batch).map(({ timestampMs, key }) => [timestampMs, key?.toString()])).toEqual(
        Array.from({ length: round * 10 + 1 }, () => [round, `${round}`]),
      );
      writer.reset();
      expect([writer.count, writer.bytes]).toEqual([0, 61]);
    }
  }
});

test('a batch can be sealed again, for another producer', () => {
  const writer = plain(1024);
  writer.append(1, null, Buffer.from('a'), null);
  writer.seal({ producerId: 1, producerEpoch: 0, baseSequence: 0 });
  const batch = writer.seal({ producerId: 2, producerEpoch: 1, baseSequence: 5, isTransactional: true });
  expect(batch).toEqual(
    buildBatch({
      baseTimestamp: 1n,
      producerId: 2n,
      producerEpoch: 1,
      baseSequence: 5,
      attributes: 0b1_0000,
      records: [{ value: Buffer.from('a') }],
    }),
  );
  expect(isTransactional(batch, 0)).toBe(true);
});

test('with log-append time every record has the time of the batch', () => {
  const batch = sealed(
    [5, 9, 7].map((timestampMs) => ({ timestampMs, key: null, value: null, headers: [] })),
    { logAppendTime: true },
  );
  expect(isLogAppendTime(batch, 0)).toBe(true);
  expect(validateBatch(batch, 0, batch.length, true)).toBe(0);
  expect(readAll(batch).map(({ timestampMs }) => timestampMs)).toEqual([9, 9, 9]);
});
