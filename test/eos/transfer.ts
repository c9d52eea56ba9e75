/**
 * The transfer that is killed: amounts from topic `in` into the user's SQLite (a row each, and their sum), and from there through an outbox to
 * topic `out`. No table has a constraint that would hide a second row.
 */
import Database from 'better-sqlite3';
import { type Bus, type ConsumedRecord, serdes } from '../../src/index.ts';

export interface Amount {
  number: number;
  amount: number;
}

export const amounts = serdes.json<Amount>();
export const IN_PARTITIONS = 4;
export const OUT_PARTITIONS = 3;

export function openDatabase(path: string): Database.Database {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  // A killed process loses nothing that it wrote; a power loss would take rows and offsets along together.
  db.pragma('synchronous = NORMAL');
  db.pragma('busy_timeout = 5000');
  db.exec(`CREATE TABLE IF NOT EXISTS moved (partition INTEGER NOT NULL, offset INTEGER NOT NULL, number INTEGER NOT NULL, amount INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS account (total INTEGER NOT NULL);
    INSERT INTO account SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM account)`);
  return db;
}

/** Two members share the work, each with a connection and an outbox of its own over the same tables. */
export function startTransfer(bus: Bus, path: string, moved: (records: number) => void): { close(): Promise<void> } {
  const movers = [0, 1].map(() => {
    const db = openDatabase(path);
    const outbox = bus.outbox<string, Amount>(db, { table: 'box', value: amounts, pollMs: 5, batchRows: 50, retryBackoffMs: 5 });
    const insert = db.prepare('INSERT INTO moved VALUES (?, ?, ?, ?)');
    const add = db.prepare('UPDATE account SET total = total + ?');
    const consumer = bus.consumer({
      groupId: 'movers',
      topics: ['in'],
      value: amounts,
      autoOffsetReset: 'earliest',
      sessionTimeoutMs: 1000,
      heartbeatIntervalMs: 100,
    });
    const handler = (records: readonly ConsumedRecord<unknown, Amount, unknown>[]): void => {
      for (const { partition, offset, value } of records) {
        const { number, amount } = value as Amount;
        insert.run(partition, offset, number, amount);
        add.run(amount);
        outbox.add('out', { key: String(number % 10), value: { number, amount } });
      }
      moved(records.length);
    };
    const run = consumer.transaction(db, handler, { recordsMax: 40, attempts: 1000, backoffMs: 1, backoffMsMax: 20 });
    return { db, outbox, consumer, run };
  });
  return {
    async close() {
      for (const { consumer, run } of movers) {
        await consumer.close();
        await run;
      }
      for (const { outbox, db } of movers) {
        await outbox.flush();
        await outbox.close();
        db.close();
      }
    },
  };
}
