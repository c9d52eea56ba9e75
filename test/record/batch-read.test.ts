/** What is no sound batch is refused with a typed error, and what is one is walked as it should be. */
import { describe, expect, test } from 'vitest';
import { BusError, errors } from '../../src/base/errors.ts';
import { batchEnd, RecordCursor, readHeaders, readRecords, validateBatch, validateProduced } from '../../src/record/batch-read.ts';
import { compress } from '../../src/record/compression.ts';
import { type BuiltBatch, type BuiltRecord, buildBatch, buildRecord } from './build.ts';
import { readAll, sealed } from './records.ts';

const { CORRUPT_MESSAGE, INVALID_RECORD, UNSUPPORTED_FOR_MESSAGE_FORMAT, UNSUPPORTED_COMPRESSION_TYPE } = errors;
const value = (text: string) => ({ value: Buffer.from(text) });
const three = [value('a'), value('b'), value('c')];

/** The code that reading these bytes to their end stops with, 'none' when it does not. */
function readCode(bytes: Buffer): string {
  try {
    readAll(bytes);
    return 'none';
  } catch (error) {
    return error instanceof BusError ? error.code : String(error);
  }
}

describe('a header that lies', () => {
  const lies: [string, BuiltBatch, number][] = [
    ['nothing', {}, 0],
    ['a length below that of a header', { length: 48 }, CORRUPT_MESSAGE.code],
    ['a length beyond the end', { length: 1000 }, CORRUPT_MESSAGE.code],
    ['a negative length', { length: -1 }, CORRUPT_MESSAGE.code],
    ['the largest length', { length: 2 ** 31 - 1 }, CORRUPT_MESSAGE.code],
    ['magic 0', { magic: 0 }, UNSUPPORTED_FOR_MESSAGE_FORMAT.code],
    ['magic 1', { magic: 1 }, UNSUPPORTED_FOR_MESSAGE_FORMAT.code],
    ['magic 3', { magic: 3 }, CORRUPT_MESSAGE.code],
    ['magic −1', { magic: -1 }, CORRUPT_MESSAGE.code],
    ['a wrong CRC', { crc: 1 }, CORRUPT_MESSAGE.code],
    ['a negative count', { count: -1, lastOffsetDelta: 2 }, CORRUPT_MESSAGE.code],
    ['a count beyond its offsets', { count: 4, lastOffsetDelta: 2 }, CORRUPT_MESSAGE.code],
    ['a count that its bytes cannot hold', { count: 1_000_000 }, CORRUPT_MESSAGE.code],
    ['the largest count', { count: 2 ** 31 - 1 }, CORRUPT_MESSAGE.code],
    ['a negative last offset', { lastOffsetDelta: -1 }, CORRUPT_MESSAGE.code],
  ];
  test.each(lies)('%s', (_, batch, code) => {
    const bytes = buildBatch({ records: three, ...batch });
    expect(validateBatch(bytes, 0, bytes.length)).toBe(code);
  });
});

