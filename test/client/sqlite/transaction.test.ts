/** Records into the user's SQLite, exactly once: two databases, two owners, crashes between any two steps. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bus, type ConsumedRecord, serdes } from '../../../src/index.ts';

let bus: Bus;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-transaction-'));
  bus = await Bus.open({ memoryBytesMax: 32 * 1024 * 1024, hosts: 1, logLevel: 'silent' });
});
afterAll(async () => {
  await bus.close();
  rmSync(folder, { recursive: true, force: true });
});

type Row = ConsumedRecord<unknown, number, unknown>;

async function fill(topic: string, partitions: number, count: number): Promise<void> {
  await bus.admin().createTopics([{ name: topic, partitions }]);
  const producer = bus.producer({ value: serdes.json<number>() });
  for (let i = 0; i < count; i++) await producer.send(topic, { value: i, partition: i % partitions });
  await producer.close();
}

const reading = { autoOffsetReset: 'earliest', value: serdes.json<number>() } as const;

function open(name: string) {
  const db = new Database(join(folder, name));
  db.pragma('journal_mode = WAL');
  // No power is lost here.
  db.pragma('synchronous = OFF');
  db.exec('CREATE TABLE IF NOT EXISTS rows (partition INTEGER, offset INTEGER, value INTEGER)');
  const insert = db.prepare('INSERT INTO rows VALUES (?, ?, ?)');
  const write = (records: readonly Row[]): void => {
    for (const { partition, offset, value } of records) insert.run(partition, offset, value);
  };
  const values = (): number[] => db.prepare('SELECT value FROM rows ORDER BY value').pluck().all() as number[];
  return { db, write, values };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test('rows and offsets move together, and the next consumer resumes from the database, not from the coordinator', async () => {
  await fill('sums', 2, 20);
  const { db, write, values } = open('sums');
  const first = bus.consumer({ ...reading, groupId: 'sums', topics: ['sums'] });
  const run = first.transaction(db, write);
  await expect.poll(values).toEqual(upTo(20));
  await first.close();
  expect(await run).toMatchObject({ records: 20, retried: 0, fenced: 0 });
  const stored = db.prepare('SELECT partition, next_offset FROM spillway_offsets WHERE group_id = ? ORDER BY partition');
  expect(stored.raw().all('sums')).toEqual([
    [0, 10],
    [1, 10],
  ]);
  // The database goes back to an earlier state, as after a power loss with synchronous = NORMAL; the coordinator knows of later offsets.
  db.exec('DELETE FROM rows WHERE partition = 1 AND offset >= 4');
  db.exec('UPDATE spillway_offsets SET next_offset = 4 WHERE partition = 1');
  const second = bus.consumer({ ...reading, groupId: 'sums', topics: ['sums'] });
  const again = second.transaction(db, write);
  await expect.poll(values).toEqual(upTo(20));
  await second.close();
  expect(await again).toMatchObject({ records: 6 });
  db.close();
});

test('a handler that throws leaves nothing behind, and is tried again', async () => {
  await fill('throwing', 1, 10);
  const { db, write, values } = open('throwing');
  const consumer = await bus.consumer(reading).assign('throwing');
  const attempts: number[] = [];
  const run = consumer.transaction(
    db,
    (records, { attempt }) => {
      attempts.push(attempt);
      write(records);
      if (attempt < 3) throw new Error('not yet');
    },
    { id: 'throwing', backoffMs: 1 },
  );
  await expect.poll(values).toEqual(upTo(10));
  await consumer.close();
  expect([attempts.slice(0, 3), (await run).retried]).toEqual([[1, 2, 3], 2]);
  db.close();
});

test('a handler that fails for good ends the run; the position stays, in the database and here', async () => {
  await fill('fatal', 1, 10);
  const { db, values } = open('fatal');
  const consumer = await bus.consumer(reading).assign('fatal');
  const cause = new Error('constraint');
  const handler = (): never => {
    throw cause;
  };
  const failure = { code: 'USER_CODE_FAILED', cause, message: expect.stringMatching(/fatal-0 from 0 to \d+, tried 2 times, failed/) };
  await expect(consumer.transaction(db, handler, { id: 'fatal', attempts: 2, backoffMs: 0 })).rejects.toMatchObject(failure);
  expect([values(), consumer.position('fatal', 0), db.inTransaction]).toEqual([[], 0, false]);
  await consumer.close();
  db.close();
});

test('promises are refused: async functions before anything is read, others when they come', async () => {
  await fill('async', 1, 3);
  const { db, values } = open('async');
  const consumer = await bus.consumer(reading).assign('async');
  const refused = { code: 'INVALID_ARGUMENT', message: expect.stringContaining('is synchronous, not async') };
  await expect(consumer.transaction(db, async () => {}, { id: 'x' })).rejects.toMatchObject(refused);
  const late = (records: readonly Row[]): Promise<void> => {
    db.prepare('INSERT INTO rows VALUES (0, 0, ?)').run(records.length);
    return Promise.reject(new Error('unheard'));
  };
  await expect(consumer.transaction(db, late, { id: 'x' })).rejects.toMatchObject(refused);
  expect(values()).toEqual([]);
  await expect(consumer.transaction(db, () => {})).rejects.toThrow('needs a name for its offsets');
  await expect(consumer.transaction({} as never, () => {}, { id: 'x' })).rejects.toThrow('takes an open database');
  await expect(consumer.transaction(db, 3 as never, { id: 'x' })).rejects.toThrow('(db, records => …), not 3');
  await consumer.close();
  db.close();
});

test('two owners at once: whoever comes second finds other offsets, rolls back and resumes; no row twice', async () => {
  await fill('contended', 2, 300);
  const { db, write, values } = open('contended');
  const other = open('contended');
  const options = { id: 'g', recordsMax: 7, attempts: 1000, backoffMs: 1, backoffMsMax: 1 };
  const consumers = [await bus.consumer(reading).assign('contended'), await bus.consumer(reading).assign('contended')];
  // Nobody writes before both have looked up where they are.
  const met = new Set<number>();
  const meeting = (name: number, then: (records: readonly Row[]) => void) => (records: readonly Row[]) => {
    met.add(name);
    if (met.size < 2) throw new Error('alone');
    then(records);
  };
  const runs = [
    consumers[0].transaction(db, meeting(0, write), options),
    consumers[1].transaction(other.db, meeting(1, other.write), options),
  ];
  await expect.poll(() => values().length).toBe(300);
  for (const consumer of consumers) await consumer.close();
  const reports = await Promise.all(runs);
  expect(values()).toEqual(upTo(300));
  expect(reports[0].records + reports[1].records).toBe(300);
  expect(reports[0].fenced + reports[1].fenced).toBeGreaterThan(0);
  db.close();
  other.db.close();
});

test('batches larger than a transaction are cut at records; node:sqlite will do as well', async () => {
  await bus.admin().createTopics([{ name: 'large', partitions: 1 }]);
  await bus.producer({ value: serdes.json<number>() }).send(
    'large',
    upTo(100).map((value) => ({ value })),
  );
  const db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE rows (value INTEGER)');
  const insert = db.prepare('INSERT INTO rows VALUES (?)');
  const consumer = await bus.consumer(reading).assign('large');
  const sizes: number[] = [];
  const handler = (records: readonly Row[]): void => {
    sizes.push(records.length);
    for (const { value } of records) insert.run(value);
  };
  const run = consumer.transaction(db, handler, { id: 'large', recordsMax: 30 });
  await expect.poll(() => sizes).toEqual([30, 30, 30, 10]);
  await consumer.close();
  await run;
  expect(db.prepare('SELECT count(*) AS n, sum(value) AS sum FROM rows').get()).toEqual({ n: 100, sum: 4950 });
  db.close();
});

test('a log that ends before what the database holds is told, not written again', async () => {
  await fill('short', 1, 5);
  const { db, write, values } = open('short');
  const { topicId } = (await bus.admin().describeTopics(['short']))[0];
  const consumer = await bus.consumer(reading).assign('short');
  const first = new AbortController();
  const run = consumer.transaction(db, write, { id: 's', signal: first.signal });
  await expect.poll(values).toEqual(upTo(5));
  first.abort();
  await run;
  expect(topicId).toMatch(/^[0-9a-f]{32}$/);
  db.exec('UPDATE spillway_offsets SET next_offset = 900');
  await consumer.seek('short', 'beginning');
  await expect(consumer.transaction(db, write, { id: 's' })).rejects.toMatchObject({
    code: 'OFFSET_OUT_OF_RANGE',
    message: expect.stringContaining('the log has lost what the database holds'),
  });
  expect(values()).toEqual(upTo(5));
  await consumer.close();
  db.close();
});

test('a topic that was made anew begins at its beginning', async () => {
  await fill('anew', 1, 5);
  const { db, write, values } = open('anew');
  const once = async (count: number): Promise<void> => {
    const consumer = await bus.consumer(reading).assign('anew');
    const run = consumer.transaction(db, write, { id: 'anew' });
    await expect.poll(() => values().length).toBe(count);
    await consumer.close();
    await run;
  };
  await once(5);
  await bus.admin().deleteTopics(['anew']);
  await fill('anew', 1, 3);
  await once(8);
  expect(values()).toEqual([0, 0, 1, 1, 2, 2, 3, 4]);
  db.close();
});
