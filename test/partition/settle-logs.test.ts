import { expect, test } from 'vitest';
import type { Log } from '../../src/log/log.ts';
import { settleLogs } from '../../src/partition/settle-logs.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { fill, openLog, range, readAll, type World, world } from '../log/fixtures.ts';

const folderOf = (i: number): string => `/data/many-${i}`;
const settled = (logs: Log[]): Promise<void> => new Promise((done) => settleLogs(logs, done));

function openMany(w: World, count: number): Log[] {
  return Array.from({ length: count }, (_, i) =>
    openLog(w, { durability: i % 2 === 0 ? 'written' : 'memory' }, { folder: folderOf(i), slot: i }),
  );
}

function setUp(count: number): { disk: MemoryDisk; logs: Log[] } {
  const disk = new MemoryDisk();
  const w = world(disk, 4096, 1024, 64);
  const logs = openMany(w, count);
  for (const log of logs) fill(log, 5);
  return { disk, logs };
}

test('everything is on the disk afterwards, and the close has nothing left to sync', async () => {
  const { disk, logs } = setUp(40);
  await settled(logs);
  let syncs = 0;
  disk.onCall = ({ operation }) => {
    if (operation === 'sync') syncs++;
    return null;
  };
  for (const log of logs) log.close(true);
  expect(syncs).toBe(0);
  const crashed = world(disk.image('dropped'), 4096, 1024, 64);
  for (const log of openMany(crashed, 40)) expect(readAll(crashed, log)).toEqual(range(0, 5));
});

test('a log that cannot be written or synced, or is gone, keeps no other from it', async () => {
  const { disk, logs } = setUp(6);
  logs[2].destroy();
  disk.onCall = ({ operation, path }) => {
    if (operation === 'write' && path.startsWith(`${folderOf(1)}/`)) return 'ENOSPC';
    return operation === 'sync' && path.startsWith(`${folderOf(3)}/`) ? 'EIO' : null;
  };
  await settled(logs);
  disk.onCall = null;
  expect(logs.map(({ unsynced, unwrittenBytes }) => unsynced || unwrittenBytes > 0)).toEqual([
    false,
    true,
    expect.anything(),
    true,
    false,
    false,
  ]);
  for (const log of [logs[1], logs[3]]) {
    log.close(true);
    expect(() => log.close(true)).not.toThrow();
  }
  const crashed = world(disk.image('dropped'), 4096, 1024, 64);
  for (const i of [1, 3]) expect(readAll(crashed, openLog(crashed, {}, { folder: folderOf(i), slot: i }))).toEqual(range(0, 5));
});

test('nothing to do is done at once', async () => {
  await settled([]);
  const { logs } = setUp(0);
  await settled(logs);
});
