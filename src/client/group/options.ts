/** What a consumer may be told about its group, with the names that Kafka gives these settings. */
import type { Assignor } from '../../assign/client.ts';
import { BusError } from '../../base/errors.ts';
import { checkFunction, checkText, shown } from '../check.ts';
import type { CheckedOptions, OptionTable } from '../option-table.ts';
import type { TopicPartition } from '../places.ts';
import { type AssignorChoice, memberAssignors, serverAssignor } from './assignors.ts';
import { checkSubscription, type Subscribable, type Subscription } from './subscription.ts';

export interface GroupOptions {
  /** The group that this consumer takes part in, or, without `topics`, on whose behalf it commits (Kafka: group.id). Default none. */
  groupId?: string;
  /**
   * What the group reads: topics by name, by declaration, by RegExp or { pattern }, or a list of these. The coordinator says which
   * partitions are this consumer’s. Default none.
   */
  topics?: Subscribable | readonly Subscribable[];
  /**
   * A name that stays the member’s over restarts: who comes back with it within the session timeout gets its partitions back (Kafka:
   * group.instance.id). Default none.
   */
  groupInstanceId?: string;
  /** A member that is not heard for so long loses its partitions (Kafka: session.timeout.ms). Default 30000, from 10 to 86400000. */
  sessionTimeoutMs?: number;
  /**
   * How often it is heard, whatever its handlers do (Kafka: heartbeat.interval.ms). Default 3000, a third of the session timeout at
   * most, from 1 to 86400000.
   */
  heartbeatIntervalMs?: number;
  /**
   * How long giving up partitions may take, onRevoked and commits included (Kafka: max.poll.interval.ms).
   * Default maxPollIntervalMs, from 10 to 86400000.
   */
  rebalanceTimeoutMs?: number;
  /**
   * A member whose user does not ask for more within this time leaves the group, and takes part again when he does (Kafka:
   * max.poll.interval.ms). Default 300000, from 10 to 86400000.
   */
  maxPollIntervalMs?: number;
  /** Who assigns: the coordinator (KIP-848), or the member that leads (Kafka: group.protocol). Default 'consumer'. */
  groupProtocol?: 'consumer' | 'classic';
  /**
   * How partitions are assigned: 'uniform' or 'range' where the coordinator does; 'range', 'roundrobin', 'sticky', 'cooperative-sticky',
   * { name, assign } of your own, or a list of these, best first, where members do (Kafka: group.remote.assignor,
   * partition.assignment.strategy). Default uniform, or cooperative-sticky.
   */
  assignor?: AssignorChoice | readonly AssignorChoice[];
  /** Commit by itself what is finished, at intervals and before partitions move (Kafka: enable.auto.commit). Default true. */
  autoCommit?: boolean;
  /** How often (Kafka: auto.commit.interval.ms). Default 5000, from 1 to 86400000. */
  autoCommitIntervalMs?: number;
  /** Commits are answered only when they would survive a power loss. Default false. */
  commitSynced?: boolean;
  /** How long `commit` and `committed` go on asking (Kafka: default.api.timeout.ms). Default 60000, from 1 to 86400000. */
  apiTimeoutMs?: number;
  /** Who this is, for quotas and descriptions of the group (Kafka: client.id). Default consumer-GROUP. */
  clientId?: string;
  /** Partitions that are this member’s from now on; seeks in here hold, and nothing of them is given out before it has ended. Default none. */
  onAssigned?: (partitions: TopicPartition[]) => unknown;
  /** Partitions that are about to move: finish and commit. They stay until this has ended, or rebalanceTimeoutMs. Default none. */
  onRevoked?: (partitions: TopicPartition[]) => unknown;
  /** Partitions that are others’ already: commits of them are refused. Default none. */
  onLost?: (partitions: TopicPartition[]) => unknown;
}

const DAY_MS = 86_400_000;

