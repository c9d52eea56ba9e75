/** Facts and state: any life of a bus leaves the invariants standing, and the stored facts lead back to the same state. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBusConfigs } from '../../src/coordinator/config-values.ts';
import { MemoryStore } from '../../src/coordinator/memory-store.ts';
import { Placement } from '../../src/coordinator/placement.ts';
import { applyAll, emptyState, factsOf, hostOf, passUsedSlots, type State } from '../../src/coordinator/state.ts';
import { decide, PRODUCER_ID_BLOCK, type TopicAsk } from '../../src/coordinator/topics.ts';
import { seededRandom } from '../../src/world/random.ts';

// The same cases on every run.
fc.configureGlobal({ seed: 20260101 });

const SLOTS = 24;
const parsed = parseBusConfigs({}, { folder: true, memoryBytesMax: 2 ** 28 });
if (parsed.message !== undefined) throw new Error(parsed.message);
const around = { nowMs: 5, random: seededRandom(1), bus: parsed.ok };

const name = fc.constantFrom('a', 'b', 'c.d', 'c_d', 'e');
const id = 1;
const asks: fc.Arbitrary<TopicAsk | 'finish deletions'> = fc.oneof(
  fc
    .record({ name, partitions: fc.integer({ min: -1, max: 9 }) })
    .map(
      (topic): TopicAsk => ({ verb: 'createTopics', id, validateOnly: false, topics: [{ ...topic, replicationFactor: -1, configs: {} }] }),
    ),
  name.map((one): TopicAsk => ({ verb: 'deleteTopics', id, names: [one] })),
  fc.record({ name, total: fc.integer({ min: 0, max: 12 }) }).map((ask): TopicAsk => ({ verb: 'createPartitions', id, ...ask })),
  fc.record({ name, value: fc.integer({ min: -2, max: 50 }) }).map(
    (ask): TopicAsk => ({
      verb: 'alterConfigs',
      id,
      name: ask.name,
      validateOnly: false,
      ops: [{ key: 'retention.ms', op: 'set', value: String(ask.value) }],
    }),
  ),
  fc.constant<TopicAsk>({ verb: 'initProducerId', id }),
  fc.constant('finish deletions' as const),
);

function live(hosts: number, script: readonly (TopicAsk | 'finish deletions')[], store?: MemoryStore): State {
  const state = emptyState(SLOTS);
  const facts = [{ fact: 'busMade' as const, busId: 'bus', hosts }];
  applyAll(state, facts);
  store?.commit(facts);
  for (const step of script) {
    const decided =
      step === 'finish deletions'
        ? [...state.byId.values()].filter(({ deleting }) => deleting).map(({ topicId }) => ({ fact: 'topicDeleted' as const, topicId }))
        : decide(state, step, around).facts;
    applyAll(state, decided);
    store?.commit(decided);
  }
  return state;
}

function checkInvariants(state: State): void {
  const slots = [...state.byId.values()].flatMap((topic) => topic.slots);
  expect(new Set(slots).size).toBe(slots.length);
  const places = slots.map((slot) => slot % SLOTS);
  expect([...state.taken].flatMap((taken, place) => (taken ? [place] : []))).toEqual(places.sort((a, b) => a - b));
  for (const slot of slots) expect(slot).toBeLessThan(state.nextSlot);
  expect(state.owners.size).toBe(slots.length);
  const loads = new Array(state.hosts).fill(0);
  for (const slot of slots) loads[hostOf(state, slot)]++;
  expect(state.loads).toEqual(loads);
  for (const [key, topic] of state.byName) expect([topic.name, topic.deleting, state.byId.get(topic.topicId)]).toEqual([key, false, topic]);
  for (const topic of state.byId.values()) {
    topic.slots.forEach((slot, partition) => {
      expect(state.owners.get(slot)).toEqual({ topic, partition });
    });
  }
}

describe('any life of a bus', () => {
  const life = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.array(asks, { maxLength: 40 }));

  test('keeps the invariants', () => {
    fc.assert(
      fc.property(life, ([hosts, script]) => checkInvariants(live(hosts, script))),
      { numRuns: 300 },
    );
  });

  test('is stored: what is loaded gives the same state, but for the rest of a block of producer ids and the search for slots', () => {
    fc.assert(
      fc.property(life, ([hosts, script]) => {
        const store = new MemoryStore();
        const state = live(hosts, script, store);
        const again = emptyState(SLOTS);
        applyAll(again, store.load());
        // Where the search for slots goes on matters to asks that are under way: passUsedSlots sees to these.
        expect(again).toEqual({ ...state, producerIdsNext: state.producerIdsUpTo, nextSlot: again.nextSlot });
        expect(factsOf(again)).toEqual(factsOf(state));
      }),
      { numRuns: 200 },
    );
  });

  test('moves its slots, one topic after the other, without losing one', () => {
    fc.assert(
      fc.property(life, fc.integer({ min: 1, max: 5 }), ([hosts, script], next) => {
        const state = live(hosts, script);
        const topics = [...state.byId.values()];
        // The worst order: every topic takes what the one before it has.
        const turned = topics.flatMap((topic) => topic.slots).map((slot) => slot + SLOTS * (slot % 2));
        turned.unshift(...turned.splice(-1));
        applyAll(state, [
          { fact: 'busMade', busId: 'bus', hosts: next },
          ...topics.map(({ topicId, slots }) => ({ fact: 'slotsMoved' as const, topicId, slots: turned.splice(0, slots.length) })),
        ]);
        checkInvariants(state);
      }),
      { numRuns: 200 },
    );
  });
});

describe('placement', () => {
  const placed = (hosts: number, counts: readonly number[]) => {
    const state = emptyState(1000);
    applyAll(state, [{ fact: 'busMade', busId: 'bus', hosts }]);
    const placement = new Placement(state);
    return counts.map((count) => placement.place(count));
  };
  const spread = (slots: readonly number[], hosts: number) => {
    const loads = new Array(hosts).fill(0);
    for (const slot of slots) loads[slot % hosts]++;
    return Math.max(...loads) - Math.min(...loads);
  };

  test('a topic’s partitions, and all partitions, lie on hosts as evenly as they can', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 20 }), (hosts, counts) => {
        const topics = placed(hosts, counts).map((slots) => slots ?? []);
        for (const slots of topics) expect(spread(slots, hosts)).toBeLessThanOrEqual(1);
        expect(spread(topics.flat(), hosts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('gives every slot there is, and refuses one more', () => {
    const topics = placed(7, [400, 599, 1, 1]);
    expect(new Set(topics.slice(0, 3).flat()).size).toBe(1000);
    expect(topics[3]).toBeNull();
  });
});

test('no slot is given twice, though there are few places, topics come and go, and the state is made anew of what was stored', () => {
  const store = new MemoryStore();
  let state = live(3, [], store);
  const given: number[] = [];
  const carryOut = (facts: Parameters<MemoryStore['commit']>[0]): void => {
    store.commit(facts);
    applyAll(state, facts);
    given.push(...facts.flatMap((fact) => (fact.fact === 'topicCreated' || fact.fact === 'partitionsAdded' ? fact.slots : [])));
  };
  for (let i = 0; i < 200; i++) {
    const topic = { name: `t${i}`, partitions: 1 + (i % 20), replicationFactor: -1, configs: {} };
    carryOut(decide(state, { verb: 'createTopics', id, validateOnly: false, topics: [topic] }, around).facts);
    carryOut(decide(state, { verb: 'createPartitions', id, name: topic.name, total: 21 + (i % 4) }, around).facts);
    carryOut(decide(state, { verb: 'deleteTopics', id, names: [topic.name] }, around).facts);
    carryOut([...state.byId.keys()].map((topicId) => ({ fact: 'topicDeleted', topicId })));
    if (i % 7 !== 6) continue;
    state = emptyState(SLOTS);
    applyAll(state, store.load());
    passUsedSlots(state);
  }
  expect(given.length).toBeGreaterThan(4000);
  expect(new Set(given).size).toBe(given.length);
});

test('producer ids are given once, over blocks and over a failed write', () => {
  const store = new MemoryStore();
  let state = live(1, [], store);
  const given: number[] = [];
  for (let i = 0; i < 3 * PRODUCER_ID_BLOCK; i++) {
    if (i % 700 === 699) {
      state = emptyState(SLOTS);
      applyAll(state, store.load());
    }
    const { facts, reply } = decide(state, { verb: 'initProducerId', id }, around);
    store.commit(facts);
    applyAll(state, facts);
    if (reply.verb === 'initProducerId') given.push(reply.producerId);
  }
  expect(new Set(given).size).toBe(3 * PRODUCER_ID_BLOCK);
});
