/**
 * `npm run eos`: kills the transfer from a topic into SQLite, and from there through an outbox into another topic, with SIGKILL. Prints one JSON
 * line and writes it to bench/results.
 *
 *   --kills N    (default 300)
 *   --seed N     (default 1)
 *   --dry        no file in bench/results
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { killTransfer } from './kill.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '300' }, seed: { type: 'string', default: '1' }, dry: { type: 'boolean', default: false } },
});
const seed = Number(values.seed);
const root = join(import.meta.dirname, '../..');
const machine = describeMachine();
const begunMs = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'spillway-eos-'));
const report = await killTransfer(join(folder, 'data'), Number(values.kills), seed, ({ kills, moved, sent }) => {
  if (kills % 25 === 0) process.stderr.write(`eos: ${kills} kills, ${moved} rows and ${sent} records compared\n`);
});
rmSync(folder, { recursive: true, force: true });
const seconds = Math.round((performance.now() - begunMs) / 1000);
const check = report.problems.length === 0 ? 'held' : 'failed';
const date = new Date().toISOString();
const summary = { campaign: 'eos', seed, seconds, check, ...report, date, commit: describeCommit(root), machine };
process.stdout.write(`${JSON.stringify(summary)}\n`);
if (!values.dry) {
  const results = join(root, 'bench/results');
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `eos-${date.replace(/[:.]/g, '').slice(0, 17)}.json`), `${JSON.stringify(summary, null, 1)}\n`);
}
process.exitCode = report.problems.length === 0 ? 0 : 1;
