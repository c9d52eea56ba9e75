/** The package as users get it: what `npm run build` makes of the sources, in a folder of its own. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** Builds it. The folder lies within the repository, so that the built files find the packages that they import. */
export function buildPackage(): { dist: string; drop(): void } {
  const folder = join(root, '.spillway', `built-${process.pid}`);
  const dist = join(folder, 'dist');
  mkdirSync(dist, { recursive: true });
  call(folder, ['typescript', 'bin', 'tsc'], ['-p', join(root, 'tsconfig.build.json'), '--outDir', dist]);
  call(folder, ['rolldown', 'bin', 'cli.mjs'], ['-c', join(root, 'rolldown.config.js'), '--log-level', 'warn']);
  return { dist, drop: () => rmSync(folder, { recursive: true, force: true }) };
}

function call(folder: string, program: readonly string[], argv: readonly string[]): void {
  const path = join(root, 'node_modules', ...program);
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...argv], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the sources cannot be built:\n${stdout}${stderr}`);
}
