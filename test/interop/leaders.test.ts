/**
 * A Kafka cluster of three under the remote client. Twice the broker that coordinates all groups, and leads partitions, is killed while an
 * idempotent producer and a reader work, and groups of both protocols. Part of `npm run interop`: three JVMs take their time.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type RemoteBus } from '../../src/index.ts';
import { metadata } from '../../src/kafka/api/03-metadata.ts';
import { findCoordinator } from '../../src/kafka/api/10-find-coordinator.ts';
import { Requests } from '../../src/kafka/remote/requests.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { realClock } from '../../src/world/clock.ts';
import { seededRandom } from '../../src/world/random.ts';
import { SteadyFlow } from '../kafka/remote/steady-flow.ts';
import { isFull } from './brokers.ts';
import { type KafkaCluster, startKafkaCluster } from './cluster.ts';
import { javaSkipReason, type KafkaNode } from './java.ts';
import { SharedWork } from './shared-work.ts';

const reason = isFull ? javaSkipReason : 'npm run interop does it';
const patient = { timeout: 160_000, interval: 50 };

describe.skipIf(reason !== null)(`three brokers of Kafka's${reason === null ? '' : ` (${reason})`}`, () => {
  let cluster: KafkaCluster;
  let remote: RemoteBus;
  beforeAll(async () => {
    cluster = await startKafkaCluster({ readyWithinMs: 280_000 });
    remote = await connect({ brokers: cluster.brokers });
  });
  afterAll(async () => {
    await remote?.close();
    await cluster?.stop();
  });

  test('one that is killed, and another after it has come back, lose, double and reorder nothing, and groups leave out nothing', {
    timeout: 600_000,
  }, async () => {
    await remote.admin().createTopics([
      { name: 'steady', partitions: 3, replicationFactor: 3 },
      { name: 'shared', partitions: 4, replicationFactor: 3 },
    ]);
    const flow = new SteadyFlow(remote, 'steady', 3);
    flow.start(10);
    const work = new SharedWork(remote, 'shared', 4);
    for (let round = 0; round < 2; round++) {
      await expect.poll(() => work.isShared, patient).toBe(true);
      await expect.poll(() => flow.read, patient).toBeGreaterThan(1000);
      const node = await coordinatorOf(cluster);
      await node.kill();
      // Everything that was sent until now gets through without that broker, and groups read on.
      const [sent, shared] = [flow.sent, work.sent];
      await expect.poll(() => flow.acknowledged, patient).toBeGreaterThan(sent);
      await expect.poll(() => work.seen.every((seen) => seen > shared + 100), patient).toBe(true);
      await node.start(200_000);
      await inSync(cluster, 'steady');
    }
    expect(await flow.stop()).toMatchObject({ failures: [], wrong: [] });
    await work.stopSending();
    await expect.poll(() => work.seen, patient).toEqual([work.sent, work.sent]);
    expect(await work.close()).toEqual([]);
    for (const groupId of work.groupIds) {
      const { offsets, members } = await remote.admin().describeGroup(groupId);
      expect(members).toEqual([]);
      expect(offsets.map(({ lag }) => lag)).toEqual([0, 0, 0, 0]);
    }
  });

  test('a broker that is not the one that was named first is found through it', async () => {
    const one = await connect({ brokers: cluster.brokers.slice(2) });
    await one.producer().send('steady', { partition: 0, value: 'a' });
    const [described] = await one.admin().describeTopics(['steady']);
    expect(described.partitions.map(({ state }) => state)).toEqual(['online', 'online', 'online']);
    await one.close();
  });
});

/** The node that coordinates every group: there is one partition of offsets. */
async function coordinatorOf({ nodes, brokers }: KafkaCluster): Promise<KafkaNode> {
  const requests = requestsTo(brokers);
  const ask = (): Promise<number> =>
    new Promise((resolve) => {
      requests.send('any', findCoordinator, { key: 'any', coordinatorKeys: ['any'] }, (_error, response) => {
        resolve((response?.coordinators[0] ?? response)?.nodeId ?? -1);
      });
    });
  let id = -1;
  await expect.poll(async () => (id = await ask()), patient).toBeGreaterThan(0);
  requests.close();
  const node = nodes.find((one) => one.id === id);
  if (node === undefined) throw new Error(`there is no node ${id}`);
  return node;
}

/** Waits until each partition has all its replicas in sync: with two of three gone nothing could be acknowledged. */
async function inSync({ brokers }: KafkaCluster, topic: string): Promise<void> {
  const requests = requestsTo(brokers);
  const request = {
    topics: [{ topicId: ZERO_UUID, name: topic }],
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  };
  const missing = (): Promise<number> =>
    new Promise((resolve) => {
      requests.send('any', metadata, request, (_error, response) => {
        const partitions = response?.topics[0]?.partitions ?? [];
        resolve(partitions.length === 0 ? -1 : partitions.filter(({ isrNodes }) => isrNodes.length < 3).length);
      });
    });
  await expect.poll(missing, patient).toBe(0);
  requests.close();
}

function requestsTo(brokers: readonly string[]): Requests {
  return new Requests({
    brokers: brokers.map((broker) => ({ host: '127.0.0.1', port: Number(broker.split(':')[1]) })),
    clientId: 'test',
    clock: realClock,
    random: seededRandom(1),
    connectTimeoutMs: 10_000,
    requestTimeoutMs: 10_000,
    idleMs: 60_000,
  });
}
