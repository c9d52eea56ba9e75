/**
 * A part of a bench that needs a process of its own: to have its own peak of memory, or to be killed. The module takes its setup as
 * argument 1 and prints one line of JSON.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
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

export interface RunningScenario {
  pid: number;
  /** The next line that it prints. */
  heard<R>(): Promise<R>;
  /** A line of its input. */
  say(): void;
  /** Ends its input, and waits for its end. */
  end(): Promise<void>;
}

/** Starts it; it tells by and by, and lasts until its input ends. */
export function startScenario(module: URL, setup: object): RunningScenario {
  const child = spawn(process.execPath, [fileURLToPath(module), JSON.stringify(setup)], { stdio: ['pipe', 'pipe', 'inherit'] });
  endWithUs(child);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid as number,
    async heard<R>() {
      const line = await lines.next();
      if (line.done === true) throw new Error(`${module.pathname} ended with ${await ended}`);
      return JSON.parse(line.value) as R;
    },
    say: () => void child.stdin.write('\n'),
    async end() {
      child.stdin.end();
      const code = await ended;
      if (code !== 0) throw new Error(`${module.pathname} ended with ${code}`);
    },
  };
}

export const setupOf = <S>(): S => JSON.parse(process.argv[2]) as S;

export const tell = (result: object): void => void process.stdout.write(`${JSON.stringify(result)}\n`);
