/** The longest names that a topic may have, on a real file system: folders are removed and put aside all the same. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { putAside } from '../../src/coordinator/folder.ts';
import { asideName } from '../../src/world/aside-name.ts';
import { realDisk } from '../../src/world/disk.ts';
import { fill, openLog, TOPIC_ID, world } from './fixtures.ts';

const root = mkdtempSync(join(tmpdir(), 'spillway-names-'));
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true });
});

const longest = `${'t'.repeat(limits.topicNameMax)}-${limits.topicPartitionsMax - 1}`;
const open = (topicId = TOPIC_ID) => openLog({ ...world(), disk: realDisk }, {}, { folder: join(root, longest), topicId });

test('a name that fits is kept whole, one that does not loses the end of its topic', () => {
  expect(asideName('/d/a-b-3', 'id', '-delete')).toBe('/d/a-b-3.id-delete');
  const fits = `${'t'.repeat(255 - 12)}-3`;
  expect(asideName(`/d/${fits}`, 'id', '-delete')).toBe(`/d/${fits}.id-delete`);
  expect(asideName(`/d/t${fits}`, 'id', '-delete')).toBe(`/d/${fits}.id-delete`);
});

test('a log of the longest name is removed', () => {
  const log = open();
  fill(log, 3);
  log.close(true);
  expect(readdirSync(root)).toEqual([longest]);
  open().destroy();
  expect(readdirSync(root)).toEqual([]);
});

test('a folder of another topic of the longest name is put aside', () => {
  open().close(true);
  open('f'.repeat(32)).close(true);
  const names = readdirSync(root).sort((a, b) => a.length - b.length);
  expect(names.map((name) => Buffer.byteLength(name))).toEqual([longest.length, 255]);
  expect(names[1]).toMatch(new RegExp(`^t+-${limits.topicPartitionsMax - 1}\\.${TOPIC_ID}-stray$`));
});

test('the coordinator puts a stray partition of the longest name aside under one that says which it was', () => {
  realDisk.makeFolder(join(root, longest));
  const stray = { folder: longest, topic: longest.replace(/-\d+$/, ''), partition: limits.topicPartitionsMax - 1, topicId: TOPIC_ID };
  const aside = putAside(realDisk, root, stray);
  expect(readdirSync(root)).toEqual([basename(aside.folder)]);
  expect(aside.folder).toMatch(new RegExp(`^t+-${limits.topicPartitionsMax - 1}\\.${TOPIC_ID}-stray$`));
});
