/** The threads of the listeners: started, replaced when they die, closed before everything else. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { GiB, MiB } from '../base/bytes.ts';
import { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { threadEntry } from '../base/modules.ts';
import { shown } from '../client/check.ts';
import { publish } from '../client/events.ts';
import { type OptionTable, readOptions } from '../client/option-table.ts';
import type { BusHandle } from '../dispatch/handle.ts';
import { Pool, prepareThread } from '../dispatch/pool.ts';
import type { ListenerCounts } from '../kafka/listener.ts';
import { realClock, type Timer } from '../world/clock.ts';
import { realDisk } from '../world/disk.ts';
import type { Logger, LogLevel } from '../world/logger.ts';
import type { ServerAddress } from '../world/net.ts';
import { within } from '../world/within.ts';
import { localAddress, noteListening } from './listening-note.ts';

export interface ListenOptions {
  /** The address to listen on. Default '127.0.0.1'. */
  host?: string;
  /** The port; 0 takes one that is free, and `Listening.port` tells it. Default 9092, from 0 to 65535. */
  port?: number;
  /** A Unix socket to listen on instead of a port. Default none. */
  path?: string;
  /** What clients are told to connect to (Kafka: advertised.listeners). Default the address that it listens on. */
  advertisedHost?: string;
  /** The port that clients are told, where it is another one; 0: the one that it listens on (Kafka: advertised.listeners). Default 0, from 0 to 65535. */
  advertisedPort?: number;
  /** Connections at once; one more is closed at once (Kafka: max.connections). Default 20000, from 1 to 20000. */
  connectionsMax?: number;
  /** Connections of one address at once; one more is closed at once (Kafka: max.connections.per.ip). Default 20000, from 1 to 20000. */
  connectionsPerAddressMax?: number;
  /** Bytes of one request; a larger one closes its connection (Kafka: socket.request.max.bytes). Default 104857600, from 1024 to 104857600. */
  requestBytesMax?: number;
  /**
   * Bytes of requests and responses that all connections may hold together; beyond it those that keep the most waiting for their clients
   * are closed (Kafka: queued.max.request.bytes). Default 268435456, from 1048576 to 68719476736.
   */
  queuedBytesMax?: number;
  /** A connection that does nothing for so long is closed (Kafka: connections.max.idle.ms). Default 600000, from 1. */
  idleMs?: number;
}

export const listenOptions = {
  host: {
    kind: 'other',
    type: 'string',
    defaultText: "'127.0.0.1'",
    check: checkText,
    documentation: 'The address to listen on.',
  },
  port: {
    kind: 'whole number',
    default: 9092,
    min: 0,
    max: 65_535,
    documentation: 'The port; 0 takes one that is free, and `Listening.port` tells it.',
  },
  path: {
    kind: 'other',
    type: 'string',
    defaultText: 'none',
    check: checkText,
    documentation: 'A Unix socket to listen on instead of a port.',
  },
  advertisedHost: {
    kind: 'other',
    type: 'string',
    defaultText: 'the address that it listens on',
    check: checkText,
    kafka: 'advertised.listeners',
    documentation: 'What clients are told to connect to.',
  },
  advertisedPort: {
    kind: 'whole number',
    default: 0,
    min: 0,
    max: 65_535,
    kafka: 'advertised.listeners',
    documentation: 'The port that clients are told, where it is another one; 0: the one that it listens on.',
  },
  connectionsMax: {
    kind: 'whole number',
    default: limits.connectionsMax,
    min: 1,
    max: limits.connectionsMax,
    kafka: 'max.connections',
    documentation: 'Connections at once; one more is closed at once.',
  },
  connectionsPerAddressMax: {
    kind: 'whole number',
    default: limits.connectionsMax,
    min: 1,
    max: limits.connectionsMax,
    kafka: 'max.connections.per.ip',
    documentation: 'Connections of one address at once; one more is closed at once.',
  },
  requestBytesMax: {
    kind: 'whole number',
    default: limits.frameBytesMax,
    min: 1024,
    max: limits.frameBytesMax,
    kafka: 'socket.request.max.bytes',
    documentation: 'Bytes of one request; a larger one closes its connection.',
  },
  queuedBytesMax: {
    kind: 'whole number',
    default: 256 * MiB,
    min: MiB,
    max: 64 * GiB,
    kafka: 'queued.max.request.bytes',
    documentation:
      'Bytes of requests and responses that all connections may hold together; beyond it those that keep the most waiting for their clients are closed.',
  },
  idleMs: {
    kind: 'whole number',
    default: 600_000,
    min: 1,
    max: 2_147_483_647,
    kafka: 'connections.max.idle.ms',
    documentation: 'A connection that does nothing for so long is closed.',
  },
} as const satisfies OptionTable;

