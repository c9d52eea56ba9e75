/** Zigzag varints against the published examples and against a plain encoder. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readVarint, readVarlong, varintBytes, varintEnd, varlongBytes, writeVarint, writeVarlong } from '../../src/record/varint.ts';
import { slowVarint } from './build.ts';

const written = (write: (bytes: Buffer) => number) => {
  const bytes = Buffer.alloc(12, 0xee);
  return bytes.subarray(0, write(bytes));
};

describe('int32', () => {
  // From org.apache.kafka.common.utils.ByteUtilsTest.
  test.each([
    [0, '00'],
    [-1, '01'],
    [1, '02'],
    [63, '7e'],
    [-64, '7f'],
    [64, '8001'],
    [-65, '8101'],
    [8191, 'fe7f'],
    [-8192, 'ff7f'],
    [8192, '808001'],
    [1048576, '80808001'],
    [134217727, 'feffff7f'],
    [134217728, '8080808001'],
    [2147483647, 'feffffff0f'],
    [-2147483648, 'ffffffff0f'],
  ])('%d is %s', (value, hex) => {
    const bytes = written((target) => writeVarint(target, value, 0));
    expect(bytes.toString('hex')).toBe(hex);
    expect(varintBytes(value)).toBe(bytes.length);
    expect(readVarint(bytes, 0, bytes.length)).toBe(value);
  });

  test('every value comes back, in the bytes of the plain encoder', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        const bytes = written((target) => writeVarint(target, value, 0));
        expect(bytes).toEqual(slowVarint(value));
        expect(varintBytes(value)).toBe(bytes.length);
        expect(varintEnd(bytes, 0, bytes.length, 5)).toBe(bytes.length);
        expect(readVarint(bytes, 0, bytes.length)).toBe(value);
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  test('more than 32 bits are none', () => {
    expect(readVarint(Buffer.from('ffffffff1f', 'hex'), 0, 5)).toBeNaN();
  });
});

describe('int64, as the difference of two numbers', () => {
  test('every difference comes back, in the bytes of the plain encoder', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (value, base) => {
        const bytes = written((target) => writeVarlong(target, value, base, 0));
        expect(bytes).toEqual(slowVarint(BigInt(value) - BigInt(base)));
        expect(varlongBytes(value, base)).toBe(bytes.length);
        expect(readVarlong(bytes, 0, bytes.length, base)).toBe(value);
      }),
      { seed: 2, numRuns: 2000 },
    );
  });

  test.each([2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53 - 1, 1 - 2 ** 53])('the edge %d', (value) => {
    for (const base of [0, 1, -1]) {
      if (!Number.isSafeInteger(value - base)) continue;
      const bytes = written((target) => writeVarlong(target, value, base, 0));
      expect(bytes).toEqual(slowVarint(value - base));
      expect(readVarlong(bytes, 0, bytes.length, base)).toBe(value);
    }
  });

  test('a sum that no number can hold is none', () => {
    const longest = slowVarint(2n ** 63n - 1n);
    expect(readVarlong(longest, 0, longest.length, 0)).toBeNaN();
    expect(readVarlong(slowVarint(2n ** 53n), 0, 8, 0)).toBeNaN();
  });
});

describe('where a varint ends', () => {
  test('at its first byte without the top bit', () => expect(varintEnd(Buffer.from([0x80, 0x80, 0x01, 0x00]), 0, 4, 5)).toBe(3));
  test('nowhere, when the bytes end first', () => expect(varintEnd(Buffer.from([0x80, 0x80, 0x01]), 0, 2, 5)).toBe(-1));
  test('nowhere, when it goes on for too long', () => expect(varintEnd(Buffer.alloc(20, 0x80), 0, 20, 10)).toBe(-1));
  test('nowhere, when it begins beyond the end', () => expect(varintEnd(Buffer.from([1, 1, 1]), 3, 2, 5)).toBe(-1));
});
