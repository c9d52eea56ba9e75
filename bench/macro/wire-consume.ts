/**
 * Kafka's own consumer-perf-test, which is a group of one consumer, against Spillway and against Apache Kafka, in turns: 4 partitions from
 * their beginning, with the settings that the tool has. CPU time and memory of the broker with it.
 */
import { type Broker, runTool, toolsSkipReason, withTopic } from '../brokers.ts';
import { type Bench, expectCheck, type Sample } from '../harness.ts';
import { emitBoth, emitCosts, emitPeaks, measureBrokers, PARTITIONS, SIZES, withBrokers } from '../wire.ts';
import { producePerf } from './wire-produce.ts';

export async function main(bench: Bench): Promise<void> {
  if (toolsSkipReason !== null) return bench.note(`skipped: ${toolsSkipReason}`);
  const counts = { '100 B': bench.pick(20_000, 6_000_000, 20_000_000), '1 KiB': bench.pick(5_000, 1_000_000, 3_000_000) };
  const dose = { rounds: bench.pick(1, 3, 5), warmups: bench.pick(0, 1, 2) };
  await withBrokers(bench, async (brokers) => {
    const [spillway, kafka] = brokers;
    for (const { name, bytes } of SIZES) {
      if (!bench.wants(name)) continue;
      const records = counts[name];
      const topic = `consumed-${bytes}`;
      await withTopic(spillway, topic, PARTITIONS, () =>
        withTopic(kafka, topic, PARTITIONS, async () => {
          for (const broker of brokers) await producePerf(broker.port, topic, bytes, records);
          const runs = await measureBrokers(brokers, dose, (broker) => consumePerf(broker, topic, records));
          emitBoth(bench, name, 'records/s', runs);
          emitCosts(bench, name, records, runs);
        }),
      );
    }
    emitPeaks(bench, brokers);
  });
}

/** Records a second, joining the group included, as the tool tells. */
async function consumePerf(broker: Broker, topic: string, records: number): Promise<Sample> {
  const said = await runTool('org.apache.kafka.tools.ConsumerPerformance', [
    ...[
      '--bootstrap-server',
      `127.0.0.1:${broker.port}`,
      '--topic',
      topic,
      '--messages',
      `${records}`,
      '--hide-header',
      '--timeout',
      '60000',
    ],
  ]);
  // start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, …
  const fields = (said.trim().split('\n').at(-1) ?? '').split(', ');
  return { value: Number(fields[5]), check: expectCheck(fields[4], `${records}`, `${broker.name}, ${topic}`) };
}
