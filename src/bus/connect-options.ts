/** What `connect` may be told, with the names that Kafka gives these settings. */
import { GiB, MiB } from '../base/bytes.ts';
import { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { checkClientId, shown } from '../client/check.ts';
import { type CheckedOptions, type OptionTable, readOptions } from '../client/option-table.ts';
import type { Address } from '../world/net.ts';

export interface ConnectOptions {
  /**
   * Where brokers listen: 'host:port', '[::1]:9092', 'unix:/path'. One that answers names the others; several are for when one is down
   * (Kafka: bootstrap.servers). Default none: it must be said, from 1 to 100 brokers.
   */
  brokers: readonly string[];
  /** Who this is, for the brokers’ quotas and log lines (Kafka: client.id). Default 'spillway'. */
  clientId?: string;
  /**
   * Whether consumers see records of transactions that are open or were aborted: 'read_uncommitted' shows them (Kafka: isolation.level).
   * Default 'read_committed'.
   */
  isolation?: 'read_committed' | 'read_uncommitted';
  /** Milliseconds that `connect` waits for a broker that answers. Default 30000, from 1 to 3600000. */
  openTimeoutMs?: number;
  /** Milliseconds that one connection may take (Kafka: socket.connection.setup.timeout.ms). Default 10000, from 1 to 3600000. */
  connectTimeoutMs?: number;
  /**
   * Milliseconds that a broker may take to answer; then the connection ends and what may be sent again is (Kafka: request.timeout.ms).
   * Default 30000, from 1 to 3600000.
   */
  requestTimeoutMs?: number;
  /** Milliseconds after which a connection on which nothing was asked is closed (Kafka: connections.max.idle.ms). Default 540000, from 1000. */
  connectionsIdleMs?: number;
  /** Milliseconds after which brokers and leaders are looked at anew, though nothing failed (Kafka: metadata.max.age.ms). Default 300000, from 10. */
  metadataMaxAgeMs?: number;
  /** Bytes of batches that all producers together may have in flight. Default 67108864, from 1048576 to 1073741824. */
  memoryBytesMax?: number;
}

const HOUR_MS = 3_600_000;

export const connectOptions = {
  brokers: {
    kind: 'other',
    type: 'list of text',
    defaultText: 'none: it must be said',
    bound: `from 1 to ${limits.bootstrapBrokersMax} brokers`,
    check: checkBrokers,
    kafka: 'bootstrap.servers',
    documentation:
      "Where brokers listen: 'host:port', '[::1]:9092', 'unix:/path'. One that answers names the others; several are for when one is down.",
  },
  clientId: {
    kind: 'other',
    type: 'text',
    defaultText: "'spillway'",
    check: checkClientId,
    kafka: 'client.id',
    documentation: 'Who this is, for the brokers’ quotas and log lines.',
  },
  isolation: {
    kind: 'choice',
    default: 'read_committed',
    oneOf: ['read_committed', 'read_uncommitted'],
    kafka: 'isolation.level',
    documentation: "Whether consumers see records of transactions that are open or were aborted: 'read_uncommitted' shows them.",
  },
  openTimeoutMs: {
    kind: 'whole number',
    default: 30_000,
    min: 1,
    max: HOUR_MS,
    documentation: 'Milliseconds that `connect` waits for a broker that answers.',
  },
  connectTimeoutMs: {
    kind: 'whole number',
    default: 10_000,
    min: 1,
    max: HOUR_MS,
    kafka: 'socket.connection.setup.timeout.ms',
    documentation: 'Milliseconds that one connection may take.',
  },
  requestTimeoutMs: {
    kind: 'whole number',
    default: 30_000,
    min: 1,
    max: HOUR_MS,
    kafka: 'request.timeout.ms',
    documentation: 'Milliseconds that a broker may take to answer; then the connection ends and what may be sent again is.',
  },
  connectionsIdleMs: {
    kind: 'whole number',
    default: 540_000,
    min: 1000,
    max: Number.MAX_SAFE_INTEGER,
    kafka: 'connections.max.idle.ms',
    documentation: 'Milliseconds after which a connection on which nothing was asked is closed.',
  },
  metadataMaxAgeMs: {
    kind: 'whole number',
    default: 300_000,
    min: 10,
    max: Number.MAX_SAFE_INTEGER,
    kafka: 'metadata.max.age.ms',
    documentation: 'Milliseconds after which brokers and leaders are looked at anew, though nothing failed.',
  },
  memoryBytesMax: {
    kind: 'whole number',
    default: 64 * MiB,
    min: 1 * MiB,
    max: 1 * GiB,
    documentation: 'Bytes of batches that all producers together may have in flight.',
  },
} as const satisfies OptionTable;

export interface CheckedConnectOptions extends CheckedOptions<typeof connectOptions> {
  brokers: readonly string[];
  addresses: readonly Address[];
  clientId: string;
}

/** Throws BusError INVALID_ARGUMENT that names the option. */
export function checkConnectOptions(options: ConnectOptions): CheckedConnectOptions {
  const checked = readOptions('connect', options, connectOptions);
  const { brokers, clientId } = options;
  checkBrokers('brokers', brokers);
  return { ...checked, brokers, addresses: brokers.map((broker) => addressOf(broker) as Address), clientId: clientId ?? 'spillway' };
}

function checkBrokers(name: string, value: unknown): void {
  const refuse = (what: string): never => {
    const advice = `${name} is a list such as ['127.0.0.1:9092'] or ['unix:/path/of/socket']`;
    throw new BusError('INVALID_ARGUMENT', `${advice}: ${what}`, { details: { option: name, value } });
  };
  if (!Array.isArray(value)) return refuse(`${shown(value)} is none`);
  if (value.length === 0) return refuse('it names no broker');
  if (value.length > limits.bootstrapBrokersMax) return refuse(`it names ${value.length}, and ${limits.bootstrapBrokersMax} are enough`);
  for (const broker of value) if (addressOf(broker) === null) refuse(`${shown(broker)} says no host and port`);
}

/** Null for what is none. */
function addressOf(broker: unknown): Address | null {
  if (typeof broker !== 'string' || broker.includes('\0')) return null;
  if (broker.startsWith('unix:')) return broker.length > 5 ? { path: broker.slice(5) } : null;
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(broker) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? null : { host, port };
}
