/** What a consumer may be told, with the names that Kafka gives these settings, and the words in which it refuses. */
import { MiB } from '../base/bytes.ts';
import { BusError, errorName } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { ReaderOptions } from '../dispatch/reader.ts';
import { checkInteger, checkNames, shown } from './check.ts';
import { type CheckedGroupOptions, checkGroupOptions, type GroupOptions, groupOptions } from './group/options.ts';
import { type OptionTable, readOptions } from './option-table.ts';
import type { SeekTarget } from './places.ts';
import { advice } from './refusals.ts';
import { type Serde, serdeOptions } from './serde.ts';
import type { Topic } from './topic.ts';

export interface ConsumerOptions<K = string | Uint8Array, V = unknown> extends GroupOptions {
  /** Serde of keys, for topics given by name. Default text when the bytes are UTF-8, else bytes. */
  key?: Serde<K>;
  /** Serde of values, for topics given by name. Default msgpack. */
  value?: Serde<V>;
  /**
   * Where a partition begins that was not sought and of which its group knows nothing, and goes on when its offset is out of range:
   * 'earliest', 'latest', or so long ago. With 'none' an offset out of range is thrown, and so is one that the group does not know;
   * without a group the partition begins at the end (Kafka: auto.offset.reset). Default 'latest'.
   */
  autoOffsetReset?: 'earliest' | 'latest' | 'none' | { byDurationMs: number };
  /** Bytes of one answer of a host (Kafka: fetch.max.bytes). Default 1048576, from 1 to 67108864. */
  fetchBytesMax?: number;
  /** Bytes of one partition in such an answer (Kafka: max.partition.fetch.bytes). Default 1048576, from 1 to 67108864. */
  partitionBytesMax?: number;
  /** A fetch waits for this many bytes … (Kafka: fetch.min.bytes). Default 1, from 0 to 67108864. */
  fetchBytesMin?: number;
  /** … or for so many milliseconds (Kafka: fetch.max.wait.ms). Default 500, from 0 to 3600000. */
  fetchWaitMs?: number;
  /** Bytes fetched ahead of the user, beyond which no further fetch is sent. Default 8388608, from 1 to 68719476736. */
  queuedBytesMax?: number;
  /** Records of one `poll` (Kafka: max.poll.records). Default 500, from 1 to 10000000. */
  recordsMax?: number;
  /**
   * What to do where a stored batch is damaged. 'stop' throws CORRUPT_MESSAGE once and goes on behind it, 'skip' only tells the bus’s
   * events. Default 'stop'.
   */
  onDamage?: 'stop' | 'skip';
}

/** A consumer whose group reads declared topics has their types. */
export type TypedConsumerOptions<K, V, H> = Omit<ConsumerOptions, 'topics' | 'key' | 'value'> & {
  groupId: string;
  topics: Topic<K, V, H> | readonly Topic<K, V, H>[];
};

export const consumerOptions = {
  key: serdeOptions.keyRead,
  value: serdeOptions.value,
  autoOffsetReset: {
    kind: 'other',
    type: "'earliest', 'latest', 'none' or { byDurationMs }",
    defaultText: "'latest'",
    check: checkReset,
    kafka: 'auto.offset.reset',
    documentation:
      "Where a partition begins that was not sought and of which its group knows nothing, and goes on when its offset is out of range: 'earliest', 'latest', or so long ago. With 'none' an offset out of range is thrown, and so is one that the group does not know; without a group the partition begins at the end.",
  },
  fetchBytesMax: {
    kind: 'whole number',
    default: 1 * MiB,
    min: 1,
    max: limits.fetchBytesMax,
    kafka: 'fetch.max.bytes',
    documentation: 'Bytes of one answer of a host.',
  },
  partitionBytesMax: {
    kind: 'whole number',
    default: 1 * MiB,
    min: 1,
    max: limits.fetchBytesMax,
    kafka: 'max.partition.fetch.bytes',
    documentation: 'Bytes of one partition in such an answer.',
  },
  fetchBytesMin: {
    kind: 'whole number',
    default: 1,
    min: 0,
    max: limits.fetchBytesMax,
    kafka: 'fetch.min.bytes',
    documentation: 'A fetch waits for this many bytes …',
  },
  fetchWaitMs: {
    kind: 'whole number',
    default: 500,
    min: 0,
    max: 3_600_000,
    kafka: 'fetch.max.wait.ms',
    documentation: '… or for so many milliseconds.',
  },
  queuedBytesMax: {
    kind: 'whole number',
    default: 8 * MiB,
    min: 1,
    max: limits.memoryBytesMax,
    documentation: 'Bytes fetched ahead of the user, beyond which no further fetch is sent.',
  },
  recordsMax: {
    kind: 'whole number',
    default: 500,
    min: 1,
    max: 10_000_000,
    kafka: 'max.poll.records',
    documentation: 'Records of one `poll`.',
  },
  onDamage: {
    kind: 'choice',
    default: 'stop',
    oneOf: ['stop', 'skip'],
    documentation:
      "What to do where a stored batch is damaged. 'stop' throws CORRUPT_MESSAGE once and goes on behind it, 'skip' only tells the bus’s events.",
  },
} as const satisfies OptionTable;

