/** Groups at their limits, by random lives, and in numbers. */
import { describe, expect, test } from 'vitest';
import { encodeSubscription } from '../../src/assign/consumer-protocol.ts';
import { errorName } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { AwakeClock } from '../../src/coordinator/groups/awake.ts';
import type { GroupCoreAsk } from '../../src/coordinator/groups/decision.ts';
import type { MemberRow } from '../../src/coordinator/groups/facts.ts';
import {
  beginGroups,
  emptySinceMs,
  expireGroups,
  forgetGroup,
  isSubscribed,
  mayCommit,
  mayFetchOffsets,
} from '../../src/coordinator/groups/groups.ts';
import type { GroupSettings } from '../../src/coordinator/groups/settings.ts';
import { applyGroup, storedFactsOf } from '../../src/coordinator/groups/state.ts';
import { GroupBench } from './bench.ts';
import { liveOnce } from './campaign.ts';

type Ask<V extends GroupCoreAsk['verb']> = Extract<GroupCoreAsk, { verb: V }>;

function heartbeat(memberId: string, options: Partial<Ask<'consumerGroupHeartbeat'>> = {}): Ask<'consumerGroupHeartbeat'> {
  return {
    verb: 'consumerGroupHeartbeat',
    id: 1,
    groupId: 'g',
    clientId: 'c',
    clientHost: '/h',
    memberId,
    memberEpoch: 0,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: 10_000,
    sessionTimeoutMs: -1,
    topics: ['t'],
    topicRegex: null,
    assignor: null,
    owned: [],
    ...options,
  };
}

function join(memberId: string, options: Partial<Ask<'joinGroup'>> = {}): Ask<'joinGroup'> {
  return {
    verb: 'joinGroup',
    id: 1,
    groupId: 'g',
    clientId: 'c',
    clientHost: '/h',
    memberId,
    instanceId: null,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription(['t']) }],
    reason: '',
    requiresMemberId: false,
    ...options,
  };
}

function subscription(topics: string[]): Uint8Array {
  return encodeSubscription({ topics, userData: null, owned: [], generation: -1, rackId: null });
}

function bench(settings: Partial<GroupSettings> = {}) {
  const made = new GroupBench({ settings });
  made.setTopic('t', 4);
  return { made, ask: (ask: GroupCoreAsk) => errorName(made.ask(ask).replies.at(-1)?.reply.error ?? 0) };
}

describe('random lives', () => {
  test('60 groups with members of both protocols that join, leave, die, stall and lose answers keep every invariant and settle', () => {
    let rebalances = 0;
    let migrations = 0;
    let fenced = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const outcome = liveOnce(seed, 200);
      rebalances += outcome.rebalances;
      migrations += outcome.migrations;
      fenced += outcome.fenced;
    }
    // That they did something.
    expect(Math.min(rebalances / 1000, migrations / 20, fenced / 100)).toBeGreaterThan(1);
  });
});

