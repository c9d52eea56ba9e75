/**
 * The works that every peer does, how much of each, and how a peer tells what it measured. Each peer runs in a process of its own and
 * prints one line per work; a work that it cannot do at all (nothing kept, nothing synced) is absent.
 */
import { expectCheck } from '../harness.ts';
import { checkOf } from '../records.ts';

export const works = [
  'produce 100 B',
  'replay 100 B',
  'both 100 B',
  'produce 1 KiB',
  'replay 1 KiB',
  'synced, batched',
  'synced, one by one',
  'latency 1,000/s',
  'latency 50,000/s',
] as const;
export type Work = (typeof works)[number];

export interface Counts {
  /** Records of 100 B, and of 1 KiB, in produce, replay and both. */
  records100: number;
  records1k: number;
  syncedBatched: number;
  syncedOneByOne: number;
  latencyMs: number;
}

/** What was measured: records a second, or for latency the median in microseconds with two more percentiles. */
export interface Outcome {
  work: Work | 'peak memory';
  value: number;
  unit: 'records/s' | 'µs' | 'MB';
  check: string;
  p99Us?: number;
  p999Us?: number;
}

export interface PeerSetup {
  /** Empty; removed afterwards. */
  folder: string;
  counts: Counts;
  only: string;
  tell(outcome: Outcome): void;
}

export interface Peer {
  /** Why it cannot run here, or null. */
  skipReason(): string | null;
  /** Does every work whose name holds `only`; resolves with the peak of memory of its other processes, in MB. */
  run(setup: PeerSetup): Promise<number>;
}

export const latencyRates = { 'latency 1,000/s': 1_000, 'latency 50,000/s': 50_000 } as const;

export const wants = ({ only }: PeerSetup, ...names: Work[]): boolean => names.some((name) => name.includes(only));

/** Refuses an outcome whose check does not prove the work. */
export function verified(outcome: Outcome, counts: Counts): Outcome {
  const expected = expectedCheck(outcome.work, counts);
  if (expected !== null) expectCheck(outcome.check, expected, outcome.work);
  return outcome;
}

function expectedCheck(work: Outcome['work'], counts: Counts): string | null {
  switch (work) {
    case 'produce 100 B':
      return `${counts.records100}`;
    case 'replay 100 B':
    case 'both 100 B':
      return checkOf(counts.records100);
    case 'produce 1 KiB':
      return `${counts.records1k}`;
    case 'replay 1 KiB':
      return checkOf(counts.records1k);
    case 'synced, batched':
      return `${counts.syncedBatched}`;
    case 'synced, one by one':
      return `${counts.syncedOneByOne}`;
    case 'latency 1,000/s':
    case 'latency 50,000/s':
      return `${(latencyRates[work] * counts.latencyMs) / 1000}`;
    case 'peak memory':
      return null;
  }
}

/** Runs `work`, and tells its rate. `work` resolves with the check. */
export async function tellRate(setup: PeerSetup, work: Work, count: number, run: () => string | Promise<string>): Promise<void> {
  const startMs = performance.now();
  const check = await run();
  setup.tell({ work, value: count / ((performance.now() - startMs) / 1000), unit: 'records/s', check });
}
