/**
 * The reading side of the table-like peers (SQLite, lmdb) in a thread of its own: told by a post that there is something new, it reads
 * from the database whatever is there, counts it, and says when it has everything.
 */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { DelayLog, type Delays, nowUs } from '../pace.ts';
import { DUE_AT, readNumber, Tally } from '../records.ts';

export interface ReaderSetup {
  path: string;
  count: number;
  /** Values hold due times, and the delays are wanted. */
  isTimed: boolean;
}

export interface ReaderResult {
  check: string;
  delays: Delays | null;
}

export interface ReaderThread {
  /** There is something new. */
  ring(): void;
  ready: Promise<void>;
  result: Promise<ReaderResult>;
  end(): Promise<void>;
}

/** Starts a module that calls `serveReader`. */
export function startReader(module: URL, setup: ReaderSetup): ReaderThread {
  const worker = new Worker(module, { workerData: setup });
  const ready = Promise.withResolvers<void>();
  const result = Promise.withResolvers<ReaderResult>();
  worker.on('message', (message: 'ready' | ReaderResult) => (message === 'ready' ? ready.resolve() : result.resolve(message)));
  worker.once('error', (error) => {
    ready.reject(error);
    result.reject(error);
  });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  return {
    ring: () => worker.postMessage(0),
    ready: ready.promise,
    result: result.promise,
    async end() {
      worker.postMessage(1);
      await exited;
    },
  };
}

/** Takes a record: its key's and value's bytes, in arrays of their own or in one. */
export type Take = (bytes: Uint8Array, valueAt: number, key: Uint8Array) => void;

export interface Source {
  /** Gives everything after what was read last to `take`, oldest first. */
  readNew(take: Take): void;
  close(): void | Promise<void>;
}

/** Runs in the worker. */
export function serveReader(open: (path: string) => Source): void {
  const port = parentPort;
  if (port === null) throw new Error('a reader lives in a worker thread');
  const { path, count, isTimed } = workerData as ReaderSetup;
  const source = open(path);
  const tally = new Tally();
  const delays = isTimed ? new DelayLog(count) : null;
  const take: Take = (bytes, valueAt, key) => {
    tally.count++;
    const number = readNumber(bytes, valueAt);
    tally.sum += number + key[7];
    if (delays === null) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset + valueAt, DUE_AT + 8);
    delays.add(number, nowUs() - view.getFloat64(DUE_AT, true));
  };
  port.on('message', async (message: number) => {
    if (message === 1) {
      await source.close();
      port.close();
      return;
    }
    const before = tally.count;
    source.readNew(take);
    if (tally.count >= count && before < count) {
      port.postMessage({ check: tally.check, delays: delays?.summary() ?? null } satisfies ReaderResult);
    }
  });
  port.postMessage('ready');
}
