/**
 * The composition root: opens a bus (arena, threads, ports), watches over its hosts, hands out producers, consumers and handles, and
 * closes it all within a deadline. No logic of the bus itself lives here.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { MiB } from './base/bytes.ts';
import { BusError, errorName } from './base/errors.ts';
import { limits } from './base/limits.ts';
import type { Admin } from './client/admin.ts';
import { ask, askCoordinator } from './client/ask.ts';
import { checkInteger, checkNames, checkOneOf } from './client/check.ts';
import { Client, publish } from './client/client.ts';
import type { Consumer } from './client/consumer.ts';
import type { ConsumerOptions } from './client/consumer-options.ts';
import type { Producer } from './client/producer.ts';
import type { ProducerOptions } from './client/producer-options.ts';
import type { ControlAnswer, CoordinatorAnswer, CoordinatorPost, PressureReport } from './coordinator/protocol.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { outboxMemory } from './dispatch/outbox.ts';
import { Pool } from './dispatch/pool.ts';
import type { HostAnswer, HostPost } from './partition/protocol.ts';
import { Arena, type ArenaHandle } from './world/arena.ts';
import { realClock } from './world/clock.ts';
import { realDisk } from './world/disk.ts';
import { type Logger, type LogLevel, pinoLogger } from './world/logger.ts';
import { availableCores, resolveFolder } from './world/machine.ts';
import { processMemory } from './world/memory.ts';
import { threadPort } from './world/port.ts';
import { realRandom } from './world/random.ts';

export interface BusOptions {
  /** The data folder; made if absent. Without it the bus lives in memory and writes nothing to disk. */
  dir?: string;
  /** Bytes that the bus may keep in memory: resident batches, batches in flight. Default 268435456, at least 16777216. */
  memoryBytesMax?: number;
  /** Partition hosts (threads). Default: cores − 1, at least 1. */
  hosts?: number;
  /** Make topics that are produced to and do not exist (Kafka: auto.create.topics.enable). Default true, as Kafka's. */
  autoCreateTopics?: boolean;
  /** Partitions of topics that do not say (Kafka: num.partitions). Default 1. */
  partitions?: number;
  /** Defaults of topics by Kafka's broker names (log.retention.ms …), and `log.durability`; see docs/configuration.md. */
  configs?: Readonly<Record<string, string | number | boolean>>;
  /** How often retention is applied (Kafka: log.retention.check.interval.ms). Default 300000. */
  retentionCheckMs?: number;
  /** How long an idempotent producer is remembered (Kafka: producer.id.expiration.ms). Default 86400000. */
  producerIdExpirationMs?: number;
  /** Log lines on standard error. Default 'warn'. */
  logLevel?: LogLevel;
}

const optionNames: readonly (keyof BusOptions)[] = [
  'dir',
  'memoryBytesMax',
  'hosts',
  'autoCreateTopics',
  'partitions',
  'configs',
  'retentionCheckMs',
  'producerIdExpirationMs',
  'logLevel',
];

/** What a worker of the user's needs to take part; pass it in `workerData` or a message, with its `transferList`. */
export interface BusHandle {
  readonly index: number;
  readonly arena: ArenaHandle;
  readonly outbox: SharedArrayBuffer;
  readonly coordinator: MessagePort;
  /** Brings the ports of hosts, now and when one is restarted. */
  readonly control: MessagePort;
  readonly hosts: number;
  readonly transferList: readonly MessagePort[];
}

/** What the bus posts to the control port of a handle. */
interface HandlePost {
  host: number;
  port: MessagePort;
}

export interface CloseReport {
  /** What could not be finished within the deadline, in words. Empty after a clean close. */
  unfinished: string[];
}

/** Share of memoryBytesMax that holds resident batches; the rest is for what is in flight and what waits for users. */
const ARENA_SHARE = 0.375;
const OUTBOX_SHARE = 0.0625;
const OUTBOX_BYTES_MAX = 64 * MiB;
const CLOSE_DEADLINE_MS = 30_000;
/** A host that dies is replaced at once, then ever later: 10 ms, 20 ms … */
const RESTART_MS = 10;
const RESTART_MS_MAX = 2000;
/** A host that lived this long has proved itself. */
const PROVEN_MS = 10_000;

