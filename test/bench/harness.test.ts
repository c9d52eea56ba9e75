/** The benches' own arithmetic: a figure is worth what its median, its ratio and its check are worth. */
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { Bench, type BenchLine, expectCheck, measureSides, median, percentile, ratioOf } from '../../bench/harness.ts';
import { endWithUs } from '../../bench/offspring.ts';
import { DelayLog, nowUs, sendAtPace } from '../../bench/pace.ts';
import { checkOf, keyOf, makeValue, readNumber, Tally, writeNumber } from '../../bench/records.ts';

describe('figures', () => {
  test('medians and percentiles lie between neighbours', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(percentile(Float64Array.of(0, 10), 0.99)).toBeCloseTo(9.9);
    expect(median([])).toBeNaN();
  });

  test('sides take turns, and a ratio is the median of the ratios of the rounds', async () => {
    const order: string[] = [];
    // The machine slows down tenfold in round 1, for both sides.
    const speeds = [100, 10, 100];
    const side = (name: string, share: number) => ({
      name,
      run: (round: number) => {
        order.push(`${name}${round}`);
        return { value: (speeds[round] ?? 1) * share, check: 'same' };
      },
    });
    const [fast, slow] = await measureSides([side('a', 1), side('b', 0.5)], 3, 1);
    expect(order).toEqual(['a-1', 'b-1', 'a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
    expect([fast.value, slow.value]).toEqual([100, 50]);
    expect(ratioOf(slow, fast)).toBe(0.5);
  });

  test('work that was not done is an error, not a figure', async () => {
    const checks = ['1000', '999'];
    const side = { name: 'loses one', run: (round: number) => ({ value: 1, check: checks[round] }) };
    await expect(measureSides([side], 2)).rejects.toThrow('the check was 1000, in round 1 it is 999');
    expect(() => expectCheck('999', '1000', 'replay')).toThrow('should be 1000');
    const lines: BenchLine[] = [];
    const bench = new Bench({ name: 'x', dose: 'smoke', folder: '.', only: '', emit: (line) => lines.push(line), note: () => {} });
    expect(() => bench.emit({ case: 'nothing', value: Number.NaN, unit: 'records/s', check: '' })).toThrow('measured NaN');
    expect(lines).toEqual([]);
  });
});

describe('the load', () => {
  test.each([1, 1023, 1024, 5000])('the check of %i records is what counting them gives', (count) => {
    const tally = new Tally();
    const value = makeValue(100);
    for (let i = 0; i < count; i++) {
      writeNumber(value, i);
      tally.take(keyOf(i), value);
    }
    expect(tally.check).toBe(checkOf(count));
  });

  test('one record lost, doubled or altered changes the check', () => {
    const tallyOf = (numbers: number[]) => {
      const tally = new Tally();
      const value = makeValue(16);
      for (const number of numbers) {
        writeNumber(value, number);
        tally.take(keyOf(number), value);
      }
      return tally.check;
    };
    expect(tallyOf([0, 1, 2])).toBe(checkOf(3));
    for (const wrong of [
      [0, 1],
      [0, 1, 2, 2],
      [0, 1, 3],
    ])
      expect(tallyOf(wrong)).not.toBe(checkOf(3));
  });

  test('numbers up to 2^32 − 1 come back', () => {
    const value = makeValue(16);
    for (const number of [0, 255, 256, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      writeNumber(value, number);
      expect(readNumber(value, 0)).toBe(number);
    }
  });
});

describe('pace', () => {
  test('a stall counts for every record that it held up', async () => {
    const delays = new DelayLog(100, 0);
    const delayUs: number[] = [];
    let stalled = false;
    await sendAtPace({ recordsPerSecond: 10_000, count: 100 }, (index, dueUs) => {
      if (index === 50 && !stalled) {
        stalled = true;
        const untilUs = nowUs() + 20_000;
        while (nowUs() < untilUs);
        return false;
      }
      delayUs.push(nowUs() - dueUs);
      delays.add(index, delayUs[index]);
      return true;
    });
    expect(delays.done).toBe(true);
    // Records 50 to 99 were due within the 5 ms after number 50 was: all of them waited for the rest of the stall.
    expect(Math.min(...delayUs.slice(50))).toBeGreaterThan(15_000);
    expect(delays.summary().maxUs).toBe(Math.max(...delayUs));
  });

  test('nothing is sent before it is due', async () => {
    const early: number[] = [];
    await sendAtPace({ recordsPerSecond: 5_000, count: 50 }, (index, dueUs) => {
      if (nowUs() < dueUs) early.push(index);
      return true;
    });
    expect(early).toEqual([]);
  });
});

test('one child after the other leaves one listener for the end of the process', () => {
  const before = process.listenerCount('exit');
  for (let i = 0; i < 12; i++) {
    const child = new EventEmitter() as ChildProcess;
    endWithUs(child);
    child.emit('exit', 0, null);
  }
  expect(process.listenerCount('exit')).toBe(before + 1);
});
