/** DeleteGroups: those without members. */
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const deleteGroups = api({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexible: 2,
  request: {
    groupsNames: array(string()),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array(
      struct({
        groupId: string(),
        errorCode: int16({ default: 0 }),
      }),
    ),
  },
});

export function handleDeleteGroups(
  request: RequestOf<typeof deleteGroups>,
  { broker }: Call,
  reply: Reply<typeof deleteGroups.response>,
): void {
  const groupIds = [...new Set(request.groupsNames)];
  broker.dispatcher.askCoordinator('deleteGroups', { groupIds }, (error, answer) => {
    const rows = error === 0 && answer !== null ? answer.groups : groupIds.map((groupId) => ({ groupId, error }));
    reply({ results: rows.map((row) => ({ groupId: row.groupId, errorCode: kafkaCode(row.error) })) });
  });
}
