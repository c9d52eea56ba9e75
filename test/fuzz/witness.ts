/** A client that does nothing wrong, beside many that do: what it produces it reads back, in order, each once, and is never kept waiting. */
import { produce } from '../../src/kafka/api/00-produce.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { createTopics } from '../../src/kafka/api/19-create-topics.ts';
import { initProducerId } from '../../src/kafka/api/22-init-producer-id.ts';
import { type Api, type Decoded, type Encodable, type Shape, ZERO_UUID } from '../../src/kafka/schema.ts';
import { readRecords } from '../../src/record/batch-read.ts';
import { batchOf } from '../kafka/wire-client.ts';

/** A connection of any kind. */
export interface Asks {
  ask<Q extends Shape, P extends Shape>(api: Api<Q, P>, version: number, request: Encodable<Q>): Promise<Decoded<P>>;
}

const TOPIC = 'witness';
const PER_ROUND = 3;

export class Witness {
  readonly #client: Asks;
  readonly #withinMs: number;
  readonly #producer: { producerId: number; producerEpoch: number };
  #sent = 0;
  #read = 0;
  /** The longest that one of its requests took. */
  slowestMs = 0;

  private constructor(client: Asks, withinMs: number, producer: { producerId: number; producerEpoch: number }) {
    this.#client = client;
    this.#withinMs = withinMs;
    this.#producer = producer;
  }

  /** Makes its topic, and those of `others`. A request that takes longer than `withinMs` is a failure. */
  static async begin(client: Asks, withinMs: number, others: readonly string[], partitions: number): Promise<Witness> {
    const row = (name: string, numPartitions: number) => ({ name, numPartitions, replicationFactor: -1, assignments: [], configs: [] });
    const made = await client.ask(createTopics, 5, { topics: [row(TOPIC, 1), ...others.map((name) => row(name, partitions))] });
    for (const { name, errorCode } of made.topics) if (errorCode !== 0) throw new Error(`topic ${name} was refused: ${errorCode}`);
    return new Witness(client, withinMs, await client.ask(initProducerId, 2, { transactionalId: null, transactionTimeoutMs: 0 }));
  }

  async round(): Promise<void> {
    const first = this.#sent;
    const records = batchOf(
      Array.from({ length: PER_ROUND }, (_, i) => `record ${first + i}`),
      { ...this.#producer, baseSequence: first },
    );
    const topicData = [{ name: TOPIC, topicId: ZERO_UUID, partitionData: [{ index: 0, records }] }];
    const sent = await this.#timed('Produce', produce, 9, { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData });
    const { errorCode, baseOffset } = sent.responses[0].partitionResponses[0];
    if (errorCode !== 0 || baseOffset !== first) throw new Error(`a sound Produce at ${first}: error ${errorCode}, offset ${baseOffset}`);
    this.#sent += PER_ROUND;
    while (this.#read < this.#sent) await this.#fetch();
  }

  async #fetch(): Promise<void> {
    const partitions = [{ partition: 0, fetchOffset: this.#read, partitionMaxBytes: 1 << 20 }];
    const topics = [{ topic: TOPIC, topicId: ZERO_UUID, partitions }];
    const wanted = { maxWaitMs: 5000, minBytes: 1, maxBytes: 1 << 20, rackId: '', forgottenTopicsData: [], topics };
    const { errorCode, responses } = await this.#timed('Fetch', fetch, 11, wanted);
    const [part] = responses[0]?.partitions ?? [];
    if (errorCode !== 0 || part === undefined || part.errorCode !== 0)
      throw new Error(`a sound Fetch at ${this.#read}: error ${errorCode || part?.errorCode}`);
    const bytes = Buffer.from(part.records ?? []);
    for (const { offset, value } of readRecords(bytes, 0, bytes.length, this.#read)) {
      const text = String(Buffer.from(value ?? []));
      if (offset !== this.#read || text !== `record ${this.#read}`)
        throw new Error(`offset ${offset} holds "${text}" where record ${this.#read} should be`);
      this.#read++;
    }
  }

  async #timed<Q extends Shape, P extends Shape>(
    what: string,
    api: Api<Q, P>,
    version: number,
    request: Encodable<Q>,
  ): Promise<Decoded<P>> {
    const begunMs = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`a sound ${what} was not answered within ${this.#withinMs} ms`)), this.#withinMs);
    });
    try {
      return await Promise.race([this.#client.ask(api, version, request), late]);
    } finally {
      clearTimeout(timer);
      this.slowestMs = Math.max(this.slowestMs, performance.now() - begunMs);
    }
  }
}
