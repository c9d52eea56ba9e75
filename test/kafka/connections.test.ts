/** Connections: what is malformed ends its own connection alone, bounds hold, slow and idle clients are closed by time, threads are replaced. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MiB } from '../../src/base/bytes.ts';
import { limits } from '../../src/base/limits.ts';
import type { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { Outbox, outboxMemory } from '../../src/dispatch/outbox.ts';
import { Bus, BusError, type Listening, type ListenOptions } from '../../src/index.ts';
import { produce } from '../../src/kafka/api/00-produce.ts';
import { fetch } from '../../src/kafka/api/01-fetch.ts';
import { metadata } from '../../src/kafka/api/03-metadata.ts';
import { joinGroup } from '../../src/kafka/api/11-join-group.ts';
import { syncGroup } from '../../src/kafka/api/14-sync-group.ts';
import { apiVersions } from '../../src/kafka/api/18-api-versions.ts';
import { createTopics } from '../../src/kafka/api/19-create-topics.ts';
import { Broker } from '../../src/kafka/broker.ts';
import { Connection } from '../../src/kafka/connection.ts';
import { type Handler, on } from '../../src/kafka/handler.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { Tally } from '../../src/kafka/tally.ts';
import { Writer } from '../../src/kafka/writer.ts';
import { realClock } from '../../src/world/clock.ts';
import { silentLogger } from '../../src/world/logger.ts';
import type { Socket } from '../../src/world/net.ts';
import { Loopback } from './loopback.ts';
import { batchOf, requestBytes, WireClient } from './wire-client.ts';

let bus: Bus;
const folder = mkdtempSync(join(tmpdir(), 'spillway-connections-'));
beforeAll(async () => {
  bus = await Bus.open({ logLevel: 'silent' });
});
afterAll(async () => {
  await bus.close();
  rmSync(folder, { recursive: true });
});

const hello = { clientSoftwareName: 'a', clientSoftwareVersion: '1' };
const isServed = async (client: WireClient): Promise<boolean> => (await client.ask(apiVersions, 3, hello)).errorCode === 0;

async function listening(options: ListenOptions, use: (at: Listening) => Promise<void>): Promise<void> {
  const at = await bus.listen({ port: 0, ...options });
  try {
    await use(at);
  } finally {
    await at.close();
  }
}

/** A connection on a socket that only remembers, and a handler that answers when it is told. */
function rig({ answerBytes = 0 } = {}): {
  connection: Connection;
  ask: (count: number, bytes?: number) => void;
  pending: (() => void)[];
  socket: { paused: boolean; waitingBytes: number; written: number };
  closedFor: string[];
} {
  const pending: (() => void)[] = [];
  const large = Array.from({ length: answerBytes / 7 }, () => ({ apiKey: 1, minVersion: 1, maxVersion: 1 }));
  const slow: Handler = on(apiVersions, (_request, _call, reply) => {
    if (answerBytes > 0) reply({ apiKeys: large });
    else pending.push(() => reply({ apiKeys: [] }));
  });
  const outbox = new Outbox(outboxMemory(MiB));
  const dispatcher = { clock: realClock, subscribe: () => {}, random: null, outbox } as unknown as Dispatcher;
  const broker = new Broker({ dispatcher, handlers: [slow], clusterId: '', folder: null, log: silentLogger });
  const state = { paused: false, waitingBytes: 0, written: 0 };
  const closedFor: string[] = [];
  const socket: Socket = {
    remote: '/test',
    get waitingBytes() {
      return state.waitingBytes;
    },
    write: (pieces) => {
      for (const piece of pieces) state.written += piece.length;
      if (answerBytes > 0) state.waitingBytes = state.written;
    },
    pause: () => {
      state.paused = true;
    },
    resume: () => {
      state.paused = false;
    },
    end: () => connection.ended(),
    destroy: () => connection.ended(),
  };
  const tally = new Tally(1 << 30, () => {});
  const closed = (_one: Connection, reason: string): void => void closedFor.push(reason);
  const connection = new Connection(socket, { broker, writer: new Writer(), tally, requestBytesMax: limits.frameBytesMax, closed }, 0);
  const ask = (count: number, bytes = 0): void => {
    const request = requestBytes(apiVersions, 3, 1, { ...hello, clientSoftwareVersion: 'x'.repeat(bytes) });
    for (let i = 0; i < count; i++) connection.received(request, 0);
  };
  return { connection, ask, pending, socket: state, closedFor };
}

