/**
 * The pure core of groups: what an ask, a deadline or a change of topics means. Everything here looks at the state and answers with
 * facts and replies; nothing is changed but by `applyGroup`.
 */
import { decodeAssignment } from '../../assign/consumer-protocol.ts';
import { unreachable } from '../../base/assert.ts';
import { limits } from '../../base/limits.ts';
import type { CoordinatorAskOf } from '../protocol.ts';
import { checkJoin, join } from './classic-join.ts';
import { heartbeat, leave, sync } from './classic-members.ts';
import { checkHeartbeat, heartbeat848, leave848 } from './consumer.ts';
import { heartbeatConsumerGroup, joinConsumerGroup, leaveConsumerGroup, syncConsumerGroup } from './consumer-classic.ts';
import type { GroupCoreAsk, GroupDecision, GroupSurroundings } from './decision.ts';
import { deleteGroups, describeGroups, groupHistory, listGroups } from './describe.ts';
import { blankGroup, Draft } from './draft.ts';
import { upgrade } from './migrate.ts';
import { type Refusal, refusal, refuseWith, unknownMember } from './replies.ts';
import { emptyRound, type Group, type Groups } from './state.ts';
import { namePartitions } from './words.ts';

/** `token` names whom the reply goes to, be it now or later. */
export function decideGroup(groups: Groups, ask: GroupCoreAsk, around: GroupSurroundings, token: number): GroupDecision {
  switch (ask.verb) {
    case 'listGroups':
      return { facts: [], replies: [{ token, reply: listGroups(groups, ask) }] };
    case 'describeGroups':
      return { facts: [], replies: [{ token, reply: describeGroups(groups, ask, around) }] };
    case 'groupHistory':
      return { facts: [], replies: [{ token, reply: groupHistory(groups, ask) }] };
    case 'deleteGroups': {
      const { facts, reply } = deleteGroups(groups, ask);
      return { facts, replies: [{ token, reply }] };
    }
    default:
      return decideMember(groups, ask, around, token);
  }
}

type MemberAsk = Extract<GroupCoreAsk, { groupId: string; verb: Exclude<GroupCoreAsk['verb'], 'groupHistory'> }>;

function decideMember(groups: Groups, ask: MemberAsk, around: GroupSurroundings, token: number): GroupDecision {
  const refuse = (refused: Refusal): GroupDecision => ({ facts: [], replies: [refuseWith(ask, token, refused)] });
  const wrong = checkNames(ask);
  if (wrong !== null) return refuse(wrong);
  const group = groups.byId.get(ask.groupId);
  switch (ask.verb) {
    case 'joinGroup':
      return decideJoin(groups, group, ask, around, token);
    case 'consumerGroupHeartbeat':
      return decideHeartbeat(groups, group, ask, around, token);
    case 'syncGroup':
    case 'heartbeat':
    case 'leaveGroup': {
      if (group === undefined) return refuse(unknownMember(ask.groupId, 'memberId' in ask ? ask.memberId : ''));
      const draft = new Draft(group, around);
      if (group.row.type === 'consumer') toConsumerGroup(draft, ask, token);
      else toClassicGroup(draft, ask, token);
      return draft.end();
    }
    default:
      return unreachable(ask);
  }
}

function toClassicGroup(draft: Draft, ask: Extract<MemberAsk, { verb: 'syncGroup' | 'heartbeat' | 'leaveGroup' }>, token: number): void {
  if (ask.verb === 'syncGroup') sync(draft, ask, token, describeBytes);
  else if (ask.verb === 'heartbeat') heartbeat(draft, ask, token);
  else leave(draft, ask, token);
}

function toConsumerGroup(draft: Draft, ask: Extract<MemberAsk, { verb: 'syncGroup' | 'heartbeat' | 'leaveGroup' }>, token: number): void {
  if (ask.verb === 'syncGroup') syncConsumerGroup(draft, ask, token);
  else if (ask.verb === 'heartbeat') heartbeatConsumerGroup(draft, ask, token);
  else leaveConsumerGroup(draft, ask, token);
}

function describeBytes(bytes: Uint8Array): string {
  const assignment = decodeAssignment(bytes);
  return assignment === null ? `${bytes.length} bytes` : namePartitions(assignment.partitions);
}

