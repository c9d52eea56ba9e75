/** The outbox: records once and in order, whatever crashes between any two steps. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OutboxTable } from '../../../src/client/sqlite/outbox-table.ts';
import { Bus, type BusError, defineTopic, type Outbox, serdes } from '../../../src/index.ts';

let bus: Bus;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-outbox-'));
  bus = await Bus.open({ memoryBytesMax: 32 * 1024 * 1024, hosts: 1, logLevel: 'silent' });
});
afterAll(async () => {
  await bus.close();
  rmSync(folder, { recursive: true, force: true });
});

/** No power is lost here. */
function open(name: string) {
  const db = new Database(join(folder, name));
  db.pragma('synchronous = OFF');
  return db;
}

/** All values of a topic, per partition. */
async function read(topic: string): Promise<unknown[][]> {
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign(topic);
  const values: unknown[][] = consumer.assignment().map(() => []);
  const ends = await bus.admin().listOffsets(topic, 'latest');
  while (ends.some(({ partition, offset }) => consumer.position(topic, partition) < offset)) {
    for (const { partition, value } of await consumer.poll({ timeoutMs: 5000 })) values[partition].push(value);
  }
  await consumer.close();
  return values;
}

test('what commits is produced once and in order, what rolls back never was', async () => {
  const topic = defineTopic('orders', {
    key: serdes.string,
    value: serdes.json<{ id: number }>(),
    headers: { trace: serdes.string },
    partitions: 3,
  });
  await bus.admin().createTopics([topic]);
  const db = open('orders');
  const outbox = bus.outbox(db);
  const order = db.transaction((from: number, fail: boolean) => {
    for (let id = from; id < from + 10; id++)
      outbox.add(topic, { key: `k${id % 5}`, value: { id }, headers: { trace: `t${id}` }, timestamp: 1000 + id });
    if (fail) throw new Error('no');
  });
  for (let i = 0; i < 10; i++) {
    if (i % 3 === 1) expect(() => order(i * 10, true)).toThrow('no');
    else order(i * 10, false);
  }
  await outbox.flush();
  expect(outbox.waiting).toBe(0);
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign(topic);
  const last = new Map<string | null, number>();
  const ids: number[] = [];
  while (ids.length < 70) {
    for (const { key, value, headers, timestamp } of await consumer.poll({ timeoutMs: 5000 })) {
      const id = value?.id as number;
      expect([headers.trace, timestamp, (last.get(key) ?? -1) < id]).toEqual([`t${id}`, 1000 + id, true]);
      last.set(key, id);
      ids.push(id);
    }
  }
  expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i).filter((i) => Math.floor(i / 10) % 3 !== 1));
  await consumer.close();
  await outbox.close();
  db.close();
});

test('rows of an earlier life go first; bytes, nulls and duplicate headers cross as they are', async () => {
  await bus.admin().createTopics([{ name: 'bytes', partitions: 2 }]);
  const db = open('bytes');
  const before = new OutboxTable(db, 'box');
  const headers = [
    { key: 'h', value: Buffer.from([0xff]) },
    { key: 'h', value: null },
  ];
  before.add({ topic: 'bytes', key: Buffer.from([0x80]), value: null, headers, timestampMs: 5, wanted: 1 });
  const outbox = bus.outbox(db, { table: 'box', value: serdes.raw });
  outbox.add('bytes', { value: Buffer.from([1, 2]), partition: 1 });
  await outbox.flush();
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign([{ topic: 'bytes', partition: 1 }]);
  const records = [];
  while (records.length < 2) records.push(...(await consumer.poll({ timeoutMs: 5000 })));
  expect(records.map(({ rawKey, rawValue, rawHeaders }) => [rawKey, rawValue, rawHeaders])).toEqual([
    [Buffer.from([0x80]), null, headers],
    [null, Buffer.from([1, 2]), []],
  ]);
  await consumer.close();
  await outbox.close();
  db.close();
});

