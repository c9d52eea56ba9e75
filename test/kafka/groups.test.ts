/** Groups as a client on the wire sees them: the classic protocol and KIP-848, offsets, administration and quotas, in every version. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { Bus, type Listening } from '../../src/index.ts';
import { offsetCommit } from '../../src/kafka/api/08-offset-commit.ts';
import { offsetFetch } from '../../src/kafka/api/09-offset-fetch.ts';
import { joinGroup } from '../../src/kafka/api/11-join-group.ts';
import { heartbeat } from '../../src/kafka/api/12-heartbeat.ts';
import { leaveGroup } from '../../src/kafka/api/13-leave-group.ts';
import { syncGroup } from '../../src/kafka/api/14-sync-group.ts';
import { describeGroups } from '../../src/kafka/api/15-describe-groups.ts';
import { listGroups } from '../../src/kafka/api/16-list-groups.ts';
import { createTopics } from '../../src/kafka/api/19-create-topics.ts';
import { deleteGroups } from '../../src/kafka/api/42-delete-groups.ts';
import { offsetDelete } from '../../src/kafka/api/47-offset-delete.ts';
import { describeClientQuotas } from '../../src/kafka/api/48-describe-client-quotas.ts';
import { alterClientQuotas } from '../../src/kafka/api/49-alter-client-quotas.ts';
import { consumerGroupHeartbeat } from '../../src/kafka/api/68-consumer-group-heartbeat.ts';
import { consumerGroupDescribe } from '../../src/kafka/api/69-consumer-group-describe.ts';
import type { Api, Decoded, Encodable } from '../../src/kafka/schema.ts';
import { WireClient } from './wire-client.ts';

let bus: Bus;
let listening: Listening;
let client: WireClient;
let topicId = '';

beforeAll(async () => {
  bus = await Bus.open({ logLevel: 'silent', configs: { 'group.initial.rebalance.delay.ms': '0' } });
  listening = await bus.listen({ port: 0 });
  client = await WireClient.open(listening);
  const topics = [{ name: 't', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }];
  topicId = (await client.ask(createTopics, 7, { topics })).topics[0].topicId;
});
afterAll(async () => {
  client.close();
  await bus.close();
});

const versionsOf = ({ versions: [first, last] }: Api): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);
/** The consumers' own subscription, version 0: one topic, no user data. */
const subscription = Buffer.from('0000' + '00000001' + '000174' + 'ffffffff', 'hex');
const assignment = Buffer.from('0000' + '00000001' + '000174' + '00000002' + '0000000000000001' + 'ffffffff', 'hex');

type Join = Encodable<typeof joinGroup.request>;
type Joined = Decoded<typeof joinGroup.response>;

async function join(groupId: string, version = 5, more: Partial<Join> = {}): Promise<Joined> {
  const asked: Join = {
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription }],
    ...more,
  };
  const answer = await client.ask(joinGroup, version, asked);
  if (answer.errorCode !== errors.MEMBER_ID_REQUIRED.code) return answer;
  expect(answer.memberId).not.toBe('');
  return client.ask(joinGroup, version, { ...asked, memberId: answer.memberId });
}

async function joinAndSync(groupId: string): Promise<{ memberId: string; generationId: number }> {
  const { memberId, generationId } = await join(groupId);
  const synced = await client.ask(syncGroup, 3, { groupId, generationId, memberId, assignments: [{ memberId, assignment }] });
  expect(synced.errorCode).toBe(0);
  return { memberId, generationId };
}

const commitOf = (groupId: string, memberId: string, epoch: number, offset = 0, name = 't') => ({
  groupId,
  memberId,
  generationIdOrMemberEpoch: epoch,
  topics: [{ name, partitions: [{ partitionIndex: 1, committedOffset: offset, committedMetadata: 'm' }] }],
});
const codesOf = ({ topics }: Decoded<typeof offsetCommit.response>) =>
  topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));