describe('records that lie, under a CRC that fits', () => {
  const one = (record: BuiltRecord, more: Partial<BuiltBatch> = {}): BuiltBatch => ({
    records: [{ ...value('value'), ...record }],
    ...more,
  });
  const lies: [string, BuiltBatch][] = [
    ['a length beyond the batch', one({ length: 500 })],
    ['a length of the next batch too', one({ length: 30 })],
    ['a length that is too short', one({ length: 8 })],
    ['a length that is too long', one({ length: 12 })],
    ['a length of 0', one({ length: 0 })],
    ['a negative length', one({ length: -5 })],
    ['the largest length', one({ length: 2 ** 31 - 1 })],
    ['a key beyond the record', one({ keyLength: 500 })],
    ['a key of −2 bytes', one({ keyLength: -2 })],
    ['a key of the largest length', one({ keyLength: 2 ** 31 - 1 })],
    ['a value beyond the record', one({ valueLength: 6 })],
    ['a value that ends early', one({ valueLength: 4 })],
    ['a value of −2 bytes', one({ valueLength: -2 })],
    ['headers that are not there', one({ headerCount: 1 })],
    ['a negative count of headers', one({ headerCount: -1 })],
    ['more headers than there are bytes', one({ headerCount: 2 ** 31 - 1 })],
    ['fewer headers than there are', one({ headers: [['a', null]], headerCount: 0 })],
    ['an offset beyond the last', one({ offsetDelta: 1 })],
    ['a negative offset', one({ offsetDelta: -1 })],
    ['an offset twice', { records: [{ offsetDelta: 0 }, { offsetDelta: 0 }] }],
    ['offsets that fall', { records: [{ offsetDelta: 1 }, { offsetDelta: 0 }] }],
    ['a timestamp beyond all numbers', one({ timestampDelta: 2n ** 62n })],
    ['a base timestamp beyond all numbers', one({}, { baseTimestamp: 2n ** 60n })],
    ['a varint that does not end', { payload: Buffer.alloc(20, 0x80), count: 1 }],
    ['no records, but bytes', { payload: Buffer.alloc(20), count: 0, lastOffsetDelta: 0 }],
    ['bytes after its last record', { payload: Buffer.concat([buildRecord(value('a'), 0), Buffer.alloc(1)]), count: 1 }],
    ['one record fewer than it counts', { records: [value('long enough for two'), value('')], count: 3 }],
  ];
  test.each(lies)('%s', (_, batch) => {
    const bytes = buildBatch(batch);
    expect(validateBatch(bytes, 0, bytes.length, true)).toBe(CORRUPT_MESSAGE.code);
    expect(validateProduced(bytes, 0, bytes.length)).not.toBe(0);
    // With a sound batch behind it, where an unbounded read would find plausible bytes.
    expect(readCode(Buffer.concat([bytes, sealed([{ timestampMs: 0, key: null, value: Buffer.alloc(900), headers: [] }])]))).toBe(
      'CORRUPT_MESSAGE',
    );
  });

  test('headers, when they are asked for', () => {
    const lying: BuiltRecord[] = [
      { headers: [['key', Buffer.from('value')]], headerCount: 2 },
      {
        headers: [
          ['key', Buffer.from('value')],
          ['another', null],
        ],
        headerCount: 1,
      },
    ];
    for (const record of lying) {
      const bytes = buildBatch({ records: [record] });
      expect(validateBatch(bytes, 0, bytes.length)).toBe(0);
      expect(validateBatch(bytes, 0, bytes.length, true)).toBe(CORRUPT_MESSAGE.code);
      const [view] = readRecords(bytes, 0, bytes.length);
      expect(() => view.headers).toThrow(BusError);
    }
  });

  test.each([
    ['a key beyond the end', '0a6100'],
    ['a negative key', '0100'],
    ['a value beyond the end', '02610a62'],
    ['a value of −2', '026103'],
    ['a varint that does not end', '808080'],
    ['nothing', ''],
  ])('a header with %s', (_, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(() => readHeaders(bytes, 0, 1, bytes.length)).toThrow(BusError);
  });
});

describe('a leader refuses from a producer', () => {
  const control = { attributes: 0b10_0000 };
  test.each<[string, BuiltBatch]>([
    ['an empty batch', { lastOffsetDelta: 0 }],
    ['gaps in the offsets', { records: [{ offsetDelta: 0 }, { offsetDelta: 2 }], lastOffsetDelta: 2 }],
    ['a last offset beyond its records', { records: three, lastOffsetDelta: 3 }],
    ['control records', { records: three, ...control }],
    ['a base offset', { records: three, baseOffset: 1n }],
  ])('%s', (_, batch) => {
    const bytes = buildBatch(batch);
    expect(validateBatch(bytes, 0, bytes.length, true)).toBe(0);
    expect(validateProduced(bytes, 0, bytes.length)).toBe(INVALID_RECORD.code);
  });

  test('nothing of a sound batch', () => {
    const bytes = buildBatch({ records: three });
    expect(validateProduced(bytes, 0, bytes.length)).toBe(0);
  });

  test('a codec that Kafka does not have', () => {
    const bytes = buildBatch({ records: three, attributes: 5 });
    expect(validateProduced(bytes, 0, bytes.length)).toBe(UNSUPPORTED_COMPRESSION_TYPE.code);
    expect(readCode(bytes)).toBe('UNSUPPORTED_COMPRESSION_TYPE');
  });
});

