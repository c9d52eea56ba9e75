/**
 * Facts in SQLite; better-sqlite3 is imported here alone, and this file only by those who have a data folder. The database is also
 * the lock of the folder: it is opened in exclusive locking mode, so a second owner is refused, and the kernel frees the lock of an
 * owner that died. (While it is open nothing else in this process may open and close its file: that would drop the lock.)
 *
 *   meta           schema_version, bus_id, hosts, epoch, producer_ids_up_to
 *   topics         place (order of creation), topic_id, name, created_ms, deleting
 *   partitions     topic_id, partition, slot, leader_epoch
 *   topic_configs  topic_id, key, value
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { unreachable } from '../base/assert.ts';
import { BusError } from '../base/errors.ts';
import { type Disk, DiskError, readWhole, writeAll } from '../world/disk.ts';
import type { Configs } from './config-values.ts';
import type { Fact, Store } from './facts.ts';
import { databaseName, ownerName } from './folder.ts';

export const SCHEMA_VERSION = 1;

const schema = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE topics (
    place INTEGER PRIMARY KEY, topic_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, created_ms INTEGER NOT NULL, deleting INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE partitions (
    topic_id TEXT NOT NULL, partition INTEGER NOT NULL, slot INTEGER NOT NULL, leader_epoch INTEGER NOT NULL,
    PRIMARY KEY (topic_id, partition)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE topic_configs (
    topic_id TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (topic_id, key)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO meta VALUES ('schema_version', ${SCHEMA_VERSION});
`;

/**
 * Opens, or makes, the database of a data folder and so takes the folder.
 *
 * @throws BusError FOLDER_LOCKED (another owner; its pid is in the message and in `details.pid`), FOLDER_INVALID (no database of
 * ours, a newer one, or not accessible), DISK_FULL.
 */
export function openStore(options: { folder: string; disk: Disk; pid: number }): Store {
  const { folder, disk, pid } = options;
  disk.makeFolder(folder);
  const path = join(folder, databaseName);
  let damaged: string | null = null;
  let database: Database.Database;
  try {
    database = openDatabase(path);
  } catch (error) {
    if (!isDamage(error)) throw refusalOf(error, folder, disk);
    damaged = moveAside(disk, folder);
    try {
      database = openDatabase(path);
    } catch (second) {
      throw refusalOf(second, folder, disk);
    }
  }
  writeOwner(disk, join(folder, ownerName), pid);
  return new SqliteStore(database, { damaged, forgetOwner: () => onDisk(() => disk.remove(join(folder, ownerName))) });
}

function openDatabase(path: string): Database.Database {
  const database = new Database(path, { timeout: 0 });
  try {
    database.pragma('locking_mode = EXCLUSIVE');
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    // The lock is taken by the first transaction that writes, and kept from then on.
    database.exec('BEGIN IMMEDIATE; COMMIT');
    checkSchema(database);
    const verdict = database.pragma('quick_check(1)', { simple: true });
    if (verdict !== 'ok') throw new DamagedDatabase(String(verdict));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

class DamagedDatabase extends Error {}

function checkSchema(database: Database.Database): void {
  const tables = database.prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  if (tables.length === 0) {
    database.transaction(() => database.exec(schema))();
    return;
  }
  if (!tables.some(({ name }) => name === 'meta')) throw new BusError('FOLDER_INVALID', `${database.name} is a database of something else`);
  const version = database.prepare("SELECT value FROM meta WHERE key = 'schema_version'").pluck().get();
  if (version === SCHEMA_VERSION) return;
  throw new BusError(
    'FOLDER_INVALID',
    `${database.name} has schema version ${version}, this Spillway knows up to ${SCHEMA_VERSION}: open the folder with the newer Spillway that wrote it`,
    { details: { schemaVersion: version } },
  );
}

function codeOf(error: unknown): string {
  return error instanceof Database.SqliteError ? error.code : '';
}

function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return error instanceof DamagedDatabase || code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT');
}

function refusalOf(error: unknown, folder: string, disk: Disk): BusError {
  if (error instanceof BusError) return error;
  const code = codeOf(error);
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    const pid = Number(readWhole(disk, join(folder, ownerName))?.toString('latin1') ?? '0');
    const owner = Number.isInteger(pid) && pid > 0 ? `process ${pid}` : 'another process';
    return new BusError('FOLDER_LOCKED', `the data folder ${folder} is in use by ${owner}: close that one first, or use another folder`, {
      cause: error,
      details: { folder, pid },
    });
  }
  if (code === 'SQLITE_FULL') return new BusError('DISK_FULL', `there is no space left for the database of ${folder}`, { cause: error });
  return new BusError('FOLDER_INVALID', `the database of ${folder} cannot be opened: ${error}`, { cause: error, details: { folder } });
}

