/** ListGroups: by state from version 4, by type from version 5. */
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const listGroups = api({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexible: 3,
  request: {
    statesFilter: array(string(), { since: 4 }),
    typesFilter: array(string(), { since: 5 }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    errorCode: int16({ default: 0 }),
    groups: array(
      struct({
        groupId: string(),
        protocolType: string(),
        groupState: string({ since: 4 }),
        groupType: string({ since: 5 }),
      }),
    ),
  },
});

const states = ['Empty', 'Assigning', 'Reconciling', 'PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead'];

/** Filters are compared without regard to case; one that names nothing that exists finds nothing. */
export function handleListGroups(request: RequestOf<typeof listGroups>, { broker }: Call, reply: Reply<typeof listGroups.response>): void {
  const ask = {
    states: request.statesFilter.map((name) => states.find((state) => state.toLowerCase() === name.toLowerCase()) ?? name),
    types: request.typesFilter.map((name) => name.toLowerCase()),
  };
  broker.dispatcher.askCoordinator('listGroups', ask, (error, answer) => {
    const groups = (answer?.groups ?? []).map(({ groupId, protocolType, state, type }) => ({
      groupId,
      protocolType,
      groupState: state,
      groupType: type,
    }));
    reply({ errorCode: kafkaCode(error), groups });
  });
}
