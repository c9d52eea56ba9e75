/** JoinGroup of the classic protocol: a member offers what it can, and is answered when the generation is complete. */
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, bool, bytes, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const joinGroup = api({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexible: 6,
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ since: 1, default: -1 }),
    memberId: string(),
    groupInstanceId: string({ since: 5, nullable: true, default: null }),
    protocolType: string(),
    protocols: array(
      struct({
        name: string(),
        metadata: bytes(),
      }),
    ),
    reason: string({ since: 8, nullable: true, default: null }),
  },
  response: {
    throttleTimeMs: int32({ since: 2, default: 0 }),
    errorCode: int16({ default: 0 }),
    generationId: int32({ default: -1 }),
    protocolType: string({ since: 7, nullable: true, default: null }),
    protocolName: string({ nullable: 7 }),
    leader: string(),
    skipAssignment: bool({ since: 9, default: false }),
    memberId: string(),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: string({ since: 5, nullable: true, default: null }),
        metadata: bytes(),
      }),
    ),
  },
});

export function handleJoinGroup(request: RequestOf<typeof joinGroup>, call: Call, reply: Reply<typeof joinGroup.response>): void {
  const { broker, version, clientId, clientHost } = call;
  const { groupId, memberId, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs, protocolType, protocols, reason } = request;
  const ask = {
    groupId,
    memberId,
    instanceId: groupInstanceId,
    sessionTimeoutMs,
    // The first version knew one time for both.
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? sessionTimeoutMs : rebalanceTimeoutMs,
    protocolType,
    protocols: protocols.map(({ name, metadata }) => ({ name, metadata: new Uint8Array(metadata) })),
    reason: reason ?? '',
    clientId,
    clientHost,
    requiresMemberId: version >= MEMBER_ID_SINCE,
    canSkipAssignment: version >= SKIP_SINCE,
  };
  broker.dispatcher.askCoordinator('joinGroup', ask, (error, answer) => {
    if (error !== 0 || answer === null) {
      const { memberId: given = memberId } = answer ?? {};
      return reply({ errorCode: kafkaCode(error), protocolName: null, leader: '', memberId: given === '' ? memberId : given, members: [] });
    }
    reply({
      generationId: answer.generation,
      protocolType: answer.protocolType,
      protocolName: answer.protocolName,
      leader: answer.leader,
      skipAssignment: answer.skipAssignment,
      memberId: answer.memberId,
      members: answer.members.map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.instanceId,
        metadata: member.metadata,
      })),
    });
  });
}

/** KIP-394: a member without an id is told one first. */
const MEMBER_ID_SINCE = 4;
/** KIP-814: a leader that comes back need not assign again. */
const SKIP_SINCE = 9;
