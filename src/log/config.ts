/** What a log must know of its topic's configuration. Values are resolved: the coordinator has applied the defaults. */

/** When a record counts as committed; see docs/architecture.md. */
export type Durability = 'memory' | 'written' | 'synced';

export interface LogConfig {
  durability: Durability;
  /** segment.bytes */
  segmentBytes: number;
  /** segment.ms */
  segmentMs: number;
  /** retention.ms; −1: for ever */
  retentionMs: number;
  /** retention.bytes of one partition; −1: no bound */
  retentionBytes: number;
  /** index.interval.bytes */
  indexIntervalBytes: number;
  /** max.message.bytes: the largest batch, as it is stored */
  batchBytesMax: number;
  /** message.timestamp.type: true for LogAppendTime */
  logAppendTime: boolean;
  /** message.timestamp.before.max.ms */
  timestampBeforeMaxMs: number;
  /** message.timestamp.after.max.ms */
  timestampAfterMaxMs: number;
  /** cleanup.policy holds "delete" */
  cleanupDelete: boolean;
  /** cleanup.policy holds "compact" */
  cleanupCompact: boolean;
}
