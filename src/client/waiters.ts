/**
 * Those that wait for room, first come first. At each release they try again in their order, and within one call: who came later, or
 * is called later, never goes before them.
 */
import type { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Clock, Timer } from '../world/clock.ts';
import { tooManySends } from './refusals.ts';

/** 'full': nobody goes on for lack of room; 'some': after a part of this one. 'later': this one waits for its topic, others may go. */
export type Attempt = 'done' | 'full' | 'some' | 'later';

export interface WaiterOptions {
  /** Tries; what it throws rejects the wait. */
  attempt: () => Attempt;
  /** What it waits for besides room: of those with the same, none goes before an earlier one. Null: it goes when all before it have. */
  about: object | null;
  /** How long it waits, in milliseconds, since it last got anywhere; Infinity: for ever. */
  blockMs: number;
  /** What it is rejected with then. */
  late: () => BusError;
}

/** Where they wait: while somebody does, the thread has something to do. */
interface Place {
  readonly clock: Clock;
  hold(): void;
  release(): void;
}

interface Waiter extends WaiterOptions {
  resolve: () => void;
  reject: (error: unknown) => void;
  timer: Timer | null;
}

export class Waiters {
  readonly #place: Place;
  readonly #waiting = new Set<Waiter>();
  #releasing = false;

  constructor(place: Place) {
    this.#place = place;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Those that have something to send. */
  get sends(): number {
    let count = 0;
    for (const { about } of this.#waiting) if (about !== null) count++;
    return count;
  }

  /** Whether someone waits for this besides room. */
  has(about: object): boolean {
    for (const waiter of this.#waiting) if (waiter.about === about) return true;
    return false;
  }

  /** Resolves when an attempt is done. The first is made at the next `release`. Rejects with BUFFER_FULL when too many sends wait. */
  wait(options: WaiterOptions): Promise<void> {
    if (options.about !== null && this.#waiting.size >= limits.sendsWaitingMax) return Promise.reject(tooManySends(this.#waiting.size));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { ...options, resolve, reject, timer: null };
      this.#waiting.add(waiter);
      this.#place.hold();
      this.#setTimer(waiter);
    });
  }

  /** Lets everyone try who may. */
  release(): void {
    if (this.#releasing) return;
    this.#releasing = true;
    const blocked = new Set<object>();
    for (const waiter of this.#waiting) {
      if (waiter.about === null ? blocked.size > 0 : blocked.has(waiter.about)) {
        if (waiter.about === null) break;
        continue;
      }
      const attempt = this.#attempt(waiter);
      if (attempt === 'full' || attempt === 'some') break;
      if (attempt === 'later' && waiter.about !== null) blocked.add(waiter.about);
    }
    this.#releasing = false;
  }

  /** Rejects everyone. */
  refuse(error: BusError): void {
    for (const waiter of [...this.#waiting]) {
      this.#leave(waiter);
      waiter.reject(error);
    }
  }

  #attempt(waiter: Waiter): Attempt {
    let attempt: Attempt;
    try {
      attempt = waiter.attempt();
    } catch (error) {
      this.#leave(waiter);
      waiter.reject(error);
      return 'done';
    }
    if (attempt === 'done') {
      this.#leave(waiter);
      waiter.resolve();
    } else if (attempt === 'some') {
      waiter.timer?.cancel();
      this.#setTimer(waiter);
    }
    return attempt;
  }

  #leave(waiter: Waiter): void {
    waiter.timer?.cancel();
    if (this.#waiting.delete(waiter)) this.#place.release();
  }

  #setTimer(waiter: Waiter): void {
    if (waiter.blockMs === Number.POSITIVE_INFINITY) return;
    waiter.timer = this.#place.clock.after(
      waiter.blockMs,
      () => {
        if (!this.#waiting.has(waiter)) return;
        this.#leave(waiter);
        waiter.reject(waiter.late());
        // Those behind it may be smaller.
        this.release();
      },
      true,
    );
  }
}
