/**
 * What is known of groups, as facts. The stored ones lead a new coordinator to the same rows (Kafka keeps the same things in
 * __consumer_offsets); `groupMoved` is what only the living need to know: who was heard when, which joins wait, what happened.
 */
import type { GroupEvent, GroupType, TopicIdPartitions } from './protocol.ts';
import type { GroupConfigs } from './settings.ts';

/** Partitions by topic id: topics in order of their ids, partitions ascending, no topic without partitions. */
export type Partitions = readonly Readonly<TopicIdPartitions>[];

/** What a group is told apart from the others, whether it is there or not; with nothing that is set there is nothing to remember. */
export type GroupConfigFact = { fact: 'groupConfigSet'; groupId: string } & GroupConfigs;

export interface GroupRow {
  readonly groupId: string;
  readonly type: GroupType;
  /** The generation of a classic group, the group epoch of a consumer group. */
  readonly epoch: number;
  /**
   * The epoch that the target assignment was made for; of a classic group, the generation that the members' assignment is of. A
   * generation is stored when it is told to members and before it is assigned, so that its number is never given twice.
   */
  readonly assignmentEpoch: number;
  /** The classic protocol that was chosen ('range', 'cooperative-sticky' …), or the server's assignor. '' when there is none yet. */
  readonly assignor: string;
  /** 'consumer' for consumers; '' for a group that only holds offsets. */
  readonly protocolType: string;
  /** Classic groups: the member that assigns, or ''. */
  readonly leader: string;
  /** Consumer groups: a digest of the topics that they subscribe to, as they were when `epoch` was reached. */
  readonly topicsDigest: string;
  /** Wall clock since when it has no members; −1 while it has. */
  readonly emptySinceMs: number;
}

/** 'unrevoked': has to give up `revoking` first. 'unreleased': waits for others to give up what it is to get. */
export type MemberState = 'stable' | 'unrevoked' | 'unreleased';

export interface MemberRow {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** Wall clock of its join. */
  readonly sinceMs: number;
  /** What a member of the classic protocol supports, best first; null: it speaks KIP-848. */
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[] | null;
  /** Classic groups: what the leader gave it. */
  readonly assignmentBytes: Uint8Array;

  // Consumer groups:
  readonly topics: readonly string[];
  readonly topicRegex: string;
  /** The server's assignor that it asks for, or ''. */
  readonly assignor: string;
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly state: MemberState;
  readonly assigned: Partitions;
  readonly revoking: Partitions;
  readonly target: Partitions;
}

/** What is known of a member while the coordinator lives. Infinity: no such deadline. */
export interface MemberLive {
  /** When it was last heard. */
  readonly heardMs: number;
  /** It is expired then. */
  readonly sessionByMs: number;
  /** It has to have given up `revoking`, or (a classic member of a consumer group) joined again, by then. */
  readonly rebalanceByMs: number;
  /** A classic member of a consumer group has to sync by then. */
  readonly syncByMs: number;
  /** Classic groups: its join waits for the others. */
  readonly join: Waiting | null;
  /** Classic groups: its sync waits for the leader. */
  readonly sync: Waiting | null;
  /** Classic groups: it has never been told its generation. */
  readonly isNew: boolean;
}

/** An ask that is answered later: the caller's token, and the ask's id for its reply. */
export interface Waiting {
  readonly token: number;
  readonly id: number;
}

export interface Member {
  readonly row: MemberRow;
  readonly live: MemberLive;
}

export type ClassicState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable';

/** Where a classic group stands between two generations. */
export interface Round {
  readonly state: ClassicState;
  /** The group was empty before: the join phase lasts a while, so that the first members make one generation. */
  readonly isFirst: boolean;
  /** The first join phase: somebody came since its delay began. */
  readonly hasGrown: boolean;
  /** The first join phase: how much longer it may be delayed. */
  readonly delayLeftMs: number;
  /** The join phase ends then, with those who are there. */
  readonly joinByMs: number;
  /** Members that have not synced are removed then. */
  readonly syncByMs: number;
  readonly unsynced: readonly string[];
  /** Ids that were given out (KIP-394) and have not joined, and when each is forgotten. */
  readonly promised: ReadonlyMap<string, number>;
}

/** To be stored, in this order. */
export type StoredGroupFact =
  /** The group is new, completed a generation, or changed its protocol: this row and these members, none besides. */
  | { fact: 'groupReplaced'; group: GroupRow; members: readonly MemberRow[] }
  | { fact: 'groupChanged'; group: GroupRow }
  /** A member of a consumer group is new or has changed. */
  | { fact: 'memberChanged'; groupId: string; member: MemberRow }
  | { fact: 'memberGone'; groupId: string; memberId: string }
  /** With its members and its offsets. */
  | { fact: 'groupGone'; groupId: string };

export type GroupFact =
  | StoredGroupFact
  /** Not stored. What changed, as it is now; rows are in it because those of a classic group are stored only when it is stable. */
  | {
      fact: 'groupMoved';
      group: GroupRow;
      round: Round | null;
      members: readonly Member[];
      gone: readonly string[];
      events: readonly GroupEvent[];
      /** Every deadline was looked at: the next one is worth finding. */
      isChecked: boolean;
    };

export function isStored(fact: GroupFact): fact is StoredGroupFact {
  return fact.fact !== 'groupMoved';
}
