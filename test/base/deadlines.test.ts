import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Deadlines } from '../../src/base/deadlines.ts';

test('what is due comes out in order of time, moved and removed keys as they stand', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.option(fc.integer({ min: 0, max: 100 }))), { maxLength: 200 }),
      (steps) => {
        const deadlines = new Deadlines<number>();
        const model = new Map<number, number>();
        for (const [key, atMs] of steps) {
          if (atMs === null) {
            deadlines.remove(key);
            model.delete(key);
          } else {
            deadlines.set(key, atMs);
            model.set(key, atMs);
          }
          expect(deadlines.nextMs).toBe(Math.min(Number.POSITIVE_INFINITY, ...model.values()));
        }
        const times: number[] = [];
        for (let key = deadlines.takeDue(1000); key !== undefined; key = deadlines.takeDue(1000)) times.push(model.get(key) as number);
        expect(times).toEqual([...model.values()].sort((a, b) => a - b));
        expect(deadlines.size).toBe(0);
      },
    ),
    { seed: 7, numRuns: 300 },
  );
});

test('nothing is due before its time', () => {
  const deadlines = new Deadlines<string>();
  deadlines.set('a', 10);
  expect(deadlines.takeDue(9)).toBeUndefined();
  expect(deadlines.takeDue(10)).toBe('a');
});

test('what is due is told without taking it out, so many at most', () => {
  const deadlines = new Deadlines<string>();
  for (const [key, atMs] of [
    ['a', 5],
    ['b', 1],
    ['c', 9],
    ['d', 5],
  ] as const)
    deadlines.set(key, atMs);
  expect(deadlines.due(5, 10).sort()).toEqual(['a', 'b', 'd']);
  expect(deadlines.due(5, 2)).toHaveLength(2);
  expect(deadlines.due(0, 10)).toEqual([]);
  expect([deadlines.at('c'), deadlines.at('z')]).toEqual([9, Number.POSITIVE_INFINITY]);
  expect(deadlines.size).toBe(4);
});
