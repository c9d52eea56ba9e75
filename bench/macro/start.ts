/**
 * How long Bus.open() takes in a process that has opened one before (modules are loaded on the main thread; the bus's own threads load
 * theirs at every open): without a folder, and with 100 clean partitions. From the sources as they lie, and from what
 * `npm run build` makes of them, compiled and each thread's modules put into one file, which is what users of the package get.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Bench, median, rounded } from '../harness.ts';
import { runScenario } from '../scenario.ts';
import type { Opened, OpenSetup } from './start-open.ts';

const root = resolve(import.meta.dirname, '..', '..');

export async function main(bench: Bench): Promise<void> {
  const times = bench.pick(2, 10, 30);
  const partitions = bench.pick(4, 100, 100);
  // Within the repository, so that the built files find the packages that they import.
  const built = join(root, '.spillway', `built-${process.pid}`);
  const sides = [
    { name: 'sources', module: pathToFileURL(join(root, 'src', 'index.ts')).href },
    { name: 'built', module: pathToFileURL(build(built)).href },
  ];
  for (const { name, module } of sides) {
    if (bench.wants(`${name}, no folder`)) await measure(bench, `${name}, no folder`, { module, folder: '', partitions: 0, times });
    if (!bench.wants(`${name}, ${partitions} clean partitions`)) continue;
    const folder = bench.makeFolder();
    await measure(bench, `${name}, ${partitions} clean partitions`, { module, folder, partitions, times });
    bench.drop(folder);
  }
  rmSync(built, { recursive: true, force: true });
}

/** Builds into a dist within the folder, as `npm run build` does into the repository's, and gives the package's entry. */
function build(folder: string): string {
  const dist = join(folder, 'dist');
  mkdirSync(dist, { recursive: true });
  call(folder, ['typescript', 'bin', 'tsc'], ['-p', join(root, 'tsconfig.build.json'), '--outDir', dist]);
  call(folder, ['rolldown', 'bin', 'cli.mjs'], ['-c', join(root, 'rolldown.config.js'), '--log-level', 'warn']);
  return join(dist, 'src', 'index.js');
}

function call(folder: string, program: readonly string[], argv: readonly string[]): void {
  const path = join(root, 'node_modules', ...program);
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...argv], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the sources cannot be built:\n${stdout}${stderr}`);
}

async function measure(bench: Bench, name: string, setup: OpenSetup): Promise<void> {
  const { firstMs, openMs, check } = await runScenario<Opened>(new URL('./start-open.ts', import.meta.url), setup);
  bench.emit({ case: `${name}, median`, value: rounded(median(openMs)), unit: 'ms', check });
  bench.emit({ case: `${name}, worst of ${openMs.length}`, value: rounded(Math.max(...openMs)), unit: 'ms', check });
  bench.emit({ case: `${name}, first in the process, without imports`, value: rounded(firstMs), unit: 'ms', check });
}
