/** The classic protocol of groups in Kafka's words, for a member that is here: what it asks becomes a request, what it hears a reply. Pure. */
import { errors } from '../../base/errors.ts';
import type { GroupVerbs } from '../../coordinator/groups/protocol.ts';
import type { joinGroup } from '../api/11-join-group.ts';
import type { heartbeat } from '../api/12-heartbeat.ts';
import type { leaveGroup } from '../api/13-leave-group.ts';
import type { syncGroup } from '../api/14-sync-group.ts';
import { type Answer, busCode, type RequestTo, type ResponseFrom } from './words.ts';

type Join = GroupVerbs['joinGroup'];
type Sync = GroupVerbs['syncGroup'];
type Leave = GroupVerbs['leaveGroup'];

/** Who the client is, the connection tells; that an id is required first, the version. */
export function joinRequest(ask: Join['ask']): RequestTo<typeof joinGroup> {
  const { groupId, memberId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs, protocolType, protocols, reason } = ask;
  return {
    groupId,
    memberId,
    groupInstanceId: instanceId,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocolType,
    protocols,
    reason: reason === '' ? null : reason,
  };
}

export function joinReply(response: ResponseFrom<typeof joinGroup>): Answer<'joinGroup'> {
  return {
    error: busCode(response.errorCode),
    message: '',
    generation: response.generationId,
    protocolType: response.protocolType ?? '',
    protocolName: response.protocolName ?? '',
    leader: response.leader,
    memberId: response.memberId,
    skipAssignment: response.skipAssignment,
    members: response.members.map(({ memberId, groupInstanceId, metadata }) => ({
      memberId,
      instanceId: groupInstanceId,
      metadata: new Uint8Array(metadata),
    })),
  };
}

export function noJoin({ memberId }: Join['ask'], error: number, message: string): Answer<'joinGroup'> {
  const nothing = { generation: -1, protocolType: '', protocolName: '', leader: '', skipAssignment: false, members: [] };
  return { error, message, memberId, ...nothing };
}

/** How long a join may stay unanswered: others have the rebalance timeout to come along, and the answer has to get here. */
export function joinTimeoutMs({ rebalanceTimeoutMs }: Pick<Join['ask'], 'rebalanceTimeoutMs'>): number {
  return rebalanceTimeoutMs + JOIN_GRACE_MS;
}

/** As Kafka's clients have it. */
const JOIN_GRACE_MS = 5000;

export function syncRequest(ask: Sync['ask']): RequestTo<typeof syncGroup> {
  const { groupId, generation, memberId, instanceId, protocolType, protocolName, assignments } = ask;
  return { groupId, generationId: generation, memberId, groupInstanceId: instanceId, protocolType, protocolName, assignments };
}

export function syncReply(response: ResponseFrom<typeof syncGroup>): Answer<'syncGroup'> {
  return {
    error: busCode(response.errorCode),
    message: '',
    protocolType: response.protocolType ?? '',
    protocolName: response.protocolName ?? '',
    assignment: new Uint8Array(response.assignment),
  };
}

export function noSync(error: number, message: string): Answer<'syncGroup'> {
  return { error, message, protocolType: '', protocolName: '', assignment: new Uint8Array(0) };
}

export function heartbeatRequest(ask: GroupVerbs['heartbeat']['ask']): RequestTo<typeof heartbeat> {
  const { groupId, generation, memberId, instanceId } = ask;
  return { groupId, generationId: generation, memberId, groupInstanceId: instanceId };
}

/** Up to version 2 a request names one member, and its error is that of the whole. */
export function leaveRequest({ groupId, members }: Leave['ask']): RequestTo<typeof leaveGroup> {
  return {
    groupId,
    memberId: members[0]?.memberId ?? '',
    members: members.map(({ memberId, instanceId, reason }) => ({
      memberId,
      groupInstanceId: instanceId,
      reason: reason === '' ? null : reason,
    })),
  };
}

/** A member that is not known has left, whoever saw to it. */
export function leaveReply({ members }: Leave['ask'], response: ResponseFrom<typeof leaveGroup>): Answer<'leaveGroup'> {
  const whole = busCode(response.errorCode);
  const rows = response.members.map(({ memberId, groupInstanceId, errorCode }) => ({
    memberId,
    instanceId: groupInstanceId,
    error: busCode(errorCode),
  }));
  if (rows.length > 0 || members.length !== 1) return { error: whole, message: '', members: rows };
  const [{ memberId, instanceId }] = members;
  const isOfMember = whole === errors.UNKNOWN_MEMBER_ID.code;
  return { error: isOfMember ? 0 : whole, message: '', members: [{ memberId, instanceId, error: whole }] };
}
