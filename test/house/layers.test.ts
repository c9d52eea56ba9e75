/** The layer law: who may import whom, as a table. A row names the rooms a room may look into; a file name opens one door only. */
import { describe, expect, test } from 'vitest';
import { readSource, readSources, type Source } from './sources.ts';

// What actors say to each other, and the words that it is said in.
const protocols = [
  'partition/protocol.ts',
  'coordinator/protocol.ts',
  'coordinator/groups/protocol.ts',
  'coordinator/names.ts',
  'log/config.ts',
];

const mayImport: Record<string, string[]> = {
  base: [],
  world: ['base'],
  record: ['base', 'world'],
  log: ['base', 'world', 'record'],
  partition: ['base', 'world', 'record', 'log'],
  // Who gets which partition: pure, on either side of the ports.
  assign: ['base'],
  coordinator: ['base', 'world', 'assign', 'partition/protocol.ts', 'log/config.ts'],
  dispatch: ['base', 'world', 'record', ...protocols],
  client: ['base', 'world', 'record', 'assign', 'dispatch', ...protocols],
  kafka: ['base', 'world', 'record', 'assign', 'dispatch', ...protocols],
  watch: ['base', 'world', 'dispatch', ...protocols],
  bus: ['*'],
  cli: ['*'],
  demo: ['*'],
  workers: ['base', 'world', 'record', 'log', 'partition', 'coordinator', 'kafka', 'dispatch', 'client/run/in-thread.ts'],
};

/** 'src/log/tail.ts' → 'log', 'src/bus.ts' → 'bus', 'workers/listener.ts' → 'workers'. */
function roomOf(path: string): string {
  const parts = path.split('/');
  return parts[0] === 'src' ? parts[1].replace(/\.ts$/, '') : parts[0];
}

function breaches(source: Source): string[] {
  const room = roomOf(source.path);
  // Files right in src/ put the rooms together.
  const allowed = /^src\/[^/]+\.ts$/.test(source.path) ? ['*'] : mayImport[room];
  if (allowed === undefined) return [`${source.path}: the room "${room}" has no row in the table`];
  return source.files
    .filter((target) => {
      if (roomOf(target) === 'workers') return true;
      if (roomOf(target) === room || allowed.includes('*')) return false;
      return !allowed.includes(roomOf(target)) && !allowed.includes(target.replace(/^src\//, ''));
    })
    .map((target) => `${source.path} may not import ${target}`);
}

const sources = [...readSources('src/**/*.ts'), ...readSources('workers/**/*.ts')];

describe('the layer law', () => {
  test('every import is allowed by the table', () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.flatMap(breaches)).toEqual([]);
  });

  test('finds a breach', () => {
    const from = (path: string, text: string) => breaches(readSource(path, text));
    expect(from('src/base/a.ts', `import { x } from '../world/disk.ts';`)).toEqual(['src/base/a.ts may not import src/world/disk.ts']);
    expect(from('src/client/a.ts', `export {\n  x,\n} from '../partition/host.ts';`)).toHaveLength(1);
    expect(from('src/client/a.ts', `import type { x } from '../partition/protocol.ts';`)).toEqual([]);
    expect(from('src/bus.ts', `const host = await import('../workers/partition-host.ts');`)).toHaveLength(1);
    expect(from('src/log/a.ts', `// import { x } from '../client/a.ts';`)).toEqual([]);
    expect(from('src/elsewhere/a.ts', '')).toHaveLength(1);
  });
});
