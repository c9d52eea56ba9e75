/** What `bus.outbox` may be told. */
import type { BusError } from '../../base/errors.ts';
import { checkFunction, checkText } from '../check.ts';
import { type OptionTable, readOptions } from '../option-table.ts';
import { type Serde, serdeOptions } from '../serde.ts';

export interface OutboxOptions<K = string | Uint8Array, V = unknown> {
  /** Name of the table, which is made when it is not there; a second one, `<table>_lanes`, stands beside it. Default spillway_outbox. */
  table?: string;
  /** Serde of keys, for topics given by name. Default text as UTF-8, bytes as they are. */
  key?: Serde<K>;
  /** Serde of values, for topics given by name. Default msgpack. */
  value?: Serde<V>;
  /** Rows of one batch; one batch of each partition is on its way at a time. Default 1000, from 1 to 100000. */
  batchRows?: number;
  /** How often the table is looked at for rows of other connections, in milliseconds. Default 100, from 1 to 3600000. */
  pollMs?: number;
  /** How long a batch that was refused waits, in milliseconds, to be sent again; it doubles each time, up to 30 s. Default 100, from 1 to 30000. */
  retryBackoffMs?: number;
  /** Told of each refusal, also of those that may go away by themselves; the batch is sent again in any case. Default none. */
  onError?: (error: BusError) => void;
}

export const outboxOptions = {
  table: {
    kind: 'other',
    type: 'text',
    defaultText: 'spillway_outbox',
    check: checkText,
    documentation: 'Name of the table, which is made when it is not there; a second one, `<table>_lanes`, stands beside it.',
  },
  key: serdeOptions.keyWritten,
  value: serdeOptions.value,
  batchRows: {
    kind: 'whole number',
    default: 1000,
    min: 1,
    max: 100_000,
    documentation: 'Rows of one batch; one batch of each partition is on its way at a time.',
  },
  pollMs: {
    kind: 'whole number',
    default: 100,
    min: 1,
    max: 3_600_000,
    documentation: 'How often the table is looked at for rows of other connections, in milliseconds.',
  },
  retryBackoffMs: {
    kind: 'whole number',
    default: 100,
    min: 1,
    max: 30_000,
    documentation: 'How long a batch that was refused waits, in milliseconds, to be sent again; it doubles each time, up to 30 s.',
  },
  onError: {
    kind: 'other',
    type: 'function',
    defaultText: 'none',
    check: checkFunction,
    documentation: 'Told of each refusal, also of those that may go away by themselves; the batch is sent again in any case.',
  },
} as const satisfies OptionTable;

export interface CheckedOutboxOptions {
  batchRows: number;
  pollMs: number;
  retryBackoffMs: number;
}

/** Throws BusError INVALID_ARGUMENT that names the option. */
export function checkOutboxOptions<K, V>(options: OutboxOptions<K, V>): CheckedOutboxOptions {
  return readOptions('bus.outbox', options, outboxOptions);
}
