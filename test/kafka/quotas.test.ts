/** Quotas and pressure as a client on the wire feels them: a throttle time in the answer, a connection that is not heard meanwhile, and no error. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { produce } from '../../src/kafka/api/00-produce.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { apiVersions } from '../../src/kafka/api/18-api-versions.ts';
import { alterClientQuotas } from '../../src/kafka/api/49-alter-client-quotas.ts';
import { type Decoded, ZERO_UUID } from '../../src/kafka/schema.ts';
import { Loopback, type LoopbackClient } from './loopback.ts';
import { batchOf } from './wire-client.ts';

let bench: Loopback;
let client: LoopbackClient;
beforeEach(async () => {
  // One sample may be ahead of the rate.
  bench = await Loopback.open({ configs: { 'quota.window.num': '2', 'log.durability': 'written' } });
  await bench.bus.admin().createTopics([{ name: 't', partitions: 2 }]);
  client = bench.connect();
});
afterEach(async () => {
  expect(bench.failures).toEqual([]);
  bench.strain = 0;
  await bench.close();
});

async function quota(key: string, value: number): Promise<void> {
  const entity = [{ entityType: 'client-id', entityName: 'test' }];
  const { entries } = await client.ask(alterClientQuotas, 1, {
    entries: [{ entity, ops: [{ key, value, remove: false }] }],
    validateOnly: false,
  });
  expect(entries[0].errorCode).toBe(0);
}

interface Sent {
  throttleMs: number;
  tookMs: number;
  code: number;
}

async function send(on: LoopbackClient, bytes: number, { acks = -1, timeoutMs = 30_000, version = 9 } = {}): Promise<Sent> {
  const begunMs = performance.now();
  const answer = await on.ask(produce, version, {
    transactionalId: null,
    acks,
    timeoutMs,
    topicData: [{ name: 't', topicId: ZERO_UUID, partitionData: [{ index: 0, records: batchOf(['x'.repeat(bytes)]) }] }],
  });
  const code = answer.responses[0].partitionResponses[0].errorCode;
  return { throttleMs: answer.throttleTimeMs, tookMs: performance.now() - begunMs, code };
}

function read(on: LoopbackClient, offset = 0, more = {}, version = 12): Promise<Decoded<typeof fetch.response>> {
  return on.ask(fetch, version, {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1 << 20,
    rackId: '',
    forgottenTopicsData: [],
    topics: [{ topic: 't', topicId: ZERO_UUID, partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 1 << 20 }] }],
    ...more,
  });
}

const hello = { clientSoftwareName: 'a', clientSoftwareVersion: '1' };

async function greets(on: LoopbackClient): Promise<number> {
  const begunMs = performance.now();
  await on.ask(apiVersions, 3, hello);
  return performance.now() - begunMs;
}

describe('producer_byte_rate', () => {
  test('what is beyond it is taken, answered with how long to wait, and the connection is not heard for as long', async () => {
    await quota('producer_byte_rate', 10_000);
    expect(await send(client, 9000)).toMatchObject({ code: 0, throttleMs: 0 });
    // A second's worth is in advance; 14,000 bytes are owed in all, less what the time brings.
    const sent = await send(client, 5000);
    expect(sent.code).toBe(0);
    expect(sent.throttleMs).toBeGreaterThan(200);
    expect(sent.throttleMs).toBeLessThan(600);
    expect(await greets(client)).toBeGreaterThan(sent.throttleMs - 20);
  });

  test('is shared by the connections of a client id; another connection is heard at once', async () => {
    await quota('producer_byte_rate', 10_000);
    const other = bench.connect();
    await send(client, 6000);
    const { throttleMs } = await send(other, 18_000);
    expect(throttleMs).toBeGreaterThan(800);
    expect(await greets(client)).toBeLessThan(600);
  });

  test('is not felt below it, nor without one', async () => {
    for (let i = 0; i < 20; i++) expect(await send(client, 50_000)).toMatchObject({ code: 0, throttleMs: 0 });
    await quota('producer_byte_rate', 100_000_000);
    for (let i = 0; i < 20; i++) expect(await send(client, 50_000)).toMatchObject({ code: 0, throttleMs: 0 });
  });
});

describe('consumer_byte_rate', () => {
  beforeEach(async () => {
    for (let i = 0; i < 4; i++) await send(client, 9000);
    await quota('consumer_byte_rate', 10_000);
  });

  /** Fetches until the client id owes half a second. */
  async function owe(): Promise<void> {
    for (let i = 0; i < 5; i++) {
      const { throttleTimeMs, responses } = await read(bench.connect());
      expect(responses[0].partitions[0].records?.length).toBeGreaterThan(5000);
      expect(responses[0].partitions[0].records?.length).toBeLessThan(10_000);
      if (throttleTimeMs > 500) return;
    }
    expect.unreachable();
  }

  test('an answer holds a second of it and says how long to wait; who asks meanwhile is told the same, and gets nothing', async () => {
    await owe();
    const other = bench.connect();
    const none = await read(other);
    expect(none).toMatchObject({ errorCode: 0, responses: [] });
    expect(none.throttleTimeMs).toBeGreaterThan(300);
    expect(await greets(other)).toBeGreaterThan(none.throttleTimeMs - 20);
  });

  test('a session that is throttled stays, and goes on where it was', async () => {
    const version = 7;
    const other = bench.connect();
    const { sessionId } = await read(other, 8, { sessionId: 0, sessionEpoch: 0 }, version);
    expect(sessionId).toBeGreaterThan(0);
    await owe();
    const none = await read(other, 0, { sessionId, sessionEpoch: 1 }, version);
    expect(none).toMatchObject({ errorCode: 0, sessionId, responses: [] });
    expect(none.throttleTimeMs).toBeGreaterThan(100);
    // Lifted, it lets go those who wait.
    client = bench.connect();
    await quota('consumer_byte_rate', 1_000_000_000);
    const some = await read(other, 0, { sessionId, sessionEpoch: 2, topics: [] }, version);
    expect(some.responses[0].partitions[0].records?.length).toBeGreaterThan(5000);
  });
});

