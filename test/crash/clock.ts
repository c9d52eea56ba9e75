/** A clock that stands still until it is told to go on: what was to happen later happens in `turn`. */
import type { Clock, Timer } from '../../src/world/clock.ts';

export class ManualClock implements Clock {
  #ms = 1_000_000;
  #waiting: (() => void)[] = [];

  nowMs(): number {
    return this.#ms;
  }

  monotonicMs(): number {
    return this.#ms;
  }

  after(_ms: number, then: () => void): Timer {
    this.#waiting.push(then);
    return {
      cancel: () => {
        this.#waiting = this.#waiting.filter((one) => one !== then);
      },
    };
  }

  soon(then: () => void): void {
    this.#waiting.push(then);
  }

  next(then: () => void): void {
    this.#waiting.push(then);
  }

  advance(ms: number): void {
    this.#ms += ms;
  }

  /** Whoever waited is dead. */
  forget(): void {
    this.#waiting = [];
  }

  /** Runs what waits; what that adds waits for the next turn. */
  turn(): void {
    for (const then of this.#waiting.splice(0)) then();
  }
}
