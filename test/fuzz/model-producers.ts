/** Idempotent producers as a partition has to see them (KIP-98): the next sequence is taken, one of the last five is known, everything else is refused. */
import { errors } from '../../src/base/errors.ts';
import { produce } from '../../src/kafka/api/00-produce.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { readRecords } from '../../src/record/batch-read.ts';
import type { Random } from '../../src/world/random.ts';
import { batchOf } from '../kafka/wire-client.ts';
import { expectSame } from './sequences.ts';
import type { Asks } from './witness.ts';

const PRODUCERS = 3;
const DUPLICATES = 5;

interface Lane {
  producerId: number;
  partition: number;
  epoch: number;
  next: number;
  /** The last batches, the oldest first. */
  sent: { sequence: number; count: number; offset: number }[];
}

export class ProducerModel {
  readonly #client: Asks;
  readonly #topic: string;
  readonly #lanes: Lane[] = [];
  /** Values by partition. */
  readonly #logs: string[][];
  readonly ends: () => number[];

  constructor(client: Asks, topic: string, partitions: number) {
    this.#client = client;
    this.#topic = topic;
    this.#logs = Array.from({ length: partitions }, () => []);
    this.ends = () => this.#logs.map(({ length }) => length);
    // Ids that nobody was given are as good as any: what a partition does not know may begin anywhere (KIP-360).
    for (let i = 0; i < PRODUCERS * partitions; i++) {
      this.#lanes.push({ producerId: 1000 + Math.floor(i / partitions), partition: i % partitions, epoch: 0, next: 0, sent: [] });
    }
  }

  async step(random: Random): Promise<string> {
    const lane = this.#lanes[random.below(this.#lanes.length)];
    const count = 1 + random.below(3);
    const { epoch, next, sent } = lane;
    const known = sent.slice(-DUPLICATES);
    const kind =
      sent.length === 0
        ? 'next'
        : (['next', 'next', 'next', 'duplicate', 'gap', 'old epoch', 'new epoch', 'new epoch in its midst', 'half known'] as const)[
            random.below(9)
          ];
    switch (kind) {
      case 'next':
        await this.#takes(lane, epoch, next, count);
        break;
      case 'duplicate': {
        const again = known[random.below(known.length)];
        await this.#answers(lane, epoch, again.sequence, again.count, 0, again.offset);
        break;
      }
      case 'gap':
        await this.#answers(lane, epoch, next + 1 + random.below(1000), count, errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code);
        break;
      case 'old epoch':
        if (epoch === 0) return 'producers: no old epoch';
        await this.#answers(lane, epoch - 1, next, count, errors.INVALID_PRODUCER_EPOCH.code);
        break;
      case 'new epoch':
        lane.epoch++;
        lane.sent = [];
        await this.#takes(lane, lane.epoch, 0, count);
        break;
      case 'new epoch in its midst':
        await this.#answers(lane, epoch + 1, 1 + random.below(5), count, errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code);
        break;
      case 'half known': {
        const last = known[known.length - 1];
        await this.#answers(lane, epoch, last.sequence, last.count + 1, errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code);
        break;
      }
    }
    return `producers: ${kind}`;
  }

  /** What was taken is there, and nothing else. */
  async end(): Promise<void> {
    for (const [partition, values] of this.#logs.entries()) {
      const found: string[] = [];
      for (let moved = true; moved; ) {
        const partitions = [{ partition, fetchOffset: found.length, partitionMaxBytes: 1 << 20 }];
        const topics = [{ topic: this.#topic, topicId: ZERO_UUID, partitions }];
        const { responses } = await this.#client.ask(fetch, 11, { maxWaitMs: 0, minBytes: 0, rackId: '', forgottenTopicsData: [], topics });
        const bytes = Buffer.from(responses[0].partitions[0].records ?? []);
        const records = readRecords(bytes, 0, bytes.length, found.length);
        for (const { value } of records) found.push(String(Buffer.from(value ?? [])));
        moved = records.length > 0;
      }
      expectSame(`records of ${this.#topic}-${partition}`, found, values);
    }
  }

  async #takes(lane: Lane, epoch: number, sequence: number, count: number): Promise<void> {
    const log = this.#logs[lane.partition];
    const offset = log.length;
    await this.#answers(lane, epoch, sequence, count, 0, offset);
    for (let i = 0; i < count; i++) log.push(textOf(lane, epoch, sequence + i));
    lane.sent.push({ sequence, count, offset });
    lane.next = sequence + count;
  }

  async #answers(lane: Lane, epoch: number, sequence: number, count: number, code: number, offset = -1): Promise<void> {
    const values = Array.from({ length: count }, (_, i) => textOf(lane, epoch, sequence + i));
    const records = batchOf(values, { producerId: lane.producerId, producerEpoch: epoch, baseSequence: sequence });
    const topicData = [{ name: this.#topic, topicId: ZERO_UUID, partitionData: [{ index: lane.partition, records }] }];
    const answer = await this.#client.ask(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData });
    const { errorCode, baseOffset } = answer.responses[0].partitionResponses[0];
    expectSame(`producer ${lane.producerId} epoch ${epoch} sequence ${sequence}`, [errorCode, baseOffset], [code, offset]);
  }
}

function textOf({ producerId }: Lane, epoch: number, sequence: number): string {
  return `${producerId} ${epoch} ${sequence}`;
}
