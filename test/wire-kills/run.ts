/**
 * `npm run wire-kills`: kills `spillway run` with SIGKILL under clients of Apache Kafka, of librdkafka where a Python with confluent-kafka is named, and
 * of our own. Prints one JSON line and writes it to bench/results.
 *
 *   --kills N         (default 100)
 *   --seed N          (default 1)
 *   --rate N          records per second of each producer, at most (default 2000)
 *   --python PATH     a Python that has confluent-kafka
 *   --clients LIST    of java, librdkafka, node (default java,node, and librdkafka with --python)
 *   --dry             no file in bench/results
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { type Clients, javaClients, librdkafkaClients } from './clients.ts';
import { freePort, killUnderClients } from './kill.ts';
import { nodeClients } from './node-clients.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    rate: { type: 'string', default: '2000' },
    python: { type: 'string' },
    clients: { type: 'string' },
    dry: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const rate = Number(values.rate);
const { python } = values;
const names = (values.clients ?? (python === undefined ? 'java,node' : 'java,librdkafka,node')).split(',');
const known: Record<string, (() => Clients) | undefined> = {
  java: () => javaClients(rate),
  node: () => nodeClients,
  librdkafka: python === undefined ? undefined : () => librdkafkaClients(python, rate),
};
const clients = names.flatMap((name) => known[name]?.() ?? []);
if (clients.length < names.length) {
  console.error(`usage: npm run wire-kills -- --clients java,librdkafka,node --python PATH: of "${names}" not all can be had`);
  process.exit(2);
}

const root = join(import.meta.dirname, '../..');
const machine = describeMachine();
const begunMs = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'spillway-wire-kills-'));
const report = await killUnderClients({
  dir: join(folder, 'data'),
  port: await freePort(),
  kills: Number(values.kills),
  seed,
  clients,
  progress: ({ kills, acknowledged, given, problems }) => {
    if (kills % 5 === 0)
      process.stderr.write(`wire-kills: ${kills} kills, ${acknowledged} acknowledged, ${given} given, ${problems.length} problems\n`);
  },
});
if (report.problems.length === 0) rmSync(folder, { recursive: true, force: true });
else process.stderr.write(`wire-kills: the folder is ${folder}\n`);
const date = new Date().toISOString();
const summary = {
  campaign: 'wire-kills',
  seed,
  clients: names,
  seconds: Math.round((performance.now() - begunMs) / 1000),
  check: report.problems.length === 0 && report.kills >= Number(values.kills) ? 'held' : 'failed',
  ...report,
  date,
  commit: describeCommit(root),
  machine,
};
process.stdout.write(`${JSON.stringify(summary)}\n`);
if (!values.dry) {
  const results = join(root, 'bench/results');
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `wire-kills-${date.replace(/[:.]/g, '').slice(0, 17)}.json`), `${JSON.stringify(summary, null, 1)}\n`);
}
process.exit(summary.check === 'held' ? 0 : 1);
