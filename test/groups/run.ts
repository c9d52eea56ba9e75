/**
 * `npm run groups`: many lives of groups with random members of both protocols against the pure core, until so many rebalances have
 * been seen. Prints one JSON line and writes it to bench/results; a failure names its seed.
 *
 *   --rebalances N   how many rebalances to reach (default 100,000)
 *   --seed N         the first seed (default 1)
 *   --one            only this seed, told in full
 *   --dry            no file in bench/results
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { liveOnce, SESSION_MS } from './campaign.ts';

const { values } = parseArgs({
  options: {
    rebalances: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    one: { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
  },
});
const STEPS = 200;
const root = join(import.meta.dirname, '../..');
const machine = describeMachine();
const begun = performance.now();
const totals = { lives: 0, steps: 0, rebalances: 0, restarts: 0, migrations: 0, fenced: 0, settledMsMax: 0 };
const failures: string[] = [];

if (values.one) {
  process.stdout.write(`${JSON.stringify(liveOnce(Number(values.seed), STEPS))}\n`);
} else {
  for (let seed = Number(values.seed); totals.rebalances < Number(values.rebalances) && failures.length < 20; seed++) {
    live(seed);
    if (totals.lives % 500 === 0) process.stderr.write(`groups: ${totals.rebalances} rebalances, ${failures.length} failures\n`);
  }
  report();
}

function live(seed: number): void {
  totals.lives++;
  try {
    const { steps, rebalances, restarts, migrations, fenced, settledMs } = liveOnce(seed, STEPS);
    totals.steps += steps;
    totals.rebalances += rebalances;
    totals.restarts += restarts;
    totals.migrations += migrations;
    totals.fenced += fenced;
    totals.settledMsMax = Math.max(totals.settledMsMax, settledMs);
  } catch (error) {
    failures.push(error instanceof Error ? (error.stack ?? error.message).slice(0, 4000) : String(error));
  }
}

function report(): void {
  const date = new Date().toISOString();
  const summary = {
    campaign: 'groups',
    seed: Number(values.seed),
    ...totals,
    sessionTimeoutMs: SESSION_MS,
    seconds: Math.round((performance.now() - begun) / 1000),
    check: failures.length === 0 && totals.rebalances >= Number(values.rebalances) ? 'held' : 'failed',
    failures,
    date,
    commit: describeCommit(root),
    machine,
  };
  process.stdout.write(`${JSON.stringify(summary)}\n`);
  if (!values.dry) {
    const folder = join(root, 'bench/results');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `groups-${date.replace(/[:.]/g, '').slice(0, 17)}.json`), `${JSON.stringify(summary, null, 1)}\n`);
  }
  process.exitCode = summary.check === 'held' ? 0 : 1;
}
