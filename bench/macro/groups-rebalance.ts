/**
 * A group of 100 members that owns 1,000 partitions: how long until every partition is somebody's again, evenly, in the members' own eyes,
 * when all join at once, when one more joins, and when it leaves. All members on this thread, with the intervals that a consumer has unless told otherwise.
 */
import { type Bus, type Consumer, serdes } from '../../src/index.ts';
import { makeTopic, withBus } from '../bus.ts';
import { type Bench, median, rounded } from '../harness.ts';
import { allHave, until } from './groups-settled.ts';

const TOPIC = 'many';

interface Times {
  joinedMs: number[];
  grownMs: number[];
  shrunkMs: number[];
}

export async function measureRebalance(bench: Bench): Promise<void> {
  const members = bench.pick(10, 100, 100);
  const partitions = bench.pick(100, 1000, 1000);
  for (const groupProtocol of ['consumer', 'classic'] as const) {
    const name = `${members} members over ${partitions.toLocaleString('en')} partitions, ${groupProtocol} protocol`;
    if (!bench.wants(name)) continue;
    const times: Times = { joinedMs: [], grownMs: [], shrunkMs: [] };
    const rounds = bench.pick(1, 3, 7);
    await withBus({}, async (bus) => {
      await makeTopic(bus, TOPIC, 'memory', { partitions });
      // The first round compiles the code.
      for (let round = -1; round < rounds; round++) {
        const one = await live(bus, { groupProtocol, groupId: `round ${round}`, members, partitions });
        if (round < 0) continue;
        times.joinedMs.push(one.joinedMs);
        times.grownMs.push(one.grownMs);
        times.shrunkMs.push(one.shrunkMs);
      }
    });
    const check = `${rounds} times all of ${partitions}`;
    const emit = (what: string, ms: number[]) => {
      bench.emit({ case: `${name}, ${what}, median`, value: rounded(median(ms)), unit: 'ms', check });
      bench.emit({ case: `${name}, ${what}, worst of ${rounds}`, value: rounded(Math.max(...ms)), unit: 'ms', check });
    };
    emit('all join', times.joinedMs);
    emit('one more joins', times.grownMs);
    emit('it leaves', times.shrunkMs);
  }
}

async function live(
  bus: Bus,
  {
    groupProtocol,
    groupId,
    members,
    partitions,
  }: { groupProtocol: 'consumer' | 'classic'; groupId: string; members: number; partitions: number },
): Promise<{ joinedMs: number; grownMs: number; shrunkMs: number }> {
  const ended: Promise<void>[] = [];
  const join = (): Consumer<Uint8Array, Uint8Array> => {
    const consumer = bus.consumer({
      key: serdes.raw,
      value: serdes.raw,
      groupProtocol,
      groupId,
      topics: TOPIC,
      autoOffsetReset: 'earliest',
    });
    ended.push(read(consumer));
    return consumer;
  };
  let startMs = performance.now();
  const group = Array.from({ length: members }, join);
  const settled = async (): Promise<number> => {
    await until(() => allHave(group, partitions));
    return performance.now() - startMs;
  };
  const joinedMs = await settled();
  startMs = performance.now();
  group.push(join());
  const grownMs = await settled();
  startMs = performance.now();
  const closed = group.pop()?.close();
  const shrunkMs = await settled();
  await closed;
  await Promise.all(group.map((consumer) => consumer.close()));
  await Promise.all(ended);
  return { joinedMs, grownMs, shrunkMs };
}

async function read(consumer: Consumer<Uint8Array, Uint8Array>): Promise<void> {
  for await (const { firstOffset } of consumer.batches())
    throw new Error(`nothing was sent, and a batch came that begins at ${firstOffset}`);
}
