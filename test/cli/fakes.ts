/** A terminal that remembers, for verbs under test. */
import { gatheringOutput, type StopReason, type Terminal } from '../../src/cli/terminal.ts';
import { realClock } from '../../src/world/clock.ts';
import { realDisk } from '../../src/world/disk.ts';

export interface FakeTerminal extends Terminal {
  /** What went to standard output. */
  readonly written: () => string;
  readonly bytes: () => Buffer;
  /** Lines on standard error. */
  readonly said: string[];
  readonly drawn: string[];
  end(reason: StopReason): void;
}

export interface FakeOptions {
  input?: string | Buffer;
  isInteractive?: boolean;
  outIsInteractive?: boolean;
  columns?: number;
}

export function fakeTerminal({
  input = '',
  isInteractive = false,
  outIsInteractive = false,
  columns = 80,
}: FakeOptions = {}): FakeTerminal {
  const pieces: Buffer[] = [];
  const said: string[] = [];
  const drawn: string[] = [];
  const stop = new AbortController();
  return {
    out: gatheringOutput((piece, done) => {
      pieces.push(piece);
      done();
    }),
    say: (line) => void said.push(line),
    draw: (line) => void drawn.push(line),
    isInteractive,
    outIsInteractive,
    columns,
    inputIsInteractive: false,
    async *input() {
      yield Buffer.from(input as string);
    },
    stop: stop.signal,
    written: () => Buffer.concat(pieces).toString(),
    bytes: () => Buffer.concat(pieces),
    said,
    drawn,
    end: (reason) => stop.abort(reason),
  };
}

export function surroundings(options: FakeOptions = {}) {
  return {
    terminal: fakeTerminal(options),
    clock: realClock,
    disk: realDisk,
    environment: {} as Readonly<Record<string, string | undefined>>,
  };
}
