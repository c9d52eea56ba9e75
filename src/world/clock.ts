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

/** Node fires a timer that is set for longer at once. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

export const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, then, keepAlive = false) {
    let handle: NodeJS.Timeout | undefined;
    const wait = (leftMs: number): void => {
      handle = leftMs > TIMEOUT_MS_MAX ? setTimeout(wait, TIMEOUT_MS_MAX, leftMs - TIMEOUT_MS_MAX) : setTimeout(then, leftMs);
      if (!keepAlive) handle.unref();
    };
    wait(ms);
    return { cancel: () => clearTimeout(handle) };
  },
  soon: (then) => void setImmediate(then),
  next: (then) => queueMicrotask(then),
};