function decideJoin(
  groups: Groups,
  group: Group | undefined,
  ask: CoordinatorAskOf<'joinGroup'>,
  around: GroupSurroundings,
  token: number,
): GroupDecision {
  const refuse = (refused: Refusal): GroupDecision => ({ facts: [], replies: [refuseWith(ask, token, refused)] });
  const wrong = checkJoin(ask, around.settings);
  if (wrong !== null) return refuse(wrong);
  if (group === undefined && ask.memberId !== '') return refuse(unknownMember(ask.groupId, ask.memberId));
  if (group === undefined && groups.byId.size >= limits.groupsMax) return refuse(tooManyGroups());
  const draft = new Draft(group, around, group === undefined ? blankGroup(ask.groupId, 'classic', around) : undefined);
  if (draft.row.type === 'consumer' && draft.size > 0) joinConsumerGroup(draft, ask, token);
  else {
    if (draft.row.type === 'consumer') becomeClassic(draft);
    join(draft, ask, token);
  }
  return draft.end();
}

/** A consumer group without members is whatever comes next; its epochs go on. */
function becomeClassic(draft: Draft): void {
  draft.change({ type: 'classic', assignmentEpoch: -1, topicsDigest: '', assignor: '', protocolType: '', leader: '' });
  draft.round = emptyRound;
}

function decideHeartbeat(
  groups: Groups,
  group: Group | undefined,
  ask: CoordinatorAskOf<'consumerGroupHeartbeat'>,
  around: GroupSurroundings,
  token: number,
): GroupDecision {
  const refuse = (refused: Refusal): GroupDecision => ({ facts: [], replies: [refuseWith(ask, token, refused)] });
  const wrong = checkHeartbeat(ask, around.settings);
  if (wrong !== null) return refuse(wrong);
  const joins = ask.memberEpoch === 0;
  if (!joins && group?.row.type !== 'consumer') return refuse(refusal('GROUP_ID_NOT_FOUND', `there is no consumer group "${ask.groupId}"`));
  if (group === undefined && groups.byId.size >= limits.groupsMax) return refuse(tooManyGroups());
  const draft = new Draft(group, around, group === undefined ? blankGroup(ask.groupId, 'consumer', around) : undefined);
  if (draft.row.type === 'classic') {
    const cannot = upgrade(draft);
    if (cannot !== null) return refuse(cannot);
  }
  if (ask.memberEpoch < 0) leave848(draft, ask, token);
  else heartbeat848(draft, ask, token);
  return draft.end();
}

function tooManyGroups(): Refusal {
  return refusal('GROUP_MAX_SIZE_REACHED', `the bus has ${limits.groupsMax} groups, which is the most: delete some`);
}

/** What a protocol takes at least: so that many empty ones are too many, too. */
const PROTOCOL_BYTES = 16;

/** Names that are too long are refused before anything is kept of them; so is what a member of the classic protocol sends along. */
function checkNames(ask: MemberAsk): Refusal | null {
  if (ask.groupId === '') return refusal('INVALID_GROUP_ID', 'a group has a name: give a groupId');
  const names: (string | null)[] = [ask.groupId];
  let bytes = 0;
  if ('memberId' in ask) names.push(ask.memberId, ask.instanceId);
  if ('clientId' in ask) names.push(ask.clientId, ask.clientHost);
  if (ask.verb === 'leaveGroup') for (const { memberId, instanceId } of ask.members) names.push(memberId, instanceId);
  if (ask.verb === 'joinGroup') for (const { name, metadata } of ask.protocols) bytes += PROTOCOL_BYTES + name.length + metadata.length;
  if (ask.verb === 'syncGroup') for (const { assignment } of ask.assignments) bytes = Math.max(bytes, assignment.length);
  const long = names.find((name) => (name?.length ?? 0) > limits.groupNameMax);
  if (long != null) return refusal('INVALID_REQUEST', `names have at most ${limits.groupNameMax} characters, not ${long.length}`);
  if (ask.verb === 'leaveGroup' && ask.members.length > limits.groupMembersMax) {
    return refusal('INVALID_REQUEST', `at most ${limits.groupMembersMax} members leave at once, not ${ask.members.length}`);
  }
  if (bytes <= limits.groupMetadataBytesMax) return null;
  return refusal(
    'INVALID_REQUEST',
    `a member sends or gets at most ${limits.groupMetadataBytesMax} bytes, not ${bytes}: subscribe to fewer topics`,
  );
}

export { beginGroups, expireGroups, topicsChanged } from './due.ts';
export { emptySinceMs, forgetGroup, isMember, isSubscribed, mayCommit, mayFetchOffsets } from './offsets.ts';
