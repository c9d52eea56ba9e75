/**
 * Refusals that stay: the consumer is closed, its bus is, or it can be no member of its group. A loop that catches them and reads on
 * gets the first ones at once and the others slowly: without a pause no timer, no signal and no close would ever have its turn.
 */
import type { Clock } from '../world/clock.ts';

const PAUSE_MS = 50;
/** What wakes a read and what refuses the next one are two. */
const AT_ONCE = 2;

export class FinalRefusals {
  readonly #clock: Clock;
  readonly #areFinal: () => boolean;
  #count = 0;

  constructor(clock: Clock, areFinal: () => boolean) {
    this.#clock = clock;
    this.#areFinal = areFinal;
  }

  /** The next refusal repeats what has been said. */
  get areRepeated(): boolean {
    return this.#areFinal() && this.#count++ >= AT_ONCE;
  }

  pause(): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(PAUSE_MS, resolve, true));
  }
}
