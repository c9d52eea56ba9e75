/**
 * Committed offsets, quotas and what groups are told, in their tables. Of the offsets of one transaction only the last of each partition is written: a turn
 * that takes in a hundred thousand commits writes as many rows as there are partitions among them.
 */
import { assert } from '../../base/assert.ts';
import type { GroupConfigFact } from '../groups/facts.ts';
import type { CommittedRow, OffsetFact, QuotaFact } from '../offsets/facts.ts';
import type { Sqlite } from './sqlite.ts';

/** By partition; by topic id; by group id. */
type Pending = Map<string, Map<string, Map<number, CommittedRow>>>;

/** Numbers that name groups and topics in these tables. */
export interface Keys {
  groupKey(groupId: string): number;
  topicKey(topicId: string): number;
}

type Row = [group: number, topic: number, partition: number, offset: number, leaderEpoch: number, committedMs: number, metadata: string];

export class OffsetTables {
  readonly #statements;
  readonly #keys: Keys;
  #pending: Pending = new Map();

  constructor(database: Sqlite, keys: Keys) {
    this.#statements = prepare(database);
    this.#keys = keys;
  }

  /** One fact per group. */
  load(groupIds: ReadonlyMap<number, string>, topicIds: ReadonlyMap<number, string>): OffsetFact[] {
    const facts: OffsetFact[] = [];
    let rows: CommittedRow[] = [];
    let last = -1;
    for (const [group, topic, partition, offset, leaderEpoch, committedMs, metadata] of this.#statements.all.iterate()) {
      const groupId = groupIds.get(group);
      const topicId = topicIds.get(topic);
      // A group or topic that goes takes its offsets along in the same transaction.
      assert(groupId !== undefined && topicId !== undefined, 'an offset belongs to a group and a topic that exist');
      if (group !== last) {
        rows = [];
        facts.push({ fact: 'offsetsCommitted', groupId, rows });
        last = group;
      }
      rows.push({ topicId, partition, offset, leaderEpoch, metadata, committedMs });
    }
    return facts;
  }

  loadQuotas(): QuotaFact[] {
    return this.#statements.allQuotas.all().map(({ kind, client_id, producer_byte_rate, consumer_byte_rate }) => ({
      fact: 'quotaSet',
      clientId: kind === DEFAULT ? null : client_id,
      producerByteRate: producer_byte_rate,
      consumerByteRate: consumer_byte_rate,
    }));
  }

  loadGroupConfigs(): GroupConfigFact[] {
    return this.#statements.allGroupConfigs.all().map(({ group_id, session_timeout_ms, heartbeat_interval_ms }) => ({
      fact: 'groupConfigSet',
      groupId: group_id,
      sessionTimeoutMs: session_timeout_ms,
      heartbeatIntervalMs: heartbeat_interval_ms,
    }));
  }

  writeGroupConfig({ groupId, sessionTimeoutMs, heartbeatIntervalMs }: GroupConfigFact): void {
    if (sessionTimeoutMs === null && heartbeatIntervalMs === null) this.#statements.dropGroupConfig.run(groupId);
    else this.#statements.putGroupConfig.run(groupId, sessionTimeoutMs, heartbeatIntervalMs);
  }

  write(fact: OffsetFact): void {
    const { groupId } = fact;
    if (fact.fact === 'offsetsCommitted') return this.#keep(groupId, fact.rows);
    this.flush();
    const group = this.#keys.groupKey(groupId);
    for (const { topicId, partition } of fact.rows) this.#statements.drop.run(group, this.#keys.topicKey(topicId), partition);
  }

  /** Writes what was kept; called at the end of a transaction, and before whatever could change what is meant. */
  flush(): void {
    if (this.#pending.size === 0) return;
    for (const [groupId, topics] of this.#pending) {
      const group = this.#keys.groupKey(groupId);
      for (const [topicId, partitions] of topics) {
        const topic = this.#keys.topicKey(topicId);
        for (const [partition, { offset, leaderEpoch, committedMs, metadata }] of partitions) {
          this.#statements.put.run(group, topic, partition, offset, leaderEpoch, committedMs, metadata);
        }
      }
    }
    this.#pending = new Map();
  }

  /** Its transaction failed: nothing of it is kept. */
  forget(): void {
    this.#pending = new Map();
  }

  dropGroup(groupId: string): void {
    this.flush();
    this.#statements.dropGroup.run(this.#keys.groupKey(groupId));
  }

  dropTopic(topicId: string): void {
    this.flush();
    this.#statements.dropTopic.run(this.#keys.topicKey(topicId));
  }

  writeQuota({ clientId, producerByteRate, consumerByteRate }: QuotaFact): void {
    const kind = clientId === null ? DEFAULT : OF_CLIENT;
    if (producerByteRate === null && consumerByteRate === null) this.#statements.dropQuota.run(kind, clientId ?? '');
    else this.#statements.putQuota.run(kind, clientId ?? '', producerByteRate, consumerByteRate);
  }

  #keep(groupId: string, rows: readonly CommittedRow[]): void {
    let topics = this.#pending.get(groupId);
    if (topics === undefined) {
      topics = new Map();
      this.#pending.set(groupId, topics);
    }
    for (const row of rows) {
      let partitions = topics.get(row.topicId);
      if (partitions === undefined) {
        partitions = new Map();
        topics.set(row.topicId, partitions);
      }
      partitions.set(row.partition, row);
    }
  }
}

const DEFAULT = 0;
const OF_CLIENT = 1;

interface QuotaRow {
  kind: number;
  client_id: string;
  producer_byte_rate: number | null;
  consumer_byte_rate: number | null;
}

interface GroupConfigRow {
  group_id: string;
  session_timeout_ms: number | null;
  heartbeat_interval_ms: number | null;
}

function prepare(database: Sqlite) {
  return {
    all: database
      .prepare<[], Row>('SELECT group_key, topic_key, partition, next_offset, leader_epoch, committed_ms, metadata FROM offsets')
      .raw(),
    put: database.prepare<Row>(`
      INSERT INTO offsets (group_key, topic_key, partition, next_offset, leader_epoch, committed_ms, metadata) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset, leader_epoch = excluded.leader_epoch,
        committed_ms = excluded.committed_ms, metadata = excluded.metadata`),
    drop: database.prepare<[number, number, number]>('DELETE FROM offsets WHERE group_key = ? AND topic_key = ? AND partition = ?'),
    dropGroup: database.prepare<[number]>('DELETE FROM offsets WHERE group_key = ?'),
    dropTopic: database.prepare<[number]>('DELETE FROM offsets WHERE topic_key = ?'),
    allQuotas: database.prepare<[], QuotaRow>('SELECT * FROM quotas ORDER BY kind, client_id'),
    putQuota: database.prepare<[number, string, number | null, number | null]>('INSERT OR REPLACE INTO quotas VALUES (?, ?, ?, ?)'),
    allGroupConfigs: database.prepare<[], GroupConfigRow>('SELECT * FROM group_configs ORDER BY group_id'),
    putGroupConfig: database.prepare<[string, number | null, number | null]>('INSERT OR REPLACE INTO group_configs VALUES (?, ?, ?)'),
    dropGroupConfig: database.prepare<[string]>('DELETE FROM group_configs WHERE group_id = ?'),
    dropQuota: database.prepare<[number, string]>('DELETE FROM quotas WHERE kind = ? AND client_id = ?'),
  };
}
