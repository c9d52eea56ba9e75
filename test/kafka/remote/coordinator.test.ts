/** A cluster in the coordinator's place: what is asked becomes Kafka's requests, what brokers say becomes replies. The broker here is a script. */
import { describe, expect, test } from 'vitest';
import { encodeAssignment, encodeSubscription } from '../../../src/assign/consumer-protocol.ts';
import { errors } from '../../../src/base/errors.ts';
import type {
  CoordinatorAsk,
  CoordinatorReply,
  CoordinatorVerb,
  CoordinatorVerbs,
  TopicMetadata,
} from '../../../src/coordinator/protocol.ts';
import { RemoteCoordinator } from '../../../src/kafka/remote/coordinator.ts';
import { TopicSettings } from '../../../src/kafka/remote/settings.ts';
import { type Api, type Decoded, defaultsOf, type Shape } from '../../../src/kafka/schema.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';

const { NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, NETWORK_EXCEPTION, HOST_DOWN, UNSUPPORTED_VERSION, GROUP_ID_NOT_FOUND } = errors;
const topicId = 'ab'.repeat(16);
const member = { groupId: 'g', memberId: 'm', instanceId: null, clientId: 'c', clientHost: 'thread 0' };

/** What a broker answers to an API: a code when it does not answer, else fields of its response; a list is taken one by one. */
type Script = Record<string, number | object | (number | object)[]>;

/** A coordinator over a broker that follows the script, and what it was asked. */
function coordinatorOver(script: Script, rows: Partial<TopicMetadata>[] = []) {
  const clock = new VirtualClock();
  const sent: { to: unknown; api: string; message: Record<string, unknown>; options: object }[] = [];
  const forgotten: string[] = [];
  const requests = {
    closed: false,
    forgetCoordinator: (group: string) => void forgotten.push(group),
    send<Q extends Shape, P extends Shape>(
      to: unknown,
      api: Api<Q, P>,
      message: unknown,
      done: (error: number, response: Decoded<P> | null) => void,
      options: object = {},
    ) {
      sent.push({ to, api: api.name, message: message as Record<string, unknown>, options });
      const scripted = script[api.name];
      const next = Array.isArray(scripted) ? (scripted.length > 1 ? scripted.shift() : scripted[0]) : scripted;
      clock.next(() => {
        if (typeof next === 'number') done(next, null);
        else done(0, { ...defaultsOf(api.response), ...next } as Decoded<P>);
      });
    },
  };
  const known = rows.map((row) => ({ topicId, error: 0, durability: '', batchBytesMax: 0, partitions: [], ...row }) as TopicMetadata);
  const topology = {
    metadata: (names: readonly string[] | null, _autoCreate: boolean, done: (error: number, topics: TopicMetadata[]) => void) =>
      clock.next(() => done(0, names === null ? known : names.map((name) => known.find((row) => row.name === name) ?? missing(name)))),
    namesOf: (ids: readonly string[], done: (names: Record<string, string>) => void) =>
      clock.next(() => done(Object.fromEntries(ids.filter((id) => id === topicId).map((id) => [id, 't'])))),
    nodes: () => [1],
  };
  const coordinator = new RemoteCoordinator({ requests, topology, settings: new TopicSettings(), clock });
  let replies: CoordinatorReply[] = [];
  const notices: object[] = [];
  coordinator.listen(() => {
    for (let answer = coordinator.take(); answer !== undefined; answer = coordinator.take()) {
      replies.push(...answer.replies);
      notices.push(...answer.notices);
    }
  });
  async function ask<V extends CoordinatorVerb>(verb: V, fields: CoordinatorVerbs[V]['ask']) {
    replies = [];
    coordinator.post({ asks: [{ verb, id: 7, ...fields } as unknown as CoordinatorAsk] });
    for (let i = 0; i < 100 && replies.length === 0; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (replies.length === 0) clock.step();
    }
    expect(replies).toHaveLength(1);
    return replies[0] as unknown as { verb: string; id: number; error: number; message: string } & CoordinatorVerbs[V]['reply'];
  }
  return { ask, sent, forgotten, notices, clock };
}

function missing(name: string): TopicMetadata {
  return { name, topicId: '', error: errors.UNKNOWN_TOPIC_OR_PARTITION.code, partitions: [], durability: '', batchBytesMax: 0 };
}

const place = { partition: 0, slot: 3, host: 0, leaderEpoch: 1 };

