/** What is built on Kafka's clients: Streams, Connect and MirrorMaker 2, each unmodified, in processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jarsOf } from '../../bench/peers/jars.ts';
import { isFull, onBrokers, type Started, startBroker } from './brokers.ts';
import { freePort, javaSkipReason, kafkaClasspath, kafkaVersion, shortLived } from './java.ts';
import { compiled } from './jvm.ts';

const folder = mkdtempSync(join(tmpdir(), 'spillway-applications-'));
const running = new Set<ChildProcess>();
/** Class paths; fetched only where the cases run. */
let streams: string;
let connect: string;

beforeAll(() => {
  if (!isFull || javaSkipReason !== null) return;
  const jars = jarsOf(`org.apache.kafka:kafka-streams:${kafkaVersion}`);
  streams = [compiled(['streams/WordCount'], jars), jars].join(delimiter);
  const plugins = ['connect-file', 'connect-mirror'].map((name) => jarsOf(`org.apache.kafka:${name}:${kafkaVersion}`));
  connect = [kafkaClasspath(), ...plugins].join(delimiter);
}, 600_000);
afterAll(async () => {
  await Promise.all([...running].map(stop));
  rmSync(folder, { recursive: true, force: true });
});

interface Java {
  child: ChildProcess;
  /** What it has said so far, both streams. */
  said(): string;
  ended: Promise<unknown>;
}

function java(classpath: string, main: string, args: readonly string[]): Java {
  const child = spawn('java', ['-Xmx512m', ...shortLived, '-cp', classpath, main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      said = (said + bytes).slice(-20_000);
    });
  }
  const ended = once(child, 'close').then(() => running.delete(child));
  return { child, said: () => said, ended };
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  await ended;
}

/** What `look` gives once it is not null; with the words of the program when that takes more than a minute, or the program ends. */
async function eventually<T>(program: Java, look: () => Promise<T | null> | T | null): Promise<T> {
  for (const untilMs = Date.now() + 60_000; ; await setTimeout(200)) {
    const seen = await look();
    if (seen !== null) return seen;
    if (Date.now() > untilMs || program.child.exitCode !== null) throw new Error(`it did not come to pass: ${program.said()}`);
  }
}

function properties(name: string, settings: Readonly<Record<string, string | number | boolean>>): string {
  const path = join(folder, `${name}.properties`);
  writeFileSync(
    path,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  return path;
}

onBrokers('applications of Kafka', { skip: javaSkipReason, long: true, readyWithinMs: 600_000 }, (broker) => {
  test('Streams counts words in two instances, one of which leaves', { timeout: 180_000 }, async () => {
    const count = 20_000;
    const program = java(streams, 'WordCount', [broker.bootstrap, 'lines', String(count), join(folder, `state-${broker.kind}`)]);
    await program.ended;
    const made = ['', '-application-counts-changelog', '-application-counts-repartition', '-application-windows-changelog', '-counts'];
    const told = [`counted ${2 * count} right`, `[${made.map((name) => `lines${name}`).join(', ')}]`];
    expect(program.said().trimEnd().split('\n').slice(-2)).toEqual(told);
  });

  test('Connect, distributed: a file into a topic and the topic into a file', { timeout: 180_000 }, async () => {
    const [from, into] = ['from', 'into'].map((name) => join(folder, `${name}-${broker.kind}.txt`));
    const lines = Array.from({ length: 2000 }, (_, i) => `line ${i}\n`).join('');
    writeFileSync(from, lines);
    const at = `http://127.0.0.1:${await freePort()}`;
    const converter = 'org.apache.kafka.connect.storage.StringConverter';
    const stores = ['offset', 'config', 'status'].flatMap((name) => [
      [`${name}.storage.topic`, `connect-${name}s`],
      [`${name}.storage.replication.factor`, 1],
    ]);
    const settings = {
      'bootstrap.servers': broker.bootstrap,
      'group.id': 'connect',
      'key.converter': converter,
      'value.converter': converter,
      'offset.flush.interval.ms': 500,
      listeners: at,
      ...Object.fromEntries(stores),
    };
    const worker = java(connect, 'org.apache.kafka.connect.cli.ConnectDistributed', [properties(`connect-${broker.kind}`, settings)]);
    const ask = async (path: string, body?: Readonly<Record<string, string>>): Promise<unknown> => {
      const how = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      const answer = await fetch(at + path, body === undefined ? {} : how).catch(() => null);
      return answer?.ok ? await answer.json() : null;
    };
    await eventually(worker, () => ask('/connectors'));
    await eventually(worker, () =>
      ask('/connectors/source/config', { 'connector.class': 'FileStreamSource', file: from, topic: 'copied' }),
    );
    await eventually(worker, () => ask('/connectors/sink/config', { 'connector.class': 'FileStreamSink', file: into, topics: 'copied' }));
    const copied = () => {
      try {
        return readFileSync(into, 'utf8').length === lines.length ? true : null;
      } catch {
        return null;
      }
    };
    await eventually(worker, copied);
    expect(readFileSync(into, 'utf8')).toBe(lines);
    // How far the source has read lies in a compacted topic, and comes back out of it.
    const position = { partition: { filename: from }, offset: { position: lines.length } };
    await eventually(worker, async () =>
      JSON.stringify(await ask('/connectors/source/offsets')).includes(`${lines.length}`) ? true : null,
    );
    expect(await ask('/connectors/source/offsets')).toEqual({ offsets: [position] });
    await stop(worker.child);
  });

  test('MirrorMaker 2 copies topics and configs to a second broker, and goes on', { timeout: 240_000 }, async () => {
    const target: Started = await startBroker(broker.kind);
    try {
      const settings = {
        clusters: 'a,b',
        'a.bootstrap.servers': broker.bootstrap,
        'b.bootstrap.servers': target.bootstrap,
        'a->b.enabled': true,
        'a->b.topics': 'lines-counts',
        'a->b.refresh.topics.interval.seconds': 1,
        'b->a.enabled': false,
        'a->b.sync.topic.acls.enabled': false,
        ...Object.fromEntries(
          [
            '',
            'checkpoints.topic.',
            'heartbeats.topic.',
            'offset-syncs.topic.',
            'offset.storage.',
            'status.storage.',
            'config.storage.',
          ].map((name) => [`${name}replication.factor`, 1]),
        ),
      };
      const mirror = java(connect, 'org.apache.kafka.connect.mirror.MirrorMaker', [properties(`mirror-${broker.kind}`, settings)]);
      const reader = java(streams, 'WordCount', [target.bootstrap, 'read', 'a.lines-counts']);
      await reader.ended;
      expect(reader.said()).toContain('policy compact');
      expect(reader.said()).toContain('counted 40000');
      await stop(mirror.child);
    } finally {
      await target.stop();
    }
  });
});
