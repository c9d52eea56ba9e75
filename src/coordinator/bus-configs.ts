/** Settings of a bus as a whole, by Kafka's broker names where it has one. Those of its topics are in configs.ts. */
import { limits } from '../base/limits.ts';
import type { ConfigRow } from './configs.ts';
import { groupDefaults } from './groups/settings.ts';

const INT_MAX = 2 ** 31 - 1;
const int = { type: 'int', max: INT_MAX } as const;

/** What a bus is configured with beyond the defaults of its topics. */
export const ownBusConfigs = {
  'auto.create.topics.enable': {
    type: 'boolean',
    default: 'true',
    bus: 'auto.create.topics.enable',
    effect: 'acts',
    documentation:
      'Whether a topic that does not exist is made when a client asks for it and wants it made. Set it to "false" where a misspelt name should be an error.',
  },
  'num.partitions': {
    ...int,
    default: '1',
    bus: 'num.partitions',
    min: 1,
    max: limits.topicPartitionsMax,
    effect: 'acts',
    documentation: 'Partitions of a topic that is made without a count.',
  },
  'offsets.retention.minutes': {
    ...int,
    default: '10080',
    bus: 'offsets.retention.minutes',
    min: 1,
    max: INT_MAX,
    effect: 'acts',
    documentation:
      'How long committed offsets are kept after their group became empty, after their commit in a group that never had members, or in a living group that does not read the topic any more.',
  },
  'offsets.retention.check.interval.ms': {
    ...int,
    default: '600000',
    bus: 'offsets.retention.check.interval.ms',
    min: 1,
    max: INT_MAX,
    effect: 'acts',
    documentation: 'How often it is looked whether offsets have expired, and groups without members and offsets are forgotten.',
  },
  'group.max.size': {
    ...int,
    default: String(groupDefaults.membersMax),
    bus: 'group.max.size',
    min: 1,
    max: limits.groupMembersMax,
    effect: 'acts',
    documentation: 'Members that one group may have; further ones are refused.',
  },
  'group.consumer.session.timeout.ms': {
    ...int,
    default: String(groupDefaults.sessionTimeoutMs),
    bus: 'group.consumer.session.timeout.ms',
    min: 1,
    max: INT_MAX,
    effect: 'acts',
    documentation: 'How long a member that does not say otherwise may be silent before its partitions go to others.',
  },
  'group.min.session.timeout.ms': {
    ...int,
    default: String(groupDefaults.sessionTimeoutMsMin),
    bus: 'group.min.session.timeout.ms',
    min: 1,
    max: INT_MAX,
    effect: 'acts',
    documentation: 'The least that a member may ask for as its session timeout.',
  },
  'group.max.session.timeout.ms': {
    ...int,
    default: String(groupDefaults.sessionTimeoutMsMax),
    bus: 'group.max.session.timeout.ms',
    min: 1,
    max: INT_MAX,
    effect: 'acts',
    documentation: 'The most that a member may ask for as its session timeout.',
  },
  'group.consumer.heartbeat.interval.ms': {
    ...int,
    default: String(groupDefaults.heartbeatIntervalMs),
    bus: 'group.consumer.heartbeat.interval.ms',
    min: 1,
    max: INT_MAX,
    effect: 'acts',
    documentation: 'How often members of consumer groups are asked to be heard.',
  },
  'group.initial.rebalance.delay.ms': {
    ...int,
    default: String(groupDefaults.firstRebalanceDelayMs),
    bus: 'group.initial.rebalance.delay.ms',
    min: 0,
    max: INT_MAX,
    effect: 'acts',
    documentation: 'How long the first join phase of a classic group waits for more members.',
  },
  'quota.window.num': {
    ...int,
    default: '11',
    bus: 'quota.window.num',
    min: 2,
    max: 1000,
    effect: 'acts',
    documentation: 'Samples that the rate of a client id is averaged over, the running one among them.',
  },
  'quota.window.size.seconds': {
    ...int,
    default: '1',
    bus: 'quota.window.size.seconds',
    min: 1,
    max: 3600,
    effect: 'acts',
    documentation: 'How long each sample of the rate of a client id is.',
  },
  'group.stall.ms': {
    ...int,
    default: '30000',
    bus: 'group.stall.ms',
    min: 100,
    max: INT_MAX,
    effect: 'acts',
    documentation:
      'A partition that a group reads, that has records to be read, and of which nothing is committed or read for so long, is told as stalled. Of Spillway.',
  },
} as const satisfies Record<string, ConfigRow>;
