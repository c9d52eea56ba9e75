/**
 * Full speed into a consumer that takes a tenth of it, into one that stands still until all is produced, and into one whose thread is
 * killed and that comes back after its session: the peak of memory of the whole process against memoryBytesMax + 120 MB, every record
 * there in its place, and how often the level of pressure changed. On a `written` topic, and on a `memory` topic that must spill.
 */
import { GiB, MiB } from '../../src/base/bytes.ts';
import { type Bench, rounded } from '../harness.ts';
import { runScenario } from '../scenario.ts';
import type { Pressed, PressureSetup } from './pressure-flow.ts';

const MEMORY_BYTES_MAX = 256 * MiB;
const ALLOWED_BYTES = MEMORY_BYTES_MAX + 120_000_000;

export async function main(bench: Bench): Promise<void> {
  const bytes = bench.pick(16 * MiB, GiB, 8 * GiB);
  const flows: readonly Pick<PressureSetup, 'durability' | 'consumer'>[] = [
    { durability: 'written', consumer: 'at a tenth' },
    { durability: 'written', consumer: 'at nothing' },
    { durability: 'written', consumer: 'that dies and comes back' },
    { durability: 'memory', consumer: 'at a tenth' },
    { durability: 'memory', consumer: 'at nothing' },
    { durability: 'memory', consumer: 'that dies and comes back' },
  ];
  for (const { durability, consumer } of bench.pick([flows[0], flows[2], flows[4]], flows, flows)) {
    const name = `${durability}, ${Math.round(bytes / MiB)} MiB, consumer ${consumer}`;
    if (!bench.wants(name)) continue;
    const folder = bench.makeFolder();
    const setup: PressureSetup = { folder, durability, consumer, bytes, memoryBytesMax: MEMORY_BYTES_MAX };
    const pressed = await runScenario<Pressed>(new URL('./pressure-flow.ts', import.meta.url), setup);
    bench.drop(folder);
    const { check } = pressed;
    bench.emit({
      case: `${name}, peak RSS`,
      value: rounded(pressed.peakBytes / 1e6),
      unit: 'MB',
      ratio: rounded(pressed.peakBytes / ALLOWED_BYTES),
      of: 'memoryBytesMax + 120 MB',
      check,
    });
    bench.emit({ case: `${name}, produced`, value: rounded(pressed.producedBytesPerSecond / 1e6), unit: 'MB/s', check });
    bench.emit({ case: `${name}, level changes`, value: pressed.changes, unit: 'changes', check: pressed.levels });
  }
}
