/**
 * The coordinator's state and how a fact changes it. Pure: the same facts in the same order give the same state, live and at start-up.
 *
 * Invariants: a slot belongs to one partition, for good; a name to one topic that is not being deleted; `taken` is 1 exactly for the
 * places of the slots of `byId` (which holds topics being deleted too, until their files are gone); `loads` sums up to their number.
 */
import { assert, unreachable } from '../base/assert.ts';
import type { Configs } from './config-values.ts';
import type { Fact } from './facts.ts';
import type { GroupConfigFact } from './groups/facts.ts';
import { applyGroup, emptyGroups, type Groups, storedFactsOf } from './groups/state.ts';
import { collisionKey } from './names.ts';
import type { QuotaFact } from './offsets/facts.ts';
import { applyOffsets, emptyOffsets, forgetGroup, forgetTopic, type OffsetsState, offsetFactsOf } from './offsets/state.ts';

export interface Topic {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly topicId: string;
  readonly createdMs: number;
  /** Slot of each partition, by its number. */
  slots: readonly number[];
  configs: Configs;
  deleting: boolean;
}

export interface State {
  busId: string;
  hosts: number;
  /** Rises with every change that metadata shows. */
  epoch: number;
  /** Every topic, also while it is being deleted. */
  readonly byId: Map<string, Topic>;
  /** Topics that clients may use. */
  readonly byName: Map<string, Topic>;
  /** How many topics share a name but for "." and "_". */
  readonly collisions: Map<string, number>;
  /** By place: slot mod their number. 2 while all topics move and the place is the next one's already. */
  readonly taken: Uint8Array;
  /** Every slot that was ever given lies below. */
  nextSlot: number;
  /** Whose slot it is. */
  readonly owners: Map<number, { topic: Topic; partition: number }>;
  /** Partitions of each host. */
  loads: number[];
  producerIdsNext: number;
  producerIdsUpTo: number;
  readonly groups: Groups;
  readonly offsets: OffsetsState;
  /** By client id; null: of all others. */
  readonly quotas: Map<string | null, QuotaFact>;
  /** By group id. */
  readonly groupConfigs: Map<string, GroupConfigFact>;
}

export function emptyState(slotsMax: number): State {
  return {
    busId: '',
    hosts: 1,
    epoch: 0,
    byId: new Map(),
    byName: new Map(),
    collisions: new Map(),
    taken: new Uint8Array(slotsMax),
    nextSlot: 0,
    owners: new Map(),
    loads: [0],
    producerIdsNext: 0,
    producerIdsUpTo: 0,
    groups: emptyGroups(),
    offsets: emptyOffsets(),
    quotas: new Map(),
    groupConfigs: new Map(),
  };
}

export function applyAll(state: State, facts: readonly Fact[]): void {
  for (const fact of facts) apply(state, fact);
}

export function apply(state: State, fact: Fact): void {
  switch (fact.fact) {
    case 'busMade':
      state.busId = fact.busId;
      state.hosts = fact.hosts;
      state.loads = new Array(fact.hosts).fill(0);
      for (const slot of state.owners.keys()) state.loads[hostOf(state, slot)]++;
      return;
    case 'topicCreated': {
      assert(!state.byName.has(fact.name) && !state.byId.has(fact.topicId), 'a created topic is new by name and by id');
      const topic: Topic = {
        name: fact.name,
        topicId: fact.topicId,
        createdMs: fact.createdMs,
        slots: [],
        configs: fact.configs,
        deleting: false,
      };
      state.byId.set(topic.topicId, topic);
      state.byName.set(topic.name, topic);
      countCollision(state, topic.name, 1);
      takeSlots(state, topic, fact.slots);
      return raise(state, fact.epoch);
    }
    case 'partitionsAdded':
      takeSlots(state, topicOf(state, fact.topicId), fact.slots);
      return raise(state, fact.epoch);
    case 'configsChanged':
      topicOf(state, fact.topicId).configs = fact.configs;
      return raise(state, fact.epoch);
    case 'slotsMoved': {
      const topic = topicOf(state, fact.topicId);
      freeSlots(state, topic);
      return takeSlots(state, topic, fact.slots);
    }
    case 'topicDeleting': {
      const topic = topicOf(state, fact.topicId);
      topic.deleting = true;
      if (state.byName.get(topic.name) === topic) state.byName.delete(topic.name);
      countCollision(state, topic.name, -1);
      forgetTopic(state.offsets, topic.topicId);
      return raise(state, fact.epoch);
    }
    case 'topicDeleted': {
      const topic = topicOf(state, fact.topicId);
      assert(topic.deleting, 'a topic is deleted after it was marked so');
      freeSlots(state, topic);
      state.byId.delete(topic.topicId);
      return;
    }
    case 'epochReached':
      return raise(state, fact.epoch);
    case 'producerIdsReserved':
      assert(fact.from >= state.producerIdsUpTo && fact.upTo >= fact.from, 'producer ids only rise');
      state.producerIdsNext = fact.from;
      state.producerIdsUpTo = fact.upTo;
      return;
    case 'producerIdGiven':
      assert(
        fact.producerId === state.producerIdsNext && fact.producerId < state.producerIdsUpTo,
        'a producer id comes from the reserved block',
      );
      state.producerIdsNext++;
      return;
    case 'groupGone':
      forgetGroup(state.offsets, fact.groupId);
      return applyGroup(state.groups, fact);
    case 'groupReplaced':
    case 'groupChanged':
    case 'groupMoved':
    case 'memberChanged':
    case 'memberGone':
      return applyGroup(state.groups, fact);
    case 'offsetsCommitted':
    case 'offsetsDropped':
      return applyOffsets(state.offsets, fact);
    case 'quotaSet':
      if (fact.producerByteRate === null && fact.consumerByteRate === null) state.quotas.delete(fact.clientId);
      else state.quotas.set(fact.clientId, fact);
      return;
    case 'groupConfigSet':
      if (fact.sessionTimeoutMs === null && fact.heartbeatIntervalMs === null) state.groupConfigs.delete(fact.groupId);
      else state.groupConfigs.set(fact.groupId, fact);
      return;
    default:
      unreachable(fact);
  }
}

