/** Administration: topics, configs, offsets by time, deletion of records, what lies where. Kafka's Admin, in promises. */
import { BusError, errorName } from '../base/errors.ts';
import type { ClientQuota, GroupDescription, GroupEvent, PartitionExplanation } from '../coordinator/groups/protocol.ts';
import type { ConfigEntry, ConfigOp, PressureReport, TopicMetadata } from '../coordinator/protocol.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { blankDescription, type PartitionDescription } from '../partition/protocol.ts';
import { checkConfigOps, checkNewTopics, checkOffsets, checkTopicNames, checkValidateOnly } from './admin-checks.ts';
import { ask, askCoordinator, askPartition, loadTopic } from './ask.ts';
import { checkFlag, checkNames, checkNumber, checkText, shown } from './check.ts';
import * as groups from './group-admin.ts';
import {
  checkGroupId,
  checkGroupIds,
  checkListing,
  checkQuota,
  type OffsetsExport,
  type QuotaChange,
  type ResetOptions,
} from './group-checks.ts';
import { checkPlaces, type TopicPartition } from './places.ts';
import { advice, unknownPartition } from './refusals.ts';
import type { Topic } from './topic.ts';

export interface NewTopicOptions {
  name: string;
  /** Default: the bus's num.partitions. */
  partitions?: number | undefined;
  /** 1 on one host; there for the sake of code that also runs against a cluster. */
  replicationFactor?: number | undefined;
  /** Kafka's topic configs and `durability`; see docs/configuration.md. */
  configs?: Readonly<Record<string, string | number | boolean>> | undefined;
}

export interface CreatedTopic {
  name: string;
  topicId: string;
  partitions: number;
}

export interface TopicListing {
  name: string;
  topicId: string;
  partitions: number;
  durability: string;
}

export interface TopicPartitionDescription extends Omit<PartitionDescription, 'slot' | 'error' | 'topic'> {
  /** Number of the partition host that carries it. */
  host: number;
  leaderEpoch: number;
}

export interface TopicDescription {
  name: string;
  topicId: string;
  durability: string;
  partitions: TopicPartitionDescription[];
}

/** 'latest', 'earliest', 'maxTimestamp', or a time in milliseconds since the epoch. */
export type OffsetSpec = 'latest' | 'earliest' | 'maxTimestamp' | number;

export interface ListedOffset {
  partition: number;
  /** −1: no record at or after that time. */
  offset: number;
  timestamp: number;
}

const specTimes = { latest: -1, earliest: -2, maxTimestamp: -3 } as const;

