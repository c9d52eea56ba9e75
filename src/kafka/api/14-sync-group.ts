/** SyncGroup of the classic protocol: the leader brings the assignment, everybody gets their part. */
import { errors } from '../../base/errors.ts';
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, bytes, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const syncGroup = api({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexible: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ since: 3, nullable: true, default: null }),
    protocolType: string({ since: 5, nullable: true, default: null }),
    protocolName: string({ since: 5, nullable: true, default: null }),
    assignments: array(
      struct({
        memberId: string(),
        assignment: bytes(),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    errorCode: int16({ default: 0 }),
    protocolType: string({ since: 5, nullable: true, default: null }),
    protocolName: string({ since: 5, nullable: true, default: null }),
    assignment: bytes(),
  },
});

export function handleSyncGroup(
  request: RequestOf<typeof syncGroup>,
  { broker, version }: Call,
  reply: Reply<typeof syncGroup.response>,
): void {
  const { groupId, generationId, memberId, groupInstanceId, protocolType, protocolName, assignments } = request;
  const isWhole = version < PROTOCOL_SINCE || (protocolType !== null && protocolName !== null);
  if (!isWhole) return reply({ errorCode: errors.INCONSISTENT_GROUP_PROTOCOL.code, assignment: NOTHING });
  const ask = {
    groupId,
    generation: generationId,
    memberId,
    instanceId: groupInstanceId,
    protocolType,
    protocolName,
    assignments: assignments.map((one) => ({ memberId: one.memberId, assignment: new Uint8Array(one.assignment) })),
  };
  broker.dispatcher.askCoordinator('syncGroup', ask, (error, answer) => {
    if (error !== 0 || answer === null) reply({ errorCode: kafkaCode(error), assignment: NOTHING });
    else reply({ protocolType: answer.protocolType, protocolName: answer.protocolName, assignment: answer.assignment });
  });
}

/** The version that says what the group speaks (KIP-559). */
const PROTOCOL_SINCE = 5;
const NOTHING = new Uint8Array(0);
