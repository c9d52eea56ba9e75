/** Failures of handlers: which are final, and how they are told. */
import { BusError } from '../../base/errors.ts';
import { publish } from '../events.ts';
import { userCodeFailed } from '../user-code.ts';
import { wordsOf } from './dead-letters.ts';
import type { UnitItem } from './share.ts';

/** It says of itself that trying again is of no use. */
export function isFinal(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'retriable' in cause && cause.retriable === false;
}

/** What ends a run. */
export function failureOf<K, V, H>({ lane, offset, attempts }: UnitItem<K, V, H>, cause: unknown): BusError {
  const { topic, partition } = lane;
  const often = attempts === 1 ? 'once' : `${attempts} times`;
  const { message } = userCodeFailed(`the handler of ${topic}-${partition} at offset ${offset}, tried ${often},`, cause);
  return new BusError('USER_CODE_FAILED', `${message}. The position stays there.`, {
    cause,
    details: { topic, partition, offset, attempts },
  });
}

export function announceFailure<K, V, H>(item: UnitItem<K, V, H>, cause: unknown, did: 'retry' | 'stop' | 'deadLetter' | 'skip'): void {
  const { topic, partition } = item.lane;
  publish('handlerFailed', { topic, partition, offset: item.offset, attempt: item.attempts, error: wordsOf(cause), did });
}
