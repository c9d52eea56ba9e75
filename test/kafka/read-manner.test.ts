import { describe, expect, test } from 'vitest';
import { HERE_BYTES_MAX, ReadManner } from '../../src/kafka/read-manner.ts';

/** Of so many slices, those that were read at once; each took so long. */
function here(manner: ReadManner, slices: number, ms: number): number {
  let count = 0;
  for (let i = 0; i < slices; i++) {
    if (!manner.isHere(1)) continue;
    count++;
    manner.took(ms);
  }
  return count;
}

describe('a slice', () => {
  test('is read at once while that is quick', () => {
    expect(here(new ReadManner(), 1000, 0.2)).toBe(1000);
  });

  test('is left to the pool after one that was slow, ever longer while the disk stays slow', () => {
    const manner = new ReadManner();
    // 1 + 16, 1 + 32, 1 + 64 …, 1 + 1024, 1 + 1024 …
    expect(here(manner, 17 + 33 + 65, 10)).toBe(3);
    expect(here(manner, 129 + 257 + 513 + 1025 + 1025, 10)).toBe(5);
  });

  test('is read at once again when one that was tried was quick', () => {
    const manner = new ReadManner();
    here(manner, 17 + 33, 10);
    expect(here(manner, 100, 1)).toBe(100);
    // And a slow one counts as the first.
    expect(here(manner, 17, 10)).toBe(1);
    expect(manner.isHere(1)).toBe(true);
  });

  test('is left to the pool when it is large, or when its fetch has read much at once', () => {
    const manner = new ReadManner();
    expect([manner.isHere(HERE_BYTES_MAX), manner.isHere(HERE_BYTES_MAX + 1)]).toEqual([true, false]);
    // What is too large says nothing of the disk.
    expect(manner.isHere(1)).toBe(true);
  });
});
