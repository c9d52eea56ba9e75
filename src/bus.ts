/**
 * The composition root: opens a bus (arena, threads, ports), watches over its hosts, hands out producers, consumers and handles, and
 * closes it all within a deadline. No logic of the bus itself lives here.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { MiB } from './base/bytes.ts';
import { BusError } from './base/errors.ts';
import { limits } from './base/limits.ts';
import { threadEntry } from './base/modules.ts';
import { type CoordinatorStart, CoordinatorThread } from './bus/coordinator-thread.ts';
import { type Attached, HostThreads } from './bus/host-threads.ts';
import { Listeners, type Listening, type ListenOptions } from './bus/listeners.ts';
import { type BusOptions, type CheckedBusOptions, checkBusOptions } from './bus/options.ts';
import type { CloseReport } from './bus/reached-bus.ts';
import type { Admin } from './client/admin.ts';
import { ask, askCoordinator } from './client/ask.ts';
import { Client } from './client/client.ts';
import type { Consumer } from './client/consumer.ts';
import type { ConsumerOptions, TypedConsumerOptions } from './client/consumer-options.ts';
import { publish } from './client/events.ts';
import { readOptions } from './client/option-table.ts';
import type { Producer } from './client/producer.ts';
import { closeOptions, type ProducerOptions } from './client/producer-options.ts';
import type { SqliteDatabase } from './client/sqlite/database.ts';
import type { Outbox } from './client/sqlite/outbox.ts';
import type { OutboxOptions } from './client/sqlite/outbox-options.ts';
import { reasonOf } from './client/user-code.ts';
import type { CoordinatorAnswer, CoordinatorPost, PressureReport, TurnStage } from './coordinator/protocol.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import type { BusHandle, HandlePost } from './dispatch/handle.ts';
import { outboxMemory } from './dispatch/outbox.ts';
import type { HostAnswer, HostPost } from './partition/protocol.ts';
import { Arena } from './world/arena.ts';
import { realClock } from './world/clock.ts';
import { realDisk } from './world/disk.ts';
import { type Logger, pinoLogger } from './world/logger.ts';
import { processMemory } from './world/memory.ts';
import { threadPort } from './world/port.ts';
import { realRandom } from './world/random.ts';
import { within } from './world/within.ts';

/** Share of memoryBytesMax that holds resident batches; the rest is for what is in flight and what waits for users. */
const ARENA_SHARE = 0.375;
const OUTBOX_SHARE = 0.0625;
const OUTBOX_BYTES_MAX = 64 * MiB;
/** A host that has closed its partitions has nothing more to do. */
const ENDS_WITHIN_MS = 1000;
/** Of a close, beyond its deadline: the coordinator's thread holds an open database and is not terminated. */
const COORDINATOR_GRACE_MS = 1000;