interface HostThread {
  control: MessagePort | null;
  ended: Promise<void>;
  startedMs: number;
  failures: number;
  ready: boolean;
}

/** A dispatcher in some thread, as the supervisor must reach it. */
interface Attached {
  outbox: SharedArrayBuffer;
  /** Hands it the port of a host. */
  connect(host: number, port: MessagePort): void;
}

export class Bus {
  readonly #options: Required<Omit<BusOptions, 'dir' | 'configs'>> & { dir: string | null };
  readonly #arena: Arena;
  readonly #log: Logger;
  readonly #hostPool: Pool;
  readonly #coordinatorPool: Pool;
  readonly #coordinatorControl: MessagePort;
  readonly #hosts: HostThread[] = [];
  readonly #attached = new Map<number, Attached>();
  readonly #client: Client;
  readonly #opened: Promise<void>;
  #coordinatorEnded: Promise<void> = Promise.resolve();
  #resolveOpened: () => void = () => {};
  #rejectOpened: (error: BusError) => void = () => {};
  #nextDispatcher = 0;
  #closing: Promise<CloseReport> | null = null;

  /**
   * Opens a bus and resolves when every partition is ready. Rejects with a BusError: FOLDER_LOCKED (with the owner's pid),
   * FOLDER_INVALID, INVALID_ARGUMENT.
   */
  static async open(options: BusOptions = {}): Promise<Bus> {
    const bus = new Bus(options);
    try {
      await bus.#opened;
    } catch (error) {
      await bus.#abandon();
      throw error;
    }
    return bus;
  }