describe('the classic protocol', () => {
  test.each(versionsOf(joinGroup))('JoinGroup %d: a member joins alone and leads', async (version) => {
    const joined = await join(`join-${version}`, version);
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1, protocolName: 'range' });
    expect(joined.leader).toBe(joined.memberId);
    expect(joined.members.map(({ memberId, metadata }) => [memberId, Buffer.from(metadata)])).toEqual([[joined.memberId, subscription]]);
    if (version >= 7) expect(joined.protocolType).toBe('consumer');
  });

  test('a member without an id is told one first, from version 4 on', async () => {
    const asked = { groupId: 'id-first', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId: '', protocolType: 'consumer' };
    const first = await client.ask(joinGroup, 4, { ...asked, protocols: [{ name: 'range', metadata: subscription }] });
    expect(first.errorCode).toBe(errors.MEMBER_ID_REQUIRED.code);
    expect(first.memberId).toMatch(/./);
  });

  test('a leader that comes back is told to skip the assignment from version 9 on', async () => {
    const member = { groupInstanceId: 'static', memberId: '' };
    const first = await join('kip-814', 9, member);
    await client.ask(syncGroup, 5, {
      groupId: 'kip-814',
      generationId: first.generationId,
      memberId: first.memberId,
      groupInstanceId: 'static',
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [{ memberId: first.memberId, assignment }],
    });
    const again = await join('kip-814', 9, member);
    expect(again).toMatchObject({ errorCode: 0, generationId: first.generationId, skipAssignment: true });
    expect(again.memberId).not.toBe(first.memberId);
  });

  test('a leader that comes back after partitions were added assigns anew: nobody else knows of them', async () => {
    const groupId = 'grown';
    const metadata = Buffer.from('0000' + '00000001' + '000167' + 'ffffffff', 'hex');
    const one = Buffer.from('0000' + '00000001' + '000167' + '00000001' + '00000000' + 'ffffffff', 'hex');
    const member = { groupInstanceId: 'static', memberId: '', protocols: [{ name: 'range', metadata }] };
    await bus.admin().createTopics([{ name: 'g', partitions: 1 }]);
    const { memberId, generationId } = await join(groupId, 9, member);
    const named = { groupInstanceId: 'static', protocolType: 'consumer', protocolName: 'range' };
    await client.ask(syncGroup, 5, { groupId, generationId, memberId, ...named, assignments: [{ memberId, assignment: one }] });
    expect(await join(groupId, 9, member)).toMatchObject({ errorCode: 0, generationId, skipAssignment: true });
    await bus.admin().createPartitions('g', 2);
    const again = await join(groupId, 9, member);
    expect(again).toMatchObject({ errorCode: 0, generationId: generationId + 1, skipAssignment: false, leader: again.memberId });
  });

  test.each(versionsOf(syncGroup))('SyncGroup %d gives the assignment back, byte for byte', async (version) => {
    const groupId = `sync-${version}`;
    const { memberId, generationId } = await join(groupId);
    const more = version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {};
    const ask = { groupId, generationId, memberId, assignments: [{ memberId, assignment }], ...more };
    const synced = await client.ask(syncGroup, version, ask);
    expect([synced.errorCode, Buffer.from(synced.assignment)]).toEqual([0, assignment]);
    if (version >= 5) expect(synced).toMatchObject({ protocolType: 'consumer', protocolName: 'range' });
    const wrong = await client.ask(syncGroup, version, { ...ask, generationId: generationId + 1 });
    expect(wrong.errorCode).toBe(errors.ILLEGAL_GENERATION.code);
  });

  test.each(versionsOf(heartbeat))('Heartbeat %d', async (version) => {
    const groupId = `heartbeat-${version}`;
    const { memberId, generationId } = await joinAndSync(groupId);
    const codeOf = async (asked: { memberId: string; generationId: number }) =>
      (await client.ask(heartbeat, version, { groupId, ...asked })).errorCode;
    expect(await codeOf({ memberId, generationId })).toBe(0);
    expect(await codeOf({ memberId, generationId: 77 })).toBe(errors.ILLEGAL_GENERATION.code);
    expect(await codeOf({ memberId: 'nobody', generationId })).toBe(errors.UNKNOWN_MEMBER_ID.code);
  });

  test.each(versionsOf(leaveGroup))('LeaveGroup %d', async (version) => {
    const groupId = `leave-${version}`;
    const { memberId } = await joinAndSync(groupId);
    const leave = async (id: string) => {
      const members = version < 3 ? [] : [{ memberId: id }];
      const answer = await client.ask(leaveGroup, version, { groupId, memberId: id, members });
      return version < 3 ? answer.errorCode : answer.members[0].errorCode;
    };
    expect(await leave('nobody')).toBe(errors.UNKNOWN_MEMBER_ID.code);
    expect(await leave(memberId)).toBe(0);
    expect(await leave(memberId)).toBe(errors.UNKNOWN_MEMBER_ID.code);
  });
});

