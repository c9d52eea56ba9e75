/** What a bus may be opened with. */
import { MiB } from '../base/bytes.ts';
import { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { checkInteger, checkObject, shown } from '../client/check.ts';
import { type OptionTable, readOptions } from '../client/option-table.ts';
import type { LogLevel } from '../world/logger.ts';
import { availableCores, resolveFolder } from '../world/machine.ts';

export interface BusOptions {
  /** The data folder; made if absent. Without it the bus lives in memory and writes nothing to disk (Kafka: log.dirs). Default none. */
  dir?: string;
  /** Bytes that the bus may keep in memory: resident batches, batches in flight. Default 268435456, from 16777216 to 68719476736. */
  memoryBytesMax?: number;
  /**
   * Bytes of memory that the whole process may take, the user’s own part among them: near it the bus spills, then slows producers, then
   * has them wait. Default none, from 67108864.
   */
  rssBytesMax?: number;
  /** Partition hosts: threads that carry the partitions. Default cores − 1, at least 1, from 1 to 64. */
  hosts?: number;
  /** Make topics that are produced to and do not exist (Kafka: auto.create.topics.enable). Default true. */
  autoCreateTopics?: boolean;
  /** Partitions of topics that do not say (Kafka: num.partitions). Default 1, from 1 to 10000. */
  partitions?: number;
  /** Defaults of topics by Kafka’s broker names (log.retention.ms …), and `log.durability`; see docs/configuration.md. Default none. */
  configs?: Readonly<Record<string, string | number | boolean>>;
  /** How often retention is applied (Kafka: log.retention.check.interval.ms). Default 300000, from 1. */
  retentionCheckMs?: number;
  /** How long an idempotent producer is remembered (Kafka: producer.id.expiration.ms). Default 86400000, from 1. */
  producerIdExpirationMs?: number;
  /** Log lines on standard error. Default 'warn'. */
  logLevel?: LogLevel;
}

/** An empty Node process with a few threads takes about as much. */
const RSS_BYTES_MIN = 64 * MiB;

export const busOptions = {
  dir: {
    kind: 'other',
    type: 'string',
    defaultText: 'none',
    check: checkFolder,
    kafka: 'log.dirs',
    documentation: 'The data folder; made if absent. Without it the bus lives in memory and writes nothing to disk.',
  },
  memoryBytesMax: {
    kind: 'whole number',
    default: limits.memoryBytesDefault,
    min: limits.memoryBytesMin,
    max: limits.memoryBytesMax,
    documentation: 'Bytes that the bus may keep in memory: resident batches, batches in flight.',
  },
  rssBytesMax: {
    kind: 'other',
    type: 'number',
    defaultText: 'none',
    bound: `from ${RSS_BYTES_MIN}`,
    check: (name, value) => void checkInteger(name, value, RSS_BYTES_MIN, Number.MAX_SAFE_INTEGER),
    documentation:
      'Bytes of memory that the whole process may take, the user’s own part among them: near it the bus spills, then slows producers, then has them wait.',
  },
  hosts: {
    kind: 'whole number',
    default: Math.min(limits.hostsMax, Math.max(1, availableCores() - 1)),
    defaultText: 'cores − 1, at least 1',
    min: 1,
    max: limits.hostsMax,
    documentation: 'Partition hosts: threads that carry the partitions.',
  },
  autoCreateTopics: {
    kind: 'flag',
    default: true,
    kafka: 'auto.create.topics.enable',
    documentation: 'Make topics that are produced to and do not exist.',
  },
  partitions: {
    kind: 'whole number',
    default: 1,
    min: 1,
    max: limits.topicPartitionsMax,
    kafka: 'num.partitions',
    documentation: 'Partitions of topics that do not say.',
  },
  configs: {
    kind: 'other',
    type: 'object',
    defaultText: 'none',
    check: checkConfigs,
    documentation: 'Defaults of topics by Kafka’s broker names (log.retention.ms …), and `log.durability`; see docs/configuration.md.',
  },
  retentionCheckMs: {
    kind: 'whole number',
    default: 300_000,
    min: 1,
    max: 2_147_483_647,
    kafka: 'log.retention.check.interval.ms',
    documentation: 'How often retention is applied.',
  },
  producerIdExpirationMs: {
    kind: 'whole number',
    default: 86_400_000,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    kafka: 'producer.id.expiration.ms',
    documentation: 'How long an idempotent producer is remembered.',
  },
  logLevel: {
    kind: 'choice',
    default: 'warn',
    oneOf: ['silent', 'error', 'warn', 'info', 'debug'],
    documentation: 'Log lines on standard error.',
  },
} as const satisfies OptionTable;

export interface CheckedBusOptions extends Required<Omit<BusOptions, 'dir' | 'configs'>> {
  /** Infinity: no bound. */
  rssBytesMax: number;
  /** Absolute; null for a bus without a folder. */
  dir: string | null;
  /** For the coordinator, by bus-level names. */
  configs: Record<string, string>;
}

/** Throws BusError INVALID_ARGUMENT that names the option. */
export function checkBusOptions(options: BusOptions): CheckedBusOptions {
  const checked = readOptions('Bus.open', options, busOptions);
  const { dir } = options;
  const rssBytesMax = options.rssBytesMax ?? Number.POSITIVE_INFINITY;
  return { ...checked, rssBytesMax, dir: typeof dir === 'string' ? resolveFolder(dir) : null, configs: busConfigs(options) };
}

function checkFolder(_name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return;
  throw new BusError('INVALID_ARGUMENT', `dir is the path of a folder, not ${shown(value)}; leave it out for a bus in memory`, {
    details: { option: 'dir', value },
  });
}

function checkConfigs(name: string, value: unknown): void {
  for (const [key, one] of Object.entries(checkObject(name, value))) {
    if (['string', 'number', 'boolean'].includes(typeof one)) continue;
    throw new BusError('INVALID_ARGUMENT', `configs gives "${key}" ${shown(one)}; a value is text, a number, true or false`, {
      details: { option: 'configs', key },
    });
  }
}

function busConfigs(options: BusOptions): Record<string, string> {
  const configs: Record<string, string> = {};
  for (const [key, value] of Object.entries(options.configs ?? {})) configs[key] = String(value);
  if (options.partitions !== undefined) configs['num.partitions'] = String(options.partitions);
  if (options.autoCreateTopics !== undefined) configs['auto.create.topics.enable'] = String(options.autoCreateTopics);
  return configs;
}
