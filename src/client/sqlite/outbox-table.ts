/**
 * The outbox in the user's database, and its steps, each one transaction. Nothing here talks to a bus.
 *
 *   <table>        id · topic · key · value · headers · timestamp_ms · wanted (partition asked for) · partition (NULL: not assigned yet)
 *   <table>_lanes  topic · partition → topic_id · producer_id, producer_epoch, sequence · last_id, rows, from_offset
 *
 * A lane has at most one batch on its way: its rows up to `last_id`, of which `last_id` = 0 says that there is none. Who the batch is to the
 * partition (producer id, epoch, sequence) is written before it is sent for the first time and never changes while it may be there:
 *
 *   assign (rows → lanes) ─▶ fix (lane: last_id, identity, from_offset) ─▶ sent, again and again ─▶ settle (rows deleted, sequence + rows)
 *
 * So at any crash a batch is either not fixed and was never sent, or fixed and is recognised: by the partition, which takes an identity once,
 * and by a look at the log from `from_offset` on, where the partition may have forgotten (KIP-98: producer.id.expiration.ms).
 */
import { BusError } from '../../base/errors.ts';
import type { Header } from '../../record/batch-write.ts';
import { shown } from '../check.ts';
import { type SqliteDatabase, type SqliteStatement, type SqliteValue, transact } from './database.ts';

export interface OutboxRow {
  id: number;
  topic: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Header[];
  timestampMs: number;
  /** −1: none was asked for. */
  wanted: number;
}

export interface Lane {
  topic: string;
  partition: number;
  topicId: string;
  producerId: number;
  producerEpoch: number;
  /** Of the first row of the batch on its way, or of the next one. */
  sequence: number;
  /** 0: nothing is on its way. */
  lastId: number;
  rows: number;
  /** Nothing of the batch lies before it in the log. */
  fromOffset: number;
}

export type Identity = Pick<Lane, 'producerId' | 'producerEpoch'>;

interface RawRow {
  id: number | bigint;
  topic: string;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: string;
  timestamp_ms: number | bigint;
  wanted: number | bigint | null;
}

interface RawLane {
  topic: string;
  partition: number | bigint;
  topic_id: string;
  producer_id: number | bigint;
  producer_epoch: number | bigint;
  sequence: number | bigint;
  last_id: number | bigint;
  rows: number | bigint;
  from_offset: number | bigint;
}

const NO_LANE = { topicId: '', producerId: -1, producerEpoch: -1, sequence: 0, lastId: 0, rows: 0, fromOffset: 0 };
const SEQUENCES = 0x8000_0000;