describe('KIP-848', () => {
  const alive = (groupId: string, memberId: string, memberEpoch: number, more: object = {}, version = 1) =>
    client.ask(consumerGroupHeartbeat, version, {
      groupId,
      memberId,
      memberEpoch,
      rebalanceTimeoutMs: 5000,
      subscribedTopicNames: ['t'],
      topicPartitions: memberEpoch === 0 ? [] : null,
      ...more,
    });

  test.each(versionsOf(consumerGroupHeartbeat))('ConsumerGroupHeartbeat %d joins, is assigned, and leaves', async (version) => {
    const groupId = `new-${version}`;
    const joined = await alive(groupId, version === 0 ? '' : 'my-own-id', 0, {}, version);
    expect(joined).toMatchObject({ errorCode: 0, errorMessage: null });
    if (version > 0) expect(joined.memberId).toBe('my-own-id');
    expect(joined.memberEpoch).toBeGreaterThan(0);
    expect(joined.assignment).toEqual({ topicPartitions: [{ topicId, partitions: [0, 1] }] });
    const memberId = joined.memberId ?? '';
    expect((await alive(groupId, memberId, joined.memberEpoch + 5, {}, version)).errorCode).toBe(errors.FENCED_MEMBER_EPOCH.code);
    expect((await alive(groupId, memberId, -1, {}, version)).memberEpoch).toBe(-1);
    expect((await alive(groupId, memberId, 3, {}, version)).errorCode).toBe(errors.UNKNOWN_MEMBER_ID.code);
  });

  test('a member makes its own id, from version 1 on', async () => {
    expect((await alive('own-id', '', 0)).errorCode).toBe(errors.INVALID_REQUEST.code);
  });

  test('topics are chosen by a regular expression too', async () => {
    const joined = await alive('regex', 'm', 0, { subscribedTopicNames: null, subscribedTopicRegex: '^t$' });
    const next = await alive('regex', 'm', joined.memberEpoch, { subscribedTopicNames: null, topicPartitions: null });
    const assigned = joined.assignment ?? next.assignment;
    expect(assigned?.topicPartitions).toEqual([{ topicId, partitions: [0, 1] }]);
    const wrong = await alive('regex-wrong', 'm', 0, { subscribedTopicNames: null, subscribedTopicRegex: '(' });
    expect(wrong.errorCode).toBe(errors.INVALID_REGULAR_EXPRESSION.code);
  });

  test.each(versionsOf(consumerGroupDescribe))('ConsumerGroupDescribe %d', async (version) => {
    const groupId = `described-${version}`;
    const { memberEpoch } = await alive(groupId, 'm', 0);
    const classicId = `classic-${version}`;
    await joinAndSync(classicId);
    const groupIds = [groupId, classicId, 'nowhere'];
    const { groups } = await client.ask(consumerGroupDescribe, version, { groupIds, includeAuthorizedOperations: false });
    expect(groups.map(({ errorCode }) => errorCode)).toEqual([0, errors.GROUP_ID_NOT_FOUND.code, errors.GROUP_ID_NOT_FOUND.code]);
    expect(groups[0]).toMatchObject({
      groupId,
      groupEpoch: memberEpoch,
      members: [{ memberId: 'm', clientId: 'test', clientHost: '/127.0.0.1' }],
    });
    const all = { topicPartitions: [{ topicId, topicName: 't', partitions: [0, 1] }] };
    expect(groups[0].members[0]).toMatchObject({ subscribedTopicNames: ['t'], targetAssignment: all, memberType: version === 0 ? -1 : 1 });
  });
});

describe('offsets', () => {
  test.each(versionsOf(offsetCommit))('OffsetCommit %d', async (version) => {
    const groupId = `commits-${version}`;
    const { memberId, generationId } = await joinAndSync(groupId);
    const commit = async (...args: Parameters<typeof commitOf>) => codesOf(await client.ask(offsetCommit, version, commitOf(...args)));
    expect(await commit(groupId, memberId, generationId, 7)).toEqual([0]);
    expect(await commit(groupId, memberId, generationId + 1, 8)).toEqual([errors.ILLEGAL_GENERATION.code]);
    expect(await commit(groupId, '', -1, 9)).toEqual([errors.UNKNOWN_MEMBER_ID.code]);
  });

  test.each(versionsOf(offsetFetch))('OffsetFetch %d tells what was committed, and −1 where nothing was', async (version) => {
    const groupId = `fetches-${version}`;
    await client.ask(offsetCommit, 6, commitOf(groupId, '', -1, 42));
    const topics = [{ name: 't', partitionIndexes: [0, 1] }];
    const fetchThem = async (wanted: typeof topics | null, of = groupId) => {
      const answer = await client.ask(offsetFetch, version, { groupId: of, topics: wanted, groups: [{ groupId: of, topics: wanted }] });
      expect(version < 8 ? answer.errorCode : answer.groups[0].errorCode).toBe(0);
      const rows = version < 8 ? answer.topics : answer.groups[0].topics;
      return rows.flatMap(({ partitions }) =>
        partitions.map(({ partitionIndex, committedOffset, metadata }) => `${partitionIndex}: ${committedOffset} ${metadata}`),
      );
    };
    expect(await fetchThem(topics)).toEqual(['0: -1 ', '1: 42 m']);
    if (version >= 2) expect(await fetchThem(null)).toEqual(['1: 42 m']);
    // Clients of before 2.2 ask in the name of no group when they read without one.
    expect(await fetchThem(topics, '')).toEqual(['0: -1 ', '1: -1 ']);
  });

  test('are deleted where nobody subscribes', async () => {
    await client.ask(offsetCommit, 6, commitOf('deletes', '', -1, 42));
    const topics = [{ name: 't', partitions: [{ partitionIndex: 1 }] }];
    const deleted = await client.ask(offsetDelete, 0, { groupId: 'deletes', topics });
    expect(deleted).toMatchObject({ errorCode: 0, topics: [{ name: 't', partitions: [{ partitionIndex: 1, errorCode: 0 }] }] });
    const { groups } = await client.ask(offsetFetch, 8, { groupId: '', topics: null, groups: [{ groupId: 'deletes', topics: null }] });
    expect(groups.flatMap((group) => group.topics)).toEqual([]);
  });
});

