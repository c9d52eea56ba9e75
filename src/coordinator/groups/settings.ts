/** What a bus says of all its groups; Kafka's names stand beside. */
import { limits } from '../../base/limits.ts';

/** What a group was told apart from the others; null: nothing (group-configs.ts). */
export interface GroupConfigs {
  readonly sessionTimeoutMs: number | null;
  readonly heartbeatIntervalMs: number | null;
}

export interface GroupSettings {
  /** Of the group that is looked at. */
  readonly own: GroupConfigs | null;

  /** Members of one group (group.max.size). */
  readonly membersMax: number;
  /** Of members that say nothing (group.consumer.session.timeout.ms). */
  readonly sessionTimeoutMs: number;
  /** The least that a member may ask for (group.min.session.timeout.ms) … */
  readonly sessionTimeoutMsMin: number;
  /** … and the most (group.max.session.timeout.ms). */
  readonly sessionTimeoutMsMax: number;
  /** How often members of consumer groups shall be heard; a shorter session is divided by three (group.consumer.heartbeat.interval.ms). */
  readonly heartbeatIntervalMs: number;
  /** How long the first join phase of a classic group waits for more members (group.initial.rebalance.delay.ms; Kafka: 3,000). */
  readonly firstRebalanceDelayMs: number;
  /** A first join that has not been answered for so long is given up: who waits no longer does not hold up the others. */
  readonly newMemberJoinTimeoutMs: number;
  /** Whether a group changes its protocol while it has members (group.consumer.migration.policy). */
  readonly canUpgrade: boolean;
  readonly canDowngrade: boolean;
}

export const groupDefaults: GroupSettings = {
  own: null,
  membersMax: limits.groupMembersMax,
  sessionTimeoutMs: 30_000,
  sessionTimeoutMsMin: 100,
  sessionTimeoutMsMax: 1_800_000,
  heartbeatIntervalMs: 3000,
  firstRebalanceDelayMs: 0,
  newMemberJoinTimeoutMs: 300_000,
  canUpgrade: true,
  canDowngrade: true,
};
