/** What `consumer.transaction` may be told. */
import { BusError } from '../../base/errors.ts';
import { checkText, shown } from '../check.ts';
import { type OptionTable, readOptions } from '../option-table.ts';
import type { ConsumedRecord } from '../records.ts';
import { runOptions } from '../run/run-options.ts';

/** Writes what records mean into the user's tables. Synchronous, as its database is: what it returns is ignored, a promise is refused. */
export type TransactionHandler<K, V, H> = (records: readonly ConsumedRecord<K, V, H>[], context: { readonly attempt: number }) => unknown;

export interface TransactionOptions {
  /** Under which name the offsets are stored. Default the consumer’s groupId; a consumer without a group must say one. */
  id?: string;
  /** Records of one transaction; those of one partition stand in their order. Default 10000, from 1 to 1000000. */
  recordsMax?: number;
  /** How often a transaction is tried. An error whose `retriable` is false is not tried again. Default 5, from 1 to 1000000. */
  attempts?: number;
  /** Bound of the first pause between attempts, in milliseconds; it doubles each time, and the pause is anything up to it. Default 200, from 0 to 3600000. */
  backoffMs?: number;
  /** The largest bound of a pause, in milliseconds. Default 30000, from 0 to 3600000. */
  backoffMsMax?: number;
  /** Ends the run when it aborts, as closing the consumer does. Default none. */
  signal?: AbortSignal;
}

export const transactionOptions = {
  id: {
    kind: 'other',
    type: 'text',
    defaultText: 'the consumer’s groupId; a consumer without a group must say one',
    check: checkId,
    documentation: 'Under which name the offsets are stored.',
  },
  recordsMax: {
    kind: 'whole number',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    documentation: 'Records of one transaction; those of one partition stand in their order.',
  },
  attempts: {
    ...runOptions.attempts,
    documentation: 'How often a transaction is tried. An error whose `retriable` is false is not tried again.',
  },
  backoffMs: runOptions.backoffMs,
  backoffMsMax: runOptions.backoffMsMax,
  signal: runOptions.signal,
} as const satisfies OptionTable;

export interface CheckedTransactionOptions {
  id: string;
  recordsMax: number;
  attempts: number;
  backoffMs: number;
  backoffMsMax: number;
}

/** Throws BusError INVALID_ARGUMENT that names the option. */
export function checkTransactionOptions(options: TransactionOptions, groupId: string, handler: unknown): CheckedTransactionOptions {
  const checked = readOptions('consumer.transaction', options, transactionOptions);
  const id = options.id ?? groupId;
  if (id === '') {
    const what = 'consumer.transaction needs a name for its offsets: give the consumer a groupId, or set the option id';
    throw new BusError('INVALID_ARGUMENT', what, { details: { option: 'id' } });
  }
  if (typeof handler !== 'function') {
    throw new BusError('INVALID_ARGUMENT', `consumer.transaction takes (db, records => …), not ${shown(handler)} in the second place`);
  }
  if (handler.constructor.name === 'AsyncFunction') throw noPromises();
  return { id, ...checked };
}

export function noPromises(): BusError {
  const why =
    'a transaction of SQLite is open for as long as the handler runs, and what else ran meanwhile on this connection would be in it';
  return new BusError(
    'INVALID_ARGUMENT',
    `the handler of consumer.transaction is synchronous, not async: ${why}. Await before or after it.`,
  );
}

function checkId(name: string, value: unknown): void {
  if (checkText(name, value) !== '') return;
  throw new BusError('INVALID_ARGUMENT', `${name} is a text that is not empty`, { details: { option: name } });
}
