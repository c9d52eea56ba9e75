/** Groups in the coordinator's turn: commits and who may make them, what waits, what is due, what is told, and how it all ends. */
import { beforeEach, describe, expect, test } from 'vitest';
import { encodeSubscription } from '../../src/assign/consumer-protocol.ts';
import { errors } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import type { PartitionProgress } from '../../src/coordinator/groups/protocol.ts';
import { MemoryStore } from '../../src/coordinator/memory-store.ts';
import type { CoordinatorReply } from '../../src/coordinator/protocol.ts';
import { type FakeDispatcher, type FakeHost, Rig, type RigOptions, VirtualClock } from './rig.ts';

const DAY_MS = 86_400_000;

let rig: Rig;
let host: FakeHost;
let one: FakeDispatcher;
beforeEach(() => begin());

function begin(options: RigOptions = {}): void {
  rig = new Rig({ hosts: 1, ...options });
  host = rig.host(0);
  one = rig.dispatcher();
}

function ask<V extends CoordinatorReply['verb']>(verb: V, fields: object, by = one): Extract<CoordinatorReply, { verb: V }> {
  const reply = asking(verb, fields, by)();
  if (reply === undefined) throw new Error(`${verb} was not answered`);
  return reply;
}

/** Asks, and later tells the reply. */
function asking<V extends CoordinatorReply['verb']>(verb: V, fields: object, by = one) {
  const [id] = by.ask({ verb, ...fields } as never);
  rig.clock.settle();
  return (): Extract<CoordinatorReply, { verb: V }> | undefined => by.replyTo(verb, id);
}

function create(name: string, partitions = 2): void {
  ask('createTopics', { topics: [{ name, partitions, replicationFactor: -1, configs: {} }], validateOnly: false });
}

interface Who {
  groupId?: string;
  memberId?: string;
  epoch?: number;
  metadata?: string;
  by?: FakeDispatcher;
}

/** Answers the error of the whole, or of the row. */
function commit(
  topic: string,
  partition: number,
  offset: number,
  { groupId = 'g', memberId = '', epoch = -1, metadata = '', by = one }: Who = {},
): number {
  const offsets = [{ topic, partition, offset, leaderEpoch: -1, metadata }];
  const reply = ask('offsetCommit', { groupId, memberId, instanceId: null, epoch, offsets, synced: false }, by);
  return reply.error || (reply.offsets?.[0].error ?? 0);
}

const committed = (groupId = 'g'): string[] =>
  ask('offsetFetch', { groupId, memberId: null, epoch: -1, topics: null, requireStable: false }).offsets.map(
    ({ topic, partition, offset }) => `${topic}-${partition}@${offset}`,
  );

interface Heartbeat {
  groupId?: string;
  epoch?: number;
  topics?: string[] | null;
  owned?: { topicId: string; partitions: number[] }[] | null;
  by?: FakeDispatcher;
}

function heartbeat(memberId: string, { groupId = 'g', epoch = 0, topics = null, owned = null, by = one }: Heartbeat = {}) {
  const identity = { clientId: 'c', clientHost: 'thread 1', instanceId: null, rackId: null };
  const timeouts = { rebalanceTimeoutMs: 10_000, sessionTimeoutMs: 30_000 };
  const fields = { groupId, memberId, memberEpoch: epoch, topics, topicRegex: null, assignor: null, owned, ...identity, ...timeouts };
  return ask('consumerGroupHeartbeat', fields, by);
}

/** A member that has what it is to have; answers its epoch. */
function join(memberId: string, topics: string[], options: Heartbeat = {}): number {
  const { memberEpoch, assignment, error } = heartbeat(memberId, { topics, owned: [], ...options });
  expect(error).toBe(0);
  return heartbeat(memberId, { epoch: memberEpoch, owned: assignment, ...options }).memberEpoch;
}

const events = (name: string) =>
  one.notices.flatMap((notice) => (notice.notice === 'event' && notice.name === name ? [notice.fields] : []));

