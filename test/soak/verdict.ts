/** Whether a soak was flat: straight lines through its samples, and how much they rise over its length. */
import type { Sample } from './soak.ts';

export interface Trend {
  /** Means of the first and the last third. */
  first: number;
  last: number;
  /** Of the line of least squares, per hour. */
  perHour: number;
}

export interface Verdict {
  rssMb: Trend;
  heapMb: Trend;
  descriptors: Trend;
  resources: Trend;
  p99Ms: Trend;
  /** What is not flat, in words. */
  problems: string[];
}

/** The beginning, in which code is compiled and buffers are made, does not count. */
const SKIP_SHARE = 0.2;

/** What the last third may have more than the first: a share of it, and so much besides. */
const allowed = {
  rssMb: { share: 0.1, plus: 16 },
  heapMb: { share: 0.2, plus: 16 },
  descriptors: { share: 0.1, plus: 8 },
  resources: { share: 0.1, plus: 8 },
  // A loaded machine has its moods; a queue that grows shows as a multiple.
  p99Ms: { share: 1, plus: 20 },
} as const;

export function judge(samples: readonly Sample[]): Verdict {
  const counted = samples.slice(Math.floor(samples.length * SKIP_SHARE));
  const names = Object.keys(allowed) as (keyof typeof allowed)[];
  const trends = Object.fromEntries(names.map((name) => [name, trendOf(counted, (sample) => sample[name])])) as Record<
    keyof typeof allowed,
    Trend
  >;
  const problems = names
    .filter((name) => trends[name].last > trends[name].first * (1 + allowed[name].share) + allowed[name].plus)
    .map((name) => `${name} rose from ${trends[name].first} to ${trends[name].last}`);
  return { ...trends, problems };
}

function trendOf(samples: readonly Sample[], value: (sample: Sample) => number): Trend {
  const third = Math.max(1, Math.floor(samples.length / 3));
  const mean = (some: readonly Sample[]): number => some.reduce((sum, sample) => sum + value(sample), 0) / Math.max(1, some.length);
  const middle = samples.reduce((sum, { second }) => sum + second, 0) / Math.max(1, samples.length);
  let over = 0;
  let under = 0;
  for (const sample of samples) {
    over += (sample.second - middle) * value(sample);
    under += (sample.second - middle) ** 2;
  }
  return {
    first: round(mean(samples.slice(0, third))),
    last: round(mean(samples.slice(-third))),
    perHour: round(under === 0 ? 0 : (over / under) * 3600),
  };
}

const round = (value: number): number => Math.round(value * 100) / 100;
