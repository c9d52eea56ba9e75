/**
 * A Kafka cluster of three under the remote client: leaders are killed while an idempotent producer and a reader work. Part of
 * `npm run interop`: three JVMs take their time.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type RemoteBus } from '../../src/index.ts';
import { metadata } from '../../src/kafka/api/03-metadata.ts';
import { Requests } from '../../src/kafka/remote/requests.ts';
import { ZERO_UUID } from '../../src/kafka/schema.ts';
import { realClock } from '../../src/world/clock.ts';
import { seededRandom } from '../../src/world/random.ts';
import { SteadyFlow } from '../kafka/remote/steady-flow.ts';
import { isFull } from './brokers.ts';
import { type KafkaCluster, startKafkaCluster } from './cluster.ts';
import { javaSkipReason } from './java.ts';

const reason = isFull ? javaSkipReason : 'npm run interop does it';

describe.skipIf(reason !== null)(`three brokers of Kafka's${reason === null ? '' : ` (${reason})`}`, () => {
  let cluster: KafkaCluster;
  let remote: RemoteBus;
  beforeAll(async () => {
    cluster = await startKafkaCluster();
    remote = await connect({ brokers: cluster.brokers });
  });
  afterAll(async () => {
    await remote?.close();
    await cluster?.stop();
  });

  test('a leader that is killed, and one after it has come back, lose, double and reorder nothing', async () => {
    await remote.admin().createTopics([{ name: 'steady', partitions: 3, replicationFactor: 3 }]);
    const flow = new SteadyFlow(remote, 'steady', 3);
    flow.start(10);
    for (const node of cluster.nodes.slice(0, 2)) {
      await expect.poll(() => flow.read, { timeout: 60_000 }).toBeGreaterThan(1000);
      await node.kill();
      // Everything that was sent until now gets through without that broker.
      const sent = flow.sent;
      await expect.poll(() => flow.acknowledged, { timeout: 60_000 }).toBeGreaterThan(sent);
      await node.start(100_000);
      await inSync(cluster.brokers, 'steady');
    }
    const report = await flow.stop();
    expect(report).toMatchObject({ failures: [], wrong: [] });
  });

  test('a broker that is not the one that was named first is found through it', async () => {
    const one = await connect({ brokers: cluster.brokers.slice(2) });
    await one.producer().send('steady', { partition: 0, value: 'a' });
    const [described] = await one.admin().describeTopics(['steady']);
    expect(described.partitions.map(({ state }) => state)).toEqual(['online', 'online', 'online']);
    await one.close();
  });
});

/** Waits until each partition has all its replicas in sync: with two of three gone nothing could be acknowledged. */
async function inSync(brokers: readonly string[], topic: string): Promise<void> {
  const requests = new Requests({
    brokers: brokers.map((broker) => ({ host: '127.0.0.1', port: Number(broker.split(':')[1]) })),
    clientId: 'test',
    clock: realClock,
    random: seededRandom(1),
    connectTimeoutMs: 10_000,
    requestTimeoutMs: 10_000,
    idleMs: 60_000,
  });
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
  await expect.poll(missing, { timeout: 60_000, interval: 200 }).toBe(0);
  requests.close();
}
