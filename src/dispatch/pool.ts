/**
 * A worker thread that carries one task at a time: an actor, which lasts, or a handler of the user's. The task's promise is the supervision link. The one place that imports
 * piscina. Its default mode would freeze a worker's event loop between tasks, so atomics are off.
 */
import { getCompileCacheDir } from 'node:module';
import type { MessagePort, Transferable } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { realClock } from '../world/clock.ts';

/** Of each worker's heap; V8's own choice is up to 192 (of 24 GB). */
const YOUNG_MB = 8;

export interface PoolOptions {
  /** The thread runs code of the user's: its heap is V8's own choice. Handlers that hold what they make paid half as much CPU time again with 48 MB. */
  roomy?: boolean;
}

export class Pool {
  readonly #entry: string;
  readonly #options: PoolOptions;
  #piscina: Piscina;
  #destroyed = false;

  /** `entry` is a module whose default export takes the task's data and returns a promise that lasts as long as the actor. */
  constructor(entry: string, options: PoolOptions = {}) {
    this.#entry = entry;
    this.#options = options;
    this.#piscina = takePrepared(entry, options) ?? makePiscina(entry, options);
  }

  /** Starts the task; resolves when it has ended by itself, with what it returns, rejects when its thread died. One at a time. */
  run<T = void>(data: object, transfer: readonly (MessagePort | ArrayBuffer)[]): Promise<T> {
    if (this.#piscina.threads.length === 0) this.#renew();
    const piscina = this.#piscina;
    return new Promise((resolve, reject) => {
      let ended = false;
      // A thread that dies before it has begun its task leaves it waiting for ever, in a pool that starts no other one.
      const gone = (): void =>
        realClock.soon(() => {
          if (ended || this.#destroyed) return;
          this.#renew();
          reject(new Error('the thread ended while it started'));
        });
      piscina.on('workerDestroy', gone);
      const transferList = transfer as readonly Transferable[] as Transferable[];
      piscina
        .run(data, { transferList })
        .then(resolve, reject)
        .finally(() => {
          ended = true;
          piscina.off('workerDestroy', gone);
        });
    });
  }

  /** Ends a thread that idles; one that still runs is terminated. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    await this.#piscina.destroy();
  }

  /** The thread, for tests that kill it. */
  get threads(): readonly { terminate(): Promise<number>; threadId: number }[] {
    return this.#piscina.threads;
  }

  #renew(): void {
    this.#piscina.destroy().catch(() => {});
    this.#piscina = makePiscina(this.#entry, this.#options);
  }
}

/** Threads that were started ahead, by their entry. */
const prepared = new Map<string, Piscina>();

/**
 * Starts a thread that will be wanted, beside others that start now: the next pool of this entry takes it. Calling what this gives ends
 * it, if nobody has.
 */
export function prepareThread(entry: string): () => Promise<void> {
  const piscina = makePiscina(entry, {});
  prepared.set(entry, piscina);
  return async () => {
    if (prepared.get(entry) !== piscina) return;
    prepared.delete(entry);
    await piscina.destroy();
  };
}

function takePrepared(entry: string, { roomy = false }: PoolOptions): Piscina | undefined {
  const piscina = roomy ? undefined : prepared.get(entry);
  if (piscina !== undefined) prepared.delete(entry);
  return piscina;
}

function makePiscina(entry: string, { roomy = false }: PoolOptions): Piscina {
  const piscina = new Piscina({
    filename: entry,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    atomics: 'disabled',
    idleTimeout: Number.POSITIVE_INFINITY,
    recordTiming: false,
    // An actor's turn leaves little behind: a small nursery keeps its thread small.
    ...(roomy ? {} : { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } }),
    env: environment(),
  });
  // The pool's own errors reach the task's promise too; an unheard event would end the process.
  piscina.on('error', () => {});
  return piscina;
}

/** A process that caches compiled modules has its threads use the cache too: they would not by themselves, and start 60 ms later from TypeScript. */
function environment(): Record<string, string> {
  const cache = getCompileCacheDir();
  const own = process.env as Record<string, string>;
  return cache === undefined ? own : { ...own, NODE_COMPILE_CACHE: cache };
}
