/**
 * Worker threads, each of which carries one lasting task: an actor. The task's promise is the supervision link. The one place that
 * imports piscina. Its default mode would freeze a worker's event loop between tasks, so atomics are off.
 */
import { getCompileCacheDir } from 'node:module';
import type { MessagePort, Transferable } from 'node:worker_threads';
import { Piscina } from 'piscina';

/** Of each worker's heap; V8's own choice is up to 48. */
const YOUNG_MB = 8;

export class Pool {
  readonly #piscina: Piscina;

  /** `entry` is a module whose default export takes the task's data and returns a promise that lasts as long as the actor. */
  constructor(entry: string, threads: number) {
    this.#piscina = new Piscina({
      filename: entry,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      // An actor's turn leaves little behind: a small nursery keeps its thread small.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      env: environment(),
    });
    // The pool's own errors reach the task's promise too; an unheard event would end the process.
    this.#piscina.on('error', () => {});
  }

  /** Starts the actor; resolves when it has ended by itself, rejects when its thread died. */
  run(data: object, transfer: readonly MessagePort[]): Promise<void> {
    return this.#piscina.run(data, { transferList: transfer as readonly Transferable[] as Transferable[] });
  }

  /** Ends threads that idle; those that still run are terminated. */
  async destroy(): Promise<void> {
    await this.#piscina.destroy();
  }

  /** The threads, for tests that kill one. */
  get threads(): readonly { terminate(): Promise<number>; threadId: number }[] {
    return this.#piscina.threads;
  }
}

/** A process that caches compiled modules has its threads use the cache too: they would not by themselves, and start 60 ms later from TypeScript. */
function environment(): Record<string, string> {
  const cache = getCompileCacheDir();
  const own = process.env as Record<string, string>;
  return cache === undefined ? own : { ...own, NODE_COMPILE_CACHE: cache };
}
