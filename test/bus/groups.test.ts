/** Groups through a real bus, with members on this thread and on threads of their own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Bus, BusError, type Consumer, type ConsumerOptions, defineTopic, serdes, type TopicPartition } from '../../src/index.ts';
import type { WorkerSays } from './group-worker.ts';

let bus: Bus;
beforeAll(async () => {
  bus = await Bus.open({ memoryBytesMax: 32 * 1024 * 1024, hosts: 1, logLevel: 'silent' });
});
afterAll(() => bus.close());

let names = 0;
/** A topic that nobody else has, with a number in each record's value. */
async function newTopic(partitions: number, records = 0): Promise<string> {
  const name = `topic-${++names}`;
  await bus.admin().createTopics([{ name, partitions }]);
  await send(name, partitions, records);
  return name;
}

async function send(topic: string, partitions: number, records: number): Promise<void> {
  if (records === 0) return;
  const all = Array.from({ length: records }, (_, i) => ({ partition: i % partitions, value: i }));
  await bus.producer().send(topic, all);
}

interface Log {
  consumer: Consumer<string | Uint8Array, unknown>;
  told: string[];
  seen: unknown[];
  /** 'partition:offset' of what it was given. */
  places: string[];
  done: Promise<unknown>;
}

const numbers = (all: readonly TopicPartition[]): string =>
  all
    .map(({ partition }) => partition)
    .sort((a, b) => a - b)
    .join(' ');

/** A member on this thread that reads until it is closed, and writes down what it was told. */
function join(options: ConsumerOptions): Log {
  const told: string[] = [];
  const seen: unknown[] = [];
  const places: string[] = [];
  const consumer = bus.consumer({
    autoOffsetReset: 'earliest',
    ...options,
    onAssigned: (all) => {
      told.push(`assigned ${numbers(all)}`);
      return options.onAssigned?.(all);
    },
    onRevoked: (all) => {
      told.push(`revoked ${numbers(all)}`);
      return options.onRevoked?.(all);
    },
    onLost: (all) => void told.push(`lost ${numbers(all)}`),
  });
  const done = (async () => {
    for await (const { value, partition, offset } of consumer) {
      seen.push(value);
      places.push(`${partition}:${offset}`);
    }
  })().catch((error: unknown) => error);
  return { consumer, told, seen, places, done };
}

const owned = ({ consumer }: Log): string => numbers(consumer.assignment());
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const eventually = { timeout: 10_000, interval: 5 };

