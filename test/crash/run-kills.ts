/**
 * The program of the kills: `node test/crash/run-kills.ts [--kills N] [--seed S]`. Prints progress, ends with a JSON line, leaves its
 * result in bench/results.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killAgainAndAgain } from './kill.ts';

const { values } = parseArgs({ options: { kills: { type: 'string', default: '500' }, seed: { type: 'string', default: '1' } } });
const dir = mkdtempSync(join(tmpdir(), 'spillway-kills-'));
const startedMs = performance.now();
const report = await killAgainAndAgain(dir, Number(values.kills), Number(values.seed), ({ kills, acknowledged, verified }) => {
  if (kills % 25 === 0) console.log(`${kills} kills, ${acknowledged} records acknowledged, ${verified} times found again`);
});
rmSync(dir, { recursive: true, force: true });
const summary = { campaign: 'kills', seed: Number(values.seed), seconds: Math.round((performance.now() - startedMs) / 1000), ...report };
console.log(JSON.stringify(summary));
const folder = join(import.meta.dirname, '../../bench/results');
mkdirSync(folder, { recursive: true });
writeFileSync(
  join(folder, `kills-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.json`),
  `${JSON.stringify(summary, null, 1)}\n`,
);
process.exitCode = report.problems.length === 0 ? 0 : 1;
