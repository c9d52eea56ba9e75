/**
 * Brokers in processes of their own, to be held against each other: `spillway run`, with topics that are `written`, and Apache Kafka as
 * its own start script starts it. How long they take to answer, what memory and CPU time they take, and Kafka's tools against either.
 */
import { execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { listOffsets } from '../src/kafka/api/02-list-offsets.ts';
import { apiVersions } from '../src/kafka/api/18-api-versions.ts';
import { createTopics } from '../src/kafka/api/19-create-topics.ts';
import { deleteTopics } from '../src/kafka/api/20-delete-topics.ts';
import { javaSkipReason, kafkaClasspath, kafkaVersion, startKafkaBroker } from '../test/interop/java.ts';
import { requestBytes, WireClient } from '../test/kafka/wire-client.ts';
import { buildPackage } from './build.ts';
import type { Bench } from './harness.ts';
import { endWithUs } from './offspring.ts';

export const KAFKA = `Apache Kafka ${kafkaVersion}`;
export const SPILLWAY = 'Spillway';

export interface Broker {
  name: string;
  pid: number;
  port: number;
  /** From the start of the process until it answered ApiVersions. */
  readyMs: number;
  stop(): Promise<void>;
}

const root = resolve(import.meta.dirname, '..');
// kafka-server-start.sh and kafka-run-class.sh of Apache Kafka 4.1.
const KAFKA_HEAP_MB = 1024;
const KAFKA_FLAGS = [
  '-server',
  '-Xms1g',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-XX:MaxInlineLevel=15',
];

/** How `spillway` is started: the package as it is built, or the sources in the dose of `npm test`. */
export interface Program {
  path: string;
  drop(): void;
}

export function programOf(bench: Bench): Program {
  if (bench.dose === 'smoke') return { path: join(root, 'bin', 'spillway.js'), drop: () => {} };
  const { dist, drop } = buildPackage();
  const folder = resolve(dist, '..');
  mkdirSync(join(folder, 'bin'));
  cpSync(join(root, 'bin', 'spillway.js'), join(folder, 'bin', 'spillway.js'));
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  return { path: join(folder, 'bin', 'spillway.js'), drop };
}

export async function startSpillway(
  bench: Bench,
  program: Program,
  settings: Readonly<Record<string, string | number>> = {},
): Promise<Broker> {
  const folder = bench.makeFolder();
  const port = await freePort();
  const given = { 'log.dirs': folder, port, 'log.durability': 'written', ...settings };
  const args = Object.entries(given).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const startMs = performance.now();
  const child = spawn(process.execPath, [program.path, 'run', '--quiet', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  endWithUs(child);
  const readyMs = await answersAfter(port, startMs, () => child.exitCode);
  const stop = async (): Promise<void> => {
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    const code = await ended;
    bench.drop(folder);
    if (code !== 0) throw new Error(`spillway run ended with ${code}`);
  };
  return { name: SPILLWAY, pid: child.pid as number, port, readyMs, stop };
}

export async function startKafka(bench: Bench): Promise<Broker> {
  const within = bench.makeFolder();
  let answers: Promise<number> | undefined;
  const started = (port: number): void => {
    answers = answersAfter(port, performance.now(), () => null);
  };
  const broker = await startKafkaBroker({ heapMb: KAFKA_HEAP_MB, flags: KAFKA_FLAGS, within, started });
  const stop = async (): Promise<void> => {
    await broker.stop();
    bench.drop(within);
  };
  return { name: KAFKA, pid: broker.pid, port: Number(broker.bootstrap.split(':')[1]), readyMs: (await answers) ?? Number.NaN, stop };
}

/** Resolves when somebody answers ApiVersions there, with how long that took since `startMs`. */
async function answersAfter(port: number, startMs: number, exitCode: () => number | null): Promise<number> {
  const hello = requestBytes(apiVersions, 0, 1, { clientSoftwareName: '', clientSoftwareVersion: '' });
  while (performance.now() - startMs < 180_000) {
    if (exitCode() !== null) throw new Error(`the broker ended with ${exitCode()} before it was ready`);
    const answered = await new Promise<boolean>((done) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(hello));
      socket.once('data', () => {
        socket.destroy();
        done(true);
      });
      socket.once('error', () => done(false));
      socket.once('end', () => done(false));
    });
    if (answered) return performance.now() - startMs;
    await new Promise((resume) => setTimeout(resume, 3));
  }
  throw new Error('the broker did not answer within three minutes');
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** CPU seconds of a process so far: its threads, and children that have ended. */
export function cpuSecondsOf({ pid }: Pick<Broker, 'pid'>): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user, system, ofChildren, systemOfChildren] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number);
  return (user + system + ofChildren + systemOfChildren) / TICKS_PER_SECOND;
}

/** Linux tells CPU time to its programs in hundredths of a second, whatever its clock. */
const TICKS_PER_SECOND = 100;

export interface BrokerMemory {
  rssMb: number;
  peakMb: number;
}

export function memoryOf({ pid }: Pick<Broker, 'pid'>): BrokerMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
  return { rssMb: mb('VmRSS'), peakMb: mb('VmHWM') };
}

/** Why this machine cannot run Kafka's tools, or tell what a process takes; null when it can. */
export const toolsSkipReason: string | null = existsSync('/proc/self/stat') ? javaSkipReason : 'this system has no /proc';

/** Runs a tool of Kafka's as its script does; resolves with what it printed. */
export function runTool(main: string, args: readonly string[], classpath: string = kafkaClasspath()): Promise<string> {
  return new Promise((done, fail) => {
    const child = execFile(
      'java',
      ['-Xmx512m', '-XX:+UseG1GC', '-cp', classpath, main, ...args],
      { maxBuffer: 1 << 26 },
      (error, out, said) => {
        if (error === null) done(out);
        else fail(new Error(`${main} failed: ${error.message}\n${out.slice(-2000)}${said.slice(-4000)}`));
      },
    );
    endWithUs(child);
  });
}

/** Makes a topic, runs `work`, and deletes it. */
export async function withTopic<T>({ port }: Broker, name: string, partitions: number, work: () => Promise<T>): Promise<T> {
  const client = await WireClient.open({ port });
  const wanted = { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await client.ask(createTopics, 7, { topics: [wanted] });
  if (topics[0].errorCode !== 0) throw new Error(`topic ${name} cannot be made: error ${topics[0].errorCode}`);
  try {
    return await work();
  } finally {
    await client.ask(deleteTopics, 5, { topics: [], topicNames: [name], timeoutMs: 30_000 });
    client.close();
  }
}

/** How many records the partitions of a topic hold. */
export async function countStored({ port }: Broker, name: string, partitions: number): Promise<number> {
  const client = await WireClient.open({ port });
  const wanted = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 }));
  const { topics } = await client.ask(listOffsets, 6, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name, partitions: wanted }],
    timeoutMs: 0,
  });
  client.close();
  return topics[0].partitions.reduce((sum, { offset, errorCode }) => (errorCode === 0 ? sum + offset : Number.NaN), 0);
}
