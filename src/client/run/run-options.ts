/** What `consumer.run` may be told, and what it makes of it. */
import { BusError } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { checkFunction, checkNames, checkObject, checkText, shown } from '../check.ts';
import { type OptionTable, readOptions } from '../option-table.ts';
import type { ConsumedBatch, ConsumedRecord } from '../records.ts';

/** What a handler is told besides its records. */
export interface HandlerContext {
  /** Aborted when the result does not count any more (the partition is another member's), or when the time of a close runs out. */
  readonly signal: AbortSignal;
  /** 1 for the first attempt. */
  readonly attempt: number;
}

export interface BatchContext extends HandlerContext {
  /** The record at this offset and all before it are handled: should the handler fail, its batch goes on behind them. */
  finished(offset: number): void;
}

export interface RunOptions<K = unknown, V = unknown, H = unknown> {
  /** Handles one record; it is handled when the promise resolves. Either this, `eachBatch` or `module`. Default none. */
  eachRecord?: (record: ConsumedRecord<K, V, H>, context: HandlerContext) => unknown;
  /** Handles the records of one partition that came together; `context.finished(offset)` marks how far it got. Default none. */
  eachBatch?: (batch: ConsumedBatch<K, V, H>, context: BatchContext) => unknown;
  /**
   * A module of yours that exports `eachRecord` or `eachBatch`, and is run in threads of its own: for work that would keep this thread
   * from everything else. It may export `topics`, `key` and `value` too, as serdes cannot cross threads. Default none.
   */
  module?: URL | string;
  /** Threads that run `module`. Default 1, from 1 to 64. */
  threads?: number;
  /** Handlers that run at once: over partitions, and over keys with `order: 'key'`. With `module`: as `threads`. Default 1, from 1 to 10000. */
  concurrency?: number;
  /** What keeps its order: all records of a partition, or those of each key; then records without a key wait for none. Default 'partition'. */
  order?: 'partition' | 'key';
  /** With `order: 'key'`: records of a partition from the first that is not handled to the last that was begun. Default 1000, from 1 to 100000. */
  windowRecords?: number;
  /** How often a record is tried. An error whose `retriable` is false is not tried again. Default 5, from 1 to 1000000. */
  attempts?: number;
  /** Bound of the first pause between attempts, in milliseconds; it doubles each time, and the pause is anything up to it. Default 200, from 0 to 3600000. */
  backoffMs?: number;
  /** The largest bound of a pause, in milliseconds. Default 30000, from 0 to 3600000. */
  backoffMsMax?: number;
  /**
   * What happens when all attempts failed. 'stop' ends the run with USER_CODE_FAILED and the position stays; 'deadLetter' puts the record
   * into that topic and goes on; 'skip' goes on and tells the bus’s events. Default 'stop', or 'deadLetter' when `deadLetter` is set.
   */
  onFailure?: 'stop' | 'deadLetter' | 'skip';
  /** `{ topic }`: where records go that cannot be handled: key, value and headers as they were, the reason in further headers. Default none. */
  deadLetter?: { topic: string };
  /** Ends the run when it aborts, as closing the consumer does. Default none. */
  signal?: AbortSignal;
  /** How long a run that ends waits for handlers that still run, in milliseconds. Default 30000, from 0 to 3600000. */
  stopDeadlineMs?: number;
}

