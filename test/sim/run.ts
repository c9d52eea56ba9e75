/**
 * The program of the simulation: `node test/sim/run.ts --seeds N [--from S]` runs many seeds, `--seed S [--verbose]` one. A failure
 * prints its seed and how to replay it; the results of a thousand seeds and more go to bench/results.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Outcome, simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

async function runOne(seed: number): Promise<number> {
  const outcome = await simulate(seed, values.verbose ? { verbose: (line) => console.log(line) } : {});
  const again = await simulate(seed);
  if (again.trace !== outcome.trace) outcome.violations.push(`a replay took another way: trace ${outcome.trace}, then ${again.trace}`);
  console.log(JSON.stringify(outcome, null, 2));
  return outcome.violations.length === 0 ? 0 : 1;
}

async function runMany(from: number, count: number): Promise<number> {
  const startedMs = performance.now();
  const failed: Outcome[] = [];
  const totals: Record<string, number> = { events: 0, virtualMs: 0 };
  for (let seed = from; seed < from + count; seed++) {
    const outcome = await simulate(seed);
    for (const [name, value] of Object.entries({ ...outcome.counts, events: outcome.events, virtualMs: outcome.virtualMs }))
      totals[name] = (totals[name] ?? 0) + value;
    if (outcome.violations.length > 0) {
      failed.push(outcome);
      console.log(`seed ${seed} failed; replay: node test/sim/run.ts --seed ${seed} --verbose`);
      for (const violation of outcome.violations.slice(0, 3)) console.log(`  ${violation}`);
    }
    const done = seed - from + 1;
    if (done % 50 === 0) console.log(`${done} of ${count} seeds, ${failed.length} failed`);
  }
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  const summary = { sim: 'bus', from, seeds: count, failedSeeds: failed.map(({ seed }) => seed), seconds, ...totals };
  console.log(JSON.stringify(summary));
  if (count < 1000) return failed.length === 0 ? 0 : 1;
  const folder = join(import.meta.dirname, '../../bench/results');
  mkdirSync(folder, { recursive: true });
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '');
  writeFileSync(join(folder, `sim-${stamp}.json`), `${JSON.stringify(summary, null, 1)}\n`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = values.seed === undefined ? await runMany(Number(values.from), Number(values.seeds)) : await runOne(Number(values.seed));
