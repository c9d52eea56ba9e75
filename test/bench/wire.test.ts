/** The benches that hold a broker against Kafka's still run: each once, in the smallest dose. Skipped where Kafka's tools cannot run; in CI they never are. */
import { describe, expect, test } from 'vitest';
import { KAFKA, toolsSkipReason } from '../../bench/brokers.ts';
import { isFull } from '../interop/brokers.ts';
import { expectWhole, runBench } from './run-bench.ts';

/** Of each bench one case, and what it emits. `npm test` does the first, `npm run interop` all. */
const cases: Record<string, { only: string; expected: string[] }> = {
  'wire-produce': { only: '100 B', expected: ['100 B', '100 B, CPU of the broker', 'peak RSS of the broker'] },
  'wire-consume': { only: '1 KiB', expected: ['1 KiB', '1 KiB, CPU of the broker', 'peak RSS of the broker'] },
  'wire-latency': { only: '1,000/s', expected: ['1,000/s, p50', '1,000/s, p99'] },
};

const dose = isFull ? Object.entries(cases) : Object.entries(cases).slice(0, 1);
describe.skipIf(toolsSkipReason !== null).each(dose)('%s', (bench, { only, expected }) => {
  test('runs', { timeout: 300_000 }, async () => {
    const ran = await runBench(bench, '--only', only);
    expectWhole(ran, bench);
    for (const name of expected) {
      const sides = ran.lines.filter((line) => line.case === name);
      expect(sides.map(({ peer }) => peer)).toEqual([undefined, KAFKA]);
      expect(sides[0].of).toBe(KAFKA);
    }
  });
});
