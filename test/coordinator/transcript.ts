/**
 * Golden transcripts: a file of commands, each followed by everything that it printed. The test runs the commands of the file and
 * compares the whole; with SPILLWAY_UPDATE=1 it writes the file anew, to be read before it is committed.
 *
 *   # a remark
 *   > a command
 *   its output
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Makes one test of each file of a folder; `begin` gives a fresh interpreter of commands per file. */
export function testTranscripts(folder: string, begin: () => (command: string) => string): void {
  const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));
  test('there are transcripts', () => expect(names.length).toBeGreaterThan(0));
  for (const name of names) {
    test(name, () => {
      const path = join(folder, name);
      const recorded = readFileSync(path, 'utf8');
      const run = begin();
      const replayed = recorded
        .split('\n')
        .filter((line) => line.startsWith('#') || line.startsWith('> ') || line === '')
        .flatMap((line) => (line.startsWith('> ') ? [line, ...run(line.slice(2)).split('\n').filter(Boolean)] : [line]))
        .join('\n');
      if (process.env.SPILLWAY_UPDATE === '1') writeFileSync(path, replayed);
      else expect(replayed).toBe(recorded);
    });
  }
}
