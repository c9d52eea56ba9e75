/** Where requests lie: what is to be produced in the outbox, within bounds that no client can hold against the others; and buffers for slices. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KiB, MiB } from '../../src/base/bytes.ts';
import type { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { Outbox, outboxMemory } from '../../src/dispatch/outbox.ts';
import { Bus, type Listening } from '../../src/index.ts';
import { produce } from '../../src/kafka/api/00-produce.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { createTopics } from '../../src/kafka/api/19-create-topics.ts';
import { FrameCutter, type FrameRoom } from '../../src/kafka/frame.ts';
import { Landing } from '../../src/kafka/landing.ts';
import { ReadBuffers } from '../../src/kafka/read-buffers.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { readRecords } from '../../src/record/batch-read.ts';
import { seededRandom } from '../../src/world/random.ts';
import { batchOf, requestBytes, WireClient } from './wire-client.ts';

const OUTBOX_BYTES = 4 * MiB;
const PRODUCE = Buffer.from([0, 0, 0, 9]);
const FETCH = Buffer.from([0, 1, 0, 9]);

function rig(): { landing: Landing; dispatcher: { outbox: Outbox; inFlightBytes: number } } {
  const dispatcher = { outbox: new Outbox(outboxMemory(OUTBOX_BYTES)), inFlightBytes: 0 };
  return { landing: new Landing(dispatcher as unknown as Dispatcher), dispatcher };
}

describe('a request', () => {
  test('to produce lies in the outbox, any other does not, nor one of which nothing is known yet', () => {
    const { landing, dispatcher } = rig();
    const range = landing.take(1000, PRODUCE);
    expect(range).toHaveLength(1000);
    expect(landing.holds(range as Buffer)).toBe(true);
    expect([landing.take(1000, FETCH), landing.take(1000, PRODUCE.subarray(0, 1))]).toEqual([null, null]);
    landing.came(range as Buffer);
    expect(dispatcher.inFlightBytes).toBe(1000);
    landing.give(range as Buffer);
    expect([dispatcher.outbox.used, dispatcher.inFlightBytes]).toEqual([0, 0]);
  });

  test('of more than a quarter of the outbox has memory of its own', () => {
    const { landing } = rig();
    expect(landing.take(OUTBOX_BYTES / 4 + 1, PRODUCE)).toBeNull();
    expect(landing.take(OUTBOX_BYTES / 4, PRODUCE)).toHaveLength(OUTBOX_BYTES / 4);
  });

  test('that does not come in whole keeps others from no more than half of the outbox', () => {
    const { landing, dispatcher } = rig();
    const stalled = [landing.take(OUTBOX_BYTES / 4, PRODUCE), landing.take(OUTBOX_BYTES / 4, PRODUCE)];
    expect(landing.take(1, PRODUCE)).toBeNull();
    expect(dispatcher.outbox.take(OUTBOX_BYTES / 2)).toBeGreaterThan(0);
    // One comes in whole after all, the other goes with its connection.
    landing.came(stalled[0] as Buffer);
    landing.drop(stalled[1] as Buffer);
    expect(landing.take(OUTBOX_BYTES / 4, PRODUCE)).toHaveLength(OUTBOX_BYTES / 4);
  });
});

describe('frames with a room', () => {
  const random = seededRandom(11);
  const sizes = [10, 700, 5000, 40_000, 300_000, 12];
  const stream = Buffer.concat(
    sizes.map((bytes, i) => {
      const frame = Buffer.alloc(4 + bytes, i + 1);
      frame.writeInt32BE(bytes);
      return frame;
    }),
  );

  test.each([100, 33_000, 500_000])('come whole when they are read to where they lie, at most %i bytes at once', (most) => {
    const given: Buffer[] = [];
    const came: Buffer[] = [];
    const room: FrameRoom = {
      take: (bytes) => {
        if (bytes < 5000) return null;
        const range = Buffer.alloc(bytes);
        given.push(range);
        return range;
      },
      came: (frame) => void came.push(frame),
      drop: () => expect.unreachable(),
    };
    const cutter = new FrameCutter({ room });
    const shared = Buffer.alloc(32 * KiB);
    const frames: Buffer[] = [];
    let inPlace = 0;
    for (let at = 0; at < stream.length; ) {
      const next = cutter.next(shared);
      const bytes = next.subarray(0, Math.min(1 + random.below(most), next.length, stream.length - at));
      stream.copy(bytes, 0, at, at + bytes.length);
      if (bytes.buffer !== shared.buffer) inPlace += bytes.length;
      cutter.feed(bytes, (frame) => frames.push(frame));
      // Whoever reads next writes over it.
      shared.fill(0xee);
      at += bytes.length;
    }
    expect(frames.map((frame) => frame.length)).toEqual(sizes);
    frames.forEach((frame, i) => void expect(frame.equals(Buffer.alloc(sizes[i], i + 1))).toBe(true));
    expect(came).toEqual(given);
    expect(given).toHaveLength(3);
    expect(inPlace).toBeGreaterThan(250_000);
  });

  test('give it back when they will not come in', () => {
    const dropped: Buffer[] = [];
    const range = Buffer.alloc(5000);
    const cutter = new FrameCutter({
      room: { take: () => range, came: () => expect.unreachable(), drop: (one) => void dropped.push(one) },
    });
    cutter.feed(stream.subarray(14 + 704, 14 + 704 + 100), () => expect.unreachable());
    expect(cutter.heldBytes).toBe(100);
    cutter.drop();
    cutter.drop();
    expect([dropped, cutter.heldBytes]).toEqual([[range], 0]);
  });
});

describe('on the wire', () => {
  let bus: Bus;
  let at: Listening;
  beforeAll(async () => {
    // The smallest outbox: most of these requests have to lie elsewhere.
    bus = await Bus.open({ logLevel: 'silent', memoryBytesMax: 64 * MiB });
    at = await bus.listen({ port: 0 });
  });
  afterAll(() => bus.close());

  const requestOf = (name: string, values: string[], id: number): Buffer =>
    requestBytes(produce, 9, id, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name, topicId: ZERO_UUID, partitionData: [{ index: 0, records: batchOf(values) }] }],
    });

  test('requests in any pieces, from many clients at once, are stored as they were sent, in order', async () => {
    const random = seededRandom(3);
    const clients = await Promise.all(Array.from({ length: 8 }, () => WireClient.open(at)));
    const sent: string[][] = clients.map(() => []);
    await clients[0].ask(createTopics, 2, {
      topics: clients.map((_, i) => ({ name: `t${i}`, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] })),
    });
    const run = async (client: WireClient, i: number): Promise<void> => {
      const requests = Array.from({ length: 6 }, (_, n) => {
        const values = Array.from({ length: 1 + random.below(3) }, (_, v) => `${i}-${n}-${v} `.padEnd(1 + random.below(150_000), 'x'));
        sent[i].push(...values);
        return requestOf(`t${i}`, values, n);
      });
      const stream = Buffer.concat(requests);
      const answers = requests.map(() => client.next());
      for (let from = 0; from < stream.length; ) {
        const to = from + 1 + random.below(120_000);
        client.send(stream.subarray(from, to));
        from = to;
        await new Promise(setImmediate);
      }
      for (const frame of await Promise.all(answers)) expect(frame).not.toBeNull();
    };
    // One stalls in the middle of a request, and goes.
    const stalled = await WireClient.open(at);
    stalled.send(requestOf('t0', ['y'.repeat(900_000)], 1).subarray(0, 200_000));
    await Promise.all(clients.map(run));
    stalled.close();
    for (const [i, client] of clients.entries()) {
      const got: string[] = [];
      while (got.length < sent[i].length) {
        const { responses } = await client.ask(fetch, 12, {
          maxWaitMs: 5000,
          minBytes: 1,
          rackId: '',
          forgottenTopicsData: [],
          topics: [{ topic: `t${i}`, topicId: ZERO_UUID, partitions: [{ partition: 0, fetchOffset: got.length, partitionMaxBytes: MiB }] }],
        });
        const records = Buffer.from(responses[0].partitions[0].records ?? []);
        expect(records.length).toBeGreaterThan(0);
        for (const { value } of readRecords(records, 0, records.length, got.length)) got.push(String(value));
      }
      expect(got).toEqual(sent[i]);
      client.close();
    }
  });
});

describe('memory for slices', () => {
  test('is used again when it was given back', () => {
    const buffers = new ReadBuffers();
    const first = buffers.take(100_000);
    const second = buffers.take(70_000);
    expect([first.length, second.length]).toEqual([100_000, 70_000]);
    expect(first.buffer).toBe(second.buffer);
    buffers.give(first);
    expect(buffers.take(90_000).byteOffset).toBe(first.byteOffset);
  });

  test('comes to 8 MiB; what is taken beyond is memory of its own, and gone when it is given back', () => {
    const buffers = new ReadBuffers();
    const taken = Array.from({ length: 8 }, () => buffers.take(MiB));
    expect(buffers.used).toBe(8 * MiB);
    const beyond = buffers.take(1);
    expect(beyond.buffer).not.toBe(taken[0].buffer);
    buffers.give(beyond);
    expect((beyond.buffer as ArrayBuffer).detached).toBe(true);
    for (const one of taken) buffers.give(one);
    expect(buffers.used).toBe(0);
  });

  test('of one answer that its parts share is freed once', () => {
    const buffers = new ReadBuffers();
    const bytes = new ArrayBuffer(100);
    const parts = [Buffer.from(bytes, 0, 50), Buffer.from(bytes, 50, 50)];
    for (const part of parts) buffers.give(part);
    expect(bytes.detached).toBe(true);
  });
});