  private constructor(options: BusOptions) {
    this.#options = checkOptions(options);
    const { memoryBytesMax, hosts, dir, logLevel } = this.#options;
    this.#log = pinoLogger('spillway', logLevel);
    this.#arena = Arena.create({
      framesMax: Math.floor((memoryBytesMax * ARENA_SHARE) / limits.frameBytes),
      frameBytes: limits.frameBytes,
      slotsMax: limits.partitionsMax,
    });
    this.#opened = new Promise((resolve, reject) => {
      this.#resolveOpened = resolve;
      this.#rejectOpened = reject;
    });
    this.#hostPool = new Pool(entryOf('partition-host'), hosts);
    this.#coordinatorPool = new Pool(entryOf('coordinator'), 1);
    const control = new MessageChannel();
    this.#coordinatorControl = control.port1;
    this.#startCoordinator(control.port2, {
      folder: dir,
      arena: this.#arena.handle,
      hosts,
      defaults: busConfigs(options),
      memoryBytesMax,
      logLevel,
    });
    for (let host = 0; host < hosts; host++) this.#startHost(host, 0);
    this.#client = this.#attachMain();
  }

  /** A producer on this thread. */
  producer<K = string | Uint8Array, V = unknown>(options: ProducerOptions<K, V> = {}): Producer<K, V> {
    return this.#client.producer(options);
  }

  /** A consumer on this thread. */
  consumer<K = string | Uint8Array, V = unknown>(options: ConsumerOptions<K, V> = {}): Consumer<K, V> {
    return this.#client.consumer(options);
  }

  admin(): Admin {
    return this.#client.admin();
  }

  /** How full the bus is, and why it slows down if it does. */
  pressure(): Promise<PressureReport> {
    return this.#client.pressure();
  }

  get closed(): boolean {
    return this.#closing !== null;
  }

  /** Lets a worker of yours take part: there, `attach(handle)` gives producers and consumers. One handle per worker. */
  handle(): BusHandle {
    if (this.closed) throw new BusError('CLOSED', 'the bus is closed');
    if (this.#attached.size >= limits.dispatchersMax) {
      throw new BusError('LIMIT_REACHED', `a bus has at most ${limits.dispatchersMax} dispatchers; close handles that are not used`);
    }
    const { hosts, memoryBytesMax } = this.#options;
    const coordinator = new MessageChannel();
    const control = new MessageChannel();
    const outbox = makeOutbox(memoryBytesMax);
    const index = this.#attach(coordinator.port2, {
      outbox,
      connect: (host, port) => control.port1.postMessage({ host, port } satisfies HandlePost, [port]),
    });
    control.port1.on('close', () => this.#attached.delete(index));
    control.port1.unref();
    const transferList = [coordinator.port1, control.port2];
    return { index, arena: this.#arena.handle, outbox, coordinator: coordinator.port1, control: control.port2, hosts, transferList };
  }

  /**
   * Drains and closes: producers flush, memory topics are written out, files are synced, threads end. Resolves within `deadlineMs`
   * (default 30000) with what could not be finished. Closing twice is closing once.
   */
  close({ deadlineMs = CLOSE_DEADLINE_MS }: { deadlineMs?: number } = {}): Promise<CloseReport> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Threads of the partition hosts: for tests and tools that kill one. */
  get hostThreads(): readonly { terminate(): Promise<number>; threadId: number }[] {
    return this.#hostPool.threads;
  }

  // Threads.

  #startCoordinator(control: MessagePort, data: object): void {
    this.#coordinatorControl.on('message', (answer: ControlAnswer) => this.#coordinatorSaid(answer));
    this.#coordinatorEnded = this.#coordinatorPool.run({ ...data, control }, [control]).catch((error: unknown) => {
      this.#log.error({ error: String(error) }, 'the coordinator died');
      this.#rejectOpened(new BusError('COORDINATOR_NOT_AVAILABLE', `the coordinator died: ${String(error)}`, { cause: error }));
      publish('coordinator', { state: 'down', error: String(error) });
      this.#client.dispatcher.close();
    });
  }

  #coordinatorSaid(answer: ControlAnswer): void {
    if (answer.control === 'refused') return this.#rejectOpened(new BusError(errorName(answer.error), answer.message));
    if (answer.control !== 'hostReady') return;
    this.#hosts[answer.host].ready = true;
    if (this.#hosts.every(({ ready }) => ready)) this.#resolveOpened();
  }

  #startHost(host: number, failures: number): void {
    const { dir, retentionCheckMs, producerIdExpirationMs, logLevel } = this.#options;
    const control = new MessageChannel();
    const successor = this.#hosts[host] !== undefined;
    const data = {
      index: host,
      folder: dir,
      arena: this.#arena.handle,
      successor,
      retentionCheckMs,
      producerIdExpirationMs,
      logLevel,
      control: control.port2,
    };
    const thread: HostThread = {
      control: control.port1,
      ended: Promise.resolve(),
      startedMs: realClock.monotonicMs(),
      failures,
      ready: false,
    };
    this.#hosts[host] = thread;
    thread.ended = this.#hostPool.run(data, [control.port2]).catch((error: unknown) => this.#hostDied(host, thread, error));
    control.port1.unref();
    const toCoordinator = new MessageChannel();
    control.port1.postMessage({ port: toCoordinator.port2, outbox: null, isCoordinator: true }, [toCoordinator.port2]);
    this.#coordinatorControl.postMessage({ control: 'hostUp', host, port: toCoordinator.port1 }, [toCoordinator.port1]);
    for (const attached of this.#attached.values()) this.#connect(host, attached);
  }

  #connect(host: number, attached: Attached): void {
    const channel = new MessageChannel();
    this.#hosts[host].control?.postMessage({ port: channel.port2, outbox: attached.outbox, isCoordinator: false }, [channel.port2]);
    attached.connect(host, channel.port1);
  }

  #hostDied(host: number, thread: HostThread, error: unknown): void {
    thread.control?.close();
    thread.control = null;
    if (this.#closing !== null) return;
    const lived = realClock.monotonicMs() - thread.startedMs;
    const failures = lived > PROVEN_MS ? 1 : thread.failures + 1;
    const afterMs = Math.min(RESTART_MS_MAX, RESTART_MS * 2 ** (failures - 1));
    this.#log.error({ host, error: String(error), failures, afterMs }, 'a partition host died and is being restarted');
    publish('host', { host, state: 'down', error: String(error), failures });
    realClock.after(
      afterMs,
      () => {
        if (this.#closing === null) this.#startHost(host, failures);
      },
      true,
    );
  }

  // Dispatchers.

  #attachMain(): Client {
    const { memoryBytesMax } = this.#options;
    const coordinator = new MessageChannel();
    const outbox = makeOutbox(memoryBytesMax);
    const dispatcher = new Dispatcher({
      index: this.#nextDispatcher,
      clock: realClock,
      random: realRandom,
      disk: realDisk,
      arena: this.#arena,
      outbox,
      coordinator: threadPort<CoordinatorPost, CoordinatorAnswer>(coordinator.port1),
      memory: processMemory,
    });
    this.#attach(coordinator.port2, {
      outbox,
      connect: (host, port) => dispatcher.hostUp(host, threadPort<HostPost, HostAnswer>(port)),
    });
    return new Client(dispatcher);
  }

  #attach(coordinatorPort: MessagePort, attached: Attached): number {
    const index = this.#nextDispatcher++;
    this.#attached.set(index, attached);
    this.#coordinatorControl.postMessage({ control: 'dispatcherUp', dispatcher: index, port: coordinatorPort }, [coordinatorPort]);
    for (let host = 0; host < this.#hosts.length; host++) if (this.#hosts[host].control !== null) this.#connect(host, attached);
    return index;
  }

  // Closing.

  async #close(deadlineMs: number): Promise<CloseReport> {
    const endMs = realClock.monotonicMs() + deadlineMs;
    const left = (): number => Math.max(0, endMs - realClock.monotonicMs());
    const unfinished: string[] = [];
    // A part of the time is kept for the hosts: what producers could not deliver is told, what memory holds must be written.
    unfinished.push(...(await this.#client.drain(left() * 0.5)));
    const hosts = await Promise.all(this.#hosts.map((_, host) => this.#closeHost(host, left)));
    unfinished.push(...hosts.flat());
    const clean = hosts.every((problems) => problems.length === 0);
    unfinished.push(...(await this.#closeCoordinator(clean, left)));
    this.#client.dispatcher.close();
    this.#coordinatorControl.close();
    for (const { control } of this.#hosts) control?.close();
    await Promise.all([this.#hostPool.destroy(), this.#coordinatorPool.destroy()]);
    if (unfinished.length > 0) this.#log.warn({ unfinished }, 'the bus closed with work unfinished');
    return { unfinished };
  }

  async #closeHost(host: number, left: () => number): Promise<string[]> {
    const thread = this.#hosts[host];
    if (thread.control === null) return [`host ${host} was down when the bus closed`];
    const closed = ask(this.#client.dispatcher, host, 'close', { deadlineMs: left() }).then(async ({ unfinished }) => {
      await thread.ended;
      return unfinished;
    });
    const late = [`host ${host} did not close in time`];
    return within(left(), closed, late).catch((error: unknown) => [`host ${host}: ${String(error)}`]);
  }

  async #closeCoordinator(clean: boolean, left: () => number): Promise<string[]> {
    const closed = askCoordinator(this.#client.dispatcher, 'close', { deadlineMs: left(), clean }).then(async ({ unfinished }) => {
      await this.#coordinatorEnded;
      return unfinished;
    });
    const late = ['the coordinator did not close in time'];
    // Its thread holds an open database and is not terminated: it gets a last second beyond the deadline.
    return within(left() + 1000, closed, late).catch((error: unknown) => [`the coordinator: ${String(error)}`]);
  }

  /** Opening failed: nothing was promised, so everything just ends. */
  async #abandon(): Promise<void> {
    this.#closing = Promise.resolve({ unfinished: [] });
    this.#coordinatorControl.close();
    for (const { control } of this.#hosts) control?.close();
    this.#client.dispatcher.close();
    await within(1000, this.#coordinatorEnded, undefined);
    await Promise.all([this.#hostPool.destroy(), this.#coordinatorPool.destroy()]);
  }
}

/** A bus as a worker sees it. */
export class AttachedBus {
  readonly #client: Client;
  readonly #control: MessagePort;

  constructor(client: Client, control: MessagePort) {
    this.#client = client;
    this.#control = control;
  }

  producer<K = string | Uint8Array, V = unknown>(options: ProducerOptions<K, V> = {}): Producer<K, V> {
    return this.#client.producer(options);
  }

  consumer<K = string | Uint8Array, V = unknown>(options: ConsumerOptions<K, V> = {}): Consumer<K, V> {
    return this.#client.consumer(options);
  }

  admin(): Admin {
    return this.#client.admin();
  }

  pressure(): Promise<PressureReport> {
    return this.#client.pressure();
  }

  get closed(): boolean {
    return this.#client.closed;
  }

  /** Drains this thread's producers and lets the bus go; the bus itself goes on. */
  async close({ deadlineMs = CLOSE_DEADLINE_MS }: { deadlineMs?: number } = {}): Promise<CloseReport> {
    const unfinished = await this.#client.drain(deadlineMs);
    this.#client.dispatcher.close();
    this.#control.close();
    return { unfinished };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Takes up a handle in a worker: producers, consumers and administration as on the thread that opened the bus. */
export function attach(handle: BusHandle): AttachedBus {
  if (handle === null || typeof handle !== 'object' || !('control' in handle)) {
    throw new BusError('INVALID_ARGUMENT', 'attach() takes what bus.handle() made, passed with its transferList');
  }
  const dispatcher = new Dispatcher({
    index: handle.index,
    clock: realClock,
    random: realRandom,
    disk: realDisk,
    arena: new Arena(handle.arena),
    outbox: handle.outbox,
    coordinator: threadPort<CoordinatorPost, CoordinatorAnswer>(handle.coordinator),
    memory: processMemory,
  });
  handle.control.on('message', ({ host, port }: HandlePost) => dispatcher.hostUp(host, threadPort<HostPost, HostAnswer>(port)));
  handle.control.unref();
  return new AttachedBus(new Client(dispatcher), handle.control);
}

function checkOptions(options: BusOptions): Required<Omit<BusOptions, 'dir' | 'configs'>> & { dir: string | null } {
  checkNames('Bus.open', options, optionNames);
  if (options.dir !== undefined && (typeof options.dir !== 'string' || options.dir === '')) {
    throw new BusError('INVALID_ARGUMENT', 'dir is the path of a folder; leave it out for a bus in memory');
  }
  return {
    dir: options.dir === undefined ? null : resolveFolder(options.dir),
    memoryBytesMax: checkInteger(
      'memoryBytesMax',
      options.memoryBytesMax ?? limits.memoryBytesDefault,
      limits.memoryBytesMin,
      limits.memoryBytesMax,
    ),
    hosts: checkInteger('hosts', options.hosts ?? Math.max(1, availableCores() - 1), 1, limits.hostsMax),
    autoCreateTopics: options.autoCreateTopics ?? true,
    partitions: checkInteger('partitions', options.partitions ?? 1, 1, limits.topicPartitionsMax),
    retentionCheckMs: checkInteger('retentionCheckMs', options.retentionCheckMs ?? 300_000, 1, 2_147_483_647),
    producerIdExpirationMs: checkInteger(
      'producerIdExpirationMs',
      options.producerIdExpirationMs ?? 86_400_000,
      1,
      Number.MAX_SAFE_INTEGER,
    ),
    logLevel: checkOneOf('logLevel', options.logLevel ?? 'warn', ['silent', 'error', 'warn', 'info', 'debug']),
  };
}

function busConfigs(options: BusOptions): Record<string, string> {
  const configs: Record<string, string> = {};
  for (const [key, value] of Object.entries(options.configs ?? {})) configs[key] = String(value);
  if (options.partitions !== undefined) configs['num.partitions'] = String(options.partitions);
  if (options.autoCreateTopics !== undefined) configs['auto.create.topics.enable'] = String(options.autoCreateTopics);
  return configs;
}

function makeOutbox(memoryBytesMax: number): SharedArrayBuffer {
  return outboxMemory(Math.min(OUTBOX_BYTES_MAX, Math.max(4 * MiB, Math.floor(memoryBytesMax * OUTBOX_SHARE))));
}

/** The module of a thread entry, beside this one in the sources and in the package alike. */
function entryOf(name: string): string {
  const here = import.meta.url;
  return new URL(`../workers/${name}${here.endsWith('.ts') ? '.ts' : '.js'}`, here).href;
}

function within<T>(ms: number, promise: Promise<T>, late: T): Promise<T> {
  let timer: { cancel(): void } | undefined;
  const expired = new Promise<T>((resolve) => {
    timer = realClock.after(ms, () => resolve(late), true);
  });
  return Promise.race([promise, expired]).finally(() => timer?.cancel());
}
