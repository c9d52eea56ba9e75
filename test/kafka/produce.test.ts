/** Produce at its edges: without answers, with answers that are late, into a memory that is full, and with one bad batch among good ones. */
import { afterEach, describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { produce } from '../../src/kafka/api/00-produce.ts';
import { listOffsets } from '../../src/kafka/api/02-list-offsets.ts';
import { deleteRecords } from '../../src/kafka/api/21-delete-records.ts';
import { type Encodable, ZERO_UUID } from '../../src/kafka/schema.ts';
import { seededRandom } from '../../src/world/random.ts';
import { bombBatch } from '../fuzz/records.ts';
import { Loopback, type LoopbackClient, type LoopbackOptions } from './loopback.ts';
import { batchOf, requestBytes } from './wire-client.ts';

let bench: Loopback;
let client: LoopbackClient;
async function open(options: LoopbackOptions = {}): Promise<void> {
  bench = await Loopback.open({ configs: { 'log.durability': 'written' }, ...options });
  await bench.bus.admin().createTopics([{ name: 't', partitions: 2 }]);
  client = bench.connect();
}
afterEach(async () => {
  expect(bench.failures).toEqual([]);
  await expect.poll(() => bench.bus.client(1).dispatcher.inFlightBytes).toBe(0);
  await bench.close();
});

const requestOf = (records: readonly (Buffer | null)[], acks = -1, timeoutMs = 30_000): Encodable<typeof produce.request> => ({
  transactionalId: null,
  acks,
  timeoutMs,
  topicData: [{ name: 't', topicId: ZERO_UUID, partitionData: records.map((one, index) => ({ index, records: one })) }],
});

async function send(records: readonly (Buffer | null)[], acks = -1, timeoutMs = 30_000) {
  const { responses } = await client.ask(produce, 9, requestOf(records, acks, timeoutMs));
  return responses[0].partitionResponses;
}

async function endOf(partitionIndex = 0): Promise<number> {
  const topics = [{ name: 't', partitions: [{ partitionIndex, timestamp: -1, currentLeaderEpoch: -1 }] }];
  const answer = await bench.connect().ask(listOffsets, 5, { replicaId: -1, isolationLevel: 0, topics, timeoutMs: 1000 });
  return answer.topics[0].partitions[0].offset;
}

describe('acks', () => {
  test('0: nothing is answered, all is there in order, and the next answer is that of the next request', async () => {
    await open();
    for (let i = 0; i < 50; i++) client.send(requestBytes(produce, 9, 1000 + i, requestOf([batchOf([`${i}`])], 0)));
    // The client itself fails when an answer carries another's number.
    expect(await send([batchOf(['last'])])).toMatchObject([{ errorCode: 0, baseOffset: 50 }]);
  });

  test('0: a refusal ends the connection, for a reason that is counted', async () => {
    await open();
    const damaged = batchOf(['x']);
    damaged[damaged.length - 1] ^= 1;
    client.send(requestBytes(produce, 9, 1, requestOf([damaged], 0)));
    await expect.poll(() => client.isClosed).toBe(true);
    await expect.poll(() => bench.listener.counts.closed).toEqual({ 'produce-refused': 1 });
  });

  test.each([1, -1])('%d: answered with where the records are', async (acks) => {
    await open();
    expect(await send([batchOf(['a', 'b'])], acks)).toMatchObject([{ errorCode: 0, baseOffset: 0, logStartOffset: 0 }]);
    expect(await send([batchOf(['c'])], acks)).toMatchObject([{ errorCode: 0, baseOffset: 2 }]);
  });
});

describe('bad batches', () => {
  test('one among good ones is refused alone', async () => {
    await open();
    const damaged = batchOf(['x']);
    damaged[damaged.length - 1] ^= 1;
    const rows = await send([damaged, batchOf(['good'])]);
    expect(rows).toMatchObject([
      { errorCode: errors.CORRUPT_MESSAGE.code, baseOffset: -1 },
      { errorCode: 0, baseOffset: 0 },
    ]);
  });

  test('records that a topic does not take are named (KIP-467)', async () => {
    await open({ configs: { 'log.durability': 'written', 'log.cleanup.policy': 'compact' } });
    expect(await send([batchOf(['no key', 'nor this'])])).toMatchObject([
      {
        errorCode: errors.INVALID_RECORD.code,
        errorMessage: 'the topic is compacted: every record needs a key',
        recordErrors: [0, 1].map((batchIndex) => ({
          batchIndex,
          batchIndexErrorMessage: `record ${batchIndex} of the batch has no key`,
        })),
      },
    ]);
    expect(await send([null])).toMatchObject([{ errorCode: errors.INVALID_RECORD.code, recordErrors: [] }]);
  });

  test('bombs are refused in words, by what they would grow to', async () => {
    await open();
    for (let seed = 0; seed < 8; seed++) {
      const [row] = await send([bombBatch(seededRandom(seed), limits.producedBytesMax + 1)]);
      expect([errors.MESSAGE_TOO_LARGE.code, errors.CORRUPT_MESSAGE.code]).toContain(row.errorCode);
      expect(row.errorMessage).toMatch(/\w+ \w+ \w+/);
    }
    expect(await endOf()).toBe(0);
  });

  test('one that is larger than all room for batches is refused as too large', async () => {
    await open();
    const outboxBytes = bench.bus.client(1).dispatcher.outbox.size;
    const batch = Buffer.alloc(outboxBytes + 1);
    batch.writeInt32BE(batch.length - 12, 8);
    batch[16] = 2;
    const [row] = await send([batch]);
    expect(row.errorCode).toBe(errors.MESSAGE_TOO_LARGE.code);
    expect(await send([batchOf(['next'])])).toMatchObject([{ errorCode: 0 }]);
  });
});

describe('timeouts', () => {
  test('a host that is late: the client is told to try again, and what came all the same is known when it does', async () => {
    await open();
    const batch = batchOf(['a'], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
    for (const actor of bench.bus.actors) if (actor.name.startsWith('host')) actor.stalledUntilMs = performance.now() + 600;
    const begunMs = performance.now();
    expect(await send([batch], -1, 200)).toMatchObject([{ errorCode: errors.REQUEST_TIMED_OUT.code, baseOffset: -1 }]);
    expect(performance.now() - begunMs).toBeLessThan(550);
    expect(await send([batch])).toMatchObject([{ errorCode: 0, baseOffset: 0 }]);
    expect(await endOf()).toBe(1);
  });

  test('no client asks for less time than a sync may take', async () => {
    await open({ configs: { 'log.durability': 'synced' } });
    expect(await send([batchOf(['a'])], -1, 0)).toMatchObject([{ errorCode: 0 }]);
    expect(await send([batchOf(['a'])], -1, -5)).toMatchObject([{ errorCode: 0 }]);
  });
});

test('a memory that is full takes the records when there is room again', { timeout: 30_000 }, async () => {
  await open({ folder: false, configs: { 'message.max.bytes': '3000000' } });
  const batch = batchOf(['x'.repeat(1_000_000)]);
  let sent = 0;
  let last = client.next();
  const more = async (): Promise<boolean> => {
    client.send(requestBytes(produce, 9, sent++, requestOf([batch])));
    const frame = await Promise.race([last, new Promise<null>((resolve) => setTimeout(() => resolve(null), 1000))]);
    if (frame === null) return false;
    last = client.next();
    return true;
  };
  while (await more());
  expect(sent).toBeGreaterThan(20);
  const taken = await endOf();
  expect(taken).toBe(sent - 1);
  const topics = [{ name: 't', partitions: [{ partitionIndex: 0, offset: taken }] }];
  const deleted = await bench.connect().ask(deleteRecords, 2, { topics, timeoutMs: 1000 });
  expect(deleted.topics[0].partitions[0].errorCode).toBe(0);
  expect((await last)?.readInt32BE(0)).toBe(sent - 1);
  expect(await endOf()).toBe(sent);
});
