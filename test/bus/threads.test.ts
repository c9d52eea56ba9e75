/** The bus as it is: threads, shared memory, with and without a folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { Bus } from '../../src/index.ts';
import { busSuite } from '../suites/bus.ts';

const folder = mkdtempSync(join(tmpdir(), 'spillway-suite-'));
afterAll(() => rmSync(folder, { recursive: true }));

const options = { hosts: 2, memoryBytesMax: 64 * 1024 * 1024, retentionCheckMs: 100, logLevel: 'silent' } as const;
busSuite('a bus on threads, in memory', 'bus', () => Bus.open(options));
busSuite('a bus on threads, with a folder', 'bus', () => Bus.open({ ...options, dir: join(folder, 'data') }));
