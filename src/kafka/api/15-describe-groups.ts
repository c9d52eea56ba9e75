/** DescribeGroups: classic groups with their members, and the bytes that they sent and got. */
import { errors } from '../../base/errors.ts';
import type { GroupDescription } from '../../coordinator/groups/protocol.ts';
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { groupOperations, operationsOf } from '../operations.ts';
import { api, array, bool, bytes, int16, int32, type RequestOf, type ResponseOf, string, struct } from '../schema.ts';

export const describeGroups = api({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexible: 5,
  request: {
    groups: array(string()),
    includeAuthorizedOperations: bool({ since: 3 }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    groups: array(
      struct({
        errorCode: int16({ default: 0 }),
        errorMessage: string({ since: 6, nullable: true, default: null }),
        groupId: string(),
        groupState: string(),
        protocolType: string(),
        protocolData: string(),
        members: array(
          struct({
            memberId: string(),
            groupInstanceId: string({ since: 4, nullable: true, default: null }),
            clientId: string(),
            clientHost: string(),
            memberMetadata: bytes(),
            memberAssignment: bytes(),
          }),
        ),
        authorizedOperations: int32({ since: 3, default: -2_147_483_648 }),
      }),
    ),
  },
});

type Row = ResponseOf<typeof describeGroups>['groups'][number];

/** Groups of the newer protocol are none of this request's; versions before 6 say so by the state alone. */
export function handleDescribeGroups(
  request: RequestOf<typeof describeGroups>,
  { broker, version }: Call,
  reply: Reply<typeof describeGroups.response>,
): void {
  const authorizedOperations = operationsOf(request.includeAuthorizedOperations, groupOperations);
  broker.dispatcher.askCoordinator('describeGroups', { groupIds: [...request.groups] }, (error, answer) => {
    const known = new Map((answer?.groups ?? []).map((group) => [group.groupId, group]));
    const groups = request.groups.map((groupId): Row => {
      const group = known.get(groupId);
      if (group === undefined) return dead(groupId, error, '');
      if (group.error === errors.GROUP_ID_NOT_FOUND.code || group.type !== 'classic') {
        const said = group.error === 0 ? `Group ${groupId} is not a classic group.` : `Group ${groupId} not found.`;
        return version < NOT_FOUND_SINCE
          ? { ...dead(groupId, 0, ''), authorizedOperations }
          : dead(groupId, errors.GROUP_ID_NOT_FOUND.code, said);
      }
      if (group.error !== 0) return dead(groupId, group.error, group.message);
      return { ...rowOf(group), authorizedOperations };
    });
    reply({ groups });
  });
}

function rowOf({ groupId, state, protocolType, assignor, members }: GroupDescription): Row {
  // Until a group is stable, what its members can do is not settled.
  const isStable = state === 'Stable';
  return {
    groupId,
    groupState: state,
    protocolType,
    protocolData: isStable ? assignor : '',
    members: members.map(({ memberId, instanceId, clientId, clientHost, metadata, assignmentBytes }) => ({
      memberId,
      groupInstanceId: instanceId,
      clientId,
      clientHost,
      memberMetadata: isStable ? metadata : NOTHING,
      memberAssignment: assignmentBytes,
    })),
  };
}

function dead(groupId: string, error: number, message: string): Row {
  return {
    groupId,
    errorCode: kafkaCode(error),
    errorMessage: message === '' ? null : message,
    groupState: 'Dead',
    protocolType: '',
    protocolData: '',
    members: [],
  };
}

const NOTHING = new Uint8Array(0);
/** The version that knows GROUP_ID_NOT_FOUND. */
const NOT_FOUND_SINCE = 6;
