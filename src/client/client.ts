/**
 * What a thread does with a bus: producers, consumers and administration over one dispatcher. The bus has one for its own thread, and
 * `attach(handle)` gives one to a worker of the user's.
 */
import { BusError } from '../base/errors.ts';
import type { PressureReport } from '../coordinator/protocol.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { Admin } from './admin.ts';
import { Consumer } from './consumer.ts';
import type { ConsumerOptions, TypedConsumerOptions } from './consumer-options.ts';
import { type BusEvents, type EventName, publish } from './events.ts';
import { Producer } from './producer.ts';
import type { ProducerOptions } from './producer-options.ts';
import type { SqliteDatabase } from './sqlite/database.ts';
import { Outbox } from './sqlite/outbox.ts';
import type { OutboxOptions } from './sqlite/outbox-options.ts';

export class Client {
  readonly #dispatcher: Dispatcher;
  readonly #admin: Admin;
  readonly #producers = new Set<{ close(options: { deadlineMs: number }): Promise<{ unfinished: number }> }>();
  readonly #outboxes = new Set<{ close(options: { deadlineMs: number }): Promise<{ unfinished: number }> }>();
  readonly #consumers = new Set<{ close(options: { deadlineMs: number }): Promise<{ unfinished: string[] }> }>();

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
    this.#admin = new Admin(dispatcher);
    dispatcher.subscribe({
      pressure: (report) => publish('pressure', { ...report }),
      // A test holds the names that the coordinator and the hosts give to the table.
      event: (name, fields) => publish(name as EventName, { ...fields } as BusEvents[EventName]),
      hostUp: (host) => publish('host', { host, state: 'up' }),
    });
  }

  get dispatcher(): Dispatcher {
    return this.#dispatcher;
  }

  get closed(): boolean {
    return this.#dispatcher.closed;
  }

  producer<K = string | Uint8Array, V = unknown>(options: ProducerOptions<K, V> = {}): Producer<K, V> {
    this.#checkOpen();
    const made: Producer<K, V> = new Producer<K, V>(this.#dispatcher, options, () => this.#producers.delete(made));
    this.#producers.add(made);
    return made;
  }

  consumer<TK, TV, TH>(options: TypedConsumerOptions<TK, TV, TH>): Consumer<TK, TV, TH>;
  consumer<K = string | Uint8Array, V = unknown>(options?: ConsumerOptions<K, V>): Consumer<K, V>;
  consumer<K, V>(options: ConsumerOptions<K, V> = {}): Consumer<K, V> {
    this.#checkOpen();
    const made: Consumer<K, V> = new Consumer<K, V>(this.#dispatcher, options, () => this.#consumers.delete(made));
    this.#consumers.add(made);
    return made;
  }

  outbox<K = string | Uint8Array, V = unknown>(db: SqliteDatabase, options: OutboxOptions<K, V> = {}): Outbox<K, V> {
    this.#checkOpen();
    const made: Outbox<K, V> = new Outbox<K, V>(this.#dispatcher, db, options, () => this.#outboxes.delete(made));
    this.#outboxes.add(made);
    return made;
  }

  admin(): Admin {
    this.#checkOpen();
    return this.#admin;
  }

  pressure(): Promise<PressureReport> {
    this.#checkOpen();
    return this.#admin.pressure();
  }

  /**
   * Closes consumers, then drains and closes producers: what handlers send last is delivered too. Tells what was not finished within the
   * deadline.
   */
  async drain(deadlineMs: number): Promise<string[]> {
    const { clock } = this.#dispatcher;
    const endMs = clock.monotonicMs() + deadlineMs;
    const ofConsumers = Math.floor(deadlineMs * 0.6);
    const reports = await Promise.all([...this.#consumers].map((consumer) => consumer.close({ deadlineMs: ofConsumers })));
    const leftMs = Math.max(0, Math.floor(endMs - clock.monotonicMs()));
    const outboxes = Promise.all([...this.#outboxes].map((outbox) => outbox.close({ deadlineMs: leftMs })));
    const results = await Promise.all([...this.#producers].map((producer) => producer.close({ deadlineMs: leftMs })));
    // What an outbox has not sent stays in its table: that is not lost, and nothing to tell.
    await outboxes;
    const unfinished = results.reduce((sum, result) => sum + result.unfinished, 0);
    const words = reports.flatMap((report) => report.unfinished);
    return unfinished === 0 ? words : [...words, `${unfinished} batches of producers were not acknowledged`];
  }

  #checkOpen(): void {
    if (this.#dispatcher.closed) throw new BusError('CLOSED', 'the bus is closed');
  }
}
