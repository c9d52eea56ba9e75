/** The classic group protocol: joins that are refused, a group in each of its states, and members who wait for each other. */
import { offsetCommit } from '../../../../src/kafka/api/08-offset-commit.ts';
import { offsetFetch } from '../../../../src/kafka/api/09-offset-fetch.ts';
import { joinGroup } from '../../../../src/kafka/api/11-join-group.ts';
import { heartbeat } from '../../../../src/kafka/api/12-heartbeat.ts';
import { leaveGroup } from '../../../../src/kafka/api/13-leave-group.ts';
import { syncGroup } from '../../../../src/kafka/api/14-sync-group.ts';
import { describeGroups } from '../../../../src/kafka/api/15-describe-groups.ts';
import { deleteGroups } from '../../../../src/kafka/api/42-delete-groups.ts';
import { offsetDelete } from '../../../../src/kafka/api/47-offset-delete.ts';
import { consumerGroupDescribe } from '../../../../src/kafka/api/69-consumer-group-describe.ts';
import type { OutgoingRequestOf } from '../../../../src/kafka/schema.ts';
import type { Asker } from '../asking.ts';
import { commitOf } from './commits.ts';

type Join = OutgoingRequestOf<typeof joinGroup>;
type Sync = OutgoingRequestOf<typeof syncGroup>;
type Beat = OutgoingRequestOf<typeof heartbeat>;
type Leave = OutgoingRequestOf<typeof leaveGroup>;

/** The first version in which a member needs no id to join: one request is enough. */
const AT_ONCE = 3;
const NO_TOPICS = Buffer.alloc(10);

const joinOf = (groupId: string, more: Partial<Join> = {}): Join => {
  const protocols = [{ name: 'range', metadata: NO_TOPICS }];
  return { groupId, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId: '', protocolType: 'consumer', protocols, ...more };
};

const joins: Readonly<Record<string, [Partial<Join>, number?]>> = {
  'no id yet': [{}],
  'group without a name': [{ groupId: '' }],
  'session too short': [{ sessionTimeoutMs: 1 }],
  'session too long': [{ sessionTimeoutMs: 9e8 }],
  'no protocols': [{ protocols: [] }],
  'no type': [{ protocolType: '' }],
  'unknown member of a new group': [{ groupId: 'j-new', memberId: 'zz' }],
  'unknown member': [{ memberId: 'zz' }],
  'of the first version': [{ groupId: 'j-0' }, 0],
  'of version 3': [{ groupId: 'j-3' }, AT_ONCE],
  'of another type': [{ groupId: 'j-3', protocolType: 'connect' }, AT_ONCE],
  'with no protocol in common': [{ groupId: 'j-3', protocols: [{ name: 'zap', metadata: Buffer.alloc(0) }] }, AT_ONCE],
  static: [{ groupId: 'j-static', groupInstanceId: 'i1' }],
  'static without a name': [{ groupId: 'j-unnamed', groupInstanceId: '' }],
  'static, with an id': [{ groupId: 'j-static', groupInstanceId: 'i1', memberId: 'zz' }],
  'rebalance -5': [{ groupId: 'j-less', rebalanceTimeoutMs: -5 }, AT_ONCE],
};

export async function classicCases(asker: Asker): Promise<void> {
  for (const [label, [more, version]] of Object.entries(joins)) await asker.ask(label, joinGroup, joinOf('j', more), version);
  await oneMember(asker);
  await twoMembers(asker);
}

/** A group of one, from its join to its end. */
async function oneMember(asker: Asker): Promise<void> {
  const joined = await asker.prepare(joinGroup, joinOf('solo'), AT_ONCE);
  const { memberId, generationId } = joined;
  asker.call(memberId, 'the member');
  const sync = (label: string, more: Partial<Sync> = {}) => {
    const base = { groupId: 'solo', generationId, memberId, protocolType: 'consumer', protocolName: 'range', assignments: [] };
    return asker.ask(label, syncGroup, { ...base, ...more });
  };
  await sync('another generation', { generationId: 77 });
  await sync('a stranger', { memberId: 'q' });
  await sync('another protocol', { protocolName: 'zap' });
  await sync('another type', { protocolType: 'connect' });
  await sync('no protocol', { protocolName: null, protocolType: null });
  await sync('group without a name', { groupId: '' });
  await sync('unknown group', { groupId: 'nosuch' });
  const beat = (label: string, more: Partial<Beat> = {}) =>
    asker.ask(label, heartbeat, { groupId: 'solo', generationId, memberId, ...more });
  const commit = (label: string, more: Parameters<typeof commitOf>[0] = {}) =>
    asker.ask(label, offsetCommit, commitOf({ groupId: 'solo', generationIdOrMemberEpoch: generationId, memberId, ...more }), 9);
  const describe = (label: string, version?: number) =>
    asker.ask(label, describeGroups, { groups: ['solo'], includeAuthorizedOperations: false }, version);
  await beat('before the sync');
  await commit('before the sync');
  await describe('before the sync');
  await sync('leader’s', {
    assignments: [
      { memberId, assignment: Buffer.from('hello') },
      { memberId: 'q', assignment: Buffer.from('x') },
    ],
  });
  await sync('again');
  await beat('a member');
  await beat('another generation', { generationId: 9 });
  await beat('generation -1', { generationId: -1 });
  await beat('a stranger', { memberId: 'q' });
  await beat('nobody', { memberId: '' });
  await beat('unknown group', { groupId: 'nosuch' });
  await beat('group without a name', { groupId: '' });
  await beat('a static stranger', { groupInstanceId: 'nope' });
  await commit('a member');
  await commit('a member of another generation', { generationIdOrMemberEpoch: generationId + 1 });
  await commit('a stranger in a group', { memberId: 'q' });
  await commit('no member of a group that has some', { generationIdOrMemberEpoch: -1, memberId: '' });
  await commit('a static stranger in a group', { groupInstanceId: 'zz' });
  for (const version of [0, 3, 5, 6]) await describe('stable', version);
  await asker.ask('again as a member', joinGroup, joinOf('solo', { memberId }), AT_ONCE);
  await asker.ask('live', deleteGroups, { groupsNames: ['solo'] });
  await asker.ask('live', offsetDelete, { groupId: 'solo', topics: [{ name: 'committed', partitions: [{ partitionIndex: 0 }] }] });
  await asker.ask('classic', consumerGroupDescribe, { groupIds: ['solo'], includeAuthorizedOperations: false });
  const wanted = { groupId: 'solo', memberId, memberEpoch: 5, topics: null };
  await asker.ask('as a classic member', offsetFetch, { groupId: 'solo', topics: [], groups: [wanted] }, 9);
  await groupsShown(asker);
  await leaving(asker, memberId);
  await describe('empty');
}

