import { describe, expect, test } from 'vitest';
import type { Durability } from '../../src/log/config.ts';
import type { Log } from '../../src/log/log.ts';
import { Arena } from '../../src/world/arena.ts';
import { DiskError } from '../../src/world/disk.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { batchAt, damagesOf, fill, openLog, range, readAll, type World, world } from './fixtures.ts';

/** What a thread does when it is killed between two instructions. */
class Died extends Error {}

/** Kills the thread at the n-th access to what outlives it: a word or a frame of the arena, or the disk. Until `count` is NaN. */
function dieAt(w: World, n: number): { count: number } {
  const steps = { count: 0 };
  const step = (): void => {
    if (++steps.count === n) throw new Died();
  };
  const { arena } = w;
  const { take, give, writeWord, frame } = arena;
  arena.take = (slot, number) => {
    step();
    return take.call(arena, slot, number);
  };
  arena.give = (id) => {
    step();
    give.call(arena, id);
  };
  arena.writeWord = (slot, word, value) => {
    step();
    writeWord.call(arena, slot, word, value);
  };
  arena.frame = (id) => {
    step();
    return frame.call(arena, id);
  };
  (w.disk as MemoryDisk).onCall = () => {
    step();
    return null;
  };
  return steps;
}

function lifeOf(w: World, durability: Durability, folder: string | null): { log: Log; acked: { start: number; end: number } } {
  const changes = { durability, segmentBytes: 900, indexIntervalBytes: 200 };
  const log = openLog(w, changes, folder === null ? { folder } : {});
  return { log, acked: { start: 0, end: 0 } };
}

function liveOn(log: Log, acked: { start: number; end: number }, isInMemory: boolean): void {
  for (let i = 0; i < 12; i++) {
    for (let j = 0; j < 3; j++) {
      if (!log.append(batchAt(log.endOffset, { records: 1 + (i % 2), valueBytes: 20 + ((i * 37) % 300) })))
        throw new Error('the arena is full');
      acked.end = log.endOffset;
    }
    if (i % 3 === 1) log.flush();
    if (i % 4 === 2) log.evict(700);
    if (i === 7) {
      const target = isInMemory ? 5 : 3;
      acked.start = target;
      log.deleteBefore(target);
    }
    if (i === 9) log.evict(1e9);
  }
}

describe.each([
  ['memory', '/data'],
  ['written', '/data'],
  ['memory', null],
] as const)('a host of a %s log in %s that dies at any instruction', (durability, folder) => {
  test('is succeeded, and nothing that was appended is lost', () => {
    for (let n = 1; ; n++) {
      const w = world(new MemoryDisk(), 64, 512);
      const { log, acked } = lifeOf(w, durability, folder);
      const steps = dieAt(w, n);
      try {
        liveOn(log, acked, folder === null);
        return expect(steps.count).toBeGreaterThan(100);
      } catch (error) {
        if (!(error instanceof Died)) throw error;
      }
      // A second one dies while it adopts, at an instruction of its own; the third one must find all the same.
      for (const second of [1 + ((n * 7) % 60), 0]) {
        const next: World = { ...w, arena: new Arena(w.arena.handle), events: [] };
        (w.disk as MemoryDisk).onCall = null;
        const deaths = dieAt(next, second);
        let adopted: Log;
        try {
          adopted = openLog(
            next,
            { durability, segmentBytes: 900, indexIntervalBytes: 200 },
            { adopt: true, ...(folder === null ? { folder } : {}) },
          );
        } catch (error) {
          if (error instanceof Died) continue;
          throw error;
        }
        deaths.count = Number.NaN;
        const fresh: World = { ...next, arena: new Arena(w.arena.handle) };
        const found = readAll(fresh, adopted);
        const { startOffset, endOffset } = adopted;
        expect(found, `death ${n}, ${second}`).toEqual(range(startOffset, endOffset));
        expect(startOffset, `death ${n}, ${second}`).toBeLessThanOrEqual(acked.start);
        expect(endOffset, `death ${n}, ${second}`).toBeGreaterThanOrEqual(acked.end);
        expect(damagesOf(next).filter(({ did }) => !did.startsWith('the bytes were cut'))).toEqual([]);
        // Every frame is somebody's; the count may be one too high for each death between two words.
        expect(fresh.arena.framesOf(0).size * 512).toBe(adopted.residentBytes);
        expect(fresh.arena.used * 512 - adopted.residentBytes).toBeLessThanOrEqual(2 * 512);
        break;
      }
    }
  });
});

