/** Asks about a group as promises: what may succeed later is asked again until somebody does not want to know any more. */
import { BusError, errorName, isRetriable } from '../../base/errors.ts';
import type { GroupVerbs } from '../../coordinator/groups/protocol.ts';
import type { CoordinatorReplyOf } from '../../coordinator/protocol.ts';
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import { advice } from '../refusals.ts';
import { backoffMs } from './steps.ts';

export interface Patience {
  /** Monotonic; Infinity: as long as it takes. */
  deadlineMs: number;
  /** It does not matter any more. */
  isVoid?: () => boolean;
}

export function askGroup<V extends keyof GroupVerbs>(
  dispatcher: Dispatcher,
  verb: V,
  fields: GroupVerbs[V]['ask'],
  { deadlineMs, isVoid = () => false }: Patience,
): Promise<CoordinatorReplyOf<V>> {
  const { clock } = dispatcher;
  return new Promise((resolve, reject) => {
    let failures = 0;
    const attempt = (): void => {
      dispatcher.askCoordinator(verb, fields, (error, reply) => {
        if (error === 0 && reply !== null) return resolve(reply);
        if (isRetriable(error) && clock.monotonicMs() < deadlineMs && !isVoid() && !dispatcher.closed)
          return void clock.after(backoffMs(++failures), attempt, true);
        const message = reply !== null && 'message' in reply ? reply.message : '';
        reject(refusalOf(verb, error, message));
      });
    };
    attempt();
  });
}

/** A refusal in words: the coordinator's, or what its code means. */
export function refusalOf(verb: string, error: number, message: string, details: Record<string, unknown> = {}): BusError {
  return new BusError(errorName(error), message === '' ? `${verb} was refused: ${advice(error)}` : message, { details });
}
