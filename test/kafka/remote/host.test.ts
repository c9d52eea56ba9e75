/** A broker as a host, against one that says what a test wants: leaders that move, batches and their order, fetch sessions, seeks. */
import { afterEach, describe, expect, test } from 'vitest';
import { errorName, errors } from '../../../src/base/errors.ts';
import type { TopicMetadata } from '../../../src/coordinator/protocol.ts';
import { Cluster } from '../../../src/kafka/remote/cluster.ts';
import { RemoteHost } from '../../../src/kafka/remote/host.ts';
import { Requests } from '../../../src/kafka/remote/requests.ts';
import type { HostAsk, HostReply, HostReplyOf, HostVerb, HostVerbs } from '../../../src/partition/protocol.ts';
import { stampBatch } from '../../../src/record/batch-layout.ts';
import { realClock } from '../../../src/world/clock.ts';
import { seededRandom } from '../../../src/world/random.ts';
import { batchOf } from '../wire-client.ts';
import { type Asked, ScriptedBroker } from './scripted-broker.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const ID = 'a'.repeat(32);
const OTHER_ID = 'b'.repeat(32);

/** What the broker says of topic "t": leader and epoch of each partition. */
interface Script {
  leaders: [leader: number, epoch: number][];
  topicId: string;
  nodes: number[];
  error: number;
  produce: (asked: Asked) => void;
  fetch: (asked: Asked) => void;
}

interface Scene {
  script: Script;
  broker: ScriptedBroker;
  cluster: Cluster;
  changed: string[][];
  /** Hosts in the order in which they were met, by node. */
  met: number[];
  load(): Promise<TopicMetadata>;
  ask<V extends HostVerb>(verb: V, fields: HostVerbs[V]['ask']): Promise<HostReplyOf<V>>;
  /** Asks of one post. */
  post(asks: readonly [HostVerb, object][]): Promise<HostReply>[];
  outbox: Buffer;
}

async function scene(leaders: [number, number][] = [[1, 0]]): Promise<Scene> {
  const script: Script = { leaders, topicId: ID, nodes: [1], error: 0, produce: () => {}, fetch: () => {} };
  const broker = await ScriptedBroker.start((asked) => {
    if (asked.name === 'Metadata') return asked.answer(metadataOf(script, broker.port));
    if (asked.name === 'Produce') script.produce(asked);
    if (asked.name === 'Fetch') script.fetch(asked);
  });
  const requests = new Requests({
    brokers: [{ host: '127.0.0.1', port: broker.port }],
    clientId: 'test',
    clock: realClock,
    random: seededRandom(1),
    connectTimeoutMs: 2000,
    requestTimeoutMs: 2000,
    idleMs: 60_000,
  });
  const changed: string[][] = [];
  const met: number[] = [];
  const cluster = new Cluster(requests, 3_600_000, { host: (_host, node) => met.push(node), changed: (names) => changed.push([...names]) });
  const outbox = Buffer.from(new SharedArrayBuffer(1 << 16));
  const host = new RemoteHost({ node: 1, requests, cluster, outbox, isolation: 1, requestTimeoutMs: 1000, durabilityOf: () => 'synced' });
  const waiting = new Map<number, (reply: HostReply) => void>();
  host.listen(() => {
    for (const reply of host.take()?.replies ?? []) waiting.get(reply.id)?.(reply);
  });
  let nextId = 1;
  const post = (asks: readonly [HostVerb, object][]): Promise<HostReply>[] => {
    const numbered = asks.map(([verb, fields]) => ({ verb, id: nextId++, ...fields }) as HostAsk);
    const replies = numbered.map(({ id }) => new Promise<HostReply>((resolve) => waiting.set(id, resolve)));
    host.post({ asks: numbered });
    return replies;
  };
  endings.push(
    () => broker.stop(),
    () => requests.close(),
    () => cluster.close(),
    () => host.close(),
  );
  return {
    script,
    broker,
    cluster,
    changed,
    met,
    outbox,
    post,
    load: () => new Promise((resolve) => cluster.metadata(['t'], false, (_error, [row]) => resolve(row))),
    ask: async <V extends HostVerb>(verb: V, fields: HostVerbs[V]['ask']) => (await post([[verb, fields]])[0]) as HostReplyOf<V>,
  };
}

