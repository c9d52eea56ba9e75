import { describe, expect, test } from 'vitest';
import type { Log } from '../../src/log/log.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { FOLDER, fill, openLog, range, readAll, world } from './fixtures.ts';

const SYNCED = { durability: 'synced' as const, segmentBytes: 1000 };
const synced = (log: Log): Promise<unknown> => new Promise((done) => log.syncLater(done));
const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

describe('a sync', () => {
  test('commits what was written when it was asked for; the next one covers what came meanwhile', async () => {
    const w = world();
    const log = openLog(w, SYNCED);
    fill(log, 30);
    log.flush();
    expect([log.committedOffset, log.unsynced]).toEqual([0, true]);
    const first = synced(log);
    fill(log, 60);
    log.flush();
    expect(log.syncing).toBe(true);
    expect(await first).toBe(null);
    expect([log.committedOffset, log.writtenOffset]).toEqual([30, 60]);
    expect(await synced(log)).toBe(null);
    expect([log.committedOffset, log.unsynced]).toEqual([60, false]);
  });

  test('that is waited for tells of its end before it returns, of a failure as well', () => {
    const disk = new MemoryDisk();
    const log = openLog(world(disk), SYNCED);
    const told: unknown[] = [];
    const here = (): void => log.syncHere((error) => told.push(error?.code ?? log.committedOffset));
    fill(log, 7);
    log.flush();
    here();
    fill(log, 45);
    log.flush();
    disk.onCall = ({ operation }) => (operation === 'sync' ? 'EIO' : null);
    here();
    expect(told).toEqual([7, 'EIO']);
    expect([log.syncing, log.committedOffset]).toEqual([false, 7]);
    expect(here).toThrow('after a failed sync the bytes are written again first');
    disk.onCall = null;
    log.rehomeUnsynced();
    here();
    expect(told).toEqual([7, 'EIO', 45]);
    const crashed = world(disk.image('dropped'));
    expect(readAll(crashed, openLog(crashed, SYNCED))).toEqual(range(0, 45));
  });

  test('makes names durable too, of the files and of a new folder', async () => {
    const disk = new MemoryDisk();
    const log = openLog(world(disk), SYNCED);
    fill(log, 40);
    log.flush();
    await synced(log);
    const w = world(disk.image('dropped'));
    expect(readAll(w, openLog(w, SYNCED))).toEqual(range(0, 40));
  });

  test('that fails is never repeated on its descriptor: the bytes go to new files', async () => {
    for (const before of [0, 7, 25]) {
      const disk = new MemoryDisk();
      const w = world(disk);
      const log = openLog(w, SYNCED);
      fill(log, before);
      log.flush();
      if (before > 0) await synced(log);
      fill(log, 45);
      log.flush();
      disk.onCall = ({ operation, path }) => (operation === 'sync' && path.endsWith('.log') ? 'EIO' : null);
      expect(await synced(log)).toMatchObject({ code: 'EIO' });
      expect(log.committedOffset).toBe(before);
      expect(() => log.syncLater(() => {})).toThrow('after a failed sync the bytes are written again first');
      disk.onCall = null;
      log.rehomeUnsynced();
      expect(await synced(log)).toBe(null);
      expect(log.committedOffset).toBe(45);
      expect(readAll(w, log)).toEqual(range(0, 45));
      const crashed = world(disk.image('dropped'));
      const again = openLog(crashed, SYNCED);
      expect(readAll(crashed, again), `${before}`).toEqual(range(0, 45));
      expect(crashed.events.filter(({ kind }) => kind === 'damage')).toEqual([]);
      fill(log, 60);
      log.evict(1e9);
      expect(readAll(w, log)).toEqual(range(0, 60));
    }
  });

  test('of a rolled segment of a topic that promises less is the log’s own: an unclean start need not walk it', async () => {
    const disk = new MemoryDisk();
    const w = world(disk);
    const log = openLog(w, { segmentBytes: 1000 });
    for (let end = 10; end <= 100; end += 10) {
      fill(log, end);
      log.flush();
      for (let i = 0; i < 6; i++) await turn();
    }
    expect(log.syncedOffset).toBeGreaterThan(80);
    expect(log.committedOffset).toBe(100);
    const dropped = world(disk.image('dropped'));
    const again = openLog(dropped, { segmentBytes: 1000 });
    expect(again.endOffset).toBeGreaterThan(80);
    expect(readAll(dropped, again)).toEqual(range(0, again.endOffset));
    expect(again.damages).toEqual([]);
  });

  test('keeps what it has not covered resident, for the case that it fails', async () => {
    const w = world();
    const log = openLog(w, { durability: 'synced' });
    fill(log, 40);
    log.flush();
    expect(log.evict(1e9)).toBe(0);
    await synced(log);
    fill(log, 50);
    log.flush();
    log.evict(1e9);
    expect(log.read(45, 1, 50).kind).toBe('resident');
    expect(log.read(5, 1, 50).kind).toBe('file');
  });
});

describe('a clean close', () => {
  test.each(['memory', 'written', 'synced'] as const)('syncs all of a topic that is %s', (durability) => {
    const disk = new MemoryDisk();
    const log = openLog(world(disk), { durability });
    fill(log, 40);
    log.close(true);
    const crashed = world(disk.image('dropped'));
    expect(readAll(crashed, openLog(crashed, { durability }, { clean: true }))).toEqual(range(0, 40));
  });

  test('that the disk refuses is unclean: what was promised is written again before it is synced', () => {
    const disk = new MemoryDisk();
    const w = world(disk);
    const log = openLog(w, { durability: 'synced' });
    fill(log, 40);
    disk.onCall = ({ operation, path }) => (operation === 'sync' && path.startsWith(FOLDER) ? 'EIO' : null);
    expect(() => log.close(true)).toThrow('EIO');
    disk.onCall = null;
    expect(w.arena.used).toBe(0);
    const again = openLog(w, { durability: 'synced' }, { clean: true });
    expect(w.visited).toEqual(range(0, 40));
    again.close(true);
    const crashed = world(disk.image('dropped'));
    expect(readAll(crashed, openLog(crashed, { durability: 'synced' }, { clean: true }))).toEqual(range(0, 40));
  });
});
