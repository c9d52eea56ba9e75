/**
 * Kafka's own producer-perf-test against Spillway and against Apache Kafka, in turns: 4 partitions, acks all, batches of 128 KiB. CPU time and
 * memory of the broker with it; and before, how long either takes from the start of its process until it answers, and what it takes at rest.
 */
import {
  type Broker,
  countStored,
  memoryOf,
  programOf,
  runTool,
  startKafka,
  startSpillway,
  toolsSkipReason,
  withTopic,
} from '../brokers.ts';
import { type Bench, expectCheck, median, type Sample } from '../harness.ts';
import { derived, emitBoth, emitCosts, emitPeaks, measureBrokers, PARTITIONS, SIZES, withBrokers } from '../wire.ts';

export async function main(bench: Bench): Promise<void> {
  if (toolsSkipReason !== null) return bench.note(`skipped: ${toolsSkipReason}`);
  if (bench.dose !== 'smoke' && bench.wants('ready')) await measureStarts(bench);
  const counts = { '100 B': bench.pick(20_000, 3_000_000, 10_000_000), '1 KiB': bench.pick(5_000, 500_000, 2_000_000) };
  const dose = { rounds: bench.pick(1, 3, 5), warmups: bench.pick(0, 1, 2) };
  await withBrokers(bench, async (brokers) => {
    if (bench.dose === 'smoke') emitStarts(bench, brokers.map(started));
    for (const { name, bytes } of SIZES) {
      if (!bench.wants(name)) continue;
      const records = counts[name];
      const runs = await measureBrokers(brokers, dose, (broker) => produce(broker, `produced-${bytes}`, bytes, records));
      emitBoth(bench, name, 'records/s', runs);
      emitCosts(bench, name, records, runs);
    }
    emitPeaks(bench, brokers);
  });
}

function produce(broker: Broker, topic: string, bytes: number, records: number): Promise<Sample> {
  return withTopic(broker, topic, PARTITIONS, async () => {
    const said = await producePerf(broker.port, topic, bytes, records);
    const check = expectCheck(`${await countStored(broker, topic, PARTITIONS)}`, `${records}`, `${broker.name}, ${topic}`);
    return { value: said, check };
  });
}

/** Records a second, as the tool tells. */
export async function producePerf(port: number, topic: string, bytes: number, records: number): Promise<number> {
  const said = await runTool('org.apache.kafka.tools.ProducerPerformance', [
    ...['--topic', topic, '--num-records', `${records}`, '--record-size', `${bytes}`, '--throughput', '-1', '--producer-props'],
    ...[`bootstrap.servers=127.0.0.1:${port}`, 'acks=all', 'batch.size=131072', 'linger.ms=5'],
  ]);
  const rate = /^(\d+) records sent, ([\d.]+) records\/sec/.exec(said.trim().split('\n').at(-1) ?? '');
  if (rate === null || Number(rate[1]) !== records) throw new Error(`the tool said ${said.slice(-300)}`);
  return Number(rate[2]);
}

interface Started extends Sample {
  rssMb: number;
}

const started = (broker: Broker): Started[] => [{ value: broker.readyMs, rssMb: memoryOf(broker).rssMb, check: 'ApiVersions' }];

async function measureStarts(bench: Bench): Promise<void> {
  const program = programOf(bench);
  const starts = [() => startSpillway(bench, program), () => startKafka(bench)];
  const samples: Started[][] = [[], []];
  for (let i = 0; i < bench.pick(1, 3, 5); i++) {
    for (const [side, start] of starts.entries()) {
      const broker = await start();
      await new Promise((resume) => setTimeout(resume, bench.pick(0, 2000, 5000)));
      samples[side].push(...started(broker));
      await broker.stop();
    }
  }
  program.drop();
  emitStarts(bench, samples);
}

function emitStarts(bench: Bench, samples: readonly Started[][]): void {
  const sides = samples.map((of) => ({ name: '', samples: of, value: median(of.map(({ value }) => value)), check: of[0].check }));
  emitBoth(bench, 'ready after the start of the process', 'ms', sides);
  emitBoth(
    bench,
    'RSS of an idle broker',
    'MB',
    derived(sides, ({ rssMb }) => rssMb),
  );
}