/** Keeps a damaged database, with its write-ahead log, for whoever wants to look into it. */
function moveAside(disk: Disk, folder: string): string {
  const names = disk.list(folder);
  let number = 1;
  while (names.includes(`${databaseName}.damaged-${number}`)) number++;
  const aside = join(folder, `${databaseName}.damaged-${number}`);
  for (const suffix of ['', '-wal', '-shm']) {
    if (names.includes(`${databaseName}${suffix}`)) disk.rename(join(folder, `${databaseName}${suffix}`), `${aside}${suffix}`);
  }
  disk.syncFolder(folder);
  return aside;
}

/** Not synced: after a power loss nobody owns the folder. */
function writeOwner(disk: Disk, path: string, pid: number): void {
  onDisk(() => {
    const file = disk.open(path, 'create');
    try {
      file.truncate(0);
      writeAll(file, [Buffer.from(`${pid}\n`)], 0);
    } finally {
      file.close();
    }
  });
}

/** The owner's pid is a courtesy: a full or failing disk must not keep a bus from being opened or closed for want of it. */
function onDisk(call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

interface TopicRow {
  topic_id: string;
  name: string;
  created_ms: number;
  deleting: number;
}

class SqliteStore implements Store {
  readonly damaged: string | null;
  readonly #database: Database.Database;
  readonly #forgetOwner: () => void;
  readonly #write: (facts: readonly Fact[]) => void;
  readonly #statements;

  constructor(database: Database.Database, options: { damaged: string | null; forgetOwner: () => void }) {
    this.#database = database;
    this.damaged = options.damaged;
    this.#forgetOwner = options.forgetOwner;
    this.#statements = prepare(database);
    this.#write = database.transaction((facts: readonly Fact[]) => {
      let epoch = 0;
      for (const fact of facts) {
        this.#writeFact(fact);
        if ('epoch' in fact) epoch = Math.max(epoch, fact.epoch);
      }
      if (epoch > 0) this.#statements.raiseMeta.run('epoch', epoch);
    });
  }

  load(): Fact[] {
    const meta = new Map(this.#statements.allMeta.all().map(({ key, value }) => [key, value]));
    const busId = meta.get('bus_id');
    if (busId === undefined) return [];
    const facts: Fact[] = [{ fact: 'busMade', busId: String(busId), hosts: Number(meta.get('hosts')) }];
    const upTo = Number(meta.get('producer_ids_up_to') ?? 0);
    if (upTo > 0) facts.push({ fact: 'producerIdsReserved', from: upTo, upTo });
    const slots = group(this.#statements.allPartitions.all());
    const configs = group(this.#statements.allConfigs.all());
    for (const topic of this.#statements.allTopics.all()) {
      const topicId = topic.topic_id;
      facts.push({
        fact: 'topicCreated',
        epoch: 0,
        name: topic.name,
        topicId,
        slots: (slots.get(topicId) ?? []).map(({ slot }) => slot),
        configs: Object.fromEntries((configs.get(topicId) ?? []).map(({ key, value }) => [key, value])),
        createdMs: topic.created_ms,
      });
      if (topic.deleting !== 0) facts.push({ fact: 'topicDeleting', epoch: 0, topicId });
    }
    facts.push({ fact: 'epochReached', epoch: Number(meta.get('epoch') ?? 0) });
    return facts;
  }

  commit(facts: readonly Fact[]): void {
    // An id that is given needs no write: its block is reserved.
    if (facts.every(({ fact }) => fact === 'producerIdGiven')) return;
    try {
      this.#write(facts);
    } catch (error) {
      if (codeOf(error) === '') throw error;
      if (codeOf(error) === 'SQLITE_FULL') {
        throw new BusError('DISK_FULL', `there is no space left for ${this.#database.name}: free some`, { cause: error });
      }
      throw new BusError('KAFKA_STORAGE_ERROR', `${this.#database.name} cannot be written: ${error}`, { cause: error });
    }
  }

  checkpoint(): void {
    this.#database.pragma('wal_checkpoint(TRUNCATE)');
  }

  close(): void {
    if (!this.#database.open) return;
    try {
      // While the lock is still held: the next owner writes its own.
      this.#forgetOwner();
    } finally {
      this.#database.close();
    }
  }

  #writeFact(fact: Fact): void {
    const statements = this.#statements;
    switch (fact.fact) {
      case 'busMade':
        statements.setMeta.run('bus_id', fact.busId);
        statements.setMeta.run('hosts', fact.hosts);
        return;
      case 'topicCreated':
        statements.addTopic.run(fact.topicId, fact.name, fact.createdMs);
        this.#addPartitions(fact.topicId, 0, fact.slots);
        this.#setConfigs(fact.topicId, fact.configs);
        return;
      case 'partitionsAdded':
        this.#addPartitions(fact.topicId, statements.countPartitions.get(fact.topicId) ?? 0, fact.slots);
        return;
      case 'configsChanged':
        this.#setConfigs(fact.topicId, fact.configs);
        return;
      case 'slotsMoved':
        statements.dropPartitions.run(fact.topicId);
        this.#addPartitions(fact.topicId, 0, fact.slots);
        return;
      case 'topicDeleting':
        statements.markDeleting.run(fact.topicId);
        return;
      case 'topicDeleted':
        statements.dropPartitions.run(fact.topicId);
        statements.dropConfigs.run(fact.topicId);
        statements.dropTopic.run(fact.topicId);
        return;
      case 'producerIdsReserved':
        statements.raiseMeta.run('producer_ids_up_to', fact.upTo);
        return;
      case 'epochReached':
      case 'producerIdGiven':
        return;
      default:
        unreachable(fact);
    }
  }

  #addPartitions(topicId: string, first: number, slots: readonly number[]): void {
    for (let i = 0; i < slots.length; i++) this.#statements.addPartition.run(topicId, first + i, slots[i]);
  }

  #setConfigs(topicId: string, configs: Configs): void {
    this.#statements.dropConfigs.run(topicId);
    for (const [key, value] of Object.entries(configs)) this.#statements.addConfig.run(topicId, key, value);
  }
}

