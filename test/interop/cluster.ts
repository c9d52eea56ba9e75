/** A Kafka cluster of several nodes, each broker and controller in a process of its own, of which one may be killed: the control for leader changes. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, KafkaNode } from './java.ts';

export interface KafkaCluster {
  readonly nodes: readonly KafkaNode[];
  /** host:port of each. */
  readonly brokers: readonly string[];
  stop(): Promise<void>;
}

/** What makes a cluster notice within some seconds that a node is gone, and lose nothing by it. */
const hasty = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
  'controller.quorum.election.backoff.max.ms': '200',
  'replica.lag.time.max.ms': '5000',
  'replica.fetch.wait.max.ms': '100',
};

export async function startKafkaCluster({ count = 3, heapMb = 256, readyWithinMs = 240_000, settings = {} } = {}): Promise<KafkaCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-kafka-'));
  const ports = await Promise.all(Array.from({ length: 2 * count }, freePort));
  const voters = Array.from({ length: count }, (_, i) => `${i + 1}@127.0.0.1:${ports[count + i]}`).join(',');
  const nodes = Array.from({ length: count }, (_, i) => {
    const own = join(folder, `${i + 1}`);
    mkdirSync(own);
    const at = { id: i + 1, folder: own, port: ports[i], controllerPort: ports[count + i], voters };
    return new KafkaNode({ ...at, heapMb, settings: { ...hasty, ...settings } });
  });
  async function stop(): Promise<void> {
    // Killed: a controlled shutdown waits for controllers that may be gone by then.
    await Promise.all(nodes.map((node) => node.kill()));
    for (const node of nodes) await node.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  try {
    await Promise.all(nodes.map((node) => node.format()));
    await Promise.all(nodes.map((node) => node.start(readyWithinMs)));
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, brokers: nodes.map(({ bootstrap }) => bootstrap), stop };
}
