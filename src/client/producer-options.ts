/** What a producer may be told, with the names that Kafka gives these settings, and what it makes of it. */
import type { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { GatherOptions } from '../dispatch/gather-options.ts';
import type { Partitioner } from '../dispatch/route.ts';
import type { Acks } from '../partition/protocol.ts';
import { type CompressionName, compressions } from '../record/compression.ts';
import { checkInteger, checkNames, checkOneOf } from './check.ts';
import type { Serde } from './serde.ts';

export interface ProducerOptions<K = string | Uint8Array, V = unknown> {
  /** Serde of keys, for topics given by name. Default: text as UTF-8, bytes as they are. */
  key?: Serde<K>;
  /** Serde of values, for topics given by name. Default: msgpack. */
  value?: Serde<V>;
  /** Bytes of one batch before compression (Kafka: batch.size). Default 131072, at least 1024. */
  batchSize?: number;
  /** Milliseconds that an open batch waits for more records (Kafka: linger.ms). Default 0: it leaves when the running code yields. */
  lingerMs?: number;
  /** Bytes that may wait or be in flight (Kafka: buffer.memory). Default 33554432. */
  bufferMemory?: number;
  /** Milliseconds that `send` waits for room (Kafka: max.block.ms). Default 60000. */
  maxBlockMs?: number;
  /** 0: do not wait. 1: appended. 'all': committed at the topic's durability (Kafka: acks). Default 'all'. */
  acks?: 0 | 1 | -1 | 'all';
  /** Batches in flight per partition (Kafka: max.in.flight.requests.per.connection). Default 5, at most 5 when idempotent. */
  maxInFlight?: number;
  /** Times that a batch is sent again (Kafka: retries). Default 2147483647: until deliveryTimeoutMs. */
  retries?: number;
  /** Milliseconds before a batch is sent again (Kafka: retry.backoff.ms). Default 100. */
  retryBackoffMs?: number;
  /** Milliseconds after which a record is given up (Kafka: delivery.timeout.ms). Default 120000. */
  deliveryTimeoutMs?: number;
  /** 'none', 'gzip', 'snappy', 'lz4' or 'zstd' (Kafka: compression.type). Default 'none'. */
  compression?: CompressionName;
  /** Level of gzip, lz4 or zstd (Kafka: compression.gzip.level …). Default: the codec's. */
  compressionLevel?: number;
  /** Bytes of one record, as it is encoded (Kafka: max.request.size). Default 1048576. */
  maxRequestSize?: number;
  /** No duplicates and no reordering when batches are sent again (Kafka: enable.idempotence). Default true. */
  idempotence?: boolean;
  /** Picks the partition of records that name none. Default: hash of the key, else sticky. */
  partitioner?: Partitioner;
  /** Make a topic that does not exist, where the bus allows it. Default true. */
  autoCreateTopics?: boolean;
  /** Told of every batch that was given up, pushed records among them. `flush` rejects too. */
  onError?: (error: BusError) => void;
}

const optionNames: readonly (keyof ProducerOptions)[] = [
  'key',
  'value',
  'batchSize',
  'lingerMs',
  'bufferMemory',
  'maxBlockMs',
  'acks',
  'maxInFlight',
  'retries',
  'retryBackoffMs',
  'deliveryTimeoutMs',
  'compression',
  'compressionLevel',
  'maxRequestSize',
  'idempotence',
  'partitioner',
  'autoCreateTopics',
  'onError',
];

export interface CheckedProducerOptions {
  maxBlockMs: number;
  maxRequestSize: number;
  gather: GatherOptions;
}

/** Throws BusError INVALID_ARGUMENT that names the option. */
export function checkProducerOptions<K, V>(options: ProducerOptions<K, V>): CheckedProducerOptions {
  checkNames('bus.producer', options, optionNames);
  const idempotent = options.idempotence ?? true;
  const acks: Acks = options.acks === undefined || options.acks === 'all' ? -1 : (checkOneOf('acks', options.acks, [0, 1, -1]) as Acks);
  const maxInFlight = checkInteger('maxInFlight', options.maxInFlight ?? 5, 1, idempotent ? 5 : 1000);
  const compression = checkOneOf('compression', options.compression ?? 'none', Object.keys(compressions) as CompressionName[]);
  const batchSize = checkInteger('batchSize', options.batchSize ?? 131_072, 1024, 16_777_216);
  const bufferMemory = checkInteger('bufferMemory', options.bufferMemory ?? 33_554_432, batchSize, 1_073_741_824);
  return {
    maxBlockMs: checkInteger('maxBlockMs', options.maxBlockMs ?? 60_000, 0, Number.MAX_SAFE_INTEGER),
    maxRequestSize: checkInteger('maxRequestSize', options.maxRequestSize ?? 1_048_576, 1, limits.recordBytesMax),
    gather: {
      batchSize,
      bufferMemory,
      acks,
      maxInFlight,
      compression: compressions[compression],
      compressionLevel: options.compressionLevel,
      idempotent,
      lingerMs: checkInteger('lingerMs', options.lingerMs ?? 0, 0, 3_600_000),
      retries: checkInteger('retries', options.retries ?? 2_147_483_647, 0, 2_147_483_647),
      retryBackoffMs: checkInteger('retryBackoffMs', options.retryBackoffMs ?? 100, 1, 3_600_000),
      deliveryTimeoutMs: checkInteger('deliveryTimeoutMs', options.deliveryTimeoutMs ?? 120_000, 1, Number.MAX_SAFE_INTEGER),
    },
  };
}
