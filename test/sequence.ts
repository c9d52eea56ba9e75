/**
 * In which order files are run: those that last longest first, or one of them begins last and its worker goes on alone. vitest goes by the sizes
 * of files where it has not seen a run yet, as in a fresh clone.
 */
import type { TestSequencer, TestSpecification } from 'vitest/node';

/** Of all files those that take longest, the longest first. */
export const longest: readonly string[] = [
  'bench/benches',
  'cli/e2e',
  'interop/foreign/clients',
  'crash/crash',
  'bench/peers.',
  'docs/readme',
  'bench/wire',
  'sim/sim',
  'cli/run/run',
  'interop/java-client',
  'bus/closing',
  'interop/tools',
  'bench/peers-java',
  'bus/coordinator',
  'fuzz/records',
  'pack/pack',
  'interop/foreign/restarts',
  'interop/dump-log.',
  'interop/facts',
  'record/compression',
  'bus/remote',
  'bus/groups',
  'kafka/connections',
  'client/run/threads',
  'interop/dump-log-segments',
  'docs/migrating',
];

export class LongestFirst implements TestSequencer {
  async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => placeOf(a) - placeOf(b));
  }

  async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files;
  }
}

function placeOf({ moduleId }: TestSpecification): number {
  const place = longest.findIndex((path) => moduleId.replaceAll('\\', '/').includes(`/test/${path}`));
  return place === -1 ? longest.length : place;
}
