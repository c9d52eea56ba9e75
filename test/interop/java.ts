/**
 * Apache Kafka itself, as a witness: its jars from Maven Central, its classes run on the machine's Java, and a broker of one node.
 *
 * Nothing of Kafka is committed. `mvn` fetches the jars once into test/.cache/kafka/. Where there is no Java or Maven, tests that need
 * them are skipped with `javaSkipReason`; with CI set they never are.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const kafkaVersion = '4.1.1';

const cacheFolder = join(import.meta.dirname, '..', '.cache');
const jarFolder = join(cacheFolder, `kafka-${kafkaVersion}`);
// A short-lived JVM starts twice as fast without the optimising compiler.
const brief = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];
export const shortLived = [
  ...brief,
  '-Dorg.apache.logging.log4j.level=OFF',
  '-Dlog4j2.statusLoggerLevel=OFF',
  '-Dfile.encoding=UTF-8',
  '-Dsun.stdout.encoding=UTF-8',
];

/** Why tests that need Java cannot run here, or null when they can. Null in CI: there they fail rather than skip. */
export const javaSkipReason: string | null = process.env.CI ? null : missingTool();

function missingTool(): string | null {
  for (const [tool, flag] of [
    ['java', '-version'],
    ['javac', '-version'],
    ['mvn', '--version'],
  ]) {
    if (spawnSync(tool, [flag], { stdio: 'ignore' }).status !== 0) return `this machine has no ${tool}`;
  }
  return null;
}

/** The class path that holds the broker, its tools and the Java client. Fetches the jars when they are not there yet (some 50 MB). */
export function kafkaClasspath(): string {
  if (!existsSync(jarFolder)) fetchJars();
  return join(jarFolder, '*');
}

/** The path of one jar: `kafkaJar('kafka-clients')`. */
export function kafkaJar(artifact: string): string {
  kafkaClasspath();
  const name = readdirSync(jarFolder).find((file) => file === `${artifact}-${kafkaVersion}.jar`);
  if (name === undefined) throw new Error(`Kafka ${kafkaVersion} has no jar ${artifact}`);
  return join(jarFolder, name);
}

function fetchJars(): void {
  mkdirSync(cacheFolder, { recursive: true });
  const lockPath = `${jarFolder}.lock`;
  while (!existsSync(jarFolder)) {
    // Several test processes may come here at once, and Maven's own repository takes no two writers: one fetches, the rest wait.
    if (!lock(lockPath)) {
      pause(200);
      continue;
    }
    const folder = mkdtempSync(join(cacheFolder, 'fetching-'));
    try {
      if (!existsSync(jarFolder)) renameSync(fetchInto(folder), jarFolder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
      rmSync(lockPath, { force: true });
    }
  }
}

function fetchInto(folder: string): string {
  const artifact = (group: string, name: string, version: string) =>
    `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;
  const artifacts = [
    artifact('org.apache.kafka', 'kafka_2.13', kafkaVersion),
    artifact('org.apache.kafka', 'kafka-tools', kafkaVersion),
    artifact('org.apache.logging.log4j', 'log4j-slf4j-impl', '2.24.3'),
  ];
  writeFileSync(
    join(folder, 'pom.xml'),
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>spillway</groupId>
<artifactId>witness</artifactId><version>1</version><dependencies>${artifacts.join('\n')}</dependencies></project>`,
  );
  const args = ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=jars', '-DincludeScope=runtime'];
  const { status, stdout, stderr, error } = spawnSync('mvn', args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`mvn could not fetch Kafka ${kafkaVersion}: ${error ?? ''}\n${stdout}${stderr}`);
  return join(folder, 'jars');
}

