/** What every Disk does, run by all that are one: the real one and the one in memory. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type Disk, DiskError, type DiskFile, readWhole, replaceWhole, writeAll } from '../../src/world/disk.ts';

export function diskSuite(name: string, make: () => { disk: Disk; folder: string }): void {
  describe(name, () => {
    let disk: Disk;
    let folder: string;
    const at = (path: string): string => `${folder}/${path}`;
    const bytes = (text: string): Buffer => Buffer.from(text);
    const codeOf = (call: () => unknown): string => {
      try {
        call();
      } catch (error) {
        if (error instanceof DiskError) return error.code;
        throw error;
      }
      return 'none';
    };
    const create = (path: string, text: string): DiskFile => {
      const file = disk.open(at(path), 'create');
      if (text !== '') file.write([bytes(text)], 0);
      return file;
    };

    beforeEach(() => {
      ({ disk, folder } = make());
      disk.makeFolder(folder);
    });

    test('a file holds what was written where it was written', () => {
      const file = create('a', 'hello');
      expect(file.size()).toBe(5);
      expect(file.write([bytes('p'), bytes(''), bytes('!!')], 3)).toBe(3);
      const into = Buffer.alloc(10);
      expect(file.read(into, 0)).toBe(6);
      expect(into.toString('latin1', 0, 6)).toBe('help!!');
      expect(file.read(into.subarray(0, 2), 4)).toBe(2);
      expect(into.toString('latin1', 0, 2)).toBe('!!');
      expect(file.read(into, 6)).toBe(0);
      expect(file.read(into, 100)).toBe(0);
      file.close();
    });

    test('a write beyond the end leaves zeros between', () => {
      const file = create('a', 'ab');
      file.write([bytes('z')], 5);
      expect(readWhole(disk, at('a'))?.toString('latin1')).toBe('ab\0\0\0z');
      file.close();
    });

    test('more chunks than one writev takes are written by writeAll', () => {
      const file = create('a', '');
      const chunks = Array.from({ length: 3000 }, (_, i) => bytes(String.fromCharCode(97 + (i % 26))));
      writeAll(file, chunks, 1);
      expect(readWhole(disk, at('a'))?.toString('latin1')).toBe(`\0${chunks.map(String).join('')}`);
      file.close();
    });

    test('shared memory can be written and read into', () => {
      const file = create('a', '');
      const shared = Buffer.from(new SharedArrayBuffer(8), 2, 4);
      shared.write('abcd');
      file.write([shared, shared.subarray(1, 2)], 0);
      shared.fill(0);
      expect(file.read(shared, 1)).toBe(4);
      expect(shared.toString()).toBe('bcdb');
      file.close();
    });

    test('truncate cuts, and grows with zeros', () => {
      const file = create('a', 'hello');
      file.truncate(2);
      file.truncate(4);
      expect(readWhole(disk, at('a'))?.toString('latin1')).toBe('he\0\0');
      expect(file.size()).toBe(4);
      file.close();
    });

    test('modes: read and write want a file, create never truncates, read does not write', () => {
      expect(codeOf(() => disk.open(at('a'), 'read'))).toBe('ENOENT');
      expect(codeOf(() => disk.open(at('a'), 'write'))).toBe('ENOENT');
      expect(codeOf(() => disk.open(at('none/a'), 'create'))).toBe('ENOENT');
      create('a', 'hello').close();
      const again = disk.open(at('a'), 'create');
      expect(again.size()).toBe(5);
      again.close();
      const read = disk.open(at('a'), 'read');
      expect(codeOf(() => read.write([bytes('x')], 0))).toBe('EBADF');
      read.close();
    });

    test('a closed file refuses', () => {
      const file = create('a', 'hello');
      file.close();
      file.close();
      expect(codeOf(() => file.read(Buffer.alloc(1), 0))).toBe('EBADF');
      expect(codeOf(() => file.write([bytes('x')], 0))).toBe('EBADF');
      expect(codeOf(() => file.sync())).toBe('EBADF');
    });

    test('folders list names in order, and only their own', () => {
      expect(disk.list(at('none'))).toEqual([]);
      disk.makeFolder(at('f/g'));
      disk.makeFolder(at('f'));
      create('f/b', '').close();
      create('f/a', '').close();
      create('f/g/c', '').close();
      expect(disk.list(at('f'))).toEqual(['a', 'b', 'g']);
    });

    test('stat tells size and kind, null for nothing', () => {
      create('a', 'hello').close();
      expect(disk.stat(at('a'))).toMatchObject({ size: 5, isDirectory: false });
      expect(disk.stat(folder)).toMatchObject({ isDirectory: true });
      expect(disk.stat(at('none'))).toBe(null);
      expect(disk.stat(at('none/deep'))).toBe(null);
      expect(readWhole(disk, at('none'))).toBe(null);
      expect(readWhole(disk, folder)).toBe(null);
    });

    test('rename replaces a file in one step, moves folders, and wants a source', () => {
      create('a', 'new').close();
      create('b', 'old').close();
      disk.rename(at('a'), at('b'));
      expect(readWhole(disk, at('b'))?.toString()).toBe('new');
      expect(disk.stat(at('a'))).toBe(null);
      disk.makeFolder(at('f'));
      create('f/x', 'within').close();
      disk.rename(at('f'), at('g'));
      expect(readWhole(disk, at('g/x'))?.toString()).toBe('within');
      expect(codeOf(() => disk.rename(at('f'), at('h')))).toBe('ENOENT');
    });

    test('an open file outlives its name', () => {
      const file = create('a', 'hello');
      disk.remove(at('a'));
      expect(disk.list(folder)).toEqual([]);
      const into = Buffer.alloc(5);
      expect(file.read(into, 0)).toBe(5);
      create('a', 'other').close();
      file.write([bytes('J')], 0);
      file.read(into, 0);
      expect(into.toString()).toBe('Jello');
      expect(readWhole(disk, at('a'))?.toString()).toBe('other');
      file.close();
    });

    test('remove and removeFolder take what is not there for done', () => {
      disk.remove(at('none'));
      disk.removeFolder(at('none'));
      disk.makeFolder(at('f/g'));
      create('f/g/x', 'y').close();
      disk.removeFolder(at('f'));
      expect(disk.stat(at('f'))).toBe(null);
    });

    test('replaceWhole leaves the new bytes and no other file', () => {
      replaceWhole(disk, at('a'), bytes('one'));
      replaceWhole(disk, at('a'), bytes('two!'));
      replaceWhole(disk, at('b'), bytes(''));
      expect(readWhole(disk, at('a'))?.toString()).toBe('two!');
      expect(readWhole(disk, at('b'))?.length).toBe(0);
      expect(disk.list(folder)).toEqual(['a', 'b']);
    });

    test('later-calls end after the caller, and a file may be closed meanwhile', async () => {
      const file = create('a', 'hello');
      const events: string[] = [];
      const into = Buffer.alloc(8);
      const ended = Promise.all([
        new Promise<void>((done) =>
          file.readLater(into, 1, (error, count) => {
            events.push(`read ${error?.code ?? 'ok'} ${count}`);
            done();
          }),
        ),
        new Promise<void>((done) =>
          file.syncLater((error) => {
            events.push(`sync ${error?.code ?? 'ok'}`);
            done();
          }),
        ),
      ]);
      file.close();
      events.push('returned');
      await ended;
      expect(events[0]).toBe('returned');
      expect(events.slice(1).sort()).toEqual(['read ok 4', 'sync ok']);
      expect(into.toString('latin1', 0, 4)).toBe('ello');
    });

    test('there is space, and it is a number', () => {
      expect(disk.freeBytes(folder)).toBeGreaterThan(0);
      expect(disk.totalBytes(folder)).toBeGreaterThanOrEqual(disk.freeBytes(folder));
    });
  });
}
