/** The database as memory and as lock: on real folders, against other processes, after kills, damage, and a newer schema. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BusError } from '../../src/base/errors.ts';
import type { Fact, Store } from '../../src/coordinator/facts.ts';
import { MemoryStore } from '../../src/coordinator/memory-store.ts';
import { applyAll, emptyState, factsOf } from '../../src/coordinator/state.ts';
import { openStore, SCHEMA_VERSION } from '../../src/coordinator/store.ts';
import { realDisk } from '../../src/world/disk.ts';

fc.configureGlobal({ seed: 20260101 });

let folder = '';
const open = (pid = process.pid): Store => openStore({ folder, disk: realDisk, pid });
const database = () => join(folder, 'spillway.db');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-store-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function refusalOf(call: () => unknown): BusError {
  try {
    call();
  } catch (error) {
    if (error instanceof BusError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

/** Most of what follows is about facts that wait for the disk. */
const synced = { synced: true };

const made: Fact = { fact: 'busMade', busId: 'bus', hosts: 2 };
const topic = (name: string, slots: number[], epoch = 1): Fact => ({
  fact: 'topicCreated',
  epoch,
  name,
  topicId: `id-of-${name}`,
  slots,
  configs: { 'retention.ms': '5' },
  createdMs: 1000,
});

describe('facts', () => {
  test('a new folder has none; what is committed is there after a close, in one file', () => {
    const store = open();
    expect([store.load(), store.damaged]).toEqual([[], null]);
    store.commit([made, topic('b', [0, 1]), topic('a', [2], 2), { fact: 'producerIdsReserved', from: 0, upTo: 1000 }], synced);
    store.commit([{ fact: 'producerIdGiven', producerId: 0 }], synced);
    store.checkpoint();
    store.close();
    expect(readdirSync(folder)).toEqual(['spillway.db']);
    const again = open();
    expect(again.load()).toEqual([
      made,
      { fact: 'producerIdsReserved', from: 1000, upTo: 1000 },
      { ...topic('b', [0, 1]), epoch: 0 },
      { ...topic('a', [2]), epoch: 0 },
      { fact: 'epochReached', epoch: 2 },
    ]);
    again.close();
  });

  test('the epoch and producer ids never go back, also when the topic that raised them is gone', () => {
    const store = open();
    store.commit(
      [made, topic('a', [0], 7), { fact: 'topicDeleting', epoch: 8, topicId: 'id-of-a' }, { fact: 'topicDeleted', topicId: 'id-of-a' }],
      synced,
    );
    store.commit([{ fact: 'producerIdsReserved', from: 1000, upTo: 2000 }], synced);
    store.close();
    const again = open();
    expect(again.load()).toEqual([made, { fact: 'producerIdsReserved', from: 2000, upTo: 2000 }, { fact: 'epochReached', epoch: 8 }]);
    again.close();
  });

  test('a commit is all or nothing', () => {
    const store = open();
    store.commit([made, topic('a', [0])], synced);
    expect(() => store.commit([topic('b', [1]), topic('a', [2])], synced)).toThrow(/cannot be written/);
    expect(store.load().filter(({ fact }) => fact === 'topicCreated')).toHaveLength(1);
    store.commit([topic('b', [1])], synced);
    store.close();
  });

  test('SQLite and memory keep the same of any history', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const step = fc.record({
      name,
      what: fc.constantFrom('create', 'grow', 'alter', 'delete', 'end', 'move', 'ids'),
      by: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (script) => {
        folder = mkdtempSync(join(tmpdir(), 'spillway-store-'));
        const stores = [open(), new MemoryStore()];
        const state = emptyState(1000);
        const commit = (facts: Fact[]) => {
          for (const store of stores) store.commit(facts, synced);
          applyAll(state, facts);
        };
        commit([made]);
        let slot = 0;
        for (const { name, what, by } of script) {
          const epoch = state.epoch + 1;
          const slots = Array.from({ length: by }, () => slot++);
          const known = [...state.byId.values()].find((one) => one.name === name);
          const topicId = known?.topicId ?? '';
          if (what === 'ids') commit([{ fact: 'producerIdsReserved', from: state.producerIdsUpTo, upTo: state.producerIdsUpTo + by }]);
          else if (known === undefined) commit([topic(name, slots, epoch)]);
          else if (known.deleting) commit([{ fact: 'topicDeleted', topicId }]);
          else if (what === 'grow') commit([{ fact: 'partitionsAdded', epoch, topicId, slots }]);
          else if (what === 'alter') commit([{ fact: 'configsChanged', epoch, topicId, configs: { 'segment.ms': String(by) } }]);
          else if (what === 'move') commit([{ fact: 'slotsMoved', topicId, slots: known.slots.map(() => slot++) }]);
          else if (what === 'delete') commit([{ fact: 'topicDeleting', epoch, topicId }]);
        }
        expect(stores[0].load()).toEqual(stores[1].load());
        stores[0].close();
        const again = open();
        expect(again.load()).toEqual(factsOf(state));
        again.close();
        rmSync(folder, { recursive: true });
      }),
      { numRuns: 25 },
    );
  });
});