describe('limits', () => {
  test('members of a consumer group', () => {
    const { ask } = bench({ membersMax: 3 });
    expect(['a', 'b', 'c', 'd'].map((name) => ask(heartbeat(name)))).toEqual(['NONE', 'NONE', 'NONE', 'GROUP_MAX_SIZE_REACHED']);
    expect(ask(join(''))).toBe('GROUP_MAX_SIZE_REACHED');
    expect(ask(heartbeat('c', { memberEpoch: 3, owned: null }))).toBe('NONE');
  });

  test('members of a classic group, ids that were given out among them', () => {
    const { made, ask } = bench({ membersMax: 3 });
    expect(ask(join(''))).toBe('NONE');
    expect(ask(join('', { requiresMemberId: true }))).toBe('MEMBER_ID_REQUIRED');
    expect(ask(join('', { requiresMemberId: true }))).toBe('MEMBER_ID_REQUIRED');
    expect(ask(join('', { requiresMemberId: true }))).toBe('GROUP_MAX_SIZE_REACHED');
    // They are forgotten after a session.
    made.pass(10_001);
    expect(ask(join('', { requiresMemberId: true }))).toBe('MEMBER_ID_REQUIRED');
  });

  test('the bound of members holds by default', () => {
    const { made, ask } = bench();
    expect(made.settings.membersMax).toBe(limits.groupMembersMax);
    const row = memberRow('m');
    const members = Array.from({ length: limits.groupMembersMax }, (_, i) => ({ ...row, memberId: `m${i}` }));
    ask(heartbeat('first'));
    const group = made.groups.byId.get('g')?.row;
    if (group === undefined) throw new Error('the group is there');
    made.take({ facts: [{ fact: 'groupReplaced', group, members: members.slice(1) }], replies: [] });
    expect(ask(heartbeat('last'))).toBe('NONE');
    expect(ask(heartbeat('one-more'))).toBe('GROUP_MAX_SIZE_REACHED');
  });

  test('groups of a bus', () => {
    const { made, ask } = bench();
    ask(heartbeat('a'));
    const group = made.groups.byId.get('g')?.row;
    if (group === undefined) throw new Error('the group is there');
    for (let i = 1; i < limits.groupsMax; i++) {
      made.take({ facts: [{ fact: 'groupReplaced', group: { ...group, groupId: `g${i}` }, members: [] }], replies: [] });
    }
    expect(ask(heartbeat('a', { groupId: 'one-more' }))).toBe('GROUP_MAX_SIZE_REACHED');
    expect(ask(join('', { groupId: 'one-more' }))).toBe('GROUP_MAX_SIZE_REACHED');
    const outside = { groupId: 'one-more', memberId: '', instanceId: null, epoch: -1 };
    expect(errorName(mayCommit(made.groups, outside, made.around).error)).toBe('GROUP_MAX_SIZE_REACHED');
    expect(ask(heartbeat('a', { groupId: 'g7' }))).toBe('NONE');
    expect(ask({ verb: 'deleteGroups', id: 1, groupIds: ['g9'] })).toBe('NONE');
    expect(ask(heartbeat('a', { groupId: 'one-more' }))).toBe('NONE');
  });

  test('topics of a subscription', () => {
    const { ask } = bench();
    const names = Array.from({ length: limits.groupTopicsMax + 1 }, (_, i) => `t${i}`);
    expect(ask(heartbeat('a', { topics: names }))).toBe('INVALID_REQUEST');
    expect(ask(heartbeat('a', { topics: names.slice(1) }))).toBe('NONE');
    expect(ask(join('', { protocols: [{ name: 'range', metadata: subscription(names) }] }))).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(ask(join('', { protocols: [{ name: 'range', metadata: subscription(names.slice(1)) }] }))).toBe('NONE');
  });

  test('the length of a pattern', () => {
    const { ask } = bench();
    expect(ask(heartbeat('a', { topicRegex: 'x'.repeat(limits.groupPatternMax + 1) }))).toBe('INVALID_REGULAR_EXPRESSION');
    expect(ask(heartbeat('a', { topicRegex: 'x'.repeat(limits.groupPatternMax) }))).toBe('NONE');
  });

  test('the length of names', () => {
    const { ask } = bench();
    const long = 'n'.repeat(limits.groupNameMax + 1);
    const fits = 'n'.repeat(limits.groupNameMax);
    expect(ask(heartbeat('a', { groupId: long }))).toBe('INVALID_REQUEST');
    expect(ask(heartbeat(long))).toBe('INVALID_REQUEST');
    expect(ask(join('', { instanceId: long }))).toBe('INVALID_REQUEST');
    expect(ask(heartbeat(fits, { groupId: fits, instanceId: fits }))).toBe('NONE');
    expect(ask(heartbeat('a', { groupId: '' }))).toBe('INVALID_GROUP_ID');
  });

  test('what a classic member sends along and is assigned', () => {
    const { made, ask } = bench();
    const sends = (bytes: number) =>
      ask(join('', { protocols: [{ name: 'range', metadata: new Uint8Array(bytes - 'range'.length - 16) }] }));
    expect(sends(limits.groupMetadataBytesMax + 1)).toBe('INVALID_REQUEST');
    expect(sends(limits.groupMetadataBytesMax)).toBe('NONE');
    const memberId = [...(made.groups.byId.get('g')?.members.keys() ?? [])][0];
    const gets = (bytes: number) =>
      ask({
        verb: 'syncGroup',
        id: 1,
        groupId: 'g',
        generation: 1,
        memberId,
        instanceId: null,
        protocolType: null,
        protocolName: null,
        assignments: [{ memberId, assignment: new Uint8Array(bytes) }],
      });
    expect(gets(limits.groupMetadataBytesMax + 1)).toBe('INVALID_REQUEST');
    expect(gets(limits.groupMetadataBytesMax)).toBe('NONE');
  });

  test('groups that are expired in one turn', () => {
    const { made, ask } = bench();
    for (let i = 0; i <= limits.groupsExpiredAtOnceMax; i++) ask(heartbeat('a', { groupId: `g${i}` }));
    made.monotonicMs += 40_000;
    const withMembers = () => [...made.groups.byId.values()].filter(({ members }) => members.size > 0).length;
    made.take(expireGroups(made.groups, made.around));
    expect(withMembers()).toBe(1);
    made.take(expireGroups(made.groups, made.around));
    expect(withMembers()).toBe(0);
  });

  test('groups that one ask describes or deletes', () => {
    const { ask } = bench();
    ask(heartbeat('a'));
    const names = (count: number): string[] => new Array(count).fill('g');
    expect(ask({ verb: 'describeGroups', id: 1, groupIds: names(limits.groupsMax) })).toBe('NONE');
    expect(ask({ verb: 'describeGroups', id: 1, groupIds: names(limits.groupsMax + 1) })).toBe('LIMIT_REACHED');
    expect(ask({ verb: 'deleteGroups', id: 1, groupIds: names(limits.groupsMax) })).toBe('NONE');
    expect(ask({ verb: 'deleteGroups', id: 1, groupIds: names(limits.groupsMax + 1) })).toBe('LIMIT_REACHED');
  });

  test('members that leave with one ask', () => {
    const { ask } = bench();
    ask(heartbeat('a'));
    const leave = (count: number) =>
      ask({
        verb: 'leaveGroup',
        id: 1,
        groupId: 'g',
        members: new Array(count).fill({ memberId: 'nobody', instanceId: null, reason: '' }),
      });
    expect(leave(limits.groupMembersMax)).toBe('NONE');
    expect(leave(limits.groupMembersMax + 1)).toBe('INVALID_REQUEST');
  });

  test('what history keeps of long names and reasons', () => {
    const { made, ask } = bench();
    ask(join('', { reason: 'r'.repeat(100_000) }));
    for (const { text } of made.groups.byId.get('g')?.history ?? []) expect(text.length).toBeLessThan(1000);
  });

  test('steps that a group remembers', () => {
    const { made, ask } = bench();
    for (let i = 0; i < limits.groupHistoryMax; i++) ask(heartbeat(`m${i}`));
    const history = made.groups.byId.get('g')?.history ?? [];
    expect(history).toHaveLength(limits.groupHistoryMax);
    expect(history.at(-1)?.text).toContain(`m${limits.groupHistoryMax - 1}`);
  });
});

