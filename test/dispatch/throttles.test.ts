/** Gates of quotas in one thread, on a virtual clock. */
import { beforeEach, describe, expect, test } from 'vitest';
import { MiB } from '../../src/base/bytes.ts';
import { limits } from '../../src/base/limits.ts';
import { type Gate, Throttles } from '../../src/dispatch/throttles.ts';
import { VirtualClock } from '../coordinator/rig.ts';

let clock: VirtualClock;
let throttles: Throttles;
let told: number;
beforeEach(() => {
  clock = new VirtualClock();
  told = 0;
  throttles = new Throttles(clock, () => told++);
});

const answer = (clientId: string, producerByteRate: number | null, produceDelayMs = 0) =>
  throttles.set([{ clientId, producerByteRate, produceDelayMs, consumerByteRate: null, fetchDelayMs: 0 }]);

/** Passes pieces while it may; answers how many. */
function passAll(gate: Gate, bytes: number, max = 1000): number {
  let count = 0;
  while (count < max && gate.isOpen) {
    gate.pass(bytes);
    count++;
  }
  return count;
}

describe('a gate', () => {
  test('whose quota nobody knows yet lets pass a little; without one, everything', () => {
    const gate = throttles.enter('produce', 'a');
    expect(told).toBe(1);
    expect(passAll(gate, MiB)).toBe(2);
    throttles.take();
    answer('a', null);
    expect(passAll(gate, MiB)).toBe(1000);
  });

  test('is open where nothing is ever told', () => {
    expect(passAll(new Throttles(clock, null).enter('fetch', 'a'), MiB)).toBe(1000);
  });

  test('lets pass what the rate allows between two answers', () => {
    const gate = throttles.enter('produce', 'a');
    answer('a', 1000);
    expect(passAll(gate, 10)).toBe(11);
    expect(throttles.take()).toEqual([{ clientId: 'a', producedBytes: 110, fetchedBytes: 0 }]);
    answer('a', 1000);
    expect(passAll(gate, 10)).toBe(11);
  });

  test('stays closed for as long as it is told, and then calls who waits, once', () => {
    const gate = throttles.enter('produce', 'a');
    let called = 0;
    const then = () => called++;
    answer('a', 1000, 500);
    expect([gate.isOpen, gate.delayMs]).toEqual([false, 500]);
    gate.wait(then);
    gate.wait(then);
    clock.pass(499);
    expect([called, gate.delayMs]).toEqual([0, 1]);
    clock.pass(1);
    expect([called, gate.isOpen, gate.delayMs]).toEqual([1, true, 0]);
    answer('a', 1000, 500);
    gate.wait(then);
    answer('a', null);
    expect(called).toBe(2);
  });

  test('that closed by itself opens with the next answer, or when none comes', () => {
    const gate = throttles.enter('produce', 'a');
    let called = 0;
    answer('a', 1000);
    passAll(gate, 100);
    gate.wait(() => called++);
    clock.pass(10_000);
    expect(called).toBe(0);
    throttles.take();
    throttles.set(null);
    expect(called).toBe(1);
  });

  test('lets those who wait go first by turns', () => {
    const gate = throttles.enter('produce', 'a');
    const passed: string[] = [];
    const waits = (name: string) => {
      const then = (): void => {
        if (gate.isOpen) {
          gate.pass(1000);
          passed.push(name);
        }
        gate.wait(then);
      };
      return then;
    };
    answer('a', 1000, 100);
    gate.wait(waits('one'));
    gate.wait(waits('two'));
    for (let i = 0; i < 4; i++) {
      clock.pass(100);
      throttles.take();
      answer('a', 1000, 0);
    }
    expect(new Set(passed)).toEqual(new Set(['one', 'two']));
  });

  test('who leaves while waiting is not called; the last one takes it along', () => {
    const gate = throttles.enter('produce', 'a');
    expect(throttles.enter('produce', 'a')).toBe(gate);
    const then = () => expect.unreachable();
    answer('a', 1000, 100);
    gate.wait(then);
    gate.forget(then);
    clock.pass(200);
    throttles.leave('produce', gate);
    gate.pass(1);
    expect(throttles.take()).toHaveLength(1);
    throttles.leave('produce', gate);
    expect(throttles.take()).toEqual([]);
  });
});

test('client ids beyond the bound are not told, and not held up for it', () => {
  for (let i = 0; i < limits.clientsToldMax - 1; i++) throttles.enter('fetch', `c${i}`);
  const last = throttles.enter('fetch', 'last');
  const beyond = throttles.enter('fetch', 'beyond');
  expect([passAll(last, MiB), passAll(beyond, MiB)]).toEqual([2, 1000]);
  const told = throttles.take();
  expect([told.length, told.at(-1)]).toEqual([limits.clientsToldMax, { clientId: 'last', producedBytes: 0, fetchedBytes: 2 * MiB }]);
});
