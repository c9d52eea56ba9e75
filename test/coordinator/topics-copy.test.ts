/** The copy of the topics beside the database: written as topics change, read when the database is lost, trusted only whole. */
import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/coordinator/memory-store.ts';
import type { CoordinatorAsk } from '../../src/coordinator/protocol.ts';
import { copyName, decodeCopy, readCopy } from '../../src/coordinator/topics-copy.ts';
import { readWhole } from '../../src/world/disk.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { Rig } from './rig.ts';

type Body<V extends CoordinatorAsk['verb']> = Omit<Extract<CoordinatorAsk, { verb: V }>, 'id'>;
const create = (name: string, partitions: number, configs: Record<string, string> = {}): Body<'createTopics'> => ({
  verb: 'createTopics',
  topics: [{ name, partitions, replicationFactor: -1, configs }],
  validateOnly: false,
});
const path = `/data/${copyName}`;
const world = () => ({ store: new MemoryStore(), disk: new MemoryDisk(), folder: '/data', hosts: 1 });
const textOf = (disk: MemoryDisk): string => readWhole(disk, path)?.toString('utf8') ?? '';

/** A bus that made topics and partitions' folders, and was closed. */
function lived() {
  const setup = world();
  const rig = new Rig(setup);
  rig.host(0);
  const dispatcher = rig.dispatcher();
  const strange = { 'retention.ms': '5000', 'follower.replication.throttled.replicas': '0:1,2:3' };
  dispatcher.ask(create('written', 2, strange), create('empty', 3, { 'cleanup.policy': 'compact' }), create('gone', 1));
  rig.clock.settle();
  const { topics } = dispatcher.replies[0] as { topics: { topicId: string }[] } & (typeof dispatcher.replies)[0];
  for (const name of ['written-0', 'written-1', 'empty-0', 'empty-1', 'empty-2']) setup.disk.makeFolder(`/data/${name}`);
  for (const partition of [0, 1]) {
    const file = setup.disk.open(`/data/written-${partition}/partition.metadata`, 'create');
    file.write([Buffer.from(`version: 0\ntopic_id: ${Buffer.from(topics[0].topicId, 'hex').toString('base64url')}\n`)], 0);
    file.close();
  }
  dispatcher.ask({ verb: 'close', deadlineMs: 100, clean: true });
  rig.clock.settle();
  return setup;
}

/** Topics of a start without the database. */
function rebuilt(disk: MemoryDisk) {
  const store = new MemoryStore();
  new Rig({ store, disk, folder: '/data', hosts: 1 });
  return store.load().flatMap((fact) => (fact.fact === 'topicCreated' ? [fact] : []));
}

describe('the copy', () => {
  test('gives topics their configurations back, and finds those that were never written to; what has no folder is gone', () => {
    const { disk, store } = lived();
    const before = store.load().flatMap((fact) => (fact.fact === 'topicCreated' ? [fact] : []));
    const after = rebuilt(disk);
    expect(
      after.map(({ name, topicId, configs, createdMs, slots }) => ({ name, topicId, configs, createdMs, count: slots.length })),
    ).toEqual(
      before
        .slice(0, 2)
        .map(({ name, topicId, configs, createdMs, slots }) => ({ name, topicId, configs, createdMs, count: slots.length })),
    );
    expect(after[0].configs).toEqual({ 'retention.ms': '5000', 'follower.replication.throttled.replicas': '0:1,2:3' });
  });

  test('follows every change within a second or so, in one write for many', () => {
    const { disk, ...setup } = world();
    let writes = 0;
    disk.onCall = ({ operation, path: of }) => {
      if (operation === 'write' && of.startsWith(path)) writes++;
      return null;
    };
    const rig = new Rig({ ...setup, disk });
    rig.host(0);
    const dispatcher = rig.dispatcher();
    for (let i = 0; i < 20; i++) {
      dispatcher.ask(create(`t${i}`, 1));
      rig.clock.pass(10);
    }
    rig.clock.pass(1100);
    expect(readCopy(disk, '/data').size).toBe(20);
    expect(writes).toBeLessThanOrEqual(3);
    dispatcher.ask({ verb: 'alterConfigs', name: 't3', ops: [{ key: 'retention.ms', op: 'set', value: '7' }], validateOnly: false });
    dispatcher.ask({ verb: 'deleteTopics', names: ['t4'] });
    rig.clock.pass(1100);
    const topics = [...readCopy(disk, '/data').values()];
    expect(topics.map(({ name }) => name)).not.toContain('t4');
    expect(topics.find(({ name }) => name === 't3')?.configs).toEqual({ 'retention.ms': '7' });
    const quiet = writes;
    rig.clock.pass(5000);
    expect(writes).toBe(quiet);
  });

  test('that a disk refuses is written later, and keeps nobody from anything', () => {
    const { disk, ...setup } = world();
    const rig = new Rig({ ...setup, disk });
    rig.host(0);
    disk.onCall = ({ operation, path: of }) => (operation === 'write' && of.startsWith(path) ? 'ENOSPC' : null);
    const dispatcher = rig.dispatcher();
    const [id] = dispatcher.ask(create('a', 1));
    rig.clock.pass(1500);
    expect(dispatcher.replyTo('createTopics', id)?.topics[0].error).toBe(0);
    expect(textOf(disk)).toBe('');
    disk.onCall = null;
    rig.clock.pass(1500);
    expect([...readCopy(disk, '/data').values()].map(({ name }) => name)).toEqual(['a']);
  });

  test('that is cut, changed or strange anywhere is none: topics come back without it', () => {
    const { disk } = lived();
    const text = textOf(disk);
    expect(decodeCopy(text)).toHaveLength(3);
    for (let at = 0; at < text.length; at++) {
      expect(decodeCopy(text.slice(0, at)), `cut at ${at}`).toBeNull();
      const changed = `${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`;
      expect(decodeCopy(changed), `changed at ${at}`).toBeNull();
    }
    disk.remove(path);
    const after = rebuilt(disk);
    expect(after.map(({ name, configs }) => [name, configs])).toEqual([['written', { 'retention.bytes': '-1', 'retention.ms': '-1' }]]);
  });
});
