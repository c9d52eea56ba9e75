/**
 * Offsets in the user's own database: how far each partition's records are in it. They move in the transaction that writes his rows, each from
 * the value that its writer expects: of two that believe to own a partition, one finds another value there and rolls back.
 *
 *   spillway_offsets   group_id · topic · partition → topic_id, next_offset, updated_ms
 */
import type { SqliteDatabase, SqliteStatement } from './database.ts';

const CREATE = `CREATE TABLE IF NOT EXISTS spillway_offsets (
  group_id TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
  topic_id TEXT NOT NULL, next_offset INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
  PRIMARY KEY (group_id, topic, partition)) WITHOUT ROWID`;
const INSERT = `INSERT INTO spillway_offsets (group_id, topic, partition, topic_id, next_offset, updated_ms) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT DO NOTHING`;
const REPLACE = `UPDATE spillway_offsets SET topic_id = ?, next_offset = ?, updated_ms = ?
  WHERE group_id = ? AND topic = ? AND partition = ? AND topic_id <> ?`;
const SELECT = 'SELECT topic_id, next_offset FROM spillway_offsets WHERE group_id = ? AND topic = ? AND partition = ?';
const MOVE = `UPDATE spillway_offsets SET next_offset = ?, updated_ms = ?
  WHERE group_id = ? AND topic = ? AND partition = ? AND topic_id = ? AND next_offset = ?`;

/** A partition of a topic that may be made anew under its name. */
export interface Place {
  topic: string;
  partition: number;
  topicId: string;
}

export class StoredOffsets {
  readonly #groupId: string;
  readonly #insert: SqliteStatement;
  readonly #replace: SqliteStatement;
  readonly #select: SqliteStatement;
  readonly #move: SqliteStatement;

  constructor(db: SqliteDatabase, groupId: string) {
    this.#groupId = groupId;
    db.exec(CREATE);
    this.#insert = db.prepare(INSERT);
    this.#replace = db.prepare(REPLACE);
    this.#select = db.prepare(SELECT);
    this.#move = db.prepare(MOVE);
  }

  /**
   * Where a partition goes on. One that is new here, or whose topic was deleted and made anew, begins at `start`; null when that is below 0:
   * not known.
   */
  resume({ topic, partition, topicId }: Place, start: number, nowMs: number): number | null {
    if (start >= 0) {
      this.#insert.run(this.#groupId, topic, partition, topicId, start, nowMs);
      this.#replace.run(topicId, start, nowMs, this.#groupId, topic, partition, topicId);
    }
    const row = this.#select.get(this.#groupId, topic, partition) as { topic_id: string; next_offset: number | bigint } | undefined;
    return row === undefined || row.topic_id !== topicId ? null : Number(row.next_offset);
  }

  /** Moves on; false when the partition is not where the caller thinks, so that he must roll back. */
  move({ topic, partition, topicId }: Place, from: number, to: number, nowMs: number): boolean {
    return Number(this.#move.run(to, nowMs, this.#groupId, topic, partition, topicId, from).changes) === 1;
  }
}