/** Facts that give this state when they are applied to an empty one. The rest of a block of producer ids is not in them. */
export function factsOf(state: State): Fact[] {
  if (state.busId === '') return [];
  const facts: Fact[] = [{ fact: 'busMade', busId: state.busId, hosts: state.hosts }];
  if (state.producerIdsUpTo > 0) facts.push({ fact: 'producerIdsReserved', from: state.producerIdsUpTo, upTo: state.producerIdsUpTo });
  for (const { name, topicId, slots, configs, createdMs, deleting } of state.byId.values()) {
    facts.push({ fact: 'topicCreated', epoch: 0, name, topicId, slots, configs, createdMs });
    if (deleting) facts.push({ fact: 'topicDeleting', epoch: 0, topicId });
  }
  facts.push({ fact: 'epochReached', epoch: state.epoch });
  facts.push(...storedFactsOf(state.groups), ...offsetFactsOf(state.offsets), ...state.quotas.values(), ...state.groupConfigs.values());
  return facts;
}

/**
 * After a start from facts, which do not tell of the slots of deleted topics: those are not given again either. Whatever took slots raised
 * the epoch, and went at most once round the places, in steps of the number of hosts.
 */
export function passUsedSlots(state: State): void {
  if (state.epoch > 0) state.nextSlot = Math.max(state.nextSlot, (state.epoch + 1) * state.taken.length * state.hosts);
}

export function hostOf(state: State, slot: number): number {
  return slot % state.hosts;
}

/** The topic that a fact is about. */
export function topicOf(state: State, topicId: string): Topic {
  const topic = state.byId.get(topicId);
  assert(topic !== undefined, `a fact is about a topic that exists, not ${topicId}`);
  return topic;
}

function takeSlots(state: State, topic: Topic, slots: readonly number[]): void {
  const first = topic.slots.length;
  slots.forEach((slot, i) => {
    if (!state.owners.has(slot)) {
      state.taken[slot % state.taken.length]++;
      state.loads[hostOf(state, slot)]++;
    }
    state.owners.set(slot, { topic, partition: first + i });
  });
  topic.slots = [...topic.slots, ...slots];
  for (const slot of slots) state.nextSlot = Math.max(state.nextSlot, slot + 1);
}

function freeSlots(state: State, topic: Topic): void {
  for (const slot of topic.slots) {
    // While all topics move, one fact after the other, a slot may already be the next one's.
    if (state.owners.get(slot)?.topic !== topic) continue;
    state.taken[slot % state.taken.length]--;
    state.owners.delete(slot);
    state.loads[hostOf(state, slot)]--;
  }
  topic.slots = [];
}

function raise(state: State, epoch: number): void {
  if (epoch > state.epoch) state.epoch = epoch;
}

function countCollision(state: State, name: string, by: number): void {
  const key = collisionKey(name);
  const count = (state.collisions.get(key) ?? 0) + by;
  if (count === 0) state.collisions.delete(key);
  else state.collisions.set(key, count);
}
