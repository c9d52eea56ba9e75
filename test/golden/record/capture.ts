/**
 * Makes the golden files anew: runs Apache Kafka, has each client produce the records of cases.ts, and copies the segments that the broker
 * wrote. Needs Java, Maven, npm, and a Python that can make virtual environments:
 *
 *   node test/golden/record/capture.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runJava, startKafkaBroker } from '../../interop/java.ts';
import { type GoldenFile, type GoldenRecord, goldenFiles, goldenLarge, goldenRecords } from './cases.ts';

const here = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), 'spillway-golden-'));
const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });

// A field is '-' for null, else '=' and base64; fields stand between tabs, records on lines.
const field = (bytes: Buffer | null) => (bytes === null ? '-' : `=${bytes.toString('base64')}`);
const line = ({ timestampMs, key, value, headers }: GoldenRecord) =>
  [timestampMs, field(key), field(value), ...headers.flatMap(([name, bytes]) => [field(Buffer.from(name)), field(bytes)])].join('\t');

function writeRecords(name: string, records: GoldenRecord[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${records.map(line).join('\n')}\n`);
  return path;
}

const smallPath = writeRecords('small.tsv', goldenRecords);
const largePath = writeRecords('large.tsv', goldenLarge);

function writeTasks(client: GoldenFile['client']): string {
  const path = join(folder, `${client}.tasks`);
  const tasks = goldenFiles.filter((file) => file.client === client);
  const text = tasks.map((file) => `${file.records === goldenLarge ? largePath : smallPath} ${file.name} ${file.codec} ${file.transactional}\n`);
  writeFileSync(path, text.join(''));
  return path;
}

const broker = await startKafkaBroker({ settings: { 'log.retention.ms': '-1', 'auto.create.topics.enable': 'false' } });
try {
  for (const { name, logAppendTime } of goldenFiles) {
    const config = logAppendTime ? ['--config', 'message.timestamp.type=LogAppendTime'] : [];
    const topic = ['--bootstrap-server', broker.bootstrap, '--create', '--topic', name, '--partitions', '1', ...config];
    await runJava('org.apache.kafka.tools.TopicCommand', topic);
  }
  await runJava(join(here, 'Produce.java'), [broker.bootstrap, writeTasks('java')]);

  run('python3', '-m', 'venv', 'python');
  run('python/bin/pip', 'install', '--quiet', 'confluent-kafka==2.16.1');
  run('python/bin/python', join(here, 'produce.py'), broker.bootstrap, writeTasks('librdkafka'));

  writeFileSync(join(folder, 'package.json'), '{}');
  run('npm', 'install', '--silent', '@platformatic/kafka@2.12.1');
  run(process.execPath, join(here, 'produce.mjs'), broker.bootstrap, writeTasks('platformatic'));

  for (const { name } of goldenFiles) {
    // A batch whose timestamp lies a week after the first one's begins a segment of its own: a transaction's marker does.
    const partition = join(broker.logFolder, `${name}-0`);
    const segments = readdirSync(partition).filter((file) => file.endsWith('.log')).sort();
    writeFileSync(join(here, `${name}.log`), Buffer.concat(segments.map((file) => readFileSync(join(partition, file)))));
  }
} finally {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
}