describe('compressed records', () => {
  const payload = Buffer.concat(three.map(buildRecord));

  test('are counted after they were decompressed', () => {
    const sound = buildBatch({ payload: compress(4, payload), attributes: 4, count: 3 });
    expect(readAll(sound).map(({ value }) => value?.toString())).toEqual(['a', 'b', 'c']);
    const lying = buildBatch({ payload: compress(4, payload), attributes: 4, count: 1_000_000 });
    expect(validateBatch(lying, 0, lying.length)).toBe(0);
    expect(validateBatch(lying, 0, lying.length, true)).toBe(CORRUPT_MESSAGE.code);
  });

  test('that cannot be decompressed', () => {
    for (const attributes of [1, 2, 3, 4]) {
      const bytes = buildBatch({ payload, attributes, count: 3 });
      expect(validateBatch(bytes, 0, bytes.length, true)).toBe(CORRUPT_MESSAGE.code);
      expect(readCode(bytes)).toBe('CORRUPT_MESSAGE');
    }
  });
});

describe('the walk over batches', () => {
  const batchAt = (baseOffset: number, texts: string[], more: BuiltBatch = {}) =>
    buildBatch({ baseOffset: BigInt(baseOffset), records: texts.map(value), ...more });
  const texts = (bytes: Buffer, minOffset = 0) => readAll(bytes, minOffset).map(({ offset, value }) => `${offset}${value}`);

  test('goes through all of them', () => {
    const bytes = Buffer.concat([batchAt(0, ['a', 'b']), batchAt(2, ['c']), batchAt(7, ['d', 'e'])]);
    expect(texts(bytes)).toEqual(['0a', '1b', '2c', '7d', '8e']);
    expect(texts(bytes, 1)).toEqual(['1b', '2c', '7d', '8e']);
    expect(texts(bytes, 5)).toEqual(['7d', '8e']);
    expect(texts(bytes, 9)).toEqual([]);
    expect(readRecords(bytes, 0, bytes.length, 8).map(({ value }) => value?.toString())).toEqual(['e']);
  });

  test('ends where the last batch is cut', () => {
    const whole = batchAt(0, ['a', 'b']);
    const next = batchAt(2, ['c']);
    for (let length = 0; length < next.length; length++) {
      const bytes = Buffer.concat([whole, next.subarray(0, length)]);
      expect(texts(bytes)).toEqual(['0a', '1b']);
      expect(batchEnd(bytes, 0, bytes.length)).toBe(whole.length);
      expect(batchEnd(bytes, whole.length, bytes.length)).toBe(-1);
    }
  });

  test('keeps within its range', () => {
    const [first, second] = [batchAt(0, ['a']), batchAt(1, ['b'])];
    const bytes = Buffer.concat([first, second, batchAt(2, ['c'])]);
    const cursor = new RecordCursor();
    cursor.open(bytes, first.length, first.length + second.length, 0);
    expect([cursor.next(), cursor.offset, cursor.batchAt, cursor.batchEndAt]).toEqual([
      true,
      1,
      first.length,
      first.length + second.length,
    ]);
    expect([cursor.next(), cursor.next()]).toEqual([false, false]);
  });

  test('passes control batches over unless they are asked for', () => {
    const bytes = Buffer.concat([batchAt(0, ['a']), batchAt(1, ['abort'], { attributes: 0b11_0000 }), batchAt(2, ['b'])]);
    expect(texts(bytes)).toEqual(['0a', '2b']);
    const cursor = new RecordCursor();
    cursor.includeControl = true;
    cursor.open(bytes, 0, bytes.length, 0);
    const offsets: number[] = [];
    while (cursor.next()) offsets.push(cursor.offset);
    expect(offsets).toEqual([0, 1, 2]);
  });

  test('meets batches that compaction thinned out or emptied', () => {
    const thin = buildBatch({
      records: [
        { ...value('b'), offsetDelta: 1 },
        { ...value('d'), offsetDelta: 3 },
      ],
      lastOffsetDelta: 9,
    });
    const bytes = Buffer.concat([thin, batchAt(10, [], { lastOffsetDelta: 4 }), batchAt(15, ['e'])]);
    expect(validateBatch(bytes, 0, bytes.length, true)).toBe(0);
    expect(validateBatch(bytes, thin.length, bytes.length, true)).toBe(0);
    expect(texts(bytes)).toEqual(['1b', '3d', '15e']);
  });

  test('does not decompress what lies before the first offset', () => {
    const broken = batchAt(0, [], { payload: Buffer.from('not gzip'), attributes: 1, count: 3 });
    expect(texts(Buffer.concat([broken, batchAt(3, ['d'])]), 3)).toEqual(['3d']);
  });

  test('tells offsets and times beyond 2^32', () => {
    const bytes = buildBatch({
      baseOffset: 9_007_199_254_740_980n,
      baseTimestamp: 9_007_199_254_740_000n,
      records: [{ timestampDelta: 991 }, { timestampDelta: -9_007_199_254_740_001n }],
    });
    expect(readAll(bytes).map(({ offset, timestampMs }) => [offset, timestampMs])).toEqual([
      [9_007_199_254_740_980, 9_007_199_254_740_991],
      [9_007_199_254_740_981, -1],
    ]);
  });

  test('refuses offsets that no number can hold', () => {
    expect(readCode(buildBatch({ baseOffset: 2n ** 53n, records: three }))).toBe('CORRUPT_MESSAGE');
    expect(readCode(buildBatch({ baseOffset: -1n, records: three }))).toBe('CORRUPT_MESSAGE');
  });

  test('goes on behind a bad batch, and says where it lay', () => {
    const [good, bad, next] = [batchAt(0, ['a']), batchAt(1, ['b'], { crc: 5 }), batchAt(2, ['c'])];
    const bytes = Buffer.concat([good, bad, next]);
    const cursor = new RecordCursor();
    cursor.open(bytes, 0, bytes.length, 0, true);
    expect(cursor.next()).toBe(true);
    expect(() => cursor.next()).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE', details: { position: good.length } }));
    expect(cursor.next()).toBe(false);
    cursor.open(bytes, cursor.batchEndAt, bytes.length, 0, true);
    expect([cursor.next(), cursor.offset, cursor.next()]).toEqual([true, 2, false]);
  });

  test('refuses the old formats by name', () => {
    expect(readCode(buildBatch({ magic: 1, records: three }))).toBe('UNSUPPORTED_FOR_MESSAGE_FORMAT');
    expect(() => batchEnd(buildBatch({ magic: 0 }), 0, 61)).toThrow(/before Kafka 0\.11/);
  });
});

