/** The group protocol of KIP-848: what a heartbeat may say, how epochs fence, and classic verbs on a group of the other kind. */
import { offsetCommit } from '../../../../src/kafka/api/08-offset-commit.ts';
import { offsetFetch } from '../../../../src/kafka/api/09-offset-fetch.ts';
import { joinGroup } from '../../../../src/kafka/api/11-join-group.ts';
import { heartbeat } from '../../../../src/kafka/api/12-heartbeat.ts';
import { leaveGroup } from '../../../../src/kafka/api/13-leave-group.ts';
import { syncGroup } from '../../../../src/kafka/api/14-sync-group.ts';
import { describeGroups } from '../../../../src/kafka/api/15-describe-groups.ts';
import { deleteGroups } from '../../../../src/kafka/api/42-delete-groups.ts';
import { consumerGroupHeartbeat } from '../../../../src/kafka/api/68-consumer-group-heartbeat.ts';
import { consumerGroupDescribe } from '../../../../src/kafka/api/69-consumer-group-describe.ts';
import { type OutgoingRequestOf, ZERO_UUID } from '../../../../src/kafka/schema.ts';
import type { Asker } from '../asking.ts';
import { commitOf } from './commits.ts';

type Beat = OutgoingRequestOf<typeof consumerGroupHeartbeat>;

const ME = 'AAAAAAAAAAAAAAAAAAAAAA';
const HER = 'BBBBBBBBBBBBBBBBBBBBBB';

const beatOf = (groupId: string, more: Partial<Beat> = {}): Beat => ({
  groupId,
  memberId: ME,
  memberEpoch: 0,
  rebalanceTimeoutMs: 10_000,
  subscribedTopicNames: ['consumed'],
  topicPartitions: [],
  ...more,
});

const refused: Readonly<Record<string, Partial<Beat>>> = {
  'group without a name': { groupId: '' },
  'group of blanks': { groupId: '  ' },
  'no member': { memberId: '' },
  'no rebalance time': { rebalanceTimeoutMs: -1 },
  'no topics': { subscribedTopicNames: null },
  'owned unknown': { topicPartitions: null },
  'owned already': { topicPartitions: [{ topicId: ZERO_UUID, partitions: [0] }] },
  'epoch -3': { memberEpoch: -3 },
  'epoch 5 of a new group': { memberEpoch: 5, groupId: 'k-new' },
  'leaves a group that is not there': { memberEpoch: -1, groupId: 'k-new' },
  'leaves for a while, no instance': { memberEpoch: -2, groupId: 'k-new' },
  'leaves for a while': { memberEpoch: -2, groupId: 'k-new', instanceId: 'i' },
  'unknown assignor': { serverAssignor: 'zap' },
  'bad pattern': { subscribedTopicNames: null, subscribedTopicRegex: '(' },
  'instance without a name': { instanceId: '' },
  'rack without a name': { rackId: '' },
};

const joined: Readonly<Record<string, [Partial<Beat>, number?]>> = {
  'joins without topics': [{ groupId: 'k-none', subscribedTopicNames: [] }],
  'joins with an unknown topic': [{ groupId: 'k-unknown', subscribedTopicNames: ['absent'] }],
  'joins with an empty pattern': [{ groupId: 'k-pattern', subscribedTopicNames: null, subscribedTopicRegex: '' }],
  'joins with an assignor': [{ groupId: 'k-assignor', serverAssignor: 'range' }],
  'joins as an instance': [{ groupId: 'k-static', instanceId: 'i' }],
  'joins as an instance that is there': [{ groupId: 'k-static', instanceId: 'i', memberId: HER }],
  'joins without an id': [{ groupId: 'k-first', memberId: '' }, 0],
};

export async function memberCases(asker: Asker): Promise<void> {
  const { consumed: topicId } = await asker.makeTopics({ consumed: 2 });
  asker.call(ME, 'the member');
  asker.call(HER, 'the other');
  const beat = (label: string, more: Partial<Beat> = {}, version?: number) =>
    asker.ask(label, consumerGroupHeartbeat, beatOf('k', more), version);
  for (const [label, more] of Object.entries(refused)) await beat(label, more);
  for (const [label, [more, version]] of Object.entries(joined)) await beat(label, more, version);
  await beat('joins');
  const quiet = { rebalanceTimeoutMs: -1, subscribedTopicNames: null, topicPartitions: null };
  await beat('goes on', { memberEpoch: 1, ...quiet });
  await beat('owns what it was given', { memberEpoch: 1, ...quiet, topicPartitions: [{ topicId, partitions: [0, 1] }] });
  await beat('an epoch ahead', { memberEpoch: 9 });
  await beat('a stranger', { memberId: 'q', memberEpoch: 1 });
  await beat('a stranger leaves', { memberId: 'q', memberEpoch: -1 });
  await beat('joins again', { memberEpoch: 0 });
  await describing(asker, 'of one');
  await commits(asker, 1);
  await otherVerbs(asker);
  await secondMember(asker, topicId, quiet);
}

