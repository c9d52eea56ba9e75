import { describe, expect, test } from 'vitest';
import { IndexCache, IndexFile } from '../../src/log/index-file.ts';
import { OffsetIndex } from '../../src/log/offset-index.ts';
import { LogShared, OpenFiles } from '../../src/log/shared.ts';
import { TimeIndex } from '../../src/log/time-index.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { fill, openLog, range, readAll, world } from './fixtures.ts';

describe('the offset index', () => {
  test('finds the last entry at or below an offset or a position, in memory, in the file, and across', () => {
    for (const released of [0, 40, 100]) {
      const index = new OffsetIndex(new MemoryDisk(), new IndexCache(), '/i', 1000);
      for (let i = 0; i < 100; i++) index.append(1010 + i * 10, 500 * (i + 1));
      index.file.release(released);
      expect(index.floorOffset(1009)).toBe(0);
      expect(index.found).toBe(false);
      for (const i of [0, 1, 39, 40, 41, 98, 99]) {
        for (const more of [0, 9]) expect(index.floorOffset(1010 + i * 10 + more), `${i}`).toBe(500 * (i + 1));
        for (const more of [0, 499]) expect(index.floorPosition(500 * (i + 1) + more), `${i}`).toBe(500 * (i + 1));
        expect(index.foundOffset).toBe(1010 + i * 10);
      }
    }
  });

  test('goes on in its file where it ended', () => {
    const disk = new MemoryDisk();
    const index = new OffsetIndex(disk, new IndexCache(), '/i', 0);
    for (let i = 1; i <= 200; i++) {
      index.append(i, i * 10);
      if (i % 7 === 0) index.file.write();
      if (i % 30 === 0) index.file.release(i - 5);
      if (i === 100) index.file.truncate(90);
    }
    index.file.write();
    expect(disk.stat('/i')?.size).toBe(190 * 8);
    expect(index.floorOffset(101)).toBe(1010);
    expect(index.floorOffset(99)).toBe(900);
    expect(index.floorOffset(50)).toBe(500);
  });
});

test('the time index keeps ascending timestamps, and finds the last at or below one', () => {
  const index = new TimeIndex(new MemoryDisk(), new IndexCache(), '/t', 0);
  for (const [timestamp, offset] of [
    [100, 5],
    [90, 9],
    [100, 12],
    [150, 20],
    [-1, 30],
  ]) {
    index.append(timestamp, offset);
  }
  expect(index.file.count).toBe(2);
  expect(index.floor(99)).toBe(false);
  expect(index.floor(149) && [index.foundTimestamp, index.foundOffset]).toEqual([100, 5]);
  index.file.release(2);
  expect(index.last() && [index.foundTimestamp, index.foundOffset]).toEqual([150, 20]);
});

describe('bounds over many logs', () => {
  test('index files in memory: the least recently used goes', () => {
    const disk = new MemoryDisk();
    const cache = new IndexCache(250);
    const files = range(0, 5).map((i) => {
      const file = new IndexFile(disk, cache, `/${i}`, 8);
      for (let j = 0; j < 10; j++) {
        const at = file.grow();
        file.window.writeDoubleBE(i, at);
      }
      file.release(10);
      return file;
    });
    for (const [i, file] of files.entries()) {
      expect(file.older().readDoubleBE(8)).toBe(i);
      files[0].older();
      expect(cache.bytes).toBeLessThanOrEqual(250);
    }
    expect([cache.get(files[0]), cache.get(files[1])].map((bytes) => bytes !== undefined)).toEqual([true, false]);
  });

  test('open files: those that may be closed are, and are opened again when needed', () => {
    const shared = new LogShared(new IndexCache(), new OpenFiles(3));
    const logs = range(0, 8).map((i) => {
      const w = world();
      const log = openLog(w, { durability: i === 0 ? 'synced' : 'written' }, { shared, folder: `/data/t-${i}` });
      return { w, log };
    });
    for (let round = 0; round < 3; round++) {
      for (const { log } of logs) {
        fill(log, log.endOffset + 5);
        log.flush();
        expect(shared.files.count).toBeLessThanOrEqual(3);
      }
    }
    for (const { w, log } of logs) {
      expect(readAll(w, log)).toEqual(range(0, 15));
      log.close(true);
    }
    expect(shared.files.count).toBe(0);
  });
});
