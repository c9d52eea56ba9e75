/** Where a bus listens is noted in its folder, for whoever finds the folder taken. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localAddress, notedAddresses, noteListening } from '../../src/bus/listening-note.ts';
import { Bus } from '../../src/bus.ts';
import { DiskError, realDisk } from '../../src/world/disk.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'spillway-note-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('an address as a client on this machine reaches it', () => {
  expect(localAddress({ host: '127.0.0.1', port: 9092, path: null })).toBe('127.0.0.1:9092');
  expect(localAddress({ host: '0.0.0.0', port: 9092, path: null })).toBe('127.0.0.1:9092');
  expect(localAddress({ host: '::', port: 9092, path: null })).toBe('[::1]:9092');
  expect(localAddress({ host: '', port: 0, path: '/run/bus' })).toBe('unix:/run/bus');
});

test('each listener of a bus is noted while it listens', async () => {
  const bus = await Bus.open({ dir, logLevel: 'silent' });
  expect(notedAddresses(realDisk, dir, process.pid)).toEqual([]);
  const one = await bus.listen({ port: 0 });
  const other = await bus.listen({ port: 0 });
  expect(notedAddresses(realDisk, dir, process.pid)).toEqual([`127.0.0.1:${one.port}`, `127.0.0.1:${other.port}`]);
  await one.close();
  expect(notedAddresses(realDisk, dir, process.pid)).toEqual([`127.0.0.1:${other.port}`]);
  await bus.close();
  expect(realDisk.list(dir)).not.toContain('listening');
});

test('the note of a process that is gone counts for nothing, and a disk that refuses a note is no failure', () => {
  noteListening(realDisk, dir, 1, ['127.0.0.1:9092']);
  expect(notedAddresses(realDisk, dir, 2)).toEqual([]);
  const refusing = {
    ...realDisk,
    open: () => {
      throw new DiskError('ENOSPC', 'open', dir);
    },
  };
  expect(() => noteListening(refusing, dir, 2, ['127.0.0.1:9092'])).not.toThrow();
});
