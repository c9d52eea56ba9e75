/**
 * What is asked of the coordinator about groups and offsets. Shapes and errors are Kafka's (JoinGroup, SyncGroup, Heartbeat, LeaveGroup,
 * ConsumerGroupHeartbeat, OffsetCommit, OffsetFetch …), so that the listener passes them on and a broker elsewhere could answer them.
 */

import type { ConfigEntry, ConfigOp } from '../protocol.ts';

/** Partitions of a topic; by id in KIP-848's verbs, by name elsewhere. */
export interface TopicIdPartitions {
  topicId: string;
  partitions: number[];
}
export interface TopicPartitions {
  topic: string;
  partitions: number[];
}

/** Who asks: told by `describeGroups`, and what quotas and explanations name. */
export interface ClientIdentity {
  clientId: string;
  /** '/127.0.0.1' for a connection, 'thread 3' within the process. */
  clientHost: string;
}

export interface CommittedOffset {
  topic: string;
  partition: number;
  /** −1: nothing is committed. */
  offset: number;
  leaderEpoch: number;
  metadata: string;
  /** 0, or why this row has no answer. */
  error: number;
}

export interface OffsetToCommit {
  topic: string;
  /** Which one of those that have had this name: the offset of one that is gone is refused. Absent: the one that has it now. */
  topicId?: string;
  partition: number;
  offset: number;
  /** −1: not known. */
  leaderEpoch: number;
  /** Up to offset.metadata.max.bytes (4096) bytes of UTF-8. */
  metadata: string;
}

/** What a member says about a partition that it owns: the watchdog's and `explainGroup`'s source. */
export interface PartitionProgress {
  topic: string;
  partition: number;
  /** The offset of the next record that the handler will get. */
  position: number;
  /** What it does, or waits for. */
  doing: 'fetching' | 'handling' | 'paused' | 'queue-full' | 'idle' | 'retrying' | 'stopped';
  /** Wall clock since when. */
  sinceMs: number;
  /** More words, such as the error that is retried; else ''. */
  detail: string;
}

export type GroupType = 'consumer' | 'classic';
/** Kafka's names, as its tools print them. */
export type GroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

export interface MemberDescription {
  memberId: string;
  instanceId: string | null;
  clientId: string;
  clientHost: string;
  memberEpoch: number;
  subscribedTopics: string[];
  subscribedRegex: string;
  assignment: TopicPartitions[];
  targetAssignment: TopicPartitions[];
  /** Of the classic protocol: what the member sent and got, byte for byte. */
  metadata: Uint8Array;
  assignmentBytes: Uint8Array;
  sinceMs: number;
  heardMs: number;
  isClassic: boolean;
}

export interface GroupDescription {
  groupId: string;
  error: number;
  message: string;
  type: GroupType;
  state: GroupState;
  /** The generation of a classic group, the group epoch of a consumer group. */
  epoch: number;
  assignmentEpoch: number;
  /** The assignor that is in use. */
  assignor: string;
  /** 'consumer' for consumers; Connect and others use their own. */
  protocolType: string;
  members: MemberDescription[];
}

/** One step in a group's life; `history` keeps the newest `groupHistoryMax`. */
export interface GroupEvent {
  atMs: number;
  epoch: number;
  /** What happened, in words: "member a joined", "a gives up t-3", "t-3 goes to b" … */
  text: string;
  kind: 'joined' | 'left' | 'fenced' | 'expired' | 'rebalance' | 'assigned' | 'revoked' | 'reset' | 'state' | 'stalled' | 'resumed';
  memberId: string;
}

/** Why a partition of a group stands where it stands. */
export interface PartitionExplanation {
  topic: string;
  partition: number;
  /** '' when nobody owns it. */
  memberId: string;
  clientId: string;
  clientHost: string;
  committed: number;
  /** −1 when the member does not tell (foreign clients). */
  position: number;
  highWatermark: number;
  lag: number;
  /** One of: 'caught-up' | 'progressing' | 'stalled' | 'unowned' | 'moving'. */
  state: 'caught-up' | 'progressing' | 'stalled' | 'unowned' | 'moving';
  /** One sentence: who owns it, what it waits for and since when, and what to do. */
  text: string;
  sinceMs: number;
}

