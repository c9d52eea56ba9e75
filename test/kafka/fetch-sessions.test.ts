/** Fetch sessions (KIP-227): ids and epochs, what an incremental fetch names and gets, and the bound on their number. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import type { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { Bus, type Listening } from '../../src/index.ts';
import { produce } from '../../src/kafka/api/00-produce.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { createTopics } from '../../src/kafka/api/19-create-topics.ts';
import { deleteTopics } from '../../src/kafka/api/20-delete-topics.ts';
import { FetchSession, FetchSessions } from '../../src/kafka/fetch-sessions.ts';
import { type Decoded, ZERO_UUID } from '../../src/kafka/schema.ts';
import { readRecords } from '../../src/record/batch-read.ts';
import { seededRandom } from '../../src/world/random.ts';
import { batchOf, WireClient } from './wire-client.ts';

let bus: Bus;
let listening: Listening;
let client: WireClient;
let nextTopic = 0;

beforeAll(async () => {
  bus = await Bus.open({ logLevel: 'silent', hosts: 2 });
  listening = await bus.listen({ port: 0 });
  client = await WireClient.open(listening);
});
afterAll(async () => {
  client.close();
  await bus.close();
});

interface Asked {
  id?: number;
  epoch: number;
  offsets?: Record<number, number>;
  forget?: number[];
  waitMs?: number;
  minBytes?: number;
}

class Reader {
  readonly topicId: string;
  readonly name: string;

  private constructor(name: string, topicId: string) {
    this.name = name;
    this.topicId = topicId;
  }

  static async ofTopic(partitions: number): Promise<Reader> {
    const name = `sessions-${nextTopic++}`;
    const topics = [{ name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] }];
    const made = await client.ask(createTopics, 7, { topics });
    return new Reader(name, made.topics[0].topicId);
  }

  async send(partition: number, value: string): Promise<void> {
    const topicData = [{ name: '', topicId: this.topicId, partitionData: [{ index: partition, records: batchOf([value]) }] }];
    const { responses } = await client.ask(produce, 13, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData });
    expect(responses[0].partitionResponses[0].errorCode).toBe(0);
  }

  fetch(
    { id = 0, epoch, offsets = {}, forget = [], waitMs = 0, minBytes = 1 }: Asked,
    from = client,
  ): Promise<Decoded<typeof fetch.response>> {
    const partitions = Object.entries(offsets).map(([partition, fetchOffset]) => ({
      partition: Number(partition),
      fetchOffset,
      partitionMaxBytes: 100_000,
    }));
    return from.ask(fetch, 13, {
      sessionId: id,
      sessionEpoch: epoch,
      maxWaitMs: waitMs,
      minBytes,
      maxBytes: 1 << 20,
      rackId: '',
      topics: partitions.length === 0 ? [] : [{ topic: '', topicId: this.topicId, partitions }],
      forgottenTopicsData: forget.length === 0 ? [] : [{ topic: '', topicId: this.topicId, partitions: forget }],
    });
  }
}

/** '0: a b' per partition that is named; an error in place of values. */
function told({ responses }: Decoded<typeof fetch.response>): string[] {
  return responses.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex, errorCode, records }) => {
      if (errorCode !== 0) return `${partitionIndex}: error ${errorCode}`;
      const bytes = Buffer.from(records ?? []);
      return `${partitionIndex}: ${readRecords(bytes, 0, bytes.length)
        .map(({ value }) => String(value))
        .join(' ')}`.trim();
    }),
  );
}

