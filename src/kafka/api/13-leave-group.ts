/** LeaveGroup of the classic protocol: one member, or from version 3 many (KIP-345). */
import { errors } from '../../base/errors.ts';
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const leaveGroup = api({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexible: 4,
  request: {
    groupId: string(),
    memberId: string({ until: 2 }),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: string({ nullable: true, default: null }),
        reason: string({ since: 5, nullable: true, default: null }),
      }),
      { since: 3 },
    ),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    errorCode: int16({ default: 0 }),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: string({ nullable: true }),
        errorCode: int16({ default: 0 }),
      }),
      { since: 3 },
    ),
  },
});

export function handleLeaveGroup(
  request: RequestOf<typeof leaveGroup>,
  { broker, version }: Call,
  reply: Reply<typeof leaveGroup.response>,
): void {
  const leaving =
    version >= MANY_SINCE
      ? request.members.map(({ memberId, groupInstanceId, reason }) => ({ memberId, instanceId: groupInstanceId, reason: reason ?? '' }))
      : [{ memberId: request.memberId, instanceId: null, reason: '' }];
  broker.dispatcher.askCoordinator('leaveGroup', { groupId: request.groupId, members: leaving }, (error, answer) => {
    // Where there is no such group, each of the members is unknown.
    if (error === UNKNOWN_MEMBER && version >= MANY_SINCE) return reply({ members: leaving.map(unknown) });
    const members = (answer?.members ?? []).map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      errorCode: kafkaCode(member.error),
    }));
    // The error of one member alone is that of the whole.
    const alone = version < MANY_SINCE ? (members[0]?.errorCode ?? 0) : 0;
    reply({ errorCode: error === 0 ? alone : kafkaCode(error), members });
  });
}

const UNKNOWN_MEMBER = errors.UNKNOWN_MEMBER_ID.code;

function unknown({ memberId, instanceId }: { memberId: string; instanceId: string | null }) {
  return { memberId, groupInstanceId: instanceId, errorCode: UNKNOWN_MEMBER };
}

/** KIP-345: many members at once. */
const MANY_SINCE = 3;
