/**
 * What the benches of the wire share: both brokers, side by side on one machine, each work in turns on the one and the other, and the
 * lines that come out of it: what was reached, CPU seconds of the broker, memory.
 */
import { type Broker, cpuSecondsOf, KAFKA, memoryOf, type Program, programOf, startKafka, startSpillway } from './brokers.ts';
import { type Bench, type Measured, measureSides, median, ratioOf, rounded, type Sample } from './harness.ts';

export const PARTITIONS = 4;
export const SIZES = [
  { name: '100 B', bytes: 100 },
  { name: '1 KiB', bytes: 1024 },
] as const;

/** What one run cost the broker. */
export interface Cost {
  cpuSeconds: number;
  rssMb: number;
}

/** Starts Spillway and Kafka, has `work` use them, stops them. */
export async function withBrokers(
  bench: Bench,
  work: (brokers: readonly [Broker, Broker], program: Program) => Promise<void>,
): Promise<void> {
  const program = programOf(bench);
  const spillway = await startSpillway(bench, program);
  const kafka = await startKafka(bench);
  try {
    await work([spillway, kafka], program);
  } finally {
    await Promise.all([spillway.stop(), kafka.stop()]);
    program.drop();
  }
}

/** Does the work against both brokers, in turns. The figure that it gives comes with what it cost the broker. */
export async function measureBrokers<S extends Sample>(
  brokers: readonly Broker[],
  { rounds, warmups }: { rounds: number; warmups: number },
  work: (broker: Broker, round: number) => Promise<S>,
): Promise<Measured<S & Cost>[]> {
  const sides = brokers.map((broker) => ({
    name: broker.name,
    run: async (round: number): Promise<S & Cost> => {
      const before = cpuSecondsOf(broker);
      const sample = await work(broker, round);
      return { ...sample, cpuSeconds: cpuSecondsOf(broker) - before, rssMb: memoryOf(broker).rssMb };
    },
  }));
  return measureSides(sides, rounds, warmups);
}

/** One line for Spillway, with its ratio to Kafka's, and one for Kafka. */
export function emitBoth(bench: Bench, name: string, unit: string, [spillway, kafka]: readonly Measured[]): void {
  bench.emit({
    case: name,
    value: rounded(spillway.value),
    unit,
    ratio: rounded(ratioOf(spillway, kafka)),
    of: KAFKA,
    check: spillway.check,
  });
  bench.emit({ case: name, peer: KAFKA, value: rounded(kafka.value), unit, check: kafka.check });
}

/** What a run cost: CPU seconds of the broker per million records, and its resident memory when the run ended. */
export function emitCosts(bench: Bench, name: string, records: number, runs: readonly Measured<Sample & Cost>[]): void {
  emitBoth(
    bench,
    `${name}, CPU of the broker`,
    's per million records',
    derived(runs, ({ cpuSeconds }) => (cpuSeconds / records) * 1e6),
  );
  emitBoth(
    bench,
    `${name}, RSS of the broker`,
    'MB',
    derived(runs, ({ rssMb }) => rssMb),
  );
}

export function derived<S extends Sample>(runs: readonly Measured<S>[], figure: (run: S) => number): Measured[] {
  return runs.map(({ name, samples, check }) => {
    const values = samples.map((sample) => ({ value: figure(sample), check: sample.check }));
    return { name, samples: values, value: median(values.map(({ value }) => value)), check };
  });
}

/** The most that either broker took at any time. */
export function emitPeaks(bench: Bench, brokers: readonly Broker[]): void {
  const peaks = brokers.map((broker) => {
    const sample = { value: memoryOf(broker).peakMb, check: 'VmHWM' };
    return { name: broker.name, samples: [sample], ...sample };
  });
  emitBoth(bench, 'peak RSS of the broker', 'MB', peaks);
}
