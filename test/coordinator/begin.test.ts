/** How a coordinator comes to its state: fresh, again, with other hosts, and from folders alone when the database is lost. */
import { describe, expect, test } from 'vitest';
import { BusError } from '../../src/base/errors.ts';
import { type Begun, beginState } from '../../src/coordinator/begin.ts';
import type { Fact, Store } from '../../src/coordinator/facts.ts';
import { listPartitions, parseFolderName, removePartition, writeCleanMarker } from '../../src/coordinator/folder.ts';
import { MemoryStore } from '../../src/coordinator/memory-store.ts';
import { hostOf } from '../../src/coordinator/state.ts';
import { Arena } from '../../src/world/arena.ts';
import type { Disk } from '../../src/world/disk.ts';
import { silentLogger } from '../../src/world/logger.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { seededRandom } from '../../src/world/random.ts';
import { VirtualClock } from './rig.ts';

const id = (digit: string) => digit.repeat(32);
const topic = (name: string, slots: number[], topicId: string): Fact => ({
  fact: 'topicCreated',
  epoch: 1,
  name,
  topicId,
  slots,
  configs: {},
  createdMs: 0,
});

function begin(options: { store?: Store; disk?: Disk; hosts?: number; slotsMax?: number; seed?: number } = {}): Begun {
  const { store = new MemoryStore(), disk = new MemoryDisk(), hosts = 2, slotsMax = 20, seed = 1 } = options;
  const arena = Arena.create({ framesMax: 1, frameBytes: 16, slotsMax });
  return beginState({
    folder: '/data',
    disk,
    clock: new VirtualClock(),
    random: seededRandom(seed),
    arena,
    hosts,
    store,
    log: silentLogger,
  });
}

function put(disk: Disk, path: string, text = ''): void {
  disk.makeFolder(path.slice(0, path.lastIndexOf('/')));
  const file = disk.open(path, 'create');
  file.write([Buffer.from(text)], 0);
  file.close();
}

/** A partition's folder, with a segment and, unless '', the topic's id in hexadecimal digits or in base64. */
function partition(disk: Disk, name: string, topicId: string): void {
  put(disk, `/data/${name}/00000000000000000000.log`, 'records');
  if (topicId !== '') put(disk, `/data/${name}/partition.metadata`, `version: 0\ntopic_id: ${topicId}\n`);
}

const topicsOf = ({ state }: Begun) =>
  [...state.byName.values()].map(
    ({ name, topicId, slots }) => `${name} ${topicId.slice(0, 4)} ${slots.map((slot) => `${slot}@${hostOf(state, slot)}`).join(' ')}`,
  );

describe('a bus', () => {
  test('gets an id on its first start, and keeps it', () => {
    const store = new MemoryStore();
    const disk = new MemoryDisk();
    const first = begin({ store, disk });
    expect(first.state.busId).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
    expect(begin({ store, disk, seed: 9 }).state.busId).toBe(first.state.busId);
    expect(begin({ seed: 9 }).state.busId).not.toBe(first.state.busId);
  });

  test('without a folder has an id, and touches no disk', () => {
    const disk = new MemoryDisk();
    const arena = Arena.create({ framesMax: 1, frameBytes: 16, slotsMax: 20 });
    const begun = beginState({
      folder: null,
      disk,
      clock: new VirtualClock(),
      random: seededRandom(1),
      arena,
      hosts: 3,
      store: null,
      log: silentLogger,
    });
    expect([begun.state.hosts, begun.state.busId.length, disk.calls]).toEqual([3, 22, 0]);
  });

  test('with as many hosts as before has its slots; with others it gets new ones, evenly, and keeps those', () => {
    const store = new MemoryStore();
    store.commit([{ fact: 'busMade', busId: 'bus', hosts: 2 }, topic('a', [0, 2, 4], id('a')), topic('b', [6, 8], id('b'))]);
    expect(topicsOf(begin({ store }))).toEqual(['a aaaa 0@0 2@0 4@0', 'b bbbb 6@0 8@0']);
    const moved = ['a aaaa 0@0 1@1 2@2', 'b bbbb 3@0 4@1'];
    expect(topicsOf(begin({ store, hosts: 3 }))).toEqual(moved);
    expect(topicsOf(begin({ store, hosts: 3 }))).toEqual(moved);
  });

  test('with fewer slots than before gets lower ones, or is told that its folder holds too much', () => {
    const store = new MemoryStore();
    store.commit([{ fact: 'busMade', busId: 'bus', hosts: 2 }, topic('a', [0, 15, 19], id('a'))]);
    expect(topicsOf(begin({ store, slotsMax: 3 }))).toEqual(['a aaaa 0@0 1@1 2@0']);
    expect(() => begin({ store, slotsMax: 2 })).toThrow(
      new BusError('LIMIT_REACHED', 'the data folder holds more partitions than the 2 that this bus may carry'),
    );
  });
});