export class Bus {
  readonly #options: CheckedBusOptions;
  readonly #arena: Arena;
  readonly #log: Logger;
  readonly #hosts: HostThreads;
  readonly #coordinator: CoordinatorThread;
  readonly #client: Client;
  readonly #listeners: Listeners;
  readonly #opened: Promise<void>;
  /** Our ends of the handles that are out. */
  readonly #controls = new Set<MessagePort>();
  #resolveOpened: () => void = () => {};
  #rejectOpened: (error: BusError) => void = () => {};
  #nextDispatcher = 0;
  /** Why there is no coordinator any more. */
  #lost: BusError | null = null;
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
    this.#options = checkBusOptions(options);
    const { memoryBytesMax, rssBytesMax, hosts, dir, logLevel } = this.#options;
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
    const { configs: defaults } = this.#options;
    this.#coordinator = this.#startCoordinator({
      folder: dir,
      arena: this.#arena.handle,
      hosts,
      defaults,
      memoryBytesMax,
      rssBytesMax,
      logLevel,
    });
    const hopeless = (host: number, cause: unknown): void =>
      this.#rejectOpened(
        new BusError('HOST_DOWN', `partition host ${host} cannot be started: ${reasonOf(cause)}`, { cause, details: { host } }),
      );
    const entry = threadEntry('partition-host');
    const introduce = (host: number, port: MessagePort): boolean => this.#coordinator.hostUp(host, port);
    this.#hosts = new HostThreads(entry, this.#options, this.#arena.handle, introduce, this.#log, hopeless);
    this.#client = this.#attachMain();
    const around = { handle: () => this.handle(), clusterId: () => this.#coordinator.busId, folder: dir, logLevel, log: this.#log };
    this.#listeners = new Listeners(around);
  }

  /** A producer on this thread. */
  producer<K = string | Uint8Array, V = unknown>(options: ProducerOptions<K, V> = {}): Producer<K, V> {
    return this.#client.producer(options);
  }

  /** A consumer on this thread. */
  consumer<TK, TV, TH>(options: TypedConsumerOptions<TK, TV, TH>): Consumer<TK, TV, TH>;
  consumer<K = string | Uint8Array, V = unknown>(options?: ConsumerOptions<K, V>): Consumer<K, V>;
  consumer<K, V>(options: ConsumerOptions<K, V> = {}): Consumer<K, V> {
    return this.#client.consumer(options);
  }

  /** Records that you write within transactions of your own SQLite database, and that are produced once and in order when these commit. */
  outbox<K = string | Uint8Array, V = unknown>(db: SqliteDatabase, options: OutboxOptions<K, V> = {}): Outbox<K, V> {
    return this.#client.outbox(db, options);
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
    if (this.#hosts.attachedCount >= limits.dispatchersMax) {
      throw new BusError('LIMIT_REACHED', `a bus has at most ${limits.dispatchersMax} dispatchers; close handles that are not used`);
    }
    const { hosts, memoryBytesMax } = this.#options;
    const { port1, port2: control } = new MessageChannel();
    const outbox = makeOutbox(memoryBytesMax);
    const tell = (post: HandlePost & { port: MessagePort }): void => port1.postMessage(post, [post.port]);
    const index = this.#attach({ outbox, connect: (host, port) => tell({ kind: 'host', host, port }) }, (port) =>
      tell({ kind: 'coordinator', port }),
    );
    this.#controls.add(port1);
    port1.on('close', () => {
      this.#controls.delete(port1);
      this.#hosts.detach(index);
      this.#coordinator.detach(index);
    });
    port1.unref();
    return { index, arena: this.#arena.handle, outbox, control, hosts, transferList: [control] };
  }

  /**
   * Lets any Kafka client in: listens on a port (127.0.0.1:9092 unless set) or a Unix socket, on a thread of its own. Rejects with BusError
   * INVALID_ARGUMENT when it cannot have the address, LIMIT_REACHED when the bus has no place for one more thread.
   */
  async listen(options: ListenOptions = {}): Promise<Listening> {
    if (this.closed) throw new BusError('CLOSED', 'the bus is closed');
    return this.#listeners.listen(options);
  }

  /** Those that are open: `counts()` of each tells what its clients do. */
  get listeners(): readonly Listening[] {
    return this.#listeners.open;
  }

  /**
   * Drains and closes: producers flush, memory topics are written out, files are synced, threads end. Resolves within `deadlineMs`
   * (default 30000) with what could not be finished. Closing twice is closing once.
   */
  async close(options: { deadlineMs?: number } = {}): Promise<CloseReport> {
    const { deadlineMs } = readOptions('bus.close', options, closeOptions);
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Threads of the partition hosts: for tests and tools that kill one. */
  get hostThreads(): readonly { terminate(): Promise<number>; threadId: number }[] {
    return this.#hosts.workers;
  }

  /** Has the coordinator fail in the `turns`-th turn from now that gets to this stage: for tests. */
  failCoordinator(stage: TurnStage = 'answered', turns = 0): void {
    this.#coordinator.fail(stage, turns);
  }

  // Threads.

  #startCoordinator(start: CoordinatorStart): CoordinatorThread {
    return new CoordinatorThread(threadEntry('coordinator'), start, {
      hostReady: (host) => {
        if (this.#hosts.markReady(host)) this.#resolveOpened();
      },
      refused: (error) => this.#rejectOpened(error),
      succeeding: () => this.#hosts.introduceAll(),
      up: () => publish('coordinator', { state: 'up' }),
      down: (error, failures, againAfterMs) => {
        this.#log.error({ error: String(error), failures, againAfterMs }, 'the coordinator failed and is being restarted');
        publish('coordinator', { state: 'down', error: String(error), failures });
      },
      lost: (error) => this.#lose(error),
    });
  }

  /** No coordinator follows: what can be saved is, and the bus closes. */
  #lose(error: BusError): void {
    this.#lost = error;
    this.#rejectOpened(error);
    this.#log.error({ code: error.code }, error.message);
    publish('coordinator', { state: 'lost', error: error.message });
    this.#client.dispatcher.lose(error);
    const { code, message } = error;
    for (const control of this.#controls) control.postMessage({ kind: 'lost', code, message } satisfies HandlePost);
    // The folder is another's: not a byte more is written.
    if (code === 'FOLDER_LOCKED') {
      this.#client.dispatcher.abandon();
      void this.#hosts.destroy();
    }
    this.close().catch(() => {});
  }

  // Dispatchers.

  #attachMain(): Client {
    const outbox = makeOutbox(this.#options.memoryBytesMax);
    const dispatcher = new Dispatcher({
      index: this.#nextDispatcher,
      clock: realClock,
      random: realRandom,
      disk: realDisk,
      arena: this.#arena,
      outbox,
      memory: processMemory,
    });
    const connect = (host: number, port: MessagePort): void => dispatcher.hostUp(host, threadPort<HostPost, HostAnswer>(port));
    this.#attach({ outbox, connect }, (port) => dispatcher.coordinatorUp(threadPort<CoordinatorPost, CoordinatorAnswer>(port)));
    return new Client(dispatcher);
  }

  #attach(attached: Attached, connectCoordinator: (port: MessagePort) => void): number {
    const index = this.#nextDispatcher++;
    this.#coordinator.attach(index, connectCoordinator);
    this.#hosts.attach(index, attached);
    return index;
  }

  // Closing.

  async #close(deadlineMs: number): Promise<CloseReport> {
    const endMs = realClock.monotonicMs() + deadlineMs;
    const left = (): number => Math.max(0, endMs - realClock.monotonicMs());
    const unfinished: string[] = [];
    // First those who bring work from outside.
    unfinished.push(...(await this.#listeners.close(left() * 0.25)));
    // A part of the time is kept for the hosts: what producers could not deliver is told, what memory holds must be written.
    unfinished.push(...(await this.#client.drain(left() * 0.5)));
    // A host that dies meanwhile is still replaced: its successor writes out what the dead one held.
    const hosts = await Promise.all(Array.from({ length: this.#hosts.count }, (_, host) => this.#closeHost(host, left)));
    this.#hosts.stop();
    unfinished.push(...hosts.flat());
    const clean = hosts.every((problems) => problems.length === 0);
    unfinished.push(...(await this.#closeCoordinator(clean, left)));
    if (this.#lost === null) this.#client.dispatcher.close();
    else this.#client.dispatcher.abandon();
    for (const control of this.#controls) control.close();
    await Promise.all([this.#hosts.destroy(), this.#coordinator.destroy(COORDINATOR_GRACE_MS)]);
    if (unfinished.length > 0) this.#log.warn({ unfinished }, 'the bus closed with work unfinished');
    return { unfinished };
  }

  async #closeHost(host: number, left: () => number): Promise<string[]> {
    const ms = left();
    const closing = async (): Promise<string[]> => {
      const { unfinished } = await ask(this.#client.dispatcher, host, 'close', { deadlineMs: left() }, left());
      const ended = this.#hosts.retire(host).then(() => unfinished);
      // If it died as it had answered, its successor knows of no end and is asked as well.
      return (await within(realClock, ENDS_WITHIN_MS, ended, null)) ?? Promise.race([ended, closing()]);
    };
    const late = [`host ${host} did not close in time`];
    return within(realClock, ms, closing(), late).catch((error: unknown) => [`host ${host}: ${reasonOf(error)}`]);
  }

  async #closeCoordinator(clean: boolean, left: () => number): Promise<string[]> {
    if (this.#lost !== null) return [`the coordinator: ${this.#lost.message}`];
    const closing = async (): Promise<string[]> => {
      const { unfinished } = await askCoordinator(this.#client.dispatcher, 'close', { deadlineMs: left(), clean }, left());
      // All is stored. A successor that may have begun already ends with its thread.
      await within(realClock, ENDS_WITHIN_MS, this.#coordinator.retire(), undefined);
      return unfinished;
    };
    const late = ['the coordinator did not close in time'];
    return within(realClock, left() + COORDINATOR_GRACE_MS, closing(), late).catch((error: unknown) => [
      `the coordinator: ${reasonOf(error)}`,
    ]);
  }

  /** Opening failed: nothing was promised, so everything just ends. */
  async #abandon(): Promise<void> {
    this.#closing = Promise.resolve({ unfinished: [] });
    this.#client.dispatcher.close();
    await this.#coordinator.destroy(COORDINATOR_GRACE_MS);
    await this.#hosts.destroy();
  }
}

function makeOutbox(memoryBytesMax: number): SharedArrayBuffer {
  return outboxMemory(Math.min(OUTBOX_BYTES_MAX, Math.max(4 * MiB, Math.floor(memoryBytesMax * OUTBOX_SHARE))));
}
