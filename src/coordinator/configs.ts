/**
 * The one table of topic configurations: Kafka's names, types, defaults and bounds, and the few that are our own. Parsing, resolving
 * and docs/configuration.md derive from it. It refuses to know what a value does: that is the log's business.
 */
import { limits } from '../base/limits.ts';
import { ownBusConfigs } from './bus-configs.ts';
import type { ConfigEntry } from './protocol.ts';

/** Whether a value changes what this version does. */
export type Effect =
  /** It acts. */
  | 'acts'
  /** Accepted, stored and shown, so that tools which set it work; it changes nothing yet. */
  | 'stored';

export interface ConfigRow {
  type: ConfigEntry['type'];
  default: string;
  /** The name under which a bus sets the default of all its topics; without one, topics alone have it. */
  bus?: string;
  min?: bigint | number;
  max?: bigint | number;
  /** The allowed values of a string, or the allowed items of a list. */
  oneOf?: readonly string[];
  effect: Effect;
  documentation: string;
}

export const LONG_MAX = 2n ** 63n - 1n;
const INT_MAX = 2 ** 31 - 1;
const FOR_EVER = String(LONG_MAX);

const int = { type: 'int', max: INT_MAX } as const;
const long = { type: 'long', max: LONG_MAX } as const;

export const topicConfigs = {
  'cleanup.policy': {
    type: 'list',
    default: 'delete',
    bus: 'log.cleanup.policy',
    oneOf: ['compact', 'delete'],
    effect: 'acts',
    documentation:
      'What happens to old segments: "delete" removes them by retention.ms and retention.bytes. "compact" is accepted and stored, but logs are not compacted yet; a topic with "compact" alone, or none, keeps everything. With "compact", every record needs a key.',
  },
  'compression.gzip.level': {
    ...int,
    default: '-1',
    bus: 'compression.gzip.level',
    min: -1,
    max: 9,
    effect: 'stored',
    documentation:
      'Level of gzip if the bus compresses; −1 is the library’s own choice. Batches are kept as their producer compressed them.',
  },
  'compression.lz4.level': {
    ...int,
    default: '9',
    bus: 'compression.lz4.level',
    min: 1,
    max: 17,
    effect: 'stored',
    documentation:
      'Level of lz4 if the bus compresses. Batches are kept as their producer compressed them; producers of this house have one level of lz4, and refuse `compressionLevel` with it.',
  },
  'compression.type': {
    type: 'string',
    default: 'producer',
    bus: 'compression.type',
    oneOf: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
    effect: 'stored',
    documentation:
      'How batches are to be stored. In this version every value behaves as "producer": a batch is kept as its producer made it.',
  },
  'compression.zstd.level': {
    ...int,
    default: '3',
    bus: 'compression.zstd.level',
    min: -131072,
    max: 22,
    effect: 'stored',
    documentation: 'Level of zstd if the bus compresses. Batches are kept as their producer compressed them.',
  },
  'delete.retention.ms': {
    ...long,
    default: '86400000',
    bus: 'log.cleaner.delete.retention.ms',
    min: 0,
    effect: 'stored',
    documentation: 'How long compaction keeps a record without a value (a tombstone). Waits for compaction.',
  },
  durability: {
    type: 'string',
    default: 'synced',
    bus: 'log.durability',
    oneOf: ['memory', 'written', 'synced'],
    effect: 'acts',
    documentation:
      'When a record counts as committed, is answered to acks "all" and may be read: "memory" when the leader holds it, "written" when it is in the segment files (what Kafka means), "synced" when these were synced. A bus without a folder has only "memory", and that is its default. Spillway’s own.',
  },
  'file.delete.delay.ms': {
    ...long,
    default: '60000',
    bus: 'log.segment.delete.delay.ms',
    min: 0,
    effect: 'stored',
    documentation: 'How long files wait before they are removed. In this version they are removed at once.',
  },
  'flush.messages': {
    ...long,
    default: FOR_EVER,
    bus: 'log.flush.interval.messages',
    min: 1,
    effect: 'stored',
    documentation: 'Records after which Kafka forces a sync. Here durability decides when a log is synced.',
  },
  'flush.ms': {
    ...long,
    default: FOR_EVER,
    bus: 'log.flush.interval.ms',
    min: 0,
    effect: 'stored',
    documentation: 'Time after which Kafka forces a sync. Here durability decides when a log is synced.',
  },
  'follower.replication.throttled.replicas': {
    type: 'list',
    default: '',
    bus: 'follower.replication.throttled.replicas',
    effect: 'stored',
    documentation: 'Replicas whose copying is slowed down on the follower’s side. Waits for replicas.',
  },
  'index.interval.bytes': {
    ...int,
    default: '4096',
    bus: 'log.index.interval.bytes',
    min: 0,
    effect: 'acts',
    documentation:
      'Bytes of the log between two entries of its offset index. Smaller finds an offset in fewer steps and makes larger indexes.',
  },
  'leader.replication.throttled.replicas': {
    type: 'list',
    default: '',
    bus: 'leader.replication.throttled.replicas',
    effect: 'stored',
    documentation: 'Replicas whose copying is slowed down on the leader’s side. Waits for replicas.',
  },
  'local.retention.bytes': {
    ...long,
    default: '-2',
    bus: 'log.local.retention.bytes',
    min: -2,
    effect: 'stored',
    documentation:
      'Bytes that stay on the broker of a partition whose older segments are tiered; −2: as retention.bytes. Nothing is tiered here.',
  },
  'local.retention.ms': {
    ...long,
    default: '-2',
    bus: 'log.local.retention.ms',
    min: -2,
    effect: 'stored',
    documentation:
      'How long records stay on the broker of a partition whose older segments are tiered; −2: as retention.ms. Nothing is tiered here.',
  },
  'max.compaction.lag.ms': {
    ...long,
    default: FOR_EVER,
    bus: 'log.cleaner.max.compaction.lag.ms',
    min: 1,
    effect: 'stored',
    documentation: 'The longest that a record may stay uncompacted. Waits for compaction.',
  },
  'max.message.bytes': {
    ...int,
    default: '1048588',
    bus: 'message.max.bytes',
    min: 0,
    max: limits.recordBytesMax,
    effect: 'acts',
    documentation:
      'The largest batch that is accepted, in bytes as it is stored (after compression). At most a quarter of the bus’s memoryBytesMax.',
  },
  'message.timestamp.after.max.ms': {
    ...long,
    default: '3600000',
    bus: 'log.message.timestamp.after.max.ms',
    min: 0,
    effect: 'acts',
    documentation: 'How far a record’s own timestamp may lie ahead of the clock before its batch is refused. Not used with LogAppendTime.',
  },
  'message.timestamp.before.max.ms': {
    ...long,
    default: FOR_EVER,
    bus: 'log.message.timestamp.before.max.ms',
    min: 0,
    effect: 'acts',
    documentation: 'How far a record’s own timestamp may lie behind the clock before its batch is refused. Not used with LogAppendTime.',
  },
  'message.timestamp.type': {
    type: 'string',
    default: 'CreateTime',
    bus: 'log.message.timestamp.type',
    oneOf: ['CreateTime', 'LogAppendTime'],
    effect: 'acts',
    documentation: 'Whose clock stamps the records: the producer’s ("CreateTime") or the leader’s at the append ("LogAppendTime").',
  },
  'min.cleanable.dirty.ratio': {
    type: 'double',
    default: '0.5',
    bus: 'log.cleaner.min.cleanable.ratio',
    min: 0,
    max: 1,
    effect: 'stored',
    documentation: 'The share of a log that must be uncompacted before compaction starts. Waits for compaction.',
  },
  'min.compaction.lag.ms': {
    ...long,
    default: '0',
    bus: 'log.cleaner.min.compaction.lag.ms',
    min: 0,
    effect: 'stored',
    documentation: 'The shortest that a record stays uncompacted. At most max.compaction.lag.ms. Waits for compaction.',
  },
  'min.insync.replicas': {
    ...int,
    default: '1',
    bus: 'min.insync.replicas',
    min: 1,
    effect: 'stored',
    documentation: 'Replicas that must hold a record before acks "all" is answered. Waits for replicas; until then each partition has one.',
  },
  preallocate: {
    type: 'boolean',
    default: 'false',
    bus: 'log.preallocate',
    effect: 'stored',
    documentation: 'Whether a segment’s file is made at its full size. In this version files grow as they are written.',
  },
  'remote.log.copy.disable': {
    type: 'boolean',
    default: 'false',
    effect: 'stored',
    documentation: 'Whether no more segments are tiered. None is.',
  },
  'remote.log.delete.on.disable': {
    type: 'boolean',
    default: 'false',
    effect: 'stored',
    documentation: 'Whether tiered segments are deleted when a topic’s tiering ends. None is tiered.',
  },
  'remote.storage.enable': {
    type: 'boolean',
    default: 'false',
    effect: 'stored',
    documentation: 'Whether segments are tiered. "true" is refused: there is no other storage.',
  },
  'retention.bytes': {
    ...long,
    default: '-1',
    bus: 'log.retention.bytes',
    min: -1,
    effect: 'acts',
    documentation:
      'Bytes that one partition may hold before its oldest segments are removed; −1: no bound. Works with cleanup.policy "delete".',
  },
  'retention.ms': {
    ...long,
    default: '604800000',
    bus: 'log.retention.ms',
    min: -1,
    effect: 'acts',
    documentation:
      'How long records are kept at least (7 days unless set); −1: for ever. A segment goes when its newest record is older. Works with cleanup.policy "delete".',
  },
  'segment.bytes': {
    ...int,
    default: '1073741824',
    bus: 'log.segment.bytes',
    min: 1024,
    effect: 'acts',
    documentation:
      'Size at which a segment is closed and the next one begun; records are removed by whole segments. Kafka’s lower bound is 1 MiB, ours 1 KiB.',
  },
  'segment.index.bytes': {
    ...int,
    default: '10485760',
    bus: 'log.index.size.max.bytes',
    min: 4,
    effect: 'stored',
    documentation: 'Size of a full offset index, at which Kafka begins the next segment. Here an index grows with its segment.',
  },
  'segment.jitter.ms': {
    ...long,
    default: '0',
    bus: 'log.roll.jitter.ms',
    min: 0,
    effect: 'stored',
    documentation: 'Spreads the rolls by segment.ms of many partitions over this time. In this version they are not spread.',
  },
  'segment.ms': {
    ...long,
    default: '604800000',
    bus: 'log.roll.ms',
    min: 1,
    effect: 'acts',
    documentation: 'Age at which a segment is closed even if it is not full, so that retention can reach its records.',
  },
  'unclean.leader.election.enable': {
    type: 'boolean',
    default: 'false',
    bus: 'unclean.leader.election.enable',
    effect: 'stored',
    documentation: 'Whether a replica that lags may become the leader, losing records. Waits for replicas.',
  },
} as const satisfies Record<string, ConfigRow>;

export type TopicConfigKey = keyof typeof topicConfigs;

const byTopicKey = new Map<string, ConfigRow>(Object.entries(topicConfigs));
const byBusKey = new Map<string, ConfigRow>(
  [...Object.values<ConfigRow>(topicConfigs), ...Object.values<ConfigRow>(ownBusConfigs)].flatMap((row) =>
    row.bus === undefined ? [] : [[row.bus, row]],
  ),
);

/** The row of a topic's configuration name, or undefined. */
export function topicRow(key: string): ConfigRow | undefined {
  return byTopicKey.get(key);
}

/** The row that a bus-level name sets, or undefined. */
export function busRow(key: string): ConfigRow | undefined {
  return byBusKey.get(key);
}

export function topicKeys(): IterableIterator<string> {
  return byTopicKey.keys();
}

export function busKeys(): IterableIterator<string> {
  return byBusKey.keys();
}