describe('the clean marker', () => {
  test('is true once', () => {
    const store = new MemoryStore();
    const disk = new MemoryDisk();
    expect(begin({ store, disk }).clean).toBe(false);
    writeCleanMarker(disk, '/data', 5);
    expect(begin({ store, disk }).clean).toBe(true);
    expect(begin({ store, disk }).clean).toBe(false);
  });

  test('that was taken away stays away, also when the power fails right after', () => {
    const disk = new MemoryDisk();
    disk.makeFolder('/data');
    writeCleanMarker(disk, '/data', 5);
    expect(begin({ disk }).clean).toBe(true);
    for (const kind of ['dropped', 'torn', 'reordered'] as const) expect(begin({ disk: disk.image(kind, 1) }).clean).toBe(false);
  });
});

describe('when the database is lost', () => {
  test('topics come back from their partitions’ folders, keeping everything, with new slots', () => {
    const disk = new MemoryDisk();
    partition(disk, 'flights-0', id('a'));
    partition(disk, 'flights-2', id('a'));
    partition(disk, 'with-dash-10', Buffer.from(id('b'), 'hex').toString('base64url'));
    const store = new MemoryStore();
    const begun = begin({ store, disk });
    expect(topicsOf(begun)).toEqual(['flights aaaa 0@0 1@1 2@0', 'with-dash bbbb 3@1 4@0 5@1 6@0 7@1 8@0 9@1 10@0 11@1 12@0 13@1']);
    for (const { configs } of begun.state.byName.values()) expect(configs).toEqual({ 'retention.bytes': '-1', 'retention.ms': '-1' });
    expect(begun.events).toEqual([
      { name: 'topicRebuilt', fields: { topic: 'flights', topicId: id('a'), partitions: 3, configs: 'lost' } },
      { name: 'topicRebuilt', fields: { topic: 'with-dash', topicId: id('b'), partitions: 11, configs: 'lost' } },
    ]);
    // Once: from then on the database knows.
    expect(begin({ store, disk }).events).toEqual([]);
    expect(topicsOf(begin({ store, disk }))).toEqual(topicsOf(begun));
  });

  test('producer ids go on far above any that may have been given', () => {
    const disk = new MemoryDisk();
    partition(disk, 'a-0', id('a'));
    expect(begin({ disk }).state.producerIdsNext).toBe(1_000_000 * 1000);
    expect(begin().state.producerIdsNext).toBe(0);
  });

  test('a damaged database is told of, and its producer ids are not given again', () => {
    const store: Store = Object.assign(new MemoryStore(), { damaged: '/data/spillway.db.damaged-1' });
    const begun = begin({ store });
    expect(begun.events).toEqual([{ name: 'databaseDamaged', fields: { movedTo: '/data/spillway.db.damaged-1' } }]);
    expect(begun.state.producerIdsNext).toBe(1_000_000 * 1000);
  });

  test('a partition without its metadata belongs to the topic of its name; one with another id than most is put aside', () => {
    const disk = new MemoryDisk();
    partition(disk, 'a-0', id('b'));
    partition(disk, 'a-1', id('a'));
    partition(disk, 'a-2', id('a'));
    partition(disk, 'a-3', '');
    partition(disk, 'nameless-0', '');
    const begun = begin({ disk });
    expect(topicsOf(begun)).toEqual(['a aaaa 0@0 1@1 2@0 3@1', expect.stringMatching(/^nameless [0-9a-f]{4} 4@0$/)]);
    expect(disk.list('/data')).toEqual([`a-0.${id('b')}-stray`, 'a-1', 'a-2', 'a-3', 'nameless-0']);
    expect(begun.events.at(-1)).toMatchObject({ name: 'strayPartition', fields: { movedTo: `a-0.${id('b')}-stray` } });
  });

  test('more partitions than there may be are refused, and nothing is changed', () => {
    const disk = new MemoryDisk();
    partition(disk, 'a-20', id('a'));
    const store = new MemoryStore();
    expect(() => begin({ disk, store })).toThrow(/holds more partitions than the 20/);
    expect([store.load(), disk.list('/data')]).toEqual([[], ['a-20']]);
  });

  test('a stranger’s folders are no partitions', () => {
    const disk = new MemoryDisk();
    put(disk, '/data/backup-2024/notes.txt');
    put(disk, '/data/photos-3/00000000000000000000.jpg');
    disk.makeFolder('/data/empty-0');
    put(disk, '/data/file-0');
    expect(topicsOf(begin({ disk }))).toEqual([]);
    expect(disk.list('/data')).toEqual(['backup-2024', 'empty-0', 'file-0', 'photos-3']);
  });
});

