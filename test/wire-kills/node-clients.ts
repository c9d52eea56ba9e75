/**
 * Clients on frames of their own, for the small dose: an idempotent producer that sends a batch again until it is answered, and a reader that
 * fetches and commits. They are in this process, so nothing has to be started.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { produce } from '../../src/kafka/api/00-produce.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { offsetCommit } from '../../src/kafka/api/08-offset-commit.ts';
import { offsetFetch } from '../../src/kafka/api/09-offset-fetch.ts';
import { initProducerId } from '../../src/kafka/api/22-init-producer-id.ts';
import type { Api, Decoded, Encodable, Shape } from '../../src/kafka/schema.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { readRecords } from '../../src/record/batch-read.ts';
import { batchOf, WireClient } from '../kafka/wire-client.ts';
import type { Clients } from './clients.ts';

const TOPIC = 'node-written';
const GROUP = 'node';
const PER_BATCH = 20;

export const nodeClients: Clients = {
  topics: [TOPIC],
  partitions: 1,
  groups: [GROUP],
  start: (bootstrap, tell) => {
    const port = Number(bootstrap.split(':')[1]);
    const state = { stopping: false, ended: false, count: 0 };
    const wrong = (error: unknown): void => tell(`wrong ${String(error)}`);
    const producing = produceOn(new Link(port), state, tell).catch(wrong);
    const reading = readOn(new Link(port), state, tell).catch(wrong);
    return {
      async stop() {
        state.stopping = true;
        await producing;
        tell(`produced ${TOPIC} 0 ${state.count}`);
        state.ended = true;
        await reading;
      },
      kill: () => {
        state.stopping = true;
        state.ended = true;
      },
    };
  },
};

interface State {
  stopping: boolean;
  ended: boolean;
  /** Acknowledged. */
  count: number;
}

/** A connection that is made again when it ends. */
class Link {
  readonly #port: number;
  #client: WireClient | null = null;

  constructor(port: number) {
    this.#port = port;
  }

  /** Null: there was no answer, and it may have been heard or not. */
  async ask<Q extends Shape, P extends Shape>(api: Api<Q, P>, version: number, request: Encodable<Q>): Promise<Decoded<P> | null> {
    try {
      if (this.#client === null || this.#client.isClosed) this.#client = await WireClient.open({ port: this.#port });
      return await this.#client.ask(api, version, request);
    } catch {
      await sleep(10);
      return null;
    }
  }

  close(): void {
    this.#client?.close();
  }
}

async function produceOn(link: Link, state: State, tell: (line: string) => void): Promise<void> {
  let producer: { producerId: number; producerEpoch: number } | null = null;
  while (producer === null) producer = await link.ask(initProducerId, 2, { transactionalId: null, transactionTimeoutMs: 0 });
  while (!state.stopping) {
    const first = state.count;
    const values = Array.from({ length: PER_BATCH }, (_, i) => String(first + i));
    const records = batchOf(values, { producerId: producer.producerId, producerEpoch: producer.producerEpoch, baseSequence: first });
    const topicData = [{ name: TOPIC, topicId: ZERO_UUID, partitionData: [{ index: 0, records }] }];
    let offset = -1;
    // What is not answered is sent again, also when the test wants to end: it may be there already.
    while (offset < 0 && !state.ended) {
      const answer = await link.ask(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 5000, topicData });
      const row = answer?.responses[0].partitionResponses[0];
      if (row?.errorCode === 0) offset = row.baseOffset;
    }
    for (let i = 0; i < PER_BATCH && offset >= 0; i++) tell(`ack ${TOPIC} 0 ${offset + i} ${first + i}`);
    if (offset >= 0) state.count += PER_BATCH;
  }
  link.close();
}

async function readOn(link: Link, state: State, tell: (line: string) => void): Promise<void> {
  let next = 0;
  // Now and then it begins anew, where the group stands.
  for (let round = 0; !state.ended || next < state.count; round++) {
    if (round % 20 === 0) {
      const answer = await link.ask(offsetFetch, 5, { groupId: GROUP, topics: [{ name: TOPIC, partitionIndexes: [0] }], groups: [] });
      if (answer === null) continue;
      next = Math.max(0, answer.topics[0].partitions[0].committedOffset);
      tell(`begin ${GROUP} ${TOPIC} 0 ${next}`);
    }
    const partitions = [{ partition: 0, fetchOffset: next, partitionMaxBytes: 1 << 16 }];
    const topics = [{ topic: TOPIC, topicId: ZERO_UUID, partitions }];
    const wanted = { maxWaitMs: 50, minBytes: 1, rackId: '', forgottenTopicsData: [], topics };
    const records = (await link.ask(fetch, 11, wanted))?.responses[0]?.partitions[0].records ?? Buffer.alloc(0);
    const bytes = Buffer.from(records);
    const some = readRecords(bytes, 0, bytes.length, next);
    for (const { offset, value } of some) {
      const text = String(Buffer.from(value ?? []));
      if (offset !== next || text !== String(offset)) tell(`wrong ${TOPIC} holds ${text} at ${offset} where ${next} comes`);
      next = offset + 1;
    }
    if (some.length === 0) continue;
    tell(`got ${GROUP} ${TOPIC} 0 ${some[0].offset} ${next - 1}`);
    const commit = { partitionIndex: 0, committedOffset: next, committedMetadata: '' };
    const committed = await link.ask(offsetCommit, 7, { groupId: GROUP, memberId: '', topics: [{ name: TOPIC, partitions: [commit] }] });
    if (committed?.topics[0].partitions[0].errorCode === 0) tell(`commit ${GROUP} ${TOPIC} 0 ${next}`);
  }
  link.close();
}