export const runOptions = {
  eachRecord: {
    kind: 'other',
    type: 'function',
    defaultText: 'none',
    check: checkFunction,
    documentation: 'Handles one record; it is handled when the promise resolves. Either this, `eachBatch` or `module`.',
  },
  eachBatch: {
    kind: 'other',
    type: 'function',
    defaultText: 'none',
    check: checkFunction,
    documentation: 'Handles the records of one partition that came together; `context.finished(offset)` marks how far it got.',
  },
  module: {
    kind: 'other',
    type: 'URL or path',
    defaultText: 'none',
    check: checkModule,
    documentation:
      'A module of yours that exports `eachRecord` or `eachBatch`, and is run in threads of its own: for work that would keep this thread from everything else. It may export `topics`, `key` and `value` too, as serdes cannot cross threads.',
  },
  threads: {
    kind: 'whole number',
    default: 1,
    min: 1,
    max: limits.handlerThreadsMax,
    documentation: 'Threads that run `module`.',
  },
  concurrency: {
    kind: 'whole number',
    default: 1,
    min: 1,
    max: limits.handlersAtOnceMax,
    documentation: "Handlers that run at once: over partitions, and over keys with `order: 'key'`. With `module`: as `threads`.",
  },
  order: {
    kind: 'choice',
    default: 'partition',
    oneOf: ['partition', 'key'],
    documentation: 'What keeps its order: all records of a partition, or those of each key; then records without a key wait for none.',
  },
  windowRecords: {
    kind: 'whole number',
    default: 1000,
    min: 1,
    max: limits.windowRecordsMax,
    documentation: "With `order: 'key'`: records of a partition from the first that is not handled to the last that was begun.",
  },
  attempts: {
    kind: 'whole number',
    default: 5,
    min: 1,
    max: 1_000_000,
    documentation: 'How often a record is tried. An error whose `retriable` is false is not tried again.',
  },
  backoffMs: {
    kind: 'whole number',
    default: 200,
    min: 0,
    max: 3_600_000,
    documentation: 'Bound of the first pause between attempts, in milliseconds; it doubles each time, and the pause is anything up to it.',
  },
  backoffMsMax: {
    kind: 'whole number',
    default: 30_000,
    min: 0,
    max: 3_600_000,
    documentation: 'The largest bound of a pause, in milliseconds.',
  },
  onFailure: {
    kind: 'choice',
    default: 'stop',
    oneOf: ['stop', 'deadLetter', 'skip'],
    defaultText: "'stop', or 'deadLetter' when `deadLetter` is set",
    documentation:
      "What happens when all attempts failed. 'stop' ends the run with USER_CODE_FAILED and the position stays; 'deadLetter' puts the record into that topic and goes on; 'skip' goes on and tells the bus’s events.",
  },
  deadLetter: {
    kind: 'other',
    type: '{ topic }',
    defaultText: 'none',
    check: checkDeadLetter,
    documentation:
      '`{ topic }`: where records go that cannot be handled: key, value and headers as they were, the reason in further headers.',
  },
  signal: {
    kind: 'other',
    type: 'AbortSignal',
    defaultText: 'none',
    check: checkSignal,
    documentation: 'Ends the run when it aborts, as closing the consumer does.',
  },
  stopDeadlineMs: {
    kind: 'whole number',
    default: 30_000,
    min: 0,
    max: 3_600_000,
    documentation: 'How long a run that ends waits for handlers that still run, in milliseconds.',
  },
} as const satisfies OptionTable;

export interface CheckedRunOptions {
  threads: number;
  concurrency: number;
  order: 'partition' | 'key';
  windowRecords: number;
  attempts: number;
  backoffMs: number;
  backoffMsMax: number;
  onFailure: 'stop' | 'deadLetter' | 'skip';
  stopDeadlineMs: number;
}

/** Throws BusError INVALID_ARGUMENT that names the option. */
export function checkRunOptions<K, V, H>(options: RunOptions<K, V, H>): CheckedRunOptions {
  const checked = readOptions('consumer.run', options, runOptions);
  const given = (['eachRecord', 'eachBatch', 'module'] as const).filter((name) => options[name] !== undefined);
  if (given.length !== 1) {
    const what = given.length === 0 ? 'none' : given.join(' and ');
    throw new BusError('INVALID_ARGUMENT', `consumer.run takes one of eachRecord, eachBatch and module, not ${what}`);
  }
  if (checked.order === 'key' && options.eachRecord === undefined)
    throw new BusError('INVALID_ARGUMENT', "order: 'key' hands out single records: it goes with eachRecord alone");
  const onFailure = options.onFailure === undefined && options.deadLetter !== undefined ? 'deadLetter' : checked.onFailure;
  if ((onFailure === 'deadLetter') !== (options.deadLetter !== undefined)) {
    const advice = "set both deadLetter: { topic } and onFailure: 'deadLetter', or neither";
    throw new BusError('INVALID_ARGUMENT', `onFailure is '${onFailure}' and deadLetter is ${shown(options.deadLetter)}: ${advice}`);
  }
  const concurrency = options.module === undefined ? checked.concurrency : checked.threads;
  return { ...checked, onFailure, concurrency, windowRecords: checked.order === 'key' ? checked.windowRecords : 1 };
}

function checkModule(name: string, value: unknown): void {
  if (!(value instanceof URL)) checkText(name, value);
}

function checkDeadLetter(name: string, value: unknown): void {
  checkNames(name, checkObject(name, value), ['topic']);
  checkText(`${name}.topic`, (value as { topic?: unknown }).topic);
}

function checkSignal(name: string, value: unknown): void {
  if (value instanceof AbortSignal) return;
  throw new BusError('INVALID_ARGUMENT', `${name} is an AbortSignal, not ${shown(value)}`);
}