describe('a view', () => {
  const bytes = buildBatch({
    baseOffset: 40n,
    baseTimestamp: 1000n,
    records: [
      {
        key: Buffer.from('k'),
        value: Buffer.from('v'),
        timestampDelta: 5,
        headers: [
          ['h', Buffer.from('1')],
          ['h', null],
        ],
      },
      { key: null, value: null },
      { key: Buffer.alloc(0), value: Buffer.alloc(0) },
    ],
  });
  const views = readRecords(bytes, 0, bytes.length);

  test('tells its parts', () => {
    const [first] = views;
    expect([first.offset, first.timestampMs, first.keyBytes, first.valueBytes, first.headerCount]).toEqual([40, 1005, 1, 1, 2]);
    expect([first.key, first.value]).toEqual([Buffer.from('k'), Buffer.from('v')]);
    expect(first.headers).toEqual([
      { key: 'h', value: Buffer.from('1') },
      { key: 'h', value: null },
    ]);
  });

  test('keeps null and empty apart', () => {
    expect(views.slice(1).map(({ key, value, keyBytes, valueBytes }) => [key, value, keyBytes, valueBytes])).toEqual([
      [null, null, -1, -1],
      [Buffer.alloc(0), Buffer.alloc(0), 0, 0],
    ]);
  });

  test('is a view, not a copy', () => expect(views[0].value?.buffer).toBe(bytes.buffer));
});
