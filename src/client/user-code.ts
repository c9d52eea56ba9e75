/**
 * Functions of the user's that the house calls to tell something. They run when the house's own work is done, so that they may call
 * whatever they like, and what they throw, now or later, becomes a warning of the process and nothing else.
 */
import { BusError } from '../base/errors.ts';
import type { Clock } from '../world/clock.ts';

/** Calls `callback` soon. `what` names it in the warning. */
export function tell<T>(clock: Clock, what: string, callback: (told: T) => unknown, told: T): void {
  const failed = (cause: unknown): void => process.emitWarning(userCodeFailed(what, cause));
  clock.next(() => {
    try {
      Promise.resolve(callback(told)).catch(failed);
    } catch (cause) {
      failed(cause);
    }
  });
}

/** The user's code threw. */
export function userCodeFailed(what: string, cause: unknown): BusError {
  return new BusError('USER_CODE_FAILED', `${what} threw: ${reasonOf(cause)}`, { cause });
}

/** What was thrown, in words. It may be anything, and its toString may throw too. */
export function reasonOf(cause: unknown): string {
  try {
    return cause instanceof Error ? cause.message : String(cause);
  } catch {
    return 'something that has no words';
  }
}
