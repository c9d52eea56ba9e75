/** Clients that are slow, silent, deaf or gone, over TCP: bounded in memory, closed by time, and nobody else waits for them. */
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bus, type Listening, type ListenOptions } from '../../src/index.ts';
import { produce } from '../../src/kafka/api/00-produce.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { apiVersions } from '../../src/kafka/api/18-api-versions.ts';
import { createTopics } from '../../src/kafka/api/19-create-topics.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { batchOf, requestBytes, WireClient } from './wire-client.ts';

let bus: Bus;
let listening: Listening;
let sound: WireClient;
const sockets: Socket[] = [];
beforeEach(async () => {
  bus = await Bus.open({ memoryBytesMax: 64 << 20, logLevel: 'silent' });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await bus.close();
});

async function open(options: ListenOptions = {}): Promise<void> {
  listening = await bus.listen({ port: 0, ...options });
  sound = await WireClient.open(listening);
  await sound.ask(createTopics, 2, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }] });
}

async function raw(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: listening.port });
  sockets.push(socket);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

const topicData = (values: readonly string[]) => [
  { name: 't', topicId: ZERO_UUID, partitionData: [{ index: 0, records: batchOf(values) }] },
];
const produceOf = (bytes: number) => ({ transactionalId: null, acks: -1, timeoutMs: 30_000, topicData: topicData(['x'.repeat(bytes)]) });
const hello = { clientSoftwareName: 'a', clientSoftwareVersion: '1' };

/** Produces and fetches as if nobody else was there. */
async function isServed(): Promise<void> {
  const begunMs = performance.now();
  const { responses } = await sound.ask(produce, 9, produceOf(100));
  const { errorCode, baseOffset } = responses[0].partitionResponses[0];
  const partitions = [{ partition: 0, fetchOffset: baseOffset, partitionMaxBytes: 1000 }];
  const wanted = { maxWaitMs: 1000, minBytes: 1, rackId: '', forgottenTopicsData: [] };
  const fetched = await sound.ask(fetch, 11, { ...wanted, topics: [{ topic: 't', topicId: ZERO_UUID, partitions }] });
  expect([errorCode, fetched.responses[0].partitions[0].records?.length]).toEqual([0, 170]);
  expect(performance.now() - begunMs).toBeLessThan(20_000);
}

/** Again and again, until the function that this gives is called. */
function keepServed(): () => Promise<void> {
  let going = true;
  const served = (async () => {
    for (; going; await new Promise((resolve) => setTimeout(resolve, 200))) await isServed();
  })();
  served.catch(() => {});
  return () => {
    going = false;
    return served;
  };
}

test('100,000 requests and nobody who reads: a bound, and all answers when somebody does', { timeout: 60_000 }, async () => {
  const queuedBytesMax = 4 << 20;
  await open({ queuedBytesMax, requestBytesMax: 1 << 20 });
  const socket = await raw();
  socket.pause();
  const request = requestBytes(apiVersions, 3, 1, hello);
  const thousand = Buffer.concat(Array.from({ length: 1000 }, () => request));
  for (let i = 0; i < 100; i++) socket.write(thousand);
  let before = -1;
  let counts = await listening.counts();
  // Until it takes no more: two of them are ours.
  while (counts.requests > before + 2) {
    before = counts.requests;
    await isServed();
    await new Promise((resolve) => setTimeout(resolve, 200));
    counts = await listening.counts();
  }
  expect(counts.requests).toBeLessThan(100_000);
  // A fifth is where its share and what it holds meet.
  expect(counts.heldBytes).toBeLessThan(queuedBytesMax / 5 + (1 << 18));
  let bytes = 0;
  socket.on('data', (piece) => {
    bytes += piece.length;
  });
  socket.resume();
  await expect.poll(async () => (await listening.counts()).requests, { timeout: 30_000 }).toBeGreaterThan(100_000);
  await expect.poll(() => bytes % 100_000, { timeout: 10_000 }).toBe(0);
  expect(bytes).toBeGreaterThan(100_000 * 200);
});

test('the silent, those who stop in the middle and those who never read: bounded, in nobody’s way, and closed by time', {
  timeout: 90_000,
}, async () => {
  await open({ idleMs: 4000 });
  for (let i = 0; i < 8; i++) await sound.ask(produce, 9, produceOf(900_000));
  const stop = keepServed();
  const rss = process.memoryUsage().rss;
  // Nothing at all.
  await Promise.all(Array.from({ length: 500 }, raw));
  // Both ends are in this process.
  expect(process.memoryUsage().rss - rss).toBeLessThan(150e6);
  // Requests to produce, more than the outbox holds, half of each.
  const request = requestBytes(produce, 9, 1, produceOf(900_000));
  for (let i = 0; i < 30; i++) (await raw()).write(request.subarray(0, 450_000));
  // 8 MiB at a time, a hundred times, and nobody who reads it.
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 8 << 20 }];
  const wanted = {
    maxWaitMs: 0,
    minBytes: 1,
    rackId: '',
    forgottenTopicsData: [],
    topics: [{ topic: 't', topicId: ZERO_UUID, partitions }],
  };
  for (let i = 0; i < 10; i++) {
    const socket = await raw();
    socket.pause();
    for (let n = 0; n < 100; n++) socket.write(requestBytes(fetch, 11, n, wanted));
  }
  let heldMax = 0;
  const closed = async (): Promise<number> => {
    const { heldBytes, closed } = await listening.counts();
    heldMax = Math.max(heldMax, heldBytes);
    return (closed.idle ?? 0) + (closed['holds-too-much'] ?? 0);
  };
  await expect.poll(closed, { timeout: 60_000 }).toBe(540);
  await stop();
  await isServed();
  expect(heldMax).toBeGreaterThan(20 << 20);
  expect(heldMax).toBeLessThan((256 << 20) + (8 << 20));
  expect((await listening.counts()).heldBytes).toBeLessThan(1000);
});
