/**
 * From the moment at which a record is due to be produced to the consumer's hands, at 1,000 and 50,000 records a second, whatever
 * became of the earlier ones (bench/pace.ts). "one thread": producer and consumer share the main thread. "two threads": the consumer
 * lives in a worker that sleeps between records. The partition host has a thread of its own in both.
 */
import type { Bus } from '../../src/index.ts';
import { serdes } from '../../src/index.ts';
import { type Durability, makeTopic, pushAtPace, rawProducer, startBusReader, withBus } from '../bus.ts';
import { postRoundTrips } from '../ceilings.ts';
import { type Bench, expectCheck, rounded } from '../harness.ts';
import type { Delays } from '../pace.ts';
import { takeTimed } from '../timed.ts';

export async function main(bench: Bench): Promise<void> {
  const folder = bench.makeFolder();
  const seconds = bench.pick(0.2, 4, 20);
  await withBus({ dir: folder }, async (bus) => {
    const round = await postRoundTrips(bench.pick(100, 5_000, 20_000));
    for (const durability of ['memory', 'written', 'synced'] as const) {
      for (const recordsPerSecond of [1_000, 50_000]) {
        for (const threads of ['one thread', 'two threads'] as const) {
          const name = `${durability}, ${recordsPerSecond.toLocaleString('en-US')}/s, ${threads}`;
          // In the smallest dose a second thread comes with the higher rate.
          const isTaken = bench.pick((recordsPerSecond === 1_000) === (threads === 'one thread'), true, true);
          if (!bench.wants(name) || !isTaken) continue;
          const count = Math.floor(recordsPerSecond * seconds);
          const topic = name.replaceAll(/[^a-z0-9]+/g, '-');
          await makeTopic(bus, topic, durability as Durability);
          const { delays, check } =
            threads === 'one thread'
              ? await onOneThread(bus, topic, recordsPerSecond, count)
              : await onTwo(bus, topic, recordsPerSecond, count);
          expectCheck(check, `${count}`, name);
          const emit = (what: string, value: number) =>
            bench.emit({
              case: `${name}, ${what}`,
              value: rounded(value),
              unit: 'µs',
              ratio: rounded(value / round.p50Us),
              of: 'postMessage round trip, p50',
              check,
            });
          emit('p50', delays.p50Us);
          emit('p99', delays.p99Us);
          emit('p99.9', delays.p999Us);
          await bus.admin().deleteTopics([topic]);
        }
      }
    }
    bench.emit({ case: 'postMessage round trip, p50', value: rounded(round.p50Us), unit: 'µs', check: round.check });
    bench.emit({ case: 'postMessage round trip, p99', value: rounded(round.p99Us), unit: 'µs', check: round.check });
  });
  bench.drop(folder);
}

interface Timed {
  delays: Delays;
  check: string;
}

async function onOneThread(bus: Bus, topic: string, recordsPerSecond: number, count: number): Promise<Timed> {
  const consumer = bus.consumer({ key: serdes.raw, value: serdes.raw, autoOffsetReset: 'earliest' });
  const producer = rawProducer(bus);
  await consumer.assign(topic);
  const taken = takeTimed(consumer, count);
  await pushAtPace(producer, topic, recordsPerSecond, count);
  const log = await taken;
  await Promise.all([producer.close(), consumer.close()]);
  return { delays: log.summary(), check: `${log.count}` };
}

async function onTwo(bus: Bus, topic: string, recordsPerSecond: number, count: number): Promise<Timed> {
  const reader = await startBusReader(bus, { topic, count, isTimed: true });
  const producer = rawProducer(bus);
  await pushAtPace(producer, topic, recordsPerSecond, count);
  const { check, delays } = await reader.result;
  await Promise.all([producer.close(), reader.end()]);
  if (delays === null) throw new Error('the reader was told to measure delays');
  return { delays, check };
}
