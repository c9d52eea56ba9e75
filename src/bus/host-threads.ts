/** The threads of the partition hosts: started, connected to the coordinator and to every dispatcher, replaced when they die. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { publish } from '../client/events.ts';
import { Pool } from '../dispatch/pool.ts';
import type { ArenaHandle } from '../world/arena.ts';
import { realClock, type Timer } from '../world/clock.ts';
import type { Logger } from '../world/logger.ts';
import type { CheckedBusOptions } from './options.ts';

/** A dispatcher in some thread, as a host must be made known to it. */
export interface Attached {
  outbox: SharedArrayBuffer;
  /** Hands it the port of a host. */
  connect(host: number, port: MessagePort): void;
}

interface HostThread {
  /** Null when the thread is gone. */
  control: MessagePort | null;
  ended: Promise<void>;
  startedMs: number;
  failures: number;
  ready: boolean;
  /** Its end is no death. */
  retired: boolean;
  /** Of its successor. */
  restart: Timer | null;
}

/** A host that dies is replaced at once, then ever later: 10 ms, 20 ms … */
const RESTART_MS = 10;
const RESTART_MS_MAX = 2000;
/** A host that lived this long has proved itself. */
const PROVEN_MS = 10_000;
/** A host that dies so often without ever having opened its partitions will not open them. */
const HOPELESS_FAILURES = 5;

export class HostThreads {
  readonly #pools: Pool[];
  readonly #options: CheckedBusOptions;
  readonly #arena: ArenaHandle;
  readonly #log: Logger;
  readonly #introduce: (host: number, port: MessagePort) => boolean;
  readonly #threads: HostThread[] = [];
  readonly #attached = new Map<number, Attached>();
  readonly #hopeless: (host: number, error: unknown) => void;
  #stopping = false;

  /**
   * `introduce` hands the port of a host to the coordinator, or says that there is none just now. `hopeless` is told of a host that
   * cannot be started; it is tried again all the same.
   */
  constructor(
    entry: string,
    options: CheckedBusOptions,
    arena: ArenaHandle,
    introduce: (host: number, port: MessagePort) => boolean,
    log: Logger,
    hopeless: (host: number, error: unknown) => void,
  ) {
    this.#hopeless = hopeless;
    this.#options = options;
    this.#arena = arena;
    this.#log = log;
    this.#introduce = introduce;
    this.#pools = Array.from({ length: options.hosts }, () => new Pool(entry));
    for (let host = 0; host < options.hosts; host++) this.#start(host, 0);
  }

  get count(): number {
    return this.#threads.length;
  }

  get attachedCount(): number {
    return this.#attached.size;
  }

  get workers(): Pool['threads'] {
    return this.#pools.flatMap(({ threads }) => threads);
  }

  /** Makes every host known to a dispatcher, now and whenever one is replaced. */
  attach(index: number, attached: Attached): void {
    this.#attached.set(index, attached);
    for (let host = 0; host < this.#threads.length; host++) this.#connect(host, attached);
  }

  /** Makes every host known to a coordinator that took over. */
  introduceAll(): void {
    for (let host = 0; host < this.#threads.length; host++) if (!this.#threads[host].retired) this.#introduceOne(host);
  }

  detach(index: number): void {
    this.#attached.delete(index);
  }

  /** Notes that a host has opened its partitions; true when all have. */
  markReady(host: number): boolean {
    this.#threads[host].ready = true;
    return this.#threads.every(({ ready }) => ready);
  }

  /** The host has closed its partitions: it is not replaced. Resolves when its thread has ended. */
  retire(host: number): Promise<void> {
    const thread = this.#threads[host];
    thread.retired = true;
    thread.restart?.cancel();
    return thread.ended;
  }

  /** From now on a host that ends is not replaced. */
  stop(): void {
    this.#stopping = true;
    for (const { restart } of this.#threads) restart?.cancel();
  }

  async destroy(): Promise<void> {
    this.stop();
    for (const { control } of this.#threads) control?.close();
    await Promise.all(this.#pools.map((pool) => pool.destroy()));
  }

  #start(host: number, failures: number): void {
    const { dir, retentionCheckMs, producerIdExpirationMs, logLevel } = this.#options;
    const { port1: control, port2: theirs } = new MessageChannel();
    const successor = this.#threads[host] !== undefined;
    const data = {
      index: host,
      folder: dir,
      arena: this.#arena,
      successor,
      retentionCheckMs,
      producerIdExpirationMs,
      logLevel,
      control: theirs,
    };
    const thread: HostThread = {
      control,
      ended: Promise.resolve(),
      startedMs: realClock.monotonicMs(),
      failures,
      ready: false,
      retired: false,
      restart: null,
    };
    this.#threads[host] = thread;
    thread.ended = this.#pools[host].run(data, [theirs]).catch((error: unknown) => this.#died(host, thread, error));
    control.unref();
    this.#introduceOne(host);
    for (const attached of this.#attached.values()) this.#connect(host, attached);
  }

  #introduceOne(host: number): void {
    const { control } = this.#threads[host];
    const { port1, port2 } = new MessageChannel();
    if (control === null || !this.#introduce(host, port1)) return port1.close();
    control.postMessage({ port: port2, outbox: null, isCoordinator: true }, [port2]);
  }

  #connect(host: number, attached: Attached): void {
    const { control } = this.#threads[host];
    if (control === null) return;
    const { port1, port2 } = new MessageChannel();
    control.postMessage({ port: port2, outbox: attached.outbox, isCoordinator: false }, [port2]);
    attached.connect(host, port1);
  }

  #died(host: number, thread: HostThread, error: unknown): void {
    thread.control?.close();
    thread.control = null;
    if (this.#stopping || thread.retired) return;
    const lived = realClock.monotonicMs() - thread.startedMs;
    const failures = lived > PROVEN_MS ? 1 : thread.failures + 1;
    const afterMs = Math.min(RESTART_MS_MAX, RESTART_MS * 2 ** (failures - 1));
    this.#log.error({ host, error: String(error), failures, afterMs }, 'a partition host died and is being restarted');
    publish('host', { host, state: 'down', error: String(error), failures });
    if (failures >= HOPELESS_FAILURES && !thread.ready) this.#hopeless(host, error);
    thread.restart = realClock.after(afterMs, () => this.#start(host, failures), true);
  }
}
