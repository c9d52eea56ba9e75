/** A mirror between two buses: everything of a record arrives, once, in order, and goes on over new topics, failures and restarts. */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Admin, Bus, BusError, type MirrorEnd, type MirrorOptions, mirror, serdes } from '../../../src/index.ts';
import type { Header } from '../../../src/record/batch-write.ts';

let from: Bus;
let to: Bus;
beforeAll(async () => {
  [from, to] = await Promise.all([1, 2].map(() => Bus.open({ hosts: 1, memoryBytesMax: 32 << 20, logLevel: 'silent' })));
});
afterAll(() => Promise.all([from, to].map((bus) => bus.close())));
beforeEach(async () => {
  for (const bus of [from, to]) {
    const admin = bus.admin();
    await admin.deleteTopics((await admin.listTopics()).map(({ name }) => name));
    await admin.deleteGroups((await admin.listGroups()).map(({ groupId }) => groupId));
  }
});

interface Seen {
  partition: number;
  offset: number;
  timestamp: number;
  key: string | null;
  value: string | null;
  headers: [string, string | null][];
}

/** Everything that a topic holds. */
async function all(bus: Bus, topic: string): Promise<Seen[]> {
  const ends = await bus.admin().listOffsets(topic, 'latest');
  const starts = await bus.admin().listOffsets(topic, 'earliest');
  let left = ends.reduce((sum, { offset }, i) => sum + offset - starts[i].offset, 0);
  const seen: Seen[] = [];
  if (left === 0) return seen;
  const consumer = await bus.consumer({ key: serdes.raw, value: serdes.raw, autoOffsetReset: 'earliest' }).assign(topic);
  for await (const { partition, offset, timestamp, rawKey, rawValue, rawHeaders } of consumer) {
    const headers = rawHeaders.map(({ key, value }): [string, string | null] => [
      key,
      value === null ? null : Buffer.from(value).toString(),
    ]);
    seen.push({ partition, offset, timestamp, key: rawKey?.toString() ?? null, value: rawValue?.toString() ?? null, headers });
    if (--left === 0) break;
  }
  await consumer.close();
  return seen.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

const values = (seen: readonly Seen[]): (string | null)[] => seen.map(({ value }) => value);

async function send(bus: Bus, topic: string, from: number, count: number, partition = 0): Promise<void> {
  const records = Array.from({ length: count }, (_, i) => ({ value: Buffer.from(`${topic} ${from + i}`), partition }));
  await bus.producer<string, Uint8Array>({ value: serdes.raw }).send(topic, records);
}

const once = (options: MirrorOptions = {}) => mirror(from, to, { once: true, ...options });

test('keys, values, headers, timestamps, partitions, order, configs and offsets of groups', async () => {
  const configs = { 'retention.ms': '-1', 'max.message.bytes': '2000000' };
  await from.admin().createTopics([{ name: 'orders', partitions: 3, configs }, { name: '__internal' }]);
  const producer = from.producer<string | Uint8Array, Uint8Array>({ value: serdes.raw });
  const headers: Header[] = [
    { key: 'a', value: Buffer.from('1') },
    { key: 'a', value: null },
  ];
  for (let i = 0; i < 30; i++) {
    const value = i % 7 === 0 ? null : Buffer.from(`v${i}`);
    await producer.send('orders', { key: i % 5 === 0 ? null : `k${i}`, value, partition: i % 3, timestamp: 1_000_000 + i, headers });
  }
  await from.admin().resetOffsets('billing', { to: 4, topics: [{ topic: 'orders', partition: 1 }] });
  expect(await once()).toEqual({ topics: 1, partitions: 3, records: 30, bytes: expect.any(Number), behind: 0, groups: 1 });
  expect(await all(to, 'orders')).toEqual(await all(from, 'orders'));
  expect((await to.admin().listTopics()).map(({ name, partitions }) => [name, partitions])).toEqual([['orders', 3]]);
  const [{ entries }] = await to.admin().describeConfigs(['orders']);
  expect(Object.fromEntries(entries.filter(({ source }) => source === 'topic').map(({ key, value }) => [key, value]))).toEqual(configs);
  expect(await to.admin().groupOffsets('billing')).toMatchObject([{ topic: 'orders', partition: 1, offset: 4 }]);
  // Once more: nothing is sent again.
  expect(await once()).toMatchObject({ records: 0, behind: 0 });
  expect(await all(to, 'orders')).toHaveLength(30);
});

test('it follows: records, topics, partitions, configs, groups; and ends when it is told to', async () => {
  await from.admin().createTopics([{ name: 'a' }]);
  await send(from, 'a', 0, 10);
  const stop = new AbortController();
  const running = mirror(from, to, { signal: stop.signal, refreshEveryMs: 20, commitEveryMs: 10 });
  await vi.waitFor(async () => expect(values(await all(to, 'a'))).toHaveLength(10), 10_000);
  await send(from, 'a', 10, 5);
  await from.admin().createTopics([{ name: 'b', partitions: 2 }]);
  await send(from, 'b', 0, 3, 1);
  await from.admin().createPartitions('a', 2);
  await from.admin().alterConfigs('a', [{ key: 'retention.ms', op: 'set', value: 1234567 }]);
  await from.admin().resetOffsets('late', { to: 12, topics: [{ topic: 'a', partition: 0 }] });
  await vi.waitFor(async () => {
    expect(values(await all(to, 'b'))).toEqual(['b 0', 'b 1', 'b 2']);
    const [{ entries }] = await to.admin().describeConfigs(['a']);
    expect(entries.find(({ key }) => key === 'retention.ms')?.value).toBe('1234567');
    expect(await to.admin().groupOffsets('late')).toMatchObject([{ offset: 12 }]);
  }, 10_000);
  await vi.waitFor(async () => expect((await to.admin().listTopics())[0].partitions).toBe(2), 10_000);
  await vi.waitFor(() => send(from, 'a', 0, 1, 1), 10_000);
  // A group that goes back at the source goes back on the target; one that was deleted stays.
  await from.admin().resetOffsets('late', { to: 2, topics: [{ topic: 'a', partition: 0 }] });
  await vi.waitFor(async () => expect(await to.admin().groupOffsets('late')).toMatchObject([{ offset: 2 }]), 10_000);
  await vi.waitFor(async () => expect(await all(to, 'a')).toEqual(await all(from, 'a')), 10_000);
  stop.abort();
  expect(await running).toMatchObject({ topics: 2, partitions: 4, records: 19, behind: 0, groups: 1 });
});

/** An end whose admin fails as told: what a mirror that dies looks like to the next one. */
function dying(bus: Bus, commits: number): MirrorEnd {
  let left = commits;
  const admin = new Proxy(bus.admin(), {
    get(target, name: keyof Admin) {
      if (name === 'importOffsets' && left-- <= 0) return () => Promise.reject(new BusError('CLUSTER_AUTHORIZATION_FAILED', 'died'));
      const member = target[name] as (...args: unknown[]) => unknown;
      return member.bind(target);
    },
  });
  return { admin: () => admin, producer: bus.producer.bind(bus), consumer: bus.consumer.bind(bus) } as MirrorEnd;
}

test('a batch that is handed out while positions are looked at is not passed over', async () => {
  await from.admin().createTopics([{ name: 'slow' }]);
  await send(from, 'slow', 0, 10);
  // Its position is told at once, it arrives a look later.
  const consumer: MirrorEnd['consumer'] = (options: object) => {
    const real = from.consumer<Uint8Array, Uint8Array>(options);
    const batches = async function* () {
      for await (const batch of real.batches()) {
        await new Promise((resolve) => setTimeout(resolve, 150));
        yield batch;
      }
    };
    return new Proxy(real, {
      get(target, name: keyof typeof real) {
        const member = name === 'batches' ? batches : target[name];
        return typeof member === 'function' ? (member as () => unknown).bind(target) : member;
      },
    }) as never;
  };
  const late = { admin: from.admin.bind(from), producer: from.producer.bind(from), consumer } as MirrorEnd;
  expect(await mirror(late, to, { once: true })).toMatchObject({ records: 10, behind: 0 });
  expect(await all(to, 'slow')).toEqual(await all(from, 'slow'));
});

test('it dies after what it sent and before it noted that: the next one goes on behind, without a double', async () => {
  await from.admin().createTopics([{ name: 'lives', partitions: 2 }]);
  for (let life = 0; life < 6; life++) {
    await send(from, 'lives', life * 100, 100, life % 2);
    await send(from, 'lives', life * 100, 50, (life + 1) % 2);
    // The first note, which says where it begins, and perhaps one more.
    const died = mirror(from, dying(to, life === 0 ? 1 : life % 2), { once: true, commitEveryMs: 3_600_000 });
    await expect(died).rejects.toThrow('died');
  }
  expect(await once()).toMatchObject({ behind: 0 });
  expect(await all(to, 'lives')).toEqual(await all(from, 'lives'));
});

test('a target that has records already: refused, or put behind them with translated offsets', async () => {
  for (const bus of [from, to]) await bus.admin().createTopics([{ name: 'mixed' }]);
  await send(to, 'mixed', 1000, 7);
  await send(from, 'mixed', 0, 10);
  await from.admin().deleteRecords('mixed', { 0: 4 });
  await from.admin().resetOffsets('g', { to: 6, topics: ['mixed'] });
  await expect(once()).rejects.toThrow(/the target has 7 records in mixed-0 that this mirror did not write/);
  expect(await once({ append: true })).toMatchObject({ records: 6, behind: 0 });
  expect(values(await all(to, 'mixed')).slice(7)).toEqual(values(await all(from, 'mixed')));
  // Offset 6 of the source is its third record: 7 + 2.
  expect(await to.admin().groupOffsets('g')).toMatchObject([{ offset: 9 }]);
  await from.admin().resetOffsets('g', { to: 'latest', topics: ['mixed'] });
  await once();
  expect(await to.admin().groupOffsets('g')).toMatchObject([{ offset: 13 }]);
});

test('a second writer is noticed: while it runs, and after', async () => {
  await from.admin().createTopics([{ name: 'busy' }]);
  await send(from, 'busy', 0, 5);
  await once();
  await send(to, 'busy', 900, 1);
  await send(from, 'busy', 5, 5);
  await expect(once()).rejects.toThrow(/somebody else writes to busy-0 of the target/);

  await from.admin().createTopics([{ name: 'busy2' }]);
  const begun = Promise.withResolvers<void>();
  const running = mirror(from, to, { topics: 'busy2', onProgress: () => begun.resolve() });
  running.catch(() => {});
  await begun.promise;
  await send(to, 'busy2', 900, 1);
  await send(from, 'busy2', 0, 1);
  await expect(running).rejects.toThrow(/somebody else writes to busy2-0 of the target \(seen at offset 1, where 0 came next\)/);
});

test('what the source has removed meanwhile is not missed, and what it has made anew is refused', async () => {
  await from.admin().createTopics([{ name: 'shrinks' }]);
  await send(from, 'shrinks', 0, 10);
  // It knew nothing of the ten that it had sent.
  await expect(mirror(from, dying(to, 1), { once: true, commitEveryMs: 3_600_000 })).rejects.toThrow('died');
  await send(from, 'shrinks', 10, 10);
  await from.admin().deleteRecords('shrinks', { 0: 6 });
  expect(await once()).toMatchObject({ records: 10 });
  await from.admin().deleteRecords('shrinks', { 0: 20 });
  await send(from, 'shrinks', 20, 1);
  expect(await once()).toMatchObject({ records: 1 });
  expect(values(await all(to, 'shrinks'))).toEqual(Array.from({ length: 21 }, (_, i) => `shrinks ${i}`));
  await from.admin().resetOffsets('g', { to: 'latest', topics: ['shrinks'] });
  await once();
  expect(await to.admin().groupOffsets('g')).toMatchObject([{ offset: 21 }]);

  await from.admin().deleteTopics(['shrinks']);
  await from.admin().createTopics([{ name: 'shrinks' }]);
  await expect(once()).rejects.toThrow('shrinks was made anew at the source');
});

test('the target goes its own way: its groups are left alone, its topic stays when the source’s goes', async () => {
  await from.admin().createTopics([{ name: 'moved' }]);
  await send(from, 'moved', 0, 10);
  await from.admin().resetOffsets('g', { to: 3, topics: ['moved'] });
  await once();
  // The application has moved, and is further than it was.
  await to.admin().resetOffsets('g', { to: 8, topics: ['moved'] });
  await from.admin().resetOffsets('g', { to: 5, topics: ['moved'] });
  await once();
  expect(await to.admin().groupOffsets('g')).toMatchObject([{ offset: 8 }]);
  const notices: string[] = [];
  const consumer = to.consumer({ groupId: 'g', topics: 'moved', value: serdes.raw });
  const reading = consumer.poll({ timeoutMs: 60_000 });
  await vi.waitFor(async () => expect((await to.admin().describeGroup('g')).members).toHaveLength(1), 10_000);
  await from.admin().resetOffsets('g', { to: 9, topics: ['moved'] });
  const stop = new AbortController();
  const running = mirror(from, to, { signal: stop.signal, refreshEveryMs: 20, onNotice: (text) => notices.push(text) });
  await vi.waitFor(() => expect(notices).toEqual(['group g has members on the target: its offsets there are its own']), 10_000);
  await from.admin().deleteTopics(['moved']);
  await vi.waitFor(() => expect(notices).toContain('moved is gone at the source; it stays on the target as it is'), 10_000);
  stop.abort();
  await running;
  await Promise.all([consumer.close(), reading]);
  expect(await all(to, 'moved')).toHaveLength(10);
});

test('what the target does not take is told and left out; patterns and bad options', async () => {
  await from.admin().createTopics([{ name: 'clicks' }, { name: 'orders-eu' }, { name: 'orders-us', configs: { 'retention.ms': 77 } }]);
  const refusing = dying(to, Number.POSITIVE_INFINITY);
  const admin = refusing.admin();
  const create = admin.createTopics.bind(admin);
  const picky = Object.assign(Object.create(admin) as Admin, {
    createTopics: (...args: Parameters<Admin['createTopics']>) =>
      JSON.stringify(args[0]).includes('retention.ms') ? Promise.reject(new BusError('INVALID_CONFIG', 'no')) : create(...args),
  });
  const notices: string[] = [];
  const target = { ...refusing, admin: () => picky };
  await mirror(from, target, { once: true, topics: [/^orders-/g], onNotice: (text) => notices.push(text) });
  expect((await to.admin().listTopics()).map(({ name }) => name)).toEqual(['orders-eu', 'orders-us']);
  expect(notices).toEqual(['orders-us: the target does not take retention.ms=77; it is left out']);
  await expect(mirror(from, from)).rejects.toThrow('not mirrored to itself');
  await expect(once({ topics: [] })).rejects.toThrow('topics is a name, a pattern');
  await expect(once({ commitEveryMs: 1 })).rejects.toThrow('commitEveryMs');
});
