/**
 * The groups' state and how a fact changes it. Pure: the same facts give the same state, live and at start-up.
 *
 * Invariants: an instance id belongs to one member; of a consumer group, a partition has at most one owner (`owners`: who has it
 * assigned or has not given it up yet), and `nextMs` is never later than its earliest deadline.
 */
import { assert, unreachable } from '../../base/assert.ts';
import { Deadlines } from '../../base/deadlines.ts';
import { limits } from '../../base/limits.ts';
import type { GroupFact, GroupRow, Member, MemberLive, MemberRow, Round } from './facts.ts';
import type { GroupEvent } from './protocol.ts';

export interface Group {
  row: GroupRow;
  /** In the order in which they came. */
  readonly members: Map<string, Member>;
  /** Member ids by instance id. */
  readonly instances: Map<string, string>;
  /** Member ids by partition, by topic id; of consumer groups only. */
  readonly owners: Map<string, (string | undefined)[]>;
  /** Of classic groups only. */
  round: Round | null;
  readonly history: GroupEvent[];
}

export interface Groups {
  readonly byId: Map<string, Group>;
  /** When each group wants to be looked at. */
  readonly deadlines: Deadlines<string>;
}

export const NEVER = Number.POSITIVE_INFINITY;

export function emptyGroups(): Groups {
  return { byId: new Map(), deadlines: new Deadlines() };
}

/** When `expireGroups` has something to do; Infinity: never, as things are. */
export function nextGroupsMs(groups: Groups): number {
  return groups.deadlines.nextMs;
}

export function applyGroup(groups: Groups, fact: GroupFact): void {
  switch (fact.fact) {
    case 'groupReplaced': {
      const group = replaceGroup(groups, fact.group);
      const kept = new Set(fact.members.map(({ memberId }) => memberId));
      for (const memberId of [...group.members.keys()]) if (!kept.has(memberId)) removeMember(group, memberId);
      for (const row of fact.members) setMember(group, { row, live: group.members.get(row.memberId)?.live ?? unheard });
      group.round = group.row.type === 'consumer' ? null : settledRound(group);
      return;
    }
    case 'groupChanged': {
      const group = groupOf(groups, fact.group.groupId);
      assert(group.row.type === fact.group.type, 'a group changes its protocol as a whole');
      group.row = fact.group;
      return;
    }
    case 'memberChanged': {
      const group = groupOf(groups, fact.groupId);
      return setMember(group, { row: fact.member, live: group.members.get(fact.member.memberId)?.live ?? unheard });
    }
    case 'memberGone':
      return removeMember(groupOf(groups, fact.groupId), fact.memberId);
    case 'groupGone':
      assert(groups.byId.delete(fact.groupId), 'a group that goes was there');
      return groups.deadlines.remove(fact.groupId);
    case 'groupMoved': {
      const { groupId } = fact.group;
      const group = groupOf(groups, groupId);
      assert(group.row.type === fact.group.type, 'a group changes its protocol as a whole');
      group.row = fact.group;
      for (const memberId of fact.gone) removeMember(group, memberId);
      for (const member of fact.members) setMember(group, member);
      group.round = fact.round;
      remember(group, fact.events);
      const soonest = Math.min(roundByMs(fact.round), earliest(fact.isChecked ? group.members.values() : fact.members));
      return setDeadline(groups, groupId, fact.isChecked ? soonest : Math.min(soonest, groups.deadlines.at(groupId)));
    }
    default:
      return unreachable(fact);
  }
}

/** Facts that give these groups, as far as they outlive the coordinator, when applied to none. */
export function storedFactsOf(groups: Groups): GroupFact[] {
  return [...groups.byId.values()].map(({ row, members }) => ({
    fact: 'groupReplaced',
    group: row,
    members: [...members.values()].map((member) => member.row),
  }));
}

/** A member that was loaded and not heard yet. */
export const unheard: MemberLive = {
  heardMs: 0,
  sessionByMs: NEVER,
  rebalanceByMs: NEVER,
  syncByMs: NEVER,
  join: null,
  sync: null,
  isNew: false,
};

export const emptyRound: Round = {
  state: 'Empty',
  isFirst: false,
  hasGrown: false,
  delayLeftMs: 0,
  joinByMs: NEVER,
  syncByMs: NEVER,
  unsynced: [],
  promised: new Map(),
};

