import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
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

// Node's own mkdir with `recursive` never returns here.
test.runIf(existsSync('/proc/self'))('a folder in /proc is refused', () => {
  expect(() => realDisk.makeFolder('/proc/spillway')).toThrow(/mkdir of \/proc\/spillway failed/);
});
