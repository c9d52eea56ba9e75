/** A producer and a reader of one topic that go on whatever happens to its brokers, and what each partition came to in the end. */
import type { RemoteBus } from '../../../src/index.ts';

export interface FlowReport {
  sent: number;
  /** Why records were not acknowledged. */
  failures: string[];
  /** Per partition: places where a value or its offset is not the one that belongs there, the first few in words. */
  wrong: string[];
}

export class SteadyFlow {
  readonly #remote: RemoteBus;
  readonly #topic: string;
  readonly #partitions: number;
  readonly #seen: { value: number; offset: number }[][];
  readonly #offsets = new Map<number, number>();
  readonly #failures: string[] = [];
  #stopping = false;
  #drained = false;
  sent = 0;
  acknowledged = 0;
  read = 0;
  #writing: Promise<void> = Promise.resolve();
  #reading: Promise<void> = Promise.resolve();

  constructor(remote: RemoteBus, topic: string, partitions: number) {
    this.#remote = remote;
    this.#topic = topic;
    this.#partitions = partitions;
    this.#seen = Array.from({ length: partitions }, () => []);
  }

  /** Sends `perTurn` records to each partition every few milliseconds, as small batches. */
  start(perTurn: number): void {
    this.#writing = this.#write(perTurn);
    this.#reading = this.#readAll();
  }

  /** Ends the sending, waits for all that was sent, and reads to the end. */
  async stop(): Promise<FlowReport> {
    this.#stopping = true;
    await this.#writing;
    this.#drained = true;
    await this.#reading;
    return {
      sent: this.sent,
      failures: this.#failures,
      wrong: this.#seen.flatMap((values, partition) => this.#wrongOf(values, partition)),
    };
  }

  async #write(perTurn: number): Promise<void> {
    const producer = this.#remote.producer({ batchSize: 4096, retryBackoffMs: 20 });
    const all: Promise<void>[] = [];
    while (!this.#stopping) {
      for (let i = 0; i < perTurn * this.#partitions; i++) {
        const value = this.sent++;
        const told = producer.send(this.#topic, { partition: value % this.#partitions, value }).then(
          ({ offset }) => {
            this.acknowledged++;
            this.#offsets.set(value, offset);
          },
          (error) => void this.#failures.push(String(error)),
        );
        all.push(told);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(all);
    await producer.close();
  }

  async #readAll(): Promise<void> {
    const consumer = await this.#remote.consumer({ autoOffsetReset: 'earliest' }).assign(this.#topic);
    while (!this.#drained || this.read < this.acknowledged) {
      for (const { partition, value, offset } of await consumer.poll({ timeoutMs: 200 })) {
        this.#seen[partition].push({ value: value as number, offset });
        this.read++;
      }
    }
    // What came twice comes now.
    for (const { partition, value, offset } of await consumer.poll({ timeoutMs: 100 }))
      this.#seen[partition].push({ value: value as number, offset });
    await consumer.close();
  }

  #wrongOf(values: readonly { value: number; offset: number }[], partition: number): string[] {
    const wrong: string[] = [];
    values.forEach(({ value, offset }, i) => {
      const wanted = i * this.#partitions + partition;
      const told = this.#offsets.get(value);
      // −1: it was there already when it was sent again, so long ago that the broker does not say where.
      const isRight = value === wanted && offset === i && (told === offset || told === -1);
      if (!isRight && wrong.length < 3)
        wrong.push(`${partition}: value ${value} at ${offset}, acknowledged at ${told}, where ${wanted} belongs`);
    });
    const count = Math.ceil((this.sent - partition) / this.#partitions);
    if (values.length !== count) wrong.push(`${partition}: ${values.length} records, and ${count} were sent`);
    return wrong;
  }
}
