/** The governor: levels, reasons, and above all that it neither flaps nor sleeps. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MiB } from '../../src/base/bytes.ts';
import {
  calmGovernor,
  dwellMs,
  type Fences,
  type Gauges,
  type Governor,
  govern,
  thresholds,
  toReport,
} from '../../src/coordinator/pressure.ts';
import { pressureLevels } from '../../src/coordinator/protocol.ts';

const full = 1000 * MiB;
const fences: Fences = { folder: true, arenaBytesMax: full, memoryBytesMax: 2 * full, heapBytesMax: full, rssBytesMax: full };
const noFolder: Fences = { ...fences, folder: false };
const idle: Gauges = {
  residentBytes: 0,
  unwrittenBytes: 0,
  inFlightBytes: 0,
  heapBytes: 0,
  threadHeapBytes: 0,
  threadHeapWhere: 'thread 1',
  threadHeapBytesMax: full,
  hostHeapBytes: 0,
  hostHeapWhere: 'host 0',
  rssBytes: 0,
  diskFreeBytes: Number.POSITIVE_INFINITY,
  diskFullWhere: '',
};
const STEP_MS = 50;

/** The level after each reading, one every 50 ms. */
function run(readings: readonly Partial<Gauges>[], on = fences, stepMs = STEP_MS): Governor[] {
  let governor = calmGovernor(0);
  return readings.map((reading, i) => {
    governor = govern(governor, { ...idle, ...reading }, on, { nowMs: 1000 + i, monotonicMs: i * stepMs });
    return governor;
  });
}
const levels = (governors: readonly Governor[]) => governors.map(({ level }) => pressureLevels[level]);
const resident = (...shares: number[]) => shares.map((share) => ({ residentBytes: share * full }));
const last = <T>(list: readonly T[]): T => list[list.length - 1];

// The same cases on every run.
fc.configureGlobal({ seed: 20260101 });

describe('levels', () => {
  test('rise at once and fall after a dwell without a reading that would keep them', () => {
    const shares = [0.5, 0.93, 0.9, 0.86, 0.84, 0.84, 0.84, 0.84, 0.84, 0.84];
    expect(levels(run(resident(...shares)))).toEqual(['calm', ...new Array(7).fill('spill'), 'calm', 'calm'].slice(0, 10));
  });

  test('rise by more than one', () => expect(levels(run(resident(0, 0.99)))).toEqual(['calm', 'pause']));

  test('follow the heap of a thread through all of them, and back with a gap to each', () => {
    const shares = [0.74, 0.76, 0.86, 0.94, 0.88];
    expect(levels(run(shares.map((share) => ({ threadHeapBytes: share * full }))))).toEqual([
      'calm',
      'spill',
      'throttle',
      'pause',
      'pause',
    ]);
    const sinking = [0.94, 0.86, 0.79, 0.69, 0.67].map((share) => ({ threadHeapBytes: share * full }));
    expect(levels(run(sinking, fences, 2 * dwellMs))).toEqual(['pause', 'throttle', 'throttle', 'spill', 'calm']);
  });

  test('fall to the worst that was seen while they fell', () => {
    const shares = [0.99, 0.5, 0.97, 0.5, 0.5, 0.5, 0.5];
    // 0.97 keeps pause (which leaves at 0.96) no longer, once 0.5 has left it; it asks for throttle.
    expect(last(levels(run(resident(...shares))))).toBe('throttle');
  });

  test.each<[string, Partial<Gauges>, Fences, string]>([
    ['without a folder nothing can be spilled', { residentBytes: 0.79 * full, unwrittenBytes: 0.79 * full }, noFolder, 'calm'],
    ['so it throttles', { residentBytes: 0.8 * full }, noFolder, 'throttle'],
    ['and pauses', { residentBytes: 0.95 * full }, noFolder, 'pause'],
    ['a slow disk', { unwrittenBytes: 0.88 * full }, fences, 'throttle'],
    ['slow hosts', { inFlightBytes: 2 * full }, fences, 'throttle'],
    ['a host’s heap', { hostHeapBytes: 0.86 * full }, fences, 'throttle'],
    ['the heap of a user’s thread is the user’s', { heapBytes: 10 * full }, fences, 'calm'],
    ['the process', { rssBytes: 0.98 * full }, fences, 'pause'],
    ['without a fence for it', { rssBytes: 0.98 * full }, { ...fences, rssBytesMax: Number.POSITIVE_INFINITY }, 'calm'],
    ['little room on the disk', { diskFreeBytes: 64 * MiB }, fences, 'throttle'],
    ['a full disk, as a host met it', { diskFullWhere: 'host 3' }, fences, 'throttle'],
    ['no disk at all', { diskFullWhere: 'host 3', diskFreeBytes: 0 }, noFolder, 'calm'],
  ])('%s', (_, reading, on, level) => expect(levels(run([reading], on))).toEqual([level]));
});

