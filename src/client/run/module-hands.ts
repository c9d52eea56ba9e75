/**
 * Handlers in threads of their own: each thread takes one batch at a time, whose bytes are copied once (the batch itself stays here, to be
 * handed over again or put aside) and cross by transfer. A thread that dies is a failed attempt; another one takes its place.
 */

import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { BusError, type ErrorName, errors } from '../../base/errors.ts';
import { threadEntry } from '../../base/modules.ts';
import { Pool } from '../../dispatch/pool.ts';
import { reasonOf } from '../user-code.ts';
import type { Hands } from './hands.ts';
import { aboutRecord, type HandlerFailure, type HandlerOutcome, type HandlerTask, PROGRESS_BYTES } from './in-thread.ts';
import type { Order, UnitItem } from './share.ts';

interface Thread {
  pool: Pool;
  progress: SharedArrayBuffer;
}

export class ModuleHands<K, V, H> implements Hands<K, V, H> {
  readonly order: Order = { unit: 'batch', keyed: false };
  /** As the module turns out to be: known when its first batch was tried. */
  fails: 'all' | 'first' = 'all';
  readonly #module: string;
  readonly #threads: Thread[];
  readonly #free: Thread[];

  constructor(module: URL | string, threads: number) {
    this.#module = urlOf(module);
    this.#threads = Array.from({ length: threads }, () => ({
      pool: new Pool(threadEntry('handler'), { roomy: true }),
      progress: new SharedArrayBuffer(PROGRESS_BYTES),
    }));
    this.#free = [...this.#threads];
  }

  /** The threads, for tests that kill one. */
  get threads(): readonly { terminate(): Promise<number>; threadId: number }[] {
    return this.#threads.flatMap(({ pool }) => pool.threads);
  }

  async handle(item: UnitItem<K, V, H>, finished: (nextOffset: number) => void): Promise<void> {
    // As many run at once as there are threads.
    const thread = this.#free.pop() as Thread;
    const { port1, port2 } = new MessageChannel();
    const { signal } = item.payload.share;
    const abort = (): void => port1.postMessage(reasonOf(signal.reason));
    signal.addEventListener('abort', abort, { once: true });
    const progress = new Float64Array(thread.progress);
    progress[0] = item.offset;
    try {
      const task = this.#taskOf(item, thread.progress, port2);
      const outcome = await thread.pool.run<HandlerOutcome>(task, [port2, task.bytes.buffer as ArrayBuffer]).catch(died);
      if (progress[1] === aboutRecord) this.fails = 'first';
      if (outcome === null) {
        // The module had a copy: nobody looks at this any more.
        item.payload.batch?.release();
        return;
      }
      finished(progress[0]);
      throw 'thrown' in outcome ? outcome.thrown : errorOf(outcome);
    } finally {
      signal.removeEventListener('abort', abort);
      port1.close();
      this.#free.push(thread);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ pool }) => pool.destroy()));
  }

  #taskOf({ payload: { batch }, offset, attempts }: UnitItem<K, V, H>, progress: SharedArrayBuffer, abort: MessagePort): HandlerTask {
    if (batch === null) throw new BusError('INVALID_ARGUMENT', 'threads take batches');
    const { topic, partition, nextOffset, highWatermark } = batch;
    const bytes = new Uint8Array(new ArrayBuffer(batch.bytes.length));
    bytes.set(batch.bytes);
    return { module: this.#module, topic, partition, offset, nextOffset, highWatermark, bytes, attempt: attempts, abort, progress };
  }
}

/** Relative paths would be relative to a file of ours. */
function urlOf(module: URL | string): string {
  if (module instanceof URL) return module.href;
  if (isAbsolute(module)) return pathToFileURL(module).href;
  if (URL.canParse(module)) return module;
  const advice = 'say new URL("./handler.js", import.meta.url)';
  throw new BusError('INVALID_ARGUMENT', `module is a URL or an absolute path, not ${JSON.stringify(module)}: ${advice}`);
}

function died(error: unknown): { thrown: Error } {
  return { thrown: new Error(`the thread of the handler ended: ${reasonOf(error)}`, { cause: error }) };
}

/** What the module threw, as it can be told from another thread. */
function errorOf({ name, message, stack, code, retriable }: HandlerFailure): Error {
  if (Object.hasOwn(errors, code)) return new BusError(code as ErrorName, message);
  const error = new Error(message);
  error.name = name;
  if (stack !== '') error.stack = stack;
  if (code !== '') Object.assign(error, { code });
  if (retriable !== null) Object.assign(error, { retriable });
  return error;
}
