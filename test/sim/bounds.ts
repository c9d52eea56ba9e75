/** The bounds that hold at every moment of a simulation, and what must be empty when nobody does anything. */
import type { SimBus } from './bus.ts';
import type { ProducerHabits, ReaderHabits, Reading } from './users.ts';

interface Buffering {
  readonly bufferedBytes: number;
  close(options: { deadlineMs: number }): Promise<unknown>;
}

/** A record's own overhead in a batch, and the header of the batch. */
const SLACK_BYTES = 200;

export class Bounds {
  readonly #bus: SimBus;
  readonly #violated: (what: string) => void;
  readonly #producers: { name: string; producer: Buffering; bytesMax: number }[] = [];
  readonly #readers: { reading: Reading; bytesMax: number }[] = [];

  constructor(bus: SimBus, violated: (what: string) => void) {
    this.#bus = bus;
    this.#violated = violated;
  }

  addProducer(name: string, producer: Buffering, { options, valueBytesMax }: ProducerHabits): void {
    // A batch may outgrow the buffer by one record, and by what compression adds to bytes that it cannot shrink.
    const bytesMax = ((options.bufferMemory ?? 0) + (options.batchSize ?? 0) + valueBytesMax) * 1.2 + SLACK_BYTES;
    this.#producers.push({ name, producer, bytesMax });
  }

  addReader(reading: Reading, { options }: ReaderHabits): void {
    // One answer per host may be on its way when the queue fills; each may be stretched by one batch.
    const answer = options.fetchBytesMax + 64 * 1024;
    this.#readers.push({ reading, bytesMax: options.queuedBytesMax + this.#bus.hosts.length * answer });
  }

  /** Whether producers hold nothing: a send of many rejects with its first record, when others are still under way. */
  get isIdle(): boolean {
    return this.#producers.every(({ producer }) => producer.bufferedBytes === 0);
  }

  closeProducers(): void {
    for (const { producer } of this.#producers) void producer.close({ deadlineMs: 5000 });
  }

  check(): void {
    const { arena } = this.#bus;
    if (this.#bus.dead) return;
    if (arena.used > arena.framesMax) this.#violated(`${arena.used} of ${arena.framesMax} frames are in use`);
    for (const { name, producer, bytesMax } of this.#producers)
      if (producer.bufferedBytes > bytesMax) this.#violated(`${name} holds ${producer.bufferedBytes} bytes, at most ${bytesMax} were due`);
    for (const { reading, bytesMax } of this.#readers)
      if (reading.consumer.queuedBytes > bytesMax)
        this.#violated(`${reading.name} holds ${reading.consumer.queuedBytes} bytes, at most ${bytesMax} were due`);
    for (let thread = 0; thread < this.#bus.threads; thread++) {
      const { outbox } = this.#bus.client(thread).dispatcher;
      if (outbox.used > outbox.size) this.#violated(`the outbox of thread ${thread} holds ${outbox.used} of ${outbox.size} bytes`);
    }
  }

  /** Every send has ended: nothing may be held for it any more. */
  checkIdle(): void {
    for (const { name, producer } of this.#producers)
      if (producer.bufferedBytes !== 0) this.#violated(`${name} still holds ${producer.bufferedBytes} bytes`);
    for (let thread = 0; thread < this.#bus.threads; thread++) {
      const { dispatcher } = this.#bus.client(thread);
      if (dispatcher.outbox.used !== 0) this.#violated(`the outbox of thread ${thread} still holds ${dispatcher.outbox.used} bytes`);
      if (dispatcher.inFlightBytes !== 0) this.#violated(`thread ${thread} still counts ${dispatcher.inFlightBytes} bytes in flight`);
    }
    const { arena } = this.#bus;
    let owned = 0;
    for (let slot = 0; slot < arena.handle.slotsMax; slot++) owned += arena.framesOf(slot).size;
    if (owned !== arena.used) this.#violated(`${arena.used} frames count as used, ${owned} have an owner`);
  }

  tell(): string[] {
    const { arena } = this.#bus;
    return [
      `arena: ${arena.used} of ${arena.framesMax} frames, level ${arena.level}`,
      ...this.#producers.map(({ name, producer }) => `${name} holds ${producer.bufferedBytes} bytes`),
      ...Array.from({ length: this.#bus.threads }, (_, thread) => {
        const { outbox, inFlightBytes } = this.#bus.client(thread).dispatcher;
        return `thread ${thread}: outbox ${outbox.used} of ${outbox.size}, ${inFlightBytes} bytes in flight`;
      }),
      ...this.#bus.hosts.map(
        ({ actor, down, ready }, host) => `host ${host}: ${down ? 'down' : ready ? 'ready' : 'opening'}, ${actor.alive ? 'alive' : 'dead'}`,
      ),
    ];
  }
}
