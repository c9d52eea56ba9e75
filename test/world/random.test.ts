/** The seeded source: the same on every run, different for every seed, and no short cycle. */
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/world/random.ts';

const take = (seed: number, count: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => random.below(2 ** 32));
};

test('the same seed gives the same sequence', () => {
  expect(take(5, 100)).toEqual(take(5, 100));
  expect(take(1, 4)).toEqual([2308299391, 1950625580, 354034397, 661219729]);
});

test('near seeds, also beyond 32 bits, give sequences that share nothing', () => {
  const all = [0, 1, 2, 3, 2 ** 32, 2 ** 32 + 1, -1].flatMap((seed) => take(seed, 1000));
  expect(new Set(all).size).toBeGreaterThan(all.length - 10);
});

test('16 bytes do not come again within 100,000 draws', () => {
  const random = seededRandom(7);
  const ids = new Set(Array.from({ length: 100_000 }, () => Buffer.from(random.bytes(16)).toString('latin1')));
  expect(ids.size).toBe(100_000);
});

test('numbers fill their range evenly', () => {
  const random = seededRandom(3);
  const counts = new Array(10).fill(0);
  for (let i = 0; i < 100_000; i++) counts[random.below(10)]++;
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});
