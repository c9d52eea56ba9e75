import { expect, test } from 'vitest';
import { SyncManner } from '../../src/partition/sync-manner.ts';

const SMALL = 16 * 1024;

/** A manner whose syncs take as long as they are told to. */
function manner(): { manner: SyncManner; sync(partition: object, options?: { bytes?: number; isAlone?: boolean; ms?: number }): boolean } {
  let nowMs = 0;
  const made = new SyncManner(() => nowMs);
  return {
    manner: made,
    sync(partition, { bytes = 100, isAlone = true, ms = 0.1 } = {}) {
      const here = made.isHere(partition, bytes, isAlone);
      const began = made.begin();
      nowMs += ms;
      made.end(began);
      return here;
    },
  };
}

const a = { name: 'a' };
const b = { name: 'b' };

test('a partition that has been alone for a while is synced within the turn', () => {
  const { sync } = manner();
  expect(Array.from({ length: 7 }, () => sync(a))).toEqual([false, false, false, false, true, true, true]);
});

test('not when another has something to sync, or somebody else waits, or much is to be synced', () => {
  for (const sharing of [{ isAlone: false }, { bytes: SMALL + 1 }]) {
    const { sync } = manner();
    for (let i = 0; i < 5; i++) sync(a, { bytes: SMALL });
    expect(sync(a, { bytes: SMALL })).toBe(true);
    expect(sync(a, sharing)).toBe(false);
    expect(sync(a)).toBe(false);
  }
  const { sync } = manner();
  for (let i = 0; i < 20; i++) expect(sync(i % 2 === 0 ? a : b)).toBe(false);
});

test('a sync that took long keeps the next ones off the turn until one was quick', () => {
  const { sync } = manner();
  for (let i = 0; i < 5; i++) sync(a);
  expect(sync(a, { ms: 20 })).toBe(true);
  expect(sync(a, { ms: 20 })).toBe(false);
  expect(sync(a, { ms: 0.2 })).toBe(false);
  expect(sync(a)).toBe(true);
});