describe('asking again', () => {
  test('a coordinator that moved is looked for anew, and an administrator does not notice', async () => {
    const { ask, sent, forgotten } = coordinatorOver({
      DeleteGroups: [{ results: [{ groupId: 'g', errorCode: NOT_COORDINATOR.code }] }, { results: [{ groupId: 'g', errorCode: 0 }] }],
    });
    expect(await ask('deleteGroups', { groupIds: ['g'] })).toMatchObject({ error: 0, groups: [{ groupId: 'g', error: 0 }] });
    expect(sent.map(({ to }) => to)).toEqual([{ group: 'g' }, { group: 'g' }]);
    expect(forgotten).toEqual(['g']);
  });

  test('what may have been carried out is not asked twice, and the refusal says so', async () => {
    const { ask, sent } = coordinatorOver({ DeleteGroups: NETWORK_EXCEPTION.code });
    const { groups } = await ask('deleteGroups', { groupIds: ['g'] });
    expect(groups).toMatchObject([{ error: NETWORK_EXCEPTION.code, message: expect.stringContaining('may have been carried out') }]);
    expect(sent).toHaveLength(1);
  });

  test('what changes nothing is asked again until it is answered, and given up after half a minute', async () => {
    const good = {
      topics: [
        { name: 't', partitions: [{ partitionIndex: 0, committedOffset: 5, committedLeaderEpoch: -1, metadata: null, errorCode: 0 }] },
      ],
    };
    const loading = { groups: [{ groupId: 'g', topics: [], errorCode: COORDINATOR_LOAD_IN_PROGRESS.code }] };
    const soon = coordinatorOver({ OffsetFetch: [NETWORK_EXCEPTION.code, loading, { groups: [{ groupId: 'g', errorCode: 0, ...good }] }] });
    const fields = { groupId: 'g', memberId: null, epoch: -1, topics: null, requireStable: true };
    expect(await soon.ask('offsetFetch', fields)).toMatchObject({
      error: 0,
      offsets: [{ topic: 't', partition: 0, offset: 5, metadata: '' }],
    });
    expect(soon.sent).toHaveLength(3);
    const never = coordinatorOver({ OffsetFetch: HOST_DOWN.code });
    expect(await never.ask('offsetFetch', fields)).toMatchObject({
      error: NETWORK_EXCEPTION.code,
      message: expect.stringContaining('no broker'),
    });
    expect(never.clock.monotonicMs()).toBeGreaterThan(29_000);
    expect(never.clock.monotonicMs()).toBeLessThan(32_000);
  });

  test('a topic that is not there is no reason to wait', async () => {
    const row = { errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION.code, errorMessage: 'no topic', resourceType: 2, resourceName: 't' };
    const { ask, sent } = coordinatorOver({ IncrementalAlterConfigs: { responses: [row] } });
    const ops = [{ key: 'retention.ms', op: 'set' as const, value: '5' }];
    const refused = { error: errors.UNKNOWN_TOPIC_OR_PARTITION.code, message: 'no topic' };
    expect(await ask('alterConfigs', { name: 't', ops, validateOnly: false })).toMatchObject(refused);
    expect(sent).toHaveLength(1);
  });

  test('an offset that a transaction is about to commit is waited for, and is not taken for none', async () => {
    const row = (committedOffset: number, errorCode: number) => ({
      topics: [],
      groups: [
        {
          groupId: 'g',
          errorCode: 0,
          topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset, committedLeaderEpoch: -1, metadata: '', errorCode }] }],
        },
      ],
    });
    const { ask, sent } = coordinatorOver({ OffsetFetch: [row(-1, errors.UNSTABLE_OFFSET_COMMIT.code), row(6, 0)] });
    const fields = { groupId: 'g', memberId: null, epoch: -1, topics: null, requireStable: true };
    expect(await ask('offsetFetch', fields)).toMatchObject({ error: 0, offsets: [{ offset: 6 }] });
    expect(sent).toHaveLength(2);
    const denied = coordinatorOver({ OffsetFetch: row(-1, errors.TOPIC_AUTHORIZATION_FAILED.code) });
    expect((await denied.ask('offsetFetch', fields)).error).toBe(errors.TOPIC_AUTHORIZATION_FAILED.code);
    const missing = coordinatorOver({ OffsetFetch: row(-1, errors.UNKNOWN_TOPIC_OR_PARTITION.code) });
    expect(await missing.ask('offsetFetch', fields)).toMatchObject({ error: 0, offsets: [{ offset: -1 }] });
  });

  test('what members ask is answered as it is: they try again by themselves', async () => {
    const { ask, sent, forgotten } = coordinatorOver({ Heartbeat: { errorCode: NOT_COORDINATOR.code } });
    expect((await ask('heartbeat', { groupId: 'g', generation: 1, memberId: 'm', instanceId: null })).error).toBe(NOT_COORDINATOR.code);
    expect(sent).toHaveLength(1);
    expect(forgotten).toEqual(['g']);
  });
});