export const groupOptions = {
  groupId: {
    kind: 'other',
    type: 'string',
    defaultText: 'none',
    check: checkId,
    kafka: 'group.id',
    documentation: 'The group that this consumer takes part in, or, without `topics`, on whose behalf it commits.',
  },
  topics: {
    kind: 'other',
    type: 'name, declaration, RegExp, { pattern } or a list',
    defaultText: 'none',
    check: (_name, value) => void checkSubscription(value),
    documentation:
      'What the group reads: topics by name, by declaration, by RegExp or { pattern }, or a list of these. The coordinator says which partitions are this consumer’s.',
  },
  groupInstanceId: {
    kind: 'other',
    type: 'string',
    defaultText: 'none',
    check: checkId,
    kafka: 'group.instance.id',
    documentation:
      'A name that stays the member’s over restarts: who comes back with it within the session timeout gets its partitions back.',
  },
  sessionTimeoutMs: {
    kind: 'whole number',
    default: 30_000,
    min: 10,
    max: DAY_MS,
    kafka: 'session.timeout.ms',
    documentation: 'A member that is not heard for so long loses its partitions.',
  },
  heartbeatIntervalMs: {
    kind: 'whole number',
    default: 3000,
    defaultText: '3000, a third of the session timeout at most',
    min: 1,
    max: DAY_MS,
    kafka: 'heartbeat.interval.ms',
    documentation: 'How often it is heard, whatever its handlers do.',
  },
  rebalanceTimeoutMs: {
    kind: 'whole number',
    default: 300_000,
    defaultText: 'maxPollIntervalMs',
    min: 10,
    max: DAY_MS,
    kafka: 'max.poll.interval.ms',
    documentation: 'How long giving up partitions may take, onRevoked and commits included.',
  },
  maxPollIntervalMs: {
    kind: 'whole number',
    default: 300_000,
    min: 10,
    max: DAY_MS,
    kafka: 'max.poll.interval.ms',
    documentation: 'A member whose user does not ask for more within this time leaves the group, and takes part again when he does.',
  },
  groupProtocol: {
    kind: 'choice',
    default: 'consumer',
    oneOf: ['consumer', 'classic'],
    kafka: 'group.protocol',
    documentation: 'Who assigns: the coordinator (KIP-848), or the member that leads.',
  },
  assignor: {
    kind: 'other',
    type: 'name, { name, assign } or a list',
    defaultText: 'uniform, or cooperative-sticky',
    check: () => {},
    kafka: 'group.remote.assignor, partition.assignment.strategy',
    documentation:
      "How partitions are assigned: 'uniform' or 'range' where the coordinator does; 'range', 'roundrobin', 'sticky', 'cooperative-sticky', { name, assign } of your own, or a list of these, best first, where members do.",
  },
  autoCommit: {
    kind: 'flag',
    default: true,
    kafka: 'enable.auto.commit',
    documentation: 'Commit by itself what is finished, at intervals and before partitions move.',
  },
  autoCommitIntervalMs: {
    kind: 'whole number',
    default: 5000,
    min: 1,
    max: DAY_MS,
    kafka: 'auto.commit.interval.ms',
    documentation: 'How often.',
  },
  commitSynced: {
    kind: 'flag',
    default: false,
    documentation: 'Commits are answered only when they would survive a power loss.',
  },
  apiTimeoutMs: {
    kind: 'whole number',
    default: 60_000,
    min: 1,
    max: DAY_MS,
    kafka: 'default.api.timeout.ms',
    documentation: 'How long `commit` and `committed` go on asking.',
  },
  clientId: {
    kind: 'other',
    type: 'string',
    defaultText: 'consumer-GROUP',
    check: checkId,
    kafka: 'client.id',
    documentation: 'Who this is, for quotas and descriptions of the group.',
  },
  onAssigned: {
    kind: 'other',
    type: 'function',
    defaultText: 'none',
    check: checkFunction,
    documentation:
      'Partitions that are this member’s from now on; seeks in here hold, and nothing of them is given out before it has ended.',
  },
  onRevoked: {
    kind: 'other',
    type: 'function',
    defaultText: 'none',
    check: checkFunction,
    documentation: 'Partitions that are about to move: finish and commit. They stay until this has ended, or rebalanceTimeoutMs.',
  },
  onLost: {
    kind: 'other',
    type: 'function',
    defaultText: 'none',
    check: checkFunction,
    documentation: 'Partitions that are others’ already: commits of them are refused.',
  },
} as const satisfies OptionTable;

export interface CheckedGroupOptions extends CheckedOptions<typeof groupOptions> {
  groupId: string;
  clientId: string;
  groupInstanceId: string | null;
  /** The coordinator's assignor, or null for its own choice; the members' own with the classic protocol. */
  assign: { by: 'coordinator'; assignor: string | null } | { by: 'members'; assignors: Assignor[] };
  /** Null: it commits for a group and takes no part in it. */
  subscription: Subscription | null;
}

/** What is needed of the group options; null for a consumer without a group. Throws BusError INVALID_ARGUMENT. */
export function checkGroupOptions(options: GroupOptions, checked: CheckedOptions<typeof groupOptions>): CheckedGroupOptions | null {
  const { groupId, topics, groupInstanceId } = options;
  if (groupId === undefined || groupId === null) {
    const first = Object.keys(groupOptions).find((name) => (options as Record<string, unknown>)[name] !== undefined && name !== 'clientId');
    if (first === undefined) return null;
    throw new BusError('INVALID_ARGUMENT', `${first} is for a consumer in a group: give a groupId too`, { details: { option: first } });
  }
  const { sessionTimeoutMs, maxPollIntervalMs } = checked;
  const heartbeatIntervalMs = options.heartbeatIntervalMs ?? Math.min(checked.heartbeatIntervalMs, Math.ceil(sessionTimeoutMs / 3));
  if (heartbeatIntervalMs >= sessionTimeoutMs) {
    const words = `heartbeatIntervalMs=${heartbeatIntervalMs} must be less than sessionTimeoutMs=${sessionTimeoutMs}, a third of it at best`;
    throw new BusError('INVALID_ARGUMENT', words, { details: { option: 'heartbeatIntervalMs' } });
  }
  return {
    ...checked,
    groupId,
    clientId: options.clientId ?? `consumer-${groupId}`,
    groupInstanceId: groupInstanceId ?? null,
    heartbeatIntervalMs,
    assign:
      checked.groupProtocol === 'consumer'
        ? { by: 'coordinator', assignor: serverAssignor(options.assignor) }
        : { by: 'members', assignors: memberAssignors(options.assignor) },
    rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? maxPollIntervalMs,
    subscription: topics === undefined || topics === null ? null : checkSubscription(topics),
  };
}

function checkId(name: string, value: unknown): void {
  if (checkText(name, value) !== '') return;
  throw new BusError('INVALID_ARGUMENT', `${name} is a text that is not empty, not ${shown(value)}`, { details: { option: name } });
}