function metadataOf({ leaders, topicId, nodes, error }: Script, port: number): object {
  const partitions = leaders.map(([leaderId, leaderEpoch], partitionIndex) => ({
    partitionIndex,
    leaderId,
    leaderEpoch,
    replicaNodes: nodes,
    isrNodes: nodes,
    offlineReplicas: [],
  }));
  return {
    brokers: nodes.map((nodeId) => ({ nodeId, host: '127.0.0.1', port })),
    controllerId: 1,
    topics: [{ name: 't', topicId, errorCode: error, partitions: error === 0 ? partitions : [] }],
  };
}

const placesOf = ({ partitions }: TopicMetadata): number[][] => partitions.map(({ slot, host, leaderEpoch }) => [slot, host, leaderEpoch]);
const append = (slot: number, position: number, length: number, acks = -1): [HostVerb, object] => [
  'append',
  { slot, acks, own: true, position, length, batch: null },
];
/** Partition and records of each row of a Produce request. */
const rowsOf = ({ request }: Asked): [number, string][] =>
  request.topicData.flatMap(({ partitionData }: { partitionData: { index: number; records: Buffer }[] }) =>
    partitionData.map(({ index, records }) => [index, records.toString()]),
  );
const produced = (rows: { index: number; errorCode?: number; baseOffset?: number }[]): object => ({
  responses: [{ topicId: ID, partitionResponses: rows.map((row) => ({ baseOffset: -1, recordErrors: [], ...row })) }],
});

