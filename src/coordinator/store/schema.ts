/**
 * The tables of spillway.db, by the version that brought them. A folder of an older version is brought up when it is opened, all steps
 * in one transaction; a newer one is refused and left alone.
 *
 *   1  meta              schema_version, bus_id, hosts, epoch, producer_ids_up_to
 *      topics            place (order of creation; names the topic in other tables), topic_id, name, created_ms, deleting
 *      partitions        topic_id, partition, slot, leader_epoch
 *      topic_configs     topic_id, key, value
 *   2  groups            key (order of creation; names the group in other tables), group_id, and the other columns of its row
 *      members           place (order of joining), group_key, member_id, row (JSON; bytes as base64)
 *      offsets           group_key, topic_key, partition, next_offset, leader_epoch, committed_ms, metadata
 *      quotas            kind (0: the default, 1: of one client id), client_id, producer_byte_rate, consumer_byte_rate
 *   3  group_configs     group_id (a group need not be there), session_timeout_ms, heartbeat_interval_ms
 */
import { BusError } from '../../base/errors.ts';
import type { Sqlite } from './sqlite.ts';

const steps: readonly string[] = [
  `
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
  INSERT INTO meta VALUES ('schema_version', 1);
  `,
  `
  CREATE TABLE groups (
    key INTEGER PRIMARY KEY, group_id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, epoch INTEGER NOT NULL, assignment_epoch INTEGER NOT NULL,
    assignor TEXT NOT NULL, protocol_type TEXT NOT NULL, leader TEXT NOT NULL, topics_digest TEXT NOT NULL, empty_since_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE members (
    place INTEGER PRIMARY KEY, group_key INTEGER NOT NULL, member_id TEXT NOT NULL, row TEXT NOT NULL, UNIQUE (group_key, member_id)
  ) STRICT;
  CREATE TABLE offsets (
    group_key INTEGER NOT NULL, topic_key INTEGER NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    leader_epoch INTEGER NOT NULL, committed_ms INTEGER NOT NULL, metadata TEXT NOT NULL,
    PRIMARY KEY (group_key, topic_key, partition)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE quotas (
    kind INTEGER NOT NULL, client_id TEXT NOT NULL, producer_byte_rate INTEGER, consumer_byte_rate INTEGER, PRIMARY KEY (kind, client_id)
  ) STRICT, WITHOUT ROWID;
  UPDATE meta SET value = 2 WHERE key = 'schema_version';
  `,
  `
  CREATE TABLE group_configs (group_id TEXT PRIMARY KEY, session_timeout_ms INTEGER, heartbeat_interval_ms INTEGER) STRICT, WITHOUT ROWID;
  UPDATE meta SET value = 3 WHERE key = 'schema_version';
  `,
];

export const SCHEMA_VERSION = steps.length;

/** Makes the tables of an empty database, or those that an older one lacks. Throws FOLDER_INVALID for any other. */
export function checkSchema(database: Sqlite): void {
  const version = versionOf(database);
  if (version === SCHEMA_VERSION) return;
  if (!Number.isInteger(version) || version < 0 || version > SCHEMA_VERSION) {
    throw new BusError(
      'FOLDER_INVALID',
      `${database.name} has schema version ${version}, this Spillway knows up to ${SCHEMA_VERSION}: open the folder with the newer Spillway that wrote it`,
      { details: { schemaVersion: version } },
    );
  }
  database.transaction(() => {
    for (const step of steps.slice(version)) database.exec(step);
  })();
}

/** 0: there are no tables at all. */
function versionOf(database: Sqlite): number {
  const tables = database.prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  if (tables.length === 0) return 0;
  if (!tables.some(({ name }) => name === 'meta')) throw new BusError('FOLDER_INVALID', `${database.name} is a database of something else`);
  return Number(database.prepare("SELECT value FROM meta WHERE key = 'schema_version'").pluck().get());
}
