/**
 * The program of the simulation. A failure prints its seed and how to replay it; many seeds end in one JSON line, and from a thousand on
 * in a file in bench/results.
 *
 *   --seeds N      how many (default 100)
 *   --from S       the first one (default 1)
 *   --processes P  that share them (default 1)
 *   --seed S       only this one, twice: it must take the same way again
 *   --verbose      with --seed: tells what happens
 *   --dry          no file in bench/results
 */
import { fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { simulate } from './simulation.ts';

/** What a range of seeds came to. */
interface Report {
  seeds: number;
  failures: { seed: number; violations: string[] }[];
  totals: Record<string, number>;
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    processes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
  },
});
const root = join(import.meta.dirname, '../..');

function whole(name: 'seeds' | 'from' | 'processes' | 'seed', atLeast: number): number {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= atLeast) return number;
  process.stderr.write(`sim: --${name} is a whole number of at least ${atLeast}, not "${values[name]}"\n`);
  process.exit(2);
}

async function runOne(seed: number): Promise<boolean> {
  const outcome = await simulate(seed, values.verbose ? { verbose: (line) => console.log(line) } : {});
  const again = await simulate(seed);
  if (again.trace !== outcome.trace) outcome.violations.push(`a replay took another way: trace ${outcome.trace}, then ${again.trace}`);
  console.log(JSON.stringify(outcome, null, 2));
  return outcome.violations.length === 0;
}

async function runRange(from: number, seeds: number): Promise<Report> {
  const report: Report = { seeds, failures: [], totals: {} };
  for (let seed = from; seed < from + seeds; seed++) {
    const { violations, counts, events, virtualMs } = await simulate(seed);
    for (const [name, value] of Object.entries({ events, virtualMs, ...counts })) report.totals[name] = (report.totals[name] ?? 0) + value;
    if (violations.length > 0) {
      report.failures.push({ seed, violations });
      const told = violations.slice(0, 3).map((violation) => `  ${violation}\n`);
      process.stderr.write(`sim: seed ${seed} failed; replay: node test/sim/run.ts --seed ${seed} --verbose\n${told.join('')}`);
    }
    const done = seed - from + 1;
    if (done % 50 === 0 || done === seeds)
      process.stderr.write(`sim: ${done} of ${seeds} seeds from ${from} on, ${report.failures.length} failed\n`);
  }
  return report;
}

/** The same in processes of their own, each with a range. */
async function runShared(from: number, seeds: number, processes: number): Promise<Report> {
  const each = Math.ceil(seeds / processes);
  const ranges = Array.from({ length: processes }, (_, i) => ({ from: from + i * each, seeds: Math.min(each, seeds - i * each) }));
  const reports = await Promise.all(ranges.filter((range) => range.seeds > 0).map(runApart));
  const totals: Record<string, number> = {};
  for (const report of reports) for (const [name, value] of Object.entries(report.totals)) totals[name] = (totals[name] ?? 0) + value;
  return { seeds, failures: reports.flatMap(({ failures }) => failures), totals };
}

function runApart(range: { from: number; seeds: number }): Promise<Report> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, ['--from', String(range.from), '--seeds', String(range.seeds)]);
    child.on('message', (report) => resolve(report as Report));
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the process of the seeds from ${range.from} on ended with code ${code}`)));
  });
}

async function runMany(): Promise<boolean> {
  const from = whole('from', 0);
  const seeds = whole('seeds', 1);
  const processes = whole('processes', 1);
  const machine = describeMachine();
  const startedMs = performance.now();
  if (process.send !== undefined) {
    process.send(await runRange(from, seeds));
    process.disconnect();
    return true;
  }
  const { failures, totals } = processes === 1 ? await runRange(from, seeds) : await runShared(from, seeds, processes);
  const summary = {
    campaign: 'sim',
    from,
    seeds,
    ...totals,
    seconds: Math.round((performance.now() - startedMs) / 1000),
    check: failures.length === 0 ? 'held' : 'failed',
    failures: failures.slice(0, 20).map(({ seed, violations }) => `seed ${seed}: ${violations[0]}`),
    date: new Date().toISOString(),
    commit: describeCommit(root),
    machine,
  };
  console.log(JSON.stringify(summary));
  if (seeds >= 1000 && !values.dry) {
    const folder = join(root, 'bench/results');
    mkdirSync(folder, { recursive: true });
    const stamp = summary.date.replace(/[:.]/g, '').slice(0, 17);
    writeFileSync(join(folder, `sim-${stamp}.json`), `${JSON.stringify(summary, null, 1)}\n`);
  }
  return failures.length === 0;
}

process.exitCode = (values.seed === undefined ? await runMany() : await runOne(whole('seed', 0))) ? 0 : 1;