describe('the lock', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  async function spawnOwner(): Promise<{ child: ChildProcess; line: string; next(): Promise<string> }> {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./owner.ts', import.meta.url)), folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    const next = async (): Promise<string> => String((await lines.next()).value);
    return { child, line: await next(), next };
  }

  test('a second owner is refused at once, with the first one’s pid', async () => {
    const { child, line, next } = await spawnOwner();
    expect(line).toBe('open');
    const startedMs = performance.now();
    const refusal = refusalOf(() => open());
    // SQLite's own patience would be 5 s.
    expect(performance.now() - startedMs).toBeLessThan(3000);
    expect(refusal.code).toBe('FOLDER_LOCKED');
    expect(refusal.message).toContain(`is in use by process ${child.pid}: close that one first`);
    expect(refusal.details).toEqual({ folder, pid: child.pid });
    child.stdin?.write('close\n');
    expect(await next()).toBe('closed');
    expect(readdirSync(folder)).toEqual(['spillway.db']);
    open().close();
  });

  test('in one process too', () => {
    const store = open();
    expect(refusalOf(() => open()).message).toContain(`process ${process.pid}`);
    store.commit([made], synced);
    store.close();
    open().close();
  });

  test('a refused owner leaves the lock to the one that has it', async () => {
    const store = open();
    refusalOf(() => open());
    const { line } = await spawnOwner();
    expect(line).toMatch(/FOLDER_LOCKED|is in use by process/);
    store.close();
  });

  test('a killed owner’s folder is taken over, with all that it had committed, whatever pid it left', async () => {
    const { child, line } = await spawnOwner();
    expect(line).toBe('open');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readFileSync(join(folder, 'owner.pid'), 'latin1')).toBe(`${child.pid}\n`);
    expect(readdirSync(folder)).toContain('spillway.db-wal');
    const store = open();
    expect(store.load()).toEqual([
      { fact: 'busMade', busId: 'owned', hosts: 1 },
      { fact: 'producerIdsReserved', from: 6000, upTo: 6000 },
      { fact: 'epochReached', epoch: 0 },
    ]);
    expect(readFileSync(join(folder, 'owner.pid'), 'latin1')).toBe(`${process.pid}\n`);
    store.close();
  });

  test('a pid file that is missing or nonsense does not matter', () => {
    const store = open();
    writeFileSync(join(folder, 'owner.pid'), 'nobody');
    expect(refusalOf(() => open()).message).toContain('is in use by another process');
    rmSync(join(folder, 'owner.pid'));
    expect(refusalOf(() => open()).message).toContain('is in use by another process');
    store.close();
  });
});

describe('what is not ours to open', () => {
  test('a newer schema is refused and left alone', () => {
    open().close();
    const newer = new Database(database());
    newer.exec(`UPDATE meta SET value = ${SCHEMA_VERSION + 1} WHERE key = 'schema_version'`);
    newer.close();
    const before = readFileSync(database());
    const refusal = refusalOf(() => open());
    expect(refusal.code).toBe('FOLDER_INVALID');
    expect(refusal.message).toMatch(/has schema version 4, this Spillway knows up to 3: open the folder with the newer Spillway/);
    expect(readFileSync(database()).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(['spillway.db']);
  });

  test('a database of something else is refused', () => {
    const other = new Database(database());
    other.exec('CREATE TABLE songs (title TEXT)');
    other.close();
    expect(refusalOf(() => open())).toMatchObject({
      code: 'FOLDER_INVALID',
      message: expect.stringMatching(/is a database of something else/),
    });
    expect(readdirSync(folder)).toEqual(['spillway.db']);
  });

  test('a folder in the place of the database is refused', () => {
    realDisk.makeFolder(database());
    expect(refusalOf(() => open())).toMatchObject({ code: 'FOLDER_INVALID', message: expect.stringMatching(/cannot be opened/) });
  });
});

describe('a damaged database', () => {
  const fill = () => {
    const store = open();
    store.commit([made, ...Array.from({ length: 200 }, (_, i) => topic(`t${i}`, [i]))], synced);
    store.checkpoint();
    store.close();
  };
  const flip = (from: number, to: number) => {
    const bytes = readFileSync(database());
    bytes.fill(0xa5, from, to);
    writeFileSync(database(), bytes);
  };

  test.each<[string, () => void]>([
    ['is no database at all', () => writeFileSync(database(), 'hello'.repeat(1000))],
    ['has lost its header', () => flip(0, 100)],
    ['has lost a page in the middle', () => flip(4096, 8192)],
    ['is cut short', () => truncateSync(database(), statSync(database()).size - 8192)],
  ])('%s: it is moved aside whole, and a new one begun', (_, damage) => {
    fill();
    damage();
    const damaged = readFileSync(database());
    const store = open();
    expect(store.damaged).toBe(join(folder, 'spillway.db.damaged-1'));
    expect(store.load()).toEqual([]);
    store.commit([made], synced);
    store.close();
    expect(readFileSync(join(folder, 'spillway.db.damaged-1')).equals(damaged)).toBe(true);
    const again = open();
    expect([again.damaged, again.load().length]).toEqual([null, 2]);
    again.close();
  });

  test('an empty file is a new database', () => {
    writeFileSync(database(), '');
    const store = open();
    expect([store.damaged, store.load()]).toEqual([null, []]);
    store.close();
  });

  test('the second damage does not overwrite the first', () => {
    for (const _ of [1, 2]) {
      writeFileSync(database(), 'hello'.repeat(1000));
      open().close();
    }
    expect(readdirSync(folder).sort()).toEqual(['spillway.db', 'spillway.db.damaged-1', 'spillway.db.damaged-2']);
  });
});
