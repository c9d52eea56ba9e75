/** A bus in a worker of the user's: taken up from a handle that the bus made. */
import type { MessagePort } from 'node:worker_threads';
import { BusError } from '../base/errors.ts';
import type { Admin } from '../client/admin.ts';
import { Client } from '../client/client.ts';
import type { Consumer } from '../client/consumer.ts';
import type { ConsumerOptions } from '../client/consumer-options.ts';
import type { Producer } from '../client/producer.ts';
import type { ProducerOptions } from '../client/producer-options.ts';
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
  readonly coordinator: MessagePort;
  /** Brings the ports of hosts, now and when one is restarted. */
  readonly control: MessagePort;
  readonly hosts: number;
  readonly transferList: readonly MessagePort[];
}

/** What the bus posts to the control port of a handle. */
export interface HandlePost {
  host: number;
  port: MessagePort;
}

export interface CloseReport {
  /** What could not be finished within the deadline, in words. Empty after a clean close. */
  unfinished: string[];
}

/** How long closing may take unless told. */
export const CLOSE_DEADLINE_MS = 30_000;

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
