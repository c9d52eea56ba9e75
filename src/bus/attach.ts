/** A bus in a worker of the user's: taken up from a handle that the bus made. */
import { MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { BusError, type ErrorName } from '../base/errors.ts';
import type { Admin } from '../client/admin.ts';
import { Client } from '../client/client.ts';
import type { Consumer } from '../client/consumer.ts';
import type { ConsumerOptions, TypedConsumerOptions } from '../client/consumer-options.ts';
import { readOptions } from '../client/option-table.ts';
import type { Producer } from '../client/producer.ts';
import { closeOptions, type ProducerOptions } from '../client/producer-options.ts';
import type { SqliteDatabase } from '../client/sqlite/database.ts';
import type { Outbox } from '../client/sqlite/outbox.ts';
import type { OutboxOptions } from '../client/sqlite/outbox-options.ts';
import type { CoordinatorAnswer, CoordinatorPost, PressureReport } from '../coordinator/protocol.ts';
import { Dispatcher } from '../dispatch/dispatcher.ts';
import type { HostAnswer, HostPost } from '../partition/protocol.ts';
import { Arena, type ArenaHandle } from '../world/arena.ts';
import { realClock } from '../world/clock.ts';
import { realDisk } from '../world/disk.ts';
import { processMemory } from '../world/memory.ts';
import { threadPort } from '../world/port.ts';
import { realRandom } from '../world/random.ts';

/** What a worker of the user's needs to take part; pass it in `workerData` or a message, with its `transferList`. */
export interface BusHandle {
  readonly index: number;
  readonly arena: ArenaHandle;
  readonly outbox: SharedArrayBuffer;
  /** Brings the ports of the coordinator and the hosts, now and when one is restarted. */
  readonly control: MessagePort;
  readonly hosts: number;
  readonly transferList: readonly MessagePort[];
}

/** What the bus posts to the control port of a handle. */
export type HandlePost =
  | { kind: 'coordinator'; port: MessagePort }
  | { kind: 'host'; host: number; port: MessagePort }
  /** No coordinator will follow the last one. */
  | { kind: 'lost'; code: ErrorName; message: string };

export interface CloseReport {
  /** What could not be finished within the deadline, in words. Empty after a clean close. */
  unfinished: string[];
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

  pressure(): Promise<PressureReport> {
    return this.#client.pressure();
  }

  get closed(): boolean {
    return this.#client.closed;
  }

  /** Drains this thread's producers and lets the bus go; the bus itself goes on. */
  async close(options: { deadlineMs?: number } = {}): Promise<CloseReport> {
    const { deadlineMs } = readOptions('bus.close', options, closeOptions);
    const unfinished = await this.#client.drain(deadlineMs);
    this.#client.dispatcher.close();
    this.#control.close();
    return { unfinished };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Takes up a handle in a worker: producers, consumers and administration as on the thread that opened the bus. Throws BusError
 * INVALID_ARGUMENT for what is no handle, or one that was taken up before.
 */
export function attach(handle: BusHandle): AttachedBus {
  checkHandle(handle);
  const control = takeUp(handle.control);
  const dispatcher = new Dispatcher({
    index: handle.index,
    clock: realClock,
    random: realRandom,
    disk: realDisk,
    arena: new Arena(handle.arena),
    outbox: handle.outbox,
    memory: processMemory,
    keepAlive: (alive) => (alive ? control.ref() : control.unref()),
  });
  const heard = (post: HandlePost): void => {
    if (post.kind === 'host') dispatcher.hostUp(post.host, threadPort<HostPost, HostAnswer>(post.port));
    else if (post.kind === 'coordinator') dispatcher.coordinatorUp(threadPort<CoordinatorPost, CoordinatorAnswer>(post.port));
    else dispatcher.lose(new BusError(post.code, post.message));
  };
  // What waits already is there for the first call.
  for (let waiting = receiveMessageOnPort(control); waiting !== undefined; waiting = receiveMessageOnPort(control)) heard(waiting.message);
  control.on('message', heard);
  // A bus that was closed has said so to the coordinator's port before.
  control.on('close', () => dispatcher.abandon());
  control.unref();
  return new AttachedBus(new Client(dispatcher), control);
}

function checkHandle(handle: unknown): void {
  const { index, arena, outbox, control } = (handle ?? {}) as Partial<BusHandle>;
  const isWhole = typeof index === 'number' && arena?.shared instanceof SharedArrayBuffer && outbox instanceof SharedArrayBuffer;
  if (isWhole && control instanceof MessagePort) return;
  throw new BusError('INVALID_ARGUMENT', 'attach() takes what bus.handle() made, passed to the worker with its transferList');
}

/**
 * Moves a port to where it is: two that listen at one port would take each other's answers, and to read from one that was passed on
 * crashes the process (Node 24). Moving it fails for both, and leaves the handle used up.
 */
function takeUp(port: MessagePort): MessagePort {
  try {
    return structuredClone(port, { transfer: [port] });
  } catch (cause) {
    const what = 'the handle was taken up or passed on before, or its bus is closed: call bus.handle() for each worker';
    throw new BusError('INVALID_ARGUMENT', what, { cause });
  }
}
