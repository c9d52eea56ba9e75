/** What a consumer may be told, with the names that Kafka gives these settings, and the words in which it refuses. */
import { MiB } from '../base/bytes.ts';
import { BusError, errorName } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { ReaderOptions } from '../dispatch/reader.ts';
import { checkInteger, checkNames, checkOneOf } from './check.ts';
import type { Serde } from './serde.ts';

export interface ConsumerOptions<K = string | Uint8Array, V = unknown> {
  /** Serde of keys, for topics given by name. Default: text when the bytes are UTF-8, else bytes. */
  key?: Serde<K>;
  /** Serde of values, for topics given by name. Default: msgpack. */
  value?: Serde<V>;
  /** Where a partition begins that was not sought, and one whose offset is out of range (Kafka: auto.offset.reset). Default 'latest'. */
  autoOffsetReset?: 'earliest' | 'latest' | 'none';
  /** Bytes of one answer of a host (Kafka: fetch.max.bytes). Default 1048576. */
  fetchBytesMax?: number;
  /** Bytes of one partition in it (Kafka: max.partition.fetch.bytes). Default 1048576. */
  partitionBytesMax?: number;
  /** A fetch waits for this many bytes (Kafka: fetch.min.bytes). Default 1. */
  fetchBytesMin?: number;
  /** … or this long in milliseconds (Kafka: fetch.max.wait.ms). Default 500. */
  fetchWaitMs?: number;
  /** Bytes fetched ahead of the user, beyond which no further fetch is sent. Default 8388608. */
  queuedBytesMax?: number;
  /** Records of one `poll` (Kafka: max.poll.records). Default 500. */
  recordsMax?: number;
  /** What to do where a stored batch is damaged: 'stop' throws CORRUPT_MESSAGE once and goes on behind it, 'skip' only tells the bus's events. Default 'stop'. */
  onDamage?: 'stop' | 'skip';
}

const optionNames: readonly (keyof ConsumerOptions)[] = [
  'key',
  'value',
  'autoOffsetReset',
  'fetchBytesMax',
  'partitionBytesMax',
  'fetchBytesMin',
  'fetchWaitMs',
  'queuedBytesMax',
  'recordsMax',
  'onDamage',
];

export interface CheckedConsumerOptions {
  reset: 'earliest' | 'latest' | 'none';
  recordsMax: number;
  skipDamage: boolean;
  reader: ReaderOptions;
}

/** Throws BusError INVALID_ARGUMENT that names the option. */
export function checkConsumerOptions<K, V>(options: ConsumerOptions<K, V>): CheckedConsumerOptions {
  checkNames('bus.consumer', options, optionNames);
  return {
    reset: checkOneOf('autoOffsetReset', options.autoOffsetReset ?? 'latest', ['earliest', 'latest', 'none']),
    recordsMax: checkInteger('recordsMax', options.recordsMax ?? 500, 1, 10_000_000),
    skipDamage: checkOneOf('onDamage', options.onDamage ?? 'stop', ['stop', 'skip']) === 'skip',
    reader: {
      fetchBytesMax: checkInteger('fetchBytesMax', options.fetchBytesMax ?? 1 * MiB, 1, limits.fetchBytesMax),
      partitionBytesMax: checkInteger('partitionBytesMax', options.partitionBytesMax ?? 1 * MiB, 1, limits.fetchBytesMax),
      fetchBytesMin: checkInteger('fetchBytesMin', options.fetchBytesMin ?? 1, 0, limits.fetchBytesMax),
      fetchWaitMs: checkInteger('fetchWaitMs', options.fetchWaitMs ?? 500, 0, 3_600_000),
      queuedBytesMax: checkInteger('queuedBytesMax', options.queuedBytesMax ?? 8 * MiB, 1, limits.memoryBytesMax),
    },
  };
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
  return new BusError(code, `${topic}-${partition} cannot be read at offset ${offset}: ${code}`, { details });
}
