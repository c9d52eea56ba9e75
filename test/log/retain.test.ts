import { describe, expect, test } from 'vitest';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { batchAt, FOLDER, fill, openLog, range, readAll, world } from './fixtures.ts';

const logs = (disk: MemoryDisk): string[] => disk.list(FOLDER).filter((name) => name.endsWith('.log'));

/** Five segments of ten batches, offset by offset, a record each 10 ms from 1000 on. */
function five(changes = {}): { w: ReturnType<typeof world>; disk: MemoryDisk; log: ReturnType<typeof openLog> } {
  const disk = new MemoryDisk();
  const w = world(disk);
  const size = batchAt(10, { timestampMs: 1000 }).length;
  const log = openLog(w, { segmentBytes: size * 10, ...changes });
  while (log.endOffset < 50)
    log.append(batchAt(log.endOffset, { valueBytes: log.endOffset < 10 ? 22 : 20, timestampMs: 1000 + log.endOffset * 10 }));
  log.flush();
  return { w, disk, log };
}

describe('retention', () => {
  test('by time: segments whose newest record is too old', () => {
    const { w, disk, log } = five({ retentionMs: 1000 });
    const before = logs(disk).length;
    expect(log.retain(2080)).toEqual({ segments: 0, bytes: 0 });
    const gone = log.retain(2250);
    expect(gone.segments).toBeGreaterThan(0);
    expect(logs(disk)).toHaveLength(before - gone.segments);
    expect(log.startOffset).toBe(Number(logs(disk)[0].slice(0, 20)));
    expect(readAll(w, log)).toEqual(range(log.startOffset, 50));
    expect(disk.list(FOLDER).filter((name) => name.startsWith('00000000000000000000'))).toEqual([]);
  });

  test('by time: when all of it is old the log is empty, goes on at its end, and a start knows where that is', () => {
    const { w, disk, log } = five({ retentionMs: 1000 });
    log.retain(1e9);
    expect([log.startOffset, log.endOffset]).toEqual([50, 50]);
    expect(logs(disk)).toEqual(['00000000000000000050.log']);
    expect(log.retain(2e9)).toEqual({ segments: 0, bytes: 0 });
    log.close(false);
    const crashed = world(disk.image('kill'));
    const again = openLog(crashed);
    expect([again.startOffset, again.endOffset]).toEqual([50, 50]);
    fill(again, 55);
    expect(readAll(crashed, again)).toEqual(range(50, 55));
    expect(w.arena.used).toBe(0);
  });

  test('by bytes: the oldest segments, as long as the rest holds that much', () => {
    const { w, log } = five();
    const { logBytes, segmentCount } = log;
    log.configure({ ...log.config, retentionBytes: logBytes });
    expect(log.retain(0).segments).toBe(0);
    log.configure({ ...log.config, retentionBytes: logBytes / 2 });
    const { segments } = log.retain(0);
    expect(segments).toBeGreaterThan(0);
    expect(log.segmentCount).toBe(segmentCount - segments);
    expect(log.logBytes).toBeGreaterThanOrEqual(logBytes / 2);
    expect(readAll(w, log)).toEqual(range(log.startOffset, 50));
  });

  test('only what is committed, and nothing without cleanup.policy=delete', async () => {
    const { log } = five({ durability: 'synced', retentionMs: 0 });
    expect(log.retain(1e9).segments).toBe(0);
    await new Promise((done) => log.syncLater(done));
    log.configure({ ...log.config, cleanupDelete: false });
    expect(log.retain(1e9).segments).toBe(0);
    log.configure({ ...log.config, cleanupDelete: true });
    expect(log.retain(1e9).segments).toBeGreaterThan(4);
  });

  test('of a log that was only listed: sizes and times are learnt when asked for', () => {
    const { disk, log } = five();
    log.close(true);
    const opened: string[] = [];
    disk.onCall = ({ operation, path }) => {
      if (operation === 'open' && path.endsWith('.log')) opened.push(path);
      return null;
    };
    const again = openLog(world(disk), { segmentBytes: 900, retentionMs: 1000 }, { clean: true });
    expect(opened).toEqual([]);
    expect(again.retain(2250).segments).toBeGreaterThan(0);
    expect(opened.length).toBeGreaterThan(0);
  });

  test('of a log in memory gives its frames back', () => {
    const w = world(new MemoryDisk(), 2048, 16_384);
    const log = openLog(w, { retentionBytes: 17 * 1024 * 1024 }, { folder: null });
    const batch = batchAt(0, { valueBytes: 100_000 });
    while (log.startOffset === 0) {
      batch.writeUInt32BE(log.endOffset, 4);
      expect(log.append(batch)).toBe(true);
      log.retain(0);
    }
    expect(w.arena.usedBytes).toBeLessThan(20 * 1024 * 1024);
    expect(log.read(log.startOffset, 1, log.endOffset)).toMatchObject({ kind: 'resident' });
  });
});

describe('deleteBefore', () => {
  test('is durable when it returns, whatever was synced otherwise', () => {
    const { disk, log } = five({ durability: 'memory' });
    disk.settle();
    log.deleteBefore(23);
    for (const kind of ['dropped', 'torn', 'reordered', 'kill'] as const) {
      const w = world(disk.image(kind, 5));
      const again = openLog(w);
      expect(again.startOffset, kind).toBe(23);
      expect(readAll(w, again), kind).toEqual(range(23, 50));
    }
  });

  test('changes nothing when the disk refuses', () => {
    const { w, disk, log } = five();
    disk.onCall = ({ operation }) => (operation === 'sync' ? 'EIO' : null);
    expect(() => log.deleteBefore(23)).toThrow('EIO');
    disk.onCall = null;
    expect(log.startOffset).toBe(0);
    expect(readAll(w, log)).toEqual(range(0, 50));
    log.deleteBefore(50);
    expect([log.startOffset, log.endOffset]).toEqual([50, 50]);
  });
});
