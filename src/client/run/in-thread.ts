/**
 * A module of the user's in a thread of its own: takes a batch that was handed over, calls what the module exports, and says how far it got.
 * Progress lies in shared memory, so that it is known even of a thread that died.
 */
import type { MessagePort } from 'node:worker_threads';
import { BusError } from '../../base/errors.ts';
import { ConsumedBatch, type ConsumedRecord } from '../records.ts';
import { type Serde, serdes } from '../serde.ts';
import { checkTopic, plainTopic, type Topic } from '../topic.ts';
import { reasonOf } from '../user-code.ts';
import type { BatchContext } from './run-options.ts';

/** One batch, from `offset` on. */
export interface HandlerTask {
  /** The module's URL. */
  module: string;
  topic: string;
  partition: number;
  offset: number;
  nextOffset: number;
  highWatermark: number;
  bytes: Uint8Array;
  attempt: number;
  /** Says once that the result counts no more. */
  abort: MessagePort;
  progress: SharedArrayBuffer;
}

/** Null: handled. */
export type HandlerOutcome = HandlerFailure | null;

export interface HandlerFailure {
  name: string;
  message: string;
  stack: string;
  code: string;
  retriable: boolean | null;
}

/** Two float64 of shared memory: the first offset that is not handled, and what a failure is about. */
export const PROGRESS_BYTES = 16;
export const aboutRecord = 1;
export const aboutBatch = 2;

/** What a module may export. */
interface HandlerModule {
  eachRecord?: (record: ConsumedRecord, context: BatchContext) => unknown;
  eachBatch?: (batch: ConsumedBatch, context: BatchContext) => unknown;
  topics?: readonly unknown[];
  key?: Serde<unknown>;
  value?: Serde<unknown>;
}

export async function handleInThread(task: HandlerTask): Promise<HandlerOutcome> {
  const progress = new Float64Array(task.progress);
  progress[0] = task.offset;
  try {
    const module = (await import(task.module)) as HandlerModule;
    const { offset, nextOffset, highWatermark, topic, partition, bytes } = task;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const batch = new ConsumedBatch(declaredIn(module, topic), { topic, partition, offset, nextOffset, highWatermark, bytes: buffer });
    const context = new ThreadContext(task, progress);
    if ((module.eachBatch === undefined) === (module.eachRecord === undefined)) throw notOne(task.module, module);
    if (module.eachBatch !== undefined) {
      progress[1] = aboutBatch;
      await module.eachBatch(batch, context);
      return null;
    }
    progress[1] = aboutRecord;
    for (const record of batch) {
      progress[0] = record.offset;
      const result = module.eachRecord?.(record, context);
      if (typeof result === 'object' && result !== null && 'then' in result) await result;
    }
    return null;
  } catch (error) {
    return failureOf(error);
  } finally {
    task.abort.close();
  }
}

class ThreadContext implements BatchContext {
  readonly #task: HandlerTask;
  readonly #progress: Float64Array;
  #controller: AbortController | null = null;

  constructor(task: HandlerTask, progress: Float64Array) {
    this.#task = task;
    this.#progress = progress;
  }

  get attempt(): number {
    return this.#task.attempt;
  }

  get signal(): AbortSignal {
    if (this.#controller !== null) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    const { topic, partition, abort } = this.#task;
    abort.on('message', (why: string) => controller.abort(new BusError('ABORTED', why, { details: { topic, partition } })));
    abort.unref();
    return controller.signal;
  }

  finished(offset: number): void {
    const { nextOffset } = this.#task;
    if (!Number.isSafeInteger(offset) || offset + 1 < this.#progress[0] || offset >= nextOffset) {
      const what = `context.finished takes an offset of the batch, ${this.#progress[0]} to ${nextOffset - 1}, not ${offset}`;
      throw new BusError('INVALID_ARGUMENT', what, { details: { offset } });
    }
    this.#progress[0] = offset + 1;
  }
}

function declaredIn({ topics = [], key, value }: HandlerModule, name: string): Topic<unknown, unknown> {
  for (const declared of topics.map(checkTopic)) if (declared.name === name) return declared as Topic<unknown, unknown>;
  return plainTopic<unknown, unknown>(name, key ?? (serdes.textOrBytes as Serde<unknown>), value ?? serdes.msgpack());
}

function notOne(url: string, module: HandlerModule): BusError {
  const both = module.eachBatch === undefined ? 'neither' : 'both';
  return new BusError('INVALID_ARGUMENT', `${url} exports ${both} of eachRecord and eachBatch; a module of handlers exports one of them`);
}

function failureOf(error: unknown): HandlerFailure {
  const { name, stack, code, retriable } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  return {
    name: typeof name === 'string' ? name : 'Error',
    message: reasonOf(error),
    stack: typeof stack === 'string' ? stack : '',
    code: typeof code === 'string' ? code : '',
    retriable: typeof retriable === 'boolean' ? retriable : null,
  };
}