function memberRow(memberId: string): MemberRow {
  const { made } = bench();
  made.ask(heartbeat(memberId));
  const row = made.groups.byId.get('g')?.members.get(memberId)?.row;
  if (row === undefined) throw new Error('the member is there');
  return { ...row, assigned: [], target: [] };
}

describe('offsets', () => {
  test('topics that are read are known as such', () => {
    const { made, ask } = bench();
    ask(heartbeat('a', { topics: ['t'], topicRegex: 'u.*' }));
    ask(join('', { groupId: 'k' }));
    ask(join('', { groupId: 'connect', protocolType: 'connect' }));
    const reads = (groupId: string) => ['t', 'u', 'ux', 'v'].filter((topic) => isSubscribed(made.groups, groupId, topic));
    expect(reads('g')).toEqual(['t', 'u', 'ux']);
    expect(reads('k')).toEqual(['t']);
    expect(reads('connect')).toEqual(['t', 'u', 'ux', 'v']);
    expect(reads('nobody')).toEqual([]);
  });

  test('a group is empty since its last member left, and forgotten when nothing is left of it', () => {
    const { made, ask } = bench();
    expect(emptySinceMs(made.groups, 'g')).toBeNull();
    ask(heartbeat('a'));
    expect(emptySinceMs(made.groups, 'g')).toBeNull();
    made.pass(1000);
    ask(heartbeat('a', { memberEpoch: -1 }));
    made.pass(1000);
    expect(emptySinceMs(made.groups, 'g')).toBe(1_001_000);
    made.take({ facts: forgetGroup(made.groups, 'g'), replies: [] });
    expect(made.groups.byId.size).toBe(0);
    expect(forgetGroup(made.groups, 'g')).toEqual([]);
  });

  test('a group that has promised an id is not forgotten', () => {
    const { made, ask } = bench();
    ask(join('', { requiresMemberId: true }));
    expect(forgetGroup(made.groups, 'g')).toEqual([]);
    made.pass(10_001);
    expect(forgetGroup(made.groups, 'g')).toHaveLength(1);
  });

  test('who may fetch', () => {
    const { made, ask } = bench();
    ask(heartbeat('a'));
    const fetch = (memberId: string | null, epoch: number) => errorName(mayFetchOffsets(made.groups, { groupId: 'g', memberId, epoch }));
    expect(fetch(null, -1)).toBe('NONE');
    expect(fetch('a', 1)).toBe('NONE');
    expect(fetch('a', 0)).toBe('STALE_MEMBER_EPOCH');
    expect(fetch('b', 1)).toBe('UNKNOWN_MEMBER_ID');
    expect(errorName(mayFetchOffsets(made.groups, { groupId: 'nobody', memberId: null, epoch: -1 }))).toBe('NONE');
  });
});

