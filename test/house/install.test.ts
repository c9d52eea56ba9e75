/** What `npm ci` on a stranger's machine needs of package.json and the lockfile. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { longest } from '../sequence.ts';
import { root } from './sources.ts';

interface Locked {
  resolved?: string;
  optionalDependencies?: Record<string, string>;
  hasInstallScript?: boolean;
}

const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
  allowScripts: Record<string, boolean>;
};
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> };

describe('installing', () => {
  test('the lockfile names no address, so any registry will do', () => {
    expect(Object.keys(lock.packages).filter((path) => lock.packages[path].resolved !== undefined)).toEqual([]);
  });

  test("the lockfile holds every platform's packages, not only those of the machine that wrote it", () => {
    const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {}).filter(
        (name) => lock.packages[`node_modules/${name}`] === undefined && lock.packages[`${path}/node_modules/${name}`] === undefined,
      ),
    );
    // Make the lockfile anew (npm install without node_modules and package-lock.json); if they are still missing, the registry has not
    // got them, and an earlier version of that package is the one to take.
    expect(missing).toEqual([]);
  });

  test('every package with an install script has a verdict in allowScripts', () => {
    const scripted = Object.keys(lock.packages).filter((path) => lock.packages[path].hasInstallScript);
    const unnamed = scripted.map((path) => path.replace(/^.*node_modules\//, '')).filter((name) => !(name in packageJson.allowScripts));
    // fsevents builds only on macOS and falls back without its script.
    expect(unnamed.filter((name) => name !== 'fsevents')).toEqual([]);
  });

  test('scripts point at files that exist', () => {
    const files = Object.values(packageJson.scripts).flatMap((script) => script.match(/[\w./-]+\.(?:ts|js)\b/g) ?? []);
    expect(files.filter((file) => !exists(file))).toEqual([]);
  });
});

test('the files of tests that are run first are there', () => {
  const files = globSync('test/**/*.test.ts', { cwd: root }).map((path) => `/${path.replaceAll('\\', '/')}`);
  expect(longest.filter((path) => !files.some((file) => file.includes(`/test/${path}`)))).toEqual([]);
});

function exists(file: string): boolean {
  try {
    readFileSync(join(root, file));
    return true;
  } catch {
    return false;
  }
}
