/**
 * Java for the peers that need it: jars from Maven Central, the sources beside this file compiled on the fly. Both are kept in
 * test/.cache, which is not committed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { endWithUs } from '../offspring.ts';
import type { Outcome, PeerSetup } from './work.ts';

const cacheFolder = join(import.meta.dirname, '..', '..', 'test', '.cache');
const sourceFolder = join(import.meta.dirname, 'java');

/** The class path of an artifact (`group:artifact:version`) with all it needs. */
export function jarsOf(coordinates: string): string {
  const [group, artifact, version] = coordinates.split(':');
  const folder = join(cacheFolder, `${artifact}-${version}`);
  if (!existsSync(folder)) {
    buildOnce(folder, (temporary) => {
      const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>bench</groupId>
<artifactId>peer</artifactId><version>1</version><dependencies><dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>
<version>${version}</version></dependency></dependencies></project>`;
      writeFileSync(join(temporary, 'pom.xml'), pom);
      run('mvn', [
        '-q',
        '-B',
        '-f',
        join(temporary, 'pom.xml'),
        'dependency:copy-dependencies',
        `-DoutputDirectory=${temporary}`,
        '-DincludeScope=runtime',
      ]);
    });
  }
  return join(folder, '*');
}

/** The class path of these sources, compiled against `classpath`. */
export function compile(sources: readonly string[], classpath: string): string {
  const files = sources.map((name) => join(sourceFolder, `${name}.java`));
  const hash = createHash('sha256').update(classpath);
  for (const file of files) hash.update(readFileSync(file));
  const folder = join(cacheFolder, `bench-${sources[0]}-${hash.digest('hex').slice(0, 12)}`);
  if (!existsSync(folder)) {
    buildOnce(folder, (temporary) => run('javac', ['-encoding', 'UTF-8', '-cp', classpath, '-d', temporary, ...files]));
    for (const name of readdirSync(cacheFolder)) {
      if (name.startsWith(`bench-${sources[0]}-`) && join(cacheFolder, name) !== folder)
        rmSync(join(cacheFolder, name), { recursive: true, force: true });
    }
  }
  return folder;
}

export interface JavaPeer {
  main: string;
  classpath: readonly string[];
  flags?: readonly string[];
  /** Sent to the program as name=value, with the counts. */
  options: Record<string, string>;
}

/** Runs a peer's program and tells its outcomes; resolves with its peak of resident memory in MB. */
export async function runJavaPeer(setup: PeerSetup, { main, classpath, flags = [], options }: JavaPeer): Promise<number> {
  const args = Object.entries({ ...setup.counts, only: setup.only, ...options }).map(([name, value]) => `${name}=${value}`);
  const child = spawn(
    'java',
    ['-Xmx1g', '-Dfile.encoding=UTF-8', '-Dstdout.encoding=UTF-8', ...flags, '-cp', classpath.join(delimiter), main, ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  endWithUs(child);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-10_000);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let peakMb = 0;
  for await (const text of createInterface({ input: child.stdout })) {
    if (!text.startsWith('{')) continue;
    peakMb = Math.max(peakMb, peakMbOf(child));
    setup.tell(JSON.parse(text) as Outcome);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${main} ended with ${code}:\n${said}`);
  return peakMb;
}

/** The peak of resident memory of a living process, in MB; 0 where the system does not tell. */
export function peakMbOf({ pid }: Pick<ChildProcess, 'pid'>): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Fills a temporary folder and renames it, so that `folder` is whole or absent, whoever else builds it at the same time. */
function buildOnce(folder: string, fill: (temporary: string) => void): void {
  mkdirSync(cacheFolder, { recursive: true });
  const temporary = mkdtempSync(join(cacheFolder, 'building-'));
  try {
    fill(temporary);
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}

function run(command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? ''}\n${stdout}${stderr}`);
}
