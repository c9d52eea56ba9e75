/**
 * The user's own SQLite database as this house sees it: what better-sqlite3 and node:sqlite have in common. It is his connection, so all
 * that happens here is part of his transactions and seen by them.
 */
import { BusError } from '../../base/errors.ts';
import { shown } from '../check.ts';

export type SqliteValue = string | number | bigint | Uint8Array | null;

export interface SqliteStatement {
  run(...parameters: SqliteValue[]): { changes: number | bigint };
  get(...parameters: SqliteValue[]): unknown;
  all(...parameters: SqliteValue[]): unknown[];
}

/** A connection of better-sqlite3 or node:sqlite. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
}

/** Throws BusError INVALID_ARGUMENT for what is no connection. */
export function checkDatabase(what: string, db: unknown): void {
  const { exec, prepare } = (typeof db === 'object' && db !== null ? db : {}) as Partial<SqliteDatabase>;
  if (typeof exec === 'function' && typeof prepare === 'function') return;
  throw new BusError('INVALID_ARGUMENT', `${what} takes an open database of better-sqlite3 or node:sqlite, not ${shown(db)}`);
}

/** Whether the connection is within a transaction; undefined: it does not say. */
export function inTransaction(db: SqliteDatabase): boolean | undefined {
  const { inTransaction: ofBetterSqlite, isTransaction: ofNode } = db as { inTransaction?: unknown; isTransaction?: unknown };
  if (typeof ofBetterSqlite === 'boolean') return ofBetterSqlite;
  return typeof ofNode === 'boolean' ? ofNode : undefined;
}

/**
 * Runs `work` within a transaction that holds the write lock from its start, so that what it reads stays true until it commits. What it throws
 * is thrown when all was rolled back.
 */
export function transact<T>(db: SqliteDatabase, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    try {
      // SQLite has rolled back by itself after some errors; then there is nothing to do.
      if (inTransaction(db) !== false) db.exec('ROLLBACK');
    } catch {
      // What went wrong first is what there is to tell.
    }
    throw error;
  }
}
