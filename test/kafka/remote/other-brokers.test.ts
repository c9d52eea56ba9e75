/** Brokers that are not Spillway, as far as they say less: Kafka's, that refuses an offset without a word of where its log is, and old ones. */
import { afterEach, describe, expect, test } from 'vitest';
import { BusError, type ConsumerOptions, connect, type RemoteBus, serdes } from '../../../src/index.ts';
import { type Asked, ScriptedBroker } from './scripted-broker.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const topicId = 'ab'.repeat(16);

/** Answers for one topic of one partition whose log goes from 10 to 20; `others` come before. */
async function brokerWith(
  others: Record<string, (asked: Asked) => object | null>,
  versions: Record<string, readonly [number, number]> = {},
) {
  const answers: typeof others = {
    Metadata: () => ({
      brokers: [{ nodeId: 1, host: '127.0.0.1', port: broker.port }],
      controllerId: 1,
      topics: [
        {
          name: 't',
          topicId,
          partitions: [{ partitionIndex: 0, leaderId: 1, leaderEpoch: 0, replicaNodes: [1], isrNodes: [1], offlineReplicas: [] }],
        },
      ],
    }),
    DescribeConfigs: ({ request }) => ({
      results: request.resources.map(({ resourceName }: { resourceName: string }) => ({
        errorMessage: null,
        resourceType: 2,
        resourceName,
        configs: [],
      })),
    }),
    FindCoordinator: () => ({
      errorMessage: null,
      nodeId: 1,
      host: '127.0.0.1',
      port: broker.port,
      coordinators: [{ key: 'g', nodeId: 1, host: '127.0.0.1', port: broker.port, errorMessage: null }],
    }),
    ListOffsets: ({ request }) => {
      const [{ timestamp }] = request.topics[0].partitions;
      const row = {
        partitionIndex: 0,
        errorCode: 0,
        timestamp: -1,
        offset: timestamp === -2 ? 10 : 20,
        leaderEpoch: 0,
        oldStyleOffsets: [],
      };
      return { topics: [{ name: 't', partitions: [row] }] };
    },
    ...others,
  };
  const broker = await ScriptedBroker.start((asked) => {
    const response = answers[asked.name]?.(asked) ?? null;
    if (response !== null) asked.answer(response);
  }, versions);
  endings.push(() => broker.stop());
  const remote = await connect({ brokers: [`127.0.0.1:${broker.port}`] });
  endings.push(() => remote.close({ deadlineMs: 100 }));
  return { broker, remote };
}

describe('an offset that is refused as Kafka does', () => {
  /** Refuses what is not in the log, and is silent about the rest: a fetch that waits. */
  const kafkaFetch = ({ request }: Asked): object | null => {
    const [partition] = request.topics[0]?.partitions ?? [];
    if (partition === undefined || (partition.fetchOffset >= 10 && partition.fetchOffset <= 20)) return null;
    const refused = {
      partitionIndex: 0,
      errorCode: 1,
      highWatermark: -1,
      lastStableOffset: -1,
      logStartOffset: -1,
      abortedTransactions: null,
    };
    return { responses: [{ topic: 't', topicId, partitions: [{ ...refused, preferredReadReplica: -1, records: null }] }] };
  };
  const consume = (remote: RemoteBus, options: ConsumerOptions<string, string>) =>
    remote.consumer({ key: serdes.string, value: serdes.string, fetchWaitMs: 50, ...options }).assign('t');

  test.each([
    ['what lies before the log', 3, 'latest', 10],
    ['what lies behind it, from the beginning', 99, 'earliest', 10],
    ['what lies behind it, at the end', 99, 'latest', 20],
  ] as const)('%s is reset', async (_title, offset, autoOffsetReset, position) => {
    const { remote } = await brokerWith({ Fetch: kafkaFetch });
    const consumer = await consume(remote, { autoOffsetReset });
    await consumer.seek('t', offset);
    const polling = consumer.poll({ timeoutMs: 5000 }).catch((error: unknown) => error);
    await expect.poll(() => consumer.position('t', 0)).toBe(position);
    await consumer.close();
    await polling;
  });

  test('one that wants no reset is told where the log begins', async () => {
    const { remote } = await brokerWith({ Fetch: kafkaFetch });
    const consumer = await consume(remote, { autoOffsetReset: 'none' });
    await consumer.seek('t', 3);
    const error = await consumer.poll({ timeoutMs: 5000 }).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(BusError);
    expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', message: expect.stringContaining('10') });
    await consumer.close();
  });
});

test('a broker of old versions is administered: one group at a time, no types, no groups of the newer protocol', async () => {
  const old = {
    ConsumerGroupDescribe: [0, -1],
    OffsetFetch: [1, 5],
    ListGroups: [0, 2],
    DescribeGroups: [0, 4],
    FindCoordinator: [0, 2],
  } as const;
  const { broker, remote } = await brokerWith(
    {
      ListGroups: () => ({ groups: [{ groupId: 'g', protocolType: 'consumer' }] }),
      OffsetFetch: () => ({
        topics: [
          { name: 't', partitions: [{ partitionIndex: 0, committedOffset: 15, committedLeaderEpoch: -1, metadata: null, errorCode: 0 }] },
        ],
      }),
      DescribeGroups: ({ request }) => ({
        groups: request.groups.map((groupId: string) => ({
          groupId,
          groupState: groupId === 'g' ? 'Empty' : 'Dead',
          protocolType: groupId === 'g' ? 'consumer' : '',
          protocolData: '',
          members: [],
        })),
      }),
    },
    old,
  );
  const admin = remote.admin();
  expect(await admin.listGroups()).toMatchObject([{ groupId: 'g', type: 'classic' }]);
  expect(await admin.describeGroup('g')).toMatchObject({
    state: 'Empty',
    offsets: [{ topic: 't', partition: 0, committed: 15, highWatermark: 20, lag: 5 }],
  });
  await expect(admin.describeGroup('other')).rejects.toMatchObject({ code: 'GROUP_ID_NOT_FOUND' });
  const versions = new Map(broker.asked.map(({ name, version }) => [name, version]));
  expect([versions.get('OffsetFetch'), versions.get('ListGroups'), versions.get('DescribeGroups')]).toEqual([5, 2, 4]);
});

test('configurations of many topics are asked for two hundred at a time', async () => {
  const { broker, remote } = await brokerWith({});
  const names = Array.from({ length: 201 }, (_, i) => `t${i}`);
  const described = await remote.admin().describeConfigs(names);
  expect(described.map(({ name }) => name)).toEqual(names);
  const asked = broker.asked.filter(({ name }) => name === 'DescribeConfigs').map(({ request }) => request.resources.length);
  expect(asked).toEqual([200, 1]);
});
