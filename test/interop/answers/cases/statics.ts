/** Static members (KIP-345) of both protocols: who comes back takes the place, and who had it is fenced. */
import { offsetCommit } from '../../../../src/kafka/api/08-offset-commit.ts';
import { joinGroup } from '../../../../src/kafka/api/11-join-group.ts';
import { heartbeat } from '../../../../src/kafka/api/12-heartbeat.ts';
import { leaveGroup } from '../../../../src/kafka/api/13-leave-group.ts';
import { syncGroup } from '../../../../src/kafka/api/14-sync-group.ts';
import { describeGroups } from '../../../../src/kafka/api/15-describe-groups.ts';
import { consumerGroupHeartbeat } from '../../../../src/kafka/api/68-consumer-group-heartbeat.ts';
import { consumerGroupDescribe } from '../../../../src/kafka/api/69-consumer-group-describe.ts';
import type { OutgoingRequestOf } from '../../../../src/kafka/schema.ts';
import type { Asker } from '../asking.ts';
import { commitOf } from './commits.ts';

type Beat = OutgoingRequestOf<typeof consumerGroupHeartbeat>;

const GROUP = 'static';
const INSTANCE = 'one';

export async function staticCases(asker: Asker): Promise<void> {
  await classic(asker);
  await consumer(asker);
}

async function classic(asker: Asker): Promise<void> {
  const protocols = [{ name: 'range', metadata: Buffer.alloc(10) }];
  const timeouts = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 };
  const joinOf = (memberId: string, groupInstanceId: string) => ({
    groupId: GROUP,
    ...timeouts,
    memberId,
    groupInstanceId,
    protocolType: 'consumer',
    protocols,
  });
  const first = await asker.ask('a static one', joinGroup, joinOf('', INSTANCE));
  const old = first?.memberId ?? '';
  asker.call(old, 'who was there');
  const generationId = first?.generationId ?? 1;
  const sync = (label: string, memberId: string, groupInstanceId: string) => {
    const assignments = [{ memberId, assignment: Buffer.from('all') }];
    const member = { groupId: GROUP, generationId, memberId, groupInstanceId, protocolType: 'consumer', protocolName: 'range' };
    return asker.ask(label, syncGroup, { ...member, assignments });
  };
  await sync('a static one', old, INSTANCE);
  const again = await asker.ask('a static one comes back', joinGroup, joinOf('', INSTANCE));
  const now = again?.memberId ?? '';
  asker.call(now, 'who came back');
  const beat = (label: string, memberId: string, groupInstanceId: string | null) =>
    asker.ask(label, heartbeat, { groupId: GROUP, generationId, memberId, groupInstanceId });
  await beat('who was replaced', old, INSTANCE);
  await beat('who was replaced, without its name', old, null);
  await beat('who came back', now, INSTANCE);
  await beat('who came back, without its name', now, null);
  await beat('under another name', now, 'two');
  await sync('who was replaced', old, INSTANCE);
  await sync('who came back', now, INSTANCE);
  await asker.ask('who was replaced', joinGroup, joinOf(old, INSTANCE));
  await asker.ask('under another name', joinGroup, joinOf(now, 'two'));
  const commit = (label: string, memberId: string) => {
    const member = { groupId: GROUP, memberId, groupInstanceId: INSTANCE, generationIdOrMemberEpoch: generationId };
    return asker.ask(label, offsetCommit, commitOf(member), 9);
  };
  await commit('who was replaced', old);
  await commit('who came back', now);
  await asker.ask('static', describeGroups, { groups: [GROUP], includeAuthorizedOperations: false });
  const leave = (label: string, memberId: string, groupInstanceId: string | null) =>
    asker.ask(label, leaveGroup, { groupId: GROUP, memberId, members: [{ memberId, groupInstanceId }] });
  await leave('who was replaced', old, INSTANCE);
  await leave('by a name that nobody has', '', 'two');
  await leave('by its name alone', '', INSTANCE);
  await leave('by its name again', '', INSTANCE);
}

async function consumer(asker: Asker): Promise<void> {
  const [old, now] = ['AAAAAAAAAAAAAAAAAAAAAg', 'BBBBBBBBBBBBBBBBBBBBBg'];
  asker.call(old, 'who was there');
  asker.call(now, 'who came back');
  const base = { rebalanceTimeoutMs: 10_000, subscribedTopicNames: ['consumed'], topicPartitions: [] };
  const beat = (label: string, memberId: string, memberEpoch: number, more: Partial<Beat> = {}) =>
    asker.ask(label, consumerGroupHeartbeat, { groupId: 'k-place', memberId, memberEpoch, instanceId: INSTANCE, ...base, ...more });
  await beat('a static one joins', old, 0);
  await beat('another of its name', now, 0);
  await beat('under another name', old, 1, { instanceId: 'two' });
  await beat('without its name', old, 1, { instanceId: null });
  await beat('leaves for a while, and was there', old, -2);
  await asker.ask('left for a while', consumerGroupDescribe, { groupIds: ['k-place'], includeAuthorizedOperations: false });
  await beat('takes its place', now, 0);
  await beat('whose place was taken', old, 1);
  await beat('whose place was taken joins', old, 0);
  await beat('whose place was taken leaves', old, -1);
  await asker.ask('with a place taken', consumerGroupDescribe, { groupIds: ['k-place'], includeAuthorizedOperations: false });
  await beat('static, leaves for good', now, -1);
  await asker.ask('left for good', consumerGroupDescribe, { groupIds: ['k-place'], includeAuthorizedOperations: false });
}
