/**
 * 40 groups read all that one producer writes, at 25,000 records of 100 B a second: 1 million records a second go out. Whether that is
 * sustained (how late records come to the groups, to the end), and the peak of memory of the whole process against memoryBytesMax + 120 MB.
 */
import { MiB } from '../../src/base/bytes.ts';
import { type Bench, rounded } from '../harness.ts';
import { runScenario } from '../scenario.ts';
import type { Fanned, FanoutSetup } from './fanout-flow.ts';

const MEMORY_BYTES_MAX = 256 * MiB;
const ALLOWED_BYTES = MEMORY_BYTES_MAX + 120_000_000;
/**
 * Short-lived objects of the thread that holds all groups make V8 widen their space until it takes 130 MB, whatever the bus does; this
 * bounds it, as a program with a budget would.
 */
const YOUNG = '--max-semi-space-size=16';

export async function main(bench: Bench): Promise<void> {
  const groups = bench.pick(4, 40, 40);
  const recordsPerSecond = bench.pick(5_000, 25_000, 25_000);
  const seconds = bench.pick(1, 20, 45);
  const beforeBytes = bench.pick(MiB, 128 * MiB, 128 * MiB);
  const flows: readonly (Pick<FanoutSetup, 'durability'> & { flags: string })[] = [
    { durability: 'memory', flags: '' },
    { durability: 'memory', flags: YOUNG },
    { durability: 'written', flags: '' },
    { durability: 'written', flags: YOUNG },
  ];
  for (const { durability, flags } of bench.pick([flows[0], flows[3]], flows.slice(0, 2), flows)) {
    const how = flags === '' ? '' : `, node ${flags}`;
    const name = `${durability}, ${groups} groups, ${recordsPerSecond.toLocaleString('en')}/s for ${seconds} s${how}`;
    if (!bench.wants(name)) continue;
    const folder = bench.makeFolder();
    const setup: FanoutSetup = { folder, durability, groups, recordsPerSecond, seconds, memoryBytesMax: MEMORY_BYTES_MAX, beforeBytes };
    const { check, sentRate, takenRate, peakBytes, delays } = await runScenario<Fanned>(
      new URL('./fanout-flow.ts', import.meta.url),
      setup,
      { env: { NODE_OPTIONS: flags } },
    );
    bench.drop(folder);
    const asked = recordsPerSecond * groups;
    bench.emit({
      case: `${name}, in`,
      value: rounded(sentRate),
      unit: 'records/s',
      ratio: rounded(sentRate / recordsPerSecond),
      of: 'what was due',
      check,
    });
    bench.emit({
      case: `${name}, out`,
      value: rounded(takenRate),
      unit: 'records/s',
      ratio: rounded(takenRate / asked),
      of: 'what was due',
      check,
    });
    bench.emit({ case: `${name}, delay p50`, value: rounded(delays.p50Ms), unit: 'ms', check });
    bench.emit({ case: `${name}, delay p99`, value: rounded(delays.p99Ms), unit: 'ms', check });
    bench.emit({ case: `${name}, delay worst`, value: rounded(delays.maxMs), unit: 'ms', check });
    bench.emit({
      case: `${name}, peak RSS`,
      value: rounded(peakBytes / 1e6),
      unit: 'MB',
      ratio: rounded(peakBytes / ALLOWED_BYTES),
      of: 'memoryBytesMax + 120 MB',
      check,
    });
  }
}
