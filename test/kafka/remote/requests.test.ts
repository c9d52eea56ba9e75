/** Requests to brokers: greeting and versions, order, time, what is no response, coordinators and brokers that come back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { errorName } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import { Bus } from '../../../src/index.ts';
import { metadata } from '../../../src/kafka/api/03-metadata.ts';
import { heartbeat } from '../../../src/kafka/api/12-heartbeat.ts';
import { listGroups } from '../../../src/kafka/api/16-list-groups.ts';
import { listTransactions } from '../../../src/kafka/api/66-list-transactions.ts';
import { Malformed } from '../../../src/kafka/reader.ts';
import { Requests, type RequestsSetup, type SendOptions, type Target } from '../../../src/kafka/remote/requests.ts';
import { ResponseCutter } from '../../../src/kafka/remote/responses.ts';
import type { Api, Decoded, Encodable, Shape } from '../../../src/kafka/schema.ts';
import { realClock } from '../../../src/world/clock.ts';
import type { Address } from '../../../src/world/net.ts';
import { seededRandom } from '../../../src/world/random.ts';
import { type Asked, ScriptedBroker } from './scripted-broker.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

function requestsTo(brokers: readonly Address[], options: Partial<RequestsSetup> = {}): Requests {
  const requests = new Requests({
    brokers,
    clientId: 'test',
    clock: realClock,
    random: seededRandom(1),
    connectTimeoutMs: 2000,
    requestTimeoutMs: 2000,
    idleMs: 60_000,
    ...options,
  });
  endings.push(() => requests.close());
  return requests;
}

async function brokerThat(
  answer: (asked: Asked) => void,
  versions: Record<string, readonly [number, number]> = {},
): Promise<ScriptedBroker> {
  const broker = await ScriptedBroker.start(answer, versions);
  endings.push(() => broker.stop());
  return broker;
}

function ask<Q extends Shape, P extends Shape>(
  requests: Requests,
  to: Target,
  api: Api<Q, P>,
  request: Encodable<Q>,
  options?: SendOptions,
): Promise<{ error: string; response: Decoded<P> | null }> {
  return new Promise((resolve) => {
    requests.send(to, api, request, (error, response) => resolve({ error: errorName(error), response }), options);
  });
}

const at = ({ port }: { port: number }): Address => ({ host: '127.0.0.1', port });
const everyGroup = { statesFilter: [], typesFilter: [] };
const beat = { groupId: 'g', generationId: 1, memberId: 'm' };
const groupsOf = (names: string[]): object => ({ groups: names.map((groupId) => ({ groupId, protocolType: 'consumer' })) });

describe('to a bus that listens', () => {
  test.each(['a port', 'a Unix socket'])('over %s: many requests at once are answered in order', async (kind) => {
    const folder = mkdtempSync(join(tmpdir(), 'spillway-remote-'));
    endings.push(() => rmSync(folder, { recursive: true, force: true }));
    const bus = await Bus.open({ logLevel: 'silent' });
    endings.push(() => bus.close());
    await bus.admin().createTopics([{ name: 'a', partitions: 3 }]);
    const listening = await bus.listen(kind === 'a port' ? { port: 0 } : { path: join(folder, 'socket') });
    const requests = requestsTo([listening.path === null ? at(listening) : { path: listening.path }]);
    const asks = Array.from({ length: 50 }, () =>
      ask(requests, 'any', metadata, { topics: null, includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false }),
    );
    for (const { error, response } of await Promise.all(asks)) {
      expect(error).toBe('NONE');
      expect(response?.topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([['a', 3]]);
    }
  });

  test('a coordinator is found, and the node that it is on is known from then on', async () => {
    const bus = await Bus.open({ logLevel: 'silent' });
    endings.push(() => bus.close());
    const requests = requestsTo([at(await bus.listen({ port: 0 }))]);
    const { error, response } = await ask(requests, { group: 'g' }, heartbeat, beat);
    expect([error, errorName(response?.errorCode ?? 0)]).toEqual(['NONE', 'UNKNOWN_MEMBER_ID']);
    expect(requests.versionOf(1, heartbeat)).toBe(4);
  });
});

test('of several brokers one is asked on and on: another may not have heard of what the first has shown', async () => {
  const first = await brokerThat(({ answer }) => answer(groupsOf(['first'])));
  const second = await brokerThat(({ answer }) => answer(groupsOf(['second'])));
  const requests = requestsTo([at(first)]);
  const asked = async () => (await ask(requests, 'any', listGroups, everyGroup)).response?.groups[0].groupId;
  expect(await asked()).toBe('first');
  const nodes = [second, first].map((broker, i) => ({ nodeId: i + 1, host: '127.0.0.1', port: broker.port }));
  requests.setNodes(nodes, 1);
  await ask(requests, { node: 1 }, listGroups, everyGroup);
  expect(await asked()).toBe('first');
  await first.stop();
  await expect.poll(asked).toBe('second');
});

describe('versions', () => {
  test('a broker that knows no newer greeting is greeted in version 0, and asked in the highest version that both speak', async () => {
    const broker = await brokerThat(({ answer }) => answer(groupsOf(['g'])), { ApiVersions: [0, 0], ListGroups: [1, 3] });
    const { response } = await ask(requestsTo([at(broker)]), 'any', listGroups, everyGroup);
    expect(response?.groups.map(({ groupId }) => groupId)).toEqual(['g']);
    expect(broker.asked.map(({ version }) => version)).toEqual([3]);
  });

  test('an API that a broker lacks, or whose versions it has left behind, is not sent', async () => {
    const broker = await brokerThat(() => {}, { ListGroups: [90, 91], ListTransactions: [0, -1] });
    const requests = requestsTo([at(broker)]);
    expect((await ask(requests, 'any', listGroups, everyGroup)).error).toBe('UNSUPPORTED_VERSION');
    expect((await ask(requests, 'any', listTransactions, { stateFilters: [], producerIdFilters: [] })).error).toBe('UNSUPPORTED_VERSION');
    expect(broker.asked).toEqual([]);
  });
});

describe('time', () => {
  test('a request that is not answered in time ends its connection; what was sent with it may have been carried out', async () => {
    const broker = await brokerThat(() => {});
    const requests = requestsTo([at(broker)]);
    const slow = ask(requests, 'any', listGroups, everyGroup, { timeoutMs: 80 });
    const behind = ask(requests, 'any', listGroups, everyGroup);
    expect((await slow).error).toBe('REQUEST_TIMED_OUT');
    expect((await behind).error).toBe('NETWORK_EXCEPTION');
  });

  test('what waits on a connection of its own does not hold up the others', async () => {
    const held: Asked[] = [];
    const broker = await brokerThat((asked) => (broker.asked.length === 1 ? held.push(asked) : asked.answer(groupsOf([]))));
    const requests = requestsTo([at(broker)]);
    const parked = ask(requests, 'any', listGroups, everyGroup, { own: true });
    await expect.poll(() => held.length).toBe(1);
    expect((await ask(requests, 'any', listGroups, everyGroup)).error).toBe('NONE');
    held[0].answer(groupsOf(['late']));
    expect((await parked).response?.groups).toHaveLength(1);
    expect(broker.accepted).toBe(2);
  });

  test('a broker that is slowed down by a quota is left alone for as long as it says', async () => {
    const broker = await brokerThat(({ answer }) => answer({ ...groupsOf([]), throttleTimeMs: broker.asked.length === 1 ? 120 : 0 }));
    const requests = requestsTo([at(broker)]);
    await ask(requests, 'any', listGroups, everyGroup);
    const from = performance.now();
    await ask(requests, 'any', listGroups, everyGroup);
    expect(performance.now() - from).toBeGreaterThan(100);
  });
});

describe('brokers that fail', () => {
  test('nobody there: the request is refused when its time is over, and the reason is known', async () => {
    const broker = await ScriptedBroker.start(() => {});
    await broker.stop();
    const requests = requestsTo([at(broker)]);
    expect((await ask(requests, 'any', listGroups, everyGroup, { timeoutMs: 150 })).error).toBe('HOST_DOWN');
    expect(requests.failures[0]).toContain(`127.0.0.1:${broker.port}: `);
    expect(requests.failures[0]).toContain('ECONNREFUSED');
  });

  test('what was not sent goes to another broker of the list', async () => {
    const gone = await ScriptedBroker.start(() => {});
    await gone.stop();
    const broker = await brokerThat(({ answer }) => answer(groupsOf(['here'])));
    for (let i = 0; i < 3; i++) {
      const requests = requestsTo([at(gone), at(broker)], { random: seededRandom(i) });
      expect((await ask(requests, 'any', listGroups, everyGroup)).response?.groups).toHaveLength(1);
    }
  });

  test('a broker that comes back is connected to again', async () => {
    const broker = await brokerThat(({ answer }) => answer(groupsOf([])));
    const requests = requestsTo([at(broker)]);
    await ask(requests, 'any', listGroups, everyGroup);
    await broker.stop();
    await expect.poll(() => requests.failures.length).toBe(1);
    const waiting = ask(requests, 'any', listGroups, everyGroup);
    setTimeout(() => void broker.listen(broker.port), 100);
    expect((await waiting).error).toBe('NONE');
  });

  test.each([
    ['another correlation id', (one: Asked) => one.raw(Buffer.from([0, 0, 0, 4, 0, 0, 0, 99]))],
    ['a size that cannot be', (one: Asked) => one.raw(Buffer.from([0xff, 0xff, 0xff, 0xff]))],
    ['a response that is cut short', (one: Asked) => one.raw(Buffer.from([0, 0, 0, 5, 0, 0, 0, one.correlationId, 0]))],
  ])('%s ends the connection, the next request has a new one', async (_what, wrong) => {
    const broker = await brokerThat((one) => (broker.asked.length === 1 ? wrong(one) : one.answer(groupsOf([]))));
    const requests = requestsTo([at(broker)]);
    expect((await ask(requests, 'any', listGroups, everyGroup)).error).toBe('NETWORK_EXCEPTION');
    expect(requests.failures[0]).toContain('what it sent is no response');
    expect((await ask(requests, 'any', listGroups, everyGroup)).error).toBe('NONE');
  });

  test('a coordinator that was lost is looked for anew', async () => {
    const second = await brokerThat(({ answer }) => answer({ errorCode: 25 }));
    let port = 0;
    const first = await brokerThat(({ name, answer, socket }) => {
      if (name === 'Heartbeat') return void socket.destroy();
      answer({ coordinators: [{ key: 'g', nodeId: port === second.port ? 2 : 1, host: '127.0.0.1', port, errorMessage: null }] });
    });
    port = first.port;
    const requests = requestsTo([at(first)]);
    expect((await ask(requests, { group: 'g' }, heartbeat, beat)).error).toBe('NETWORK_EXCEPTION');
    port = second.port;
    requests.forgetCoordinator('g');
    expect((await ask(requests, { group: 'g' }, heartbeat, beat)).response?.errorCode).toBe(25);
  });

  test('after its end everything is refused', async () => {
    const broker = await brokerThat(() => {});
    const requests = requestsTo([at(broker)]);
    const asked = ask(requests, 'any', listGroups, everyGroup);
    await expect.poll(() => broker.asked.length).toBe(1);
    requests.close();
    expect((await asked).error).toBe('NETWORK_EXCEPTION');
    expect((await ask(requests, 'any', listGroups, everyGroup)).error).toBe('CLOSED');
  });
});

describe('bounds', () => {
  test('a response may be as large as limits.responseBytesMax, and not one byte larger', () => {
    const say = (size: number): void => {
      const cutter = new ResponseCutter(() => {});
      cutter.room().writeInt32BE(size);
      cutter.filled(4);
      expect(cutter.room().length).toBe(size);
    };
    say(limits.responseBytesMax);
    expect(() => say(limits.responseBytesMax + 1)).toThrow(Malformed);
  });

  test('one more request than limits.requestsInFlightMax is refused at once', async () => {
    const broker = await brokerThat(() => {});
    const requests = requestsTo([at(broker)]);
    const waiting = Array.from({ length: limits.requestsInFlightMax }, () => ask(requests, 'any', listGroups, everyGroup));
    expect((await ask(requests, 'any', listGroups, everyGroup, { timeoutMs: 0 })).error).toBe('HOST_DOWN');
    await expect.poll(() => broker.asked.length).toBe(limits.requestsInFlightMax);
    requests.close();
    for (const { error } of await Promise.all(waiting)) expect(error).toBe('NETWORK_EXCEPTION');
  });

  test('of connections that waited, limits.connectionsIdleMax are kept', async () => {
    const held: Asked[] = [];
    const broker = await brokerThat((asked) => held.push(asked));
    const requests = requestsTo([at(broker)]);
    const waiting = Array.from({ length: limits.connectionsIdleMax + 1 }, () =>
      ask(requests, 'any', listGroups, everyGroup, { own: true }),
    );
    await expect.poll(() => held.length).toBe(limits.connectionsIdleMax + 1);
    for (const { answer } of held) answer(groupsOf([]));
    await Promise.all(waiting);
    await expect.poll(() => broker.sockets.size).toBe(limits.connectionsIdleMax);
  });

  test('responses are whole however they are cut', () => {
    const responses = [4, 5, 300, 70_000, 4, 200_000].map((size, i) => Buffer.alloc(size, i + 1));
    const stream = Buffer.concat(responses.flatMap((one) => [Buffer.from([0, 0, 0, 0]).fill(0), one]));
    let at = 0;
    for (const one of responses) {
      stream.writeInt32BE(one.length, at);
      at += 4 + one.length;
    }
    for (const piece of [1, 3, 7, 1000, 65_536, 1 << 20]) {
      const got: Buffer[] = [];
      const cutter = new ResponseCutter((frame) => got.push(frame));
      for (let from = 0; from < stream.length; ) {
        const room = cutter.room();
        const count = Math.min(piece, room.length, stream.length - from);
        room.set(stream.subarray(from, from + count));
        cutter.filled(count);
        from += count;
      }
      expect(Buffer.concat(got).equals(Buffer.concat(responses))).toBe(true);
      expect(got.every((frame) => frame.buffer.byteLength === frame.length)).toBe(true);
    }
  });
});
