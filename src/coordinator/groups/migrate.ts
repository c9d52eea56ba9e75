/** A group changes its protocol while its members go on: classic to consumer with the first member of KIP-848, back after the last one. */
import { CONSUMER_PROTOCOL, decodeAssignment, decodeSubscription, encodeAssignment, versionOf } from '../../assign/consumer-protocol.ts';
import { DEFAULT_SERVER_ASSIGNOR } from '../../assign/server.ts';
import { prepareRebalance, removeMember, roundOf, selectProtocol, stateOf } from './classic-round.ts';
import type { Draft } from './draft.ts';
import type { MemberRow, Partitions } from './facts.ts';
import { filterPartitions, NO_PARTITIONS, union } from './partitions.ts';
import { joinRefused, NO_BYTES, REJOIN, type Refusal, refusal, syncRefused } from './replies.ts';
import { emptyRound, NEVER } from './state.ts';
import { noteTopics } from './target.ts';
import { toIds, toNames } from './words.ts';

/** Turns a classic group into a consumer group, members, generation and assignment as they are; or says why it cannot be. */
export function upgrade(draft: Draft): Refusal | null {
  const { groupId, size } = draft;
  const { settings, monotonicMs } = draft.around;
  const cannot = (why: string) => refusal('GROUP_ID_NOT_FOUND', `classic group "${groupId}" cannot become a consumer group: ${why}`);
  if (size > 0) {
    if (!settings.canUpgrade) return cannot('the bus does not allow it');
    if (draft.row.protocolType !== CONSUMER_PROTOCOL) return cannot(`it is of type "${draft.row.protocolType}"`);
    if (size > settings.membersMax) return cannot(`it has more than ${settings.membersMax} members`);
  }
  dropUnsynced(draft);
  const converted: { row: MemberRow; claimed: Partitions }[] = [];
  for (const { row } of draft.all()) {
    const turned = toConsumerRow(draft, row);
    if (typeof turned === 'string') return cannot(turned);
    converted.push(turned);
  }
  const rows = withOwners(converted);
  draft.change({
    type: 'consumer',
    protocolType: CONSUMER_PROTOCOL,
    leader: '',
    assignor: DEFAULT_SERVER_ASSIGNOR,
    assignmentEpoch: draft.row.epoch,
    topicsDigest: '',
  });
  draft.round = null;
  for (const row of rows) {
    const { live } = draft.member(row.memberId);
    if (live.join !== null) draft.reply(live.join.token, joinRefused(live.join.id, row.memberId, REJOIN));
    if (live.sync !== null) draft.reply(live.sync.token, syncRefused(live.sync.id, REJOIN));
    draft.put(row, { ...live, join: null, sync: null, isNew: false, sessionByMs: monotonicMs + row.sessionTimeoutMs });
  }
  noteTopics(draft);
  if (rows.length > 0) draft.tell('state', '', 'the classic group becomes a consumer group');
  return null;
}

/** A member of a settled generation that has not asked for its assignment does not know what it has: it joins anew. */
function dropUnsynced(draft: Draft): void {
  if (stateOf(draft) !== 'Stable') return;
  for (const memberId of roundOf(draft).unsynced) {
    draft.tell('fenced', memberId, `${memberId} has not synced before the group changed its protocol`);
    removeMember(draft, memberId);
  }
}

/** The row, and what the member said that it owned when it joined last; or why it cannot be turned. */
function toConsumerRow(draft: Draft, row: MemberRow): { row: MemberRow; claimed: Partitions } | string {
  const metadata = row.protocols?.find(({ name }) => name === draft.row.assignor) ?? row.protocols?.[0];
  const subscription = decodeSubscription(metadata?.metadata ?? NO_BYTES);
  const assignment = decodeAssignment(row.assignmentBytes);
  if (subscription === null || assignment === null) return `${row.memberId} does not speak the consumers' protocol`;
  if (assignment.userData !== null && assignment.userData.length > 0) return 'what its own assignor has sent along would be lost';
  const { epoch } = draft.row;
  const turned: MemberRow = {
    ...row,
    rackId: subscription.rackId,
    topics: [...new Set(subscription.topics)].sort(),
    assignmentBytes: NO_BYTES,
    epoch,
    previousEpoch: epoch,
    state: 'stable',
    assigned: toIds(assignment.partitions, draft.around.topics),
    revoking: NO_PARTITIONS,
    target: NO_PARTITIONS,
  };
  return { row: turned, claimed: toIds(subscription.owned, draft.around.topics) };
}

/**
 * Every partition with one owner. A leader may have given one to two: the first keeps it. A cooperative member may still have what it
 * said that it owned when it joined, because the assignment that takes it away has not reached it: it has to give that up first.
 */
function withOwners(converted: readonly { row: MemberRow; claimed: Partitions }[]): MemberRow[] {
  const taken = new Map<string, Set<number>>();
  const takeFree = (partitions: Partitions): Partitions =>
    filterPartitions(partitions, (topicId, partition) => {
      const known = taken.get(topicId) ?? new Set();
      taken.set(topicId, known);
      return !known.has(partition) && known.add(partition) !== undefined;
    });
  const given = converted.map(({ row }) => takeFree(row.assigned));
  return converted.map(({ row, claimed }, i) => ({ ...row, target: given[i], assigned: union(given[i], takeFree(claimed)) }));
}

export function mayDowngrade(draft: Draft): boolean {
  const { canDowngrade, membersMax } = draft.around.settings;
  return canDowngrade && draft.size > 0 && draft.size <= membersMax && draft.all().every(({ row }) => row.protocols !== null);
}

/**
 * Turns a consumer group whose members are all classic into a classic group. `rebalances`: they have to join again, in a
 * generation of its own, so that a restart in the middle leaves nobody content with an old one.
 */
export function downgrade(draft: Draft, rebalances: boolean, reason: string): void {
  const members = draft.all();
  const leader = members[0].row.memberId;
  draft.tell('state', '', `the consumer group becomes a classic group: ${reason}`);
  const assignor = selectProtocol(members, leader);
  const epoch = draft.row.epoch + (rebalances ? 1 : 0);
  const assignmentEpoch = rebalances ? -1 : epoch;
  draft.change({ type: 'classic', protocolType: CONSUMER_PROTOCOL, leader, assignor, epoch, assignmentEpoch, topicsDigest: '' });
  draft.round = { ...emptyRound, state: 'Stable' };
  for (const { row, live } of members) {
    const metadata = row.protocols?.find(({ name }) => name === assignor)?.metadata ?? NO_BYTES;
    // What it may still have, not what it was to have: the group may be a consumer group again before it has joined.
    const partitions = toNames(union(row.assigned, row.revoking), draft.around.topics);
    const assignmentBytes = encodeAssignment({ partitions, userData: null }, Math.max(0, Math.min(versionOf(metadata), 3)));
    draft.put(
      {
        ...row,
        assignmentBytes,
        topics: [],
        topicRegex: '',
        assignor: '',
        epoch: 0,
        previousEpoch: 0,
        state: 'stable',
        assigned: NO_PARTITIONS,
        revoking: NO_PARTITIONS,
        target: NO_PARTITIONS,
      },
      { ...live, rebalanceByMs: NEVER, syncByMs: NEVER, sessionByMs: draft.around.monotonicMs + row.sessionTimeoutMs },
    );
  }
  draft.save();
  if (rebalances) prepareRebalance(draft, reason);
}
