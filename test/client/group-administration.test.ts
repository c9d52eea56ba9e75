/** Administration of groups and quotas on a real bus: what it does, and bad calls of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Admin, Bus, type OffsetsExport, type ResetTarget } from '../../src/index.ts';
import { type BadCall, expectRefusal } from './refusal.ts';

const wrong = (value: unknown): never => value as never;
const options = { memoryBytesMax: 32 * 1024 * 1024, hosts: 1, logLevel: 'silent' } as const;

let folder = '';
let bus: Bus;
let admin: Admin;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-groups-'));
  bus = await Bus.open({ ...options, dir: folder, autoCreateTopics: false, configs: { 'log.durability': 'written' } });
  admin = bus.admin();
  await admin.createTopics([{ name: 't', partitions: 2 }, { name: 'empty' }]);
  // Ten records in each partition, a second apart; the first three of partition 1 are gone.
  const producer = bus.producer();
  for (let i = 0; i < 20; i++) await producer.send('t', { partition: i % 2, value: i, timestamp: 1_000_000 + Math.floor(i / 2) * 1000 });
  await admin.deleteRecords('t', { 1: 3 });
});
afterAll(async () => {
  await bus.close();
  rmSync(folder, { recursive: true, force: true });
});

const exported = (groupId: string, ...offsets: [partition: number, offset: number][]): OffsetsExport => ({
  format: 'spillway-offsets',
  version: 1,
  groups: [
    {
      groupId,
      offsets: offsets.map(([partition, offset]) => ({ topic: 't', partition, offset, leaderEpoch: -1, metadata: `p${partition}` })),
    },
  ],
});
const committed = async (groupId = 'g') =>
  (await admin.groupOffsets(groupId)).map(({ topic, partition, offset }) => `${topic}-${partition}@${offset}`);

beforeEach(async () => {
  const known = await admin.listGroups();
  await admin.deleteGroups(known.map(({ groupId }) => groupId));
  await admin.importOffsets(exported('g', [0, 4], [1, 6]));
});

describe('offsets of a group', () => {
  test('are listed, and described with what is left to read', async () => {
    expect(await admin.listGroups()).toEqual([{ groupId: 'g', state: 'Empty', type: 'classic', protocolType: '' }]);
    expect(await admin.listGroups({ states: ['Stable'] })).toEqual([]);
    expect((await admin.groupOffsets('g'))[0]).toEqual({ topic: 't', partition: 0, offset: 4, leaderEpoch: -1, metadata: 'p0' });
    const { offsets, members } = await admin.describeGroup('g');
    expect(members).toEqual([]);
    expect(offsets).toEqual([
      { topic: 't', partition: 0, committed: 4, highWatermark: 10, lag: 6, memberId: '' },
      { topic: 't', partition: 1, committed: 6, highWatermark: 10, lag: 4, memberId: '' },
    ]);
    expect(await admin.groupOffsets('unknown')).toEqual([]);
  });

  test.each<[string, ResetTarget, number, number]>([
    ['the beginning, where there is one', 'earliest', 0, 3],
    ['the end', 'latest', 10, 10],
    ['an offset, within the log', 2, 2, 3],
    ['a time', { timestamp: 1_004_500 }, 5, 5],
    ['a time after the last record', { timestamp: 2_000_000 }, 10, 10],
    ['an age', { agoMs: 1000 }, 10, 10],
    ['further on', { shiftBy: 5 }, 9, 10],
    ['back', { shiftBy: -2 }, 2, 4],
    ['the last two', { fromEnd: 2 }, 8, 8],
  ])('are reset to %s', async (_, to, first, second) => {
    const changes = [
      { topic: 't', partition: 0, before: 4, after: first },
      { topic: 't', partition: 1, before: 6, after: second },
    ];
    expect(await admin.resetOffsets('g', { to, dryRun: true })).toEqual(changes);
    expect(await committed()).toEqual(['t-0@4', 't-1@6']);
    expect(await admin.resetOffsets('g', { to })).toEqual(changes);
    expect(await committed()).toEqual([`t-0@${first}`, `t-1@${second}`]);
  });

  test('of some partitions only; of topics that it has never read; of a group that is new', async () => {
    await admin.resetOffsets('g', { to: 'latest', topics: [{ topic: 't', partition: 1 }, 'empty'] });
    expect(await committed()).toEqual(['empty-0@0', 't-0@4', 't-1@10']);
    await admin.resetOffsets('new', { to: 'latest', topics: ['t'] });
    expect(await committed('new')).toEqual(['t-0@10', 't-1@10']);
  });

  test('are exported and imported, and outlive the bus', async () => {
    await admin.importOffsets(exported('h', [1, 9]));
    const document = JSON.parse(JSON.stringify(await admin.exportOffsets()));
    expect(document).toEqual({ ...exported('g'), groups: [...exported('g', [0, 4], [1, 6]).groups, ...exported('h', [1, 9]).groups] });
    await admin.deleteGroups(['g', 'h']);
    expect(await admin.importOffsets(document, { dryRun: true })).toHaveLength(3);
    expect(await admin.listGroups()).toEqual([]);
    expect((await admin.importOffsets(document)).at(-1)).toEqual({ groupId: 'h', topic: 't', partition: 1, before: -1, after: 9 });
    expect(await admin.exportOffsets()).toEqual(document);
  });

  test('are deleted, one or all', async () => {
    await admin.deleteGroupOffsets('g', [
      { topic: 't', partition: 0 },
      { topic: 'empty', partition: 0 },
    ]);
    expect(await committed()).toEqual(['t-1@6']);
    await admin.deleteGroups(['g']);
    expect([await committed(), await admin.listGroups()]).toEqual([[], []]);
  });

  test('go with their topic, and are not those of the next one of its name', async () => {
    await admin.createTopics([{ name: 'short' }]);
    await bus.producer().send('short', { value: 1 });
    await admin.resetOffsets('g', { to: 'latest', topics: ['short'] });
    expect(await committed()).toContain('short-0@1');
    await admin.deleteTopics(['short']);
    expect(await committed()).toEqual(['t-0@4', 't-1@6']);
    await admin.createTopics([{ name: 'short' }]);
    expect(await committed()).toEqual(['t-0@4', 't-1@6']);
    await admin.deleteTopics(['short']);
  });

  test('a group without members says so of each partition with records that wait', async () => {
    await admin.resetOffsets('g', { to: 'latest', topics: [{ topic: 't', partition: 1 }] });
    const { group, partitions } = await admin.explainGroup('g');
    expect(group.state).toBe('Empty');
    expect(partitions.map(({ partition, state, lag, committed: at, highWatermark }) => [partition, state, lag, at, highWatermark])).toEqual(
      [
        [0, 'unowned', 6, 4, 10],
        [1, 'unowned', 0, 10, 10],
      ],
    );
    expect(partitions[0].text).toMatch(/^nobody reads it: the group has no members since 20\S+Z, for .* s; start a consumer$/);
  });
});

describe('bad calls', () => {
  const reset =
    (change: unknown, groupId: unknown = 'g') =>
    () =>
      admin.resetOffsets(wrong(groupId), wrong(change));
  const load = (document: unknown) => () => admin.importOffsets(wrong(document));
  const good = exported('g', [0, 1]);
  test.each<BadCall>([
    ['describe one by its id alone', () => admin.describeGroups(wrong('g')), 'INVALID_ARGUMENT', /describeGroups takes is a list, not "g"/],
    ['describe what is not there', () => admin.describeGroup('unknown'), 'GROUP_ID_NOT_FOUND', /no group "unknown"/],
    ['explain what is not there', () => admin.explainGroup('unknown'), 'GROUP_ID_NOT_FOUND', /no group "unknown"/],
    ['history of what is not there', () => admin.groupHistory('unknown'), 'GROUP_ID_NOT_FOUND', /no group "unknown"/],
    ['explain a number', () => admin.explainGroup(wrong(5)), 'INVALID_ARGUMENT', /group’s id is a text, not 5/],
    ['list by a state that is none', () => admin.listGroups({ states: wrong(['Full']) }), 'INVALID_ARGUMENT', /a state is one of "Empty"/],
    ['list by another option', () => admin.listGroups(wrong({ state: [] })), 'INVALID_ARGUMENT', /no option "state"; it has states/],
    ['offsets of nobody', () => admin.groupOffsets(''), 'INVALID_GROUP_ID', /a text of 1 to 1024 characters/],
    ['offsets of a name too long', () => admin.groupOffsets('g'.repeat(1025)), 'INVALID_GROUP_ID', /1 to 1024/],
    ['delete what is not there', () => admin.deleteGroups(['unknown']), 'GROUP_ID_NOT_FOUND', /no group "unknown"/],
    ['delete offsets of no list', () => admin.deleteGroupOffsets('g', wrong('t')), 'INVALID_ARGUMENT', /is a list, not "t"/],
    [
      'delete offsets of no group',
      () => admin.deleteGroupOffsets('unknown', [{ topic: 't', partition: 0 }]),
      'GROUP_ID_NOT_FOUND',
      /no group/,
    ],
    [
      'delete offsets of no topic',
      () => admin.deleteGroupOffsets('g', [{ topic: 'unknown', partition: 0 }]),
      'UNKNOWN_TOPIC_OR_PARTITION',
      /topic "unknown" does not exist/,
    ],
    ['reset to nothing', reset({}), 'INVALID_ARGUMENT', /to is an offset, 'earliest'.*not undefined/],
    ['reset to nowhere', reset({ to: 'newest' }), 'INVALID_ARGUMENT', /not "newest"/],
    ['reset to before all', reset({ to: -1 }), 'INVALID_ARGUMENT', /to is a whole number from 0/],
    ['reset by two things', reset({ to: { shiftBy: 1, timestamp: 1 } }), 'INVALID_ARGUMENT', /to is an offset/],
    ['reset by something else', reset({ to: { by: 1 } }), 'INVALID_ARGUMENT', /reset by is one of "timestamp"/],
    ['reset by half a record', reset({ to: { shiftBy: 0.5 } }), 'INVALID_ARGUMENT', /shiftBy is a whole number/],
    ['reset with a mistyped option', reset({ to: 'latest', topic: 't' }), 'INVALID_ARGUMENT', /no option "topic"/],
    ['reset of no topic', reset({ to: 'latest', topics: ['unknown'] }), 'UNKNOWN_TOPIC_OR_PARTITION', /"unknown" does not exist/],
    [
      'reset of no partition',
      reset({ to: 'latest', topics: [{ topic: 't', partition: 2 }] }),
      'UNKNOWN_TOPIC_OR_PARTITION',
      /0 to 1, not 2/,
    ],
    ['reset of nothing committed', reset({ to: 'latest' }, 'unknown'), 'GROUP_ID_NOT_FOUND', /has committed nothing.*name topics/],
    [
      'shift of nothing committed',
      reset({ to: { shiftBy: 1 }, topics: ['empty'] }),
      'INVALID_ARGUMENT',
      /empty-0, so it cannot be shifted/,
    ],
    ['import nothing', load(null), 'INVALID_DATA', /nothing was imported: .* is an object, not null/],
    ['import something else', load({ format: 'offsets' }), 'INVALID_DATA', /no export of offsets: format "offsets"/],
    ['import a later version', load({ ...good, version: 2 }), 'INVALID_DATA', /version 2/],
    ['import a partition that is none', load(exported('g', [7, 0])), 'UNKNOWN_TOPIC_OR_PARTITION', /0 to 1, not 7/],
    ['import half an offset', load(exported('g', [0, 0.5])), 'INVALID_DATA', /offset is a whole number/],
    [
      'import too much metadata',
      load({ ...good, groups: [{ groupId: 'g', offsets: [{ ...good.groups[0].offsets[0], metadata: 'ü'.repeat(2049) }] }] }),
      'OFFSET_METADATA_TOO_LARGE',
      /t-0 has 4098 bytes of UTF-8; at most 4096/,
    ],
    ['a quota of nobody', () => admin.alterQuotas(wrong(5), {}), 'INVALID_ARGUMENT', /client id is a text, not 5/],
    ['no change of a quota', () => admin.alterQuotas('c', wrong(null)), 'INVALID_ARGUMENT', /takes an object of options, not null/],
    [
      'a quota of nothing',
      () => admin.alterQuotas('c', { producerByteRate: 0 }),
      'INVALID_REQUEST',
      /bytes per second from 1, or null for none, not 0/,
    ],
    ['a quota as text', () => admin.alterQuotas('c', { consumerByteRate: wrong('1') }), 'INVALID_ARGUMENT', /consumerByteRate is a number/],
    ['a quota of another kind', () => admin.alterQuotas('c', wrong({ requestRate: 1 })), 'INVALID_ARGUMENT', /no option "requestRate"/],
  ])('%s', async (...row) => void (await expectRefusal(row)));

  test('metadata at its largest is taken', async () => {
    const [offset] = good.groups[0].offsets;
    await admin.importOffsets({ ...good, groups: [{ groupId: 'g', offsets: [{ ...offset, metadata: 'ü'.repeat(2048) }] }] });
    expect((await admin.groupOffsets('g'))[0].metadata).toHaveLength(2048);
  });
});

test('quotas are set, changed, ended, and outlive the bus', async () => {
  await admin.alterQuotas('a', { producerByteRate: 1000 });
  await admin.alterQuotas('a', { consumerByteRate: 2000.9 });
  await admin.alterQuotas(null, { producerByteRate: 5 });
  const quotas = [
    { clientId: 'a', producerByteRate: 1000, consumerByteRate: 2000 },
    { clientId: null, producerByteRate: 5, consumerByteRate: null },
  ];
  expect(await admin.describeQuotas()).toEqual(quotas);
  await admin.alterQuotas('a', { producerByteRate: null, consumerByteRate: null });
  expect(await admin.describeQuotas()).toEqual([quotas[1]]);
  await admin.alterQuotas(null, { producerByteRate: null });
  expect(await admin.describeQuotas()).toEqual([]);
});
