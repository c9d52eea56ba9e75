/**
 * End to end through a broker, at 1,000 and 20,000 records of 100 B a second, against Spillway and against Apache Kafka, in turns: one
 * program on Kafka's Java client sends each record when it is due and counts from that moment until its consumer has it.
 */
import { delimiter } from 'node:path';
import { kafkaClasspath } from '../../test/interop/java.ts';
import { type Broker, runTool, toolsSkipReason, withTopic } from '../brokers.ts';
import { type Bench, expectCheck, type Sample } from '../harness.ts';
import { compile } from '../peers/jars.ts';
import { derived, emitBoth, emitCosts, measureBrokers, PARTITIONS, withBrokers } from '../wire.ts';

interface Delayed extends Sample {
  p99Us: number;
  p999Us: number;
}

export async function main(bench: Bench): Promise<void> {
  if (toolsSkipReason !== null) return bench.note(`skipped: ${toolsSkipReason}`);
  const seconds = bench.pick(0.5, 8, 20);
  const dose = { rounds: bench.pick(1, 3, 5), warmups: bench.pick(0, 1, 1) };
  const classpath = [compile(['WirePace', 'Load'], kafkaClasspath()), kafkaClasspath()].join(delimiter);
  await withBrokers(bench, async (brokers) => {
    for (const rate of [1_000, 20_000]) {
      const name = `${rate.toLocaleString('en-US')}/s`;
      if (!bench.wants(name)) continue;
      const count = rate * seconds;
      const runs = await measureBrokers(brokers, dose, (broker) => measure(broker, `pace-${rate}`, rate, count, classpath));
      emitBoth(bench, `${name}, p50`, 'µs', runs);
      emitBoth(
        bench,
        `${name}, p99`,
        'µs',
        derived(runs, ({ p99Us }) => p99Us),
      );
      emitBoth(
        bench,
        `${name}, p99.9`,
        'µs',
        derived(runs, ({ p999Us }) => p999Us),
      );
      emitCosts(bench, name, count, runs);
    }
  });
}

async function measure(broker: Broker, topic: string, rate: number, count: number, classpath: string): Promise<Delayed> {
  return withTopic(broker, topic, PARTITIONS, async () => {
    const options = { bootstrap: `127.0.0.1:${broker.port}`, topic, partitions: PARTITIONS, rate, count };
    const said = await runTool(
      'WirePace',
      Object.entries(options).map(([name, value]) => `${name}=${value}`),
      classpath,
    );
    const line = said.split('\n').find((text) => text.startsWith('{')) ?? '';
    const { value, p99Us, p999Us, check } = JSON.parse(line) as Delayed;
    return { value, p99Us, p999Us, check: expectCheck(check, `${count}`, `${broker.name}, ${topic}`) };
  });
}