describe('members', () => {
  test('joins and syncs wait on connections of their own, for as long as others may take', async () => {
    const { ask, sent } = coordinatorOver({
      JoinGroup: { errorCode: errors.MEMBER_ID_REQUIRED.code, memberId: 'given' },
      SyncGroup: { errorCode: 0, assignment: new Uint8Array([1]) },
    });
    const protocols = [{ name: 'range', metadata: new Uint8Array([1]) }];
    const join = {
      ...member,
      memberId: '',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      protocolType: 'consumer',
      protocols,
      reason: '',
      requiresMemberId: true,
    };
    expect(await ask('joinGroup', join)).toMatchObject({ error: errors.MEMBER_ID_REQUIRED.code, memberId: 'given', id: 7 });
    await ask('syncGroup', {
      groupId: 'g',
      generation: 1,
      memberId: 'm',
      instanceId: null,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [],
    });
    expect(sent).toMatchObject([
      { api: 'JoinGroup', options: { own: true, timeoutMs: 65_000, clientId: 'c' } },
      { api: 'SyncGroup', options: { own: true } },
    ]);
  });

  test('a heartbeat’s assignment comes with names; one that nobody can name yet is told to be tried again', async () => {
    const assignment = (id: string) => ({
      memberId: 'm',
      memberEpoch: 3,
      heartbeatIntervalMs: 5000,
      assignment: { topicPartitions: [{ topicId: id, partitions: [0, 2] }] },
    });
    const beat = {
      ...member,
      memberEpoch: 2,
      rackId: null,
      rebalanceTimeoutMs: -1,
      sessionTimeoutMs: -1,
      topics: null,
      topicRegex: '',
      assignor: null,
      owned: null,
    };
    const { ask, sent } = coordinatorOver({ ConsumerGroupHeartbeat: [assignment(topicId), assignment('cd'.repeat(16))] });
    expect(await ask('consumerGroupHeartbeat', beat)).toMatchObject({
      error: 0,
      memberEpoch: 3,
      assignment: [{ topicId, partitions: [0, 2] }],
      names: { [topicId]: 't' },
    });
    expect(await ask('consumerGroupHeartbeat', beat)).toMatchObject({ error: errors.UNKNOWN_TOPIC_ID.code, assignment: null });
    // A broker that does not know patterns must not be told of one that is none.
    expect(sent[0].message.subscribedTopicRegex).toBeNull();
  });

  test('of a broker that takes one member at a time, the error of the whole is that of the member', async () => {
    const { ask } = coordinatorOver({ LeaveGroup: { errorCode: errors.UNKNOWN_MEMBER_ID.code, members: [] } });
    const left = await ask('leaveGroup', { groupId: 'g', members: [{ memberId: 'm', instanceId: null, reason: '' }] });
    expect(left).toMatchObject({ error: 0, members: [{ memberId: 'm', error: errors.UNKNOWN_MEMBER_ID.code }] });
  });

  test('a refusal of the member stands for the whole commit, one of a partition for that alone', async () => {
    const rows = (...codes: number[]) => ({
      topics: [{ name: 't', partitions: codes.map((errorCode, i) => ({ partitionIndex: i, errorCode })) }],
    });
    const { UNKNOWN_TOPIC_OR_PARTITION: unknown, STALE_MEMBER_EPOCH: stale } = errors;
    const { ask, sent } = coordinatorOver({ OffsetCommit: [rows(unknown.code, 0), rows(unknown.code, stale.code)] });
    const offsets = [0, 1].map((partition) => ({ topic: 't', partition, offset: 4, leaderEpoch: -1, metadata: '' }));
    const commit = { groupId: 'g', memberId: 'm', instanceId: null, epoch: 2, offsets, synced: false };
    expect(await ask('offsetCommit', commit)).toMatchObject({ error: 0, offsets: [{ error: unknown.code }, { error: 0 }] });
    expect(await ask('offsetCommit', commit)).toMatchObject({ error: stale.code });
    expect(sent[0].message).toMatchObject({
      generationIdOrMemberEpoch: 2,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }],
    });
  });
});