/** Who owns a partition of a consumer group, or has not given it up yet. */
export function ownerOf(group: Group, topicId: string, partition: number): string | undefined {
  return group.owners.get(topicId)?.[partition];
}

function groupOf(groups: Groups, groupId: string): Group {
  const group = groups.byId.get(groupId);
  assert(group !== undefined, `a fact is about a group that exists, not ${groupId}`);
  return group;
}

function replaceGroup(groups: Groups, row: GroupRow): Group {
  const known = groups.byId.get(row.groupId);
  if (known !== undefined) {
    if (known.row.type !== row.type) {
      // Rows of another protocol own nothing that this one counts: they come in anew.
      for (const memberId of [...known.members.keys()]) dropMember(known, memberId);
      known.owners.clear();
    }
    known.row = row;
    return known;
  }
  const group: Group = { row, members: new Map(), instances: new Map(), owners: new Map(), round: null, history: [] };
  groups.byId.set(row.groupId, group);
  return group;
}

/** A generation that was told to members and never assigned is not at rest: its members have to join again. */
function settledRound({ row, members, round }: Group): Round {
  const settled = row.assignmentEpoch === row.epoch ? 'Stable' : 'PreparingRebalance';
  return { ...emptyRound, promised: round?.promised ?? emptyRound.promised, state: members.size === 0 ? 'Empty' : settled };
}

function setMember(group: Group, member: Member): void {
  const { row } = member;
  const known = group.members.get(row.memberId);
  if (known?.row !== row) {
    if (known !== undefined) {
      release(group, known.row);
      if (known.row.instanceId !== null && known.row.instanceId !== row.instanceId) group.instances.delete(known.row.instanceId);
    }
    if (row.instanceId !== null) group.instances.set(row.instanceId, row.memberId);
    if (group.row.type === 'consumer') take(group, row);
  }
  group.members.set(row.memberId, member);
}

function removeMember(group: Group, memberId: string): void {
  const known = group.members.get(memberId);
  if (known === undefined) return;
  if (group.row.type === 'consumer') release(group, known.row);
  dropMember(group, memberId);
}

function dropMember(group: Group, memberId: string): void {
  const instanceId = group.members.get(memberId)?.row.instanceId ?? null;
  if (instanceId !== null && group.instances.get(instanceId) === memberId) group.instances.delete(instanceId);
  group.members.delete(memberId);
}

function take(group: Group, row: MemberRow): void {
  for (const partitions of [row.assigned, row.revoking]) {
    for (const { topicId, partitions: numbers } of partitions) {
      const owners = group.owners.get(topicId) ?? [];
      group.owners.set(topicId, owners);
      for (const partition of numbers) {
        assert(owners[partition] === undefined, `a partition has one owner, not ${owners[partition]} and ${row.memberId}`);
        owners[partition] = row.memberId;
      }
    }
  }
}

function release(group: Group, row: MemberRow): void {
  for (const { topicId, partitions } of [...row.assigned, ...row.revoking]) {
    const owners = group.owners.get(topicId);
    if (owners === undefined) continue;
    for (const partition of partitions) if (owners[partition] === row.memberId) owners[partition] = undefined;
    if (owners.every((owner) => owner === undefined)) group.owners.delete(topicId);
  }
}

function remember({ history }: Group, events: readonly GroupEvent[]): void {
  if (events.length === 0) return;
  history.push(...events);
  if (history.length > limits.groupHistoryMax) history.splice(0, history.length - limits.groupHistoryMax);
}

function earliest(members: Iterable<Member>): number {
  let atMs = NEVER;
  for (const { live } of members) atMs = Math.min(atMs, live.sessionByMs, live.rebalanceByMs, live.syncByMs);
  return atMs;
}

function roundByMs(round: Round | null): number {
  if (round === null) return NEVER;
  let atMs = Math.min(round.joinByMs, round.syncByMs);
  for (const byMs of round.promised.values()) atMs = Math.min(atMs, byMs);
  return atMs;
}

function setDeadline(groups: Groups, groupId: string, atMs: number): void {
  if (atMs === NEVER) groups.deadlines.remove(groupId);
  else groups.deadlines.set(groupId, atMs);
}
