/**
 * The pure core: what an ask about topics means. `decide` looks at the state and answers with facts and a reply; it changes nothing
 * and knows neither hosts nor disks. The actor stores the facts, applies them, has the hosts act, and then sends the reply.
 */
import { assert, unreachable } from '../base/assert.ts';
import { errors } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { PartitionSpec } from '../partition/protocol.ts';
import type { Random } from '../world/random.ts';
import {
  applyConfigOps,
  type BusConfigs,
  busSynonyms,
  type Configs,
  describeBusConfigs,
  describeConfigs,
  parseTopicConfigs,
  toLogConfig,
} from './config-values.ts';
import type { Fact } from './facts.ts';
import { checkTopicName, collisionKey } from './names.ts';
import { Placement } from './placement.ts';
import type { CoordinatorAskOf, CoordinatorReply, CoordinatorReplyOf, NewTopic, TopicMetadata, TopicResult } from './protocol.ts';
import { hostOf, type State, type Topic } from './state.ts';

export type TopicVerb =
  | 'metadata'
  | 'createTopics'
  | 'deleteTopics'
  | 'createPartitions'
  | 'alterConfigs'
  | 'describeConfigs'
  | 'initProducerId';
export type TopicAsk = { [V in TopicVerb]: CoordinatorAskOf<V> }[TopicVerb];

/** What a decision may use besides the state. */
export interface Surroundings {
  nowMs: number;
  random: Random;
  bus: BusConfigs;
}

export interface Decision<R extends CoordinatorReply = CoordinatorReply> {
  facts: Fact[];
  reply: R;
}

/** Producer ids are stored by blocks of this many, so that most of them cost no write. */
export const PRODUCER_ID_BLOCK = 1000;

/** Nothing in this version elects leaders, so every partition is in its first epoch. */
export const LEADER_EPOCH = 0;

export function decide(state: State, ask: TopicAsk, around: Surroundings): Decision {
  switch (ask.verb) {
    case 'metadata':
      return metadata(state, ask, around);
    case 'createTopics':
      return createTopics(state, ask, around);
    case 'deleteTopics':
      return deleteTopics(state, ask);
    case 'createPartitions':
      return createPartitions(state, ask);
    case 'alterConfigs':
      return alterConfigs(state, ask, around);
    case 'describeConfigs':
      return reading(describe(state, ask, around.bus));
    case 'initProducerId':
      return initProducerId(state, ask);
    default:
      return unreachable(ask);
  }
}

function metadata(state: State, ask: CoordinatorAskOf<'metadata'>, around: Surroundings): Decision<CoordinatorReplyOf<'metadata'>> {
  const refused = tooMany(ask.topics?.length ?? 0);
  if (refused !== 0) return reading({ verb: 'metadata', id: ask.id, error: refused, epoch: state.epoch, topics: [] });
  const draft = new Draft(state, around);
  const topics = ask.topics === null ? [...state.byName.values()].map((topic) => toRow(topic, state, around.bus)) : [];
  for (const name of new Set(ask.topics ?? [])) {
    const known = state.byName.get(name);
    if (known !== undefined) topics.push(toRow(known, state, around.bus));
    else if (!ask.autoCreate || !around.bus.autoCreate) topics.push(refusedRow(name, errors.UNKNOWN_TOPIC_OR_PARTITION.code));
    else {
      const result = draft.create({ name, partitions: -1, replicationFactor: -1, configs: {} });
      // A name that is just being deleted is free again soon: the asker tries again.
      const error = result.error === errors.TOPIC_ALREADY_EXISTS.code ? errors.UNKNOWN_TOPIC_OR_PARTITION.code : result.error;
      topics.push(draft.last === null ? refusedRow(name, error) : toRow(draft.last, state, around.bus));
    }
  }
  return { facts: draft.facts, reply: { verb: 'metadata', id: ask.id, error: 0, epoch: draft.epoch, topics } };
}

function createTopics(
  state: State,
  ask: CoordinatorAskOf<'createTopics'>,
  around: Surroundings,
): Decision<CoordinatorReplyOf<'createTopics'>> {
  const refused = tooMany(ask.topics.length);
  if (refused !== 0) return reading({ verb: 'createTopics', id: ask.id, error: refused, topics: [] });
  const draft = new Draft(state, around);
  const twice = namedTwice(ask.topics.map(({ name }) => name));
  const topics = ask.topics.map((topic) =>
    twice.has(topic.name)
      ? refusal(topic.name, errors.INVALID_REQUEST.code, `"${topic.name}" is named more than once: create each topic once`)
      : draft.create(topic),
  );
  const told = topics.map((topic): TopicResult => {
    const configs = ask.describe === true ? draft.configs.get(topic.name) : undefined;
    const entries = configs === undefined ? {} : { entries: describeConfigs(configs, around.bus) };
    return { ...topic, ...(ask.validateOnly ? { topicId: '' } : {}), ...entries };
  });
  return { facts: ask.validateOnly ? [] : draft.facts, reply: { verb: 'createTopics', id: ask.id, error: 0, topics: told } };
}

