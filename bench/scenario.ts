/**
 * A part of a bench that needs a process of its own: to have its own peak of memory, or to be killed. The module takes its setup as
 * argument 1 and prints one line of JSON.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endWithUs } from './offspring.ts';

/** Runs it; resolves with what it printed last. `killed`: it is expected to kill itself after that. */
export async function runScenario<R>(module: URL, setup: object, { killed = false, env = {} as Record<string, string> } = {}): Promise<R> {
  const child = spawn(process.execPath, [fileURLToPath(module), JSON.stringify(setup)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  endWithUs(child);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => child.once('close', (...end) => resolve(end)));
  if (killed ? signal !== 'SIGKILL' : code !== 0) throw new Error(`${module.pathname} ended with ${signal ?? code}`);
  return JSON.parse(said.trim().split('\n').at(-1) ?? '') as R;
}

export const setupOf = <S>(): S => JSON.parse(process.argv[2]) as S;

export const tell = (result: object): void => void process.stdout.write(`${JSON.stringify(result)}\n`);
