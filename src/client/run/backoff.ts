/** How long a failed handler waits before it is tried again: exponential, with full jitter, so that what failed together does not return together. */
import type { Random } from '../../world/random.ts';

export interface Backoff {
  /** The bound of the first pause, in milliseconds; it doubles with each attempt … */
  backoffMs: number;
  /** … up to this. */
  backoffMsMax: number;
}

/** Milliseconds to wait after so many failed attempts (1 or more): anything from 0 to the bound. */
export function pauseMs({ backoffMs, backoffMsMax }: Backoff, attempts: number, random: Random): number {
  // 2^31 times a millisecond is beyond any bound that is allowed.
  const bound = Math.min(backoffMsMax, backoffMs * 2 ** Math.min(attempts - 1, 31));
  return random.below(bound + 1);
}
