/** A small dose of the simulation; `npm run sim -- --seeds N` gives more. A failure names its seed: `node test/sim/run.ts --seed N --verbose`. */
import { describe, expect, test } from 'vitest';
import { simulate } from './simulation.ts';

const SEEDS = 50;
const PER_TEST = 10;

describe('the bus under faults', () => {
  for (let first = 1; first <= SEEDS; first += PER_TEST) {
    test(`seeds ${first} to ${first + PER_TEST - 1}: nothing acknowledged is lost, doubled, changed or out of order, and everything ends`, async () => {
      const failed: string[] = [];
      let acked = 0;
      let ofGroups = 0;
      for (let seed = first; seed < first + PER_TEST; seed++) {
        const { violations, counts } = await simulate(seed);
        acked += counts.acked;
        ofGroups += counts.groupRecords;
        if (violations.length > 0) failed.push(`seed ${seed}: ${violations.slice(0, 3).join('; ')}`);
      }
      expect(failed).toEqual([]);
      expect(acked).toBeGreaterThan(0);
      expect(ofGroups).toBeGreaterThan(0);
    }, 120_000);
  }

  test('a seed takes the same way each time', async () => {
    for (const seed of [3, 17]) expect((await simulate(seed)).trace).toBe((await simulate(seed)).trace);
  }, 60_000);
});
