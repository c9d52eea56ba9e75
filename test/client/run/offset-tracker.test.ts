import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OffsetTracker } from '../../../src/client/run/offset-tracker.ts';

test('what may be committed is the first offset that is not finished, in whatever order records end', () => {
  const tracker = new OffsetTracker(4);
  for (const offset of [4, 5, 7, 8]) tracker.begin(offset);
  expect([tracker.finish(5), tracker.finish(4), tracker.finish(8), tracker.finish(7)]).toEqual([4, 7, 7, 9]);
});

test('the end of a batch is passed when all before it is finished', () => {
  const tracker = new OffsetTracker(0);
  tracker.begin(0);
  tracker.passTo(10);
  expect(tracker.next).toBe(0);
  expect(tracker.finish(0)).toBe(10);
  tracker.begin(12);
  expect(tracker.next).toBe(12);
});

test('a batch of which a part is handled moves on', () => {
  const tracker = new OffsetTracker(0);
  tracker.begin(0);
  tracker.passTo(100);
  expect([tracker.advance(0, 40), tracker.gap, tracker.finish(40)]).toEqual([40, 1, 100]);
});

test('refuses what was not begun, what ended before, and what goes back', () => {
  const tracker = new OffsetTracker(5);
  tracker.begin(5);
  tracker.begin(6);
  tracker.finish(6);
  expect(() => tracker.finish(6)).toThrow('finished once');
  expect(() => tracker.finish(7)).toThrow('begun');
  expect(() => tracker.begin(6)).toThrow('in their order');
  expect(() => tracker.advance(5, 7)).toThrow('before what follows it');
});

test('any order of ends: never beyond the first that is open, at the end when none is; a thousand and more are let go of', () => {
  const run = fc.record({ steps: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3000 }), seed: fc.integer() });
  fc.assert(
    fc.property(run, ({ steps, seed }) => {
      const tracker = new OffsetTracker(0);
      const offsets: number[] = [];
      let at = 0;
      for (const step of steps) {
        offsets.push(at);
        tracker.begin(at);
        at += step;
      }
      tracker.passTo(at);
      const open = new Set(offsets);
      const order = offsets.map((offset, i) => ({ offset, rank: Math.imul(i + 1, seed | 1) >>> 0 })).sort((a, b) => a.rank - b.rank);
      for (const { offset } of order) {
        open.delete(offset);
        const first = open.values().next();
        if (tracker.finish(offset) !== (first.done ? at : first.value)) return false;
      }
      return tracker.gap === 0;
    }),
    { numRuns: 40 },
  );
});