export type OffsetReset = 'earliest' | 'latest' | 'none' | { byDurationMs: number };

export interface CheckedConsumerOptions {
  reset: OffsetReset;
  recordsMax: number;
  skipDamage: boolean;
  reader: ReaderOptions;
  /** Null for a consumer without a group. */
  group: CheckedGroupOptions | null;
}

/** Throws BusError INVALID_ARGUMENT that names the option. */
export function checkConsumerOptions<K, V>(options: ConsumerOptions<K, V>): CheckedConsumerOptions {
  const checked = readOptions('bus.consumer', options, { ...consumerOptions, ...groupOptions });
  const group = checkGroupOptions(options, checked);
  const { fetchBytesMax, partitionBytesMax, fetchBytesMin, fetchWaitMs, queuedBytesMax, recordsMax, onDamage } = checked;
  return {
    reset: options.autoOffsetReset ?? 'latest',
    recordsMax,
    skipDamage: onDamage === 'skip',
    reader: {
      clientId: group?.clientId ?? options.clientId ?? '',
      fetchBytesMax,
      partitionBytesMax,
      fetchBytesMin,
      fetchWaitMs,
      queuedBytesMax,
    },
    group,
  };
}

/** The place that a reset means now; null for 'none'. */
export function placeOfReset(reset: OffsetReset, nowMs: number): SeekTarget | null {
  if (reset === 'earliest') return 'beginning';
  if (reset === 'latest') return 'end';
  return reset === 'none' ? null : { timestamp: Math.max(0, nowMs - reset.byDurationMs) };
}

function checkReset(name: string, value: unknown): void {
  if (value === 'earliest' || value === 'latest' || value === 'none') return;
  if (typeof value !== 'object' || value === null)
    throw new BusError('INVALID_ARGUMENT', `${name} is "earliest", "latest", "none" or { byDurationMs }, not ${shown(value)}`, {
      details: { option: name, value },
    });
  checkNames(name, value, ['byDurationMs']);
  checkInteger('byDurationMs', (value as { byDurationMs?: unknown }).byDurationMs, 0, Number.MAX_SAFE_INTEGER);
}

export function notAssigned(topic: string, partition: number | undefined): BusError {
  return new BusError(
    'INVALID_ARGUMENT',
    `${topic}${partition === undefined ? '' : `-${partition}`} is not assigned to this consumer; call assign() first`,
    {
      details: { topic, partition },
    },
  );
}

export function stoppedError(
  topic: string,
  partition: number,
  error: number,
  offset: number,
  nextOffset: number,
  startOffset: number,
): BusError {
  const code = errorName(error);
  const details = { topic, partition, offset, nextOffset, startOffset };
  if (code === 'OFFSET_OUT_OF_RANGE')
    return new BusError(
      code,
      `offset ${offset} of ${topic}-${partition} does not exist; the log begins at ${startOffset}. Seek, or set autoOffsetReset.`,
      { details },
    );
  if (code === 'CORRUPT_MESSAGE')
    return new BusError(
      code,
      `${topic}-${partition} is damaged from offset ${offset} to ${nextOffset - 1}; reading again goes on at ${nextOffset}. "spillway check" tells more.`,
      { details },
    );
  return new BusError(code, `${topic}-${partition} cannot be read at offset ${offset}: ${advice(error)}`, { details });
}
