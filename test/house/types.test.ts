/** Types are promises too: *.test-d.ts files state them with expectTypeOf, and the compiler is the one who keeps them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './sources.ts';

function compile(project: string) {
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project], {
    encoding: 'utf8',
    cwd: root,
  });
  return { status, stdout };
}

test('the type tests hold', () => {
  expect(compile('tsconfig.types.json')).toEqual({ status: 0, stdout: '' });
}, 180_000);

test('a broken promise would be seen', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-types-'));
  try {
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: join(root, 'tsconfig.json'), include: ['wrong.ts'] }));
    writeFileSync(join(folder, 'wrong.ts'), `export const count: number = 'one';\n`);
    expect(compile(join(folder, 'tsconfig.json')).status).not.toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 180_000);
