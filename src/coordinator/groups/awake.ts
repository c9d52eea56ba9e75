/**
 * Time as groups count it. A coordinator that did not run (its thread was held up, the process was stopped, the machine slept) has
 * heard nobody meanwhile, so nobody was silent: a gap between two looks does not count, and the members' heartbeats, which wait in the
 * mailbox or come when all wake up, are heard before anybody is expired.
 */

/** The coordinator looks every 50 ms; what is longer than this was no mere delay. */
const GAP_MS = 1000;

export class AwakeClock {
  #lookedMs: number;
  #sleptMs = 0;

  constructor(monotonicMs: number) {
    this.#lookedMs = monotonicMs;
  }

  /** What deadlines of groups are counted by. */
  look(monotonicMs: number): number {
    const gapMs = monotonicMs - this.#lookedMs;
    if (gapMs > GAP_MS) this.#sleptMs += gapMs;
    this.#lookedMs = monotonicMs;
    return monotonicMs - this.#sleptMs;
  }
}
