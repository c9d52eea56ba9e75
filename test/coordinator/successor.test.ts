/** A coordinator that takes over from one that failed, while the hosts go on: nothing is done behind their backs. */
import { describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { MemoryStore } from '../../src/coordinator/memory-store.ts';
import type { CoordinatorAsk } from '../../src/coordinator/protocol.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { Rig } from './rig.ts';

type Body<V extends CoordinatorAsk['verb']> = Omit<Extract<CoordinatorAsk, { verb: V }>, 'id'>;
const create = (name: string, partitions: number, configs: Record<string, string> = {}): Body<'createTopics'> => ({
  verb: 'createTopics',
  topics: [{ name, partitions, replicationFactor: -1, configs }],
  validateOnly: false,
});
const remove = (name: string): Body<'deleteTopics'> => ({ verb: 'deleteTopics', names: [name] });
const metadata = (...topics: string[]): Body<'metadata'> => ({ verb: 'metadata', topics, autoCreate: false });
const world = () => ({ store: new MemoryStore(), disk: new MemoryDisk(), folder: '/data', hosts: 1 });

describe('a successor', () => {
  test.each([
    ['decided', false],
    ['stored', true],
  ] as const)('of a coordinator that failed when a topic was %s: the topic is there (%s), and its asker was not told', (stage, isThere) => {
    const setup = world();
    const before = new Rig(setup);
    before.host(0);
    const asker = before.dispatcher();
    before.fail(stage);
    asker.ask(create('a', 2, { 'retention.ms': '5' }));
    before.clock.settle();
    expect(String(before.ended?.error)).toMatch(`told to fail when ${stage}`);
    expect(asker.closed).toBe(true);
    expect(asker.replies).toEqual([]);
    const after = new Rig({ ...setup, successor: true });
    // The host is told all that it should carry: what it carries already it takes as the present configuration.
    expect(after.host(0).heard).toEqual([isThere ? 'open a-0@0 a-1@1' : 'open ']);
    const dispatcher = after.dispatcher();
    const [id] = dispatcher.ask(metadata('a'));
    after.clock.settle();
    expect(dispatcher.replyTo('metadata', id)?.topics[0].error).toBe(isThere ? 0 : errors.UNKNOWN_TOPIC_OR_PARTITION.code);
  });

  test('of one that failed while it deleted: a host that has not been reached keeps its files and slots until it has let go', () => {
    const setup = world();
    const before = new Rig(setup);
    const host = before.host(0);
    const asker = before.dispatcher();
    asker.ask(create('a', 1));
    before.clock.settle();
    setup.disk.makeFolder('/data/a-0');
    host.willing = false;
    before.fail('answered', 1);
    asker.ask(remove('a'));
    before.clock.settle();
    expect(before.ended).not.toBeNull();

    const after = new Rig({ ...setup, successor: true });
    after.clock.pass(100);
    expect(setup.disk.list('/data')).toContain('a-0');
    const dispatcher = after.dispatcher();
    const [early] = dispatcher.ask(create('b', 1));
    after.clock.settle();
    const back = after.host(0, { willing: false });
    after.clock.settle();
    expect(back.heard).toEqual([expect.stringMatching(/^open b-0@\d+$/)]);
    back.answer();
    after.clock.settle();
    // Only after what it was opening: it might be this very partition.
    expect(back.heard.slice(1)).toEqual(['drop 0']);
    expect(dispatcher.replyTo('createTopics', early)?.topics[0].error).toBe(0);
    expect(setup.store.load().some((fact) => fact.fact === 'topicCreated' && fact.name === 'a')).toBe(true);
    back.answer();
    after.clock.pass(100);
    expect(setup.disk.list('/data')).toEqual([]);
    expect(setup.store.load().some((fact) => fact.fact === 'topicCreated' && fact.name === 'a')).toBe(false);
  });

  test('sweeps nothing: a host may be about to make, or to remove, what no topic claims', () => {
    const setup = world();
    new Rig(setup).fail('answered');
    setup.disk.makeFolder('/data/gone-0.00-delete');
    setup.disk.makeFolder('/data/stray-0');
    setup.disk.open('/data/stray-0/00000000000000000000.log', 'create').close();
    const after = new Rig({ ...setup, successor: true });
    expect(after.said.map(({ control }) => control)).toEqual(['ready']);
    expect(setup.disk.list('/data').sort()).toEqual(['gone-0.00-delete', 'stray-0']);
  });

  test('whose store has lost the bus is refused: topics found anew would lie on other slots than the hosts have them', () => {
    const setup = world();
    new Rig(setup).fail('answered');
    const after = new Rig({ ...setup, store: new MemoryStore(), successor: true });
    expect(after.refusal).toMatchObject({
      error: errors.FOLDER_INVALID.code,
      message: expect.stringMatching(/close it and open it again/),
    });
    expect(after.ended?.error).toBeDefined();
  });

  test('of one that failed in its close, after the clean marker: the marker is not left for a start that did not close cleanly', () => {
    const setup = world();
    const before = new Rig(setup);
    before.fail('closing');
    before.dispatcher().ask({ verb: 'close', deadlineMs: 100, clean: true });
    before.clock.settle();
    expect(setup.disk.list('/data')).toEqual(['clean']);
    const after = new Rig({ ...setup, successor: true });
    expect(setup.disk.list('/data')).toEqual([]);
    const dispatcher = after.dispatcher();
    dispatcher.ask({ verb: 'close', deadlineMs: 100, clean: true });
    after.clock.settle();
    expect(setup.disk.list('/data')).toEqual(['clean']);
    expect(after.ended).toEqual({ error: undefined });
  });
});