describe.each(['consumer', 'classic'] as const)('members of the %s protocol', (groupProtocol) => {
  const group = (topics: string | RegExp, more: ConsumerOptions = {}): ConsumerOptions => ({
    groupId: `group-${++names}`,
    topics,
    groupProtocol,
    ...more,
  });

  test('share what there is, as a queue; another group has all of it again', async () => {
    const topic = await newTopic(4, 100);
    const options = group(topic);
    const a = join(options);
    await expect.poll(() => a.seen.length, eventually).toBe(100);
    const b = join(options);
    await expect.poll(() => `${owned(a)} | ${owned(b)}`, eventually).toMatch(/^\d \d \| \d \d$/);
    const other = join(group(topic));
    await send(topic, 4, 100);
    await expect.poll(() => a.seen.length + b.seen.length, eventually).toBe(200);
    await expect.poll(() => other.seen.length, eventually).toBe(200);
    // Partitions that moved went on where they were: each record once.
    expect([...a.seen, ...b.seen].sort()).toEqual([...other.seen].sort());
    expect(b.seen.length).toBe(50);
    for (const { consumer, done } of [a, b, other]) {
      expect(await consumer.close()).toEqual({ unfinished: [] });
      await done;
    }
  });

  test('give up only what moves, and hand over at once when they leave, with all that they had finished', async () => {
    const topic = await newTopic(3, 30);
    const options = group(topic, { sessionTimeoutMs: 30_000 });
    const a = join(options);
    await expect.poll(() => a.seen.length, eventually).toBe(30);
    const b = join(options);
    const c = join(options);
    const d = join(options);
    await expect.poll(() => [a, b, c, d].map(owned).sort().join(' '), eventually).toBe(' 0 1 2');
    // What stayed was never given up.
    const kept = owned(a);
    if (kept !== '') expect(a.told.filter((line) => line.startsWith('revoked')).join(' ')).not.toContain(kept);
    // More members than partitions: the one that has none takes over.
    const startMs = performance.now();
    const [idle] = [a, b, c, d].filter((one) => owned(one) === '');
    const [leaver] = [b, c, d].filter((one) => owned(one) !== '');
    const moved = owned(leaver);
    await leaver.consumer.close();
    await expect.poll(() => owned(idle), eventually).toBe(moved);
    expect(performance.now() - startMs).toBeLessThan(3000);
    expect(leaver.told.at(-1)).toBe(`revoked ${moved}`);
    await send(topic, 3, 3);
    await expect.poll(() => [a, b, c, d].reduce((sum, { seen }) => sum + seen.length, 0), eventually).toBe(33);
    await Promise.all([a, b, c, d].map(({ consumer }) => consumer.close()));
  });

  test('read topics that match a pattern, and those that come later', async () => {
    const first = await newTopic(1, 3);
    const [, number] = first.split('-');
    const member = join(group(new RegExp(`^topic-${number}(-.+)?$`)));
    await expect.poll(() => member.seen.length, eventually).toBe(3);
    await bus.admin().createTopics([{ name: `${first}-later`, partitions: 2 }]);
    await bus.producer().send(`${first}-later`, { value: 'new' });
    await expect.poll(() => member.seen.length, eventually).toBe(4);
    expect(new Set(member.consumer.assignment().map(({ topic }) => topic))).toEqual(new Set([first, `${first}-later`]));
    await member.consumer.close();
  });

  test('go on where the group stands, seek as they are assigned, stay paused', async () => {
    const topic = await newTopic(2, 20);
    const options = group(topic);
    const first = join(options);
    await expect.poll(() => first.seen.length, eventually).toBe(20);
    await first.consumer.commit([{ topic, partition: 0, offset: 4, metadata: 'so far' }]);
    expect(await first.consumer.committed([{ topic, partition: 0 }])).toMatchObject([{ offset: 4, metadata: 'so far' }]);
    await first.consumer.commit([{ topic, partition: 1, offset: 6 }]);
    first.consumer.commitAsync([{ topic, partition: 0, offset: 7 }]);
    await first.consumer.commit([{ topic, partition: 0, offset: 8 }]);
    // The last commit of a close is of what was finished; partition 1 was left behind by hand.
    await first.consumer.close();
    const admin = await bus.admin().groupOffsets(options.groupId as string);
    expect(admin.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 10],
      [1, 10],
    ]);
    const second: Log = join({
      ...options,
      onAssigned: async (all) => {
        for (const one of all) await second.consumer.seek(one, one.partition === 0 ? 9 : 'beginning');
        second.consumer.pause([{ topic, partition: 1 }]);
      },
    });
    await expect.poll(() => second.seen.length, eventually).toBe(1);
    expect(second.seen).toEqual([18]);
    // A rebalance does not wake what is paused.
    const third = join(options);
    await expect.poll(() => `${owned(second)}|${owned(third)}`, eventually).toMatch(/^\d\|\d$/);
    await third.consumer.close();
    await expect.poll(() => owned(second), eventually).toBe('0 1');
    expect(second.consumer.assignment().find(({ partition }) => partition === 1)?.paused).toBe(true);
    await second.consumer.seek({ topic, partition: 1 }, 'beginning');
    second.consumer.resume();
    await expect.poll(() => second.seen.filter((value) => (value as number) % 2 === 1).length, eventually).toBe(10);
    await second.consumer.close();
  });

  test('lose their partitions when their thread is blocked, are told, may not commit late, and come back', async () => {
    const topic = await newTopic(2, 10);
    const options = group(topic, { sessionTimeoutMs: 300, heartbeatIntervalMs: 50, autoOffsetReset: 'earliest' });
    const worker = runWorker(options);
    await worker.said('assigned', [0, 1]);
    await expect.poll(() => worker.records.length, eventually).toBe(10);
    const healthy = join(options);
    await expect.poll(() => owned(healthy), eventually).toMatch(/^\d$/);
    worker.tell({ do: 'block', ms: 1200 });
    await expect.poll(() => owned(healthy), eventually).toBe('0 1');
    await worker.said('committed');
    expect(['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH', 'ILLEGAL_GENERATION']).toContain(worker.codes[0]);
    await worker.said('lost');
    await expect.poll(() => owned(healthy), eventually).toMatch(/^\d$/);
    worker.tell({ do: 'close' });
    expect(await worker.said('closed')).toMatchObject({ unfinished: [] });
    await worker.ended;
    await healthy.consumer.close();
  });

  test('on a thread that is killed: what it had moves after the session timeout, not before, and nothing is left out', async () => {
    const topic = await newTopic(4, 40);
    const sessionTimeoutMs = 500;
    const options = group(topic, { sessionTimeoutMs, heartbeatIntervalMs: 50, autoCommitIntervalMs: 20, autoOffsetReset: 'earliest' });
    const workers = [runWorker(options), runWorker(options)];
    const main = join(options);
    const all = (): number[] => [...workers.flatMap((one) => one.owned), ...main.consumer.assignment().map(({ partition }) => partition)];
    await expect.poll(() => all().sort().join(' '), eventually).toBe('0 1 2 3');
    await expect
      .poll(() => Math.min(...[...workers.map((one) => one.owned.length), main.consumer.assignment().length]), eventually)
      .toBe(1);
    const victim = workers[0];
    const before = main.consumer.assignment().length + workers[1].owned.length;
    const killedMs = performance.now();
    await victim.kill();
    await expect.poll(() => main.consumer.assignment().length + workers[1].owned.length, eventually).toBeGreaterThan(before);
    expect(performance.now() - killedMs).toBeGreaterThan(sessionTimeoutMs * 0.8);
    await expect.poll(() => main.consumer.assignment().length + workers[1].owned.length, eventually).toBe(4);
    await send(topic, 4, 40);
    const given = (): number => new Set([...workers.flatMap((one) => one.records), ...main.places]).size;
    await expect.poll(given, eventually).toBe(80);
    workers[1].tell({ do: 'close' });
    await workers[1].ended;
    await main.consumer.close();
  });

  test('with a name of their own come back to what they had, and nobody else moves', async () => {
    const topic = await newTopic(4, 4);
    const options = group(topic, { sessionTimeoutMs: 10_000 });
    const a = join({ ...options, groupInstanceId: 'a' });
    const b = join({ ...options, groupInstanceId: 'b' });
    await expect.poll(() => `${owned(a)}|${owned(b)}`, eventually).toMatch(/^\d \d\|\d \d$/);
    const had = owned(b);
    const toldBefore = a.told.length;
    await b.consumer.close();
    const back = join({ ...options, groupInstanceId: 'b' });
    await expect.poll(() => owned(back), eventually).toBe(had);
    expect(a.told.length).toBe(toldBefore);
    await back.consumer.close();
    await a.consumer.close();
  });

  test('who asks for nothing leaves, and comes back when he asks', async () => {
    const topic = await newTopic(1, 10);
    const told: string[] = [];
    const consumer = bus.consumer({
      ...group(topic, { maxPollIntervalMs: 200, heartbeatIntervalMs: 20, sessionTimeoutMs: 5000, autoOffsetReset: 'earliest' }),
      onAssigned: () => void told.push('assigned'),
      onLost: () => void told.push('lost'),
    });
    expect(await consumer.poll({ timeoutMs: 5000, recordsMax: 5 })).toHaveLength(5);
    await expect.poll(() => told, eventually).toEqual(['assigned', 'lost']);
    expect(consumer.assignment()).toEqual([]);
    await expect(consumer.commit([{ topic, partition: 0, offset: 5 }])).rejects.toMatchObject({ code: 'FENCED_MEMBER_EPOCH' });
    // Nothing of it was finished, so all comes again.
    const again = await consumer.poll({ timeoutMs: 5000 });
    expect(again[0].offset).toBe(0);
    expect(told).toEqual(['assigned', 'lost', 'assigned']);
    await consumer.close();
  });

  test.each([
    ['onRevoked that never ends', (): Partial<ConsumerOptions> => ({ onRevoked: () => new Promise(() => {}) })],
    ['onAssigned that never ends', (): Partial<ConsumerOptions> => ({ onAssigned: () => new Promise(() => {}) })],
  ])('close within the deadline: %s', async (_, callbacks) => {
    const topic = await newTopic(2, 10);
    const options = group(topic);
    const member = join({ ...options, ...callbacks() });
    await expect.poll(() => member.told.length, eventually).toBeGreaterThan(0);
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const startMs = performance.now();
    const { unfinished } = await member.consumer.close({ deadlineMs: 300 });
    expect(performance.now() - startMs).toBeLessThan(1500);
    // The one that hangs is named, not the one that waited for it.
    const [name] = Object.keys(callbacks());
    expect(unfinished).toContain(`${name} had not ended`);
    expect(warned.mock.calls.map(([warning]) => String(warning))).toEqual([expect.stringContaining(`${name} has not ended within 240 ms`)]);
    warned.mockRestore();
    // It has left: the next one has everything at once.
    const next = join(options);
    await expect.poll(() => owned(next), eventually).toBe('0 1');
    await next.consumer.close();
  });

  test('close in the midst of rebalances, all at once, with the bus', async () => {
    const own = await Bus.open({ memoryBytesMax: 32 * 1024 * 1024, hosts: 1, logLevel: 'silent' });
    await own.admin().createTopics([{ name: 't', partitions: 8 }]);
    const members = Array.from({ length: 6 }, () => own.consumer({ groupId: 'g', topics: 't', groupProtocol }));
    const loops = members.map(async (consumer) => {
      for await (const _ of consumer) throw new Error('nothing was sent');
    });
    await sleep(5);
    expect(await own.close({ deadlineMs: 5000 })).toEqual({ unfinished: [] });
    await Promise.all(loops);
  });
});