/** Topics to be made by one ask: each one takes its slots and is counted before the next one is judged. */
class Draft {
  readonly facts: Fact[] = [];
  /** What topics are made with, by name. */
  readonly configs = new Map<string, Configs>();
  epoch: number;
  /** The topic that the last `create` made, or null when it refused. */
  last: Topic | null = null;
  readonly #state: State;
  readonly #around: Surroundings;
  #placement: Placement | null = null;

  constructor(state: State, around: Surroundings) {
    this.#state = state;
    this.#around = around;
    this.epoch = state.epoch;
  }

  create({ name, partitions, replicationFactor, configs }: NewTopic): TopicResult {
    this.last = null;
    const wrong = checkTopicName(name);
    if (wrong !== null) return refusal(name, errors.INVALID_TOPIC_EXCEPTION.code, wrong);
    if (this.#state.byName.has(name)) return refusal(name, errors.TOPIC_ALREADY_EXISTS.code, `topic "${name}" exists already`);
    if (this.#state.collisions.has(collisionKey(name))) {
      const message = `"${name}" differs from another topic only by "." and "_", which names of metrics cannot tell apart: choose another name`;
      return refusal(name, errors.INVALID_TOPIC_EXCEPTION.code, message);
    }
    if (isBeingDeleted(this.#state, name)) {
      return refusal(name, errors.TOPIC_ALREADY_EXISTS.code, `topic "${name}" is still being deleted: create it again when that is done`);
    }
    if (replicationFactor !== -1 && replicationFactor !== 1) {
      return refusal(
        name,
        errors.INVALID_REPLICATION_FACTOR.code,
        'a bus of one process keeps one replica: use a replication factor of 1, or −1',
      );
    }
    const count = partitions === -1 ? this.#around.bus.partitions : partitions;
    if (!Number.isInteger(count) || count < 1 || count > limits.topicPartitionsMax) {
      return refusal(
        name,
        count > limits.topicPartitionsMax ? errors.POLICY_VIOLATION.code : errors.INVALID_PARTITIONS.code,
        `a topic has 1 to ${limits.topicPartitionsMax} partitions (−1: as the bus says), not ${count}`,
      );
    }
    const parsed = parseTopicConfigs(configs, this.#around.bus);
    if (parsed.message !== undefined) return refusal(name, errors.INVALID_CONFIG.code, parsed.message);
    if (this.#state.byId.size + this.facts.length >= limits.topicsMax) {
      return refusal(name, errors.LIMIT_REACHED.code, `the bus has ${limits.topicsMax} topics, which is the most: delete some`);
    }
    this.#placement ??= new Placement(this.#state);
    const slots = this.#placement.place(count);
    if (slots === null) {
      return refusal(
        name,
        errors.LIMIT_REACHED.code,
        `${count} more partitions pass the bound of ${this.#state.taken.length} over all topics: ask for at most ${this.#placement.free}, or delete topics`,
      );
    }
    const topicId = hex(this.#around.random.bytes(16));
    const createdMs = this.#around.nowMs;
    this.facts.push({ fact: 'topicCreated', epoch: ++this.epoch, name, topicId, slots, configs: parsed.ok, createdMs });
    this.last = { name, topicId, createdMs, slots, configs: parsed.ok, deleting: false };
    this.configs.set(name, parsed.ok);
    return { name, topicId, error: 0, message: '', partitions: count };
  }
}

function deleteTopics(state: State, ask: CoordinatorAskOf<'deleteTopics'>): Decision<CoordinatorReplyOf<'deleteTopics'>> {
  const refused = tooMany(ask.names.length);
  if (refused !== 0) return reading({ verb: 'deleteTopics', id: ask.id, error: refused, topics: [] });
  const facts: Fact[] = [];
  const twice = namedTwice(ask.names);
  const topics = ask.names.map((name) => {
    if (twice.has(name)) return refusal(name, errors.INVALID_REQUEST.code, `"${name}" is named more than once: delete each topic once`);
    const topic = state.byName.get(name);
    if (topic === undefined) return refusal(name, errors.UNKNOWN_TOPIC_OR_PARTITION.code, `there is no topic "${name}"`);
    facts.push({ fact: 'topicDeleting', epoch: state.epoch + facts.length + 1, topicId: topic.topicId });
    return { name, topicId: topic.topicId, error: 0, message: '', partitions: topic.slots.length };
  });
  return { facts, reply: { verb: 'deleteTopics', id: ask.id, error: 0, topics } };
}

function createPartitions(state: State, ask: CoordinatorAskOf<'createPartitions'>): Decision<CoordinatorReplyOf<'createPartitions'>> {
  const reply = (error: number, message: string) => ({ verb: 'createPartitions' as const, id: ask.id, error, message });
  const topic = state.byName.get(ask.name);
  if (topic === undefined) return reading(reply(errors.UNKNOWN_TOPIC_OR_PARTITION.code, `there is no topic "${ask.name}"`));
  const present = topic.slots.length;
  if (!Number.isInteger(ask.total) || ask.total > limits.topicPartitionsMax) {
    return reading(reply(errors.INVALID_PARTITIONS.code, `a topic has at most ${limits.topicPartitionsMax} partitions, not ${ask.total}`));
  }
  if (ask.total <= present) {
    const message = `topic "${ask.name}" has ${present} partitions and can only get more: ask for ${present + 1} or above, not ${ask.total}`;
    return reading(reply(errors.INVALID_PARTITIONS.code, message));
  }
  const placement = new Placement(state);
  const slots = placement.place(ask.total - present, topic.slots);
  if (slots === null) {
    const message = `${ask.total - present} more partitions pass the bound of ${state.taken.length} over all topics: ask for at most ${present + placement.free}`;
    return reading(reply(errors.LIMIT_REACHED.code, message));
  }
  return { facts: [{ fact: 'partitionsAdded', epoch: state.epoch + 1, topicId: topic.topicId, slots }], reply: reply(0, '') };
}

function alterConfigs(
  state: State,
  ask: CoordinatorAskOf<'alterConfigs'>,
  around: Surroundings,
): Decision<CoordinatorReplyOf<'alterConfigs'>> {
  const reply = (error: number, message: string) => ({ verb: 'alterConfigs' as const, id: ask.id, error, message });
  const topic = state.byName.get(ask.name);
  if (topic === undefined) return reading(reply(errors.UNKNOWN_TOPIC_OR_PARTITION.code, `there is no topic "${ask.name}"`));
  const changed = applyConfigOps(topic.configs, ask.ops, around.bus);
  if (changed.message !== undefined) return reading(reply(errors.INVALID_CONFIG.code, changed.message));
  const same = JSON.stringify(changed.ok) === JSON.stringify(topic.configs);
  if (ask.validateOnly || same) return reading(reply(0, ''));
  return { facts: [{ fact: 'configsChanged', epoch: state.epoch + 1, topicId: topic.topicId, configs: changed.ok }], reply: reply(0, '') };
}

function describe(state: State, ask: CoordinatorAskOf<'describeConfigs'>, bus: BusConfigs): CoordinatorReplyOf<'describeConfigs'> {
  const refused = tooMany(ask.names.length);
  const names = refused === 0 ? ask.names : [];
  return {
    verb: 'describeConfigs',
    id: ask.id,
    error: refused,
    topics: names.map((name) => {
      const topic = state.byName.get(name);
      return topic === undefined
        ? { name, error: errors.UNKNOWN_TOPIC_OR_PARTITION.code, entries: [] }
        : { name, error: 0, entries: describeConfigs(topic.configs, bus) };
    }),
    ...(ask.bus === true ? { bus: describeBusConfigs(bus), synonyms: busSynonyms(bus) } : {}),
  };
}

function initProducerId(state: State, ask: CoordinatorAskOf<'initProducerId'>): Decision<CoordinatorReplyOf<'initProducerId'>> {
  const facts: Fact[] = [];
  const producerId = state.producerIdsNext;
  if (producerId === state.producerIdsUpTo)
    facts.push({ fact: 'producerIdsReserved', from: producerId, upTo: producerId + PRODUCER_ID_BLOCK });
  facts.push({ fact: 'producerIdGiven', producerId });
  return { facts, reply: { verb: 'initProducerId', id: ask.id, error: 0, producerId, producerEpoch: 0 } };
}

function toRow(topic: Topic, state: State, bus: BusConfigs): TopicMetadata {
  const config = toLogConfig(topic.configs, bus);
  return {
    name: topic.name,
    topicId: topic.topicId,
    error: 0,
    partitions: topic.slots.map((slot, partition) => ({ partition, slot, host: hostOf(state, slot), leaderEpoch: LEADER_EPOCH })),
    durability: config.durability,
    batchBytesMax: config.batchBytesMax,
  };
}

/** These partitions of a topic as their host must know them. */
export function toSpecs(state: State, topic: Topic, slots: readonly number[], bus: BusConfigs): PartitionSpec[] {
  const config = toLogConfig(topic.configs, bus);
  return slots.map((slot) => {
    const owner = state.owners.get(slot);
    assert(owner?.topic === topic, 'a topic owns its slots');
    return { slot, topic: topic.name, topicId: topic.topicId, partition: owner.partition, leaderEpoch: LEADER_EPOCH, config };
  });
}

function refusedRow(name: string, error: number): TopicMetadata {
  return { name, topicId: '', error, partitions: [], durability: '', batchBytesMax: 0 };
}

function refusal(name: string, error: number, message: string): TopicResult {
  return { name, topicId: '', error, message, partitions: 0 };
}

function reading<R extends CoordinatorReply>(reply: R): Decision<R> {
  return { facts: [], reply };
}

function isBeingDeleted(state: State, name: string): boolean {
  if (state.byId.size === state.byName.size) return false;
  for (const topic of state.byId.values()) if (topic.deleting && topic.name === name) return true;
  return false;
}

function tooMany(count: number): number {
  return count > limits.topicsMax ? errors.LIMIT_REACHED.code : 0;
}

function namedTwice(names: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) (seen.has(name) ? twice : seen).add(name);
  return twice;
}

export function hex(bytes: Uint8Array): string {
  assert(bytes.length === 16, 'an id has 16 bytes');
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
