/** Those that wait for room, first come first. All are let go at once and try again in their order. */
import type { BusError } from '../base/errors.ts';
import type { Clock } from '../world/clock.ts';

interface Waiter {
  resolve: () => void;
  reject: (error: BusError) => void;
}

export class Waiters {
  readonly #clock: Clock;
  #waiting = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Resolves at the next `release`; rejects with what `late` makes when `deadlineMs` (monotonic) comes before. */
  wait(deadlineMs: number, late: () => BusError): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject };
      this.#waiting.add(waiter);
      if (deadlineMs === Number.POSITIVE_INFINITY) return;
      const timer = this.#clock.after(
        Math.max(0, deadlineMs - this.#clock.monotonicMs()),
        () => {
          if (this.#waiting.delete(waiter)) reject(late());
        },
        true,
      );
      waiter.resolve = () => {
        timer.cancel();
        resolve();
      };
      waiter.reject = (error) => {
        timer.cancel();
        reject(error);
      };
    });
  }

  release(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const waiter of waiting) waiter.resolve();
  }

  refuse(error: BusError): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const waiter of waiting) waiter.reject(error);
  }
}
