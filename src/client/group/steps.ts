/**
 * What happens to a member of a group, and what follows: the words that both protocols (membership.ts, classic.ts) share with the edge
 * that carries them out (member.ts). Plain data: no timers, no promises.
 */
import type { GroupVerbs, TopicPartitions } from '../../coordinator/groups/protocol.ts';

/** What a member asks of the coordinator to take part; offsets are another matter (commits.ts). */
export type MemberVerb = 'consumerGroupHeartbeat' | 'joinGroup' | 'syncGroup' | 'heartbeat' | 'leaveGroup';
export type MemberAsk = { [V in MemberVerb]: { verb: V; fields: GroupVerbs[V]['ask'] } }[MemberVerb];
export type MemberReply = { [V in MemberVerb]: { verb: V } & GroupVerbs[V]['reply'] }[MemberVerb];

/** Partitions of a topic; of that one alone that has this id, where the protocol tells it: another may get its name. */
export interface AssignedPartitions extends TopicPartitions {
  readonly topicId?: string;
}

export type Happening =
  /** The user reads: take part, or take part again. */
  | { event: 'wanted' }
  /** It is `dueMs`. */
  | { event: 'due' }
  /** The coordinator has said that something waits. */
  | { event: 'nudged' }
  /** `reply` is null when there is none: the coordinator has gone away. */
  | { event: 'answered'; seq: number; error: number; message: string; reply: MemberReply | null }
  /** What `reconcile` asked for is done: the user was told, and what is owned now is what was aimed at. */
  | { event: 'reconciled' }
  /** A commit was refused because the member is none any more. */
  | { event: 'fenced'; error: number; message: string }
  /** The user does not read any more; the partitions go to others until he does. */
  | { event: 'stalled'; message: string }
  /** Of a classic member that leads: what its assignor came to. */
  | { event: 'assigned'; seq: number; assignments: { memberId: string; assignment: Uint8Array }[] }
  /** … or that it threw. */
  | { event: 'assignFailed'; seq: number; message: string }
  /** Of a classic member: the topics that its subscription comes to, or their partitions, are others now. */
  | { event: 'resubscribed'; topics: readonly string[] }
  | { event: 'closing' };

export type Effect =
  /** Its answer is to carry the same number; an answer to an older number is ignored. */
  | { do: 'ask'; seq: number; ask: MemberAsk }
  /** Give up these, having told the user, then take up those; then `reconciled`. Of one at a time. */
  | { do: 'reconcile'; revoke: TopicPartitions[]; assign: AssignedPartitions[] }
  /** All that was owned belongs to others already. What was to be reconciled is void. */
  | { do: 'lose'; partitions: TopicPartitions[]; error: number; message: string }
  /** Of a classic member that leads: have the assignor decide. */
  | { do: 'assign'; seq: number; assignor: string; members: { memberId: string; instanceId: string | null; metadata: Uint8Array }[] }
  /** It is a member now. */
  | { do: 'joined' }
  /** It can be no member; the user is to be told at each read. */
  | { do: 'fail'; error: number; message: string }
  /** It has left, or needs not. */
  | { do: 'left' };

export interface Decision<S> {
  readonly state: S;
  readonly effects: readonly Effect[];
}

/** What both protocols know about a member at any time. */
export interface Standing {
  /** '' before the coordinator, or the member itself, has chosen one. */
  readonly memberId: string;
  /** Member epoch or generation; what commits are held against. */
  readonly epoch: number;
  /** When `due` is to happen next; Infinity: not before something else does. */
  readonly dueMs: number;
  readonly phase: 'out' | 'joining' | 'member' | 'leaving' | 'ended';
}

/** How a member takes part, as far as both protocols ask for it. */
export interface MemberSetup {
  groupId: string;
  instanceId: string | null;
  clientId: string;
  clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  heartbeatIntervalMs: number;
}

const BACKOFF_MS = 20;
const BACKOFF_MS_MAX = 1000;

/** How long to wait after so many failures in a row. */
export function backoffMs(failures: number): number {
  return Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** Math.min(failures, 10));
}

/** What is in `all` and not in `less`. */
export function withoutPartitions<T extends TopicPartitions>(all: readonly T[], less: readonly TopicPartitions[]): T[] {
  const gone = new Map(less.map(({ topic, partitions }) => [topic, new Set(partitions)]));
  return all
    .map((one) => ({ ...one, partitions: one.partitions.filter((partition) => !gone.get(one.topic)?.has(partition)) }))
    .filter(({ partitions }) => partitions.length > 0);
}

export function samePartitions(a: readonly TopicPartitions[], b: readonly TopicPartitions[]): boolean {
  return withoutPartitions(a, b).length === 0 && withoutPartitions(b, a).length === 0;
}
