/** What the members of a consumer group are to have: who reads which topics now, and the target assignment that follows. */
import { DEFAULT_SERVER_ASSIGNOR, type ServerMember, serverAssignors } from '../../assign/server.ts';
import { crc32c } from '../../base/crc32c.ts';
import { murmur2 } from '../../base/murmur2.ts';
import type { TopicView } from './decision.ts';
import type { Draft } from './draft.ts';
import type { MemberRow } from './facts.ts';
import { samePartitions } from './partitions.ts';
import { parsePattern } from './pattern.ts';

/** The topics of each member, as they are now. */
interface Reading {
  byMember: Map<string, string[]>;
  topics: Map<string, TopicView>;
}

/** A member came, went or reads other topics: a new epoch, and the target that belongs to it. */
export function bump(draft: Draft): void {
  const reading = readTopics(draft);
  draft.change({ epoch: draft.row.epoch + 1, topicsDigest: digest(reading) });
  assign(draft, reading);
}

/** A new epoch only if what the members read has changed. */
export function refresh(draft: Draft): boolean {
  const reading = readTopics(draft);
  const now = digest(reading);
  if (now === draft.row.topicsDigest) return false;
  draft.change({ epoch: draft.row.epoch + 1, topicsDigest: now });
  draft.tell('rebalance', '', `epoch ${draft.row.epoch}: topics changed`);
  assign(draft, reading);
  return true;
}

/** Sees to the digest of a group whose members keep what they have. */
export function noteTopics(draft: Draft): void {
  draft.change({ topicsDigest: digest(readTopics(draft)) });
}

function readTopics(draft: Draft): Reading {
  const { topics } = draft.around;
  const reading: Reading = { byMember: new Map(), topics: new Map() };
  const byPattern = new Map<string, string[]>();
  for (const { row } of draft.all()) {
    const topicIds = new Set<string>();
    const matched = row.topicRegex === '' ? [] : (byPattern.get(row.topicRegex) ?? namesMatching(draft, row.topicRegex));
    byPattern.set(row.topicRegex, matched);
    for (const names of [row.topics, matched]) {
      for (const name of names) {
        const topic = topics.byName(name);
        if (topic === undefined) continue;
        reading.topics.set(topic.topicId, topic);
        topicIds.add(topic.topicId);
      }
    }
    reading.byMember.set(row.memberId, [...topicIds].sort());
  }
  return reading;
}

function namesMatching(draft: Draft, regex: string): string[] {
  const { test } = parsePattern(regex);
  return test === undefined ? [] : [...draft.around.topics.names()].filter((name) => test(name));
}

/** Changes when a topic that is read comes, grows, or goes. */
function digest({ topics }: Reading): string {
  if (topics.size === 0) return '';
  const rows = [...topics.values()].map(({ name, topicId, partitions }) => `${name} ${topicId} ${partitions}`);
  const bytes = Buffer.from(rows.sort().join('\n'), 'utf8');
  return `${rows.length}-${(crc32c(bytes) >>> 0).toString(16)}-${(murmur2(bytes) >>> 0).toString(16)}`;
}

function assign(draft: Draft, { byMember, topics }: Reading): void {
  const members = draft.all();
  const assignor = preferred(members.map(({ row }) => row));
  const candidates = members.map(
    ({ row }): ServerMember => ({
      memberId: row.memberId,
      instanceId: row.instanceId,
      topicIds: byMember.get(row.memberId) ?? [],
      target: row.target,
    }),
  );
  const counts = new Map([...topics.values()].map(({ topicId, partitions }) => [topicId, partitions]));
  const targets = serverAssignors[assignor](candidates, counts);
  for (const { row, live } of members) {
    const target = targets.get(row.memberId) ?? [];
    if (!samePartitions(row.target, target as MemberRow['target'])) draft.put({ ...row, target: target as MemberRow['target'] }, live);
  }
  draft.change({ assignmentEpoch: draft.row.epoch, assignor });
}

/** What most members ask for; the first to be asked for decides a tie, `uniform` when nobody asks. */
function preferred(rows: readonly MemberRow[]): string {
  const votes = new Map<string, number>();
  for (const { assignor } of rows) {
    if (Object.hasOwn(serverAssignors, assignor)) votes.set(assignor, (votes.get(assignor) ?? 0) + 1);
  }
  let best = DEFAULT_SERVER_ASSIGNOR;
  for (const [assignor, count] of votes) if (count > (votes.get(best) ?? 0)) best = assignor;
  return best;
}