describe('adoption', () => {
  test('copies nothing: the frames stay where they are', () => {
    const w = world(new MemoryDisk(), 64, 512);
    const log = openLog(w, { durability: 'memory' });
    fill(log, 20);
    log.flush();
    fill(log, 100);
    const before = new Map(w.arena.framesOf(0));
    const again = openLog(w, { durability: 'memory' }, { adopt: true });
    for (const [number, id] of w.arena.framesOf(0)) expect(before.get(number)).toBe(id);
    expect(again.unwrittenBytes).toBe(80 * batchAt(20).length);
    expect(readAll(w, again)).toEqual(range(0, 100));
  });

  test('rolls as appending would have, and tells of every batch once', () => {
    const w = world(new MemoryDisk(), 128, 512);
    const changes = { durability: 'memory' as const, segmentBytes: 1000 };
    const log = openLog(w, changes);
    fill(log, 10);
    log.flush();
    fill(log, 100);
    const { segmentCount } = log;
    const again = openLog(w, changes, { adopt: true });
    expect(again.segmentCount).toBe(segmentCount);
    expect(w.visited).toEqual([...new Set(w.visited)]);
    expect(w.visited.at(-1)).toBe(99);
    again.flush();
    expect((w.disk as MemoryDisk).list('/data/flights-0').filter((name) => name.endsWith('.log')).length).toBe(segmentCount);
  });

  test('a disk that refuses the start leaves everything for the next try', () => {
    const w = world(new MemoryDisk(), 64, 512);
    const log = openLog(w, { durability: 'memory' });
    fill(log, 20);
    log.flush();
    fill(log, 60);
    const disk = w.disk as MemoryDisk;
    for (let n = 1; ; n++) {
      disk.failAt(disk.calls + n, 'EIO');
      try {
        const again = openLog(w, { durability: 'memory' }, { adopt: true });
        disk.onCall = null;
        expect(readAll(w, again)).toEqual(range(0, 60));
        if (n < 5) continue;
        return expect(n).toBeGreaterThan(4);
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
      }
    }
  });

  test('damaged resident bytes are not served', () => {
    const w = world(new MemoryDisk(), 64, 512);
    const log = openLog(w, {}, { folder: null });
    fill(log, 20);
    const size = batchAt(0).length;
    const frames = w.arena.framesOf(0);
    const at = 12 * size + 70;
    w.arena.frame(frames.get(Math.floor(at / 512)) ?? -1)[at % 512] ^= 1;
    const again = openLog(w, {}, { folder: null, adopt: true });
    expect(damagesOf(w)).toMatchObject([{ what: 'resident bytes are damaged' }]);
    expect(readAll(w, again)).toEqual(range(0, again.endOffset));
    expect(again.endOffset).toBeLessThan(14);
  });
});

test('nothing of a log that was removed is taken for the next one of its slot', () => {
  const w = world(new MemoryDisk(), 64, 512);
  const removed = openLog(w, { durability: 'memory' }, { folder: null });
  fill(removed, 9);
  removed.destroy();
  // A successor adopts whatever it opens.
  const log = openLog(w, { durability: 'memory' }, { folder: null, adopt: true });
  expect([log.startOffset, log.endOffset]).toEqual([0, 0]);
});
