/**
 * Time that passes only when the simulation says so: a heap of events ordered by (time, order of asking). It knows no actors and no
 * chance; whoever schedules decides how late. Promises run between events, so that a run depends on the seed alone.
 */
import type { Clock, Timer } from '../../src/world/clock.ts';

interface Event {
  atMs: number;
  order: number;
  call: (() => void) | null;
}

/** Wall-clock time at the start of every simulation. */
const EPOCH_MS = 1_760_000_000_000;

export class VirtualClock implements Clock {
  /** What the wall clock was set forward or back by: it may step, the monotonic one does not. */
  wallStepMs = 0;
  readonly #heap: Event[] = [];
  #nowMs = 0;
  #order = 0;
  #executed = 0;

  get executed(): number {
    return this.#executed;
  }

  nowMs(): number {
    return Math.floor(EPOCH_MS + this.wallStepMs + this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(ms: number, then: () => void): Timer {
    return this.at(this.#nowMs + Math.max(0, ms), then);
  }

  soon(then: () => void): void {
    this.at(this.#nowMs, then);
  }

  next(then: () => void): void {
    queueMicrotask(then);
  }

  /** Calls `then` at this time; of several at one time the first that asked goes first. */
  at(atMs: number, then: () => void): Timer {
    const event: Event = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, call: then };
    this.#push(event);
    return {
      cancel: () => {
        event.call = null;
      },
    };
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return false;
      const { call } = event;
      if (call === null) continue;
      this.#nowMs = event.atMs;
      this.#executed++;
      call();
      return true;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Lets every promise that can go on do so. */
export function settlePromises(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
