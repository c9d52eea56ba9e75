/** The actor: what is parked and for whom, hosts that die, facts that cannot be stored, deletion across a crash, pressure, closing. */
import { describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { MemoryStore } from '../../src/coordinator/memory-store.ts';
import type { NewTopic } from '../../src/coordinator/protocol.ts';
import { Arena } from '../../src/world/arena.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { type FakeDispatcher, Rig } from './rig.ts';

const topic = (name: string, partitions = 2, configs: Record<string, string> = {}): NewTopic => ({
  name,
  partitions,
  replicationFactor: -1,
  configs,
});
const create = (...topics: NewTopic[]) => ({ verb: 'createTopics' as const, topics, validateOnly: false });
const metadata = (...topics: string[]) => ({ verb: 'metadata' as const, topics, autoCreate: true });
const remove = (...names: string[]) => ({ verb: 'deleteTopics' as const, names });
const load = {
  notice: 'load' as const,
  residentBytes: 0,
  unwrittenBytes: 0,
  parkedReads: 0,
  heapBytes: 0,
  appendedBytes: 0,
  diskFull: false,
};

function noticesOf(dispatcher: FakeDispatcher): string[] {
  return dispatcher.notices.map((notice) => {
    if (notice.notice === 'topics') return `topics ${notice.epoch}: ${notice.names.join(' ')}`;
    if (notice.notice === 'closing') return 'closing';
    if (notice.notice === 'groups') return `groups ${notice.groupIds.join(' ')}`;
    return notice.notice === 'pressure' ? `pressure ${notice.report.level}` : `${notice.name} ${JSON.stringify(notice.fields)}`;
  });
}

describe('replies wait for hosts', () => {
  test('a topic is told of when every host has opened its partitions', () => {
    const rig = new Rig();
    const [first, second] = [rig.host(0, { willing: false }), rig.host(1, { willing: false })];
    first.answer();
    second.answer();
    const dispatcher = rig.dispatcher();
    const [made, seen] = dispatcher.ask(create(topic('a', 3)), metadata('a'));
    const [other] = dispatcher.ask({ verb: 'initProducerId' });
    rig.clock.settle();
    expect(dispatcher.replyTo('initProducerId', other)).toMatchObject({ producerId: 0 });
    first.answer();
    rig.clock.settle();
    expect(dispatcher.replies).toHaveLength(1);
    expect(dispatcher.notices).toEqual([]);
    second.answer();
    rig.clock.settle();
    expect(dispatcher.replyTo('createTopics', made)?.topics).toMatchObject([{ name: 'a', error: 0, partitions: 3 }]);
    expect(dispatcher.replyTo('metadata', seen)?.topics[0]).toMatchObject({
      error: 0,
      partitions: [{ slot: 0 }, { slot: 1 }, { slot: 2 }],
    });
    expect(noticesOf(dispatcher)).toEqual(['topics 1: a']);
    expect([first.heard, second.heard]).toEqual([
      ['open  clean', 'open a-0@0 a-2@2'],
      ['open  clean', 'open a-1@1'],
    ]);
  });

  test('every dispatcher hears of it, the asker with its reply', () => {
    const rig = new Rig({ hosts: 1 });
    rig.host(0);
    const [asker, other] = [rig.dispatcher(), rig.dispatcher()];
    asker.ask(create(topic('a')));
    rig.clock.settle();
    expect(noticesOf(other)).toEqual(['topics 1: a']);
    expect(noticesOf(asker)).toEqual(['topics 1: a']);
  });

  test('two dispatchers that ask for the same new name in one turn get one topic', () => {
    const rig = new Rig({ hosts: 1 });
    const host = rig.host(0);
    const [one, two] = [rig.dispatcher(), rig.dispatcher()];
    const [a] = one.ask(metadata('new'));
    const [b] = two.ask(metadata('new'));
    rig.clock.settle();
    const [first, second] = [one.replyTo('metadata', a)?.topics[0], two.replyTo('metadata', b)?.topics[0]];
    expect(first?.error).toBe(0);
    expect(second).toEqual(first);
    expect(host.heard).toEqual(['open  clean', 'open new-0@0']);
  });

  test('a partition that cannot be opened is told with the topic', () => {
    const rig = new Rig();
    rig.host(0);
    rig.host(1).broken.set(1, { error: errors.KAFKA_STORAGE_ERROR.code, message: 'no such luck' });
    const dispatcher = rig.dispatcher();
    const [made, seen] = dispatcher.ask(create(topic('a'), topic('b', 1)), metadata('a', 'b'));
    rig.clock.settle();
    const failed = { error: errors.KAFKA_STORAGE_ERROR.code, message: 'partition 1: no such luck' };
    expect(dispatcher.replyTo('createTopics', made)?.topics).toMatchObject([failed, { error: 0 }]);
    expect(dispatcher.replyTo('metadata', seen)?.topics).toMatchObject([{ error: failed.error }, { error: 0 }]);
  });

  test('a configuration is told when the hosts have it', () => {
    const rig = new Rig();
    const hosts = [rig.host(0), rig.host(1)];
    const dispatcher = rig.dispatcher();
    dispatcher.ask(create(topic('a')));
    rig.clock.settle();
    for (const host of hosts) host.willing = false;
    const [altered] = dispatcher.ask({
      verb: 'alterConfigs',
      name: 'a',
      ops: [{ key: 'retention.ms', op: 'set', value: '7' }],
      validateOnly: false,
    });
    rig.clock.settle();
    expect(dispatcher.replyTo('alterConfigs', altered)).toBeUndefined();
    for (const host of hosts) host.answer();
    rig.clock.settle();
    expect(dispatcher.replyTo('alterConfigs', altered)).toMatchObject({ error: 0, message: '' });
    expect(hosts.map(({ heard }) => heard.at(-1))).toEqual(['configure 0 retention=7', 'configure 1 retention=7']);
  });

  test('what presumes open partitions is held until they are', () => {
    const rig = new Rig({ hosts: 1 });
    const host = rig.host(0, { willing: false });
    const dispatcher = rig.dispatcher();
    dispatcher.ask(create(topic('a', 1)));
    const [removed] = dispatcher.ask(remove('a'));
    rig.clock.settle();
    expect(host.heard).toEqual(['open  clean', 'open a-0@0']);
    host.answer();
    rig.clock.settle();
    expect(host.heard.at(-1)).toBe('drop 0');
    host.answer();
    rig.clock.settle();
    expect(dispatcher.replyTo('deleteTopics', removed)?.topics).toMatchObject([{ name: 'a', error: 0 }]);
  });

  test('it waits 30 s, and says that what was asked is kept', () => {
    const rig = new Rig({ hosts: 1 });
    const dispatcher = rig.dispatcher();
    const [made] = dispatcher.ask(create(topic('a', 1)));
    const [seen] = dispatcher.ask(metadata('a'));
    rig.clock.pass(29_900);
    expect(dispatcher.replies).toEqual([]);
    rig.clock.pass(200);
    const [row] = dispatcher.replyTo('createTopics', made)?.topics ?? [];
    expect(row).toMatchObject({ error: errors.REQUEST_TIMED_OUT.code, message: expect.stringMatching(/is kept and will be carried out/) });
    expect(dispatcher.replyTo('metadata', seen)?.error).toBe(errors.REQUEST_TIMED_OUT.code);
    // The host comes at last; the reply is not sent twice.
    rig.host(0);
    const [again] = dispatcher.ask(metadata('a'));
    rig.clock.settle();
    expect(dispatcher.replyTo('metadata', again)?.topics[0].error).toBe(0);
    expect(dispatcher.replies).toHaveLength(3);
  });
});

describe('hosts come and go', () => {
  test('a host opens all its partitions, and is then ready', () => {
    const rig = new Rig();
    const first = rig.host(0);
    rig.host(1);
    const dispatcher = rig.dispatcher();
    dispatcher.ask(create(topic('a', 3), topic('b', 1)));
    rig.clock.settle();
    first.die();
    rig.clock.settle();
    rig.said.length = 0;
    const next = rig.host(0, { willing: false });
    expect(next.heard).toEqual(['open a-0@0 a-2@2']);
    expect(rig.said).toEqual([]);
    next.answer();
    rig.clock.settle();
    expect(rig.said).toEqual([{ control: 'hostReady', host: 0 }]);
  });

  test('a second host under the same number replaces the first, even if that has not hung up', () => {
    const rig = new Rig({ hosts: 1 });
    const first = rig.host(0, { willing: false });
    const dispatcher = rig.dispatcher();
    const [made] = dispatcher.ask(create(topic('a', 1)));
    rig.clock.settle();
    const second = rig.host(0);
    expect(first.closed).toBe(true);
    expect(second.heard).toEqual(['open a-0@0']);
    expect(dispatcher.replyTo('createTopics', made)?.topics).toMatchObject([{ error: 0 }]);
  });

  test('what a host was asked when it died is answered when the next one has opened', () => {
    const rig = new Rig({ hosts: 1 });
    const first = rig.host(0);
    const dispatcher = rig.dispatcher();
    dispatcher.ask(create(topic('a', 1)));
    rig.clock.settle();
    first.willing = false;
    const ids = dispatcher.ask(
      { verb: 'alterConfigs', name: 'a', ops: [{ key: 'retention.ms', op: 'set', value: '7' }], validateOnly: false },
      { verb: 'createPartitions', name: 'a', total: 2 },
    );
    rig.clock.settle();
    first.die();
    rig.clock.settle();
    expect(dispatcher.replies).toHaveLength(1);
    const second = rig.host(0);
    expect(second.heard).toEqual(['open a-0@0 a-1@1']);
    expect(second.asks[0]).toMatchObject({ partitions: [{ config: { retentionMs: 7 } }, { config: { retentionMs: 7 } }] });
    expect(dispatcher.replyTo('alterConfigs', ids[0])?.error).toBe(0);
    expect(dispatcher.replyTo('createPartitions', ids[1])?.error).toBe(0);
  });

  test('a topic is deleted while its host is down: frames and words of the dead host go too', () => {
    const rig = new Rig({ hosts: 1 });
    const host = rig.host(0);
    const dispatcher = rig.dispatcher();
    dispatcher.ask(create(topic('a', 1)));
    rig.clock.settle();
    rig.arena.take(0, 0);
    rig.arena.writeWord(0, 3, 77);
    host.die();
    rig.clock.settle();
    const [removed] = dispatcher.ask(remove('a'));
    rig.clock.settle();
    expect(dispatcher.replyTo('deleteTopics', removed)?.topics).toMatchObject([{ error: 0 }]);
    expect([rig.arena.used, rig.arena.readWord(0, 3)]).toEqual([0, 0]);
    expect(rig.host(0).heard).toEqual(['open ']);
  });

  test('a host that cannot open a partition is ready all the same, and dispatchers hear of it', () => {
    const store = new MemoryStore();
    const disk = new MemoryDisk();
    const before = new Rig({ hosts: 1, store, disk, folder: '/data' });
    before.host(0);
    before.dispatcher().ask(create(topic('a', 1)));
    before.clock.settle();
    before.hangUp();
    const rig = new Rig({ hosts: 1, store, disk, folder: '/data' });
    const host = rig.host(0, { willing: false });
    host.broken.set(0, { error: errors.KAFKA_STORAGE_ERROR.code, message: 'EIO' });
    host.answer();
    rig.clock.settle();
    expect(rig.said.at(-1)).toEqual({ control: 'hostReady', host: 0 });
    expect(noticesOf(rig.dispatcher())).toEqual([
      'openFailed {"host":0,"topic":"a","partition":0,"error":"KAFKA_STORAGE_ERROR","reason":"EIO"}',
    ]);
  });

  test('what hosts tell is passed on as events; the first dispatcher hears what nobody has heard', () => {
    const rig = new Rig({ hosts: 1 });
    const host = rig.host(0);
    host.notice({ notice: 'recovery', topic: 'a', partition: 0, doneBytes: 5, totalBytes: 9 });
    rig.clock.settle();
    const dispatcher = rig.dispatcher();
    host.notice({ notice: 'state', slot: 0, topic: 'a', partition: 0, state: 'disk-full', reason: 'ENOSPC' });
    rig.clock.settle();
    expect(noticesOf(dispatcher)).toEqual([
      'recovery {"host":0,"topic":"a","partition":0,"doneBytes":5,"totalBytes":9}',
      'state {"host":0,"slot":0,"topic":"a","partition":0,"state":"disk-full","reason":"ENOSPC"}',
    ]);
    expect(noticesOf(rig.dispatcher())).toEqual([]);
  });
});

describe('with a store', () => {
  const data = () => ({ store: new MemoryStore(), disk: new MemoryDisk(), folder: '/data' });

  test('one turn is one commit', () => {
    const world = data();
    const rig = new Rig(world);
    rig.host(0);
    rig.host(1);
    const [one, two] = [rig.dispatcher(), rig.dispatcher()];
    world.store.commits = 0;
    one.ask(create(topic('a')), create(topic('b')));
    two.ask(create(topic('c')), { verb: 'initProducerId' });
    rig.clock.settle();
    expect(world.store.commits).toBe(1);
  });

  test('facts that cannot be stored are refused, with all that was decided after them; the state is what is stored', () => {
    const world = data();
    const rig = new Rig(world);
    const hosts = [rig.host(0), rig.host(1)];
    const dispatcher = rig.dispatcher();
    dispatcher.ask(create(topic('kept')));
    rig.clock.settle();
    world.store.failNext = 1;
    const [before, made, after, id] = dispatcher.ask(metadata('kept'), create(topic('lost')), metadata('lost'), { verb: 'initProducerId' });
    rig.clock.settle();
    expect(dispatcher.replyTo('metadata', before)?.topics).toMatchObject([{ name: 'kept', error: 0 }]);
    expect(dispatcher.replyTo('createTopics', made)?.topics).toMatchObject([{ error: errors.DISK_FULL.code, message: /space/ }]);
    expect(dispatcher.replyTo('metadata', after)?.error).toBe(errors.DISK_FULL.code);
    expect(dispatcher.replyTo('initProducerId', id)).toMatchObject({ error: errors.DISK_FULL.code, producerId: -1 });
    expect(hosts.flatMap(({ heard }) => heard).join()).not.toContain('lost');
    const [again] = dispatcher.ask(create(topic('lost')));
    rig.clock.settle();
    expect(dispatcher.replyTo('createTopics', again)?.topics).toMatchObject([{ error: 0 }]);
  });

  test('a new coordinator over the same store has the same topics on the same slots, and never a producer id twice', () => {
    const world = data();
    const before = new Rig(world);
    before.host(0);
    before.host(1);
    const asker = before.dispatcher();
    asker.ask(create(topic('a', 3)), create(topic('b', 2)), remove('a'), create(topic('c', 1)), { verb: 'initProducerId' });
    before.clock.settle();
    before.hangUp();
    const after = new Rig({ ...world, seed: 2 });
    const host = after.host(0);
    expect(host.heard).toEqual(['open b-1@4']);
    expect(after.host(1).heard).toEqual(['open b-0@3 c-0@5']);
    const dispatcher = after.dispatcher();
    const [id, seen] = dispatcher.ask({ verb: 'initProducerId' }, metadata('b'));
    after.clock.settle();
    expect(dispatcher.replyTo('initProducerId', id)?.producerId).toBe(1000);
    expect(dispatcher.replyTo('metadata', seen)?.epoch).toBe(
      asker.notices.flatMap((one) => (one.notice === 'topics' ? [one.epoch] : [])).at(-1),
    );
  });

  test.each([
    ['before the hosts have dropped it', false],
    ['after one of them has', true],
  ])('a crash %s: the next start ends the deletion', (_, halfDone) => {
    const world = data();
    const before = new Rig(world);
    const hosts = [before.host(0), before.host(1)];
    const asker = before.dispatcher();
    asker.ask(create(topic('a', 2)));
    before.clock.settle();
    const idOf = () => {
      const reply = asker.replies.find(({ verb }) => verb === 'createTopics');
      return reply?.verb === 'createTopics' ? Buffer.from(reply.topics[0].topicId, 'hex').toString('base64url') : '';
    };
    for (const partition of [0, 1]) makePartition(world.disk, `/data/a-${partition}`, idOf());
    for (const host of hosts) host.willing = false;
    asker.ask(remove('a'));
    before.clock.settle();
    if (halfDone) {
      world.disk.removeFolder('/data/a-0');
      hosts[0].answer();
    }
    before.clock.settle();
    expect(asker.replies).toHaveLength(1);

    // The process dies here: nothing else happens to the store or the disk.
    const after = new Rig(world);
    expect(world.disk.list('/data')).toEqual([]);
    expect(after.host(0).heard).toEqual(['open ']);
    const dispatcher = after.dispatcher();
    after.host(1);
    const [made] = dispatcher.ask(create(topic('a', 1)));
    after.clock.settle();
    expect(dispatcher.replyTo('createTopics', made)?.topics).toMatchObject([{ error: 0, partitions: 1 }]);
  });

  test('files that cannot be removed keep the topic in deletion until the next start', () => {
    const world = data();
    const rig = new Rig({ ...world, hosts: 1 });
    rig.host(0);
    const dispatcher = rig.dispatcher();
    dispatcher.ask(create(topic('a', 1)));
    rig.clock.settle();
    makePartition(world.disk, '/data/a-0', '');
    const stubborn = world.disk.removeFolder.bind(world.disk);
    world.disk.removeFolder = () => {
      throw new Error('EIO');
    };
    const [removed, again] = [dispatcher.ask(remove('a'))[0], dispatcher.ask(create(topic('a', 1)))[0]];
    rig.clock.settle();
    expect(dispatcher.replyTo('deleteTopics', removed)?.topics[0]).toMatchObject({
      error: errors.KAFKA_STORAGE_ERROR.code,
      message: expect.stringMatching(/partition 0: .*the next start tries again/),
    });
    expect(dispatcher.replyTo('createTopics', again)?.topics[0].message).toMatch(/still being deleted/);
    world.disk.removeFolder = stubborn;
    rig.hangUp();
    new Rig({ ...world, hosts: 1 });
    expect(world.disk.list('/data')).toEqual([]);
    expect(world.store.load().some(({ fact }) => fact === 'topicCreated')).toBe(false);
  });
});

describe('pressure', () => {
  test('follows the arena within a tick, is written there, and is told to all', () => {
    const rig = new Rig({ hosts: 1, framesMax: 20 });
    const dispatcher = rig.dispatcher();
    for (let number = 0; number < 17; number++) rig.arena.take(0, number);
    rig.clock.pass(60);
    expect(rig.arena.level).toBe(2);
    expect(noticesOf(dispatcher)).toEqual(['pressure throttle']);
    const late = rig.dispatcher();
    expect(noticesOf(late)).toEqual(['pressure throttle']);
    for (let frame = 0; frame < 17; frame++) rig.arena.give(frame);
    rig.clock.pass(1000);
    expect(rig.arena.level).toBe(0);
    expect(noticesOf(dispatcher)).toEqual(['pressure throttle', 'pressure calm']);
  });

  const ofThread = {
    verb: 'reportLoad' as const,
    dispatcher: 0,
    inFlightBytes: 0,
    heapBytes: 0,
    rssBytes: 0,
    heapUsedBytes: 0,
    heapLimitBytes: 0,
    clients: [],
  };

  test('of the users’ threads the one nearest to its own limit counts, by name, and none that has told no limit', () => {
    const rig = new Rig({});
    const [one, two, three] = [rig.dispatcher(), rig.dispatcher(), rig.dispatcher()];
    one.ask({ ...ofThread, heapUsedBytes: 770, heapLimitBytes: 1000 });
    two.ask({ ...ofThread, dispatcher: 1, heapUsedBytes: 90, heapLimitBytes: 100 });
    three.ask({ ...ofThread, dispatcher: 2, heapUsedBytes: 5000 });
    rig.clock.pass(60);
    const [asked] = one.ask({ verb: 'pressure' });
    rig.clock.settle();
    expect(one.replyTo('pressure', asked)?.report).toMatchObject({
      level: 'throttle',
      reasons: [{ gauge: 'thread-heap', level: 'throttle', value: 90, threshold: 85, where: 'thread 1' }],
    });
    two.close();
    rig.clock.pass(1000);
    const [later] = one.ask({ verb: 'pressure' });
    rig.clock.settle();
    expect(one.replyTo('pressure', later)?.report).toMatchObject({
      level: 'spill',
      reasons: [{ value: 770, threshold: 750, where: 'thread 0' }],
    });
  });

  test('hosts’ and dispatchers’ loads are summed, and forgotten with them', () => {
    const world = { store: new MemoryStore(), disk: new MemoryDisk(), folder: '/data' };
    const rig = new Rig({ ...world, framesMax: 100 });
    const [first, second] = [rig.host(0), rig.host(1)];
    const [one, two] = [rig.dispatcher(), rig.dispatcher()];
    first.notice({ ...load, unwrittenBytes: 40 * 16 * 1024, heapBytes: 5 });
    second.notice({ ...load, unwrittenBytes: 36 * 16 * 1024, heapBytes: 7 });
    one.ask({ ...ofThread, inFlightBytes: 100, heapBytes: 9, rssBytes: 1000 });
    two.ask({ ...ofThread, dispatcher: 1, inFlightBytes: 50, heapBytes: 1, rssBytes: 900 });
    rig.clock.pass(60);
    const [asked] = one.ask({ verb: 'pressure' });
    rig.clock.settle();
    const report = one.replyTo('pressure', asked)?.report;
    expect(report).toMatchObject({
      level: 'spill',
      reasons: [{ gauge: 'unwritten-bytes', value: 76 * 16 * 1024, threshold: 75 * 16 * 1024 }],
      gauges: { unwrittenBytes: 76 * 16 * 1024, inFlightBytes: 150, heapBytes: 9, rssBytes: 1000 },
    });
    second.die();
    two.close();
    rig.clock.pass(1000);
    const [later] = one.ask({ verb: 'pressure' });
    rig.clock.settle();
    expect(one.replyTo('pressure', later)?.report).toMatchObject({
      level: 'calm',
      gauges: { unwrittenBytes: 40 * 16 * 1024, inFlightBytes: 100 },
    });
  });

  test('a coordinator that takes over keeps the level that it finds until everybody has had time to tell', () => {
    const arena = Arena.create({ framesMax: 10, frameBytes: 16, slotsMax: 10 });
    arena.level = 3;
    const rig = new Rig({ arena });
    rig.clock.pass(200);
    expect(arena.level).toBe(3);
    rig.clock.pass(200);
    expect(arena.level).toBe(0);
  });
});

describe('closing', () => {
  const closing = (clean: boolean) => ({ verb: 'close' as const, deadlineMs: 100, clean });
  const data = () => ({ store: new MemoryStore(), disk: new MemoryDisk(), folder: '/data' });

  test.each([true, false])('writes the clean marker if every host has closed (%s), and the next start takes it away', (clean) => {
    const world = data();
    const rig = new Rig({ ...world, hosts: 1 });
    rig.host(0);
    const dispatcher = rig.dispatcher();
    dispatcher.ask(create(topic('a', 1)));
    rig.clock.settle();
    const [closed] = dispatcher.ask(closing(clean));
    rig.clock.settle();
    expect(dispatcher.replyTo('close', closed)).toMatchObject({ error: 0, unfinished: [] });
    expect([rig.ended, dispatcher.closed]).toEqual([{ error: undefined }, true]);
    expect(world.disk.list('/data')).toEqual(clean ? ['clean', 'topics.copy'] : ['topics.copy']);
    const next = new Rig({ ...world, hosts: 1 });
    expect(world.disk.list('/data')).toEqual(['topics.copy']);
    expect(next.host(0).heard).toEqual([clean ? 'open a-0@0 clean' : 'open a-0@0']);
    // Only the first host of a start finds what the clean close left.
    expect(next.host(0).heard).toEqual(['open a-0@0']);
  });

  test('what waits for hosts is refused, what comes after is refused, deletions are named', () => {
    const rig = new Rig({ ...data(), hosts: 1 });
    const host = rig.host(0);
    const dispatcher = rig.dispatcher();
    dispatcher.ask(create(topic('a', 1)));
    rig.clock.settle();
    host.willing = false;
    const [removed, made, closed, late] = dispatcher.ask(remove('a'), create(topic('b', 1)), closing(true), metadata('a'));
    rig.clock.settle();
    expect(dispatcher.replyTo('deleteTopics', removed)?.topics).toMatchObject([{ error: errors.CLOSED.code }]);
    expect(dispatcher.replyTo('createTopics', made)?.topics).toMatchObject([{ error: errors.CLOSED.code }]);
    expect(dispatcher.replyTo('metadata', late)?.error).toBe(errors.CLOSED.code);
    expect(dispatcher.replyTo('close', closed)?.unfinished).toEqual(['topic a is still being deleted']);
  });

  test('a marker that cannot be written is told, and the bus closes all the same', () => {
    const world = data();
    const rig = new Rig({ ...world, hosts: 1 });
    const dispatcher = rig.dispatcher();
    world.disk.rename = () => {
      throw new Error('EIO');
    };
    const [closed] = dispatcher.ask(closing(true));
    rig.clock.settle();
    expect(dispatcher.replyTo('close', closed)).toMatchObject({ error: errors.KAFKA_STORAGE_ERROR.code, unfinished: ['Error: EIO'] });
    expect(rig.ended).toEqual({ error: undefined });
  });

  test('when the supervisor is gone it ends, without a marker', () => {
    const world = data();
    const rig = new Rig(world);
    rig.hangUp();
    expect(rig.ended).toEqual({ error: undefined });
    expect(world.disk.list('/data')).toEqual([]);
  });
});

describe('bounds and bad input', () => {
  test('one dispatcher more than there may be is turned away', () => {
    const rig = new Rig();
    for (let number = 0; number < limits.dispatchersMax; number++) expect(rig.dispatcher(number).closed).toBe(false);
    const extra = rig.dispatcher(limits.dispatchersMax);
    rig.clock.settle();
    expect(extra.closed).toBe(true);
    // A new one under an old number takes its place.
    const again = rig.dispatcher(5);
    again.ask({ verb: 'initProducerId' });
    rig.clock.settle();
    expect(again.replies).toHaveLength(1);
  });

  test('asks that wait for hosts are bounded for each dispatcher', () => {
    const rig = new Rig({ hosts: 1 });
    const [one, two] = [rig.dispatcher(), rig.dispatcher()];
    one.ask(create(topic('a', 1)));
    rig.clock.settle();
    const ids = one.ask(...Array.from({ length: limits.asksInFlightMax - 1 }, () => metadata('a')));
    rig.clock.settle();
    expect(one.replies).toEqual([]);
    const [beyond] = one.ask(metadata('a'));
    const [other] = two.ask(metadata('a'));
    rig.clock.settle();
    expect(one.replyTo('metadata', beyond)?.error).toBe(errors.LIMIT_REACHED.code);
    expect(two.replyTo('metadata', other)).toBeUndefined();
    rig.host(0);
    expect(one.replyTo('metadata', ids[0])?.error).toBe(0);
    expect(one.replies).toHaveLength(limits.asksInFlightMax + 1);
  });

  test('events that nobody hears are bounded', () => {
    const rig = new Rig({ hosts: 1 });
    const host = rig.host(0);
    for (let i = 0; i <= limits.eventsKeptMax; i++)
      host.notice({ notice: 'recovery', topic: 'a', partition: 0, doneBytes: i, totalBytes: 9 });
    rig.clock.settle();
    expect(rig.dispatcher().notices).toHaveLength(limits.eventsKeptMax);
  });

  test('settings that are wrong are refused before anything begins', () => {
    const rig = new Rig({ defaults: { 'log.retention.ms': 'soon' } });
    expect(rig.refusal).toEqual({
      control: 'refused',
      error: errors.INVALID_ARGUMENT.code,
      message: '"log.retention.ms" must be a whole number, not "soon"',
      details: {},
    });
    expect(rig.ended).toEqual({ error: undefined });
  });

  test('a broken invariant ends the actor with its error; its store stays open for its successor', () => {
    const store = new MemoryStore();
    let closed = 0;
    store.close = () => void closed++;
    const rig = new Rig({ store, folder: '/data' });
    rig.host(9);
    expect(String(rig.ended?.error)).toMatch(/a host has a number below the count of hosts/);
    expect(closed).toBe(0);
  });
});

function makePartition(disk: MemoryDisk, path: string, topicId: string): void {
  disk.makeFolder(path);
  disk.open(`${path}/00000000000000000000.log`, 'create').close();
  if (topicId === '') return;
  const file = disk.open(`${path}/partition.metadata`, 'create');
  file.write([Buffer.from(`version: 0\ntopic_id: ${topicId}\n`)], 0);
  file.close();
}
