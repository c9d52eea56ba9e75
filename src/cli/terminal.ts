/**
 * The program's surroundings as its verbs see them: standard streams, and the wish of someone outside that it end. Verbs get it as an
 * argument, so tests bring their own. Results go to standard output; everything said to a human goes to standard error.
 */
import { realClock } from '../world/clock.ts';
import { exitCodes } from './exit.ts';

/** Why the program should end early: Ctrl-C, SIGTERM, or nobody reads standard output any more. */
export type StopReason = 'interrupted' | 'terminated' | 'reader gone';

export interface Terminal {
  readonly out: Output;
  /** Says a line to the human. */
  say(line: string): void;
  /** Replaces the line that was drawn last; '' takes it away. Only on an interactive terminal. */
  draw(line: string): void;
  /** Whether `say` and `draw` reach a terminal that a human looks at. */
  readonly isInteractive: boolean;
  /** Whether results go to one. */
  readonly outIsInteractive: boolean;
  readonly columns: number;
  readonly inputIsInteractive: boolean;
  input(): AsyncIterable<Buffer>;
  /** Aborted with a StopReason. Work in hand is brought to its end, no new one is begun. */
  readonly stop: AbortSignal;
}

/** Where results go, gathered into pieces worth writing. */
export interface Output {
  /** Copies bytes or text out. Await the promise, if there is one: the reader is slower than we are. */
  write(piece: string | Uint8Array): Promise<void> | undefined;
  flush(): Promise<void>;
}

const PIECE_BYTES = 64 * 1024;

/** An Output over `send`, which takes a whole piece and calls `done` when it may have another. */
export function gatheringOutput(send: (piece: Buffer, done: () => void) => void): Output {
  let staging = Buffer.allocUnsafe(PIECE_BYTES);
  let used = 0;
  const leave = (piece: Buffer): Promise<void> => new Promise((resolve) => send(piece, resolve));
  const empty = (): Promise<void> => {
    const piece = staging.subarray(0, used);
    staging = Buffer.allocUnsafe(PIECE_BYTES);
    used = 0;
    return leave(piece);
  };
  return {
    write(piece) {
      const bytes = typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece;
      if (bytes.length > PIECE_BYTES - used) {
        const first = used > 0 ? empty() : undefined;
        if (bytes.length > PIECE_BYTES / 2) {
          const copy = Buffer.from(bytes);
          return first === undefined ? leave(copy) : first.then(() => leave(copy));
        }
        staging.set(bytes, 0);
        used = bytes.length;
        return first;
      }
      staging.set(bytes, used);
      used += bytes.length;
      return undefined;
    },
    flush: () => (used > 0 ? empty() : Promise.resolve()),
  };
}

/**
 * npm and npx pass a signal on that the terminal has sent to the whole group already: what comes again so soon is the same Ctrl-C, not a
 * second one.
 */
const SAME_SIGNAL_MS = 300;

/** The terminal of this process. A second Ctrl-C or SIGTERM ends it at once. */
export function processTerminal(): Terminal {
  const stop = new AbortController();
  const { stdout, stderr, stdin } = process;
  let drawn = false;
  let gone = false;
  let signalledMs = Number.NEGATIVE_INFINITY;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    gone = true;
    // EPIPE is the reader's right; anything else (a full disk) is a failure that must be told.
    if (error.code !== 'EPIPE') {
      stderr.write(`spillway: standard output cannot be written: ${error.message}\n`);
      process.exit(exitCodes.failure);
    }
    stop.abort('reader gone' satisfies StopReason);
  });
  stderr.on('error', () => {});
  const ends: [NodeJS.Signals, StopReason, number][] = [
    ['SIGINT', 'interrupted', exitCodes.interrupted],
    ['SIGTERM', 'terminated', exitCodes.terminated],
  ];
  for (const [signal, reason, code] of ends) {
    process.on(signal, () => {
      const nowMs = realClock.monotonicMs();
      const isSame = nowMs - signalledMs < SAME_SIGNAL_MS;
      if (isSame) return;
      signalledMs = nowMs;
      if (stop.signal.aborted && stop.signal.reason !== 'reader gone') process.exit(code);
      stop.abort(reason);
    });
  }
  const clear = (): void => {
    if (drawn) stderr.write('\r\u001b[K');
    drawn = false;
  };
  return {
    out: gatheringOutput((piece, done) => {
      if (gone) done();
      else stdout.write(piece, () => done());
    }),
    say(line) {
      clear();
      stderr.write(`${line}\n`);
    },
    draw(line) {
      clear();
      if (line === '') return;
      stderr.write(`\r${line.slice(0, Math.max(20, (stderr.columns || 80) - 1))}\u001b[K`);
      drawn = true;
    },
    isInteractive: stderr.isTTY === true,
    outIsInteractive: stdout.isTTY === true,
    get columns() {
      return stdout.columns || stderr.columns || 80;
    },
    inputIsInteractive: stdin.isTTY === true,
    input: () => untilStopped(stdin, stop.signal),
    stop: stop.signal,
  };
}

/** The stream's pieces, until its end or until we are asked to stop. */
async function* untilStopped(stream: NodeJS.ReadStream, stop: AbortSignal): AsyncGenerator<Buffer> {
  const end = (): void => void stream.destroy();
  stop.addEventListener('abort', end);
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    stop.removeEventListener('abort', end);
  }
}
