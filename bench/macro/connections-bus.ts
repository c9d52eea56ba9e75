/** A process that embeds the bus and listens: tells its port, then at each line of its input how late its own thread's event loop was since. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setupOf, tell } from '../scenario.ts';

export interface BusSetup {
  /** The package's entry. */
  module: string;
  folder: string;
  memoryBytesMax: number;
}

export interface LoopDelay {
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  count: number;
}

const { module, folder, memoryBytesMax } = setupOf<BusSetup>();
const { Bus } = (await import(module)) as typeof import('../../src/index.ts');
const bus = await Bus.open({ dir: folder, memoryBytesMax, configs: { 'log.durability': 'written' }, logLevel: 'error' });
const { port } = await bus.listen({ port: 0 });
// It wakes every so often, and notes how much later than that it woke.
const RESOLUTION_MS = 1;
const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
monitor.enable();
tell({ port });
for await (const _line of createInterface({ input: process.stdin })) {
  const late = (ns: number): number => Math.max(0, ns / 1e6 - RESOLUTION_MS);
  tell({ p50Ms: late(monitor.percentile(50)), p99Ms: late(monitor.percentile(99)), maxMs: late(monitor.max), count: monitor.count });
  monitor.reset();
}
await bus.close();
