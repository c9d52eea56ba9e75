/** What happens to groups without being asked: time passes, topics change, a coordinator begins. */

import { limits } from '../../base/limits.ts';
import {
  completeIfAllJoined,
  endJoinPhase,
  expireSyncs,
  prepareRebalance,
  removeMember,
  resumeRound,
  roundOf,
  stateOf,
  unpromise,
} from './classic-round.ts';
import { removeMembers } from './consumer-members.ts';
import type { GroupDecision, GroupSurroundings } from './decision.ts';
import { Draft } from './draft.ts';
import type { Member } from './facts.ts';
import { parsePattern } from './pattern.ts';
import type { Group, Groups } from './state.ts';
import { refresh } from './target.ts';
import { nameSome } from './words.ts';

/** Expires what is due at `around.monotonicMs`. */
export function expireGroups(groups: Groups, around: GroupSurroundings): GroupDecision {
  const decision: GroupDecision = { facts: [], replies: [] };
  for (const groupId of groups.deadlines.due(around.monotonicMs, limits.groupsExpiredAtOnceMax)) {
    const group = groups.byId.get(groupId);
    if (group === undefined) continue;
    const draft = new Draft(group, around);
    if (group.row.type === 'classic') expireClassic(draft);
    else expireConsumer(draft);
    draft.checked();
    add(decision, draft.end());
  }
  return decision;
}

function expireClassic(draft: Draft): void {
  const { monotonicMs } = draft.around;
  const isDue = (atMs: number): boolean => atMs <= monotonicMs;
  for (const [memberId, untilMs] of roundOf(draft).promised) if (isDue(untilMs)) unpromise(draft, memberId);
  const late = draft.all().filter(({ live }) => isDue(live.sessionByMs));
  for (const { row } of late) {
    draft.tell('expired', row.memberId, `${row.memberId} was not heard for ${row.sessionTimeoutMs} ms`);
    removeMember(draft, row.memberId);
  }
  if (late.length > 0 && stateOf(draft) !== 'PreparingRebalance' && stateOf(draft) !== 'Empty') {
    prepareRebalance(draft, `${nameSome(late.map(({ row }) => row.memberId))} expired`);
  }
  completeIfAllJoined(draft);
  if (stateOf(draft) === 'PreparingRebalance' && isDue(roundOf(draft).joinByMs)) endJoinPhase(draft);
  if (isDue(roundOf(draft).syncByMs)) expireSyncs(draft);
}

function expireConsumer(draft: Draft): void {
  const late = draft.all().flatMap((member) => {
    const why = lateness(member, draft.around.monotonicMs);
    return why === null ? [] : [{ memberId: member.row.memberId, ...why }];
  });
  removeMembers(draft, late);
}

function lateness({ row, live }: Member, monotonicMs: number): { kind: 'expired' | 'fenced'; text: string } | null {
  const { memberId } = row;
  if (live.sessionByMs <= monotonicMs) return { kind: 'expired', text: `${memberId} was not heard for ${row.sessionTimeoutMs} ms` };
  if (live.syncByMs <= monotonicMs) return { kind: 'fenced', text: `${memberId} has not synced within ${row.rebalanceTimeoutMs} ms` };
  if (live.rebalanceByMs > monotonicMs) return null;
  const what = row.protocols === null ? 'given up what it was to give up' : 'joined again';
  return { kind: 'fenced', text: `${memberId} has not ${what} within ${row.rebalanceTimeoutMs} ms` };
}

/** Topics of these names were created, grew or went: those who read them get a new target. Classic members see it in their metadata. */
export function topicsChanged(groups: Groups, names: readonly string[], around: GroupSurroundings): GroupDecision {
  const changed = new Set(names);
  const decision: GroupDecision = { facts: [], replies: [] };
  const matching = new Map<string, boolean>();
  for (const group of groups.byId.values()) {
    if (group.row.type !== 'consumer' || group.members.size === 0 || !concerns(group, changed, matching)) continue;
    const draft = new Draft(group, around);
    if (refresh(draft)) add(decision, draft.end());
  }
  return decision;
}

function concerns(group: Group, names: ReadonlySet<string>, matching: Map<string, boolean>): boolean {
  for (const { row } of group.members.values()) {
    if (row.topics.some((topic) => names.has(topic))) return true;
    if (row.topicRegex !== '' && matchesAny(row.topicRegex, names, matching)) return true;
  }
  return false;
}

function matchesAny(regex: string, names: ReadonlySet<string>, matching: Map<string, boolean>): boolean {
  const known = matching.get(regex);
  if (known !== undefined) return known;
  const { test } = parsePattern(regex);
  const matches = test !== undefined && [...names].some((name) => test(name));
  matching.set(regex, matches);
  return matches;
}

/** Once after a load: sessions begin anew, and consumer groups see the topics as they are now. */
export function beginGroups(groups: Groups, around: GroupSurroundings): GroupDecision {
  const decision: GroupDecision = { facts: [], replies: [] };
  for (const group of groups.byId.values()) {
    const draft = new Draft(group, around);
    for (const { row } of draft.all()) begin(draft, row.memberId);
    if (group.row.type === 'consumer') {
      if (group.members.size > 0) refresh(draft);
    } else beginClassic(draft);
    if (draft.size > 0) draft.checked();
    add(decision, draft.end());
  }
  return decision;
}

function beginClassic(draft: Draft): void {
  const { membersMax } = draft.around.settings;
  if (draft.size > membersMax) return prepareRebalance(draft, `the group has more than ${membersMax} members`);
  resumeRound(draft);
  // Its first generation was told and never assigned, so that no member is known: it is empty from now on.
  if (draft.size === 0 && draft.row.emptySinceMs === -1) draft.save();
}

function begin(draft: Draft, memberId: string): void {
  const { row } = draft.member(memberId);
  draft.heard(memberId, row.sessionTimeoutMs);
  if (row.state === 'unrevoked') draft.touch(memberId, { rebalanceByMs: draft.around.monotonicMs + row.rebalanceTimeoutMs });
}

function add(to: GroupDecision, { facts, replies }: GroupDecision): void {
  to.facts.push(...facts);
  to.replies.push(...replies);
}