describe('a session', () => {
  test('a fetch that leaves nothing to wait for is answered at once: so a client closes its session', async () => {
    const reader = await Reader.ofTopic(1);
    const { sessionId } = await reader.fetch({ epoch: 0, offsets: { 0: 0 } });
    const startMs = performance.now();
    const closed = await reader.fetch({ id: sessionId, epoch: -1, waitMs: 20_000 });
    expect(closed).toMatchObject({ errorCode: 0, sessionId: 0, responses: [] });
    expect(performance.now() - startMs).toBeLessThan(10_000);
    expect(await reader.fetch({ id: sessionId, epoch: 1 })).toMatchObject({ errorCode: errors.FETCH_SESSION_ID_NOT_FOUND.kafkaCode });
  });

  test('begins with all of its partitions, and then names only what has something new', async () => {
    const reader = await Reader.ofTopic(3);
    await reader.send(1, 'a');
    const first = await reader.fetch({ epoch: 0, offsets: { 0: 0, 1: 0, 2: 0 } });
    expect(told(first).sort()).toEqual(['0:', '1: a', '2:']);
    const { sessionId: id } = first;
    expect(id).toBeGreaterThan(0);
    expect(told(await reader.fetch({ id, epoch: 1, offsets: { 1: 1 } }))).toEqual([]);
    await reader.send(2, 'b');
    const next = await reader.fetch({ id, epoch: 2, waitMs: 5000 });
    expect(next.sessionId).toBe(id);
    expect(told(next)).toEqual(['2: b']);
    // The reader has not moved on: it gets the same once more.
    expect(told(await reader.fetch({ id, epoch: 3 }))).toEqual(['2: b']);
    expect(told(await reader.fetch({ id, epoch: 4, offsets: { 2: 1 } }))).toEqual([]);
  });

  test('goes on where a fetch says, also backwards', async () => {
    const reader = await Reader.ofTopic(1);
    for (const value of ['a', 'b', 'c']) await reader.send(0, value);
    const { sessionId: id } = await reader.fetch({ epoch: 0, offsets: { 0: 2 } });
    expect(told(await reader.fetch({ id, epoch: 1, offsets: { 0: 1 } }))).toEqual(['0: b c']);
    expect(told(await reader.fetch({ id, epoch: 2, offsets: { 0: 3 } }))).toEqual([]);
    expect(told(await reader.fetch({ id, epoch: 3, offsets: { 0: 0 } }))).toEqual(['0: a b c']);
  });

  test('forgets partitions, and takes up others', async () => {
    const reader = await Reader.ofTopic(2);
    const { sessionId: id } = await reader.fetch({ epoch: 0, offsets: { 0: 0 } });
    await reader.send(0, 'a');
    await reader.send(1, 'b');
    expect(told(await reader.fetch({ id, epoch: 1, offsets: { 1: 0 }, forget: [0] }))).toEqual(['1: b']);
    expect(told(await reader.fetch({ id, epoch: 2, offsets: { 0: 0, 1: 1 } }))).toEqual(['0: a']);
  });

  test('waits over all hosts at once', async () => {
    const reader = await Reader.ofTopic(4);
    const { sessionId: id } = await reader.fetch({ epoch: 0, offsets: { 0: 0, 1: 0, 2: 0, 3: 0 } });
    const other = await WireClient.open(listening);
    for (const [epoch, partition] of [0, 1, 2, 3].entries()) {
      const waiting = reader.fetch({ id, epoch: epoch + 1, waitMs: 20_000, offsets: partition === 0 ? {} : { [partition - 1]: 1 } }, other);
      await reader.send(partition, `to ${partition}`);
      expect(told(await waiting)).toEqual([`${partition}: to ${partition}`]);
    }
    other.close();
  });

  test('is held to its epochs', async () => {
    const reader = await Reader.ofTopic(1);
    const { sessionId: id } = await reader.fetch({ epoch: 0, offsets: { 0: 0 } });
    const codeOf = async (asked: Asked) => (await reader.fetch(asked)).errorCode;
    expect(await codeOf({ id, epoch: 2 })).toBe(errors.INVALID_FETCH_SESSION_EPOCH.code);
    expect(await codeOf({ id, epoch: 1 })).toBe(0);
    expect(await codeOf({ id, epoch: 1 })).toBe(errors.INVALID_FETCH_SESSION_EPOCH.code);
    expect(await codeOf({ id: id + 1, epoch: 1 })).toBe(errors.FETCH_SESSION_ID_NOT_FOUND.code);
    expect(await codeOf({ id: 0, epoch: 5 })).toBe(errors.FETCH_SESSION_ID_NOT_FOUND.code);
    // A full fetch ends it: a new one begins, or none.
    const { sessionId: next } = await reader.fetch({ id, epoch: 0, offsets: { 0: 0 } });
    expect(await codeOf({ id, epoch: 2 })).toBe(errors.FETCH_SESSION_ID_NOT_FOUND.code);
    expect((await reader.fetch({ id: next, epoch: -1, offsets: { 0: 0 } })).sessionId).toBe(0);
    expect(await codeOf({ id: next, epoch: 1 })).toBe(errors.FETCH_SESSION_ID_NOT_FOUND.code);
  });

  test('tells the error of a partition with each answer, and goes on when it is over', async () => {
    const reader = await Reader.ofTopic(1);
    await reader.send(0, 'a');
    const first = await reader.fetch({ epoch: 0, offsets: { 0: 7 } });
    expect(told(first)).toEqual([`0: error ${errors.OFFSET_OUT_OF_RANGE.code}`]);
    const { sessionId: id } = first;
    expect(told(await reader.fetch({ id, epoch: 1 }))).toEqual([`0: error ${errors.OFFSET_OUT_OF_RANGE.code}`]);
    expect(told(await reader.fetch({ id, epoch: 2, offsets: { 0: 0 } }))).toEqual(['0: a']);
  });

  test('of a topic that is deleted says so', async () => {
    const reader = await Reader.ofTopic(1);
    const { sessionId: id } = await reader.fetch({ epoch: 0, offsets: { 0: 0 } });
    await client.ask(deleteTopics, 6, { topics: [{ name: null, topicId: reader.topicId }], topicNames: [], timeoutMs: 1000 });
    expect(told(await reader.fetch({ id, epoch: 1, waitMs: 1000 }))).toEqual([`0: error ${errors.UNKNOWN_TOPIC_ID.code}`]);
  });

  test('names topics by id or by name, not both', async () => {
    const reader = await Reader.ofTopic(1);
    const { sessionId: id } = await reader.fetch({ epoch: 0, offsets: { 0: 0 } });
    const byName = { topic: reader.name, topicId: ZERO_UUID, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] };
    const asked = { sessionId: id, sessionEpoch: 1, maxWaitMs: 0, minBytes: 1, rackId: '', topics: [byName], forgottenTopicsData: [] };
    expect((await client.ask(fetch, 12, asked)).errorCode).toBe(errors.FETCH_SESSION_TOPIC_ID_ERROR.code);
  });
});

