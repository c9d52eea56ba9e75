/**
 * Why the partitions of a group stand where they stand, as far as brokers tell: who has which, how far behind, and whether what is committed
 * has moved between two looks. What a member waits for only a bus in this process knows.
 */
import type { GroupWithLag } from '../client/group-admin.ts';
import { keyOf } from '../client/places.ts';
import type { MemberDescription, PartitionExplanation } from '../coordinator/groups/protocol.ts';
import { durationOf, numberOf } from './progress.ts';

/** A sentence per partition, from two looks at the group. */
export function explainFrom(before: GroupWithLag, now: GroupWithLag, apartMs: number): PartitionExplanation[] {
  const first = new Map(before.offsets.map((row) => [keyOf(row), row]));
  return now.offsets.map((row) => {
    const { topic, partition, committed, highWatermark, lag } = row;
    const owner = now.members.find(({ assignment }) => holds(assignment, topic, partition));
    const heir = now.members.find(({ targetAssignment }) => holds(targetAssignment, topic, partition));
    const moved = committed - (first.get(keyOf(row))?.committed ?? -1);
    const { state, text } =
      owner === undefined
        ? withoutOwner(now, heir)
        : heir !== undefined && heir !== owner
          ? moving(owner, heir)
          : owned(owner, row, moved, apartMs);
    const { memberId = '', clientId = '', clientHost = '' } = owner ?? {};
    return { topic, partition, memberId, clientId, clientHost, committed, position: -1, highWatermark, lag, state, text, sinceMs: 0 };
  });
}

type Verdict = Pick<PartitionExplanation, 'state' | 'text'>;

function withoutOwner({ members, state }: GroupWithLag, heir: MemberDescription | undefined): Verdict {
  if (heir !== undefined) return { state: 'moving', text: `it goes to ${nameOf(heir)}, which has not taken it up yet` };
  if (members.length === 0) return { state: 'unowned', text: 'nobody reads it: the group has no members; start a consumer' };
  if (state !== 'Stable') return { state: 'moving', text: `nobody has it while the group rebalances (${state})` };
  const text = `no member has it: none of the ${members.length} subscribes to its topic; subscribe to it, or delete its offsets`;
  return { state: 'unowned', text };
}

function moving(owner: MemberDescription, heir: MemberDescription): Verdict {
  return { state: 'moving', text: `${nameOf(owner)} is to give it up to ${nameOf(heir)} and has not yet` };
}

function owned(owner: MemberDescription, { lag, committed }: { lag: number; committed: number }, moved: number, apartMs: number): Verdict {
  const who = nameOf(owner);
  if (lag === 0) return { state: 'caught-up', text: `${who} has read all of it` };
  const behind = lag < 0 ? 'has committed nothing yet' : `is ${numberOf(lag)} record${lag === 1 ? '' : 's'} behind`;
  if (moved > 0 && committed >= 0 && apartMs > 0) {
    return { state: 'progressing', text: `${who} has it, ${behind}, and has committed ${numberOf(moved)} in ${durationOf(apartMs)}` };
  }
  const looked = apartMs > 0 ? ` and has committed nothing in the ${durationOf(apartMs)} of looking` : '';
  const advice = 'see what it does: it may be stuck, or commit more seldom than that (look longer: --for)';
  return { state: 'stalled', text: `${who} has it, ${behind}${looked}; ${advice}` };
}

function holds(assignment: readonly { topic: string; partitions: readonly number[] }[], topic: string, partition: number): boolean {
  return assignment.some((one) => one.topic === topic && one.partitions.includes(partition));
}

function nameOf({ memberId, instanceId, clientId, clientHost }: MemberDescription): string {
  const host = clientHost === '' ? '' : ` on ${clientHost.replace(/^\//, '')}`;
  return `${instanceId ?? (clientId === '' ? memberId : clientId)}${host}`;
}
