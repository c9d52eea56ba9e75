/**
 * Resident memory while gigabytes flow through a bus with memoryBytesMax of 256 MB: the peak of a process of its own that also holds the
 * producer and the consumer, against memoryBytesMax + 120 MB. Without a consumer, with one that is slow, and with one that
 * stands still; on a `written` topic, and on a `memory` topic that must spill.
 */
import { GiB, MiB } from '../../src/base/bytes.ts';
import { type Bench, rounded } from '../harness.ts';
import { runScenario } from '../scenario.ts';
import type { Flow, Flowed } from './memory-flow.ts';

const MEMORY_BYTES_MAX = 256 * MiB;
const ALLOWED_BYTES = MEMORY_BYTES_MAX + 120_000_000;

export async function main(bench: Bench): Promise<void> {
  const bytes = bench.pick(8 * MiB, 2 * GiB, 20 * GiB);
  const flows: readonly Pick<Flow, 'durability' | 'consumer'>[] = [
    { durability: 'written', consumer: 'none' },
    { durability: 'written', consumer: 'slow' },
    { durability: 'written', consumer: 'standing still' },
    { durability: 'memory', consumer: 'slow' },
    { durability: 'memory', consumer: 'standing still' },
  ];
  for (const { durability, consumer } of bench.pick([flows[0], flows[1], flows[4]], flows, flows)) {
    const name = `${durability}, ${Math.round(bytes / MiB)} MiB, consumer ${consumer}`;
    if (!bench.wants(name)) continue;
    const folder = bench.makeFolder();
    const flow: Flow = { folder, durability, consumer, bytes, memoryBytesMax: MEMORY_BYTES_MAX };
    const flowed = await runScenario<Flowed>(new URL('./memory-flow.ts', import.meta.url), flow);
    bench.drop(folder);
    bench.emit({
      case: `${name}, peak RSS`,
      value: rounded(flowed.peakBytes / 1e6),
      unit: 'MB',
      ratio: rounded(flowed.peakBytes / ALLOWED_BYTES),
      of: 'memoryBytesMax + 120 MB',
      check: flowed.check,
    });
    bench.emit({ case: `${name}, rate`, value: rounded(flowed.bytesPerSecond / 1e6), unit: 'MB/s', check: flowed.check });
  }
}
