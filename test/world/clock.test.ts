/** The real clock: times beyond what a timer of Node's can be set to. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { realClock } from '../../src/world/clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const DAY_MS = 86_400_000;

test('a timer of more than 24.8 days waits as long as it was told', () => {
  const fired = vi.fn();
  realClock.after(60 * DAY_MS, fired);
  vi.advanceTimersByTime(60 * DAY_MS - 1);
  expect(fired).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(fired).toHaveBeenCalledOnce();
});

test('it is cancelled at any time', () => {
  const fired = vi.fn();
  const timer = realClock.after(60 * DAY_MS, fired);
  vi.advanceTimersByTime(30 * DAY_MS);
  timer.cancel();
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(fired).not.toHaveBeenCalled();
});

test('a timer of never does not fire', () => {
  const fired = vi.fn();
  const timer = realClock.after(Number.MAX_SAFE_INTEGER, fired);
  vi.advanceTimersByTime(365 * DAY_MS);
  expect(fired).not.toHaveBeenCalled();
  timer.cancel();
});
