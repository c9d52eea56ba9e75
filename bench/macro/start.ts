/**
 * How long Bus.open() takes in a process that has opened one before (modules are loaded on the main thread; the bus's own threads load
 * theirs at every open): without a folder, and with 100 clean partitions. From the sources as they lie, and from what
 * `npm run build` makes of them, compiled and each thread's modules put into one file, which is what users of the package get.
 */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildPackage } from '../build.ts';
import { type Bench, median, rounded } from '../harness.ts';
import { runScenario } from '../scenario.ts';
import type { Opened, OpenSetup } from './start-open.ts';

const root = resolve(import.meta.dirname, '..', '..');

export async function main(bench: Bench): Promise<void> {
  const times = bench.pick(2, 10, 30);
  const partitions = bench.pick(4, 100, 100);
  const built = buildPackage();
  const sides = [
    { name: 'sources', module: pathToFileURL(join(root, 'src', 'index.ts')).href },
    { name: 'built', module: pathToFileURL(join(built.dist, 'src', 'index.js')).href },
  ];
  for (const [i, { name, module }] of sides.entries()) {
    // The smallest dose does one of each.
    const does = (what: string, side: number): boolean => bench.wants(`${name}, ${what}`) && bench.pick(i === side, true, true);
    if (does('no folder', 0)) await measure(bench, `${name}, no folder`, { module, folder: '', partitions: 0, times });
    if (!does(`${partitions} clean partitions`, 1)) continue;
    const folder = bench.makeFolder();
    await measure(bench, `${name}, ${partitions} clean partitions`, { module, folder, partitions, times });
    bench.drop(folder);
  }
  built.drop();
}

async function measure(bench: Bench, name: string, setup: OpenSetup): Promise<void> {
  const { firstMs, openMs, check } = await runScenario<Opened>(new URL('./start-open.ts', import.meta.url), setup);
  bench.emit({ case: `${name}, median`, value: rounded(median(openMs)), unit: 'ms', check });
  bench.emit({ case: `${name}, worst of ${openMs.length}`, value: rounded(Math.max(...openMs)), unit: 'ms', check });
  bench.emit({ case: `${name}, first in the process, without imports`, value: rounded(firstMs), unit: 'ms', check });
}
