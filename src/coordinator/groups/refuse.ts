/** Which asks are of groups, and their refusal: the error, a message where the reply has room for one, every other field at its zero. */
import { unreachable } from '../../base/assert.ts';
import type { CoordinatorAsk, CoordinatorAskOf, CoordinatorReply } from '../protocol.ts';
import type { GroupVerbs } from './protocol.ts';

export type GroupVerb = keyof GroupVerbs;
export type GroupAsk = { [V in GroupVerb]: CoordinatorAskOf<V> }[GroupVerb];

const verbs: Record<GroupVerb, true> = {
  joinGroup: true,
  syncGroup: true,
  heartbeat: true,
  leaveGroup: true,
  consumerGroupHeartbeat: true,
  reportProgress: true,
  offsetCommit: true,
  offsetFetch: true,
  offsetDelete: true,
  listGroups: true,
  describeGroups: true,
  deleteGroups: true,
  explainGroup: true,
  groupHistory: true,
  describeGroupConfigs: true,
  alterGroupConfigs: true,
  describeQuotas: true,
  alterQuotas: true,
};

export function isGroupAsk(ask: CoordinatorAsk): ask is GroupAsk {
  return ask.verb in verbs;
}

const NOTHING = new Uint8Array(0);

export function refuseGroupAsk(ask: GroupAsk, error: number, message: string): CoordinatorReply {
  const { id } = ask;
  switch (ask.verb) {
    case 'joinGroup': {
      const { verb, memberId } = ask;
      return {
        verb,
        id,
        error,
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
    case 'syncGroup':
      return { verb: ask.verb, id, error, message, protocolType: '', protocolName: '', assignment: NOTHING };
    case 'leaveGroup':
      return { verb: ask.verb, id, error, message, members: [] };
    case 'consumerGroupHeartbeat': {
      const { verb, memberId } = ask;
      return { verb, id, error, message, memberId, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null, names: {} };
    }
    case 'reportProgress':
      return { verb: ask.verb, id, error };
    case 'offsetCommit': {
      const offsets = ask.offsets.map(({ topic, partition }) => ({ topic, partition, error }));
      return { verb: ask.verb, id, error, message, offsets };
    }
    case 'offsetFetch':
      return { verb: ask.verb, id, error, message, offsets: [] };
    case 'offsetDelete': {
      const offsets = ask.topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition, error })));
      return { verb: ask.verb, id, error, message, offsets };
    }
    case 'listGroups':
      return { verb: ask.verb, id, error, groups: [] };
    case 'describeGroups':
      return { verb: ask.verb, id, error, groups: [] };
    case 'deleteGroups':
      return { verb: ask.verb, id, error, groups: ask.groupIds.map((groupId) => ({ groupId, error, message })) };
    case 'explainGroup': {
      const group = {
        groupId: ask.groupId,
        error,
        message,
        type: 'consumer',
        state: 'Dead',
        epoch: -1,
        assignmentEpoch: -1,
        assignor: '',
        protocolType: '',
        members: [],
      } as const;
      return { verb: ask.verb, id, error, message, group: { ...group, members: [] }, partitions: [] };
    }
    case 'groupHistory':
      return { verb: ask.verb, id, error, message, events: [] };
    case 'describeGroupConfigs':
      return { verb: ask.verb, id, error, groups: [] };
    case 'describeQuotas':
      return { verb: ask.verb, id, error, quotas: [] };
    case 'heartbeat':
    case 'alterGroupConfigs':
    case 'alterQuotas':
      return { verb: ask.verb, id, error, message };
    default:
      return unreachable(ask);
  }
}
