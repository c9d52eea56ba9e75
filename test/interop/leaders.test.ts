/**
 * A Kafka cluster of three under the remote client: leaders are killed while an idempotent producer and a reader work. Part of
 * `npm run interop`: three JVMs take their time.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type RemoteBus } from '../../src/index.ts';
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
      // In sync again: with two of three gone nothing could be acknowledged.
      await inSync(remote, 'steady');
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

/** A record with acks of all replicas goes through to each partition. */
async function inSync(remote: RemoteBus, topic: string): Promise<void> {
  // Replicas that follow again are told to the controller within replica.lag.time.max.ms.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await remote.admin().listOffsets(topic, 'latest');
}
