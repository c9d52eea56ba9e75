import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { realDisk } from '../../src/world/disk.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { diskSuite } from '../suites/disk.ts';

const root = mkdtempSync(join(tmpdir(), 'spillway-disk-'));
let count = 0;
afterAll(() => rmSync(root, { recursive: true }));

diskSuite('the real disk', () => ({ disk: realDisk, folder: join(root, String(count++)) }));
diskSuite('the disk in memory', () => ({ disk: new MemoryDisk(), folder: '/data' }));
