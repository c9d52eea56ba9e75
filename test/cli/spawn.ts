/** The program as a user starts it: a process of its own. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('../../bin/spillway.js', import.meta.url));

export interface Ended {
  code: number | null;
  out: string;
  bytes: Buffer;
  err: string;
}

export interface Running {
  child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Resolves when standard error, or output, has shown this. */
  shows(text: string | RegExp): Promise<void>;
  ended: Promise<Ended>;
}

export function start(argv: readonly string[], cwd: string, environment: Readonly<Record<string, string>> = {}): Running {
  const env = { ...withoutOurs(), ...environment };
  const child = spawn(process.execPath, [entry, ...argv], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  let err = '';
  const text = () => `${Buffer.concat(out).toString()}${err}`;
  child.stdout.on('data', (piece: Buffer) => out.push(piece));
  child.stderr.on('data', (piece: Buffer) => {
    err += piece.toString();
  });
  // A process that ended early does not read its input.
  child.stdin.on('error', () => {});
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, out: Buffer.concat(out).toString(), bytes: Buffer.concat(out), err }));
  });
  const shows = async (wanted: string | RegExp): Promise<void> => {
    for (;;) {
      if (typeof wanted === 'string' ? text().includes(wanted) : wanted.test(text())) return;
      if (child.exitCode !== null) throw new Error(`it ended without showing ${wanted}: ${text()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { child, shows, ended };
}

/** The environment, without the variables that steer the tests: they are no settings of the program. */
export function withoutOurs(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SPILLWAY_')));
}

export async function run(argv: readonly string[], cwd: string, input: string | Buffer = ''): Promise<Ended> {
  const { child, ended } = start(argv, cwd);
  child.stdin.end(input);
  return ended;
}

/** The folder of the repository. */
export const repository = join(entry, '..', '..');