describe('where partitions are led', () => {
  test('a leader that moves is told, and slots stay', async () => {
    const { script, load, changed, met } = await scene([
      [1, 0],
      [2, 0],
    ]);
    script.nodes = [1, 2];
    expect(placesOf(await load())).toEqual([
      [0, 0, 0],
      [1, 1, 0],
    ]);
    script.leaders = [
      [2, 1],
      [2, 0],
    ];
    expect(placesOf(await load())).toEqual([
      [0, 1, 1],
      [1, 1, 0],
    ]);
    expect(changed).toEqual([['t']]);
    expect(met).toEqual([1, 2]);
  });

  test('a broker that has not heard yet does not move it back', async () => {
    const { script, load, changed } = await scene([[1, 5]]);
    script.nodes = [1, 2];
    await load();
    script.leaders = [[2, 4]];
    expect(placesOf(await load())).toEqual([[0, 0, 5]]);
    expect(changed).toEqual([]);
  });

  test('a topic that is made anew has other slots, and one that is gone is told', async () => {
    const { script, load, changed } = await scene();
    await load();
    script.topicId = OTHER_ID;
    expect(placesOf(await load())).toEqual([[1, 0, 0]]);
    script.error = errors.UNKNOWN_TOPIC_OR_PARTITION.code;
    expect(errorName((await load()).error)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(changed).toEqual([['t'], ['t']]);
  });

  test('while there is no leader it is looked for, with pauses, and told when it is there', async () => {
    const { script, load, changed, broker, cluster } = await scene([[-1, 0]]);
    const [[, nobody]] = placesOf(await load());
    expect(cluster.nodeOf(nobody)).toBe(-1);
    for (let i = 0; i < 100; i++) cluster.doubt();
    await new Promise((resolve) => setTimeout(resolve, 400));
    // At once, after 100 ms, after 200 more …
    expect(broker.asked.length).toBeLessThan(8);
    script.leaders = [[1, 1]];
    await expect.poll(() => changed).toEqual([['t']]);
    const asked = broker.asked.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(broker.asked.length).toBe(asked);
  });
});

describe('batches', () => {
  test('one of each partition goes out at once, from where it lies; the next ones with the next request', async () => {
    const { script, load, post, outbox, broker } = await scene([
      [1, 0],
      [1, 0],
    ]);
    await load();
    outbox.write('a1b1a2');
    script.produce = (asked) => asked.answer(produced(rowsOf(asked).map(([index], i) => ({ index, baseOffset: 10 * index + i }))));
    const replies = await Promise.all(post([append(0, 0, 2), append(1, 2, 2), append(0, 4, 2)]));
    expect(broker.asked.filter(({ name }) => name === 'Produce').map(rowsOf)).toEqual([
      [
        [0, 'a1'],
        [1, 'b1'],
      ],
      [[0, 'a2']],
    ]);
    expect(replies).toMatchObject([
      { error: 0, baseOffset: 0, durability: 'synced' },
      { error: 0, baseOffset: 11 },
      { error: 0, baseOffset: 0 },
    ]);
  });

  test('a batch that is refused takes those of its partition along that wait behind it', async () => {
    const { script, load, post, changed, broker } = await scene([
      [1, 0],
      [1, 0],
    ]);
    await load();
    const held: Asked[] = [];
    script.produce = (asked) => void held.push(asked);
    // Five are under way at most; what comes then waits.
    const replies = post(Array.from({ length: 6 }, (_, i) => append(0, i, 1)));
    await expect.poll(() => held.length).toBe(5);
    // Of another partition: it stays.
    replies.push(...post([append(1, 6, 1)]));
    script.leaders[0] = [2, 1];
    script.nodes = [1, 2];
    for (const asked of held.splice(0)) asked.answer(produced([{ index: 0, errorCode: 6 }]));
    await expect.poll(() => held.map(rowsOf)).toEqual([[[1, '\0']]]);
    held[0].answer(produced([{ index: 1, baseOffset: 3 }]));
    const names = (await Promise.all(replies)).map(({ error }) => errorName(error));
    expect(names).toEqual([...Array(5).fill('NOT_LEADER_OR_FOLLOWER'), 'NETWORK_EXCEPTION', 'NONE']);
    // Where it is led now is looked for at once.
    await expect.poll(() => changed).toEqual([['t']]);
    expect(broker.asked.filter(({ name }) => name === 'Produce')).toHaveLength(6);
  });

  test('one that is there already is accepted; sequences that a broker has forgotten are a gap', async () => {
    const { script, load, ask } = await scene();
    await load();
    const answers = [errors.DUPLICATE_SEQUENCE_NUMBER.code, errors.UNKNOWN_PRODUCER_ID.code];
    script.produce = (asked) => asked.answer(produced([{ index: 0, errorCode: answers.shift() ?? 0 }]));
    const fields = { slot: 0, acks: -1, own: true, position: 0, length: 1, batch: null } as const;
    expect(await ask('append', fields)).toMatchObject({ error: 0, baseOffset: -1 });
    expect(errorName((await ask('append', fields)).error)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  });

  test('with acks 0 nothing is waited for, and a connection that is lost refuses what was under way', async () => {
    const { script, load, ask } = await scene();
    await load();
    const fields = { slot: 0, own: true, position: 0, length: 1, batch: null };
    expect(await ask('append', { ...fields, acks: 0 })).toMatchObject({ error: 0, baseOffset: -1 });
    script.produce = ({ socket }) => void socket.destroy();
    expect(errorName((await ask('append', { ...fields, acks: -1 })).error)).toBe('NETWORK_EXCEPTION');
  });
});

describe('fetches', () => {
  const fetchOf = (changes: number[] | null, fresh = false, waitMs = 1000): HostVerbs['fetch']['ask'] => ({
    session: 1,
    fresh,
    changes: changes === null ? null : Float64Array.from(changes),
    bytesMin: 1,
    bytesMax: 1 << 20,
    waitMs,
  });
  /** (partition, offset) of what a Fetch names, and what it forgets. */
  const named = ({ request }: Asked): object => ({
    session: [request.sessionId, request.sessionEpoch],
    topics: request.topics.flatMap(({ partitions }: { partitions: { partition: number; fetchOffset: number }[] }) =>
      partitions.map(({ partition, fetchOffset }) => [partition, fetchOffset]),
    ),
    forgotten: request.forgottenTopicsData.flatMap(({ partitions }: { partitions: number[] }) => partitions),
  });
  const records = (offset: number, values: string[]): Buffer => {
    const bytes = batchOf(values);
    stampBatch(bytes, 0, offset, 0);
    return bytes;
  };
  const fetched = (rows: { partitionIndex: number; errorCode?: number; records?: Buffer }[], sessionId = 77): object => ({
    sessionId,
    responses: [
      {
        topicId: ID,
        partitions: rows.map((row) => ({ highWatermark: 100, lastStableOffset: 100, abortedTransactions: null, records: null, ...row })),
      },
    ],
  });

  test('a session names what has changed, and goes on where an answer ended', async () => {
    const { script, load, ask, broker } = await scene([
      [1, 0],
      [1, 0],
    ]);
    await load();
    script.fetch = (asked) => asked.answer(fetched([{ partitionIndex: 0, records: records(5, ['x', 'y']) }]));
    const first = await ask('fetch', fetchOf([0, 5, 1000, 1, 0, 1000], true));
    expect(first.parts).toMatchObject([{ slot: 0, offset: 5, nextOffset: 7, highWatermark: 100 }]);
    script.fetch = (asked) => asked.answer(fetched([{ partitionIndex: 0, records: records(7, ['z']) }]));
    await ask('fetch', fetchOf(null));
    script.fetch = (asked) => asked.answer(fetched([{ partitionIndex: 0, records: records(8, ['z']) }]));
    await ask('fetch', fetchOf([1, 0, 0]));
    const fetches = broker.asked.filter(({ name }) => name === 'Fetch');
    expect(fetches.map(named)).toEqual([
      {
        session: [0, 0],
        topics: [
          [0, 5],
          [1, 0],
        ],
        forgotten: [],
      },
      { session: [77, 1], topics: [[0, 7]], forgotten: [] },
      { session: [77, 2], topics: [[0, 8]], forgotten: [1] },
    ]);
  });

  test('a session that the broker has dropped is begun anew; one that the host does not know is refused', async () => {
    const { script, load, ask, broker } = await scene();
    await load();
    script.fetch = (asked) => asked.answer(fetched([{ partitionIndex: 0, records: records(0, ['x']) }]));
    await ask('fetch', fetchOf([0, 0, 1000], true));
    let refusals = 1;
    script.fetch = (asked) =>
      asked.answer(refusals-- > 0 ? { errorCode: 70, responses: [] } : fetched([{ partitionIndex: 0, records: records(1, ['y']) }]));
    expect((await ask('fetch', fetchOf(null))).parts).toMatchObject([{ offset: 1, nextOffset: 2 }]);
    const [, refused, again] = broker.asked.filter(({ name }) => name === 'Fetch').map(named);
    expect([refused, again]).toEqual([
      { session: [77, 1], topics: [[0, 1]], forgotten: [] },
      { session: [0, 0], topics: [[0, 1]], forgotten: [] },
    ]);
    const unknown = await ask('fetch', { ...fetchOf(null), session: 9 });
    expect(errorName(unknown.error)).toBe('FETCH_SESSION_ID_NOT_FOUND');
  });

  test('an error is told once, and not asked for again until the reader names the partition', async () => {
    const { script, load, ask, broker } = await scene([
      [1, 0],
      [1, 0],
    ]);
    await load();
    script.fetch = (asked) => asked.answer(fetched([{ partitionIndex: 0, errorCode: 6 }]));
    const { parts } = await ask('fetch', fetchOf([0, 5, 1000, 1, 0, 1000], true));
    expect(parts).toMatchObject([{ slot: 0, error: 6, offset: 5, nextOffset: 5 }]);
    script.fetch = (asked) => asked.answer(fetched([{ partitionIndex: 1, records: records(0, ['x']) }]));
    await ask('fetch', fetchOf(null));
    expect(broker.asked.filter(({ name }) => name === 'Fetch').map(named)[1]).toMatchObject({ topics: [], forgotten: [0] });
  });

  test('a topic that is gone is told without asking', async () => {
    const { script, load, ask, broker } = await scene();
    await load();
    script.error = errors.UNKNOWN_TOPIC_OR_PARTITION.code;
    await load();
    const { parts } = await ask('fetch', fetchOf([0, 5, 1000], true));
    expect(parts).toMatchObject([{ slot: 0, error: errors.UNKNOWN_TOPIC_OR_PARTITION.code, offset: 5 }]);
    expect(broker.asked.filter(({ name }) => name === 'Fetch')).toEqual([]);
  });

  test('a seek does not wait for what waits at the broker, and what comes of it late is dropped', async () => {
    const { script, load, ask, post, broker } = await scene();
    await load();
    const held: Asked[] = [];
    script.fetch = (asked) => void held.push(asked);
    const [waiting] = post([['fetch', fetchOf([0, 90, 1000], true)]]);
    await expect.poll(() => held.length).toBe(1);
    await ask('wakeFetch', { session: 1, forget: false });
    expect(await waiting).toMatchObject({ error: 0, parts: [] });
    const [sought] = post([['fetch', fetchOf([0, 10, 1000])]]);
    await expect.poll(() => held.length).toBe(2);
    expect(new Set(held.map(({ socket }) => socket)).size).toBe(2);
    held[0].answer(fetched([{ partitionIndex: 0, records: records(90, ['late']) }]));
    // The first connection is free again, and has nothing to ask for that is not asked for.
    await new Promise((resolve) => setTimeout(resolve, 50));
    held[1].answer(fetched([{ partitionIndex: 0, records: records(10, ['x']) }]));
    expect(((await sought) as HostReplyOf<'fetch'>).parts).toMatchObject([{ offset: 10, nextOffset: 11 }]);
    expect(broker.asked.filter(({ name }) => name === 'Fetch').map(named)).toMatchObject([{ topics: [[0, 90]] }, { topics: [[0, 10]] }]);
  });

  test('a reader that turns faster than a slow broker answers reads on: what is asked for is not given up for ever', async () => {
    const { script, load, ask, post } = await scene([
      [1, 0],
      [1, 0],
    ]);
    await load();
    script.fetch = (asked) => void setTimeout(() => asked.answer(fetched([{ partitionIndex: 1, records: records(7, ['x']) }])), 300);
    let [waiting] = post([['fetch', fetchOf([0, 90, 1000, 1, 7, 1000], true)]]);
    const parts = async (): Promise<unknown[]> => ((await waiting) as HostReplyOf<'fetch'>).parts;
    let i = 0;
    const turn = async (): Promise<unknown[]> => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      await ask('wakeFetch', { session: 1, forget: false });
      const got = await parts();
      [waiting] = post([['fetch', fetchOf([0, i++, 1000])]]);
      return got;
    };
    await expect.poll(turn, { interval: 0, timeout: 5000 }).toMatchObject([{ slot: 1, offset: 7, nextOffset: 8 }]);
  });

  test('however often it is sought, two connections are enough', async () => {
    const { script, load, ask, post, broker } = await scene();
    await load();
    script.fetch = () => {};
    let [waiting] = post([['fetch', fetchOf([0, 90, 1000], true, 60_000)]]);
    for (let i = 0; i < 5; i++) {
      await expect.poll(() => broker.asked.filter(({ name }) => name === 'Fetch').length).toBe(i + 1);
      await new Promise((resolve) => setTimeout(resolve, 25));
      await ask('wakeFetch', { session: 1, forget: false });
      await waiting;
      [waiting] = post([['fetch', fetchOf([0, i, 1000], false, 60_000)]]);
      // One for everything else.
      await expect.poll(() => broker.sockets.size).toBeLessThanOrEqual(3);
    }
    await ask('wakeFetch', { session: 1, forget: true });
    await expect.poll(() => broker.sockets.size).toBe(1);
  });
});