describe('commits', () => {
  test('from outside make their group, while it has no members', () => {
    create('t');
    expect([commit('t', 0, 5), commit('t', 1, 6), commit('t', 0, 7)]).toEqual([0, 0, 0]);
    expect(committed()).toEqual(['t-0@7', 't-1@6']);
    expect(ask('listGroups', { states: [], types: [] }).groups).toMatchObject([{ groupId: 'g', state: 'Empty', protocolType: '' }]);
  });

  test.each<[string, Parameters<typeof commit>, keyof typeof errors]>([
    ['a topic that is not there', ['unknown', 0, 1], 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['a partition that is not there', ['t', 2, 1], 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['a negative partition', ['t', -1, 1], 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['no offset', ['t', 0, -1], 'INVALID_REQUEST'],
    ['half an offset', ['t', 0, 0.5], 'INVALID_REQUEST'],
    ['no number', ['t', 0, Number.NaN], 'INVALID_REQUEST'],
    ['metadata at the bound', ['t', 0, 1, { metadata: 'é'.repeat(2048) }], 'NONE'],
    ['metadata beyond it', ['t', 0, 1, { metadata: `${'é'.repeat(2048)}a` }], 'OFFSET_METADATA_TOO_LARGE'],
    ['a group’s id at the bound', ['t', 0, 1, { groupId: 'g'.repeat(limits.groupNameMax) }], 'NONE'],
    ['a group’s id beyond it', ['t', 0, 1, { groupId: 'g'.repeat(limits.groupNameMax + 1) }], 'INVALID_GROUP_ID'],
    ['no group', ['t', 0, 1, { groupId: '' }], 'INVALID_GROUP_ID'],
    ['a member of no group', ['t', 0, 1, { memberId: 'm', epoch: 3 }], 'GROUP_ID_NOT_FOUND'],
  ])('%s', (_, call, error) => {
    create('t');
    expect(commit(...call)).toBe(errors[error].code);
    if (error !== 'NONE') expect(ask('listGroups', { states: [], types: [] }).groups).toEqual([]);
  });

  test('one wrong row does not hold up the others', () => {
    create('t');
    const row = (partition: number) => ({ topic: 't', partition, offset: 1, leaderEpoch: -1, metadata: '' });
    const fields = { groupId: 'g', memberId: '', instanceId: null, epoch: -1, synced: false };
    const reply = ask('offsetCommit', { ...fields, offsets: [row(0), row(9), row(1)] });
    expect(reply.offsets).toEqual([{ topic: 't', partition: 9, error: errors.UNKNOWN_TOPIC_OR_PARTITION.code }]);
    expect(reply.message).toBe('there is no partition t-9 (any more)');
    expect(committed()).toEqual(['t-0@1', 't-1@1']);
  });

  test('what was finished of a topic that is gone says nothing of one that was made anew under its name', () => {
    create('t');
    const fields = { groupId: 'g', memberId: '', instanceId: null, epoch: -1, synced: false };
    const at = (topicId: string, offset: number) => ({ topic: 't', topicId, partition: 0, offset, leaderEpoch: -1, metadata: '' });
    const idOf = (): string => ask('metadata', { topics: ['t'], autoCreate: false }).topics[0].topicId;
    const before = idOf();
    expect(ask('offsetCommit', { ...fields, offsets: [at(before, 33)] })).toMatchObject({ error: 0, offsets: null });
    ask('deleteTopics', { names: ['t'] });
    create('t');
    const reply = ask('offsetCommit', { ...fields, offsets: [at(before, 34)] });
    expect(reply.offsets).toMatchObject([{ error: errors.UNKNOWN_TOPIC_OR_PARTITION.code }]);
    expect(committed()).toEqual([]);
    expect(ask('offsetCommit', { ...fields, offsets: [at(idOf(), 1)] })).toMatchObject({ error: 0, offsets: null });
    expect(committed()).toEqual(['t-0@1']);
  });

  test('too many rows in one ask are refused as a whole', () => {
    create('t');
    const rows = Array.from({ length: limits.partitionsMax + 1 }, () => ({
      topic: 't',
      partition: 0,
      offset: 1,
      leaderEpoch: -1,
      metadata: '',
    }));
    const fields = { groupId: 'g', memberId: '', instanceId: null, epoch: -1, synced: false };
    expect(ask('offsetCommit', { ...fields, offsets: rows }).error).toBe(errors.LIMIT_REACHED.code);
    expect(ask('offsetCommit', { ...fields, offsets: rows.slice(1) }).error).toBe(0);
  });

  test('of members count in their epoch; others, and outsiders, change nothing', () => {
    create('t');
    const epoch = join('m', ['t']);
    expect(commit('t', 0, 5, { memberId: 'm', epoch })).toBe(0);
    expect(commit('t', 0, 6, { memberId: 'm', epoch: epoch - 1 })).toBe(errors.STALE_MEMBER_EPOCH.code);
    expect(commit('t', 0, 6, { memberId: 'n', epoch })).toBe(errors.UNKNOWN_MEMBER_ID.code);
    expect(commit('t', 0, 6)).toBe(errors.UNKNOWN_MEMBER_ID.code);
    expect(committed()).toEqual(['t-0@5']);
    heartbeat('m', { epoch: -1 });
    expect([commit('t', 0, 7), committed()]).toEqual([0, ['t-0@7']]);
  });

  test('are not deleted while members read the topic', () => {
    create('t');
    create('u');
    commit('u', 0, 1);
    const epoch = join('m', ['t']);
    commit('t', 0, 5, { memberId: 'm', epoch });
    const topics = [
      { topic: 't', partitions: [0] },
      { topic: 'u', partitions: [0, 1] },
    ];
    const reply = ask('offsetDelete', { groupId: 'g', topics });
    expect(reply.offsets.map(({ error }) => error)).toEqual([errors.GROUP_SUBSCRIBED_TO_TOPIC.code, 0, 0]);
    expect(committed()).toEqual(['t-0@5']);
  });
});

describe('a store', () => {
  test('gives a new coordinator groups, members and offsets; what it refuses is refused to all who asked', () => {
    const store = new MemoryStore();
    begin({ store, folder: '/data' });
    create('t');
    const epoch = join('m', ['t']);
    expect(commit('t', 0, 5, { memberId: 'm', epoch })).toBe(0);
    store.failNext = 1;
    expect(commit('t', 0, 6, { memberId: 'm', epoch })).toBe(errors.DISK_FULL.code);
    expect(committed()).toEqual(['t-0@5']);
    // The session goes on: the member is heard in its epoch.
    rig.clock.pass(100);
    expect(heartbeat('m', { epoch }).error).toBe(0);
    rig.clock.pass(40_000);
    expect(heartbeat('m', { epoch }).error).toBe(errors.UNKNOWN_MEMBER_ID.code);

    rig.hangUp();
    begin({ store, folder: '/data', clock: new VirtualClock() });
    expect(committed()).toEqual(['t-0@5']);
  });
});

describe('what waits', () => {
  const joining = {
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: new Uint8Array(0) }],
    reason: '',
    requiresMemberId: false,
  };
  const classic = {
    groupId: 'g',
    memberId: '',
    instanceId: null,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    clientId: '',
    clientHost: '',
  };

  test('is answered when others have done their part, or when time is up', () => {
    const leader = ask('joinGroup', { ...classic, ...joining });
    expect(leader).toMatchObject({ error: 0, generation: 1 });
    const two = rig.dispatcher();
    const second = asking('joinGroup', { ...classic, ...joining }, two);
    rig.clock.pass(1000);
    expect(second()).toBeUndefined();
    rig.clock.pass(10_000);
    expect(second()).toMatchObject({ error: 0, generation: 2 });
  });

  test('is refused when the bus closes', () => {
    ask('joinGroup', { ...classic, ...joining });
    const second = asking('joinGroup', { ...classic, ...joining });
    const closed = asking('close', { deadlineMs: 100, clean: true });
    expect(second()).toMatchObject({ error: errors.CLOSED.code, message: 'the bus is closing' });
    expect(closed()).toMatchObject({ error: 0 });
    expect(rig.ended).toEqual({ error: undefined });
  });

  test('is refused with a code that has it join again when what was decided could not be stored', () => {
    const store = new MemoryStore();
    begin({ store, folder: '/data' });
    create('t');
    ask('joinGroup', { ...classic, ...joining });
    const second = asking('joinGroup', { ...classic, ...joining });
    store.failNext = 1;
    commit('t', 0, 1, { groupId: 'other' });
    expect(second()).toMatchObject({ error: errors.COORDINATOR_NOT_AVAILABLE.code });
  });

  test('an explanation waits for the hosts, though not for ever', () => {
    create('t');
    commit('t', 0, 5);
    host.willing = false;
    const told = asking('explainGroup', { groupId: 'g' });
    rig.clock.pass(1000);
    expect(told()).toBeUndefined();
    rig.clock.pass(3000);
    expect(told()).toMatchObject({ error: 0, partitions: [{ topic: 't', partition: 0, highWatermark: -1, lag: -1 }] });
    host.answer();
    rig.clock.settle();
    host.willing = true;
    const again = asking('explainGroup', { groupId: 'g' });
    host.die();
    rig.clock.settle();
    expect(again()?.error).toBe(0);
  });
});

describe('members', () => {
  test('are told at once that something waits for them, and nobody when nothing does', () => {
    create('t');
    const epoch = join('m', ['t']);
    one.notices.length = 0;
    heartbeat('m', { epoch });
    expect(one.notices.filter(({ notice }) => notice === 'groups')).toEqual([]);
    heartbeat('n', { topics: ['t'], owned: [], by: rig.dispatcher() });
    expect(one.notices.filter(({ notice }) => notice === 'groups')).toEqual([{ notice: 'groups', groupIds: ['g'] }]);
  });

  test('of the classic protocol in a consumer group that speak of the generation before their last join are told to go on, not that they lost all', () => {
    create('t');
    join('m', ['t']);
    const about = { groupId: 'g', instanceId: null, clientId: 'c', clientHost: 'h', sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 10_000 };
    const metadata = encodeSubscription({ topics: ['t'], userData: null, owned: [], generation: -1, rackId: null });
    const fields = { ...about, protocolType: 'consumer', protocols: [{ name: 'range', metadata }], reason: '', requiresMemberId: false };
    const { generation, memberId } = ask('joinGroup', { ...fields, memberId: '' });
    const sync = (of: number) =>
      ask('syncGroup', {
        groupId: 'g',
        memberId,
        instanceId: null,
        generation: of,
        protocolType: null,
        protocolName: null,
        assignments: [],
      });
    expect(sync(generation).error).toBe(0);
    join('another', ['t']);
    const beat = (of: number) => ask('heartbeat', { groupId: 'g', memberId, instanceId: null, generation: of }).error;
    expect(beat(generation)).toBe(errors.REBALANCE_IN_PROGRESS.code);
    const again = ask('joinGroup', { ...fields, memberId }).generation;
    expect(again).toBeGreaterThan(generation);
    const of = (epoch: number) => [beat(epoch), commit('t', 0, 1, { memberId, epoch })];
    expect(of(generation)).toEqual([errors.REBALANCE_IN_PROGRESS.code, errors.REBALANCE_IN_PROGRESS.code]);
    expect(of(generation - 1)).toEqual([errors.ILLEGAL_GENERATION.code, errors.ILLEGAL_GENERATION.code]);
    expect(sync(again).error).toBe(0);
    expect(of(generation)).toEqual([errors.ILLEGAL_GENERATION.code, errors.ILLEGAL_GENERATION.code]);
  });

  test('get what a topic grows by, and lose what is deleted', () => {
    create('t', 1);
    const epoch = join('m', ['t']);
    ask('createPartitions', { name: 't', total: 3 });
    const grown = heartbeat('m', { epoch });
    expect(grown.assignment?.flatMap(({ partitions }) => partitions)).toEqual([0, 1, 2]);
    ask('deleteTopics', { names: ['t'] });
    expect(heartbeat('m', { epoch: grown.memberEpoch, owned: grown.assignment }).assignment).toEqual([]);
  });
});

describe('time', () => {
  const sweep = { 'offsets.retention.check.interval.ms': '60000' };

  test('offsets of a group go seven days after it became empty, those of a group of outsiders after their commit', () => {
    begin({ defaults: sweep });
    create('t');
    const epoch = join('m', ['t']);
    commit('t', 0, 5, { memberId: 'm', epoch });
    rig.clock.pass(20_000);
    heartbeat('m', { epoch: -1 });
    rig.clock.leap(4 * DAY_MS);
    commit('t', 0, 9, { groupId: 'outside' });
    rig.clock.leap(3 * DAY_MS - 60_000);
    expect([committed(), committed('outside')]).toEqual([['t-0@5'], ['t-0@9']]);
    rig.clock.leap(120_000);
    expect([committed(), committed('outside')]).toEqual([[], ['t-0@9']]);
    expect(ask('listGroups', { states: [], types: [] }).groups.map(({ groupId }) => groupId)).toEqual(['outside']);
    rig.clock.leap(4 * DAY_MS);
    expect(ask('listGroups', { states: [], types: [] }).groups).toEqual([]);
  });

  test('a group that lives keeps what it reads, and loses what it does not read any more', () => {
    begin({ defaults: { ...sweep, 'offsets.retention.minutes': '1', 'group.max.session.timeout.ms': '10000000' } });
    create('t');
    create('old');
    commit('old', 0, 1);
    const epoch = join('m', ['t']);
    commit('t', 0, 5, { memberId: 'm', epoch });
    for (let minute = 0; minute < 4; minute++) {
      for (let beat = 0; beat < 3; beat++) {
        heartbeat('m', { epoch });
        rig.clock.pass(20_000);
      }
    }
    expect(committed()).toEqual(['t-0@5']);
  });
});

describe('the watchdog', () => {
  const progress = (change: Partial<PartitionProgress> = {}): PartitionProgress => ({
    topic: 't',
    partition: 0,
    position: 5,
    doing: 'handling',
    sinceMs: rig.clock.nowMs(),
    detail: '',
    ...change,
  });
  const report = (...partitions: PartitionProgress[]): number => ask('reportProgress', { groupId: 'g', memberId: 'm', partitions }).error;
  /** Time passes, with heartbeats. */
  const live = (epoch: number, ms: number): void => {
    for (let passed = 0; passed < ms; passed += 3000) {
      heartbeat('m', { epoch });
      rig.clock.pass(3000);
    }
  };

  test('tells once that an owned partition with records gets nowhere, and once that it goes on', () => {
    create('t', 1);
    const epoch = join('m', ['t']);
    commit('t', 0, 5, { memberId: 'm', epoch });
    live(epoch, 60_000);
    expect(events('groupStalled')).toEqual([]);
    host.ends.set(0, 8);
    report(progress({ detail: 'order 7' }));
    live(epoch, 24_000);
    expect(events('groupStalled')).toEqual([]);
    live(epoch, 60_000);
    expect(events('groupStalled')).toMatchObject([
      { groupId: 'g', topic: 't', partition: 0, memberId: 'm', clientId: 'c', committed: 5, lag: 3 },
    ]);
    expect(events('groupStalled')[0].why).toMatch(
      /^member m \(c, thread 1\) has it, is 3 records behind and has not moved on since .*: its handler has been running since .* \(order 7\); see what/,
    );
    expect(events('groupResumed')).toEqual([]);
    commit('t', 0, 6, { memberId: 'm', epoch });
    live(epoch, 6000);
    expect(events('groupResumed')).toMatchObject([{ groupId: 'g', partition: 0, committed: 6, lag: 2 }]);
    const kinds = ask('groupHistory', { groupId: 'g' }).events.map(({ kind }) => kind);
    expect(kinds.slice(-2)).toEqual(['stalled', 'resumed']);
  });

  test('is quiet about a member that gets further and commits late, and about one that commits nothing of what was there before it', () => {
    create('t', 2);
    host.ends.set(0, 1000);
    host.ends.set(1, 1000);
    const epoch = join('m', ['t']);
    for (let position = 0; position < 30; position++) {
      report(progress({ position }));
      live(epoch, 6000);
    }
    expect(events('groupStalled')).toEqual([]);
    host.ends.set(1, 1001);
    live(epoch, 36_000);
    expect(events('groupStalled')).toMatchObject([{ partition: 0 }, { partition: 1, lag: 1, position: -1 }]);
  });

  test('asks hosts nothing while no group has members', () => {
    create('t');
    commit('t', 0, 5);
    rig.clock.pass(120_000);
    expect(host.heard.filter((what) => what === 'describe')).toEqual([]);
    join('m', ['t']);
    rig.clock.pass(20_000);
    expect(host.heard.filter((what) => what === 'describe').length).toBeGreaterThan(2);
  });

  test('takes the word of members only', () => {
    create('t');
    expect(report(progress())).toBe(errors.UNKNOWN_MEMBER_ID.code);
  });

  test.each<[string, Partial<PartitionProgress> | null, RegExp]>([
    ['paused', { doing: 'paused' }, /it is paused since \S+Z, for 1\.0 s$/],
    ['its queue full', { doing: 'queue-full' }, /nobody takes them since/],
    ['nobody asking', { doing: 'idle' }, /nobody asks the consumer for records since/],
    ['retrying', { doing: 'retrying', detail: 'Error: no' }, /tried again since .* \(Error: no\)$/],
    ['stopped', { doing: 'stopped', detail: 'CORRUPT_MESSAGE' }, /it was stopped since .* \(CORRUPT_MESSAGE\)$/],
    ['silent', null, /it is alive \(last heard 1\.0 s ago\) and does not say what it does$/],
  ])('explains a member that is %s', (_, told, words) => {
    create('t', 1);
    host.ends.set(0, 8);
    const epoch = join('m', ['t']);
    commit('t', 0, 5, { memberId: 'm', epoch });
    if (told !== null) report(progress(told));
    rig.clock.pass(1000);
    const [row] = ask('explainGroup', { groupId: 'g' }).partitions;
    expect(row).toMatchObject({ memberId: 'm', state: 'progressing', committed: 5, highWatermark: 8, lag: 3 });
    expect(row.text).toMatch(/^member m \(c, thread 1\) has it and is 3 records behind: /);
    expect(row.text).toMatch(words);
  });

  test('explains what moves, what nobody has, and what is read', () => {
    create('t', 1);
    create('u', 1);
    const epoch = join('m', ['t']);
    commit('t', 0, 0, { memberId: 'm', epoch });
    const texts = () => ask('explainGroup', { groupId: 'g' }).partitions.map(({ state, text }) => `${state}: ${text}`);
    expect(texts()).toEqual(['caught-up: member m (c, thread 1) has read all of it']);
    // The second member is to get what the first has: one of the two topics, or the partition of one.
    heartbeat('n', { topics: ['t', 'u'], owned: [] });
    expect(texts().join('\n')).toMatch(/^(caught-up: member m|moving: member m .* is to give it up to member n)/);
    heartbeat('m', { epoch: -1 });
    heartbeat('n', { epoch: -1 });
    expect(texts()[0]).toMatch(/^unowned: nobody reads it: the group has no members since .* \(.*n.*, 0\.0 s ago\); start a consumer$/);
  });
});
