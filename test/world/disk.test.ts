import fs, { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { MiB } from '../../src/base/bytes.ts';
import { DiskError, realDisk } from '../../src/world/disk.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { diskSuite } from '../suites/disk.ts';

const root = mkdtempSync(join(tmpdir(), 'spillway-disk-'));
let count = 0;
afterAll(() => rmSync(root, { recursive: true }));

diskSuite('the real disk', () => ({ disk: realDisk, folder: join(root, String(count++)) }));
diskSuite('the disk in memory', () => ({ disk: new MemoryDisk(), folder: '/data' }));

test('a folder that cannot be made is refused, with the path that stands in its way', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  expect(() => realDisk.makeFolder(file)).toThrow(new DiskError('EEXIST', 'mkdir', file).message);
  expect(() => realDisk.makeFolder(join(file, 'a', 'b'))).toThrow(new DiskError('EEXIST', 'mkdir', file).message);
});

// What takes long is the last close of a file without a name.
test.each(['remove', 'removeFolder'] as const)('%s leaves to another thread what a large file takes', async (verb) => {
  const close = vi.spyOn(fs, 'close');
  const closeSync = vi.spyOn(fs, 'closeSync');
  const folder = join(root, verb);
  realDisk.makeFolder(folder);
  const path = join(folder, 'large');
  for (const [bytes, calls] of [
    [16 * MiB - 1, 0],
    [16 * MiB, 1],
  ]) {
    realDisk.makeFolder(folder);
    const file = realDisk.open(path, 'create');
    file.truncate(bytes);
    file.close();
    closeSync.mockClear();
    realDisk[verb](verb === 'remove' ? path : folder);
    expect(realDisk.stat(path)).toBe(null);
    expect(close).toHaveBeenCalledTimes(calls);
    expect(closeSync).not.toHaveBeenCalled();
  }
  const [fd] = close.mock.calls[0];
  await expect.poll(() => isOpen(fd)).toBe(false);
  vi.restoreAllMocks();
});

function isOpen(fd: number): boolean {
  try {
    // Its number may be another file's by now, which has a name.
    return fs.fstatSync(fd).nlink === 0;
  } catch {
    return false;
  }
}

// Node's own mkdir with `recursive` never returns here.
test.runIf(existsSync('/proc/self'))('a folder in /proc is refused', () => {
  expect(() => realDisk.makeFolder('/proc/spillway')).toThrow(/mkdir of \/proc\/spillway failed/);
});
