/** The only door to SQLite: opens a database file as its one owner, tells damage from refusal, and says both in our words. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { BusError } from '../../base/errors.ts';
import { type Disk, readWhole } from '../../world/disk.ts';
import { ownerName } from '../folder.ts';
import { checkSchema } from './schema.ts';

export type Sqlite = Database.Database;

/** Throws when it is another’s, damaged, newer than this house, or of something else. */
export function openDatabase(path: string): Sqlite {
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

export function codeOf(error: unknown): string {
  return error instanceof Database.SqliteError ? error.code : '';
}

export function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return error instanceof DamagedDatabase || code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT');
}

export function refusalOf(error: unknown, folder: string, disk: Disk): BusError {
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
