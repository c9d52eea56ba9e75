/**
 * `npm run crash`: at length, crash images and failing calls of the log, every damage of a sample of its files, and a producing process
 * killed again and again. Prints one JSON line and writes it to bench/results.
 *
 *   --images N    distinct crash images to reach (default 20,000)
 *   --faults N    workload seeds whose every storage call is failed in every way (default 1)
 *   --kills N     SIGKILLs of a producing process (default 500)
 *   --seed N      the first seed (default 1)
 *   --dry         no file in bench/results
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { changesOf, prove } from '../log/prove.ts';
import { files } from '../log/sample.ts';
import { crashEverywhere, type FaultCounts, failEverywhere } from './campaign.ts';
import { killAgainAndAgain } from './kill.ts';

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '20000' },
    faults: { type: 'string', default: '1' },
    kills: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    dry: { type: 'boolean', default: false },
  },
});
const imagesMin = Number(values.images);
const seed = Number(values.seed);

const root = join(import.meta.dirname, '../..');
const machine = describeMachine();
const begun = performance.now();
const seen = new Set<string>();
const images = { calls: 0, images: 0, distinct: 0, crashedTwice: 0, workloads: 0, failures: [] as string[] };
for (let next = seed; images.distinct < imagesMin && images.failures.length === 0; next++) {
  const counts = crashEverywhere({ seed: next, variants: 3, every: 1, twiceEvery: 50 }, seen);
  images.workloads++;
  for (const key of ['calls', 'images', 'distinct', 'crashedTwice'] as const) images[key] += counts[key];
  images.failures.push(...counts.failures);
  process.stderr.write(`crash: ${images.distinct} distinct images of ${images.images}, ${images.failures.length} failures\n`);
}

const faults: Record<string, FaultCounts> = {};
for (let next = seed; next < seed + Number(values.faults); next++) {
  for (const fault of ['EIO', 'ENOSPC', 'short'] as const) add(fault, failEverywhere(next, 1, [fault], 1));
  add('lasting', failEverywhere(next, 11, ['ENOSPC', 'EIO'], 40));
}

function add(name: string, counts: FaultCounts): void {
  const known = faults[name] ?? { calls: 0, runs: 0, failures: [] };
  faults[name] = { calls: known.calls + counts.calls, runs: known.runs + counts.runs, failures: [...known.failures, ...counts.failures] };
  process.stderr.write(`crash: ${name} at every call: ${faults[name].runs} runs, ${faults[name].failures.length} failures\n`);
}

const killFolder = mkdtempSync(join(tmpdir(), 'spillway-kills-'));
const kills = await killAgainAndAgain(killFolder, Number(values.kills), seed, (report) => {
  if (report.kills % 25 === 0) process.stderr.write(`crash: ${report.kills} kills, ${report.acknowledged} records acknowledged\n`);
});
rmSync(killFolder, { recursive: true, force: true });

const flips = { changes: 0, failures: [] as string[] };
for (const path of files.keys()) {
  for (const change of changesOf(path, true)) {
    flips.changes++;
    try {
      prove(change);
    } catch (error) {
      flips.failures.push(`${JSON.stringify(change)}: ${error instanceof Error ? error.message : error}`);
    }
  }
}
process.stderr.write(`crash: ${flips.changes} damaged files, ${flips.failures.length} failures\n`);

const failures = [...flips.failures, ...images.failures, ...kills.problems, ...Object.values(faults).flatMap((counts) => counts.failures)];
const date = new Date().toISOString();
const summary = {
  campaign: 'crash',
  seed,
  images: { ...images, failures: images.failures.length },
  faults: Object.fromEntries(Object.entries(faults).map(([name, { runs, failures }]) => [name, { runs, failures: failures.length }])),
  kills: { ...kills, problems: kills.problems.length },
  damaged: { files: files.size, changes: flips.changes, failures: flips.failures.length },
  seconds: Math.round((performance.now() - begun) / 1000),
  check: failures.length === 0 && images.distinct >= imagesMin ? 'held' : 'failed',
  failures: failures.slice(0, 20),
  date,
  commit: describeCommit(root),
  machine,
};
process.stdout.write(`${JSON.stringify(summary)}\n`);
if (!values.dry) {
  const folder = join(root, 'bench/results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `crash-${date.replace(/[:.]/g, '').slice(0, 17)}.json`), `${JSON.stringify(summary, null, 1)}\n`);
}
process.exitCode = summary.check === 'held' ? 0 : 1;
