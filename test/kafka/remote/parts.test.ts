/** Records of a broker as parts for a reader: whole batches behind an offset, damage told, aborted transactions left out. */
import { describe, expect, test } from 'vitest';
import { errors } from '../../../src/base/errors.ts';
import { partsOf } from '../../../src/kafka/remote/parts.ts';
import { ATTRIBUTES_AT, CONTROL_BIT, stampBatch, stampProducer, TRANSACTIONAL_BIT } from '../../../src/record/batch-layout.ts';
import { readRecords } from '../../../src/record/batch-read.ts';
import { BatchWriter } from '../../../src/record/batch-write.ts';

interface Options {
  producerId?: number;
  control?: 'abort' | 'commit';
}

/** A stored batch of `values` from `offset` on; of a producer's transaction when it has one. */
function batch(offset: number, values: readonly string[], { producerId = -1, control }: Options = {}): Buffer {
  const writer = new BatchWriter({ bytesMax: 1 << 16, compression: 0 });
  // A marker's key is its version and its type: 0 aborts, 1 commits.
  const key = control === undefined ? null : Buffer.from([0, 0, 0, control === 'abort' ? 0 : 1]);
  for (const value of values) writer.append(1, key, Buffer.from(value), null);
  const stamp = { producerId, producerEpoch: 0, baseSequence: producerId < 0 ? -1 : 0 };
  const bytes = Buffer.from(writer.seal(stamp));
  if (producerId >= 0) bytes.writeInt16BE(TRANSACTIONAL_BIT | (control === undefined ? 0 : CONTROL_BIT), ATTRIBUTES_AT);
  stampProducer(bytes, 0, stamp);
  stampBatch(bytes, 0, offset, 0);
  return bytes;
}

const marker = (offset: number, producerId: number, control: 'abort' | 'commit'): Buffer => batch(offset, [''], { producerId, control });

/** The parts, with the values that a reader finds in each. */
function read(bytes: Buffer, offset: number, aborted: { producerId: number; firstOffset: number }[] | null = null): unknown[] {
  return partsOf(bytes, offset, aborted).map((part) => {
    const records = part.error === 0 ? readRecords(bytes, part.position, part.position + part.length, part.offset) : [];
    return [part.offset, part.nextOffset, part.error, records.map(({ value }) => String(value)).join('')];
  });
}

describe('whole batches', () => {
  const bytes = Buffer.concat([batch(10, ['a', 'b']), batch(12, ['c']), batch(20, ['d', 'e'])]);

  test('one part holds them all, gaps among them', () => {
    expect(read(bytes, 10)).toEqual([[10, 22, 0, 'abcde']]);
  });

  test('the first may begin before the offset; those that lie before it are left out', () => {
    expect(read(bytes, 11)).toEqual([[11, 22, 0, 'bcde']]);
    expect(read(bytes, 12)).toEqual([[12, 22, 0, 'cde']]);
    expect(read(bytes, 15)).toEqual([[15, 22, 0, 'de']]);
  });

  test.each([1, 11, 12, 30, 60, 61, 70])('one that is cut, %i bytes before its end, comes with the next answer', (cut) => {
    expect(read(bytes.subarray(0, bytes.length - cut), 10)).toEqual([[10, 13, 0, 'abc']]);
  });

  test('nothing is no part', () => {
    expect(read(Buffer.alloc(0), 5)).toEqual([]);
    expect(read(batch(10, ['a']).subarray(0, 40), 10)).toEqual([]);
  });
});

describe('damage', () => {
  test('what is before it is given, then its range', () => {
    const bytes = Buffer.concat([batch(10, ['a']), batch(11, ['b', 'c']), batch(13, ['d'])]);
    bytes[batch(10, ['a']).length + 65] ^= 1;
    expect(read(bytes, 10)).toEqual([
      [10, 11, 0, 'a'],
      [11, 13, errors.CORRUPT_MESSAGE.code, ''],
    ]);
  });

  test('sizes and deltas that cannot be are one offset', () => {
    const bytes = batch(10, ['a']);
    bytes.writeInt32BE(-5, 8);
    expect(read(bytes, 10)).toEqual([[10, 11, errors.CORRUPT_MESSAGE.code, '']]);
  });

  test('formats from before Kafka 0.11 are told as such', () => {
    const bytes = batch(10, ['a']);
    bytes[16] = 1;
    expect(read(bytes, 10)).toEqual([[10, 11, errors.UNSUPPORTED_FOR_MESSAGE_FORMAT.code, '']]);
  });
});

describe('transactions', () => {
  const bytes = Buffer.concat([
    batch(0, ['a'], { producerId: 7 }),
    batch(1, ['b']),
    batch(2, ['c'], { producerId: 8 }),
    marker(3, 7, 'abort'),
    batch(4, ['d'], { producerId: 7 }),
    marker(5, 8, 'commit'),
    marker(6, 7, 'commit'),
  ]);

  test('uncommitted, all are shown but the markers', () => {
    expect(read(bytes, 0)).toEqual([[0, 7, 0, 'abcd']]);
  });

  test('an aborted one is left out up to its marker; what its producer does afterwards is shown', () => {
    expect(read(bytes, 0, [{ producerId: 7, firstOffset: 0 }])).toEqual([[0, 7, 0, 'bcd']]);
    expect(read(bytes, 0, [{ producerId: 8, firstOffset: 2 }])).toEqual([
      [0, 3, 0, 'ab'],
      [3, 7, 0, 'd'],
    ]);
  });

  test('nothing but aborted ones moves the reader on', () => {
    const only = Buffer.concat([batch(0, ['a'], { producerId: 7 }), batch(1, ['b'], { producerId: 7 })]);
    expect(read(only, 0, [{ producerId: 7, firstOffset: 0 }])).toEqual([[0, 2, 0, '']]);
  });
});