describe('describing groups', () => {
  const classicRow = {
    groupId: 'g',
    errorCode: 0,
    errorMessage: null,
    groupState: 'Stable',
    protocolType: 'consumer',
    protocolData: 'range',
    authorizedOperations: 0,
    members: [
      {
        memberId: 'm',
        groupInstanceId: 'i',
        clientId: 'c',
        clientHost: '/1',
        memberMetadata: encodeSubscription({ topics: ['t'], userData: null, owned: [], generation: -1, rackId: null }),
        memberAssignment: encodeAssignment({ partitions: [{ topic: 't', partitions: [0, 1] }], userData: null }),
      },
    ],
  };

  test.each([
    ['says that it is another', { groups: [{ groupId: 'g', errorCode: GROUP_ID_NOT_FOUND.code }] }],
    ['does not know the newer protocol', UNSUPPORTED_VERSION.code],
  ])('a classic group is found where the broker %s', async (_title, asConsumers) => {
    const { ask } = coordinatorOver({ ConsumerGroupDescribe: asConsumers, DescribeGroups: { groups: [classicRow] } });
    const { groups } = await ask('describeGroups', { groupIds: ['g'] });
    expect(groups).toMatchObject([{ groupId: 'g', error: 0, type: 'classic', state: 'Stable', assignor: 'range', epoch: -1 }]);
    expect(groups[0].members).toMatchObject([
      { memberId: 'm', instanceId: 'i', subscribedTopics: ['t'], assignment: [{ topic: 't', partitions: [0, 1] }], isClassic: true },
    ]);
  });

  test('a group that older brokers call dead is not there', async () => {
    const dead = { ...classicRow, groupState: 'Dead', members: [] };
    const { ask } = coordinatorOver({ ConsumerGroupDescribe: UNSUPPORTED_VERSION.code, DescribeGroups: { groups: [dead] } });
    expect((await ask('describeGroups', { groupIds: ['g'] })).groups).toMatchObject([{ error: GROUP_ID_NOT_FOUND.code }]);
  });

  test('groups of kinds that this house has not are left out of lists', async () => {
    const groups = ['Consumer', 'Classic', 'Share'].map((groupType) => ({
      groupId: groupType,
      protocolType: '',
      groupState: 'Stable',
      groupType,
    }));
    const { ask } = coordinatorOver({ ListGroups: { errorCode: 0, groups } });
    const listed = await ask('listGroups', { states: [], types: [] });
    expect(listed.groups.map(({ groupId, type, state }) => [groupId, type, state])).toEqual([
      ['Consumer', 'consumer', 'Stable'],
      ['Classic', 'classic', 'Stable'],
    ]);
  });
});