/** What a listener is given besides its own options. */
export interface Surroundings {
  /** Makes a place on the bus. */
  handle: () => BusHandle;
  clusterId: () => string;
  folder: string | null;
  logLevel: LogLevel;
  log: Logger;
}

/** Its options, as the thread is told them. */
interface Wanted {
  host: string;
  /** What was asked for, and when it is known, what was got: a successor takes the same. */
  port: number;
  path: string | null;
  advertisedHost: string | null;
  advertisedPort: number | null;
  connectionsMax: number;
  connectionsPerAddressMax: number;
  requestBytesMax: number;
  queuedBytesMax: number;
  idleMs: number;
}

/** What workers/listener.ts says. */
type Says = { said: 'listening'; address: ServerAddress } | { said: 'refused'; message: string; code: string };
type Counted = { said: 'counts'; id: number; counts: ListenerCounts };

/** A listener that dies is started again after so long, and ever longer while it keeps dying. */
const RESTART_MS = 10;
const RESTART_MS_MAX = 2000;
/** One that lived this long has proved itself. */
const PROVEN_MS = 10_000;

const ENTRY = threadEntry('listener');

/** A port on which Kafka's clients are served. */
export class Listening {
  readonly #around: Surroundings;
  readonly #pool: Pool;
  readonly #closed: (one: Listening) => void;
  readonly #wanted: Wanted;
  #address: ServerAddress = { host: '', port: 0, path: null };
  #control: MessagePort | null = null;
  #ended: Promise<void> = Promise.resolve();
  #startedMs = 0;
  #failures = 0;
  #restart: Timer | null = null;
  #closing: Promise<string[]> | null = null;
  readonly #counting = new Map<number, { resolve(counts: ListenerCounts): void; reject(error: BusError): void }>();
  #nextCount = 0;

  /** Use `bus.listen`. */
  constructor(options: ListenOptions, around: Surroundings, closed: (one: Listening) => void) {
    const { advertisedPort, ...checked } = readOptions('bus.listen', options, listenOptions);
    const { host = '127.0.0.1', path = null, advertisedHost = null } = options;
    if (checked.queuedBytesMax < checked.requestBytesMax) {
      const what = `queuedBytesMax (${checked.queuedBytesMax}) is at least requestBytesMax (${checked.requestBytesMax}): raise the one or lower the other`;
      throw new BusError('INVALID_ARGUMENT', what, { details: { ...checked } });
    }
    this.#wanted = { ...checked, host, path, advertisedHost, advertisedPort: advertisedPort === 0 ? null : advertisedPort };
    this.#around = around;
    this.#closed = closed;
    this.#pool = new Pool(ENTRY);
  }

  /** The address that it listens on; '' for a Unix socket. */
  get host(): string {
    return this.#address.host;
  }

  get port(): number {
    return this.#address.port;
  }

  /** Of a Unix socket, else null. */
  get path(): string | null {
    return this.#address.path;
  }