test('a crash after any statement: everything is there, once, in order', async () => {
  await bus.admin().createTopics([{ name: 'crash', partitions: 2 }]);
  const wanted: number[][] = [[], []];
  let next = 0;
  // Each life dies at another statement: what it says to the database after that fails, and its answers are not heard.
  for (let life = 0; life < 60; life++) {
    const db = open('crash');
    let left = life < 59 ? 6 + (life % 30) : Number.POSITIVE_INFINITY;
    const dying = new Proxy(db, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (name !== 'prepare' && name !== 'exec') return value;
        return (sql: string) => {
          const count = (): void => {
            if (--left < 0) throw new Error('crashed');
          };
          if (name === 'exec') {
            if (sql !== 'ROLLBACK') count();
            return target.exec(sql);
          }
          const statement = target.prepare(sql);
          const counted =
            (method: 'run' | 'get' | 'all') =>
            (...parameters: unknown[]) => {
              count();
              return statement[method](...parameters);
            };
          return { run: counted('run'), get: counted('get'), all: counted('all') };
        };
      },
    });
    const table = new OutboxTable(db, 'box');
    for (let i = 0; i < 3; i++, next++) {
      const wantedAt = next % 2;
      table.add({
        topic: 'crash',
        key: null,
        value: Buffer.from(serdes.msgpack().serialize(next) as Uint8Array),
        headers: [],
        timestampMs: 1,
        wanted: wantedAt,
      });
      wanted[wantedAt].push(next);
    }
    let outbox: Outbox;
    try {
      outbox = bus.outbox(dying as never, { table: 'box', batchRows: 2, retryBackoffMs: 1 });
    } catch {
      db.close();
      continue;
    }
    if (life < 59) await new Promise((resolve) => setTimeout(resolve, 4));
    else await outbox.flush();
    left = 0;
    await outbox.close({ deadlineMs: 20 });
    db.close();
  }
  expect(await read('crash')).toEqual(wanted);
});

test('a batch that is in the log already is recognised though the partition has forgotten its producer', async () => {
  await bus.admin().createTopics([{ name: 'forgotten', partitions: 1 }]);
  const db = open('forgotten');
  const outbox = bus.outbox(db, { table: 'box' });
  outbox.add('forgotten', { value: 'once' });
  await outbox.flush();
  await outbox.close();
  // The crash came before the rows were deleted: they are on their way, as the same producer that the log names.
  const lane = db.prepare('SELECT producer_id, producer_epoch FROM box_lanes').get() as { producer_id: number; producer_epoch: number };
  const table = new OutboxTable(db, 'box');
  const id = table.add({
    topic: 'forgotten',
    key: null,
    value: Buffer.from(serdes.msgpack().serialize('once') as Uint8Array),
    headers: [],
    timestampMs: 1,
    wanted: 0,
  });
  db.exec(`UPDATE box SET partition = 0; UPDATE box_lanes SET last_id = ${id}, rows = 1, sequence = 0, from_offset = 0`);
  // Ten batches of a stranger's and one of ours make the partition forget the first of ours.
  expect(lane.producer_id).toBeGreaterThanOrEqual(0);
  const second = bus.outbox(db, { table: 'box' });
  await second.flush();
  expect(await read('forgotten')).toEqual([['once']]);
  // The same where the log does not hold it: it is sent.
  const other = table.add({
    topic: 'forgotten',
    key: null,
    value: Buffer.from(serdes.msgpack().serialize('twice') as Uint8Array),
    headers: [],
    timestampMs: 1,
    wanted: 0,
  });
  db.exec(`UPDATE box SET partition = 0; UPDATE box_lanes SET last_id = ${other}, rows = 1, sequence = 1, from_offset = 1`);
  await second.flush();
  expect(await read('forgotten')).toEqual([['once', 'twice']]);
  await second.close();
  db.close();
});

test('a log that no longer reaches back is told in words, and nothing is sent twice', async () => {
  await bus.admin().createTopics([{ name: 'trimmed', partitions: 1 }]);
  const db = open('trimmed');
  const first = bus.outbox(db, { table: 'box' });
  first.add('trimmed', { value: 1 });
  await first.flush();
  await first.close();
  const table = new OutboxTable(db, 'box');
  const id = table.add({ topic: 'trimmed', key: null, value: Buffer.from([1]), headers: [], timestampMs: 1, wanted: 0 });
  db.exec(`UPDATE box SET partition = 0; UPDATE box_lanes SET last_id = ${id}, rows = 1, sequence = 0, from_offset = 0`);
  await bus.producer().send('trimmed', { value: 2 });
  await bus.admin().deleteRecords('trimmed', { 0: 1 });
  const told: BusError[] = [];
  const outbox = bus.outbox(db, { table: 'box', onError: (error) => void told.push(error), retryBackoffMs: 1 });
  await expect(outbox.flush()).rejects.toMatchObject({
    code: 'OFFSET_OUT_OF_RANGE',
    message: expect.stringContaining('may be in trimmed-0 already'),
  });
  expect(told.length).toBeGreaterThan(0);
  db.exec('DELETE FROM box');
  await expect.poll(() => outbox.waiting).toBe(0);
  await outbox.close();
  expect(await read('trimmed')).toEqual([[2]]);
  db.close();
});

