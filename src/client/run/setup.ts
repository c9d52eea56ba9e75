/** What a run is made of, and what it tells when it has ended. */
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import type { Hands } from './hands.ts';
import type { CheckedRunOptions } from './run-options.ts';

/** What a run did, told when it has ended. */
export interface RunReport {
  /** Records, or batches with `eachBatch`, that were handled. */
  handled: number;
  /** Attempts beyond the first. */
  retried: number;
  deadLettered: number;
  skipped: number;
  /** What was given up because the time was over, in words. */
  unfinished: string[];
}

export interface RunnerSetup<K, V, H> {
  dispatcher: Dispatcher;
  hands: Hands<K, V, H>;
  options: CheckedRunOptions;
  /** Null: there is none. */
  deadLetter: string | null;
  /** '' without a group. */
  groupId: string;
}
