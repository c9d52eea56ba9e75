/**
 * The campaign: as many cases as asked for, and what came out of them, counted by reason.
 *
 *   npm run fuzz -- --cases 100000 --seed 1 [--json]
 */
import { parseArgs } from 'node:util';
import { fuzzFrames } from './frames.ts';
import { type FuzzResult, fuzzRecords } from './records.ts';

const targets: Record<string, (seed: number, cases: number) => FuzzResult> = { records: fuzzRecords, frames: fuzzFrames };

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const cases = Number(values.cases);
const seed = Number(values.seed);
if (!Number.isSafeInteger(cases) || cases < 1 || !Number.isSafeInteger(seed)) {
  console.error('usage: npm run fuzz -- --cases N --seed S [--json]: whole numbers, N at least 1');
  process.exit(2);
}

for (const [target, run] of Object.entries(targets)) {
  const result = run(seed, cases);
  if (values.json) {
    console.log(JSON.stringify({ target, seed, ...result }));
    continue;
  }
  console.log(`${target}: ${result.cases} cases, seed ${seed}`);
  const counted = Object.entries(result.reasons).sort(([, a], [, b]) => b - a);
  for (const [reason, count] of counted) console.log(`${String(count).padStart(9)}  ${reason}`);
}
