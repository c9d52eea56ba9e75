/**
 * A broker with thousands of open connections: how fast a storm of them is served, what each takes while it idles, and how near 172,000
 * records a second in and 950,000 out are meanwhile, with 367 topics and 40 groups, each on connections of its own. Spillway runs in a
 * process that embeds the bus and listens, whose own thread's event loop is watched; Apache Kafka beside it, in turns.
 */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { limits } from '../../src/base/limits.ts';
import { type Broker, cpuSecondsOf, KAFKA, memoryOf, SPILLWAY, startKafka, toolsSkipReason } from '../brokers.ts';
import { buildPackage } from '../build.ts';
import { type Bench, expectCheck, median, rounded } from '../harness.ts';
import { runScenario, startScenario } from '../scenario.ts';
import type { BusSetup, LoopDelay } from './connections-bus.ts';
import type { Flowed, FlowSetup } from './connections-flow.ts';
import type { Stormed, StormSetup } from './connections-storm.ts';

const root = resolve(import.meta.dirname, '..', '..');
interface Side extends Pick<Broker, 'name' | 'pid' | 'port'> {
  /** How late its own thread's event loop was since this was asked last; null where there is none. */
  loopDelay(): Promise<LoopDelay | null>;
  stop(): Promise<void>;
}

/** Figures of one run, by what they are of, with their units. */
type Figures = Record<string, { value: number; unit: string; check: string }>;

export async function main(bench: Bench): Promise<void> {
  const connections = bench.pick(200, 10_000, 10_000);
  const flow: Omit<FlowSetup, 'port'> = {
    topics: bench.pick(10, 367, 367),
    groups: bench.pick(4, 40, 40),
    producers: bench.pick(2, 20, 20),
    recordsPerSecond: bench.pick(2_000, 172_000, 172_000),
    readersPerTopic: bench.pick(2.5, 950 / 172, 950 / 172),
    seconds: bench.pick(1, 10, 30),
    everyMs: 100,
  };
  const built = bench.dose === 'smoke' ? null : buildPackage();
  const module = pathToFileURL(built === null ? join(root, 'src', 'index.ts') : join(built.dist, 'src', 'index.js')).href;
  const noKafka = bench.dose === 'smoke' ? 'the smallest dose' : toolsSkipReason;
  if (noKafka !== null) bench.note(`without Apache Kafka: ${noKafka}`);
  const starts = [() => startBus(bench, module), ...(noKafka === null ? [() => kafkaSide(bench)] : [])];
  const figures: Figures[][] = starts.map(() => []);
  for (let round = 0; round < bench.pick(1, 1, 3); round++)
    for (const [i, start] of starts.entries()) figures[i].push(await measure(start, connections, flow));
  built?.drop();
  const names = Object.keys(figures[0][0]);
  const value = (side: number, name: string): number => median(figures[side].map((of) => of[name].value));
  for (const name of names) {
    const { unit, check } = figures[0][0][name];
    const hasKafka = figures.length > 1 && figures[1][0][name] !== undefined;
    const ratio = hasKafka
      ? { ratio: rounded(median(figures[0].map((of, i) => of[name].value / figures[1][i][name].value))), of: KAFKA }
      : {};
    bench.emit({ case: name, value: rounded(value(0, name)), unit, ...ratio, check });
    if (hasKafka) bench.emit({ case: name, peer: KAFKA, value: rounded(value(1, name)), unit, check: figures[1][0][name].check });
  }
}

async function measure(start: () => Promise<Side>, connections: number, flow: Omit<FlowSetup, 'port'>): Promise<Figures> {
  const side = await start();
  try {
    const { port } = side;
    await settled();
    const idleMb = memoryOf(side).rssMb;
    const storm = startScenario(new URL('./connections-storm.ts', import.meta.url), { port, connections } satisfies StormSetup);
    const stormed = await storm.heard<Stormed>();
    expectCheck(stormed.check, `${connections} answered`, side.name);
    await settled();
    const heldMb = memoryOf(side).rssMb;
    await side.loopDelay();
    const before = cpuSecondsOf(side);
    const flowed = await runScenario<Flowed>(new URL('./connections-flow.ts', import.meta.url), { port, ...flow } satisfies FlowSetup);
    const cpuSeconds = cpuSecondsOf(side) - before;
    const loop = await side.loopDelay();
    const { rssMb } = memoryOf(side);
    const ended = storm.heard<Stormed>();
    const over = storm.end();
    const { check: held } = await ended;
    await over;
    expectCheck(held, `${connections} held`, side.name);
    const { check } = flowed;
    const name = connections.toLocaleString('en-US');
    const out = flowed.takenRate / 1e6;
    return {
      [`a storm of ${name} connections, each answered`]: { value: stormed.seconds, unit: 's', check: stormed.check },
      'RSS of an idle connection': { value: Math.max(1, (heldMb - idleMb) * 1024) / connections, unit: 'KiB', check: held },
      [`in, ${flow.topics} topics`]: { value: flowed.sentRate, unit: 'records/s', check },
      [`out, ${flow.groups} groups`]: { value: flowed.takenRate, unit: 'records/s', check },
      'share of what is to go out': { value: flowed.takenRate / flowed.wantedOut, unit: 'of 1', check },
      'delay p50': { value: flowed.delayP50Ms, unit: 'ms', check },
      'delay p99': { value: flowed.delayP99Ms, unit: 'ms', check },
      'CPU of the broker per million records out': { value: cpuSeconds / (out * flow.seconds), unit: 's', check },
      'RSS of the broker': { value: rssMb, unit: 'MB', check: 'VmRSS' },
      ...(loop === null
        ? {}
        : {
            "event loop delay of the embedding program's thread, p99": { value: loop.p99Ms, unit: 'ms', check: `${loop.count} looks` },
            "event loop delay of the embedding program's thread, worst": { value: loop.maxMs, unit: 'ms', check: `${loop.count} looks` },
          }),
    };
  } finally {
    await side.stop();
  }
}

async function startBus(bench: Bench, module: string): Promise<Side> {
  const folder = bench.makeFolder();
  const scenario = startScenario(new URL('./connections-bus.ts', import.meta.url), {
    module,
    folder,
    memoryBytesMax: limits.brokerMemoryBytesDefault,
  } satisfies BusSetup);
  const { port } = await scenario.heard<{ port: number }>();
  const loopDelay = (): Promise<LoopDelay> => {
    scenario.say();
    return scenario.heard<LoopDelay>();
  };
  const stop = async (): Promise<void> => {
    await scenario.end();
    bench.drop(folder);
  };
  return { name: SPILLWAY, pid: scenario.pid, port, loopDelay, stop };
}

async function kafkaSide(bench: Bench): Promise<Side> {
  const { name, pid, port, stop } = await startKafka(bench);
  return { name, pid, port, loopDelay: () => Promise.resolve(null), stop };
}

const settled = (): Promise<void> => new Promise((resume) => setTimeout(resume, 1000));