async function describing(asker: Asker, label: string): Promise<void> {
  for (const version of [0, 1])
    await asker.ask(label, consumerGroupDescribe, { groupIds: ['k'], includeAuthorizedOperations: true }, version);
}

async function commits(asker: Asker, epoch: number): Promise<void> {
  const commit = (label: string, generationIdOrMemberEpoch: number, memberId = ME, version = 9) =>
    asker.ask(label, offsetCommit, commitOf({ groupId: 'k', memberId, generationIdOrMemberEpoch }), version);
  await commit('of the epoch', epoch);
  await commit('of an epoch before', epoch - 1);
  await commit('of an epoch to come', epoch + 6);
  await commit('of an epoch to come', epoch + 6, ME, 8);
  await commit('a stranger of a consumer group', epoch, 'q');
  await commit('no member of a consumer group', -1, '');
  const fetch = (label: string, memberId: string | null, memberEpoch: number) =>
    asker.ask(label, offsetFetch, { groupId: 'k', topics: [], groups: [{ groupId: 'k', memberId, memberEpoch, topics: null }] }, 9);
  await fetch('of the epoch', ME, epoch);
  await fetch('of an epoch before', ME, epoch - 1);
  await fetch('of an epoch to come', ME, epoch + 6);
  await fetch('a stranger of a consumer group', 'q', epoch);
  await fetch('no member of a consumer group', null, -1);
}

async function otherVerbs(asker: Asker): Promise<void> {
  const protocols = [{ name: 'range', metadata: Buffer.alloc(10) }];
  const join = { groupId: 'k', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId: '', protocolType: 'connect', protocols };
  await asker.ask('of another type, a consumer group', joinGroup, join, 3);
  await asker.ask(
    'bad bytes, a consumer group',
    joinGroup,
    { ...join, protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(1) }] },
    3,
  );
  await asker.ask('a consumer group', heartbeat, { groupId: 'k', generationId: 1, memberId: ME });
  await asker.ask('a consumer group', syncGroup, { groupId: 'k', generationId: 1, memberId: ME, assignments: [] });
  await asker.ask('a stranger in a consumer group', leaveGroup, { groupId: 'k', memberId: 'q', members: [{ memberId: 'q' }] });
  await asker.ask('a consumer group', describeGroups, { groups: ['k'], includeAuthorizedOperations: false });
  await asker.ask('a consumer group', deleteGroups, { groupsNames: ['k'] });
  for (const [label, groupId] of Object.entries({ unknown: 'nosuch', 'without a name': '', 'offsets alone': 'kept' })) {
    await asker.ask(label, consumerGroupDescribe, { groupIds: [groupId], includeAuthorizedOperations: true });
  }
  await asker.ask('nothing', consumerGroupDescribe, { groupIds: [], includeAuthorizedOperations: true });
}

/** Another comes: what one owns is taken away and given on, epoch by epoch. */
async function secondMember(asker: Asker, topicId: string, quiet: Partial<Beat>): Promise<void> {
  const beat = (label: string, more: Partial<Beat> = {}) => asker.ask(label, consumerGroupHeartbeat, beatOf('k', more));
  await beat('another joins', { memberId: HER });
  await beat('has to give one up', { ...quiet, memberEpoch: 1, topicPartitions: [{ topicId, partitions: [0, 1] }] });
  await beat('another waits', { ...quiet, memberId: HER, memberEpoch: 2 });
  await beat('has given one up', { ...quiet, memberEpoch: 1, topicPartitions: [{ topicId, partitions: [0] }] });
  await beat('another is given it', { ...quiet, memberId: HER, memberEpoch: 2, topicPartitions: [] });
  await beat('another owns it', { ...quiet, memberId: HER, memberEpoch: 2, topicPartitions: [{ topicId, partitions: [1] }] });
  await beat('of the epoch before', { ...quiet, memberEpoch: 1, topicPartitions: [{ topicId, partitions: [0] }] });
  await describing(asker, 'of two');
  await beat('another leaves', { memberId: HER, memberEpoch: -1 });
  await beat('is alone again', { ...quiet, memberEpoch: 2, topicPartitions: [{ topicId, partitions: [0] }] });
  await beat('leaves', { memberEpoch: -1 });
  await asker.ask('of nobody', consumerGroupDescribe, { groupIds: ['k'], includeAuthorizedOperations: false });
  await asker.ask('a consumer group of nobody', deleteGroups, { groupsNames: ['k'] });
}
