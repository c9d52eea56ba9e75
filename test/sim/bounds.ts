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
  #producers: { name: string; thread: number; producer: Buffering; bytesMax: number }[] = [];
  #readers: { thread: number; reading: Reading; bytesMax: number }[] = [];
  #level = 0;
  /** How often the pressure rose to each level. */
  readonly levels = { spill: 0, throttle: 0, pause: 0 };

  constructor(bus: SimBus, violated: (what: string) => void) {
    this.#bus = bus;
    this.#violated = violated;
  }

  addProducer(name: string, thread: number, producer: Buffering, { options, valueBytesMax }: ProducerHabits): void {
    // A batch may outgrow the buffer by one record, and by what compression adds to bytes that it cannot shrink.
    const bytesMax = ((options.bufferMemory ?? 0) + (options.batchSize ?? 0) + valueBytesMax) * 1.2 + SLACK_BYTES;
    this.#producers.push({ name, thread, producer, bytesMax });
  }

  addReader(thread: number, reading: Reading, { options }: ReaderHabits): void {
    // One answer per host may be on its way when the queue fills; each may be stretched by one batch.
    const answer = options.fetchBytesMax + 64 * 1024;
    this.#readers.push({ thread, reading, bytesMax: options.queuedBytesMax + this.#bus.hosts.length * answer });
  }

  /** Who was on this thread is gone with it. */
  threadEnded(ended: number): void {
    this.#producers = this.#producers.filter(({ thread }) => thread !== ended);
    this.#readers = this.#readers.filter(({ thread }) => thread !== ended);
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
    const { level } = arena;
    if (level > this.#level) this.levels[(['spill', 'throttle', 'pause'] as const)[level - 1]]++;
    this.#level = level;
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
      if (this.#bus.isGone(thread)) continue;
      const { dispatcher } = this.#bus.client(thread);
      if (dispatcher.outbox.used !== 0) this.#violated(`the outbox of thread ${thread} still holds ${dispatcher.outbox.used} bytes`);
      if (dispatcher.inFlightBytes !== 0) this.#violated(`thread ${thread} still counts ${dispatcher.inFlightBytes} bytes in flight`);
    }
    const { arena } = this.#bus;
    let owned = 0;
    for (let slot = 0; slot < arena.handle.slotsMax; slot++) owned += arena.framesOf(slot).size;
    if (owned !== arena.used) this.#violated(`${arena.used} frames count as used, ${owned} have an owner`);
  }

  /** Readers are closed and nobody sends: whether everything was given back, and if not, what was not. */
  leftover(residentBytes: number): string[] {
    const { arena, hosts } = this.#bus;
    const left: string[] = [];
    // Hosts tell of it every now and then.
    const parked = hosts.reduce((sum, { parkedReads }) => sum + parkedReads, 0);
    if (parked > 0) left.push(`${parked} reads are parked and nobody reads`);
    if (arena.usedBytes !== residentBytes) left.push(`${arena.usedBytes} bytes of frames are used, partitions hold ${residentBytes}`);
    return left;
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