test('two outboxes take turns at one table: neither takes up sequences that it had used before', async () => {
  await bus.admin().createTopics([{ name: 'turns', partitions: 1 }]);
  const connections = [open('turns'), open('turns')];
  for (let turn = 0; turn < 4; turn++) {
    const outbox = bus.outbox(connections[turn % 2], { table: 'box' });
    outbox.add('turns', { value: turn });
    await outbox.flush();
    await outbox.close();
  }
  // A lane that was lost begins as a producer of its own too.
  connections[0].exec('DELETE FROM box_lanes');
  const outbox = bus.outbox(connections[0], { table: 'box' });
  outbox.add('turns', { value: 4 });
  await outbox.flush();
  await outbox.close();
  expect(await read('turns')).toEqual([[0, 1, 2, 3, 4]]);
  for (const db of connections) db.close();
});

test('a partition that wants another sequence gets the rows from a new producer, once', async () => {
  await bus.admin().createTopics([{ name: 'gap', partitions: 1 }]);
  const db = open('gap');
  const outbox = bus.outbox(db, { table: 'box' });
  outbox.add('gap', { value: 1 });
  await outbox.flush();
  // As after a power loss that took acknowledged records along: the database is ahead of the log.
  db.exec('UPDATE box_lanes SET sequence = 40');
  outbox.add('gap', { value: 2 });
  outbox.add('gap', { value: 3 });
  await outbox.flush();
  expect(await read('gap')).toEqual([[1, 2, 3]]);
  await outbox.close();
  db.close();
});

test('a transaction that stays open across turns is not looked into, and not committed', async () => {
  const db = open('held');
  const outbox = bus.outbox(db, { table: 'box', pollMs: 1 });
  db.exec('BEGIN');
  outbox.add('held', { value: 1 });
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(db.inTransaction).toBe(true);
  db.exec('ROLLBACK');
  outbox.add('held', { value: 2 });
  await outbox.flush();
  expect(await read('held')).toEqual([[2]]);
  await outbox.close();
  db.close();
});

test('a topic that does not exist is made; one that may not be is told, and others go on', async () => {
  const db = open('topics');
  const told: BusError[] = [];
  const outbox = bus.outbox(db, { table: 'box', onError: (error) => void told.push(error), pollMs: 5 });
  outbox.add('no such name', { value: 1 });
  outbox.add('made-by-outbox', { value: 2 });
  await expect.poll(() => outbox.waiting).toBe(1);
  expect(await read('made-by-outbox')).toEqual([[2]]);
  expect(told[0]).toMatchObject({ code: 'INVALID_TOPIC_EXCEPTION' });
  await outbox.close();
  db.close();
});

test.each([
  [{ table: '1x' }, 'table is a name of 1 to 63 letters'],
  [{ table: 'a;drop' }, 'table is a name'],
  [{ table: 'x'.repeat(64) }, 'table is a name'],
  [{ batchRows: 0 }, 'batchRows is a whole number from 1 to 100000'],
  [{ batchRows: 100_001 }, 'batchRows is a whole number from 1 to 100000'],
  [{ pollMs: 0 }, 'pollMs'],
  [{ tabel: 'x' } as never, 'has no option "tabel"'],
])('refuses %j', (options, message) => {
  const db = new Database(':memory:');
  expect(() => bus.outbox(db, options)).toThrow(message);
  db.close();
});

test('what cannot be sent is refused when it is added', async () => {
  const db = new Database(':memory:');
  const outbox = bus.outbox(db, { table: 'x'.repeat(63) });
  expect(() => outbox.add('t', { value: Buffer.alloc(1024 * 1024) })).toThrow('beyond maxRequestSize=1048576');
  expect(() => outbox.add('t', { value: 1, partition: -1 })).toThrow('partition is a whole number');
  expect(() => outbox.add(3 as never, { value: 1 })).toThrow('topics and { topic, partition }');
  await outbox.close();
  expect(() => outbox.add('t', { value: 1 })).toThrow('the outbox is closed');
  expect(() => bus.outbox(null as never)).toThrow('takes an open database');
  db.close();
});
