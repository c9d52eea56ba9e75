/** What a producer may be told, with the names that Kafka gives these settings, and what it makes of it. */
import { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { GatherOptions } from '../dispatch/gather-options.ts';
import type { Partitioner } from '../dispatch/route.ts';
import type { Acks } from '../partition/protocol.ts';
import { type CompressionName, compressionLevels, compressions } from '../record/compression.ts';
import { checkClientId, checkFunction, checkInteger } from './check.ts';
import { type Choice, type OptionTable, readOptions } from './option-table.ts';
import { type Serde, serdeOptions } from './serde.ts';

export interface ProducerOptions<K = string | Uint8Array, V = unknown> {
  /** Serde of keys, for topics given by name. Default text as UTF-8, bytes as they are. */
  key?: Serde<K>;
  /** Serde of values, for topics given by name. Default msgpack. */
  value?: Serde<V>;
  /** Bytes of one batch before compression (Kafka: batch.size). Default 131072, from 1024 to 16777216. */
  batchSize?: number;
  /**
   * Milliseconds that an open batch waits for more records. With 0 it leaves when the running code yields (Kafka: linger.ms). Default
   * 0, from 0 to 3600000.
   */
  lingerMs?: number;
  /** Bytes that may wait or be in flight (Kafka: buffer.memory). Default 33554432, from 1024 to 1073741824, at least batchSize. */
  bufferMemory?: number;
  /** Milliseconds that `send` waits for room (Kafka: max.block.ms). Default 60000, from 0. */
  maxBlockMs?: number;
  /**
   * When a record is acknowledged. 0: at once. 1: when it is appended. 'all' or -1: when it is committed at the topic’s durability
   * (Kafka: acks). Default 'all'.
   */
  acks?: 0 | 1 | -1 | 'all';
  /**
   * Batches in flight per partition (Kafka: max.in.flight.requests.per.connection). Default 5, from 1 to 1000, at most 5 when
   * idempotent.
   */
  maxInFlight?: number;
  /** Times that a batch is sent again, within deliveryTimeoutMs (Kafka: retries). Default 2147483647, from 0. */
  retries?: number;
  /** Milliseconds before a batch is sent again (Kafka: retry.backoff.ms). Default 100, from 1 to 3600000. */
  retryBackoffMs?: number;
  /** Milliseconds after which a record is given up (Kafka: delivery.timeout.ms). Default 120000, from 1. */
  deliveryTimeoutMs?: number;
  /** How batches are compressed, on the producing thread (Kafka: compression.type). Default 'none'. */
  compression?: CompressionName;
  /**
   * Level of gzip or zstd; the others have none (Kafka: compression.gzip.level, compression.zstd.level). Default the codec’s, gzip 1
   * to 9, zstd -131072 to 22.
   */
  compressionLevel?: number;
  /** Bytes of one record, as a batch of its own before compression (Kafka: max.request.size). Default 1048576, from 1 to 268435456. */
  maxRequestSize?: number;
  /** No duplicates and no reordering when batches are sent again (Kafka: enable.idempotence). Default true. */
  idempotence?: boolean;
  /** Who this is, for quotas: all that have the same client id share one (Kafka: client.id). Default none. */
  clientId?: string;
  /** Picks the partition of records that name none (Kafka: partitioner.class). Default hash of the key, else sticky. */
  partitioner?: Partitioner;
  /** Make a topic that does not exist, where the bus allows it. Default true. */
  autoCreateTopics?: boolean;
  /**
   * Told of every batch that was given up, pushed records among them; `flush` rejects too. What it throws becomes a warning of the
   * process. Default none.
   */
  onError?: (error: BusError) => void;
}

const INT_MAX = 2_147_483_647;
const HOUR_MS = 3_600_000;
/** Beyond it a batch that is sent again could not be told from a new one (KIP-679). */
const IN_FLIGHT_IDEMPOTENT_MAX = 5;

export const producerOptions = {
  key: serdeOptions.keyWritten,
  value: serdeOptions.value,
  batchSize: {
    kind: 'whole number',
    default: 131_072,
    min: 1024,
    max: 16_777_216,
    kafka: 'batch.size',
    documentation: 'Bytes of one batch before compression.',
  },
  lingerMs: {
    kind: 'whole number',
    default: 0,
    min: 0,
    max: HOUR_MS,
    kafka: 'linger.ms',
    documentation: 'Milliseconds that an open batch waits for more records. With 0 it leaves when the running code yields.',
  },
  bufferMemory: {
    kind: 'whole number',
    default: 33_554_432,
    min: 1024,
    max: 1_073_741_824,
    bound: 'at least batchSize',
    kafka: 'buffer.memory',
    documentation: 'Bytes that may wait or be in flight.',
  },
  maxBlockMs: {
    kind: 'whole number',
    default: 60_000,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    kafka: 'max.block.ms',
    documentation: 'Milliseconds that `send` waits for room.',
  },
  acks: {
    kind: 'choice',
    default: 'all',
    oneOf: [0, 1, -1, 'all'],
    kafka: 'acks',
    documentation:
      "When a record is acknowledged. 0: at once. 1: when it is appended. 'all' or -1: when it is committed at the topic’s durability.",
  },
  maxInFlight: {
    kind: 'whole number',
    default: IN_FLIGHT_IDEMPOTENT_MAX,
    min: 1,
    max: 1000,
    bound: `at most ${IN_FLIGHT_IDEMPOTENT_MAX} when idempotent`,
    kafka: 'max.in.flight.requests.per.connection',
    documentation: 'Batches in flight per partition.',
  },
  retries: {
    kind: 'whole number',
    default: INT_MAX,
    min: 0,
    max: INT_MAX,
    kafka: 'retries',
    documentation: 'Times that a batch is sent again, within deliveryTimeoutMs.',
  },
  retryBackoffMs: {
    kind: 'whole number',
    default: 100,
    min: 1,
    max: HOUR_MS,
    kafka: 'retry.backoff.ms',
    documentation: 'Milliseconds before a batch is sent again.',
  },
  deliveryTimeoutMs: {
    kind: 'whole number',
    default: 120_000,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    kafka: 'delivery.timeout.ms',
    documentation: 'Milliseconds after which a record is given up.',
  },
  compression: {
    kind: 'choice',
    default: 'none',
    oneOf: Object.keys(compressions) as CompressionName[],
    kafka: 'compression.type',
    documentation: 'How batches are compressed, on the producing thread.',
  } satisfies Choice<CompressionName>,
  compressionLevel: {
    kind: 'other',
    type: 'number',
    defaultText: 'the codec’s',
    check: () => {},
    bound: Object.entries(compressionLevels)
      .map(([name, { min, max }]) => `${name} ${min} to ${max}`)
      .join(', '),
    kafka: 'compression.gzip.level, compression.zstd.level',
    documentation: 'Level of gzip or zstd; the others have none.',
  },
  maxRequestSize: {
    kind: 'whole number',
    default: 1_048_576,
    min: 1,
    max: limits.recordBytesMax,
    kafka: 'max.request.size',
    documentation: 'Bytes of one record, as a batch of its own before compression.',
  },
  idempotence: {
    kind: 'flag',
    default: true,
    kafka: 'enable.idempotence',
    documentation: 'No duplicates and no reordering when batches are sent again.',
  },
  clientId: {
    kind: 'other',
    type: 'string',
    defaultText: 'none',
    check: checkClientId,
    kafka: 'client.id',
    documentation: 'Who this is, for quotas: all that have the same client id share one.',
  },
  partitioner: {
    kind: 'other',
    type: 'function',
    defaultText: 'hash of the key, else sticky',
    check: checkFunction,
    kafka: 'partitioner.class',
    documentation: 'Picks the partition of records that name none.',
  },
  autoCreateTopics: {
    kind: 'flag',
    default: true,
    documentation: 'Make a topic that does not exist, where the bus allows it.',
  },
  onError: {
    kind: 'other',
    type: 'function',
    defaultText: 'none',
    check: checkFunction,
    documentation:
      'Told of every batch that was given up, pushed records among them; `flush` rejects too. What it throws becomes a warning of the process.',
  },
} as const satisfies OptionTable;

/** Of `close`, of a producer as of a bus. */
export const closeOptions = {
  deadlineMs: {
    kind: 'whole number',
    default: 30_000,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    documentation: 'Milliseconds that closing may take. What is unfinished then is given up, and told.',
  },
} as const satisfies OptionTable;

export interface CheckedProducerOptions {
  maxBlockMs: number;
  maxRequestSize: number;
  autoCreateTopics: boolean;
  gather: GatherOptions;
}

/** Throws BusError INVALID_ARGUMENT that names the option. */
export function checkProducerOptions<K, V>(options: ProducerOptions<K, V>): CheckedProducerOptions {
  const checked = readOptions('bus.producer', options, producerOptions);
  const { batchSize, idempotence: idempotent, compression, maxBlockMs, maxRequestSize, autoCreateTopics } = checked;
  const { lingerMs, retries, retryBackoffMs, deliveryTimeoutMs } = checked;
  if (idempotent) checkInteger('maxInFlight of an idempotent producer', checked.maxInFlight, 1, IN_FLIGHT_IDEMPOTENT_MAX);
  checkInteger('bufferMemory', checked.bufferMemory, batchSize, producerOptions.bufferMemory.max);
  const { bufferMemory, maxInFlight } = checked;
  const acks: Acks = checked.acks === 'all' ? -1 : checked.acks;
  const compressionLevel = checkLevel(compression, options.compressionLevel);
  return {
    maxBlockMs,
    maxRequestSize,
    autoCreateTopics,
    gather: {
      clientId: options.clientId ?? '',
      batchSize,
      bufferMemory,
      acks,
      maxInFlight,
      compression: compressions[compression],
      compressionLevel,
      idempotent,
      lingerMs,
      retries,
      retryBackoffMs,
      deliveryTimeoutMs,
    },
  };
}

/** A level that the codec refuses would only be noticed when the first batch is sealed. */
function checkLevel(compression: CompressionName, level: number | undefined): number | undefined {
  if (level === undefined || level === null) return undefined;
  if (compression === 'gzip' || compression === 'zstd') {
    const { min, max } = compressionLevels[compression];
    return checkInteger(`compressionLevel of ${compression}`, level, min, max);
  }
  throw new BusError(
    'INVALID_ARGUMENT',
    `compressionLevel is for ${Object.keys(compressionLevels).join(' and ')}; compression is "${compression}": leave it out`,
    {
      details: { option: 'compressionLevel', compression, value: level },
    },
  );
}