describe('fetches without a session', () => {
  test('name every partition, whatever the one before has named', async () => {
    const reader = await Reader.ofTopic(2);
    await reader.send(0, 'a');
    expect(told(await reader.fetch({ epoch: -1, offsets: { 0: 0, 1: 0 } })).sort()).toEqual(['0: a', '1:']);
    await reader.send(1, 'b');
    expect(told(await reader.fetch({ epoch: -1, offsets: { 1: 0 } }))).toEqual(['1: b']);
    expect(told(await reader.fetch({ epoch: -1, offsets: { 0: 0, 1: 1 } })).sort()).toEqual(['0: a', '1:']);
  });
});

describe('the bound on sessions', () => {
  const made = (): { sessions: FetchSessions; make: () => number } => {
    const sessions = new FetchSessions({ random: seededRandom(1), askHost: () => {} } as unknown as Dispatcher);
    const make = (): number => {
      const session = sessions.open({ sessionId: 0, sessionEpoch: 0, usesIds: true });
      return session instanceof FetchSession ? session.id : 0;
    };
    return { sessions, make };
  };

  test(`${limits.wireSessionsMax} are kept; one more takes the place of the one that was not used for longest`, () => {
    const { sessions, make } = made();
    const ids = Array.from({ length: limits.wireSessionsMax }, make);
    expect(new Set(ids).size).toBe(limits.wireSessionsMax);
    const use = (sessionId: number, sessionEpoch: number) => sessions.open({ sessionId, sessionEpoch, usesIds: true });
    expect(use(ids[0], 1)).toBeInstanceOf(FetchSession);
    expect(make()).toBeGreaterThan(0);
    expect(sessions.size).toBe(limits.wireSessionsMax);
    expect(use(ids[0], 2)).toBeInstanceOf(FetchSession);
    expect(use(ids[1], 1)).toBe(errors.FETCH_SESSION_ID_NOT_FOUND.code);
  });

  test('sessions whose fetch is parked stay; with all of them in use, a fetch gets none', () => {
    const { sessions, make } = made();
    const busy = Array.from({ length: limits.wireSessionsMax }, () => sessions.open({ sessionId: 0, sessionEpoch: 0, usesIds: true }));
    for (const session of busy) if (session instanceof FetchSession) session.busy = true;
    expect(make()).toBe(0);
  });
});
