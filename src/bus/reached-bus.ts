/** A bus that somebody else has opened: on another thread of this process, or elsewhere. What there is to do with it is the same; how it ends is not. */
import type { Admin } from '../client/admin.ts';
import type { Client } from '../client/client.ts';
import type { Consumer } from '../client/consumer.ts';
import type { ConsumerOptions, TypedConsumerOptions } from '../client/consumer-options.ts';
import { readOptions } from '../client/option-table.ts';
import type { Producer } from '../client/producer.ts';
import { closeOptions, type ProducerOptions } from '../client/producer-options.ts';
import type { SqliteDatabase } from '../client/sqlite/database.ts';
import type { Outbox } from '../client/sqlite/outbox.ts';
import type { OutboxOptions } from '../client/sqlite/outbox-options.ts';
import type { PressureReport } from '../coordinator/protocol.ts';

export interface CloseReport {
  /** What could not be finished within the deadline, in words. Empty after a clean close. */
  unfinished: string[];
}

/** What `attach` and `connect` give. */
export class ReachedBus {
  readonly #client: Client;
  readonly #end: () => void;

  /** `end` lets go of it, when its clients are drained. */
  constructor(client: Client, end: () => void) {
    this.#client = client;
    this.#end = end;
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

  /** Always calm over TCP: a broker does not tell how full it is, it slows its clients down. */
  pressure(): Promise<PressureReport> {
    return this.#client.pressure();
  }

  get closed(): boolean {
    return this.#client.closed;
  }

  /** Drains the producers and consumers made of this and lets the bus go; the bus itself goes on. Tells what was not finished within the deadline. */
  async close(options: { deadlineMs?: number } = {}): Promise<CloseReport> {
    const { deadlineMs } = readOptions('bus.close', options, closeOptions);
    const unfinished = await this.#client.drain(deadlineMs);
    this.#end();
    return { unfinished };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
