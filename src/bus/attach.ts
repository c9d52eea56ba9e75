/** A bus in a worker of the user's: taken up from a handle that the bus made. */
import type { MessagePort } from 'node:worker_threads';
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
import type { PressureReport } from '../coordinator/protocol.ts';
import { type BusHandle, takeUpHandle } from '../dispatch/handle.ts';

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
  const { dispatcher, control } = takeUpHandle(handle);
  return new AttachedBus(new Client(dispatcher), control);
}
