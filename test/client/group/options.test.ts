/** What a consumer may be told about its group, and what it is told when that is wrong. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { limits } from '../../../src/base/limits.ts';
import { memberAssignors, serverAssignor } from '../../../src/client/group/assignors.ts';
import { checkSubscription, matcherOf } from '../../../src/client/group/subscription.ts';
import { Bus, type Consumer, defineTopic } from '../../../src/index.ts';
import { type BadCall, expectRefusal } from '../refusal.ts';

/** The compiler would refuse most of these calls; JavaScript does not. */
const wrong = (value: unknown): never => value as never;

let bus: Bus;
let alone: Consumer;
let member: Consumer;
beforeAll(async () => {
  bus = await Bus.open({ memoryBytesMax: 32 * 1024 * 1024, hosts: 1, logLevel: 'silent' });
  await bus.admin().createTopics([{ name: 't', partitions: 1 }]);
  alone = await bus.consumer().assign('t');
  member = bus.consumer({ groupId: 'g', topics: 't' });
});
afterAll(() => bus.close());

describe('bad calls', () => {
  const making = (options: unknown) => () => bus.consumer(wrong(options));
  const group = (options: object) => making({ groupId: 'g', topics: 't', ...options });
  test.each<BadCall>([
    ['topics without a group', making({ topics: 't' }), 'INVALID_ARGUMENT', /topics is for a consumer in a group: give a groupId/],
    ['an empty group', making({ groupId: '', topics: 't' }), 'INVALID_ARGUMENT', /groupId is a text that is not empty/],
    ['a group that is no text', making({ groupId: 5 }), 'INVALID_ARGUMENT', /groupId is a text, not 5/],
    ['no topics at all', group({ topics: [] }), 'INVALID_ARGUMENT', /topics names none/],
    ['a pattern for a name', group({ topics: 'orders-*' }), 'INVALID_TOPIC_EXCEPTION', /For a pattern, use a RegExp or \{ pattern/],
    ['no regular expression', group({ topics: { pattern: '(' } }), 'INVALID_REGULAR_EXPRESSION', /"\(" is no regular expression/],
    ['a number for a topic', group({ topics: [7] }), 'INVALID_ARGUMENT', /a topic is a name or what defineTopic/],
    ['a session too short', group({ sessionTimeoutMs: 9 }), 'INVALID_ARGUMENT', /sessionTimeoutMs is a whole number from 10 to/],
    ['heartbeats that come too late', group({ sessionTimeoutMs: 100, heartbeatIntervalMs: 100 }), 'INVALID_ARGUMENT', /must be less than/],
    ['an assignor of members', group({ assignor: 'sticky' }), 'INVALID_ARGUMENT', /"uniform", "range", not "sticky"; .*'classic'/],
    [
      'an unknown one',
      group({ groupProtocol: 'classic', assignor: 'fair' }),
      'INVALID_ARGUMENT',
      /"cooperative-sticky", or \{ name, assign/,
    ],
    ['half of one', group({ groupProtocol: 'classic', assignor: { name: 'x' } }), 'INVALID_ARGUMENT', /an assignor is a name or/],
    ['none of them', group({ groupProtocol: 'classic', assignor: [] }), 'INVALID_ARGUMENT', /assignor lists none/],
    ['a callback that is none', group({ onLost: true }), 'INVALID_ARGUMENT', /onLost is a function, not true/],
    [
      'a place that is none',
      making({ autoOffsetReset: 'first' }),
      'INVALID_ARGUMENT',
      /"earliest", "latest", "none" or \{ byDurationMs \}/,
    ],
    ['a mistyped duration', making({ autoOffsetReset: { byDuration: 1 } }), 'INVALID_ARGUMENT', /no option "byDuration"/],
    [
      'to commit without a group',
      () => alone.commit(),
      'INVALID_ARGUMENT',
      /commit is for a consumer in a group: give bus.consumer a groupId/,
    ],
    ['to ask what is committed without a group', () => alone.committed(), 'INVALID_ARGUMENT', /committed is for a consumer in a group/],
    ['to assign as a member', () => member.assign('t'), 'INVALID_ARGUMENT', /the group assigns .* leave out topics/],
    ['to commit no list', () => member.commit(wrong({ topic: 't' })), 'INVALID_ARGUMENT', /what commit takes is a list/],
    [
      'to commit less than nothing',
      () => member.commit([{ topic: 't', partition: 0, offset: -1 }]),
      'INVALID_ARGUMENT',
      /offset is a whole number from 0/,
    ],
    [
      'to commit what is not held',
      () => member.commit([{ topic: 't', partition: 0, offset: 1 }]),
      'FENCED_MEMBER_EPOCH',
      /t-0 was not committed: the member does not hold it/,
    ],
    [
      'a callback of commitAsync that is none',
      () => member.commitAsync([], wrong(1)),
      'INVALID_ARGUMENT',
      /callback of commitAsync is a function/,
    ],
  ])('%s', async (...call) => {
    await expectRefusal(call);
  });
});

describe('subscriptions', () => {
  const matches = (topics: unknown, ...names: string[]): string[] => names.filter(matcherOf(checkSubscription(topics).regex));

  test('take names, declarations and patterns, alone and together', () => {
    const orders = defineTopic('orders');
    const { names, regex, declared } = checkSubscription(['b', orders, 'a', 'b', /^x/, { pattern: 'y.*' }]);
    expect([names, [...declared.keys()]]).toEqual([['a', 'b', 'orders'], ['orders']]);
    expect(['x1', 'y', 'ax', 'ay'].filter(matcherOf(regex))).toEqual(['x1', 'y']);
    expect(checkSubscription('a')).toMatchObject({ names: ['a'], regex: '' });
  });

  test('a RegExp is searched for, a pattern is the whole name', () => {
    expect(matches(/rd/, 'orders', 'order', 'items')).toEqual(['orders', 'order']);
    expect(matches(/^ORD/i, 'orders', 'border')).toEqual(['orders']);
    expect(matches(/s$|^i/, 'orders', 'item', 'order')).toEqual(['orders', 'item']);
    expect(matches({ pattern: 'order' }, 'orders', 'order')).toEqual(['order']);
    expect(matches({ pattern: 'a|b' }, 'a', 'b', 'ab')).toEqual(['a', 'b']);
  });

  test(`name up to ${limits.topicsMax} topics`, () => {
    const all = Array.from({ length: limits.topicsMax + 1 }, (_, i) => `t${i}`);
    expect(checkSubscription(all.slice(1)).names.length).toBe(limits.topicsMax);
    expect(() => checkSubscription(all)).toThrow(/Use a pattern/);
  });
});

describe('assignors', () => {
  test('by name, by the choice of the group, and the user’s own', () => {
    expect([serverAssignor(undefined), serverAssignor('range')]).toEqual([null, 'range']);
    expect(memberAssignors(undefined).map(({ name }) => name)).toEqual(['cooperative-sticky']);
    expect(memberAssignors(['sticky', 'range']).map(({ name, protocol }) => `${name} ${protocol}`)).toEqual([
      'sticky eager',
      'range eager',
    ]);
    const [own] = memberAssignors({ name: 'mine', assign: () => ({ m: [{ topic: 't', partitions: [1] }] }) });
    expect([own.protocol, own.assign([], new Map()).get('m')]).toEqual([
      'eager',
      { partitions: [{ topic: 't', partitions: [1] }], userData: null },
    ]);
  });

  test.each([
    ['no list', 5],
    ['no rows', [{ topic: 't' }]],
    ['no numbers', [{ topic: 't', partitions: ['0'] }]],
  ])('of the user’s that gives %s is told', (_, rows) => {
    const [own] = memberAssignors({ name: 'mine', assign: () => ({ m: rows }) });
    expect(() => own.assign([], new Map())).toThrow(/assignor "mine" gave/);
  });
});
