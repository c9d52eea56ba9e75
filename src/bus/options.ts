/** What a bus may be opened with. */
import { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { checkInteger, checkNames, checkOneOf } from '../client/check.ts';
import type { LogLevel } from '../world/logger.ts';
import { availableCores, resolveFolder } from '../world/machine.ts';

export interface BusOptions {
  /** The data folder; made if absent. Without it the bus lives in memory and writes nothing to disk. */
  dir?: string;
  /** Bytes that the bus may keep in memory: resident batches, batches in flight. Default 268435456, at least 16777216. */
  memoryBytesMax?: number;
  /** Partition hosts (threads). Default: cores − 1, at least 1. */
  hosts?: number;
  /** Make topics that are produced to and do not exist (Kafka: auto.create.topics.enable). Default true, as Kafka's. */
  autoCreateTopics?: boolean;
  /** Partitions of topics that do not say (Kafka: num.partitions). Default 1. */
  partitions?: number;
  /** Defaults of topics by Kafka's broker names (log.retention.ms …), and `log.durability`; see docs/configuration.md. */
  configs?: Readonly<Record<string, string | number | boolean>>;
  /** How often retention is applied (Kafka: log.retention.check.interval.ms). Default 300000. */
  retentionCheckMs?: number;
  /** How long an idempotent producer is remembered (Kafka: producer.id.expiration.ms). Default 86400000. */
  producerIdExpirationMs?: number;
  /** Log lines on standard error. Default 'warn'. */
  logLevel?: LogLevel;
}

const optionNames: readonly (keyof BusOptions)[] = [
  'dir',
  'memoryBytesMax',
  'hosts',
  'autoCreateTopics',
  'partitions',
  'configs',
  'retentionCheckMs',
  'producerIdExpirationMs',
  'logLevel',
];

export interface CheckedBusOptions extends Required<Omit<BusOptions, 'dir' | 'configs'>> {
  /** Absolute; null for a bus without a folder. */
  dir: string | null;
  /** For the coordinator, by bus-level names. */
  configs: Record<string, string>;
}

/** Throws BusError INVALID_ARGUMENT that names the option. */
export function checkBusOptions(options: BusOptions): CheckedBusOptions {
  checkNames('Bus.open', options, optionNames);
  if (options.dir !== undefined && (typeof options.dir !== 'string' || options.dir === '')) {
    throw new BusError('INVALID_ARGUMENT', 'dir is the path of a folder; leave it out for a bus in memory');
  }
  return {
    dir: options.dir === undefined ? null : resolveFolder(options.dir),
    configs: busConfigs(options),
    memoryBytesMax: checkInteger(
      'memoryBytesMax',
      options.memoryBytesMax ?? limits.memoryBytesDefault,
      limits.memoryBytesMin,
      limits.memoryBytesMax,
    ),
    hosts: checkInteger('hosts', options.hosts ?? Math.max(1, availableCores() - 1), 1, limits.hostsMax),
    autoCreateTopics: options.autoCreateTopics ?? true,
    partitions: checkInteger('partitions', options.partitions ?? 1, 1, limits.topicPartitionsMax),
    retentionCheckMs: checkInteger('retentionCheckMs', options.retentionCheckMs ?? 300_000, 1, 2_147_483_647),
    producerIdExpirationMs: checkInteger(
      'producerIdExpirationMs',
      options.producerIdExpirationMs ?? 86_400_000,
      1,
      Number.MAX_SAFE_INTEGER,
    ),
    logLevel: checkOneOf('logLevel', options.logLevel ?? 'warn', ['silent', 'error', 'warn', 'info', 'debug']),
  };
}

function busConfigs(options: BusOptions): Record<string, string> {
  const configs: Record<string, string> = {};
  for (const [key, value] of Object.entries(options.configs ?? {})) configs[key] = String(value);
  if (options.partitions !== undefined) configs['num.partitions'] = String(options.partitions);
  if (options.autoCreateTopics !== undefined) configs['auto.create.topics.enable'] = String(options.autoCreateTopics);
  return configs;
}
