/** Replies to members of either protocol, and the refusals that both share. */
import { type ErrorName, errors } from '../../base/errors.ts';
import type { CoordinatorReplyOf } from '../protocol.ts';
import type { GroupReply } from './decision.ts';
import type { GroupAsk } from './refuse.ts';
import { refuseGroupAsk } from './refuse.ts';

/** An expected refusal: which error, and what to do. */
export interface Refusal {
  error: ErrorName;
  message: string;
}

export function refusal(error: ErrorName, message: string): Refusal {
  return { error, message };
}

export function refuseWith(ask: GroupAsk, token: number, { error, message }: Refusal): GroupReply {
  return { token, reply: refuseGroupAsk(ask, errors[error].code, message) };
}

export function joinRefused(id: number, memberId: string, { error, message }: Refusal): CoordinatorReplyOf<'joinGroup'> {
  return {
    verb: 'joinGroup',
    id,
    error: errors[error].code,
    message,
    generation: -1,
    protocolType: '',
    protocolName: '',
    leader: '',
    memberId,
    skipAssignment: false,
    members: [],
  };
}

export function syncRefused(id: number, { error, message }: Refusal): CoordinatorReplyOf<'syncGroup'> {
  return { verb: 'syncGroup', id, error: errors[error].code, message, protocolType: '', protocolName: '', assignment: NO_BYTES };
}

export const NO_BYTES = new Uint8Array(0);

export const REJOIN: Refusal = refusal('REBALANCE_IN_PROGRESS', 'the group rebalances: join again');

export function unknownMember(groupId: string, memberId: string): Refusal {
  return refusal('UNKNOWN_MEMBER_ID', `"${memberId}" is not a member of group "${groupId}" (any more): join again without a member id`);
}

export function fencedInstance(groupId: string, instanceId: string): Refusal {
  return refusal(
    'FENCED_INSTANCE_ID',
    `another member of group "${groupId}" has taken the instance id "${instanceId}": give each running member an instance id of its own`,
  );
}