describe('what is no request', () => {
  const size = (bytes: number): Buffer => {
    const field = Buffer.alloc(4);
    field.writeInt32BE(bytes);
    return field;
  };
  const framed = (hex: string): Buffer => {
    const frame = Buffer.from(hex, 'hex');
    return Buffer.concat([size(frame.length), frame]);
  };
  const list = requestBytes(metadata, 9, 1, {
    topics: [],
    allowAutoTopicCreation: false,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  });

  test.each<[string, Buffer]>([
    ['a web browser', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a size of −1', size(-1)],
    ['a size of 0', size(0)],
    ['a size that is too large', size(limits.frameBytesMax + 1)],
    ['an API that nobody knows', framed('7fff0000000000010000')],
    ['an API that is known and not answered', framed('0047000000000001ffff00')],
    ['a version from before Kafka 4', framed('000000000000000100000000')],
    ['a version that is not there yet', framed('0001007f0000000100000000')],
    ['a request that is cut', Buffer.concat([size(list.length - 6), list.subarray(4, -2)])],
    ['a client id that is longer than the frame', framed('00120000000000017fff')],
  ])('%s ends its connection, and no other', async (_what, bytes) => {
    await listening({}, async (at) => {
      const other = await WireClient.open(at);
      const wrong = await WireClient.open(at);
      wrong.send(bytes);
      await wrong.closed;
      expect(await isServed(other)).toBe(true);
      other.close();
    });
  });

  test('is counted by its reason', () => {
    const { connection, closedFor } = rig();
    connection.received(size(-1), 0);
    expect(closedFor).toEqual(['frame-size']);
  });
});

describe('bounds', () => {
  test(`${limits.connectionRequestsMax} requests are under way, as many wait, and then nothing more is read`, () => {
    const { ask, pending, socket } = rig();
    ask(2 * limits.connectionRequestsMax - 1);
    expect(pending).toHaveLength(limits.connectionRequestsMax);
    expect(socket.paused).toBe(false);
    ask(1);
    expect(pending).toHaveLength(limits.connectionRequestsMax);
    expect(socket.paused).toBe(true);
    pending[0]();
    expect(pending).toHaveLength(limits.connectionRequestsMax + 1);
    expect(socket.paused).toBe(false);
  });

  test(`requests of ${limits.connectionBytesMax} bytes are under way, and then nothing more is read`, () => {
    const { ask, pending, socket } = rig();
    const bytes = 30_000;
    const count = Math.floor(limits.connectionBytesMax / (bytes + 50));
    ask(count, bytes);
    expect(pending).toHaveLength(count);
    expect(socket.paused).toBe(false);
    ask(3, bytes);
    expect(pending.length).toBeLessThan(count + 3);
    expect(socket.paused).toBe(true);
    for (const answer of pending.splice(0)) answer();
    expect(socket.paused).toBe(false);
  });

  test('a client that does not read what it asked for is not read from', () => {
    const { connection, ask, pending, socket } = rig();
    socket.waitingBytes = limits.connectionBytesMax - 1;
    ask(1);
    expect([pending.length, socket.paused]).toEqual([1, true]);
    socket.waitingBytes = limits.connectionBytesMax;
    ask(1);
    expect(pending).toHaveLength(1);
    socket.waitingBytes = 0;
    connection.drained(1);
    expect([pending.length, socket.paused]).toEqual([2, false]);
  });

  test('answers of one turn are bounded too: what is to be sent counts before it is', async () => {
    const { connection, socket } = rig({ answerBytes: 1 << 20 });
    const request = requestBytes(apiVersions, 3, 1, hello);
    connection.received(Buffer.concat(Array.from({ length: 100 }, () => request)), 0);
    await Promise.resolve();
    expect(socket.written).toBeGreaterThan(limits.connectionBytesMax - (2 << 20));
    expect(socket.written).toBeLessThan(limits.connectionBytesMax + (2 << 20));
  });

  test('what has left without a word is noticed', () => {
    const { connection, ask, pending, socket } = rig();
    socket.waitingBytes = limits.connectionBytesMax;
    ask(1);
    expect(pending).toHaveLength(0);
    socket.waitingBytes = 0;
    connection.look();
    expect([pending.length, socket.paused]).toEqual([1, false]);
  });

  test('responses wait for those before them', async () => {
    const { ask, pending, socket } = rig();
    ask(3);
    pending[2]();
    pending[1]();
    await Promise.resolve();
    expect(socket.written).toBe(0);
    pending[0]();
    await Promise.resolve();
    expect(socket.written).toBeGreaterThan(30);
  });

  test('connections: as many as may be are served, one more is closed', async () => {
    await listening({ connectionsMax: 2 }, async (at) => {
      const [first, second] = [await WireClient.open(at), await WireClient.open(at)];
      expect([await isServed(first), await isServed(second)]).toEqual([true, true]);
      const third = await WireClient.open(at);
      await third.closed;
      first.close();
      await first.closed;
      // Its place is free when the listener has heard of it.
      let served = false;
      for (let i = 0; i < 100 && !served; i++) {
        const next = await WireClient.open(at);
        served = await isServed(next).catch(() => false);
        next.close();
      }
      expect(served).toBe(true);
      second.close();
    });
  });

  test('a connection that asks nothing, or a byte now and then, is closed by time; one whose fetch waits is not', async () => {
    await listening({ idleMs: 300 }, async (at) => {
      const [idle, slow, waiting] = [await WireClient.open(at), await WireClient.open(at), await WireClient.open(at)];
      await waiting.ask(createTopics, 2, {
        topics: [{ name: 'idle', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      });
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }];
      const asked = { maxWaitMs: 2500, minBytes: 1, rackId: '', forgottenTopicsData: [] };
      const answer = waiting.ask(fetch, 12, { ...asked, topics: [{ topic: 'idle', topicId: ZERO_UUID, partitions }] });
      const drip = setInterval(() => slow.send(Buffer.from([0])), 100);
      slow.send(Buffer.from([0, 0, 10, 0]));
      await Promise.all([idle.closed, slow.closed]);
      clearInterval(drip);
      expect((await answer).errorCode).toBe(0);
      waiting.close();
    });
  });
});

describe('addresses', () => {
  test('a Unix socket is listened at, also where one was left behind', async () => {
    const path = join(folder, 'bus.sock');
    await listening({ path }, async (at) => {
      expect([at.path, at.host, at.port]).toEqual([path, '', 0]);
      const client = await WireClient.open(at);
      expect(await isServed(client)).toBe(true);
      client.close();
    });
    const program = 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
    expect(spawnSync(process.execPath, ['-e', program, path]).signal).toBe('SIGKILL');
    expect(existsSync(path)).toBe(true);
    await listening({ path }, async (at) => expect(await isServed(await WireClient.open(at))).toBe(true));
  });

  test('one that is taken, or is none, is refused with what to do', async () => {
    await listening({}, async ({ port }) => {
      const refused = bus.listen({ port });
      await expect(refused).rejects.toThrow(BusError);
      await expect(refused).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: it is in use; choose another, or port 0`);
    });
    await expect(bus.listen({ port: 65_536 })).rejects.toThrow('port');
    await expect(bus.listen({ host: '' })).rejects.toThrow('host');
    await expect(bus.listen({ port: 0, host: 'no.such.host.invalid' })).rejects.toThrow('cannot listen');
  });

  test('clients are told the advertised one', async () => {
    await listening({ advertisedHost: 'bus.example', advertisedPort: 4711 }, async (at) => {
      const client = await WireClient.open(at);
      const asked = { allowAutoTopicCreation: false, includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false };
      const { brokers } = await client.ask(metadata, 12, { ...asked, topics: [] });
      expect(brokers).toMatchObject([{ nodeId: 1, host: 'bus.example', port: 4711 }]);
      client.close();
    });
  });
});

describe('ends', () => {
  test('closing looks at each connection a few times, however many end meanwhile', async () => {
    const { bus: of, listener } = await Loopback.open();
    const count = 1000;
    let looks = 0;
    for (let i = 0; i < count; i++) {
      const events = listener.connect({
        remote: '/many',
        get waitingBytes() {
          looks++;
          return 0;
        },
        write: () => {},
        pause: () => {},
        resume: () => {},
        end: () => {},
        destroy: () => queueMicrotask(() => events.closed()),
      });
    }
    await new Promise<void>((resolve) => listener.close(1000, resolve));
    expect(looks).toBeLessThan(20 * count);
    await of.close();
  });

  test('a thread that dies is replaced at the same port, and what was acknowledged is there', async () => {
    await listening({}, async (at) => {
      const client = await WireClient.open(at);
      const topics = [{ name: 'killed', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
      await client.ask(createTopics, 2, { topics });
      const topicData = [{ name: 'killed', topicId: ZERO_UUID, partitionData: [{ index: 0, records: batchOf(['kept']) }] }];
      await client.ask(produce, 9, { transactionalId: null, acks: -1, timeoutMs: 1000, topicData });
      await at.threads[0].terminate();
      await client.closed;
      let highWatermark = -1;
      for (let i = 0; i < 200 && highWatermark < 0; i++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        const again = await WireClient.open(at).catch(() => null);
        if (again === null) continue;
        const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }];
        const asked = { maxWaitMs: 100, minBytes: 1, rackId: '', forgottenTopicsData: [] };
        const answer = await again.ask(fetch, 12, { ...asked, topics: [{ topic: 'killed', topicId: ZERO_UUID, partitions }] });
        highWatermark = answer.responses[0].partitions[0].highWatermark;
        again.close();
      }
      expect(highWatermark).toBe(1);
    });
  });

  test('closing answers what is under way, and takes no more', async () => {
    const at = await bus.listen({ port: 0 });
    const client = await WireClient.open(at);
    const asked = { maxWaitMs: 150, minBytes: 1, rackId: '', forgottenTopicsData: [] };
    const partitions = [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 1000 }];
    const waiting = client.ask(fetch, 12, { ...asked, topics: [{ topic: 'killed', topicId: ZERO_UUID, partitions }] });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const closing = at.close();
    expect((await waiting).responses[0].partitions[0].errorCode).toBe(0);
    expect(await closing).toEqual([]);
    await client.closed;
    const refused = new Promise((resolve) => connect({ host: '127.0.0.1', port: at.port }).once('error', resolve));
    expect(await refused).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('closing does not wait for records that may never come, nor for other members, and begins nothing more', async () => {
    const at = await bus.listen({ port: 0 });
    const reader = await WireClient.open(at);
    const member = await WireClient.open(at);
    const asked = { maxWaitMs: 60_000, minBytes: 1, rackId: '', forgottenTopicsData: [] };
    const partitions = [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 1000 }];
    const topics = [{ topic: 'killed', topicId: ZERO_UUID, partitions }];
    const waiting = reader.ask(fetch, 12, { ...asked, topics });
    // A reader asks on: what waits behind the first is never begun.
    const next = reader.ask(fetch, 12, { ...asked, topics }).catch((error: unknown) => error);
    const join = { groupId: 'held-up', memberId: '', protocolType: 'consumer', sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 60_000 };
    const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }];
    const { memberId } = await member.ask(joinGroup, 2, { ...join, protocols });
    const synced = member.ask(syncGroup, 0, { groupId: 'held-up', generationId: 1, memberId, assignments: [] });
    const other = await WireClient.open(at);
    const joined = other.ask(joinGroup, 2, { ...join, protocols }).catch((error: unknown) => error);
    await synced.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await at.close(20_000)).toEqual([]);
    expect((await waiting).responses[0].partitions[0].errorCode).toBe(0);
    expect(await next).toBeInstanceOf(Error);
    expect(await joined).toBeInstanceOf(Error);
    await Promise.all([reader.closed, member.closed, other.closed]);
  });
});
