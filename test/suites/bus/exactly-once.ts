/** Into a database of the user's and out of it, each record once: transactions and outboxes, whatever the bus is. */
import Database from 'better-sqlite3';
import { expect } from 'vitest';
import { serdes } from '../../../src/index.ts';
import type { Cases } from '../bus.ts';
import { range, take } from './read.ts';

const patient = { timeout: 20_000, interval: 10 };
const numbers = { key: serdes.string, value: serdes.json<number>() };
const reading = { ...numbers, autoOffsetReset: 'earliest', heartbeatIntervalMs: 100, sessionTimeoutMs: 10_000 } as const;

export const exactlyOnceCases: Cases = {
  'rows and offsets are in one transaction, and who resumes does so where the database stands': async (bench) => {
    const topic = await bench.topic(2);
    const groupId = bench.name();
    const db = new Database(':memory:');
    db.exec('CREATE TABLE sums (value INTEGER)');
    const insert = db.prepare('INSERT INTO sums VALUES (?)');
    const values = (): number[] => db.prepare('SELECT value FROM sums ORDER BY value').pluck().all() as number[];
    await using producer = bench.bus.producer(numbers);
    const send = (from: number, to: number) =>
      producer.send(
        topic,
        range(from, to).map((value) => ({ value, partition: value % 2 })),
      );
    const read = (failing: number) => {
      const consumer = bench.bus.consumer({ ...reading, groupId, topics: topic });
      const run = consumer.transaction(
        db,
        (records) => {
          for (const { value } of records) insert.run(value);
          // Only the rows of the attempt that commits stay.
          if (failing-- > 0) throw new Error('not yet');
        },
        { backoffMs: 1 },
      );
      return { consumer, run };
    };
    await send(0, 10);
    const first = read(2);
    await expect.poll(values, patient).toEqual(range(0, 10));
    await first.consumer.close();
    expect(await first.run).toMatchObject({ records: 10, retried: 2, fenced: 0 });
    // What the group has committed is not what counts.
    await bench.bus.admin().resetOffsets(groupId, { to: 'earliest' });
    await send(10, 20);
    const second = read(0);
    await expect.poll(values, patient).toEqual(range(0, 20));
    await second.consumer.close();
    expect(await second.run).toMatchObject({ records: 10 });
    db.close();
  },

  'what commits in a database is produced once and in order, and what rolls back never was': async (bench) => {
    const topic = await bench.topic();
    const db = new Database(':memory:');
    const outbox = bench.bus.outbox(db, numbers);
    const write = db.transaction((from: number, fail: boolean) => {
      for (const value of range(from, from + 10)) outbox.add(topic, { key: 'k', value });
      if (fail) throw new Error('no');
    });
    write(0, false);
    expect(() => write(10, true)).toThrow('no');
    write(20, false);
    await outbox.flush();
    expect(outbox.waiting).toBe(0);
    await using consumer = await bench.bus.consumer({ ...numbers, autoOffsetReset: 'earliest' }).assign(topic);
    expect((await take(consumer, 20)).map(({ value }) => value)).toEqual([...range(0, 10), ...range(20, 30)]);
    await outbox.close();
    // Another one over the same table has nothing to send again.
    const again = bench.bus.outbox(db, numbers);
    await again.flush();
    expect((await bench.bus.admin().listOffsets(topic, 'latest'))[0].offset).toBe(20);
    await again.close();
    db.close();
  },
};