export interface GroupVerbs {
  // The classic protocol. A join is answered when the rebalance completes, a sync when the leader has sent its assignment.
  joinGroup: {
    ask: ClientIdentity & {
      groupId: string;
      memberId: string;
      instanceId: string | null;
      sessionTimeoutMs: number;
      rebalanceTimeoutMs: number;
      protocolType: string;
      protocols: { name: string; metadata: Uint8Array }[];
      reason: string;
      /** The asker knows KIP-394 (JoinGroup v4+): a member without an id is first told one, with MEMBER_ID_REQUIRED. */
      requiresMemberId: boolean;
      /** The asker knows KIP-814 (JoinGroup v9+): a leader that comes back is told to skip the assignment. Absent: it does not. */
      canSkipAssignment?: boolean;
    };
    reply: {
      message: string;
      generation: number;
      protocolType: string;
      protocolName: string;
      leader: string;
      memberId: string;
      skipAssignment: boolean;
      members: { memberId: string; instanceId: string | null; metadata: Uint8Array }[];
    };
  };
  syncGroup: {
    ask: {
      groupId: string;
      generation: number;
      memberId: string;
      instanceId: string | null;
      /** null: not said (before v5). */
      protocolType: string | null;
      protocolName: string | null;
      assignments: { memberId: string; assignment: Uint8Array }[];
    };
    reply: { message: string; protocolType: string; protocolName: string; assignment: Uint8Array };
  };
  heartbeat: { ask: { groupId: string; generation: number; memberId: string; instanceId: string | null }; reply: { message: string } };
  leaveGroup: {
    ask: { groupId: string; members: { memberId: string; instanceId: string | null; reason: string }[] };
    reply: { message: string; members: { memberId: string; instanceId: string | null; error: number }[] };
  };
  /** KIP-848. Epoch 0 joins, −1 leaves, −2 leaves a static member's place for its return. */
  consumerGroupHeartbeat: {
    ask: ClientIdentity & {
      groupId: string;
      memberId: string;
      memberEpoch: number;
      instanceId: string | null;
      rackId: string | null;
      /** −1: unchanged. */
      rebalanceTimeoutMs: number;
      /** −1: unchanged, or the group's setting. Spillway's own members set it; on the wire it is a group configuration. */
      sessionTimeoutMs: number;
      /** null: unchanged. */
      topics: string[] | null;
      /** null: unchanged; '' ends it. RE2 syntax as far as JavaScript's covers it. */
      topicRegex: string | null;
      assignor: string | null;
      /** What the member owns now; null: unchanged. */
      owned: TopicIdPartitions[] | null;
    };
    reply: {
      message: string;
      memberId: string;
      memberEpoch: number;
      heartbeatIntervalMs: number;
      /** null: unchanged. */
      assignment: TopicIdPartitions[] | null;
      /** Names of the ids in `assignment`, so that a member of this process needs no metadata first. One that was deleted has none. */
      names: Record<string, string>;
    };
  };
  /** What a member of this process tells with its heartbeats; a member that is not known is answered with UNKNOWN_MEMBER_ID. */
  reportProgress: { ask: { groupId: string; memberId: string; partitions: PartitionProgress[] }; reply: object };

  // Offsets. `memberId` '' with epoch −1: somebody from outside, who may commit only to an empty group.
  offsetCommit: {
    ask: {
      groupId: string;
      memberId: string;
      instanceId: string | null;
      /** Generation or member epoch. */
      epoch: number;
      offsets: OffsetToCommit[];
      /** Answer only when it would survive a power loss. */
      synced: boolean;
    };
    /** Rows that were refused; those that are not named are stored. Null: all are, which is what each of many committers waits for. */
    reply: { message: string; offsets: { topic: string; partition: number; error: number }[] | null };
  };
  /** All that is committed when `topics` is null. With a member, its epoch is checked (KIP-848). */
  offsetFetch: {
    ask: { groupId: string; memberId: string | null; epoch: number; topics: TopicPartitions[] | null; requireStable: boolean };
    reply: { message: string; offsets: CommittedOffset[] };
  };
  /** Refused with GROUP_SUBSCRIBED_TO_TOPIC for topics that members subscribe to. */
  offsetDelete: {
    ask: { groupId: string; topics: TopicPartitions[] };
    reply: { message: string; offsets: { topic: string; partition: number; error: number }[] };
  };

  // Administration.
  /** Empty lists mean all. */
  listGroups: {
    ask: { states: string[]; types: string[] };
    reply: { groups: { groupId: string; protocolType: string; state: GroupState; type: GroupType }[] };
  };
  describeGroups: { ask: { groupIds: string[] }; reply: { groups: GroupDescription[] } };
  /** Only groups without members go: else NON_EMPTY_GROUP. */
  deleteGroups: { ask: { groupIds: string[] }; reply: { groups: { groupId: string; error: number; message: string }[] } };
  explainGroup: {
    ask: { groupId: string };
    reply: { message: string; group: GroupDescription; partitions: PartitionExplanation[] };
  };
  groupHistory: { ask: { groupId: string }; reply: { message: string; events: GroupEvent[] } };

  // What groups are told apart from the others (group-configs.ts).
  describeGroupConfigs: { ask: { groupIds: string[] | null }; reply: { groups: { groupId: string; entries: ConfigEntry[] }[] } };
  alterGroupConfigs: { ask: { groupId: string; ops: ConfigOp[]; validateOnly: boolean }; reply: { message: string } };

  // Quotas (Kafka: producer_byte_rate, consumer_byte_rate, by client id; clientId null: the default of all others).
  describeQuotas: { ask: object; reply: { quotas: ClientQuota[] } };
  alterQuotas: {
    ask: { clientId: string | null; ops: { key: string; value: number | null }[]; validateOnly: boolean };
    reply: { message: string };
  };
}

export interface ClientQuota {
  clientId: string | null;
  /** Bytes per second; null: none set here. */
  producerByteRate: number | null;
  consumerByteRate: number | null;
}
