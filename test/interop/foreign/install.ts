/**
 * Fetches foreign clients by the ordinary ways of their languages, once, into test/.cache, which is not committed. What decides about
 * the result (sources, versions) is in the folder's name, so a change of it makes a folder anew.
 */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { lock } from '../java.ts';

const run = promisify(execFile);
const cacheFolder = join(import.meta.dirname, '..', '..', '.cache');
const goFolder = join(import.meta.dirname, 'go');
const requirements = join(import.meta.dirname, 'python', 'requirements.txt');

/** Why a client of that language cannot be had here, or null. Null in CI: there the tests fail rather than skip. */
export const noGo = reasonOf(!has('go', 'version') && 'this machine has no go');
export const noPython = reasonOf(!has('python3', '-m', 'pip', '--version') && 'this machine has no python3 with pip');
export const noKcat = reasonOf(
  !has('kcat', '-V') && !(has('apt-get', '--version') && has('dpkg', '--version')) && 'this machine has neither kcat nor apt-get',
);

function reasonOf(reason: string | false): string | null {
  return process.env.CI || reason === false ? null : reason;
}

function has(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** The program of the Go clients. The first time it takes a minute to compile. */
export async function goWitness(): Promise<string> {
  const sources = readdirSync(goFolder).sort();
  const folder = await onceIn('go', hashOf(sources.map((name) => readFileSync(join(goFolder, name)))), async (temporary) => {
    await run('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', join(temporary, 'witness'), '.'], { cwd: goFolder });
  });
  return join(folder, 'witness');
}

/** The folder of the Python packages, for PYTHONPATH. */
export async function pythonPackages(): Promise<string> {
  const { stdout } = await run('python3', ['-c', 'import sys; print(sys.implementation.cache_tag)']);
  return await onceIn('python', hashOf([readFileSync(requirements), stdout]), async (temporary) => {
    const args = ['--quiet', '--disable-pip-version-check', '--no-compile', '--only-binary', ':all:', '--target', temporary];
    await run('python3', ['-m', 'pip', 'install', ...args, '--requirement', requirements]);
  });
}

export interface Kcat {
  command: string;
  environment: Record<string, string>;
}

/** The machine's own kcat, or Debian's packages taken apart, which needs no root. */
export async function kcat(): Promise<Kcat> {
  if (has('kcat', '-V')) return { command: 'kcat', environment: {} };
  const folder = await onceIn('kcat', hashOf(['kcat librdkafka1 libyajl2']), async (temporary) => {
    // Lists of packages of our own: those of the machine may be missing, and are root's.
    const lists = ['lists/partial', 'cache/archives/partial'].map((name) => join(temporary, name));
    for (const path of lists) mkdirSync(path, { recursive: true });
    const own = ['-o', `Dir::State::Lists=${join(temporary, 'lists')}`, '-o', `Dir::Cache=${join(temporary, 'cache')}`];
    await run('apt-get', ['-qq', ...own, 'update']);
    await run('apt-get', ['-qq', ...own, 'download', 'kcat', 'librdkafka1', 'libyajl2'], { cwd: temporary });
    for (const name of readdirSync(temporary).filter((name) => name.endsWith('.deb'))) {
      await run('dpkg', ['-x', name, 'root'], { cwd: temporary });
      rmSync(join(temporary, name));
    }
    for (const name of ['lists', 'cache']) rmSync(join(temporary, name), { recursive: true });
  });
  const libraries = join(folder, 'root', 'usr', 'lib');
  const paths = readdirSync(libraries).map((name) => join(libraries, name));
  return { command: join(folder, 'root', 'usr', 'bin', 'kcat'), environment: { LD_LIBRARY_PATH: paths.join(':') } };
}

function hashOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 12);
}

/** Fills a folder of that name; older ones go. Several test processes may come here at once: one fetches, the rest wait. */
async function onceIn(name: string, hash: string, fill: (temporary: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder, `foreign-${name}-${hash}`);
  mkdirSync(cacheFolder, { recursive: true });
  while (!existsSync(folder)) {
    if (!lock(`${folder}.lock`)) {
      await setTimeout(200);
      continue;
    }
    const temporary = mkdtempSync(join(cacheFolder, 'fetching-'));
    try {
      if (existsSync(folder)) break;
      await fill(temporary);
      // Whole or absent.
      renameSync(temporary, folder);
      removeOthers(name, folder);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
      rmSync(`${folder}.lock`, { force: true });
    }
  }
  return folder;
}

function removeOthers(name: string, folder: string): void {
  for (const other of readdirSync(cacheFolder)) {
    const path = join(cacheFolder, other);
    if (other.startsWith(`foreign-${name}-`) && !path.startsWith(folder)) rmSync(path, { recursive: true, force: true });
  }
}