async function groupsShown(asker: Asker): Promise<void> {
  const describe = (label: string, groups: readonly string[], includeAuthorizedOperations = true, version?: number) =>
    asker.ask(label, describeGroups, { groups, includeAuthorizedOperations }, version);
  for (const version of [0, 3, 5, 6]) await describe('unknown', ['nosuch'], true, version);
  await describe('unknown, no operations', ['nosuch'], false);
  await describe('without a name', [''], false);
  await describe('nothing', []);
  await describe('twice', ['solo', 'solo']);
  await describe('offsets alone', ['kept'], false);
}

async function leaving(asker: Asker, memberId: string): Promise<void> {
  const leave = (label: string, more: Partial<Leave> = {}, version?: number) =>
    asker.ask(label, leaveGroup, { groupId: 'solo', memberId, members: [{ memberId }], ...more }, version);
  await leave('unknown group', { groupId: 'nosuch' });
  await leave('unknown group', { groupId: 'nosuch' }, 1);
  await leave('a stranger', { members: [{ memberId: 'q' }] });
  await leave('a stranger', { memberId: 'q' }, 2);
  await leave('a static stranger', { members: [{ memberId: '', groupInstanceId: 'zz' }] });
  await leave('group without a name', { groupId: '' });
  await leave('nobody', { members: [] });
  await leave('a member and a stranger', { members: [{ memberId }, { memberId: 'q' }] });
  await leave('again', {});
}

/** One waits in a join or a sync while the other acts: each state is seen from outside. */
async function twoMembers(asker: Asker): Promise<void> {
  const other = await asker.another();
  const groupId = 'pair';
  const first = await asker.prepare(joinGroup, joinOf(groupId), AT_ONCE);
  asker.call(first.memberId, 'the first');
  const describe = (label: string) => asker.ask(label, describeGroups, { groups: [groupId], includeAuthorizedOperations: false });
  const beat = (label: string, generationId: number) => asker.ask(label, heartbeat, { groupId, generationId, memberId: first.memberId });
  const commit = (label: string, generationId: number) =>
    asker.ask(label, offsetCommit, commitOf({ groupId, generationIdOrMemberEpoch: generationId, memberId: first.memberId }), 9);
  const sync = (who: Asker, label: string, memberId: string, generationId: number, assignments: Sync['assignments'] = []) =>
    who.ask(label, syncGroup, { groupId, generationId, memberId, protocolType: 'consumer', protocolName: 'range', assignments });
  await asker.prepare(syncGroup, { groupId, generationId: 1, memberId: first.memberId, assignments: [] });
  const joining = other.ask('joins', joinGroup, joinOf(groupId), AT_ONCE);
  const preparing = ({ groups: [{ groupState }] }: { groups: readonly { groupState: string }[] }) => groupState === 'PreparingRebalance';
  await asker.until(describeGroups, { groups: [groupId], includeAuthorizedOperations: false }, preparing);
  await beat('while one joins', 1);
  await commit('while one joins', 1);
  await sync(asker, 'while one joins', first.memberId, 1);
  const again = await asker.ask('joins again', joinGroup, joinOf(groupId, { memberId: first.memberId }), AT_ONCE);
  const second = (await joining)?.memberId ?? '';
  asker.call(second, 'the second');
  const generationId = again?.generationId ?? 2;
  await describe('while they sync');
  await beat('while they sync', generationId);
  await commit('while they sync', generationId);
  const waiting = sync(other, 'waits for the leader', second, generationId);
  await sync(asker, 'as the leader', first.memberId, generationId, [
    { memberId: first.memberId, assignment: Buffer.from('one') },
    { memberId: second, assignment: Buffer.from('other') },
  ]);
  await waiting;
  await describe('of two');
  await asker.ask('one of two', leaveGroup, { groupId, memberId: second, members: [{ memberId: second }] });
  await beat('after the other left', generationId);
  await describe('after the other left');
  const alone = await asker.ask('joins alone', joinGroup, joinOf(groupId, { memberId: first.memberId }), AT_ONCE);
  await beat('of the generation before', generationId);
  await sync(asker, 'alone', first.memberId, alone?.generationId ?? 3);
  await asker.prepare(leaveGroup, { groupId, memberId: first.memberId, members: [{ memberId: first.memberId }] });
  await asker.ask('no members any more', deleteGroups, { groupsNames: [groupId] });
  await describe('deleted');
  await beat('after all', generationId);
  other.close();
}
