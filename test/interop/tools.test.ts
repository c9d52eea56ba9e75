/** Kafka's own command-line tools, unmodified. */
import { expect, test } from 'vitest';
import { onBrokers } from './brokers.ts';
import { javaSkipReason, runJava } from './java.ts';

onBrokers("Kafka's tools", { skip: javaSkipReason }, (broker) => {
  test('the cluster has an id', async () => {
    const out = await runJava('org.apache.kafka.tools.ClusterTool', ['cluster-id', '--bootstrap-server', broker.bootstrap]);
    expect(out).toMatch(/^Cluster ID: [\w-]{22}$/m);
  });
});