export class Admin {
  readonly #dispatcher: Dispatcher;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  /**
   * Creates topics, all that can be; throws the first refusal after that: TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION,
   * INVALID_PARTITIONS, INVALID_CONFIG … `validateOnly` creates nothing.
   */
  async createTopics(
    topics: readonly (NewTopicOptions | Topic<never, never, never> | Topic<unknown, unknown, unknown>)[],
    options: { validateOnly?: boolean } = {},
  ): Promise<CreatedTopic[]> {
    const validateOnly = checkValidateOnly('admin.createTopics', options);
    const reply = await askCoordinator(this.#dispatcher, 'createTopics', { topics: checkNewTopics(topics), validateOnly });
    throwFirst(reply.topics);
    return reply.topics.map(({ name, topicId, partitions }) => ({ name, topicId, partitions }));
  }

  /** Deletes topics with their records and files; throws the first refusal after that. */
  async deleteTopics(names: readonly string[]): Promise<void> {
    const reply = await askCoordinator(this.#dispatcher, 'deleteTopics', { names: checkTopicNames('deleteTopics', names) });
    throwFirst(reply.topics);
  }

  async listTopics(): Promise<TopicListing[]> {
    const { topics } = await askCoordinator(this.#dispatcher, 'metadata', { topics: null, autoCreate: false });
    return topics
      .map(({ name, topicId, partitions, durability }) => ({ name, topicId, partitions: partitions.length, durability }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Topics with the state of each partition. Throws UNKNOWN_TOPIC_OR_PARTITION for a name that is none. */
  async describeTopics(names: readonly string[]): Promise<TopicDescription[]> {
    const topics = await this.#metadata(checkTopicNames('describeTopics', names));
    const bySlot = await this.#describeSlots(topics);
    return topics.map(({ name, topicId, durability, partitions }) => ({
      name,
      topicId,
      durability,
      partitions: partitions.map(({ partition, slot, host, leaderEpoch }) => {
        const {
          slot: _slot,
          error: _error,
          topic: _topic,
          ...described
        } = bySlot.get(slot) ?? blankDescription({ slot, topic: name, partition }, 0, 'offline');
        return { ...described, host, leaderEpoch };
      }),
    }));
  }

  /** Raises the number of partitions to `total`. Keys are spread anew from then on, as in Kafka. */
  async createPartitions(name: string, total: number): Promise<void> {
    checkText('the name of a topic', name);
    checkNumber('the number of partitions', total);
    await askCoordinator(this.#dispatcher, 'createPartitions', { name, total });
  }

  async describeConfigs(names: readonly string[]): Promise<{ name: string; entries: ConfigEntry[] }[]> {
    const asked = checkTopicNames('describeConfigs', names);
    const { topics } = await askCoordinator(this.#dispatcher, 'describeConfigs', { names: asked });
    for (const { name, error } of topics) if (error !== 0) throw refusal(name, error, '');
    return topics.map(({ name, entries }) => ({ name, entries }));
  }

  /** Sets, deletes (back to the default), appends to or subtracts from configs of a topic, all or none. */
  async alterConfigs(
    name: string,
    ops: readonly (Omit<ConfigOp, 'value'> & { value?: string | number | boolean })[],
    options: { validateOnly?: boolean } = {},
  ): Promise<void> {
    checkText('the name of a topic', name);
    const validateOnly = checkValidateOnly('admin.alterConfigs', options);
    await askCoordinator(this.#dispatcher, 'alterConfigs', { name, ops: checkConfigOps(ops), validateOnly });
  }

  /** Per partition: the offset that `spec` names. */
  async listOffsets(name: string, spec: OffsetSpec): Promise<ListedOffset[]> {
    const timestampMs = typeof spec === 'number' ? spec : Object.hasOwn(specTimes, spec ?? '') ? specTimes[spec] : Number.NaN;
    if (!Number.isSafeInteger(timestampMs) || timestampMs < -3) {
      const what = `an offset is asked for as 'earliest', 'latest', 'maxTimestamp' or by milliseconds, not ${shown(spec)}`;
      throw new BusError('INVALID_ARGUMENT', what, { details: { spec } });
    }
    const { partitions } = await loadTopic(this.#dispatcher, name);
    return Promise.all(
      partitions.map(async ({ partition }) => {
        const place = { topic: name, partition };
        const { offset, timestampMs: timestamp } = await askPartition(this.#dispatcher, place, 'listOffsets', { timestampMs });
        return { partition, offset, timestamp };
      }),
    );
  }

  /** Removes the records before an offset, per partition; −1 means all that are committed. Answers the new first offsets. */
  async deleteRecords(name: string, before: Readonly<Record<number, number>>): Promise<Record<number, number>> {
    const offsets = checkOffsets(before);
    const { topicId, partitions } = await loadTopic(this.#dispatcher, name);
    for (const [partition] of offsets) if (partitions[partition] === undefined) throw unknownPartition(name, partition, partitions.length);
    const starts: Record<number, number> = {};
    for (const [partition, beforeOffset] of offsets) {
      const asked = askPartition(this.#dispatcher, { topic: name, topicId, partition }, 'deleteRecords', { beforeOffset });
      const { startOffset } = await asked.catch((error: unknown) => {
        throw isBeyond(error) ? beyondEnd(name, partition, beforeOffset) : error;
      });
      starts[partition] = startOffset;
    }
    return starts;
  }

  /** Sizes and states of all partitions, or of those of some topics. */
  async describeLogDirs(names?: readonly string[]): Promise<(Omit<PartitionDescription, 'slot' | 'error'> & { host: number })[]> {
    const topics = await this.#metadata(names === undefined ? null : checkTopicNames('describeLogDirs', names));
    const bySlot = await this.#describeSlots(topics);
    return topics.flatMap((topic) =>
      topic.partitions.map(({ partition, slot, host }) => {
        const {
          slot: _slot,
          error: _error,
          ...described
        } = bySlot.get(slot) ?? blankDescription({ slot, topic: topic.name, partition }, 0, 'offline');
        return { ...described, host };
      }),
    );
  }

  async pressure(): Promise<PressureReport> {
    return (await askCoordinator(this.#dispatcher, 'pressure', {})).report;
  }

  // Groups.

  /** All groups, those that only hold offsets among them; or those in some states, of some types. */
  async listGroups(
    options: { states?: readonly GroupDescription['state'][]; types?: readonly GroupDescription['type'][] } = {},
  ): Promise<groups.GroupListing[]> {
    const reply = await askCoordinator(this.#dispatcher, 'listGroups', checkListing(options));
    return reply.groups.sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
  }

  /** Groups with their members, assignments, and per partition what is committed and how far that is behind. Throws GROUP_ID_NOT_FOUND. */
  async describeGroups(groupIds: readonly string[]): Promise<groups.GroupWithLag[]> {
    return groups.describeGroups(this.#dispatcher, checkGroupIds('describeGroups', groupIds));
  }

  async describeGroup(groupId: string): Promise<groups.GroupWithLag> {
    const [described] = await groups.describeGroups(this.#dispatcher, [checkGroupId(groupId)]);
    return described;
  }

  /** What a group has committed. A group that is not known has committed nothing. */
  async groupOffsets(groupId: string): Promise<groups.GroupOffset[]> {
    return groups.committedOffsets(this.#dispatcher, groupId);
  }

  /**
   * Moves what a group without members has committed; it goes on from there. Tells what was, or with `dryRun` would be, changed.
   * Throws NON_EMPTY_GROUP while it has members.
   */
  async resetOffsets(groupId: string, options: ResetOptions): Promise<groups.OffsetChange[]> {
    return groups.resetOffsets(this.#dispatcher, groupId, options);
  }

  /** Forgets what a group has committed of these partitions. Throws GROUP_SUBSCRIBED_TO_TOPIC for what its members read. */
  async deleteGroupOffsets(groupId: string, which: readonly TopicPartition[]): Promise<void> {
    await groups.deleteGroupOffsets(this.#dispatcher, groupId, checkPlaces('deleteGroupOffsets', which));
  }

  /** Deletes groups without members, and what they committed; throws the first refusal after that. */
  async deleteGroups(groupIds: readonly string[]): Promise<void> {
    const reply = await askCoordinator(this.#dispatcher, 'deleteGroups', { groupIds: checkGroupIds('deleteGroups', groupIds) });
    for (const { groupId, error, message } of reply.groups) if (error !== 0) throw groups.groupRefusal(groupId, error, message);
  }

  /** Committed offsets of some groups, or of all, as a document for `importOffsets`. */
  async exportOffsets(groupIds?: readonly string[]): Promise<OffsetsExport> {
    const ids = groupIds === undefined ? (await this.listGroups()).map(({ groupId }) => groupId) : checkGroupIds('exportOffsets', groupIds);
    return groups.exportOffsets(this.#dispatcher, ids);
  }

  /** Commits what was exported, for groups without members. Throws INVALID_DATA before anything is committed when it is no such document. */
  async importOffsets(document: OffsetsExport, options: { dryRun?: boolean } = {}): Promise<(groups.OffsetChange & { groupId: string })[]> {
    checkNames('admin.importOffsets', options, ['dryRun']);
    return groups.importOffsets(this.#dispatcher, document, checkFlag('dryRun', options.dryRun ?? false));
  }

  /** Why each partition of a group stands where it stands, in words. */
  async explainGroup(groupId: string): Promise<{ group: Omit<GroupDescription, 'error' | 'message'>; partitions: PartitionExplanation[] }> {
    const reply = await askCoordinator(this.#dispatcher, 'explainGroup', { groupId: checkGroupId(groupId) });
    const { error: _error, message: _message, ...group } = reply.group;
    return { group, partitions: reply.partitions };
  }

  /** Joins, leaves, generations and assignments of a group since the bus was opened, oldest first; the newest are kept. */
  async groupHistory(groupId: string): Promise<GroupEvent[]> {
    return (await askCoordinator(this.#dispatcher, 'groupHistory', { groupId: checkGroupId(groupId) })).events;
  }

  /** What each group is told apart from the others: `consumer.session.timeout.ms` and `consumer.heartbeat.interval.ms` (KIP-848). */
  async describeGroupConfigs(groupIds: readonly string[]): Promise<{ groupId: string; entries: ConfigEntry[] }[]> {
    const asked = checkGroupIds('describeGroupConfigs', groupIds);
    return (await askCoordinator(this.#dispatcher, 'describeGroupConfigs', { groupIds: asked })).groups;
  }

  /** Sets or deletes (back to what holds for all) configs of a group, be it there or not, all or none. In force with each member's next heartbeat. */
  async alterGroupConfigs(
    groupId: string,
    ops: readonly (Omit<ConfigOp, 'value'> & { value?: string | number | boolean })[],
    options: { validateOnly?: boolean } = {},
  ): Promise<void> {
    const validateOnly = checkValidateOnly('admin.alterGroupConfigs', options);
    await askCoordinator(this.#dispatcher, 'alterGroupConfigs', { groupId: checkGroupId(groupId), ops: checkConfigOps(ops), validateOnly });
  }

  // Quotas.

  /** The quotas that were set. */
  async describeQuotas(): Promise<ClientQuota[]> {
    return (await askCoordinator(this.#dispatcher, 'describeQuotas', {})).quotas;
  }

  /** Sets or, with null, ends quotas of a client id; of all that have none of their own when that is null. In force within a second. */
  async alterQuotas(clientId: string | null, change: QuotaChange): Promise<void> {
    await askCoordinator(this.#dispatcher, 'alterQuotas', { ...checkQuota(clientId, change), validateOnly: false });
  }

  async #metadata(names: readonly string[] | null): Promise<TopicMetadata[]> {
    const { topics } = await askCoordinator(this.#dispatcher, 'metadata', {
      topics: names === null ? null : [...names],
      autoCreate: false,
    });
    for (const { name, error } of topics) if (error !== 0) throw refusal(name, error, '');
    return topics;
  }

  async #describeSlots(topics: readonly TopicMetadata[]): Promise<Map<number, PartitionDescription>> {
    const slotsOf = new Map<number, number[]>();
    for (const { partitions } of topics) for (const { slot, host } of partitions) slotsOf.set(host, [...(slotsOf.get(host) ?? []), slot]);
    const replies = await Promise.all([...slotsOf].map(([host, slots]) => ask(this.#dispatcher, host, 'describe', { slots })));
    return new Map(replies.flatMap(({ partitions }) => partitions.map((one) => [one.slot, one] as const)));
  }
}

function throwFirst(results: readonly { name: string; error: number; message: string }[]): void {
  for (const { name, error, message } of results) if (error !== 0) throw refusal(name, error, message);
}

function refusal(name: string, error: number, message: string): BusError {
  const code = errorName(error);
  const known = code === 'UNKNOWN_TOPIC_OR_PARTITION' ? `topic "${name}" does not exist` : `topic "${name}" was refused: ${advice(error)}`;
  return new BusError(code, message === '' ? known : message, { details: { topic: name } });
}

function isBeyond(error: unknown): boolean {
  return error instanceof BusError && error.code === 'OFFSET_OUT_OF_RANGE';
}

function beyondEnd(topic: string, partition: number, offset: number): BusError {
  const what = `offset ${offset} of ${topic}-${partition} lies beyond its high watermark: records are deleted up to there; -1 stands for it`;
  return new BusError('OFFSET_OUT_OF_RANGE', what, { details: { topic, partition, offset } });
}