describe('administration', () => {
  test.each(versionsOf(describeGroups))('DescribeGroups %d', async (version) => {
    const groupId = `described-classic-${version}`;
    const { memberId } = await joinAndSync(groupId);
    const { groups } = await client.ask(describeGroups, version, {
      groups: [groupId, 'nowhere'],
      includeAuthorizedOperations: version >= 3,
    });
    expect(groups[0]).toMatchObject({ errorCode: 0, groupState: 'Stable', protocolType: 'consumer', protocolData: 'range' });
    const [member] = groups[0].members;
    expect(member).toMatchObject({ memberId, clientId: 'test', clientHost: '/127.0.0.1' });
    expect([Buffer.from(member.memberMetadata), Buffer.from(member.memberAssignment)]).toEqual([subscription, assignment]);
    expect(groups[1]).toMatchObject({ errorCode: version < 6 ? 0 : errors.GROUP_ID_NOT_FOUND.code, groupState: 'Dead', members: [] });
  });

  test.each(versionsOf(listGroups))('ListGroups %d', async (version) => {
    await joinAndSync(`listed-${version}`);
    const filter = version >= 5 ? { statesFilter: ['STABLE'], typesFilter: ['CLASSIC'] } : { statesFilter: [], typesFilter: [] };
    const { groups } = await client.ask(listGroups, version, filter);
    const listed = groups.find(({ groupId }) => groupId === `listed-${version}`);
    expect(listed).toMatchObject({
      protocolType: 'consumer',
      groupState: version >= 4 ? 'Stable' : '',
      groupType: version >= 5 ? 'classic' : '',
    });
    if (version >= 5) expect(groups.every(({ groupState, groupType }) => groupState === 'Stable' && groupType === 'classic')).toBe(true);
  });

  test.each(versionsOf(deleteGroups))('DeleteGroups %d takes those without members', async (version) => {
    const busy = `busy-${version}`;
    const empty = `empty-${version}`;
    await joinAndSync(busy);
    await client.ask(offsetCommit, 6, commitOf(empty, '', -1, 1));
    const { results } = await client.ask(deleteGroups, version, { groupsNames: [busy, empty, 'nowhere'] });
    expect(results.map(({ groupId, errorCode }) => [groupId, errorCode])).toEqual([
      [busy, errors.NON_EMPTY_GROUP.code],
      [empty, 0],
      ['nowhere', errors.GROUP_ID_NOT_FOUND.code],
    ]);
  });

  test('quotas are set and shown by client id, and by nothing else', async () => {
    const alter = async (entityType: string, entityName: string | null, value: number) =>
      (
        await client.ask(alterClientQuotas, 1, {
          entries: [{ entity: [{ entityType, entityName }], ops: [{ key: 'producer_byte_rate', value, remove: false }] }],
          validateOnly: false,
        })
      ).entries[0].errorCode;
    const show = async (entityType: string, matchType: number, match: string | null) => {
      const { entries } = await client.ask(describeClientQuotas, 1, { components: [{ entityType, matchType, match }], strict: false });
      return (entries ?? []).map(({ entity, values }) => `${entity[0].entityName}: ${values.map(({ key, value }) => `${key} ${value}`)}`);
    };
    expect(await alter('client-id', 'a', 1000)).toBe(0);
    expect(await alter('client-id', null, 2000)).toBe(0);
    expect(await alter('user', 'a', 1000)).toBe(errors.INVALID_REQUEST.code);
    expect(await show('client-id', 0, 'a')).toEqual(['a: producer_byte_rate 1000']);
    expect(await show('client-id', 1, null)).toEqual(['null: producer_byte_rate 2000']);
    expect(await show('client-id', 2, null)).toHaveLength(2);
    expect(await show('user', 2, null)).toEqual([]);
  });
});