describe('durability', () => {
  const row = (name: string, value: string, configSource = 1) => ({
    name,
    value,
    readOnly: false,
    configSource,
    isSensitive: false,
    synonyms: [],
    configType: 2,
    documentation: null,
  });
  const described = (...configs: object[]) => ({
    results: [{ errorCode: 0, errorMessage: null, resourceType: 2, resourceName: 't', configs }],
  });
  const broker = (...configs: object[]) => ({
    results: [{ errorCode: 0, errorMessage: null, resourceType: 4, resourceName: '1', configs }],
  });
  const made = { topics: [{ name: 't', topicId, errorCode: 0, errorMessage: null, numPartitions: 1 }] };
  const topic = (configs: Record<string, string>) => ({
    topics: [{ name: 't', partitions: 1, replicationFactor: -1, configs }],
    validateOnly: false,
  });
  const configsSent = (sent: { api: string; message: Record<string, unknown> }[]) =>
    (sent.find(({ api }) => api === 'CreateTopics')?.message.topics as { configs: object[] }[] | undefined)?.[0].configs;

  test('is what a Spillway says, and what Kafka’s settings come to', async () => {
    const cases = [
      [[row('durability', 'memory')], 'memory'],
      [[row('flush.messages', '9223372036854775807')], 'written'],
      [[row('flush.messages', '1')], 'synced'],
    ] as const;
    for (const [configs, durability] of cases) {
      const { ask, sent } = coordinatorOver({ DescribeConfigs: described(...configs, row('max.message.bytes', '5000')) }, [
        { name: 't', partitions: [place] },
      ]);
      const metadata = { topics: ['t'], autoCreate: false };
      expect((await ask('metadata', metadata)).topics).toMatchObject([{ durability, batchBytesMax: 5000, partitions: [place] }]);
      await ask('metadata', metadata);
      expect(sent).toHaveLength(1);
    }
  });

  test('goes to a Spillway as it is', async () => {
    const { ask, sent } = coordinatorOver({ DescribeConfigs: broker(row('log.durability', 'synced')), CreateTopics: made }, [
      { name: 't', partitions: [place] },
    ]);
    expect(await ask('createTopics', topic({ durability: 'memory' }))).toMatchObject({ topics: [{ error: 0, topicId }] });
    expect(configsSent(sent)).toEqual([{ name: 'durability', value: 'memory' }]);
  });

  test.each([
    [{ durability: 'memory' }, []],
    [{ durability: 'written', 'retention.ms': '5' }, [{ name: 'retention.ms', value: '5' }]],
    [{ durability: 'synced' }, [{ name: 'flush.messages', value: '1' }]],
  ])('%j is what Kafka gives anyway, or its own setting', async (configs, wanted) => {
    const { ask, sent } = coordinatorOver({ DescribeConfigs: broker(), CreateTopics: made }, [{ name: 't', partitions: [place] }]);
    expect(await ask('createTopics', topic(configs))).toMatchObject({ topics: [{ error: 0 }] });
    expect(configsSent(sent)).toEqual(wanted);
  });

  test('a value that is none, or that contradicts, is refused before anything is sent', async () => {
    const { ask, sent } = coordinatorOver({ DescribeConfigs: broker() }, [{ name: 't', partitions: [place] }]);
    const refused = [{ durability: 'eternal' }, { durability: 'synced', 'flush.messages': '100' }];
    for (const configs of refused)
      expect((await ask('createTopics', topic(configs))).topics).toMatchObject([
        { error: errors.INVALID_CONFIG.code, message: expect.stringContaining('durability') },
      ]);
    const alter = (op: 'append' | 'set', value: string) =>
      ask('alterConfigs', { name: 't', ops: [{ key: 'durability', op, value }], validateOnly: false });
    expect([(await alter('append', 'synced')).error, (await alter('set', 'eternal')).error]).toEqual([
      errors.INVALID_CONFIG.code,
      errors.INVALID_CONFIG.code,
    ]);
    expect(sent.map(({ api }) => api)).toEqual(['DescribeConfigs']);
  });

  test('is changed by the setting that it is', async () => {
    const { ask, sent, notices } = coordinatorOver({
      DescribeConfigs: [broker(), described(row('flush.messages', '1'))],
      IncrementalAlterConfigs: { responses: [{ errorCode: 0 }] },
    });
    await ask('alterConfigs', { name: 't', ops: [{ key: 'durability', op: 'set', value: 'synced' }], validateOnly: false });
    const altered = sent.find(({ api }) => api === 'IncrementalAlterConfigs')?.message.resources;
    expect(altered).toMatchObject([
      { resourceType: 2, resourceName: 't', configs: [{ name: 'flush.messages', configOperation: 0, value: '1' }] },
    ]);
    expect(notices).toEqual([{ notice: 'topics', epoch: 0, names: ['t'] }]);
  });
});

describe('what no broker tells', () => {
  test('is refused in words, and what only a bus knows is calm', async () => {
    const { ask, sent } = coordinatorOver({});
    expect(await ask('explainGroup', { groupId: 'g' })).toMatchObject({
      error: UNSUPPORTED_VERSION.code,
      message: expect.stringContaining('do not tell'),
    });
    expect(await ask('groupHistory', { groupId: 'g' })).toMatchObject({
      error: UNSUPPORTED_VERSION.code,
      message: expect.stringContaining('do not tell'),
    });
    expect(await ask('pressure', {})).toMatchObject({ error: 0, report: { level: 'calm', reasons: [] } });
    const load = {
      dispatcher: 0,
      inFlightBytes: 0,
      heapBytes: 0,
      rssBytes: 0,
      heapUsedBytes: 0,
      heapLimitBytes: 0,
      clients: [{ clientId: 'c', producedBytes: 1, fetchedBytes: 2 }],
    };
    expect(await ask('reportLoad', load)).toMatchObject({ error: 0, throttles: [{ clientId: 'c', produceDelayMs: 0, fetchDelayMs: 0 }] });
    expect(sent).toEqual([]);
  });

  test('a change that the brokers have not heard of yet is waited for', async () => {
    const slow = coordinatorOver({
      CreateTopics: { topics: [{ name: 'new', topicId, errorCode: 0, errorMessage: null, numPartitions: 1 }] },
    });
    const asked = { topics: [{ name: 'new', partitions: 1, replicationFactor: -1, configs: {} }], validateOnly: false };
    expect(await slow.ask('createTopics', asked)).toMatchObject({ topics: [{ error: 0 }] });
    // It is made, whoever has not heard of it: after a while that is answered.
    expect(slow.clock.monotonicMs()).toBeGreaterThan(4_900);
    expect(slow.clock.monotonicMs()).toBeLessThan(6_000);
  });
});