describe('at every start', () => {
  const known = () => {
    const store = new MemoryStore();
    store.commit([{ fact: 'busMade', busId: 'bus', hosts: 2 }, topic('a', [0], id('a'))]);
    return store;
  };

  test('partitions that no topic claims are put aside, never removed, and told of', () => {
    const disk = new MemoryDisk();
    partition(disk, 'a-0', id('a'));
    partition(disk, 'a-1', id('a'));
    partition(disk, 'gone-0', id('c'));
    const begun = begin({ store: known(), disk });
    expect(begun.events.map(({ fields }) => fields.movedTo)).toEqual([`a-1.${id('a')}-stray`, `gone-0.${id('c')}-stray`]);
    expect(disk.list('/data')).toEqual(['a-0', `a-1.${id('a')}-stray`, `gone-0.${id('c')}-stray`]);
    expect(disk.stat(`/data/gone-0.${id('c')}-stray/00000000000000000000.log`)?.size).toBe(7);
    expect(begin({ store: known(), disk }).events).toEqual([]);
  });

  test('files that were about to replace others are removed; a stranger’s are not', () => {
    const disk = new MemoryDisk();
    for (const name of ['topics.copy', 'topics.copy.tmp', 'clean.tmp', 'notes.tmp']) put(disk, `/data/${name}`, 'text');
    begin({ store: known(), disk });
    expect(disk.list('/data')).toEqual(['notes.tmp', 'topics.copy']);
  });

  test('removals that were cut short are ended', () => {
    const disk = new MemoryDisk();
    partition(disk, `a-0.${id('b')}-delete`, id('b'));
    put(disk, '/data/about-delete', 'a file of the user');
    begin({ store: known(), disk });
    expect(disk.list('/data')).toEqual(['about-delete']);
  });

  test('what cannot be cleared away harms nobody', () => {
    const disk = new MemoryDisk();
    partition(disk, 'gone-0', id('c'));
    disk.rename = () => {
      throw new Error('EIO');
    };
    const begun = begin({ store: known(), disk });
    expect([topicsOf(begun), begun.events]).toEqual([['a aaaa 0@0'], []]);
  });
});

describe('folders', () => {
  test.each([
    ['a-0', { topic: 'a', partition: 0 }],
    ['a-b-12', { topic: 'a-b', partition: 12 }],
    ['a--1', { topic: 'a-', partition: 1 }],
    ['a-01', null],
    ['a-100000', null],
    ['-1', null],
    ['a', null],
    ['..-0', null],
    ['a b-0', null],
    [`${'n'.repeat(250)}-0`, null],
  ])('%s', (name, parsed) => expect(parseFolderName(name)).toEqual(parsed));

  test('the topic’s id is read in both spellings and from both files, and nonsense is no id', () => {
    const disk = new MemoryDisk();
    partition(disk, 'a-0', id('A'));
    partition(disk, 'a-1', Buffer.from(id('f'), 'hex').toString('base64url'));
    partition(disk, 'a-2', 'nonsense');
    put(disk, '/data/a-3/partition.metadata', '');
    partition(disk, 'a-4', '');
    put(disk, '/data/a-4/spillway-checkpoint', `spillway-checkpoint 1\ntopic_id ${id('e')}\nstart 0\n`);
    expect(listPartitions(disk, '/data').map(({ topicId }) => topicId)).toEqual([id('a'), id('f'), '', '', id('e')]);
  });

  test('a removal that is cut short at any call is ended by the next', () => {
    const target = { topic: 'a', partition: 0, topicId: id('a') };
    const make = () => {
      const disk = new MemoryDisk();
      partition(disk, 'a-0', id('a'));
      put(disk, '/data/a-0/00000000000000000000.index', 'x');
      return disk;
    };
    const whole = make();
    const before = whole.calls;
    removePartition(whole, '/data', target);
    const calls = whole.calls - before;
    expect(calls).toBeGreaterThan(5);
    for (let number = 1; number <= calls; number++) {
      const disk = make();
      disk.failAt(before + number, 'crash');
      expect(() => removePartition(disk, '/data', target)).toThrow();
      const left = disk.image('kill');
      // While anything is left that could be served, its owner can be told.
      if (left.stat('/data/a-0/00000000000000000000.log') !== null) expect(listPartitions(left, '/data')[0].topicId).toBe(id('a'));
      removePartition(left, '/data', target);
      expect(left.list('/data')).toEqual([]);
    }
  });

  test('another topic’s partition under the same name stays', () => {
    const disk = new MemoryDisk();
    partition(disk, 'a-0', id('b'));
    removePartition(disk, '/data', { topic: 'a', partition: 0, topicId: id('a') });
    expect(disk.list('/data')).toEqual(['a-0']);
  });
});
