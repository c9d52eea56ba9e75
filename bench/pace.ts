/**
 * Sends records when the clock says so, whatever became of the earlier ones, and measures from the moment at which a record was due.
 * A stall therefore counts for every record that it held up (no coordinated omission).
 */
import { percentile } from './harness.ts';

// Each thread's performance.now() counts from the thread's own start; hrtime is the machine's clock, but allocates at every call.
const originUs = findOriginUs();

/** Microseconds of the machine's monotonic clock: comparable between threads. */
export const nowUs = (): number => originUs + performance.now() * 1e3;

export interface Pace {
  recordsPerSecond: number;
  count: number;
}

/**
 * Calls `send` for records 0 … count − 1, each when it is due, from a loop that lets the event loop turn in between. When `send` says
 * false (no room) the record is tried again in the next turn, still due when it was.
 */
export function sendAtPace({ recordsPerSecond, count }: Pace, send: (index: number, dueUs: number) => boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const intervalUs = 1e6 / recordsPerSecond;
  const startUs = nowUs() + 1000;
  let next = 0;
  function turn(): void {
    try {
      const us = nowUs();
      while (next < count && startUs + next * intervalUs <= us && send(next, startUs + next * intervalUs)) next++;
      if (next < count) setImmediate(turn);
      else resolve();
    } catch (error) {
      reject(error);
    }
  }
  turn();
  return promise;
}

export interface Delays {
  p50Us: number;
  p99Us: number;
  p999Us: number;
  maxUs: number;
}

/** Delays of records, gathered by number; the first part, in which code is still being compiled, does not count. */
export class DelayLog {
  readonly #us: Float64Array;
  readonly #skip: number;
  #count = 0;

  constructor(count: number, skipShare = 0.2) {
    this.#us = new Float64Array(count);
    this.#skip = Math.floor(count * skipShare);
  }

  get count(): number {
    return this.#count;
  }

  get done(): boolean {
    return this.#count === this.#us.length;
  }

  add(index: number, delayUs: number): void {
    this.#us[index] = delayUs;
    this.#count++;
  }

  summary(): Delays {
    const sorted = this.#us.slice(this.#skip).sort();
    return {
      p50Us: percentile(sorted, 0.5),
      p99Us: percentile(sorted, 0.99),
      p999Us: percentile(sorted, 0.999),
      maxUs: sorted[sorted.length - 1],
    };
  }
}

/** What performance.now() lacks to hrtime, taken from the pair of readings that lay closest together. */
function findOriginUs(): number {
  let origin = 0;
  let closest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 1000; i++) {
    const before = performance.now();
    const [seconds, nanoseconds] = process.hrtime();
    const after = performance.now();
    if (after - before >= closest) continue;
    closest = after - before;
    origin = seconds * 1e6 + nanoseconds / 1e3 - ((before + after) / 2) * 1e3;
  }
  return origin;
}