describe.each(['consumer', 'classic'] as const)('a coordinator that fails under members of the %s protocol', (groupProtocol) => {
  test.each([
    ['in memory', false],
    ['with a folder', true],
  ])('is followed by one with which they go on: nothing is left out, commits wait for it (%s)', async (_, onDisk) => {
    const dir = onDisk ? mkdtempSync(joinPath(tmpdir(), 'spillway-groups-')) : null;
    const own = await Bus.open({ memoryBytesMax: 32 * 1024 * 1024, hosts: 1, logLevel: 'silent', ...(dir === null ? {} : { dir }) });
    await own.admin().createTopics([{ name: 't', partitions: 4, configs: { durability: 'memory' } }]);
    const lost: string[] = [];
    const seen: number[] = [];
    const members = [0, 1].map(() =>
      own.consumer<string, number>({
        groupId: 'g',
        topics: 't',
        groupProtocol,
        autoOffsetReset: 'earliest',
        autoCommitIntervalMs: 20,
        sessionTimeoutMs: 2000,
        onLost: (all) => void lost.push(numbers(all)),
      }),
    );
    const loops = members.map(async (consumer) => {
      for await (const { value } of consumer) seen.push(value as number);
    });
    const producer = own.producer();
    const owners = (): number[] => members.map((consumer) => consumer.assignment().length);
    await expect.poll(() => owners(), eventually).toEqual([2, 2]);
    for (let round = 0; round < 3; round++) {
      await producer.send(
        't',
        Array.from({ length: 40 }, (_, i) => ({ partition: i % 4, value: round * 40 + i })),
      );
      own.failCoordinator();
      // It is away when this is asked, and it is answered all the same.
      await expect
        .poll(
          () =>
            members[0].commit().then(
              () => 'stored',
              (error) => (error as BusError).code,
            ),
          eventually,
        )
        .toBe('stored');
    }
    await expect.poll(() => new Set(seen).size, eventually).toBe(120);
    await expect.poll(() => owners(), eventually).toEqual([2, 2]);
    // What a folder remembers nobody loses.
    if (onDisk) expect([lost, seen.length]).toEqual([[], 120]);
    own.failCoordinator();
    expect(await own.close({ deadlineMs: 10_000 })).toEqual({ unfinished: [] });
    await Promise.all(loops);
    if (dir !== null) rmSync(dir, { recursive: true });
  });
});

