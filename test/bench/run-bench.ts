/** Runs a bench as `npm run bench` does, in its smallest dose. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFailed } from 'vitest';
import type { BenchLine } from '../../bench/harness.ts';

const program = join(import.meta.dirname, '..', '..', 'bench', 'run.ts');

export interface Ran {
  code: number | null;
  lines: BenchLine[];
  stderr: string;
}

export async function runBench(...args: string[]): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-bench-'));
  try {
    const child = spawn(process.execPath, [program, ...args, '--smoke', '--json', '--dir', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    onTestFailed(() => void child.kill());
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    const lines = stdout.split('\n').filter((line) => line !== '');
    return { code, stderr, lines: lines.map((line) => JSON.parse(line) as BenchLine) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every line is whole: a figure above zero (changes may be none), a unit, a check; a ratio says of what. */
export function expectWhole({ code, lines, stderr }: Ran, bench: string): void {
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line).toMatchObject({ bench, case: expect.any(String), unit: expect.any(String), check: expect.stringMatching(/./) });
    expect(line.value, line.case).toBeGreaterThan(line.unit === 'changes' ? -1 : 0);
    expect(line.ratio === undefined, line.case).toBe(line.of === undefined);
  }
}
