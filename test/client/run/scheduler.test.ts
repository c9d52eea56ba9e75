import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pauseMs } from '../../../src/client/run/backoff.ts';
import { type Item, type Lane, Scheduler } from '../../../src/client/run/scheduler.ts';
import { seededRandom } from '../../../src/world/random.ts';

function admit(scheduler: Scheduler<null>, lane: Lane<null>, keys: readonly (string | null)[], from = 0): void {
  keys.forEach((key, i) => {
    scheduler.admit(lane, from + i, key, null);
  });
}

function startAll(scheduler: Scheduler<null>): Item<null>[] {
  const items: Item<null>[] = [];
  for (let item = scheduler.start(); item !== null; item = scheduler.start()) items.push(item);
  return items;
}

const shown = (items: Item<null>[]) => items.map(({ lane, offset }) => `${lane.partition}:${offset}`).join(' ');

test('of one key one runs, other keys go ahead, those without a key wait for nobody', () => {
  const scheduler = new Scheduler<null>({ concurrency: 10, windowRecords: 10 });
  const lane = scheduler.lane('t', 0, 1, 0);
  admit(scheduler, lane, ['a', 'a', 'b', null, null, 'b']);
  const begun = startAll(scheduler);
  expect(shown(begun)).toBe('0:0 0:2 0:3 0:4');
  expect(scheduler.finish(begun[1])).toBe(0);
  expect(shown(startAll(scheduler))).toBe('0:5');
  expect(scheduler.finish(begun[0])).toBe(1);
  expect(shown(startAll(scheduler))).toBe('0:1');
});

test('partitions take turns, and no more run than may', () => {
  const scheduler = new Scheduler<null>({ concurrency: 3, windowRecords: 10 });
  const lanes = [0, 1].map((partition) => scheduler.lane('t', partition, 1, 0));
  for (const lane of lanes) admit(scheduler, lane, [null, null, null]);
  const begun = startAll(scheduler);
  expect(shown(begun)).toBe('0:0 1:0 0:1');
  scheduler.finish(begun[0]);
  expect(shown(startAll(scheduler))).toBe('1:1');
});

test('what waits to be tried again takes no place, and nothing of its key passes it', () => {
  const scheduler = new Scheduler<null>({ concurrency: 1, windowRecords: 10 });
  const lane = scheduler.lane('t', 0, 1, 0);
  admit(scheduler, lane, ['a', 'a', 'b']);
  const [first] = startAll(scheduler);
  scheduler.wait(first);
  const [other] = startAll(scheduler);
  expect(other.offset).toBe(2);
  scheduler.finish(other);
  expect(startAll(scheduler)).toEqual([]);
  scheduler.again(first);
  expect(shown(startAll(scheduler))).toBe('0:0');
  expect([first.attempts, scheduler.finish(first), lane.tracker.next]).toEqual([2, 1, 1]);
  expect(shown(startAll(scheduler))).toBe('0:1');
});

test('the window is full at its bound, and not one before', () => {
  const scheduler = new Scheduler<null>({ concurrency: 10, windowRecords: 3 });
  const lane = scheduler.lane('t', 0, 1, 0);
  admit(scheduler, lane, [null, null]);
  expect(scheduler.hasRoom(lane)).toBe(true);
  admit(scheduler, lane, [null], 2);
  expect(scheduler.hasRoom(lane)).toBe(false);
  const begun = startAll(scheduler);
  scheduler.finish(begun[1]);
  scheduler.finish(begun[2]);
  // Two have ended, but the first is still open: the gap is what counts.
  expect(scheduler.hasRoom(lane)).toBe(false);
  expect(() => scheduler.admit(lane, 3, null, null)).toThrow('within its window');
  scheduler.finish(begun[0]);
  expect(scheduler.hasRoom(lane)).toBe(true);
});

test('a closed lane begins nothing, gives up what waits, and takes in the end of what runs', () => {
  const scheduler = new Scheduler<null>({ concurrency: 10, windowRecords: 10 });
  const lane = scheduler.lane('t', 0, 1, 0);
  admit(scheduler, lane, ['a', 'b', 'c', 'a']);
  const [a, b, c] = startAll(scheduler);
  scheduler.wait(b);
  scheduler.close(lane);
  expect([b.state, lane.open.size, scheduler.running]).toEqual(['ended', 2, 2]);
  expect(scheduler.finish(a)).toBe(1);
  scheduler.finish(c);
  expect([lane.tracker.next, startAll(scheduler).length, scheduler.running]).toEqual([1, 0, 0]);
});

test('any life of a lane: one of a key at a time and in order, every record once, the offset contiguous', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', null), { maxLength: 60 }), fc.integer(), (keys, seed) => {
      const random = seededRandom(seed);
      const scheduler = new Scheduler<null>({ concurrency: 4, windowRecords: 8 });
      const lane = scheduler.lane('t', 0, 1, 0);
      const running = new Set<Item<null>>();
      const waiting = new Set<Item<null>>();
      const ended = new Map<string, number>();
      const done = new Set<number>();
      for (let next = 0; done.size < keys.length; ) {
        while (next < keys.length && scheduler.hasRoom(lane)) scheduler.admit(lane, next, keys[next++], null);
        for (const item of startAll(scheduler)) {
          if (item.key !== null && [...running, ...waiting].some(({ key }) => key === item.key)) return false;
          running.add(item);
        }
        if (running.size > 4) return false;
        const [item] = [...running, ...waiting].slice(random.below(running.size + waiting.size));
        if (waiting.delete(item)) scheduler.again(item);
        else {
          running.delete(item);
          if (random.below(4) === 0) {
            scheduler.wait(item);
            waiting.add(item);
            continue;
          }
          if (done.has(item.offset) || (item.key !== null && (ended.get(item.key) ?? -1) > item.offset)) return false;
          done.add(item.offset);
          if (item.key !== null) ended.set(item.key, item.offset);
          let first = 0;
          while (done.has(first)) first++;
          if (scheduler.finish(item) !== Math.min(first, next)) return false;
        }
      }
      return scheduler.running === 0;
    }),
    { numRuns: 200 },
  );
});

test('pauses double up to their bound, and are anything below it', () => {
  const options = { backoffMs: 100, backoffMsMax: 1000 };
  const highest = { below: (bound: number) => bound - 1, bytes: () => new Uint8Array() };
  expect([1, 2, 3, 4, 5, 1_000_000].map((attempts) => pauseMs(options, attempts, highest))).toEqual([100, 200, 400, 800, 1000, 1000]);
  const random = seededRandom(7);
  const seen = Array.from({ length: 200 }, () => pauseMs(options, 2, random));
  expect([Math.min(...seen) < 20, Math.max(...seen) > 180, Math.max(...seen) <= 200]).toEqual([true, true, true]);
});