describe('pressure', () => {
  test('throttled: each Produce is taken, and its connection waits a little', async () => {
    bench.strain = 0.94;
    await expect.poll(() => bench.bus.arena.level).toBe(2);
    expect(await send(client, 100)).toMatchObject({ code: 0, throttleMs: 100 });
    expect(await greets(client)).toBeGreaterThan(60);
    bench.strain = 0;
    await expect.poll(() => bench.bus.arena.level).toBe(0);
    expect(await send(client, 100)).toMatchObject({ code: 0, throttleMs: 0 });
  });

  test('paused: answers come when it is over, reads go on', async () => {
    await send(client, 100);
    bench.strain = 0.99;
    await expect.poll(() => bench.bus.arena.level).toBe(3);
    const other = bench.connect();
    const sending = send(client, 100);
    expect((await read(other)).responses[0].partitions[0].highWatermark).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await read(other)).responses[0].partitions[0].highWatermark).toBe(1);
    bench.strain = 0;
    const sent = await sending;
    expect(sent.code).toBe(0);
    expect(sent.tookMs).toBeGreaterThan(300);
    expect((await read(other)).responses[0].partitions[0].highWatermark).toBe(2);
  });

  test('paused for longer than the request may take: the client is told to try again, and nothing was appended', async () => {
    bench.strain = 0.99;
    await expect.poll(() => bench.bus.arena.level).toBe(3);
    const sent = await send(client, 100, { timeoutMs: 200 });
    expect(sent.code).toBe(errors.REQUEST_TIMED_OUT.code);
    expect(sent.tookMs).toBeGreaterThan(190);
    expect(sent.tookMs).toBeLessThan(1000);
    bench.strain = 0;
    await expect.poll(() => bench.bus.arena.level).toBe(0);
    expect(await send(client, 100)).toMatchObject({ code: 0 });
    expect((await read(bench.connect())).responses[0].partitions[0].highWatermark).toBe(1);
  });

  test('a client that goes while it waits leaves nothing behind', async () => {
    bench.strain = 0.99;
    await expect.poll(() => bench.bus.arena.level).toBe(3);
    const sending = send(client, 100);
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.close();
    await expect(sending).rejects.toThrow('closed');
    bench.strain = 0;
    await expect.poll(() => bench.bus.arena.level).toBe(0);
    client = bench.connect();
    expect(await send(client, 100)).toMatchObject({ code: 0 });
    expect((await read(client)).responses[0].partitions[0].highWatermark).toBe(1);
    expect(bench.bus.client(1).dispatcher.inFlightBytes).toBe(0);
  });
});
