/** A Java virtual machine that runs many programs, one after the other or side by side: a JVM per tool would take a second each. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { kafkaClasspath, shortLived } from './java.ts';

const cacheFolder = join(import.meta.dirname, '..', '.cache');
const sourceFolder = join(import.meta.dirname, 'programs');

/** Of these sources in programs/ (`old/OldClient` too), compiled against the class path once and kept in test/.cache. */
export function compiled(sources: readonly string[], classpath: string): string {
  const files = sources.map((name) => join(sourceFolder, `${name}.java`));
  const hash = createHash('sha256').update(classpath);
  for (const file of files) hash.update(readFileSync(file));
  const folder = join(cacheFolder, `programs-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cacheFolder, { recursive: true });
  const temporary = mkdtempSync(join(cacheFolder, 'compiling-'));
  const args = ['-encoding', 'UTF-8', '--release', '17', '-Xlint:none', '-cp', classpath, '-d', temporary, ...files];
  const { status, stderr, error } = spawnSync('javac', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`javac failed: ${error?.message ?? ''}\n${stderr}`);
  try {
    renameSync(temporary, folder);
  } catch (failed) {
    rmSync(temporary, { recursive: true, force: true });
    // Another test process was first.
    if (!existsSync(folder)) throw failed;
  }
  return folder;
}

export interface Ended {
  code: number;
  out: string;
  err: string;
}

/** A program under way. */
export interface Program {
  /** Resolves with what it has written so far, once that has `text` in it; rejects when it ends without. */
  says(text: string | RegExp): Promise<string>;
  /** What Ctrl-C does. */
  stop(): Promise<Ended>;
  ended: Promise<Ended>;
}

interface State {
  out: string;
  err: string;
  code: number | null;
  changed(): void;
  wakes: (() => void)[];
}

export class Jvm {
  readonly #child: ChildProcess;
  readonly #states = new Map<string, State>();
  #last = 0;
  #dead: string | null = null;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** With all programs of this folder, and Kafka's tools. */
  static start(): Jvm {
    const classpath = kafkaClasspath();
    const sources = readdirSync(sourceFolder).flatMap((name) => (name.endsWith('.java') ? [name.slice(0, -5)] : []));
    const classes = compiled(sources, classpath);
    // Opened for the hooks that programs leave for their end.
    const flags = ['-Xmx512m', ...shortLived, '--add-opens', 'java.base/java.lang=ALL-UNNAMED'];
    const child = spawn('java', [...flags, '-cp', [classes, classpath].join(delimiter), 'Jvm'], { stdio: ['pipe', 'pipe', 'pipe'] });
    const jvm = new Jvm(child);
    jvm.#listen();
    return jvm;
  }

  #listen(): void {
    let said = '';
    const killWithUs = () => this.#child.kill('SIGKILL');
    process.once('exit', killWithUs);
    this.#child.stderr?.on('data', (piece: Buffer) => {
      said = (said + piece.toString()).slice(-4000);
    });
    this.#child.stdin?.on('error', () => {});
    this.#child.once('close', (code) => {
      process.off('exit', killWithUs);
      this.#dead = `the JVM ended with ${code}: ${said}`;
      for (const state of this.#states.values()) state.changed();
    });
    createInterface({ input: this.#child.stdout as NonNullable<ChildProcess['stdout']> }).on('line', (line) => {
      const [id, what, word] = line.split(' ');
      const state = this.#states.get(id);
      if (state === undefined) return;
      if (what === 'out') state.out += Buffer.from(word, 'base64');
      else if (what === 'err') state.err += Buffer.from(word, 'base64');
      else state.code = Number(word);
      state.changed();
    });
  }

  /** Starts a program, by the name of its class. */
  start(main: string, args: readonly string[], stdin = ''): Program {
    const id = String(++this.#last);
    const wakes: (() => void)[] = [];
    const state: State = { out: '', err: '', code: null, wakes, changed: () => void wakes.splice(0).map((wake) => wake()) };
    this.#states.set(id, state);
    const words = [main, stdin, ...args].map((word) => `=${Buffer.from(word).toString('base64')}`);
    this.#child.stdin?.write(`${id} run ${words.join(' ')}\n`);
    const ended = this.#until(state, () => (state.code === null ? null : { code: state.code, out: state.out, err: state.err }));
    // Nobody may ask for its end.
    ended.catch(() => {});
    return {
      ended,
      says: (text) =>
        this.#until(state, () => {
          if (typeof text === 'string' ? state.out.includes(text) : text.test(state.out)) return state.out;
          if (state.code === null) return null;
          throw new Error(`${main} ended with ${state.code} without saying ${text}:\n${state.out}\n${state.err}`);
        }),
      stop: () => {
        this.#child.stdin?.write(`${id} stop\n`);
        return ended;
      },
    };
  }

  /** Runs a program to its end. Rejects on an exit code that is not 0. */
  async run(main: string, args: readonly string[], stdin = ''): Promise<string> {
    const { code, out, err } = await this.start(main, args, stdin).ended;
    if (code !== 0) throw new Error(`${main} ${args.join(' ')} ended with ${code}:\n${out}\n${err}`);
    return out;
  }

  async #until<T>(state: State, look: () => T | null): Promise<T> {
    for (;;) {
      const seen = look();
      if (seen !== null) return seen;
      if (this.#dead !== null) throw new Error(this.#dead);
      await new Promise<void>((resolve) => state.wakes.push(resolve));
    }
  }

  async close(): Promise<void> {
    if (this.#dead !== null) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin?.end();
    await closed;
  }
}
