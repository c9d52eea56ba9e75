import { describe, expect, test } from 'vitest';
import type { MemoryDisk } from '../../src/world/memory-disk.ts';
import { FOLDER, openLog, range, type World, world } from './fixtures.ts';
import { readCarefully } from './reader.ts';
import { batchesOf, CHANGES, damaged, END, files, nameOf, original, START } from './sample.ts';

/** What of the log may be lost by a change: these offsets, and from `cutFrom` on also the end of the log. */
interface Loss {
  offsets: readonly number[];
}

/** A log that goes in circles is found by the calls that it makes. */
function bounded(disk: MemoryDisk, name: string): void {
  const most = disk.calls + 3000;
  disk.onCall = ({ number }) => {
    if (number > most) throw new Error(`${name}: too many storage calls`);
    return null;
  };
}

function check(w: World, clean: boolean, loss: Loss, name: string): void {
  bounded(w.disk as MemoryDisk, name);
  const log = openLog(w, CHANGES, { clean });
  const must = range(START, END).filter((offset) => !loss.offsets.includes(offset));
  const { records } = readCarefully(w.disk, log);
  for (const { offset, value } of records) expect(value, name).toBe(`${offset}:`.padEnd(8, 'x'));
  const found = records.map(({ offset }) => offset).filter((offset) => offset >= START);
  expect(
    [...found].sort((a, b) => a - b),
    `${name}: in order, once`,
  ).toEqual(found);
  expect(new Set(found).size, `${name}: in order, once`).toBe(found.length);
  expect(
    must.filter((offset) => !found.includes(offset)),
    `${name}: lost`,
  ).toEqual([]);
  // A second look finds the same, quickly: damage is remembered.
  const before = log.damages.length;
  log.close(false);
  const again = openLog(w, CHANGES);
  expect(readCarefully(w.disk, again).records, `${name}: again`).toEqual(records.filter(({ offset }) => offset >= again.startOffset));
  expect(again.damages.length, `${name}: damages again`).toBeGreaterThanOrEqual(Math.min(before, again.damages.length));
  again.close(false);
}

const segments = [...files].filter(([path]) => path.endsWith('.log'));
const MASKS = process.env.SPILLWAY_ALL_BITS ? [1, 2, 4, 8, 16, 32, 64, 128, 255] : [0];

describe('every byte flipped', () => {
  test('the sample has what it is to have', () => {
    expect([...files.keys()].map(nameOf)).toEqual([
      '00000000000000000000.index',
      '00000000000000000000.log',
      '00000000000000000000.timeindex',
      '00000000000000000009.index',
      '00000000000000000009.log',
      '00000000000000000009.snapshot',
      '00000000000000000009.timeindex',
      '00000000000000000019.index',
      '00000000000000000019.log',
      '00000000000000000019.snapshot',
      '00000000000000000019.timeindex',
      '00000000000000000027.snapshot',
      'leader-epoch-checkpoint',
      'log-start-offset-checkpoint',
      'partition.metadata',
      'spillway-checkpoint',
    ]);
    expect(files.get(`${FOLDER}/00000000000000000009.index`)?.length).toBeGreaterThan(0);
    check(world(original.image('kill'), 64, 1024), true, { offsets: [] }, 'untouched');
  });

  test.each(segments)('of %s: no good batch is lost, nothing wrong is served', (path, bytes) => {
    const batches = batchesOf(bytes);
    for (const clean of [true, false]) {
      for (const [i, mask] of range(0, bytes.length).flatMap((i) => MASKS.map((mask) => [i, mask || 1 << (i % 8)] as const))) {
        const w = damaged(path, (copy) => {
          copy[i] ^= mask;
          return copy;
        });
        const hit = batches.find(({ position, length }) => i >= position && i < position + length);
        check(w, clean, { offsets: hit?.offsets ?? [] }, `${nameOf(path)} byte ${i} ^ ${mask}, ${clean ? 'clean' : 'unclean'}`);
      }
    }
  });

  test.each([...files].filter(([path]) => !path.endsWith('.log')))('of %s: nothing is lost', (path, bytes) => {
    for (const clean of [true, false]) {
      for (const [i, mask] of range(0, bytes.length).flatMap((i) => MASKS.map((mask) => [i, mask || 1 << (i % 8)] as const))) {
        const w = damaged(path, (copy) => {
          copy[i] ^= mask;
          return copy;
        });
        check(w, clean, { offsets: [] }, `${nameOf(path)} byte ${i} ^ ${mask}, ${clean ? 'clean' : 'unclean'}`);
      }
    }
  });
});

describe('every truncation', () => {
  test.each([...files])('of %s', (path, bytes) => {
    const batches = path.endsWith('.log') ? batchesOf(bytes) : [];
    for (const clean of [true, false]) {
      for (let length = 0; length < bytes.length; length++) {
        const w = damaged(path, (copy) => copy.subarray(0, length));
        const offsets = batches.filter((batch) => batch.position + batch.length > length).flatMap((batch) => batch.offsets);
        check(w, clean, { offsets }, `${nameOf(path)} cut at ${length}, ${clean ? 'clean' : 'unclean'}`);
      }
    }
  });

  test.each([...files])('%s removed', (path, bytes) => {
    for (const clean of [true, false]) {
      const disk = original.image('kill');
      disk.remove(path);
      const offsets = path.endsWith('.log') ? batchesOf(bytes).flatMap((batch) => batch.offsets) : [];
      check(world(disk, 64, 1024), clean, { offsets }, `${nameOf(path)} removed, ${clean ? 'clean' : 'unclean'}`);
    }
  });
});

describe('damaged indexes', () => {
  const times = segments.flatMap(([path]) => [path.replace(/log$/, 'index'), path.replace(/log$/, 'timeindex')]);
  test.each(times)('%s: times are found and retention removes what it should, whatever it says', (path) => {
    const bytes = files.get(path) ?? Buffer.alloc(0);
    const whole = openLog(world(original.image('kill'), 64, 1024), CHANGES, { clean: true });
    const wanted = range(990, 1150).map((timestampMs) => whole.offsetForTimestamp(timestampMs));
    for (let i = 0; i < bytes.length; i++) {
      for (const cut of [false, true]) {
        const w = damaged(path, (copy) => {
          copy[i] ^= 1 << (i % 8);
          return cut ? copy.subarray(0, i) : copy;
        });
        const log = openLog(w, CHANGES, { clean: true });
        expect(
          range(990, 1150).map((timestampMs) => log.offsetForTimestamp(timestampMs)),
          `byte ${i}`,
        ).toEqual(wanted);
        expect(log.maxTimestamp(), `byte ${i}`).toEqual(whole.maxTimestamp());
        log.close(false);
        const fresh = openLog(
          damaged(path, () => copyOf(bytes, i, cut)),
          { ...CHANGES, retentionMs: 100 },
          { clean: true },
        );
        // The first segment's newest record is of 1050, the second's of 1090.
        expect(fresh.retain(1051 + 100).segments, `byte ${i}`).toBe(1);
        expect(fresh.retain(1051 + 100).segments, `byte ${i}`).toBe(0);
        fresh.close(false);
      }
    }
    whole.close(false);
  });
});

function copyOf(bytes: Buffer, i: number, cut: boolean): Buffer {
  const copy = Buffer.from(bytes);
  copy[i] ^= 1 << (i % 8);
  return cut ? copy.subarray(0, i) : copy;
}
