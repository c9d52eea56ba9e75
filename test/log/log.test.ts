import { describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import type { Log } from '../../src/log/log.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { batchAt, damagesOf, FOLDER, fill, openLog, range, readAll, world } from './fixtures.ts';

describe('append and read', () => {
  test('what is appended is read from memory, from the file, and across both', () => {
    const w = world();
    const log = openLog(w);
    fill(log, 300, { records: 3 });
    expect(readAll(w, log)).toEqual(range(0, 300));
    log.flush();
    expect(log.writtenOffset).toBe(300);
    expect(log.evict(20_000)).toBeGreaterThan(0);
    fill(log, 360);
    expect(log.read(0, 1000, 360).kind).toBe('file');
    expect(log.read(359, 1000, 360).kind).toBe('resident');
    for (const bytesMax of [1, 100, 1000, 100_000]) expect(readAll(w, log, 0, bytesMax)).toEqual(range(0, 360));
    log.evict(1e9);
    expect(readAll(w, log)).toEqual(range(0, 360));
  });

  test('a read starts at the batch that holds the offset, passes no limit, and gives one batch at least', () => {
    const w = world();
    const log = openLog(w);
    fill(log, 100, { records: 10 });
    const from = batchAt(0, { records: 10 }).length;
    const to = from + batchAt(10, { records: 10 }).length;
    expect(log.read(15, 1, 100)).toMatchObject({ kind: 'resident', from, to, nextOffset: 20 });
    expect(log.read(15, 1e6, 55)).toMatchObject({ from, nextOffset: 50 });
    expect(log.read(55, 1e6, 57)).toEqual({ kind: 'none', nextOffset: 55 });
    expect(log.read(100, 1e6, 100)).toEqual({ kind: 'none', nextOffset: 100 });
    expect(log.read(101, 1e6, 101)).toEqual({ kind: 'error', error: errors.OFFSET_OUT_OF_RANGE.code });
    expect(log.read(-1, 1e6, 101)).toEqual({ kind: 'error', error: errors.OFFSET_OUT_OF_RANGE.code });
  });

  test('rolls by size, and a read ends where its segment does', () => {
    const w = world();
    const log = openLog(w, { segmentBytes: 2000 });
    fill(log, 200);
    log.flush();
    expect(log.segmentCount).toBeGreaterThan(5);
    expect(readAll(w, log, 0, 1e6)).toEqual(range(0, 200));
    log.evict(1e9);
    expect(readAll(w, log, 0, 1e6)).toEqual(range(0, 200));
    expect(readAll(w, log, 77, 1)).toEqual(range(77, 200));
  });

  test('refuses a batch, changing nothing, when the arena is full', () => {
    const w = world(new MemoryDisk(), 16);
    const log = openLog(w);
    while (log.append(batchAt(log.endOffset, { valueBytes: 3000 }))) {}
    const { endOffset } = log;
    expect(w.arena.used).toBeLessThanOrEqual(16);
    log.flush();
    log.evict(1e9);
    expect(w.arena.used).toBe(0);
    expect(log.append(batchAt(endOffset, { valueBytes: 3000 }))).toBe(true);
    expect(readAll(w, log)).toEqual(range(0, endOffset + 1));
  });
});

describe('a disk that refuses', () => {
  test('what was written whole counts, the rest is taken back, and the log goes on', () => {
    for (let room = 1; room < 3000; room += 97) {
      const disk = new MemoryDisk();
      const w = world(disk);
      const log = openLog(w, { segmentBytes: 1500 });
      fill(log, 5);
      log.flush();
      disk.spaceBytes = room + usedBytes(disk);
      fill(log, 40);
      expect(() => log.flush()).toThrow('ENOSPC');
      expect(log.writtenOffset).toBeGreaterThanOrEqual(5);
      const { writtenOffset } = log;
      log.truncateUnwritten();
      expect(log.endOffset).toBe(writtenOffset);
      disk.spaceBytes = Number.POSITIVE_INFINITY;
      expect(readAll(w, log)).toEqual(range(0, writtenOffset));
      fill(log, 60);
      log.flush();
      log.close(false);
      const again = openLog(w, { segmentBytes: 1500 });
      expect(readAll(w, again)).toEqual(range(0, 60));
      expect(damagesOf(w)).toEqual([]);
      again.close(false);
    }
  });
});

function usedBytes(disk: MemoryDisk): number {
  let bytes = 0;
  for (const [, content] of disk.files()) bytes += content.length;
  return bytes;
}

describe('closing and opening', () => {
  test('a clean close is believed: nothing is walked', () => {
    const w = world();
    w.producers.push({
      producerId: 7,
      producerEpoch: 1,
      lastSequence: 9,
      lastOffset: 99,
      offsetDelta: 0,
      timestampMs: 5,
      coordinatorEpoch: -1,
      currentTxnFirstOffset: -1,
    });
    const log = openLog(w, { segmentBytes: 3000 });
    fill(log, 500);
    log.close(true);
    expect(w.arena.used).toBe(0);
    const again = openLog(w, { segmentBytes: 3000 }, { clean: true });
    expect(w.events).toEqual([]);
    expect(w.visited).toEqual([]);
    expect(w.loaded).toEqual(w.producers);
    expect(again.endOffset).toBe(500);
    expect(readAll(w, again)).toEqual(range(0, 500));
    fill(again, 700);
    again.flush();
    again.evict(1e9);
    expect(readAll(w, again)).toEqual(range(0, 700));
  });

  test('an unclean one is walked, and gives the same', () => {
    const w = world();
    const log = openLog(w, { segmentBytes: 3000 });
    fill(log, 500);
    log.flush();
    log.close(false);
    const again = openLog(w, { segmentBytes: 3000 });
    expect(damagesOf(w)).toEqual([]);
    expect(again.endOffset).toBe(500);
    expect(readAll(w, again)).toEqual(range(0, 500));
  });

  test('bytes that were found count as checked when they were walked, those that came in since do from the start', () => {
    const w = world();
    const log = openLog(w, { segmentBytes: 3000 });
    fill(log, 500);
    log.close(true);
    const clean = openLog(w, { segmentBytes: 3000 }, { clean: true });
    const last = clean.read(499, 1, 500);
    fill(clean, 501);
    clean.flush();
    clean.evict(1e9);
    const checkedAt = (log: Log, offset: number): boolean | null => {
      const read = log.read(offset, 1, 501);
      return read.kind === 'file' ? read.checked : null;
    };
    expect(last).toMatchObject({ kind: 'file', checked: false });
    expect([0, 250, 499, 500].map((offset) => checkedAt(clean, offset))).toEqual([false, false, false, true]);
    // One slice of what was found and what was not is for the reader to check.
    expect(clean.read(499, 1e6, 501)).toMatchObject({ nextOffset: 501, checked: false });
    clean.verify(0);
    expect([0, 250].map((offset) => checkedAt(clean, offset))).toEqual([true, false]);
    clean.close(false);
    // An unclean end: the last segment is walked.
    const walked = openLog(w, { segmentBytes: 3000 });
    expect([499, 500].map((offset) => checkedAt(walked, offset))).toEqual([true, true]);
  });

  test('a torn end is cut and reported', () => {
    const disk = new MemoryDisk();
    const w = world(disk);
    const log = openLog(w);
    fill(log, 50);
    log.flush();
    log.close(false);
    const path = `${FOLDER}/00000000000000000000.log`;
    const file = disk.open(path, 'write');
    const whole = file.size();
    const size = batchAt(0).length;
    file.truncate(whole - 5);
    const again = openLog(w);
    expect(again.endOffset).toBe(49);
    expect(damagesOf(w)).toMatchObject([{ path, position: whole - batchAt(49).length, what: 'the bytes end within a batch' }]);
    expect(size).toBeGreaterThan(60);
    expect(readAll(w, again)).toEqual(range(0, 49));
  });

  test('a host that died is succeeded: what memory alone held is adopted', () => {
    const w = world();
    const memory = { durability: 'memory', segmentBytes: 5000 } as const;
    const log = openLog(w, memory);
    fill(log, 100);
    log.flush();
    fill(log, 250);
    const again = openLog(w, memory, { adopt: true });
    expect(again.endOffset).toBe(250);
    expect(again.writtenOffset).toBe(100);
    // From the snapshot of the last roll that reached the disk.
    expect(w.visited).toEqual(range(55, 250));
    expect(readAll(w, again)).toEqual(range(0, 250));
    fill(again, 300);
    again.flush();
    again.evict(1e9);
    expect(w.arena.used).toBe(0);
    expect(readAll(w, again)).toEqual(range(0, 300));
  });

  test('a log without a folder lives in the arena alone, and is adopted too', () => {
    const w = world();
    const log = openLog(w, {}, { folder: null });
    fill(log, 100);
    log.flush();
    expect(log.committedOffset).toBe(100);
    log.deleteBefore(30);
    expect(readAll(w, log)).toEqual(range(30, 100));
    const again = openLog(w, {}, { folder: null, adopt: true });
    expect([again.startOffset, again.endOffset]).toEqual([30, 100]);
    expect(readAll(w, again)).toEqual(range(30, 100));
    again.deleteBefore(100);
    expect(w.arena.used).toBe(0);
    const third = openLog(w, {}, { folder: null, adopt: true });
    expect([third.startOffset, third.endOffset]).toEqual([100, 100]);
    fill(third, 120);
    expect(readAll(w, third)).toEqual(range(100, 120));
  });

  test('destroy leaves nothing', () => {
    const disk = new MemoryDisk();
    const w = world(disk);
    const log = openLog(w);
    fill(log, 100);
    log.flush();
    log.destroy();
    expect([...disk.files()]).toEqual([]);
    expect(w.arena.used).toBe(0);
  });
});
