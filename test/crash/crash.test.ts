import { expect, test } from 'vitest';
import { crashEverywhere, failEverywhere } from './campaign.ts';

test('a crash at any storage call: what was acknowledged is there, in order, once; no start is refused', () => {
  const counts = crashEverywhere({ seed: 1, variants: 1, every: 7, twiceEvery: 20 }, new Set());
  expect(counts.failures).toEqual([]);
  expect(counts.distinct).toBeGreaterThan(100);
  expect(counts.crashedTwice).toBeGreaterThan(5);
}, 60_000);

test.each(['EIO', 'ENOSPC', 'short'] as const)(
  '%s at any storage call: the log goes on and keeps its promises',
  (fault) => {
    const counts = failEverywhere(2, 23, [fault], 1);
    expect(counts.failures).toEqual([]);
    expect(counts.runs).toBeGreaterThan(30);
  },
  60_000,
);

test('a disk that stays full or broken for a while is survived', () => {
  expect(failEverywhere(3, 61, ['ENOSPC', 'EIO'], 40).failures).toEqual([]);
}, 60_000);