export class OutboxTable {
  readonly #db: SqliteDatabase;
  readonly #name: string;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(db: SqliteDatabase, name: string) {
    this.#db = db;
    this.#name = checkTableName(name);
    db.exec(`CREATE TABLE IF NOT EXISTS ${name} (
      id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key BLOB, value BLOB, headers TEXT NOT NULL,
      timestamp_ms INTEGER NOT NULL, wanted INTEGER, partition INTEGER);
    CREATE INDEX IF NOT EXISTS ${name}_by_lane ON ${name} (topic, partition, id);
    CREATE INDEX IF NOT EXISTS ${name}_unassigned ON ${name} (id) WHERE partition IS NULL;
    CREATE TABLE IF NOT EXISTS ${name}_lanes (
      topic TEXT NOT NULL, partition INTEGER NOT NULL, topic_id TEXT NOT NULL,
      producer_id INTEGER NOT NULL, producer_epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
      last_id INTEGER NOT NULL, rows INTEGER NOT NULL, from_offset INTEGER NOT NULL,
      PRIMARY KEY (topic, partition)) WITHOUT ROWID;`);
  }

  // Within the user's transaction.

  /** Adds a row; its id says its place. */
  add(row: Omit<OutboxRow, 'id'>): number {
    const { topic, key, value, headers, timestampMs, wanted } = row;
    const insert = this.#sql(`INSERT INTO $ (topic, key, value, headers, timestamp_ms, wanted) VALUES (?, ?, ?, ?, ?, ?) RETURNING id`);
    const inserted = insert.get(topic, key, value, textOf(headers), timestampMs, wanted < 0 ? null : wanted) as { id: number | bigint };
    return Number(inserted.id);
  }

  // Steps of the pump.

  /** Topics of rows that have no lane yet, the first `rowsMax` rows looked at. */
  unassignedTopics(rowsMax: number): string[] {
    const rows = this.#sql('SELECT DISTINCT topic FROM (SELECT topic FROM $ WHERE partition IS NULL ORDER BY id LIMIT ?)').all(rowsMax) as {
      topic: string;
    }[];
    return rows.map(({ topic }) => topic);
  }

  /** Gives rows their lanes, in order. `partitionOf` says null for a topic that is not known: its rows wait. */
  assign(rowsMax: number, partitionOf: (row: OutboxRow) => number | null): number {
    return transact(this.#db, () => {
      const rows = this.#sql(
        'SELECT id, topic, key, value, headers, timestamp_ms, wanted FROM $ WHERE partition IS NULL ORDER BY id LIMIT ?',
      );
      const set = this.#sql('UPDATE $ SET partition = ? WHERE id = ?');
      const lanes = new Map<string, { topic: string; partition: number }>();
      let assigned = 0;
      for (const raw of rows.all(rowsMax) as RawRow[]) {
        const row = rowOf(raw);
        const partition = partitionOf(row);
        if (partition === null) continue;
        set.run(partition, row.id);
        lanes.set(`${partition} ${row.topic}`, { topic: row.topic, partition });
        assigned++;
      }
      for (const { topic, partition } of lanes.values()) {
        if (this.lane(topic, partition) === null) this.#put({ ...NO_LANE, topic, partition });
      }
      return assigned;
    });
  }

  /** Lanes with rows, on their way or not. */
  waiting(): { topic: string; partition: number }[] {
    const rows = this.#sql(
      'SELECT topic, partition FROM $_lanes AS l WHERE EXISTS (SELECT 1 FROM $ AS r WHERE r.topic = l.topic AND r.partition = l.partition)',
    ).all() as RawLane[];
    return rows.map(({ topic, partition }) => ({ topic, partition: Number(partition) }));
  }

  lane(topic: string, partition: number): Lane | null {
    const raw = this.#sql('SELECT * FROM $_lanes WHERE topic = ? AND partition = ?').get(topic, partition) as RawLane | undefined;
    return raw === undefined || raw === null ? null : laneOf(raw);
  }

  /**
   * Fixes the next batch of a lane, or gives the one that is on its way already. `fits` says how many of the rows it may hold. Null: there are
   * no rows. A lane keeps its producer, whoever pumps: were one to come back to an id that it had used before, its first sequences would be
   * taken for those of then. So a lane that is new, or whose topic was made anew, needs a `fresh` one, which nobody has used.
   */
  fix(
    place: { topic: string; partition: number; topicId: string },
    fresh: Identity | null,
    fromOffset: number,
    rowsMax: number,
    fits: (rows: readonly OutboxRow[]) => number,
  ): Lane | null {
    return transact(this.#db, () => {
      const { topic, partition, topicId } = place;
      const known = this.lane(topic, partition);
      const isSame = known !== null && known.topicId === topicId;
      if (isSame && known.lastId > 0) return known;
      const rows = this.rows(topic, partition, Number.MAX_SAFE_INTEGER, rowsMax);
      const identity = isSame ? known : fresh;
      if (rows.length === 0 || identity === null) return null;
      const count = fits(rows);
      const { producerId, producerEpoch } = identity;
      const sequence = isSame ? known.sequence : 0;
      const lane: Lane = { ...place, producerId, producerEpoch, sequence, lastId: rows[count - 1].id, rows: count, fromOffset };
      this.#put(lane);
      return lane;
    });
  }

  /** Rows of a lane up to `lastId`, in order. */
  rows(topic: string, partition: number, lastId: number, rowsMax: number): OutboxRow[] {
    const rows = this.#sql(
      'SELECT id, topic, key, value, headers, timestamp_ms, wanted FROM $ WHERE topic = ? AND partition = ? AND id <= ? ORDER BY id LIMIT ?',
    );
    return (rows.all(topic, partition, lastId, rowsMax) as RawRow[]).map(rowOf);
  }

  /** The batch is in the log: its rows go. False when another pump has settled it. */
  settle(lane: Lane): boolean {
    return transact(this.#db, () => {
      if (!this.#isStill(lane)) return false;
      this.#sql('DELETE FROM $ WHERE topic = ? AND partition = ? AND id <= ?').run(lane.topic, lane.partition, lane.lastId);
      this.#put({ ...lane, sequence: (lane.sequence + lane.rows) % SEQUENCES, lastId: 0, rows: 0 });
      return true;
    });
  }

  /** The partition will never take the batch as it is, and has not taken it: it is a new producer's. */
  rename(lane: Lane, identity: Identity): Lane | null {
    return transact(this.#db, () => {
      if (!this.#isStill(lane)) return null;
      const renamed = { ...lane, ...identity, sequence: 0 };
      this.#put(renamed);
      return renamed;
    });
  }

  /** The id of the last row, 0 when there is none. */
  lastId(): number {
    return Number((this.#sql('SELECT max(id) AS id FROM $').get() as { id: number | bigint | null }).id ?? 0);
  }

  /** Whether rows up to `id` are still here. */
  holds(id: number): boolean {
    return this.#sql('SELECT 1 AS one FROM $ WHERE id <= ? LIMIT 1').all(id).length > 0;
  }

  count(): number {
    return Number((this.#sql('SELECT count(*) AS n FROM $').get() as { n: number | bigint }).n);
  }

  #isStill({ topic, partition, topicId, producerId, sequence, lastId }: Lane): boolean {
    const now = this.lane(topic, partition);
    return now !== null && now.topicId === topicId && now.producerId === producerId && now.sequence === sequence && now.lastId === lastId;
  }

  #put(lane: Lane): void {
    const { topic, partition, topicId, producerId, producerEpoch, sequence, lastId, rows, fromOffset } = lane;
    const values: SqliteValue[] = [topic, partition, topicId, producerId, producerEpoch, sequence, lastId, rows, fromOffset];
    this.#sql(`INSERT OR REPLACE INTO $_lanes (topic, partition, topic_id, producer_id, producer_epoch, sequence, last_id, rows, from_offset)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`).run(...values);
  }

  /** A statement with the table's name for `$`, prepared once. */
  #sql(text: string): SqliteStatement {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#db.prepare(text.replaceAll('$', this.#name));
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

/** Names stand in SQL as they are, so they are names and nothing else. */
function checkTableName(name: unknown): string {
  if (typeof name === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name) && !/^sqlite_/i.test(name)) return name;
  const what = `table is a name of 1 to 63 letters, digits and underscores that begins with no digit, not ${shown(name)}`;
  throw new BusError('INVALID_ARGUMENT', what, { details: { option: 'table', value: name } });
}

function textOf(headers: readonly Header[]): string {
  return JSON.stringify(headers.map(({ key, value }) => [key, value === null ? null : Buffer.from(value).toString('base64')]));
}

function rowOf({ id, topic, key, value, headers, timestamp_ms, wanted }: RawRow): OutboxRow {
  const pairs = JSON.parse(headers) as [string, string | null][];
  return {
    id: Number(id),
    topic,
    key: bytesOf(key),
    value: bytesOf(value),
    headers: pairs.map(([name, text]) => ({ key: name, value: text === null ? null : Buffer.from(text, 'base64') })),
    timestampMs: Number(timestamp_ms),
    wanted: wanted === null ? -1 : Number(wanted),
  };
}

function bytesOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function laneOf(raw: RawLane): Lane {
  return {
    topic: raw.topic,
    partition: Number(raw.partition),
    topicId: raw.topic_id,
    producerId: Number(raw.producer_id),
    producerEpoch: Number(raw.producer_epoch),
    sequence: Number(raw.sequence),
    lastId: Number(raw.last_id),
    rows: Number(raw.rows),
    fromOffset: Number(raw.from_offset),
  };
}