describe('what is committed', () => {
  const group = (topics: string | RegExp, more: ConsumerOptions = {}) => ({ groupId: `group-${++names}`, topics, ...more });
  const offsetsOf = async (groupId: string): Promise<number[]> =>
    (await bus.admin().groupOffsets(groupId)).map(({ offset }) => offset).sort((a, b) => a - b);

  test('by itself: only what was finished, which asking for more says', async () => {
    const topic = await newTopic(1, 10);
    const options = group(topic, { autoOffsetReset: 'earliest', autoCommitIntervalMs: 10 });
    const consumer = bus.consumer(options);
    expect(await consumer.poll({ timeoutMs: 5000, recordsMax: 4 })).toHaveLength(4);
    await sleep(60);
    expect(await offsetsOf(options.groupId)).toEqual([0]);
    expect(await consumer.poll({ timeoutMs: 5000, recordsMax: 3 })).toHaveLength(3);
    await expect.poll(() => offsetsOf(options.groupId), eventually).toEqual([4]);
    await consumer.close();
    expect(await offsetsOf(options.groupId)).toEqual([4]);
    // Who leaves a loop in the midst of a record has not finished it.
    const second = bus.consumer(options);
    for await (const { offset } of second) if (offset === 6) break;
    await second.close();
    expect(await offsetsOf(options.groupId)).toEqual([6]);
  });

  test('by hand: all that was given out', async () => {
    const topic = await newTopic(1, 10);
    const options = group(topic, { autoOffsetReset: 'earliest', autoCommit: false, commitSynced: true });
    const consumer = bus.consumer(options);
    expect(await consumer.poll({ timeoutMs: 5000, recordsMax: 4 })).toHaveLength(4);
    await consumer.commit();
    expect(await offsetsOf(options.groupId)).toEqual([4]);
    await consumer.poll({ recordsMax: 2 });
    const told = new Promise((resolve) => consumer.commitAsync(undefined, resolve));
    expect(await told).toBe(null);
    await consumer.close();
    expect(await offsetsOf(options.groupId)).toEqual([6]);
  });

  test('as partitions are handed over, also by a close', async () => {
    const topic = await newTopic(1, 10);
    const options = group(topic, { autoOffsetReset: 'earliest', autoCommit: false });
    const consumer: Consumer = bus.consumer({ ...options, onRevoked: () => consumer.commit() });
    expect(await consumer.poll({ timeoutMs: 5000, recordsMax: 4 })).toHaveLength(4);
    expect(await consumer.close()).toEqual({ unfinished: [] });
    expect(await offsetsOf(options.groupId)).toEqual([4]);
    await expect(consumer.commit()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(() => consumer.commitAsync()).toThrow(/the consumer is closed/);
  });

  test('without a membership: assigned partitions begin at what the group has', async () => {
    const topic = await newTopic(2, 20);
    const groupId = `group-${++names}`;
    const first = await bus.consumer({ groupId, autoOffsetReset: 'earliest' }).assign(topic);
    await first.poll({ timeoutMs: 5000 });
    await first.commit([{ topic, partition: 1, offset: 7, metadata: 'm' }]);
    expect(await first.close()).toEqual({ unfinished: [] });
    const second = await bus.consumer({ groupId, autoOffsetReset: 'latest' }).assign([{ topic, partition: 1 }]);
    expect(second.position(topic, 1)).toBe(7);
    expect(second.groupMetadata()).toMatchObject({ groupId, memberId: '', epoch: -1 });
    await second.close();
  });

  test('what the partition does not reach is reset as asked for', async () => {
    const topic = await newTopic(1, 10);
    const nothing = bus.consumer(group(topic, { autoOffsetReset: 'none' }));
    await expect(nothing.poll({ timeoutMs: 5000 })).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    await nothing.seek(topic, 3);
    expect((await nothing.poll({ timeoutMs: 5000, recordsMax: 1 }))[0].offset).toBe(3);
    const recent = bus.consumer(group(topic, { autoOffsetReset: { byDurationMs: 3_600_000 } }));
    expect((await recent.poll({ timeoutMs: 5000, recordsMax: 1 }))[0].offset).toBe(0);
    const latest = bus.consumer(group(topic, { autoOffsetReset: 'latest', autoCommitIntervalMs: 5 }));
    expect(await latest.poll({ timeoutMs: 50 })).toEqual([]);
    await expect.poll(() => latest.assignment()[0]?.position, eventually).toBe(10);
    await Promise.all([nothing, recent, latest].map((consumer) => consumer.close()));
  });

  test('typed topics keep their types', async () => {
    const orders = defineTopic(`orders-${++names}`, { key: serdes.string, value: serdes.json<{ id: number }>() });
    await bus.admin().createTopics([orders]);
    await bus.producer().send(orders, { key: 'a', value: { id: 5 } });
    const consumer = bus.consumer({ groupId: `group-${++names}`, topics: orders, autoOffsetReset: 'earliest' });
    const [record] = await consumer.poll({ timeoutMs: 5000 });
    expect([record.key, record.value?.id]).toEqual(['a', 5]);
    await consumer.close();
  });
});

describe('a member that cannot be one', () => {
  test('tells at each read why', async () => {
    const topic = await newTopic(1);
    const groupId = `group-${++names}`;
    const first = join({ groupId, topics: topic, groupProtocol: 'classic', assignor: 'range' });
    await expect.poll(() => owned(first), eventually).toBe('0');
    const other = bus.consumer({ groupId, topics: topic, groupProtocol: 'classic', assignor: 'sticky' });
    await expect(other.poll({ timeoutMs: 5000 })).rejects.toMatchObject({ code: 'INCONSISTENT_GROUP_PROTOCOL' });
    await expect(other.poll()).rejects.toBeInstanceOf(BusError);
    await other.close();
    await first.consumer.close();
  });

  test('an assignor of the user’s that throws ends its member, not the group', async () => {
    const topic = await newTopic(2);
    const groupId = `group-${++names}`;
    const assign = (): never => {
      throw new Error('no idea');
    };
    const bad = bus.consumer({ groupId, topics: topic, groupProtocol: 'classic', assignor: { name: 'mine', assign } });
    await expect(bad.poll({ timeoutMs: 5000 })).rejects.toMatchObject({ code: 'USER_CODE_FAILED', message: /no idea/ });
    const all = (members: readonly { memberId: string }[]) =>
      new Map(members.map(({ memberId }) => [memberId, [{ topic, partitions: [1] }]]));
    const good = join({ groupId, topics: topic, groupProtocol: 'classic', assignor: { name: 'mine', assign: all } });
    await expect.poll(() => owned(good), eventually).toBe('1');
    await Promise.all([bad.close(), good.consumer.close()]);
  });
});

function runWorker(options: ConsumerOptions) {
  const handle = bus.handle();
  const worker = new Worker(new URL('./group-worker.ts', import.meta.url), {
    workerData: { handle, options },
    transferList: [...handle.transferList],
  });
  const said: WorkerSays[] = [];
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  const state = { owned: [] as number[], records: [] as string[], codes: [] as string[] };
  worker.on('message', (message: WorkerSays) => {
    said.push(message);
    if (message.what === 'assigned') state.owned = [...state.owned, ...message.partitions];
    if (message.what === 'revoked' || message.what === 'lost')
      state.owned = state.owned.filter((partition) => !message.partitions.includes(partition));
    if (message.what === 'record') state.records.push(`${message.partition}:${message.offset}`);
    if (message.what === 'committed') state.codes.push(message.code);
  });
  return {
    get owned() {
      return state.owned;
    },
    get records() {
      return state.records;
    },
    get codes() {
      return state.codes;
    },
    ended,
    tell: (told: object) => worker.postMessage(told),
    kill: async () => {
      state.owned = [];
      await worker.terminate();
    },
    async said(what: WorkerSays['what'], partitions?: number[]): Promise<WorkerSays> {
      const matches = (one: WorkerSays): boolean =>
        one.what === what &&
        (partitions === undefined || JSON.stringify('partitions' in one && one.partitions) === JSON.stringify(partitions));
      await expect.poll(() => said.some(matches), eventually).toBe(true);
      return said.find(matches) as WorkerSays;
    },
  };
}
