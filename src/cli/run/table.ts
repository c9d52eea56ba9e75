/**
 * What `spillway run` can be told: a row per setting that is not the coordinator's, each the row of an option elsewhere, under Kafka's
 * name where Kafka has one. Defaults and bounds stay where the option is. The defaults of topics and the other settings of the bus come
 * from the coordinator's tables, by their names.
 */
import { limits } from '../../base/limits.ts';
import { listenOptions } from '../../bus/listeners.ts';
import { busOptions } from '../../bus/options.ts';
import type { OptionRow } from '../../client/option-table.ts';
import { closeOptions } from '../../client/producer-options.ts';
import { busKeys, busRow } from '../../coordinator/configs.ts';

export interface Setting {
  /** Whose option it is: of Bus.open, of bus.listen, of bus.close. */
  of: 'bus' | 'listen' | 'close';
  option: string;
  row: OptionRow;
  /** A flag of its own; the others are set by `--set`. */
  flag?: string;
  /** Takes sizes such as 256MiB. */
  isSize?: true;
  /** Where `run` has another default than the option … */
  defaultText?: string;
  /** … or says more or less of it. */
  documentation?: string;
}

export const settings: Readonly<Record<string, Setting>> = {
  'log.dirs': {
    of: 'bus',
    option: 'dir',
    row: busOptions.dir,
    flag: 'dir',
    defaultText: '`spillway-data`',
    documentation: 'The data folder; made if absent.',
  },
  host: { of: 'listen', option: 'host', row: listenOptions.host, flag: 'host' },
  port: {
    of: 'listen',
    option: 'port',
    row: listenOptions.port,
    flag: 'port',
    documentation: 'The port; 0 takes one that is free, told when it listens.',
  },
  path: { of: 'listen', option: 'path', row: listenOptions.path, flag: 'path' },
  'advertised.host': { of: 'listen', option: 'advertisedHost', row: listenOptions.advertisedHost, flag: 'advertised-host' },
  'advertised.port': { of: 'listen', option: 'advertisedPort', row: listenOptions.advertisedPort, flag: 'advertised-port' },
  'max.connections': { of: 'listen', option: 'connectionsMax', row: listenOptions.connectionsMax },
  'max.connections.per.ip': { of: 'listen', option: 'connectionsPerAddressMax', row: listenOptions.connectionsPerAddressMax },
  'socket.request.max.bytes': { of: 'listen', option: 'requestBytesMax', row: listenOptions.requestBytesMax, isSize: true },
  'queued.max.request.bytes': { of: 'listen', option: 'queuedBytesMax', row: listenOptions.queuedBytesMax, isSize: true },
  'connections.max.idle.ms': { of: 'listen', option: 'idleMs', row: listenOptions.idleMs },
  'memory.bytes.max': {
    of: 'bus',
    option: 'memoryBytesMax',
    row: busOptions.memoryBytesMax,
    flag: 'memory',
    isSize: true,
    defaultText: `\`${limits.brokerMemoryBytesDefault}\` (64 MiB)`,
  },
  'rss.bytes.max': { of: 'bus', option: 'rssBytesMax', row: busOptions.rssBytesMax, isSize: true },
  hosts: { of: 'bus', option: 'hosts', row: busOptions.hosts, flag: 'hosts' },
  'log.retention.check.interval.ms': { of: 'bus', option: 'retentionCheckMs', row: busOptions.retentionCheckMs },
  'producer.id.expiration.ms': { of: 'bus', option: 'producerIdExpirationMs', row: busOptions.producerIdExpirationMs },
  'log.level': { of: 'bus', option: 'logLevel', row: busOptions.logLevel, flag: 'log-level', defaultText: '`info`' },
  'close.deadline.ms': { of: 'close', option: 'deadlineMs', row: closeOptions.deadlineMs },
};

/** Other names of Kafka's: what they say, by the names above. */
export interface Alias {
  documentation: string;
  /** Throws an Error that says what the value may be. */
  means(value: string): Readonly<Record<string, string>>;
  /** Gives way to the setting that it means, where both are set. Else to set both is a contradiction. */
  yields: boolean;
}

export const aliases: Readonly<Record<string, Alias>> = {
  listeners: {
    documentation: '`host` and `port` in one, as `PLAINTEXT://HOST:PORT`. Without a host it listens on all addresses.',
    means: (value) => {
      const { host, port } = endpointOf(value);
      return { host: host === '' ? '0.0.0.0' : host, port };
    },
    yields: false,
  },
  'advertised.listeners': {
    documentation: '`advertised.host` and `advertised.port` in one, as `PLAINTEXT://HOST:PORT`.',
    means: (value) => {
      const { host, port } = endpointOf(value);
      if (host === '') throw new Error('names no host that clients could connect to');
      return { 'advertised.host': host, 'advertised.port': port };
    },
    yields: false,
  },
  // From the finest to the coarsest: the finest that is set counts, as Kafka has it.
  'log.retention.minutes': inUnits('log.retention.ms', 60_000, 'minutes'),
  'log.retention.hours': inUnits('log.retention.ms', 3_600_000, 'hours'),
  'log.roll.hours': inUnits('log.roll.ms', 3_600_000, 'hours'),
};

function inUnits(name: string, unitMs: number, units: string): Alias {
  return {
    documentation: `\`${name}\` in ${units}. Where both are set, \`${name}\` counts.`,
    means: (value) => {
      if (!/^-?\d{1,9}$/.test(value)) throw new Error(`is a whole number of ${units}, not ${JSON.stringify(value)}`);
      return { [name]: value === '-1' ? value : String(Number(value) * unitMs) };
    },
    yields: true,
  };
}

function endpointOf(value: string): { host: string; port: string } {
  const form = 'PLAINTEXT://HOST:PORT';
  if (value.includes(',')) throw new Error(`names several addresses; there is one listener: ${form}`);
  const match = /^(\w+):\/\/(?:\[([^\]]*)\]|([^:/[\]]*)):(\d+)$/.exec(value);
  if (match === null) throw new Error(`takes ${form}, not ${JSON.stringify(value)}`);
  if (match[1].toUpperCase() !== 'PLAINTEXT') throw new Error(`asks for ${match[1]}; only PLAINTEXT is spoken`);
  return { host: match[2] ?? match[3], port: match[4] };
}

/** Every name that may be set. */
export function settingNames(): string[] {
  return [...new Set([...Object.keys(settings), ...Object.keys(aliases), ...busKeys()])];
}

export function isSettingName(name: string): boolean {
  return Object.hasOwn(settings, name) || Object.hasOwn(aliases, name) || busRow(name) !== undefined;
}

/** 'num.partitions' → 'SPILLWAY_NUM_PARTITIONS'. */
export function variableOf(name: string): string {
  return `SPILLWAY_${name.replaceAll('.', '_').toUpperCase()}`;
}

/** Names the file of settings; itself none. */
export const configVariable = 'SPILLWAY_CONFIG';
