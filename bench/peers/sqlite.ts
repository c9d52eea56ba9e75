/**
 * A table of better-sqlite3 as a queue: WAL, rows in transactions of 10,000, readers that remember the last id. One thread writes;
 * where reading and writing overlap, another reads.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Sample } from '../harness.ts';
import { sendAtPace } from '../pace.ts';
import { DUE_AT, keyOf, makeValue, Tally, writeNumber } from '../records.ts';
import { startReader } from './reader-thread.ts';
import { latencyRates, type Peer, type PeerSetup, tellRate, type Work, wants } from './work.ts';

const ROWS_PER_TRANSACTION = 10_000;
const readerModule = new URL('./sqlite-reader.ts', import.meta.url);

export const selectNew = 'SELECT id, key, value FROM messages WHERE id > ? ORDER BY id LIMIT 10000';

export const peer: Peer = {
  skipReason: () => null,
  async run(setup) {
    const { counts } = setup;
    if (wants(setup, 'produce 100 B', 'replay 100 B')) await replayed(setup, '100 B', 100, counts.records100);
    if (wants(setup, 'both 100 B')) await both(setup, counts.records100);
    if (wants(setup, 'produce 1 KiB', 'replay 1 KiB')) await replayed(setup, '1 KiB', 1024, counts.records1k);
    if (wants(setup, 'synced, batched')) {
      await withTable(setup.folder, 'FULL', (table) =>
        tellRate(setup, 'synced, batched', counts.syncedBatched, () => fill(table, 100, counts.syncedBatched)),
      );
    }
    if (wants(setup, 'synced, one by one')) {
      const count = counts.syncedOneByOne;
      await withTable(setup.folder, 'FULL', async (table) => {
        fill(table, 100, count, 1);
        await tellRate(setup, 'synced, one by one', count, () => fill(table, 100, count, 1));
      });
    }
    for (const work of ['latency 1,000/s', 'latency 50,000/s'] as const) if (wants(setup, work)) await latency(setup, work);
    return 0;
  },
};

/** Rows a second, each made durable before the next: synchronous=FULL, one row per transaction. */
export async function insertOneByOne(folder: string, count: number): Promise<Sample> {
  let sample: Sample = { value: 0, check: '' };
  await withTable(folder, 'FULL', (table) => {
    const startMs = performance.now();
    const check = fill(table, 100, count, 1);
    sample = { value: count / ((performance.now() - startMs) / 1000), check };
  });
  return sample;
}

interface Table {
  path: string;
  database: Database.Database;
  insert: Database.Statement<[Uint8Array, Uint8Array]>;
}

async function withTable(folder: string, synchronous: 'NORMAL' | 'FULL', work: (table: Table) => void | Promise<void>): Promise<void> {
  const path = join(folder, 'queue.db');
  const database = new Database(path);
  try {
    database.pragma('journal_mode = WAL');
    database.pragma(`synchronous = ${synchronous}`);
    database.exec('DROP TABLE IF EXISTS messages');
    database.exec('CREATE TABLE messages (id INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB NOT NULL)');
    const insert = database.prepare<[Uint8Array, Uint8Array]>('INSERT INTO messages (key, value) VALUES (?, ?)');
    await work({ path, database, insert });
  } finally {
    database.close();
  }
}

/** Inserts records 0 … count − 1; the check is how many rows that made. */
function fill(
  { database, insert }: Table,
  valueBytes: number,
  count: number,
  rows = ROWS_PER_TRANSACTION,
  then: () => void = () => {},
): string {
  const value = makeValue(valueBytes);
  let changed = 0;
  const insertRange = database.transaction((from: number, to: number) => {
    for (let i = from; i < to; i++) {
      writeNumber(value, i);
      changed += insert.run(keyOf(i), value).changes;
    }
  });
  for (let i = 0; i < count; i += rows) {
    insertRange(i, Math.min(i + rows, count));
    then();
  }
  return `${changed}`;
}

async function replayed(setup: PeerSetup, size: '100 B' | '1 KiB', valueBytes: number, count: number): Promise<void> {
  await withTable(setup.folder, 'NORMAL', async (table) => {
    await tellRate(setup, `produce ${size}`, count, () => fill(table, valueBytes, count));
    await tellRate(setup, `replay ${size}`, count, () => {
      const tally = new Tally();
      const select = table.database.prepare(selectNew).raw();
      for (let last = 0; tally.count < count; ) {
        for (const [id, key, value] of select.all(last) as [number, Buffer, Buffer][]) {
          tally.take(key, value);
          last = id;
        }
      }
      return tally.check;
    });
  });
}

async function both(setup: PeerSetup, count: number): Promise<void> {
  await withTable(setup.folder, 'NORMAL', async (table) => {
    const reader = startReader(readerModule, { path: table.path, count, isTimed: false });
    await reader.ready;
    await tellRate(setup, 'both 100 B', count, async () => {
      fill(table, 100, count, ROWS_PER_TRANSACTION, reader.ring);
      return (await reader.result).check;
    });
    await reader.end();
  });
}

async function latency(setup: PeerSetup, work: Work & keyof typeof latencyRates): Promise<void> {
  const recordsPerSecond = latencyRates[work];
  const count = (recordsPerSecond * setup.counts.latencyMs) / 1000;
  await withTable(setup.folder, 'NORMAL', async (table) => {
    const reader = startReader(readerModule, { path: table.path, count, isTimed: true });
    await reader.ready;
    const value = makeValue(100);
    // What is due in one turn of the event loop goes into one transaction.
    let isOpen = false;
    const commit = () => {
      table.database.exec('COMMIT');
      isOpen = false;
      reader.ring();
    };
    await sendAtPace({ recordsPerSecond, count }, (index, dueUs) => {
      if (!isOpen) {
        table.database.exec('BEGIN IMMEDIATE');
        isOpen = true;
        queueMicrotask(commit);
      }
      writeNumber(value, index);
      value.writeDoubleLE(dueUs, DUE_AT);
      table.insert.run(keyOf(index), value);
      return true;
    });
    const { check, delays } = await reader.result;
    await reader.end();
    if (delays === null) throw new Error('the reader was told to measure delays');
    setup.tell({ work, value: delays.p50Us, p99Us: delays.p99Us, p999Us: delays.p999Us, unit: 'µs', check: check.split(':')[0] });
  });
}
