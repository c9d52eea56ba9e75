import { describe, expect, test } from 'vitest';
import { FOLDER, openLog, range, world } from './fixtures.ts';
import { changesOf, prove, proveLeft } from './prove.ts';
import { batchesOf, CHANGES, damaged, files, nameOf, original } from './sample.ts';

const segments = [...files].filter(([path]) => path.endsWith('.log'));

describe('a damaged file', () => {
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
    proveLeft(world(original.image('kill'), 64, 1024), true, []);
    proveLeft(world(original.image('kill'), 64, 1024), false, []);
  });

  // `npm run crash` takes every bit of every byte, at clean and unclean starts.
  test.each([...files.keys()])('%s: every byte changed, every length cut: nothing wrong is served, no good batch is lost', (path) => {
    let count = 0;
    for (const change of changesOf(path, false)) {
      count++;
      try {
        prove(change);
      } catch (error) {
        throw new Error(`${JSON.stringify(change)}: ${error instanceof Error ? error.message : error}`, { cause: error });
      }
    }
    expect(count).toBeGreaterThanOrEqual(2 * (files.get(path)?.length ?? 0));
  });

  test.each([...files])('%s removed', (path, bytes) => {
    for (const clean of [true, false]) {
      const disk = original.image('kill');
      disk.remove(path);
      proveLeft(world(disk, 64, 1024), clean, path.endsWith('.log') ? batchesOf(bytes).flatMap(({ offsets }) => offsets) : []);
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