  /** What it has done and holds. Rejects with HOST_DOWN while its thread is being replaced, with CLOSED when it was closed. */
  counts(): Promise<ListenerCounts> {
    const control = this.#control;
    if (control === null || this.#closing !== null) return Promise.reject(this.#goneError());
    return new Promise((resolve, reject) => {
      const id = this.#nextCount++;
      this.#counting.set(id, { resolve, reject });
      control.ref();
      control.postMessage({ told: 'count', id });
    });
  }

  #goneError(): BusError {
    if (this.#closing !== null) return new BusError('CLOSED', 'the listener is closed');
    return new BusError('HOST_DOWN', 'the listener is being restarted: ask again in a moment');
  }

  #counted({ id, counts }: Counted): void {
    this.#counting.get(id)?.resolve(counts);
    this.#counting.delete(id);
    if (this.#counting.size === 0) this.#control?.unref();
  }

  /** Its thread has ended. */
  #refuseCounts(): void {
    for (const { reject } of this.#counting.values()) reject(this.#goneError());
    this.#counting.clear();
  }

  /** The thread, for tests that kill it. */
  get threads(): readonly { terminate(): Promise<number>; threadId: number }[] {
    return this.#pool.threads;
  }

  /** Resolves when it listens; rejects with a BusError that says why it cannot. */
  async start(): Promise<void> {
    const { host, port, path } = this.#wanted;
    const said = await this.#run();
    if (said.said === 'listening') {
      this.#address = said.address;
      this.#wanted.port = said.address.port;
      return;
    }
    await this.#pool.destroy();
    const place = path ?? `${host}:${port}`;
    const advice = said.code === 'EADDRINUSE' ? ': it is in use; choose another, or port 0 for one that is free' : `: ${said.message}`;
    throw new BusError('INVALID_ARGUMENT', `cannot listen on ${place}${advice}`, { details: { host, port, path, code: said.code } });
  }

  /** Takes no more connections, answers what is under way, ends. Resolves with what was not finished in time. */
  close(deadlineMs = 5000): Promise<string[]> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(deadlineMs: number): Promise<string[]> {
    this.#restart?.cancel();
    this.#control?.postMessage({ told: 'close', deadlineMs });
    const late = await within(
      realClock,
      deadlineMs + 1000,
      this.#ended.then(() => false),
      true,
    );
    await this.#pool.destroy();
    this.#refuseCounts();
    this.#closed(this);
    return late ? ['a listener did not close in time'] : [];
  }

  /** Starts the thread; resolves with its first words. */
  #run(): Promise<Says> {
    const { handle, clusterId, folder, logLevel } = this.#around;
    const place = handle();
    const { port1: control, port2: theirs } = new MessageChannel();
    this.#control = control;
    this.#startedMs = realClock.monotonicMs();
    const data = { ...this.#wanted, handle: place, clusterId: clusterId(), folder, logLevel, control: theirs };
    return new Promise((resolve) => {
      control.on('message', (said: Says | Counted) => (said.said === 'counts' ? this.#counted(said) : resolve(said)));
      control.unref();
      this.#ended = this.#pool.run(data, [theirs, ...place.transferList]).catch((error: unknown) => {
        resolve({ said: 'refused', message: String(error), code: '' });
        control.close();
        this.#died(error);
      });
    });
  }

  #died(error: unknown): void {
    this.#control = null;
    this.#refuseCounts();
    if (this.#closing !== null || (this.#address.port === 0 && this.#address.path === null)) return;
    const lived = realClock.monotonicMs() - this.#startedMs;
    this.#failures = lived > PROVEN_MS ? 1 : this.#failures + 1;
    const afterMs = Math.min(RESTART_MS_MAX, RESTART_MS * 2 ** (this.#failures - 1));
    this.#around.log.error({ error: String(error), failures: this.#failures, afterMs }, 'a listener died and is being restarted');
    publish('listener', { state: 'down', error: String(error), failures: this.#failures });
    this.#restart = realClock.after(
      afterMs,
      () => {
        if (this.#closing !== null) return;
        void this.#run().then((said) => {
          if (said.said === 'refused' && this.#control !== null) this.#died(new Error(said.message));
        });
      },
      true,
    );
  }
}

function checkText(name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return;
  throw new BusError('INVALID_ARGUMENT', `${name} is text that is not empty, not ${shown(value)}`, { details: { option: name, value } });
}

/** Starts the thread of the listener that will come, while the bus is still being opened. Calling what this gives ends it, if none came. */
export function prepareListener(): () => Promise<void> {
  return prepareThread(ENTRY);
}

/** All listeners of a bus. */
export class Listeners {
  readonly #around: Surroundings;
  readonly #open = new Set<Listening>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  get open(): readonly Listening[] {
    return [...this.#open];
  }

  async listen(options: ListenOptions): Promise<Listening> {
    const listening = new Listening(options, this.#around, (one) => {
      this.#open.delete(one);
      this.#note();
    });
    this.#open.add(listening);
    try {
      await listening.start();
    } catch (error) {
      this.#open.delete(listening);
      throw error;
    }
    this.#note();
    return listening;
  }

  #note(): void {
    const { folder } = this.#around;
    const known = [...this.#open].filter(({ port, path }) => port > 0 || path !== null);
    if (folder !== null) noteListening(realDisk, folder, process.pid, known.map(localAddress));
  }

  /** Resolves with what was not finished in time. */
  async close(deadlineMs: number): Promise<string[]> {
    return (await Promise.all([...this.#open].map((one) => one.close(deadlineMs)))).flat();
  }
}
