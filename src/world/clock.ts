/** Time, as the rest of the house sees it. The simulator brings its own, so nothing else may touch timers. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall-clock time in milliseconds since the epoch; may step. Used for record timestamps and retention. */
  nowMs(): number;
  /** Milliseconds of a clock that never steps back. Used for deadlines and rates. */
  monotonicMs(): number;
  /** Calls `then` once, `ms` from now at the earliest. A timer keeps the process alive only if `keepAlive`. */
  after(ms: number, then: () => void, keepAlive?: boolean): Timer;
  /** Calls `then` after the current turn of the event loop has handled what already waits (setImmediate). */
  soon(then: () => void): void;
  /** Calls `then` when the running JavaScript yields (microtask). */
  next(then: () => void): void;
}

export const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, then, keepAlive = false) {
    const handle = setTimeout(then, ms);
    if (!keepAlive) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  soon: (then) => void setImmediate(then),
  next: (then) => queueMicrotask(then),
};
