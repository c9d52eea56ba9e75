import { expect, test } from 'vitest';
import type { Log } from '../../src/log/log.ts';
import { readRecords } from '../../src/record/batch-read.ts';
import { DiskError } from '../../src/world/disk.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { seededRandom } from '../../src/world/random.ts';
import { batchAt, bytesOf, damagesOf, openLog, range, readAll, type World, world } from './fixtures.ts';

/** A log under random calls, against a list of the offsets that it must hold. */
async function live(seed: number, steps: number): Promise<void> {
  const random = seededRandom(seed);
  const pick = <T>(of: readonly T[]): T => of[random.below(of.length)];
  const disk = new MemoryDisk();
  const w = world(disk, 128, 1024);
  const durability = pick(['memory', 'written', 'synced'] as const);
  const changes = { durability, segmentBytes: pick([700, 3000, 20_000]), indexIntervalBytes: pick([0, 200, 4096]) };
  let clean = false;
  let log: Log = openLog(w, changes);
  let start = 0;
  let end = 0;
  let nowMs = 1000;

  const check = (name: string): void => {
    expect([log.startOffset, log.endOffset], `${name}, seed ${seed}`).toEqual([start, end]);
    expect(readAll(w, log, start, pick([1, 300, 5000, 1e6])), `${name}, seed ${seed}`).toEqual(range(start, end));
    // A flush that was cut short leaves half a batch; the frames have it whole.
    const damages = damagesOf(w).filter(({ did }) => did !== 'the bytes were cut: no sound batch follows');
    expect(damages, `${name}, seed ${seed}`).toEqual([]);
    expect(w.arena.used * 1024).toBe(log.residentBytes);
  };
  const append = (): void => {
    for (let i = random.below(20); i >= 0; i--) {
      const batch = batchAt(end, {
        records: 1 + random.below(5),
        valueBytes: 10 + random.below(random.below(20) === 0 ? 3000 : 60),
        timestampMs: nowMs + random.below(50),
      });
      if (!log.append(batch)) {
        log.flush();
        log.evict(1e6);
        return;
      }
      end = log.endOffset;
      nowMs += 10;
    }
  };
  const steal = (): void => {
    disk.spaceBytes = usedBytes(disk) + random.below(2000);
    append();
    try {
      log.flush();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      const at = pick([log.writtenOffset, log.endOffset].filter((offset) => offset >= start));
      log.truncateTo(at);
      end = at;
    }
    disk.spaceBytes = Number.POSITIVE_INFINITY;
  };
  const sync = async (): Promise<void> => {
    if (!log.unsynced || durability !== 'synced') return;
    disk.onCall = random.below(4) === 0 ? (call) => (call.operation === 'sync' ? 'EIO' : null) : null;
    const error = await new Promise((done) => log.syncLater(done));
    disk.onCall = null;
    if (error === null) expect(log.syncedOffset).toBe(log.writtenOffset);
    else log.rehomeUnsynced();
  };
  const reopen = (): void => {
    const adopt = random.below(2) === 0;
    if (!adopt) {
      if (random.below(2) === 0) log.flush();
      clean = random.below(2) === 0;
      if (!clean) end = log.writtenOffset;
      if (!clean) start = Math.min(start, end);
      log.close(clean);
    }
    const before = log;
    log = openLog(w, changes, { adopt, clean: !adopt && clean, nowMs });
    if (!adopt && !clean && log.startOffset > end) end = log.startOffset;
    if (!adopt && !clean) start = log.startOffset;
    if (adopt) expect(log.endOffset).toBe(before.endOffset);
    // The dead host's object is of no use any more, but its syncs may still end.
  };
  const remove = (): void => {
    start += random.below(end - start + 1);
    log.deleteBefore(start);
  };
  const retain = (): void => {
    log.configure({ ...log.config, retentionMs: pick([-1, 400, 3000]), retentionBytes: pick([-1, 3000, 0]) });
    log.retain(nowMs);
    start = log.startOffset;
  };

  const actions: [name: string, action: () => unknown][] = [
    ['append', append],
    ['append', append],
    ['append', append],
    ['flush', () => log.flush()],
    ['evict', () => void log.evict(random.below(50_000))],
    ['steal', steal],
    ['sync', sync],
    ['reopen', reopen],
    ['remove', remove],
    ['retain', retain],
    ['roll', () => log.rollIfDue(nowMs + random.below(2) * 1e12)],
    ['verify', () => void (end > start && log.verify(start + random.below(end - start)))],
    ['times', () => checkTimes(w, log)],
  ];
  for (let step = 0; step < steps; step++) {
    const [name, action] = pick(actions);
    await action();
    check(`${step} ${name}`);
  }
}

function checkTimes(w: World, log: Log): void {
  const times: { offset: number; timestampMs: number }[] = [];
  for (let offset = log.startOffset; offset < log.endOffset; ) {
    const read = log.read(offset, 1, log.endOffset);
    if (read.kind === 'none' || read.kind === 'error') throw new Error(`${read.kind} at ${offset}`);
    const bytes = bytesOf(w, log, read);
    for (const { offset: at, timestampMs } of readRecords(bytes, 0, bytes.length, offset)) times.push({ offset: at, timestampMs });
    offset = read.nextOffset;
  }
  for (let i = 0; i < times.length; i += 7) {
    const { timestampMs } = times[i];
    expect(log.offsetForTimestamp(timestampMs)).toEqual(times.find((record) => record.timestampMs >= timestampMs));
  }
  const largest = Math.max(-1, ...times.map(({ timestampMs }) => timestampMs));
  expect(log.maxTimestamp()).toEqual(times.find(({ timestampMs }) => timestampMs === largest) ?? null);
  expect(log.offsetForTimestamp(largest + 1)).toBe(null);
}

function usedBytes(disk: MemoryDisk): number {
  let bytes = 0;
  for (const [, content] of disk.files()) bytes += content.length;
  return bytes;
}

test('a log does what a list would do', async () => {
  const seeds = Number(process.env.SPILLWAY_SEEDS ?? 40);
  const first = Number(process.env.SPILLWAY_SEED ?? 1);
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      await live(seed, 60);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
}, 600_000);