/** Whether the lock is ours now. That of a dead process is taken away. */
export function lock(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}`, { flag: 'wx' });
    return true;
  } catch {
    const owner = Number(readIfThere(path));
    if (owner > 0 && !isAlive(owner)) rmSync(path, { force: true });
    return false;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Runs a class of Kafka's, or a single source file (`path/Name.java`), to its end. Rejects on a nonzero exit. */
export function runJava(main: string, args: readonly string[], stdin?: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const command = [...shortLived, '-cp', kafkaClasspath(), main, ...args];
  const child = execFile('java', command, { maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else reject(new Error(`java ${main} failed: ${error.message}\n${stderr}`, { cause: error }));
  });
  child.stdin?.end(stdin);
  return promise;
}

export interface KafkaBroker {
  /** host:port for clients. */
  bootstrap: string;
  /** Holds one folder per partition, `<topic>-<partition>`. */
  logFolder: string;
  pid: number;
  stop(): Promise<void>;
}

/** Starts a broker of one node (KRaft, no replicas) with its data in a temporary folder; ready for clients when the promise resolves. */
export async function startKafkaBroker({
  settings = {} as Record<string, string>,
  heapMb = 512,
  /** Flags of its JVM, where they are not those of one that starts fast and does little. */
  flags = brief as readonly string[],
  /** Where its folder is made. */
  within = tmpdir(),
  /** Called when its process has been started, and is not ready yet. */
  started = (_port: number): void => {},
  readyWithinMs = 180_000,
} = {}): Promise<KafkaBroker> {
  const folder = mkdtempSync(join(within, 'spillway-kafka-'));
  const [port, controllerPort] = await Promise.all([freePort(), freePort()]);
  const voters = `1@127.0.0.1:${controllerPort}`;
  const node = new KafkaNode({ id: 1, folder, port, controllerPort, voters, heapMb, flags, settings });
  async function stop(): Promise<void> {
    await node.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  try {
    await node.format();
    const ready = node.start(readyWithinMs);
    started(port);
    await ready;
  } catch (error) {
    await stop();
    throw error;
  }
  return { bootstrap: node.bootstrap, logFolder: node.logFolder, pid: node.pid, stop };
}

export interface NodeOptions {
  id: number;
  /** For its settings and its data. */
  folder: string;
  port: number;
  controllerPort: number;
  /** Controllers of the cluster: `ID@HOST:PORT,…`. */
  voters: string;
  heapMb: number;
  /** Flags of its JVM, where they are not those of one that starts fast and does little. */
  flags?: readonly string[];
  settings: Readonly<Record<string, string>>;
}

/** One Kafka process, broker and controller at once, which can be killed and started again over its data. */
export class KafkaNode {
  readonly id: number;
  /** host:port for clients. */
  readonly bootstrap: string;
  readonly logFolder: string;
  readonly #options: NodeOptions;
  readonly #propertiesPath: string;
  readonly #loggingPath: string;
  #child: ChildProcess | null = null;
  readonly #killWithUs = (): void => void this.#child?.kill('SIGKILL');

  constructor(options: NodeOptions) {
    const { id, folder, port, controllerPort, voters, settings } = options;
    this.id = id;
    this.bootstrap = `127.0.0.1:${port}`;
    this.logFolder = join(folder, 'data');
    this.#options = options;
    this.#propertiesPath = join(folder, 'server.properties');
    this.#loggingPath = join(folder, 'log4j2.properties');
    const properties = {
      'process.roles': 'broker,controller',
      'node.id': `${id}`,
      'controller.quorum.voters': voters,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
      'log.dirs': this.logFolder,
      'num.partitions': '1',
      'offsets.topic.replication.factor': '1',
      'offsets.topic.num.partitions': '1',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'transaction.state.log.num.partitions': '1',
      'share.coordinator.state.topic.replication.factor': '1',
      'share.coordinator.state.topic.min.isr': '1',
      'group.initial.rebalance.delay.ms': '0',
      ...settings,
    };
    writeFileSync(
      this.#propertiesPath,
      Object.entries(properties)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    writeFileSync(
      this.#loggingPath,
      'status=off\nappender.console.type=Console\nappender.console.name=console\nappender.console.layout.type=PatternLayout\n' +
        'appender.console.layout.pattern=%p %m%n\nrootLogger.level=warn\nrootLogger.appenderRef.console.ref=console\n' +
        'logger.server.name=kafka.server.KafkaRaftServer\nlogger.server.level=info\n',
    );
    process.once('exit', this.#killWithUs);
  }

  get pid(): number {
    return this.#child?.pid as number;
  }

  /** Makes its data folder, for the same cluster each time. */
  async format(): Promise<void> {
    await runJava('kafka.tools.StorageTool', ['format', '-t', 'c3BpbGx3YXktd2l0bmVzcw', '-c', this.#propertiesPath]);
  }

  /** Resolves when it serves clients. */
  async start(readyWithinMs: number): Promise<void> {
    const { heapMb, flags: more = brief } = this.#options;
    const flags = [`-Xmx${heapMb}m`, ...more, `-Dlog4j2.configurationFile=${this.#loggingPath}`];
    const child = spawn('java', [...flags, '-cp', kafkaClasspath(), 'kafka.Kafka', this.#propertiesPath], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    await says(child, 'Kafka Server started', readyWithinMs);
  }

  /** As a machine that loses its power. */
  async kill(): Promise<void> {
    if (this.#child !== null) await end(this.#child, 'SIGKILL');
  }

  async stop(): Promise<void> {
    if (this.#child !== null) await end(this.#child, 'SIGTERM');
    process.off('exit', this.#killWithUs);
  }
}

/** Resolves when the process prints `text`; keeps reading after that, so that its pipes never fill. */
function says(child: ChildProcess, text: string, withinMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = '';
  let heard = false;
  const listen = (chunk: Buffer) => {
    if (heard) return;
    said += chunk;
    heard = said.includes(text);
    if (heard) resolve();
  };
  child.stdout?.on('data', listen);
  child.stderr?.on('data', listen);
  child.once('exit', (code) => reject(new Error(`Kafka exited with ${code} before it was ready:\n${said.slice(-4000)}`)));
  const timer = setTimeout(() => reject(new Error(`Kafka was not ready within ${withinMs} ms:\n${said.slice(-4000)}`)), withinMs);
  return promise.finally(() => clearTimeout(timer));
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once('exit', () => resolve());
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await promise;
  clearTimeout(timer);
}

export function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
  });
  return promise;
}
