/** Groups, offsets and quotas in the database: kept as in memory, coalesced, brought up from an older schema, safe from a SIGKILL. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Fact, Store, StoredFact } from '../../src/coordinator/facts.ts';
import type { GroupRow, MemberRow } from '../../src/coordinator/groups/facts.ts';
import { MemoryStore } from '../../src/coordinator/memory-store.ts';
import { coalesceOffsets } from '../../src/coordinator/offsets/coalesce.ts';
import { applyAll, emptyState, factsOf } from '../../src/coordinator/state.ts';
import { openStore, SCHEMA_VERSION } from '../../src/coordinator/store.ts';
import { realDisk } from '../../src/world/disk.ts';

fc.configureGlobal({ seed: 20260101 });

let folder = '';
const open = (): Store => openStore({ folder, disk: realDisk, pid: process.pid });
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-offsets-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const written = { synced: false };

const made: Fact = { fact: 'busMade', busId: 'bus', hosts: 1 };
const topic = (name: string, slots: number[]): Fact => ({
  fact: 'topicCreated',
  epoch: 1,
  name,
  topicId: `id-of-${name}`,
  slots,
  configs: {},
  createdMs: 1000,
});
const groupRow = (groupId: string, change: Partial<GroupRow> = {}): GroupRow => ({
  groupId,
  type: 'classic',
  epoch: 0,
  assignmentEpoch: 0,
  assignor: '',
  protocolType: '',
  leader: '',
  topicsDigest: '',
  emptySinceMs: 5,
  ...change,
});
const memberRow = (memberId: string, change: Partial<MemberRow> = {}): MemberRow => ({
  memberId,
  instanceId: null,
  rackId: null,
  clientId: 'c',
  clientHost: 'thread 0',
  sessionTimeoutMs: 1,
  rebalanceTimeoutMs: 2,
  sinceMs: 3,
  protocols: [{ name: 'range', metadata: new Uint8Array([0, 255, 7]) }],
  assignmentBytes: new Uint8Array([9]),
  topics: ['a'],
  topicRegex: '',
  assignor: '',
  epoch: 1,
  previousEpoch: 0,
  state: 'stable',
  assigned: [],
  revoking: [],
  target: [],
  ...change,
});
const group = (groupId: string, ...members: string[]): Fact => ({
  fact: 'groupReplaced',
  group: groupRow(groupId),
  members: members.map((id) => memberRow(id)),
});
const committed = (groupId: string, name: string, partition: number, offset: number, metadata = ''): Fact => ({
  fact: 'offsetsCommitted',
  groupId,
  rows: [{ topicId: `id-of-${name}`, partition, offset, leaderEpoch: -1, metadata, committedMs: offset }],
});

test('SQLite and memory keep the same of any history of groups, offsets, topics and quotas', () => {
  const step = fc.record({
    what: fc.constantFrom('group', 'member', 'left', 'gone', 'commit', 'commit', 'commit', 'drop', 'topic', 'quota', 'config', 'turn'),
    group: fc.constantFrom('g', 'h'),
    name: fc.constantFrom('a', 'b'),
    member: fc.constantFrom('m', 'n', 'o'),
    number: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 12 }), (turns) => {
      folder = mkdtempSync(join(tmpdir(), 'spillway-offsets-'));
      const stores = [open(), new MemoryStore()];
      const state = emptyState(1000);
      let slot = 0;
      applyAll(state, [made]);
      for (const store of stores) store.commit([made], written);
      for (const turn of turns) {
        const facts: Fact[] = [];
        for (const { what, group: groupId, name, member, number } of turn) {
          const known = state.groups.byId.get(groupId);
          const place = state.byName.get(name);
          const fact = ((): Fact | null => {
            if (what === 'config')
              return { fact: 'groupConfigSet', groupId: name, sessionTimeoutMs: number || null, heartbeatIntervalMs: null };
            if (what === 'quota')
              return { fact: 'quotaSet', clientId: number === 0 ? null : name, producerByteRate: number || null, consumerByteRate: null };
            if (what === 'topic') {
              if (place === undefined) return { ...topic(name, [slot++, slot++, slot++, slot++]), topicId: `${name}${slot}` } as Fact;
              return { fact: 'topicDeleting', epoch: 2, topicId: place.topicId };
            }
            const row = groupRow(groupId, { epoch: number, type: number === 3 ? 'consumer' : 'classic' });
            if (what === 'group')
              return { fact: 'groupReplaced', group: row, members: number === 0 ? [] : [memberRow(member), memberRow('z')] };
            if (known === undefined) return null;
            if (what === 'member') return { fact: 'memberChanged', groupId, member: memberRow(member, { epoch: number }) };
            if (what === 'left') return known.members.has(member) ? { fact: 'memberGone', groupId, memberId: member } : null;
            if (what === 'gone') return { fact: 'groupGone', groupId };
            if (place === undefined) return null;
            const at = { topicId: place.topicId, partition: number };
            if (what === 'drop') return { fact: 'offsetsDropped', groupId, rows: [at] };
            const offset = slot++;
            return {
              fact: 'offsetsCommitted',
              groupId,
              rows: [{ ...at, offset, leaderEpoch: number, metadata: member, committedMs: offset }],
            };
          })();
          if (fact === null) continue;
          applyAll(state, [fact]);
          facts.push(fact);
        }
        for (const store of stores) store.commit(facts, written);
      }
      expect(ordered(stores[0].load())).toEqual(ordered(stores[1].load()));
      stores[0].close();
      const again = open();
      const loaded = emptyState(1000);
      applyAll(loaded, again.load());
      expect(ordered(factsOf(loaded))).toEqual(ordered(factsOf(state)));
      expect(loaded.offsets.count).toBe(state.offsets.count);
      again.close();
      rmSync(folder, { recursive: true });
    }),
    { numRuns: 60 },
  );
});

/** Offsets and quotas have no order of their own. */
function ordered(facts: readonly Fact[]): Fact[] {
  const rank = (fact: Fact): string =>
    fact.fact === 'groupConfigSet'
      ? `3${fact.groupId}`
      : fact.fact === 'quotaSet'
        ? `2${fact.clientId ?? ''}`
        : fact.fact === 'offsetsCommitted'
          ? `1${fact.groupId}`
          : '0';
  const rows = facts.map((fact) =>
    fact.fact === 'offsetsCommitted'
      ? { ...fact, rows: [...fact.rows].sort((a, b) => (`${a.topicId} ${a.partition}` < `${b.topicId} ${b.partition}` ? -1 : 1)) }
      : fact,
  );
  return rows.sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

test('coalesced commits lead to the same state, with a row for each partition', () => {
  const facts = [
    group('g'),
    committed('g', 'a', 0, 1),
    committed('g', 'a', 1, 1),
    committed('g', 'a', 0, 2),
    { fact: 'offsetsDropped', groupId: 'g', rows: [{ topicId: 'id-of-a', partition: 1 }] },
    committed('g', 'a', 0, 3),
    committed('g', 'a', 0, 4),
  ] as StoredFact[];
  const short = coalesceOffsets(facts);
  expect(short.map((fact) => (fact.fact === 'offsetsCommitted' ? fact.rows.map(({ offset }) => offset) : fact.fact))).toEqual([
    'groupReplaced',
    [2, 1],
    'offsetsDropped',
    [4],
  ]);
  const [all, few] = [emptyState(10), emptyState(10)];
  applyAll(all, [made, topic('a', [0, 1]), ...facts]);
  applyAll(few, [made, topic('a', [0, 1]), ...short]);
  expect(factsOf(few)).toEqual(factsOf(all));
});

test('what cannot be written leaves nothing behind, not even in memory of the next turn', () => {
  const store = open();
  store.commit([made, topic('a', [0]), group('g')], written);
  expect(() => store.commit([group('h'), committed('h', 'a', 0, 1), topic('a', [1])], written)).toThrow(/cannot be written/);
  store.commit([committed('g', 'a', 0, 2)], written);
  expect(store.load().filter(({ fact }) => fact === 'offsetsCommitted')).toEqual([committed('g', 'a', 0, 2)]);
  store.close();
});

test('a folder of the first schema is brought up, with all that it had', () => {
  const old = new Database(join(folder, 'spillway.db'));
  old.exec(`
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
    INSERT INTO meta VALUES ('schema_version', 1), ('bus_id', 'old'), ('hosts', 1), ('epoch', 4);
    INSERT INTO topics VALUES (1, 'id-of-a', 'a', 1000, 0);
    INSERT INTO partitions VALUES ('id-of-a', 0, 7, 0);
  `);
  old.close();
  const store = open();
  expect(store.load()).toEqual([
    { ...made, busId: 'old' },
    { ...topic('a', [7]), epoch: 0 },
    { fact: 'epochReached', epoch: 4 },
  ]);
  store.commit([group('g'), committed('g', 'a', 0, 12)], written);
  store.close();
  const raw = new Database(join(folder, 'spillway.db'));
  expect(raw.prepare("SELECT value FROM meta WHERE key = 'schema_version'").pluck().get()).toBe(SCHEMA_VERSION);
  raw.close();
  const again = open();
  expect(again.load().at(-1)).toEqual(committed('g', 'a', 0, 12));
  again.close();
});

describe('many', () => {
  test('commits of one turn cost as many rows as there are partitions among them', () => {
    const store = open();
    store.commit([made, topic('a', [0, 1]), group('g')], written);
    store.checkpoint();
    store.commit(
      Array.from({ length: 10_000 }, (_, i) => committed('g', 'a', i % 2, i, 'm'.repeat(1000))),
      written,
    );
    // Ten million bytes of metadata came in; a header and a few pages were written.
    expect(statSync(join(folder, 'spillway.db-wal')).size).toBeLessThan(64 * 1024);
    store.close();
  });

  test('groups are loaded in a fraction of a second', () => {
    const store = open();
    const groups = Array.from({ length: 10_000 }, (_, i) => group(`g${i}`));
    store.commit([made, topic('a', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), ...groups], written);
    store.commit(
      groups.flatMap((_, i) => Array.from({ length: 10 }, (_, partition) => committed(`g${i}`, 'a', partition, i))),
      written,
    );
    store.close();
    const again = open();
    const state = emptyState(100);
    applyAll(state, again.load());
    expect(state.offsets.count).toBe(100_000);
    again.close();
  });
});

test('what was committed survives a SIGKILL at any time', async () => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./committer.ts', import.meta.url)), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let answered = -1;
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    answered = Number(line);
    if (answered >= 300) child.kill('SIGKILL');
  }
  await Promise.resolve(child.exitCode ?? child.signalCode ?? once(child, 'exit'));
  expect(answered).toBeGreaterThanOrEqual(300);
  const store = open();
  const offsets = store.load().flatMap((fact) => (fact.fact === 'offsetsCommitted' ? fact.rows.map(({ offset }) => offset) : []));
  expect(offsets).toHaveLength(1);
  expect(offsets[0]).toBeGreaterThanOrEqual(answered);
  store.close();
});
