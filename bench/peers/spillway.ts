/** Spillway's own rows among the peers: 4 partitions, batches of 128 KiB as by default. The producer and the reader are two threads of the user's. */
import { GiB, MiB } from '../../src/base/bytes.ts';
import type { Bus } from '../../src/index.ts';
import { countStored, type Durability, makeTopic, pushAtPace, pushRecords, rawProducer, replay, startBusReader, withBus } from '../bus.ts';
import { keyOf, makeValue, writeNumber } from '../records.ts';
import { latencyRates, type Peer, type PeerSetup, tellRate, type Work, wants } from './work.ts';

/** 'written' with a folder, and 'synced' topics where that is the work; 'memory' without a folder. */
export function spillwayPeer(durability: 'written' | 'memory'): Peer {
  return {
    skipReason: () => null,
    async run(setup) {
      const { counts } = setup;
      const kept = durability === 'memory';
      const open = (work: (bus: Bus) => Promise<void>) =>
        // In memory alone everything must fit: half of it is for resident records.
        withBus(
          kept
            ? { memoryBytesMax: Math.min(4 * GiB, Math.max(64 * MiB, counts.records100 * 600, counts.records1k * 3_000)) }
            : { dir: setup.folder },
          work,
        );
      if (wants(setup, 'produce 100 B', 'replay 100 B', 'both 100 B', 'latency 1,000/s', 'latency 50,000/s')) {
        await open(async (bus) => {
          await warmUp(bus, durability, counts.records100 / 4);
          if (wants(setup, 'produce 100 B', 'replay 100 B')) await replayed(setup, bus, durability, '100 B', 100, counts.records100);
          if (wants(setup, 'both 100 B')) await both(setup, bus, durability, counts.records100);
          for (const work of ['latency 1,000/s', 'latency 50,000/s'] as const)
            if (wants(setup, work)) await latency(setup, bus, durability, work);
        });
      }
      if (wants(setup, 'produce 1 KiB', 'replay 1 KiB'))
        await open((bus) => replayed(setup, bus, durability, '1 KiB', 1024, counts.records1k));
      if (!kept && wants(setup, 'synced, batched', 'synced, one by one')) {
        await open(async (bus) => {
          if (wants(setup, 'synced, batched')) await syncedBatched(setup, bus, counts.syncedBatched);
          if (wants(setup, 'synced, one by one')) await syncedOneByOne(setup, bus, counts.syncedOneByOne);
        });
      }
      return 0;
    },
  };
}

async function warmUp(bus: Bus, durability: Durability, count: number): Promise<void> {
  await fill(bus, 'warm-up', durability, 100, count);
  await replay(bus, 'warm-up', count);
  await bus.admin().deleteTopics(['warm-up']);
}

async function fill(bus: Bus, topic: string, durability: Durability, valueBytes: number, count: number): Promise<void> {
  await makeTopic(bus, topic, durability);
  await push(bus, topic, valueBytes, count);
}

async function push(bus: Bus, topic: string, valueBytes: number, count: number): Promise<void> {
  const producer = rawProducer(bus);
  await pushRecords(producer, topic, valueBytes, count);
  await producer.flush();
  await producer.close();
}

async function replayed(
  setup: PeerSetup,
  bus: Bus,
  durability: Durability,
  size: '100 B' | '1 KiB',
  valueBytes: number,
  count: number,
): Promise<void> {
  const topic = `replayed-${valueBytes}`;
  await makeTopic(bus, topic, durability);
  await tellRate(setup, `produce ${size}`, count, async () => {
    await push(bus, topic, valueBytes, count);
    return countStored(bus, topic);
  });
  await tellRate(setup, `replay ${size}`, count, async () => (await replay(bus, topic, count)).check);
  await bus.admin().deleteTopics([topic]);
}

async function both(setup: PeerSetup, bus: Bus, durability: Durability, count: number): Promise<void> {
  await makeTopic(bus, 'both', durability);
  const reader = await startBusReader(bus, { topic: 'both', count, isTimed: false });
  await tellRate(setup, 'both 100 B', count, async () => {
    await push(bus, 'both', 100, count);
    return (await reader.result).check;
  });
  await reader.end();
  await bus.admin().deleteTopics(['both']);
}

async function syncedBatched(setup: PeerSetup, bus: Bus, count: number): Promise<void> {
  await fill(bus, 'warm-up', 'synced', 100, count / 10);
  await makeTopic(bus, 'batched', 'synced');
  await tellRate(setup, 'synced, batched', count, async () => {
    await push(bus, 'batched', 100, count);
    return countStored(bus, 'batched');
  });
}

async function syncedOneByOne(setup: PeerSetup, bus: Bus, count: number): Promise<void> {
  await makeTopic(bus, 'alone', 'synced');
  const producer = rawProducer(bus);
  const value = makeValue(100);
  const send = async (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      writeNumber(value, i);
      await producer.send('alone', { key: keyOf(i), value });
    }
  };
  const warmUps = Math.floor(count / 5);
  await send(0, warmUps);
  await tellRate(setup, 'synced, one by one', count, async () => {
    await send(warmUps, warmUps + count);
    return `${Number(await countStored(bus, 'alone')) - warmUps}`;
  });
  await producer.close();
}

async function latency(setup: PeerSetup, bus: Bus, durability: Durability, work: Work & keyof typeof latencyRates): Promise<void> {
  const recordsPerSecond = latencyRates[work];
  const count = (recordsPerSecond * setup.counts.latencyMs) / 1000;
  const topic = `latency-${recordsPerSecond}`;
  await makeTopic(bus, topic, durability);
  const reader = await startBusReader(bus, { topic, count, isTimed: true });
  const producer = rawProducer(bus);
  await pushAtPace(producer, topic, recordsPerSecond, count);
  const { check, delays } = await reader.result;
  await Promise.all([producer.close(), reader.end()]);
  if (delays === null) throw new Error('the reader was told to measure delays');
  setup.tell({ work, value: delays.p50Us, p99Us: delays.p99Us, p999Us: delays.p999Us, unit: 'µs', check });
  await bus.admin().deleteTopics([topic]);
}
