/**
 * The campaign: as many cases as asked for, shared out among what is thrown and what it is thrown at, in as many processes as asked for. What
 * came out is counted by reason, printed as one JSON line and written to bench/results. A failure names its seed and case.
 *
 *   npm run fuzz -- --cases 5000000 --seed 1 --processes 2
 *
 *   --cases N        over all targets (default 100,000)
 *   --seed N         (default 1)
 *   --processes N    (default 1)
 *   --target NAME    this one alone: records, frames, wire, sockets, sequences
 *   --case N         this case alone, with those of its block before it
 *   --dry            no file in bench/results
 */
import { fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { isTarget, type Said, type Slice, targetNames, targets } from './targets.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    processes: { type: 'string', default: '1' },
    target: { type: 'string' },
    case: { type: 'string' },
    dry: { type: 'boolean', default: false },
  },
});
const [cases, seed, processes] = [values.cases, values.seed, values.processes].map(Number);
const only = values.target;
if (
  ![cases, processes].every((n) => Number.isSafeInteger(n) && n > 0) ||
  !Number.isSafeInteger(seed) ||
  (only !== undefined && !isTarget(only))
) {
  console.error(`usage: npm run fuzz -- --cases N --seed S --processes P --target ${targetNames.join('|')}: whole numbers`);
  process.exit(2);
}
/** A process that says nothing for so long hangs. */
const SILENT_MS = 120_000;
const LOOK_MS = 1000;
/** What a process may take, whatever is thrown at it. */
const RSS_MB_MAX = 2048;

const begunMs = performance.now();
const found: Record<string, { cases: number; seconds: number; reasons: Record<string, number> }> = {};
const failures: string[] = [];
let done = 0;
let rssMbMax = 0;

const slices = values.case === undefined ? share() : [{ target: only ?? 'wire', from: Number(values.case), to: Number(values.case) + 1 }];
const wanted = slices.reduce((sum, { from, to }) => sum + to - from, 0);
const left = [...slices].reverse();
await Promise.all(Array.from({ length: processes }, work));
report();

/** Parts of a few minutes at most, whole blocks each. */
function share(): Slice[] {
  const names = only === undefined ? targetNames : [only];
  const parts = names.reduce((sum, name) => sum + targets[name as keyof typeof targets].share, 0);
  return names.flatMap((name) => {
    const { share: part, block } = targets[name as keyof typeof targets];
    const all = Math.max(1, Math.round((cases * part) / parts));
    const size = Math.ceil(Math.min(all / processes, 100 * block) / block) * block;
    return Array.from({ length: Math.ceil(all / size) }, (_, i) => ({ target: name, from: i * size, to: Math.min(all, (i + 1) * size) }));
  });
}

/** One process after the other takes what is left; a fresh one for each part, so that memory tells of leaks within it. */
async function work(): Promise<void> {
  for (let slice = left.pop(); slice !== undefined && failures.length === 0; slice = left.pop()) await run(slice);
}

function run({ target, from, to }: Slice): Promise<void> {
  const child = fork(join(import.meta.dirname, 'targets.ts'), [target, String(seed), String(from), String(to)]);
  let isDone = false;
  let silentMs = 0;
  // Counted in looks of our own: a machine that was stopped is no process that hangs.
  const timer = setInterval(() => {
    silentMs += LOOK_MS;
    if (silentMs < SILENT_MS) return;
    clearInterval(timer);
    failures.push(`${target}: seed ${seed}, cases ${from} to ${to - 1}: nothing was heard for ${SILENT_MS / 1000} s`);
    child.kill('SIGKILL');
  }, LOOK_MS);
  child.on('message', (said: Said) => {
    silentMs = 0;
    rssMbMax = Math.max(rssMbMax, said.rssMb);
    if (said.rssMb > RSS_MB_MAX) failures.push(`${target}: cases ${from} to ${to - 1}: the process takes ${said.rssMb} MB`);
    if (said.said === 'failed') failures.push(said.problem);
    if (said.said !== 'done') return;
    isDone = true;
    const sum = found[target] ?? { cases: 0, seconds: 0, reasons: {} };
    found[target] = sum;
    sum.cases += to - from;
    sum.seconds += said.seconds;
    for (const [reason, count] of Object.entries(said.reasons)) sum.reasons[reason] = (sum.reasons[reason] ?? 0) + count;
    done += to - from;
    const rate = Math.round(done / ((performance.now() - begunMs) / 1000));
    process.stderr.write(`fuzz: ${done} of ${wanted} cases, ${rate}/s, ${rssMbMax} MB at most, ${failures.length} failures\n`);
  });
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      clearInterval(timer);
      if (!isDone && failures.length === 0)
        failures.push(`${target}: seed ${seed}, cases ${from} to ${to - 1}: the process ended with ${signal ?? code}`);
      resolve();
    });
  });
}

function report(): void {
  const seconds = Math.round((performance.now() - begunMs) / 1000);
  const date = new Date().toISOString();
  const summary = {
    campaign: 'fuzz',
    seed,
    processes,
    cases: done,
    seconds,
    casesPerSecond: Math.round(done / Math.max(1, seconds)),
    check: failures.length === 0 && done >= wanted ? 'held' : 'failed',
    rssMbMax,
    targets: found,
    failures,
    date,
    commit: describeCommit(join(import.meta.dirname, '../..')),
    machine: describeMachine(),
  };
  process.stdout.write(`${JSON.stringify(summary)}\n`);
  if (!values.dry && values.case === undefined) {
    const folder = join(import.meta.dirname, '../../bench/results');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `fuzz-${date.replace(/[:.]/g, '').slice(0, 17)}.json`), `${JSON.stringify(summary, null, 1)}\n`);
  }
  process.exitCode = summary.check === 'held' ? 0 : 1;
}