test('a first join phase waits for more members, for as long as they come', () => {
  const { made, ask } = bench({ firstRebalanceDelayMs: 3000 });
  ask(join(''));
  made.pass(2000);
  ask(join(''));
  expect(made.pass(1000)).toEqual([]);
  made.pass(2999);
  const replies = made.pass(1);
  expect(replies.map(({ reply }) => (reply.verb === 'joinGroup' ? reply.generation : -1))).toEqual([1, 1]);
});

test('a member that joined and went before it knew its id does not hold up the group for ever', () => {
  const { made, ask } = bench({ newMemberJoinTimeoutMs: 5000 });
  ask(join(''));
  const leader = [...(made.groups.byId.get('g')?.members.keys() ?? [])][0];
  ask({
    verb: 'syncGroup',
    id: 1,
    groupId: 'g',
    generation: 1,
    memberId: leader,
    instanceId: null,
    protocolType: null,
    protocolName: null,
    assignments: [],
  });
  ask(join(''));
  const replies = made.pass(5000);
  expect(replies.map(({ reply }) => errorName(reply.error))).toEqual(['UNKNOWN_MEMBER_ID']);
});

describe('numbers', () => {
  test('10,000 groups of 10 partitions are known again', () => {
    const { made } = bench();
    made.setTopic('ten', 10);
    for (let i = 0; i < 10_000; i++) made.ask(heartbeat('a', { groupId: `g${i}`, topics: ['ten'] }));
    const facts = storedFactsOf(made.stored);
    const fresh = new GroupBench();
    for (const [name, topic] of made.topics) fresh.topics.set(name, topic);
    for (const fact of facts) applyGroup(fresh.groups, fact);
    fresh.take(beginGroups(fresh.groups, fresh.around));
    expect(fresh.groups.byId.size).toBe(10_000);
  });

  test('a rebalance of 100 members over 1,000 partitions gives every partition to somebody', () => {
    const { made } = bench();
    made.setTopic('big', 1000);
    for (let i = 0; i < 100; i++) made.ask(heartbeat(`m${i}`, { topics: ['big'] }));
    made.ask(heartbeat('one-more', { topics: ['big'] }));
    const targets = [...(made.groups.byId.get('g')?.members.values() ?? [])].map(({ row }) =>
      row.target.reduce((sum, { partitions }) => sum + partitions.length, 0),
    );
    expect([Math.min(...targets), Math.max(...targets), targets.reduce((a, b) => a + b)]).toEqual([9, 10, 1000]);
  });
});

test('a topic that was deleted a moment ago and is assigned still has no name: an empty one would be taken for its own', () => {
  const { made } = bench();
  made.ask(heartbeat('a'));
  // Its group has not been told yet.
  made.topics.delete('t');
  const [{ reply }] = made.ask(heartbeat('a', { memberEpoch: 1, owned: [{ topicId: 'id1', partitions: [0, 1, 2, 3] }] })).replies;
  expect(reply).toEqual(expect.objectContaining({ assignment: [{ topicId: 'id1', partitions: [0, 1, 2, 3] }], names: {} }));
});

describe('a coordinator that sleeps', () => {
  test('counts only the time in which it looked', () => {
    const awake = new AwakeClock(10_000);
    expect(awake.look(10_050)).toBe(10_050);
    expect(awake.look(11_050)).toBe(11_050);
    expect(awake.look(99_999)).toBe(11_050);
    expect(awake.look(100_049)).toBe(11_100);
  });
});
