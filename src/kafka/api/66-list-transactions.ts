/** ListTransactions: transactions that are under way, by state, producer and age (KIP-664). */
import { errors } from '../../base/errors.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, int16, int32, int64, type RequestOf, string, struct } from '../schema.ts';

export const listTransactions = api({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 2],
  flexible: 0,
  request: {
    stateFilters: array(string()),
    producerIdFilters: array(int64()),
    durationFilter: int64({ since: 1, default: -1 }),
    transactionalIdPattern: string({ since: 2, nullable: true, default: null }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    unknownStateFilters: array(string()),
    transactionStates: array(
      struct({
        transactionalId: string(),
        producerId: int64(),
        transactionState: string(),
      }),
    ),
  },
});

const states = ['Empty', 'Ongoing', 'PrepareCommit', 'PrepareAbort', 'CompleteCommit', 'CompleteAbort', 'Dead', 'PrepareEpochFence'];

/** None is under way, since transactions are not spoken. */
export function handleListTransactions(
  { stateFilters, transactionalIdPattern }: RequestOf<typeof listTransactions>,
  _call: Call,
  reply: Reply<typeof listTransactions.response>,
): void {
  if (!isPattern(transactionalIdPattern ?? ''))
    return reply({ errorCode: errors.INVALID_REGULAR_EXPRESSION.code, unknownStateFilters: [], transactionStates: [] });
  reply({ unknownStateFilters: stateFilters.filter((name) => !states.includes(name)), transactionStates: [] });
}

/** Nothing is matched by it: that it can be read is all that is asked of it. */
function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'u');
    return true;
  } catch {
    return false;
  }
}