describe('reasons', () => {
  test('name every gauge that is above calm, its reading, and the threshold that it passed', () => {
    const [governor] = run([{ residentBytes: 0.93 * full, unwrittenBytes: 0.9 * full, diskFullWhere: 'host 2' }]);
    expect(governor.reasons).toEqual([
      { gauge: 'resident-bytes', level: 'spill', value: 0.93 * full, threshold: 0.92 * full, where: 'arena' },
      { gauge: 'unwritten-bytes', level: 'throttle', value: 0.9 * full, threshold: 0.88 * full, where: 'arena' },
      { gauge: 'disk-free', level: 'throttle', value: 0, threshold: 64 * MiB, where: 'host 2' },
    ]);
  });

  test('stay while the level does', () => {
    const governors = run(resident(0.93, 0.1, 0.1));
    expect(governors[2].level).toBe(1);
    expect(governors[2].reasons).toEqual(governors[0].reasons);
  });

  test('a report survives JSON', () => {
    const report = toReport(last(run(resident(0.99))), { ...idle, residentBytes: 0.99 * full });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report).toMatchObject({
      level: 'pause',
      sinceMs: 1000,
      gauges: { residentBytes: 0.99 * full, diskFreeBytes: expect.any(Number) },
    });
  });
});

describe('the table', () => {
  test('leaves each level before it enters it, and orders the levels of a gauge', () => {
    for (const row of thresholds) {
      if (row.of === 'bytes left') expect(row.leave).toBeGreaterThan(row.enter);
      else expect(row.leave).toBeLessThan(row.enter);
    }
    for (const on of ['folder', 'no folder'] as const) {
      for (const gauge of new Set(thresholds.map((row) => row.gauge))) {
        const rows = thresholds.filter((row) => row.gauge === gauge && (row.on === on || row.on === 'any'));
        const byLevel = [...rows].sort((a, b) => pressureLevels.indexOf(a.level) - pressureLevels.indexOf(b.level));
        for (let i = 1; i < byLevel.length; i++) {
          expect(byLevel[i].enter).toBeGreaterThan(byLevel[i - 1].enter);
          expect(byLevel[i].leave).toBeGreaterThan(byLevel[i - 1].leave);
        }
      }
    }
  });
});

describe('under noise', () => {
  const noise = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 20, maxLength: 200 });
  const changesOf = (governors: readonly Governor[]) => {
    const changes: { at: number; from: number; to: number }[] = [];
    governors.forEach(({ level }, i) => {
      const from = i === 0 ? 0 : governors[i - 1].level;
      if (from !== level) changes.push({ at: i * STEP_MS, from, to: level });
    });
    return changes;
  };

  test('around any one threshold, however wide, the level changes at most once per dwell', () => {
    const one = fc.constantFrom(...thresholds.filter(({ gauge, on }) => gauge === 'resident-bytes' && on !== 'no folder'));
    fc.assert(
      fc.property(one, noise, fc.double({ min: 0.001, max: 0.09, noNaN: true }), (row, shape, width) => {
        // At rest just below it first, then noise that reaches no other threshold's enter.
        const rest = new Array(10).fill(row.enter - 0.001);
        const shares = shape.map((x) =>
          Math.min(row.enter + (x - 0.5) * 2 * width, row.level === 'spill' ? 0.95 : row.level === 'throttle' ? 0.98 : 1),
        );
        const changes = changesOf(run(resident(...rest, ...shares))).filter(({ at }) => at >= rest.length * STEP_MS);
        changes.forEach((change, i) => {
          if (i > 0) expect(change.at - changes[i - 1].at).toBeGreaterThanOrEqual(dwellMs);
        });
      }),
      { numRuns: 300 },
    );
  });

  test('narrower than the gap between enter and leave, the level changes at most once at all', () => {
    fc.assert(
      fc.property(noise, (shape) => {
        const shares = shape.map((x) => 0.855 + x * 0.1);
        expect(changesOf(run(resident(...shares))).length).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('over the whole range, two changes within a dwell are only ever a rise to something worse than anything seen in it', () => {
    fc.assert(
      fc.property(noise, fc.boolean(), (shape, folder) => {
        const governors = run(resident(...shape), folder ? fences : noFolder);
        const changes = changesOf(governors);
        changes.forEach((change, i) => {
          if (i === 0 || change.at - changes[i - 1].at >= dwellMs) return;
          const seen = governors.slice(Math.max(0, (change.at - dwellMs) / STEP_MS), change.at / STEP_MS).map(({ level }) => level);
          expect(change.to).toBeGreaterThan(Math.max(...seen));
        });
      }),
      { numRuns: 500 },
    );
  });
});

describe('it does not sleep', () => {
  const anything = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 50 });
  const long = Math.ceil((2 * dwellMs) / STEP_MS) + 1;

  test('after any past, full memory pauses within a dwell, and for as long as it lasts', () => {
    fc.assert(
      fc.property(anything, (past) => {
        const governors = run(resident(...past, ...new Array(long).fill(0.99)));
        expect(levels(governors.slice(past.length + Math.ceil(dwellMs / STEP_MS)))).not.toContain('throttle');
        expect(last(levels(governors))).toBe('pause');
      }),
    );
  });

  test('after any past, empty memory is calm again within two dwells', () => {
    fc.assert(
      fc.property(anything, (past) => {
        expect(last(levels(run(resident(...past, ...new Array(long).fill(0)))))).toBe('calm');
      }),
    );
  });
});
