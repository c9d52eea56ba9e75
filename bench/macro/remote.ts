/**
 * Clients of one broker, side by side: ours, @platformatic/kafka and kafkajs, against Apache Kafka and against Spillway's listener. One
 * process, 4 partitions, values of 100 B, batches of 128 KiB, acks all, idempotent, not compressed. And Kafka's own kafka-producer-perf-test
 * beside them, which says what the broker takes.
 */
import { type BrokerKind, startBroker } from '../../test/interop/brokers.ts';
import { javaSkipReason } from '../../test/interop/java.ts';
import { makeRecords, VALUE_BYTES, type WireClient, type WireRecord } from '../clients/client.ts';
import { kafkajsTo } from '../clients/kafkajs.ts';
import { oursTo } from '../clients/ours.ts';
import { platformaticTo } from '../clients/platformatic.ts';
import { type Bench, expectCheck, type Measured, measureSides, median, ratioOf, rounded, type Sample, type Side } from '../harness.ts';
import { checkOf } from '../records.ts';
import { producePerf } from './wire-produce.ts';

/** Longer than a client of this process: its own JVM begins cold each time. */
const PERF_TIMES = 3;

const PERF = 'kafka-producer-perf-test';

const makers = { spillway: oursTo, '@platformatic/kafka': platformaticTo, kafkajs: kafkajsTo };

export async function main(bench: Bench): Promise<void> {
  for (const kind of ['kafka', 'spillway'] as const) {
    if (!bench.wants(`${kind}, produce`) && !bench.wants(`${kind}, consume`)) continue;
    // A JVM is no work for the smallest dose.
    const reason = kind === 'spillway' ? null : bench.dose === 'smoke' ? 'not in this dose' : javaSkipReason;
    if (reason === null) await against(bench, kind);
    else bench.note(`${kind}: ${reason}`);
  }
}

async function against(bench: Bench, kind: BrokerKind): Promise<void> {
  // 400,000 were a third of a second: what a new topic costs, and a broker that is cold, were half of it.
  const records = makeRecords(bench.pick(10_000, 1_000_000, 2_000_000));
  const broker = await startBroker(kind, {});
  try {
    const clients = await Promise.all(Object.entries(makers).map(async ([name, make]) => ({ name, client: await make(broker.bootstrap) })));
    const rounds = bench.pick(1, 3, 5);
    const warmups = bench.pick(0, 1, 2);
    const topicOf = (name: string, round: number): string => `${name.replace(/\W/g, '')}-${round + warmups}`;
    const [ours] = clients;
    const sides = clients.map(({ name, client }) => sideOf(name, (round) => produce(client, ours.client, topicOf(name, round), records)));
    // The smallest dose is no work for a JVM.
    if (bench.dose !== 'smoke' && javaSkipReason === null) {
      const count = records.length * PERF_TIMES;
      sides.push(sideOf(PERF, (round) => perf(ours.client, broker.bootstrap, topicOf(PERF, round), count)));
    }
    const produced = await measureSides(sides, rounds, warmups);
    emit(bench, `${kind}, produce`, records.length, produced);
    // Everybody reads what the same one has written.
    const consumed = await measureSides(
      clients.map(({ name, client }) => sideOf(name, (round) => consume(client, topicOf('spillway', round), records.length))),
      rounds,
      warmups,
    );
    emit(bench, `${kind}, consume`, records.length, consumed);
    for (const { client } of clients) await client.close();
  } finally {
    await broker.stop();
  }
}

function sideOf(name: string, run: Side<WireSample>['run']): Side<WireSample> {
  return { name, run };
}

interface WireSample extends Sample {
  /** Of this process: what the client itself costs, however busy the machine is. */
  cpuSeconds: number;
}

async function produce(client: WireClient, maker: WireClient, topic: string, records: readonly WireRecord[]): Promise<WireSample> {
  await maker.open(topic);
  if (client !== maker) await client.open(topic);
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await client.produce(topic, records);
  const seconds = (performance.now() - startMs) / 1000;
  const cpuSeconds = secondsOf(process.cpuUsage(cpu));
  const { check } = await maker.consume(topic, records.length);
  return { value: records.length / seconds, check: expectCheck(check, checkOf(records.length), topic), cpuSeconds };
}

/** Values alone: it sends no keys. */
async function perf(maker: WireClient, bootstrap: string, topic: string, count: number): Promise<WireSample> {
  await maker.open(topic);
  const value = await producePerf(Number(bootstrap.split(':')[1]), topic, VALUE_BYTES, count);
  return { value, check: `${count}`, cpuSeconds: Number.NaN };
}

async function consume(client: WireClient, topic: string, count: number): Promise<WireSample> {
  const cpu = process.cpuUsage();
  const { check, seconds, records } = await client.consume(topic, count);
  return { value: records / seconds, check: expectCheck(check, checkOf(count), topic), cpuSeconds: secondsOf(process.cpuUsage(cpu)) };
}

function emit(bench: Bench, name: string, count: number, sides: readonly Measured<WireSample>[]): void {
  const [ours] = sides;
  for (const side of sides) {
    const compared = side === ours ? {} : { ratio: rounded(ratioOf(side, ours)), of: ours.name };
    bench.emit({ case: name, peer: side.name, value: rounded(side.value), unit: 'records/s', check: side.check, ...compared });
  }
  const inside = sides.filter(({ name: peer }) => peer !== PERF);
  const cost = (side: Measured<WireSample>): number => median(side.samples.map(({ cpuSeconds }) => cpuSeconds)) / (count / 1e6);
  for (const side of inside) {
    const compared = side === ours ? {} : { ratio: rounded(cost(side) / cost(ours)), of: ours.name };
    bench.emit({
      case: `${name}, the client's CPU`,
      peer: side.name,
      value: rounded(cost(side)),
      unit: 's per million',
      check: side.check,
      ...compared,
    });
  }
}

function secondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6;
}
