/**
 * Commits that were asked to be `synced`, and a machine that loses power. A process commits under strace; at each such answer its folder is
 * made again as its syncs left it, without anything that was not synced, and with what chance leaves of that. This proves that SQLite, as it
 * is set up here, has had the kernel sync all that an answer promises, names included, before the answer; not that a disk keeps its word.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from '../../src/coordinator/store.ts';
import { realDisk } from '../../src/world/disk.ts';
import { seededRandom } from '../../src/world/random.ts';
import { canTrace, TracedDisk, traceOf } from './traced-disk.ts';

/** Enough for the write-ahead log to be moved into the database once. */
const COMMITS = 700;
/** As committer.ts does it. */
const SYNCED_EVERY = 50;
/** Between two of these. */
const BETWEEN = 17;
const IMAGES = 2;

let root = '';
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'spillway-power-')));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The offset that the database of a folder holds; −1: none. */
function storedIn(folder: string): number {
  const store = openStore({ folder, disk: realDisk, pid: process.pid });
  try {
    expect(store.damaged).toBe(null);
    const offsets = store.load().flatMap((fact) => (fact.fact === 'offsetsCommitted' ? fact.rows.map(({ offset }) => offset) : []));
    return offsets[0] ?? -1;
  } finally {
    store.close();
  }
}

// What it needs is Linux, strace, and a kernel that lets it trace.
describe.runIf(canTrace)('a power loss', () => {
  test('takes no commit that was answered as synced, and leaves a database that opens', () => {
    const folder = join(root, 'data');
    mkdirSync(folder);
    const trace = traceOf(root, [fileURLToPath(new URL('./committer.ts', import.meta.url)), folder, String(COMMITS)]);
    const random = seededRandom(1);
    const lost: string[] = [];
    let looked = 0;
    let behind = 0;
    const disk: TracedDisk = new TracedDisk(folder, (text) => {
      const answered = Number(text);
      const synced = answered - (answered % SYNCED_EVERY);
      if (answered - synced !== 0 && answered - synced !== BETWEEN) return;
      for (let i = 0; i < IMAGES; i++) {
        const image = join(root, `image-${answered}-${i}`);
        disk.writeImage(image, i === 0 ? null : random);
        const stored = storedIn(image);
        rmSync(image, { recursive: true });
        looked++;
        if (stored < answered) behind++;
        if (stored < synced || stored > answered) lost.push(`${answered} was answered, ${synced} as synced, and ${stored} is there`);
      }
    });
    disk.follow(trace);
    expect(lost).toEqual([]);
    expect(looked).toBe((2 * IMAGES * COMMITS) / SYNCED_EVERY);
    // The images do lose something: commits that nobody asked to be synced.
    expect(behind).toBeGreaterThan(looked / 8);
    // Beside the first pages of the database, those that came from the log.
    expect(trace.match(/pwrite64\(\d+<[^>]*\\x64\\x62>/g)?.length ?? 0).toBeGreaterThan(10);
  }, 120_000);

  test('would be seen to take commits if syncs came later', () => {
    const folder = join(root, 'late');
    mkdirSync(folder);
    const trace = traceOf(root, [fileURLToPath(new URL('./committer.ts', import.meta.url)), folder, String(SYNCED_EVERY + 1)]);
    let stored = -1;
    const disk: TracedDisk = new TracedDisk(folder, (text) => {
      if (Number(text) !== SYNCED_EVERY) return;
      disk.writeImage(join(root, 'late-image'), null);
      stored = storedIn(join(root, 'late-image'));
    });
    // Without the syncs between the first answer and this one.
    const lines = trace.split('\n');
    const first = lines.findIndex((line) => line.includes('write(1<'));
    disk.follow(lines.filter((line, at) => at < first || !/f(data)?sync\(|f(data)?sync resumed/.test(line)).join('\n'));
    expect(stored).toBeLessThan(SYNCED_EVERY);
  }, 120_000);
});
