/** Facts of the bus and its topics in their tables. */
import { unreachable } from '../../base/assert.ts';
import type { Configs } from '../config-values.ts';
import type { TopicFact } from '../facts.ts';
import type { Sqlite } from './sqlite.ts';

interface TopicRow {
  topic_id: string;
  name: string;
  created_ms: number;
  deleting: number;
}

export class TopicTables {
  readonly #statements;
  /** What was looked up; forgotten with every topic that goes and every transaction that fails. */
  readonly #keys = new Map<string, number>();

  constructor(database: Sqlite) {
    this.#statements = prepare(database);
  }

  load(): TopicFact[] {
    const meta = new Map(this.#statements.allMeta.all().map(({ key, value }) => [key, value]));
    const busId = meta.get('bus_id');
    if (busId === undefined) return [];
    const facts: TopicFact[] = [{ fact: 'busMade', busId: String(busId), hosts: Number(meta.get('hosts')) }];
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

  write(fact: TopicFact): void {
    const statements = this.#statements;
    if ('epoch' in fact) statements.raiseMeta.run('epoch', fact.epoch);
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
        this.#keys.delete(fact.topicId);
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

  /** The number that names a topic in other tables; −1 when there is no such topic. */
  keyOf(topicId: string): number {
    let key = this.#keys.get(topicId);
    if (key === undefined) {
      key = this.#statements.topicKey.get(topicId) ?? -1;
      if (key >= 0) this.#keys.set(topicId, key);
    }
    return key;
  }

  /** By the number that names it in other tables. */
  ids(): Map<number, string> {
    return new Map(this.#statements.topicKeys.all().map(({ key, id }) => [key, id]));
  }

  forgetKeys(): void {
    this.#keys.clear();
  }

  #addPartitions(topicId: string, first: number, slots: readonly number[]): void {
    for (let i = 0; i < slots.length; i++) this.#statements.addPartition.run(topicId, first + i, slots[i]);
  }

  #setConfigs(topicId: string, configs: Configs): void {
    this.#statements.dropConfigs.run(topicId);
    for (const [key, value] of Object.entries(configs)) this.#statements.addConfig.run(topicId, key, value);
  }
}

function prepare(database: Sqlite) {
  return {
    topicKey: database.prepare<[string], number>('SELECT place FROM topics WHERE topic_id = ?').pluck(),
    topicKeys: database.prepare<[], { key: number; id: string }>('SELECT place AS key, topic_id AS id FROM topics'),
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
