/**
 * The agreement between a consumer and what runs the user's handlers on its behalf (`run`, worker pools, transactions): the one gives
 * batches and is told what was finished, the other is told when partitions move. Only what is finished is ever committed.
 */
import type { PartitionProgress } from '../../coordinator/groups/protocol.ts';
import type { TopicPartition } from '../places.ts';
import type { ConsumedBatch } from '../records.ts';

/**
 * A batch to be handled. A partition is held for a tenure: from its assignment, or the last seek, to the next of these or its loss.
 * What is finished under an older tenure counts no more.
 */
export interface Task<K, V, H> {
  readonly batch: ConsumedBatch<K, V, H>;
  readonly tenure: number;
}

/** What a consumer gives to a runner of handlers. */
export interface Work<K, V, H> {
  /** The next batch of any partition that is neither paused nor held back; null when none is here. Throws what reading would throw. */
  take(): Task<K, V, H> | null;
  /** Resolves when `take` may give something, when the consumer is closing, or after so long. */
  more(timeoutMs?: number): Promise<void>;
  /** The consumer is closing or closed: nothing more will come. */
  readonly closing: boolean;
  /**
   * All records of the partition below `nextOffset` are finished and may be committed. Never goes back within a tenure. False: the
   * partition is held under this tenure no more, so nothing of it will be committed.
   */
  finished(topic: string, partition: number, nextOffset: number, tenure: number): boolean;
  /** Whether the partition is held under this tenure still. */
  holds(topic: string, partition: number, tenure: number): boolean;
  /** Gives no more batches of a partition until `release`: its handler has enough to do. The user's own pausing is another matter. */
  hold(topic: string, partition: number): void;
  release(topic: string, partition: number): void;
  /** Commits all that is finished, now; resolves when that is answered. Rejects as `consumer.commit` does. Without a group: nothing. */
  commit(): Promise<void>;
  /** The runner works no more; the user may read by himself again. */
  end(): void;
}

/** What a runner of handlers does when its consumer says so. */
export interface Runner {
  /**
   * These partitions are about to move to another member: begin nothing more of them, and resolve when what was begun is finished or
   * given up. Bounded by the rebalance timeout; what is `finished` by then is committed before they move.
   */
  revoking(partitions: readonly TopicPartition[]): Promise<void>;
  /** These partitions are another member's already: nothing that is still done about them counts. */
  lost(partitions: readonly TopicPartition[]): void;
  /** The consumer closes: as `revoking` of all. Resolves within the time with what was not finished, in words. */
  closing(withinMs: number): Promise<string[]>;
  /** What it does with a partition; null: nothing, so the consumer says what it waits for. */
  progress(topic: string, partition: number): Pick<PartitionProgress, 'doing' | 'sinceMs' | 'detail'> | null;
  /**
   * Since when (monotonic) the handler that has run longest runs; null when none does. Beyond `maxPollIntervalMs` the member leaves the
   * group: a handler that hangs must not keep its partitions.
   */
  busySinceMs(): number | null;
}
