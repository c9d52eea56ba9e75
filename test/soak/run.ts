/**
 * `npm run soak`: eight consumers of a group that come and go, a producer at half the bus's rate. Writes the samples and what became of memory,
 * handles and delays to bench/results, as JSON and as an SVG plot.
 *
 *   --minutes N   (default 20; below 5 only losses are judged, not whether memory, handles and delays stay)
 *   --seed N      (default 1)
 *   --out FOLDER  (default bench/results)
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { plot } from './plot.ts';
import { soak } from './soak.ts';
import { judge } from './verdict.ts';

const root = join(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: join(root, 'bench/results') },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  process.stderr.write(`soak: --minutes is a number above 0, not "${values.minutes}"\n`);
  process.exit(2);
}
const seed = Number(values.seed);
const machine = describeMachine();
const commit = describeCommit(root);
const dir = mkdtempSync(join(tmpdir(), 'spillway-soak-'));
const { samples, problems, ...counts } = await soak({
  dir,
  seconds: minutes * 60,
  calibrationSeconds: 5,
  lifeSeconds: 15,
  sampleSeconds: 5,
  seed,
  progress: ({ second, rssMb, p99Ms, members, lag }) => {
    if (second % 60 < 5) process.stderr.write(`soak: ${second} s, RSS ${rssMb} MiB, p99 ${p99Ms} ms, ${members} members, lag ${lag}\n`);
  },
});
rmSync(dir, { recursive: true, force: true });
const { problems: rising, ...trends } = judge(samples);
// Memory is filled and code compiled during the first minutes: a run that is little longer cannot say what stays.
const isLong = minutes >= 5;
const notFlat = isLong ? rising : [];
const flat = isLong ? rising.length === 0 : 'too short to say';
const date = new Date().toISOString();
const check = problems.length + notFlat.length === 0 ? 'held' : 'failed';
const all = [...problems.slice(0, 20), ...notFlat];
const summary = { campaign: 'soak', minutes, seed, check, flat, ...counts, ...trends, problems: all, date, commit, machine };
process.stdout.write(`${JSON.stringify(summary)}\n`);
mkdirSync(values.out, { recursive: true });
const name = join(values.out, `soak-${date.replace(/[:.]/g, '').slice(0, 17)}`);
const lines = samples.map((sample) => `  ${JSON.stringify(sample)}`).join(',\n');
writeFileSync(`${name}.json`, `${JSON.stringify(summary, null, 1).slice(0, -2)},\n "samples": [\n${lines}\n ]\n}\n`);
const title = `Spillway, ${minutes} min: ${counts.rate} records/s (half of ${counts.busRate}), ${counts.joined} joins, ${counts.left} leaves, ${counts.handled} handled`;
writeFileSync(`${name}.svg`, plot(title, samples));
process.exitCode = check === 'held' ? 0 : 1;
