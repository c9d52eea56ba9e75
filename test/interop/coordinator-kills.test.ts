/**
 * A Kafka cluster of three under groups of the remote client, of both protocols: the broker that coordinates them is killed in the midst of
 * their work. Part of `npm run interop`: three JVMs take their time.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type RemoteBus, serdes } from '../../src/index.ts';
import { findCoordinator } from '../../src/kafka/api/10-find-coordinator.ts';
import { Requests } from '../../src/kafka/remote/requests.ts';
import { realClock } from '../../src/world/clock.ts';
import { seededRandom } from '../../src/world/random.ts';
import { isFull } from './brokers.ts';
import { type KafkaCluster, startKafkaCluster } from './cluster.ts';
import { javaSkipReason, type KafkaNode } from './java.ts';

const reason = isFull ? javaSkipReason : 'npm run interop does it';
const patient = { timeout: 160_000, interval: 50 };

describe.skipIf(reason !== null)(`groups at three brokers of Kafka's${reason === null ? '' : ` (${reason})`}`, () => {
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

  test('go on when their coordinator is killed, twice: nothing is left out, and in the end all of it is committed', {
    timeout: 600_000,
  }, async () => {
    const { nodes, brokers } = cluster;
    const topic = 'shared';
    await remote.admin().createTopics([{ name: topic, partitions: 4, replicationFactor: 3 }]);
    const protocols = ['consumer', 'classic'] as const;
    const groups = protocols.map((groupProtocol) => ({
      groupId: `of-${groupProtocol}`,
      seen: new Set<number>(),
      members: [0, 1].map(() => member(groupProtocol)),
    }));
    function member(groupProtocol: (typeof protocols)[number]) {
      const consumer = remote.consumer({
        groupId: `of-${groupProtocol}`,
        topics: topic,
        groupProtocol,
        value: serdes.json<number>(),
        autoOffsetReset: 'earliest',
        heartbeatIntervalMs: 200,
        sessionTimeoutMs: 6000,
        autoCommitIntervalMs: 100,
      });
      const ended = (async () => {
        for await (const { value } of consumer) groups.find(({ groupId }) => groupId === `of-${groupProtocol}`)?.seen.add(value as number);
      })().catch((error: unknown) => error);
      return { consumer, ended };
    }
    let sent = 0;
    let writing = true;
    const writer = (async () => {
      const producer = remote.producer({ value: serdes.json<number>() });
      while (writing) {
        await producer.send(
          topic,
          Array.from({ length: 8 }, () => ({ partition: sent % 4, value: sent++ })),
        );
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await producer.close();
    })();
    for (let round = 0; round < 2; round++) {
      await expect
        .poll(() => groups.map(({ members }) => members.map(({ consumer }) => consumer.assignment().length)), patient)
        .toEqual([
          [2, 2],
          [2, 2],
        ]);
      const node = await coordinatorOf(nodes, brokers);
      const before = sent;
      await node.kill();
      await expect.poll(() => groups.every(({ seen }) => seen.size > before + 100), patient).toBe(true);
      await node.start(200_000);
    }
    writing = false;
    await writer;
    await expect.poll(() => groups.map(({ seen }) => seen.size), patient).toEqual([sent, sent]);
    for (const { members } of groups)
      for (const { consumer, ended } of members) {
        expect(await consumer.close({ deadlineMs: 20_000 })).toEqual({ unfinished: [] });
        expect(await ended).toBeUndefined();
      }
    for (const { groupId } of groups) {
      const { offsets, members } = await remote.admin().describeGroup(groupId);
      expect(members).toEqual([]);
      expect(offsets.map(({ lag }) => lag)).toEqual([0, 0, 0, 0]);
    }
  });
});

/** The node that coordinates every group: there is one partition of offsets. */
async function coordinatorOf(nodes: readonly KafkaNode[], brokers: readonly string[]): Promise<KafkaNode> {
  const addresses = brokers.map((broker) => ({ host: '127.0.0.1', port: Number(broker.split(':')[1]) }));
  const times = { connectTimeoutMs: 10_000, requestTimeoutMs: 10_000, idleMs: 60_000 };
  const requests = new Requests({ brokers: addresses, clientId: 'test', clock: realClock, random: seededRandom(1), ...times });
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