function prepare(database: Database.Database) {
  return {
    allMeta: database.prepare<[], { key: string; value: string | number }>('SELECT key, value FROM meta'),
    allTopics: database.prepare<[], TopicRow>('SELECT topic_id, name, created_ms, deleting FROM topics ORDER BY place'),
    allPartitions: database.prepare<[], { topic_id: string; slot: number }>(
      'SELECT topic_id, slot FROM partitions ORDER BY topic_id, partition',
    ),
    allConfigs: database.prepare<[], { topic_id: string; key: string; value: string }>(
      'SELECT topic_id, key, value FROM topic_configs ORDER BY topic_id, key',
    ),
    setMeta: database.prepare<[string, string | number]>('INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value'),
    raiseMeta: database.prepare<[string, number]>(
      'INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)',
    ),
    addTopic: database.prepare<[string, string, number]>('INSERT INTO topics (topic_id, name, created_ms, deleting) VALUES (?, ?, ?, 0)'),
    markDeleting: database.prepare<[string]>('UPDATE topics SET deleting = 1 WHERE topic_id = ?'),
    dropTopic: database.prepare<[string]>('DELETE FROM topics WHERE topic_id = ?'),
    addPartition: database.prepare<[string, number, number]>('INSERT INTO partitions VALUES (?, ?, ?, 0)'),
    countPartitions: database.prepare<[string], number>('SELECT count(*) FROM partitions WHERE topic_id = ?').pluck(),
    dropPartitions: database.prepare<[string]>('DELETE FROM partitions WHERE topic_id = ?'),
    addConfig: database.prepare<[string, string, string]>('INSERT INTO topic_configs VALUES (?, ?, ?)'),
    dropConfigs: database.prepare<[string]>('DELETE FROM topic_configs WHERE topic_id = ?'),
  };
}

function group<T extends { topic_id: string }>(rows: readonly T[]): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const row of rows) {
    const list = found.get(row.topic_id);
    if (list === undefined) found.set(row.topic_id, [row]);
    else list.push(row);
  }
  return found;
}
