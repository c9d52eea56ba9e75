import { describe, expect, test } from 'vitest';
import type { DiskFile } from '../../src/world/disk.ts';
import { readWhole } from '../../src/world/disk.ts';
import { type CrashKind, MemoryDisk } from '../../src/world/memory-disk.ts';

const text = (disk: MemoryDisk, path: string): string | undefined => readWhole(disk, path)?.toString('latin1');

function diskWith(content: string): { disk: MemoryDisk; file: DiskFile } {
  const disk = new MemoryDisk();
  const file = disk.open('/a', 'create');
  file.write([Buffer.from(content)], 0);
  file.sync();
  disk.syncFolder('/');
  return { disk, file };
}

describe('what a crash leaves', () => {
  test('kill: all that was written; dropped: all that was synced', () => {
    const { disk, file } = diskWith('synced');
    file.write([Buffer.from(' written')], 6);
    expect(text(disk.image('kill'), '/a')).toBe('synced written');
    expect(text(disk.image('dropped'), '/a')).toBe('synced');
    file.sync();
    expect(text(disk.image('dropped'), '/a')).toBe('synced written');
  });

  test('a name is there when its folder was synced, whatever its file', () => {
    const disk = new MemoryDisk();
    disk.makeFolder('/f');
    disk.syncFolder('/');
    const file = disk.open('/f/a', 'create');
    file.write([Buffer.from('x')], 0);
    file.sync();
    expect(text(disk.image('dropped'), '/f/a')).toBe(undefined);
    disk.syncFolder('/f');
    expect(text(disk.image('dropped'), '/f/a')).toBe('x');
    disk.rename('/f/a', '/f/b');
    expect([...disk.image('dropped').files()].map(([path]) => path)).toEqual(['/f/a']);
    disk.remove('/f/b');
    disk.syncFolder('/f');
    expect([...disk.image('dropped').files()]).toEqual([]);
  });

  test('torn: some sectors of what was not synced, never a byte of the rest', () => {
    const { disk, file } = diskWith('-'.repeat(2000));
    file.write([Buffer.from('#'.repeat(2000))], 700);
    const seen = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const left = text(disk.image('torn', seed), '/a') ?? '';
      expect(left.slice(0, 700)).toBe('-'.repeat(700));
      for (let at = 1024; at + 512 <= 2000; at += 512) expect(['-', '#']).toContain([...new Set(left.slice(at, at + 512))].join(''));
      seen.add(left);
    }
    expect(seen.size).toBeGreaterThan(20);
    expect(text(disk.image('torn', 7), '/a')).toBe(text(disk.image('torn', 7), '/a'));
  });

  test('reordered: any of the writes and names, each whole', () => {
    const { disk, file } = diskWith('0000');
    file.write([Buffer.from('1')], 0);
    file.write([Buffer.from('2')], 1);
    disk.open('/b', 'create').close();
    disk.rename('/b', '/c');
    const contents = new Set<string>();
    const names = new Set<string>();
    for (let seed = 0; seed < 100; seed++) {
      const image = disk.image('reordered', seed);
      contents.add(text(image, '/a') ?? '');
      names.add([...image.files()].map(([path]) => path).join(' '));
    }
    expect([...contents].sort()).toEqual(['0000', '0200', '1000', '1200']);
    expect([...names].sort()).toEqual(['/a', '/a /b', '/a /c']);
  });

  test('an image is a disk of its own', () => {
    for (const kind of ['kill', 'dropped', 'torn', 'reordered'] satisfies CrashKind[]) {
      const { disk, file } = diskWith('abc');
      const image = disk.image(kind);
      const copy = image.open('/a', 'write');
      copy.write([Buffer.from('X')], 0);
      file.write([Buffer.from('Y')], 1);
      expect([text(image, '/a'), text(disk, '/a')]).toEqual(['Xbc', 'aYc']);
    }
  });

  test('what was pending when a process was killed is still pending', () => {
    const { disk, file } = diskWith('a');
    file.write([Buffer.from('b')], 1);
    const killed = disk.image('kill');
    expect(text(killed.image('dropped'), '/a')).toBe('a');
    killed.open('/a', 'write').sync();
    expect(text(killed.image('dropped'), '/a')).toBe('ab');
  });
});

describe('faults', () => {
  test('a failed sync leaves clean pages: a later sync that succeeds means nothing', () => {
    const { disk, file } = diskWith('a');
    file.write([Buffer.from('b')], 1);
    disk.failAt(disk.calls + 1, 'EIO');
    expect(() => file.sync()).toThrow('EIO');
    file.sync();
    expect(text(disk, '/a')).toBe('ab');
    expect(text(disk.image('dropped'), '/a')).toBe('a');
    file.write([Buffer.from('b')], 1);
    file.sync();
    expect(text(disk.image('dropped'), '/a')).toBe('ab');
  });

  test('a later-sync covers what was written before it was asked for', async () => {
    const { disk, file } = diskWith('a');
    file.write([Buffer.from('b')], 1);
    const ended = new Promise((done) => file.syncLater(done));
    file.write([Buffer.from('c')], 2);
    expect(text(disk.image('dropped'), '/a')).toBe('a');
    expect(await ended).toBe(null);
    expect(text(disk.image('dropped'), '/a')).toBe('ab');
    const lost = new Promise((done) => file.syncLater(done));
    disk.failAt(disk.calls + 1, 'EIO');
    expect(await lost).toMatchObject({ code: 'EIO' });
    expect(text(disk.image('dropped'), '/a')).toBe('ab');
  });

  test('calls are numbered, and fail as they are told', () => {
    const { disk, file } = diskWith('');
    const seen: string[] = [];
    disk.onCall = ({ operation, changes }) => {
      seen.push(operation + (changes ? '!' : ''));
      return operation === 'truncate' ? 'ENOSPC' : null;
    };
    file.write([Buffer.from('12345678')], 0);
    file.read(Buffer.alloc(1), 0);
    expect(() => file.truncate(0)).toThrow('ENOSPC');
    expect(seen).toEqual(['write!', 'read', 'truncate!']);
    disk.failAt(disk.calls + 1, 'short');
    expect(file.write([Buffer.from('abcdefgh')], 0)).toBe(4);
    disk.failAt(disk.calls + 1, 'crash');
    expect(() => disk.list('/')).toThrow('ECRASHED');
    expect(() => file.size()).toThrow('ECRASHED');
    expect(text(disk.image('kill'), '/a')).toBe('abcd5678');
  });

  test('space runs out: the part that fits is written, then nothing', () => {
    const disk = new MemoryDisk({ spaceBytes: 10 });
    const file = disk.open('/a', 'create');
    expect(file.write([Buffer.alloc(6)], 0)).toBe(6);
    expect(file.write([Buffer.alloc(6)], 6)).toBe(4);
    expect(() => file.write([Buffer.alloc(1)], 10)).toThrow('ENOSPC');
    expect(file.write([Buffer.alloc(10)], 0)).toBe(10);
    expect(disk.freeBytes('/')).toBe(0);
    disk.remove('/a');
    expect(disk.freeBytes('/')).toBe(10);
  });

  test('beyond the writeback bound the oldest bytes reach the disk by themselves', () => {
    const disk = new MemoryDisk({ writebackBytes: 100 });
    const file = disk.open('/a', 'create');
    disk.syncFolder('/');
    file.write([Buffer.alloc(80, 'a')], 0);
    expect(text(disk.image('dropped'), '/a')).toBe('');
    file.write([Buffer.alloc(80, 'b')], 80);
    expect(text(disk.image('dropped'), '/a')?.length).toBe(160);
  });
});
