/** House rules that a machine can see. Each names what to use instead. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSource, readSources, root, type Source } from './sources.ts';

interface Ban {
  pattern: RegExp;
  instead: string;
}

/** Time, chance and files come through world/, so that the simulator can bring its own. */
const outsideWorld: Ban[] = [
  { pattern: /(?<![\w.#])(?:setTimeout|setInterval)\s*\(/, instead: 'clock.after (world/clock.ts)' },
  { pattern: /(?<![\w.#])setImmediate\s*\(/, instead: 'clock.soon (world/clock.ts)' },
  { pattern: /(?<![\w.#])queueMicrotask\s*\(/, instead: 'clock.next (world/clock.ts)' },
  { pattern: /\bDate\.now\b|\bnew Date\(\s*\)/, instead: 'clock.nowMs (world/clock.ts)' },
  { pattern: /\bperformance\.now\b|\bprocess\.hrtime\b/, instead: 'clock.monotonicMs (world/clock.ts)' },
  { pattern: /\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\brandomInt\b|\bgetRandomValues\b/, instead: 'Random (world/random.ts)' },
];
const outsideWorldPackages = ['node:fs', 'node:timers'];

const everywhere: Ban[] = [
  { pattern: /\benum\s+\w+\s*\{/, instead: 'a const object and a union: Node strips types, it does not compile' },
  { pattern: /\bEventEmitter\b/, instead: 'a callback, or diagnostics_channel at the public edge' },
];

const linesMax = 450;

function banned(source: Source): string[] {
  const bans = source.path.startsWith('src/world/') ? everywhere : [...everywhere, ...outsideWorld];
  const found = bans.filter(({ pattern }) => pattern.test(source.code)).map(({ instead }) => `${source.path}: use ${instead}`);
  if (source.path.startsWith('src/world/')) return found;
  const doors = source.packages.filter((name) => outsideWorldPackages.includes(name));
  return [...found, ...doors.map((name) => `${source.path}: ${name} is imported in src/world/ only`)];
}

const sources = [...readSources('src/**/*.ts'), ...readSources('workers/**/*.ts')];

describe('house rules', () => {
  test('time, chance and files come through world/', () => {
    expect(sources.flatMap(banned)).toEqual([]);
  });

  test('finds what it bans', () => {
    const of = (text: string) => banned(readSource('src/log/a.ts', text));
    expect(of('const now = Date.now();')).toEqual(['src/log/a.ts: use clock.nowMs (world/clock.ts)']);
    expect(of(`import { open } from 'node:fs/promises';`)).toHaveLength(1);
    expect(of('setTimeout(() => {}, 1);')).toHaveLength(1);
    expect(of('clock.setTimeout(() => {}, 1); // setTimeout(')).toEqual([]);
    expect(banned(readSource('src/world/a.ts', 'Date.now()'))).toEqual([]);
  });

  test('a file opens with a sentence that says what it is', () => {
    const silent = sources.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text)).map(({ path }) => path);
    expect(silent).toEqual([]);
  });

  test(`no file has more than ${linesMax} lines: a room that outgrows a few screens is two rooms`, () => {
    const long = sources.filter(({ text }) => text.split('\n').length > linesMax).map(({ path }) => path);
    expect(long).toEqual([]);
  });

  test('thread entry points hold no logic', () => {
    const long = readSources('workers/**/*.ts').filter(({ text }) => text.split('\n').length > 80);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  test('each dependency is imported in exactly one file', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
    const importers = new Map<string, string[]>();
    for (const { path, packages } of sources) {
      for (const name of new Set(packages.filter((name) => !name.startsWith('node:')))) {
        importers.set(name, [...(importers.get(name) ?? []), path]);
      }
    }
    expect([...importers].filter(([, paths]) => paths.length > 1)).toEqual([]);
    expect([...importers.keys()].sort()).toEqual(Object.keys(dependencies).sort());
  });
});
