/**
 * The world of one simulation: virtual time, delays drawn from the seed, and a hash over everything that ran, by which a replay is
 * told from another run.
 */
import { type Random, seededRandom } from '../../src/world/random.ts';
import type { Actor, Lane, World } from './actor.ts';
import { settlePromises, VirtualClock } from './virtual-clock.ts';

export class SimWorld implements World {
  readonly clock = new VirtualClock();
  /** Called after every event. */
  afterEvent: () => void = () => {};
  readonly #random: Random;
  readonly #jumpy: number;
  readonly #copies: boolean;
  readonly #ids = new Map<string, number>();
  #settle = false;
  #hash = 0x811c9dc5;
  #hash2 = 0x1234567;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    // Percent of messages that take long.
    this.#jumpy = [0, 1, 5, 20][this.#random.below(4)];
    this.#copies = this.#random.below(4) === 0;
  }

  get trace(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0') + (this.#hash2 >>> 0).toString(16).padStart(8, '0');
  }

  later(lane: Lane, _what: 'post' | 'soon', then: () => void): void {
    lane.lastMs = Math.max(lane.lastMs, this.clock.monotonicMs() + this.#delayMs());
    this.clock.at(lane.lastMs, then);
  }

  latenessMs(): number {
    return this.#random.below(100) / 1000;
  }

  carry<T>(message: T, transfer: readonly ArrayBuffer[] | undefined): T {
    // Ports cannot be copied; they go by the control posts.
    if (!this.#copies || typeof message !== 'object' || message === null || 'control' in message) return message;
    return structuredClone(message, { transfer: [...(transfer ?? [])] });
  }

  ran(actor: Actor): void {
    this.note(this.#idOf(actor.name));
    if (actor.promises) this.#settle = true;
  }

  /** Mixes something that happened into the trace. */
  note(what: number): void {
    const time = (this.clock.monotonicMs() * 1000) >>> 0;
    this.#hash = Math.imul(this.#hash ^ what ^ time, 0x01000193);
    this.#hash2 = Math.imul((this.#hash2 ^ what) + time, 0x85ebca6b) ^ (this.#hash2 >>> 15);
  }

  /** Runs events until `until`; false when none is left or the time is over. */
  async run(until: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.clock.monotonicMs() + limitMs;
    await settlePromises();
    while (!until()) {
      if (this.clock.monotonicMs() > endMs || !this.clock.step()) return false;
      if (this.#settle) {
        this.#settle = false;
        await settlePromises();
      }
      this.afterEvent();
    }
    return true;
  }

  /** Runs events until a promise has settled: its value, or undefined when it did not in time. */
  async settled<T>(promise: Promise<T>, limitMs: number): Promise<{ value: T } | { error: unknown } | undefined> {
    let result: { value: T } | { error: unknown } | undefined;
    promise.then(
      (value) => {
        result = { value };
      },
      (error: unknown) => {
        result = { error };
      },
    );
    await this.run(() => result !== undefined, limitMs);
    return result;
  }

  #delayMs(): number {
    const { below } = this.#random;
    if (below(100) >= this.#jumpy) return (5 + below(45)) / 1000;
    return below(10) === 0 ? below(40_000) / 1000 : below(2000) / 1000;
  }

  #idOf(name: string): number {
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = this.#ids.size + 1;
      this.#ids.set(name, id);
    }
    return id;
  }
}
