/** murmur2 against the values that Apache Kafka's own UtilsTest publishes; test/interop compares it with the Java code itself. */
import { describe, expect, test } from 'vitest';
import { murmur2, partitionOfKey } from '../../src/base/murmur2.ts';

test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('of %s', (key, hash) => expect(murmur2(Buffer.from(key))).toBe(hash));

describe('the partition of a key', () => {
  test('takes the hash without its sign', () => {
    expect(partitionOfKey(Buffer.from('foobar'), 10)).toBe((-790332482 & 0x7fffffff) % 10);
    expect(partitionOfKey(Buffer.from('abc'), 7)).toBe(479470107 % 7);
  });

  test('is 0 when there is one', () => expect(partitionOfKey(Buffer.from('any'), 1)).toBe(0));

  test('is spread over all', () => {
    const counts = new Array<number>(16).fill(0);
    for (let i = 0; i < 16_000; i++) counts[partitionOfKey(Buffer.from(`key-${i}`), 16)]++;
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1200);
  });
});
