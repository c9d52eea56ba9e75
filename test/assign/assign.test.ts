/** Assignors: whole, balanced, sticky, in order, for members that read the same and for those that do not. */
import { describe, expect, test } from 'vitest';
import { type AssignedMember, type Assignor, assignors, cooperativeSticky, range, roundRobin, sticky } from '../../src/assign/client.ts';
import type { TopicPartitions } from '../../src/assign/consumer-protocol.ts';
import { assignRange, assignUniform, type IdPartitions, type ServerMember } from '../../src/assign/server.ts';
import { seededRandom } from '../../src/world/random.ts';

function member(memberId: string, topics: string[], owned: TopicPartitions[] = [], instanceId: string | null = null): AssignedMember {
  return {
    memberId,
    instanceId,
    rackId: null,
    topics,
    owned,
    generation: 1,
    userData: sticky.userData?.({ partitions: owned, generation: 1 }) ?? null,
  };
}

function show(assignor: Assignor, members: AssignedMember[], partitions: Record<string, number>): Record<string, string> {
  const assigned = assignor.assign(members, new Map(Object.entries(partitions)));
  const rows = [...assigned].map(([memberId, { partitions: given }]) => [
    memberId,
    given.map((row) => `${row.topic}:${row.partitions}`).join(' '),
  ]);
  return Object.fromEntries(rows);
}

test('range: neighbours, the same partition of each topic in the same hands, static members first', () => {
  expect(show(range, [member('b', ['t', 'u']), member('a', ['t', 'u'])], { t: 3, u: 4 })).toEqual({ a: 't:0,1 u:0,1', b: 't:2 u:2,3' });
  expect(show(range, [member('a', ['t']), member('z', ['t'], [], 'i')], { t: 3 })).toEqual({ z: 't:0,1', a: 't:2' });
  expect(show(range, [member('a', ['t']), member('b', ['t']), member('c', ['gone'])], { t: 1 })).toEqual({ a: 't:0', b: '', c: '' });
});

test('round robin: dealt out one by one to those who read the topic', () => {
  expect(show(roundRobin, [member('a', ['t', 'u']), member('b', ['t', 'u'])], { t: 3, u: 3 })).toEqual({ a: 't:0,2 u:1', b: 't:1 u:0,2' });
  expect(show(roundRobin, [member('a', ['t', 'u']), member('b', ['u'])], { t: 2, u: 2 })).toEqual({ a: 't:0,1 u:1', b: 'u:0' });
});

test('sticky: a newcomer gets its share, the others keep theirs', () => {
  const before = [member('a', ['t'], [{ topic: 't', partitions: [0, 1, 2] }]), member('b', ['t'], [{ topic: 't', partitions: [3, 4, 5] }])];
  expect(show(sticky, [...before, member('c', ['t'])], { t: 6 })).toEqual({ a: 't:0,1', b: 't:3,4', c: 't:2,5' });
  expect(show(sticky, [before[1]], { t: 6 })).toEqual({ b: 't:0,1,2,3,4,5' });
});

test('sticky: a later generation has the better claim; of two with the same claim neither has it (KIP-341)', () => {
  const claim = (generation: number, partitions: number[]) =>
    sticky.userData?.({ partitions: [{ topic: 't', partitions }], generation }) ?? null;
  const old = { ...member('a', ['t']), userData: claim(1, [0, 1]) };
  const late = { ...member('b', ['t']), userData: claim(2, [1]) };
  expect(show(sticky, [old, late], { t: 2 })).toEqual({ a: 't:0', b: 't:1' });
  const twin = { ...member('b', ['t']), userData: claim(1, [0, 1]) };
  expect(show(sticky, [old, twin], { t: 2 })).toEqual({ a: 't:0', b: 't:1' });
});

test('cooperative: what moves is given to nobody until it was given up', () => {
  const a = member('a', ['t'], [{ topic: 't', partitions: [0, 1, 2, 3] }]);
  expect(show(cooperativeSticky, [a, member('b', ['t'])], { t: 4 })).toEqual({ a: 't:0,1', b: '' });
  const after = member('a', ['t'], [{ topic: 't', partitions: [0, 1] }]);
  expect(show(cooperativeSticky, [after, member('b', ['t'])], { t: 4 })).toEqual({ a: 't:0,1', b: 't:2,3' });
});

test('uniform: chains of moves, where nobody could give to the idle one directly', () => {
  const server = (memberId: string, topicIds: string[], target: IdPartitions = []): ServerMember => ({
    memberId,
    instanceId: null,
    topicIds,
    target,
  });
  const assigned = assignUniform(
    [
      server('a', ['t'], [{ topicId: 't', partitions: [0, 1, 2] }]),
      server('b', ['t', 'u'], [{ topicId: 'u', partitions: [0, 1] }]),
      server('c', ['u'], [{ topicId: 'u', partitions: [2] }]),
    ],
    new Map([
      ['t', 3],
      ['u', 3],
    ]),
  );
  expect([...assigned.values()].map((rows) => rows.reduce((sum, { partitions }) => sum + partitions.length, 0))).toEqual([2, 2, 2]);
});

describe('whatever the members read', () => {
  const random = seededRandom(3);
  const worlds = Array.from({ length: 300 }, () => {
    const topics = ['t', 'u', 'v', 'w'].slice(0, 1 + random.below(4));
    const counts = new Map(topics.map((topic) => [topic, random.below(20)]));
    const members = Array.from({ length: 1 + random.below(9) }, (_, i) => {
      const read = topics.filter(() => random.below(3) > 0);
      return { memberId: `m${i}`, instanceId: random.below(4) === 0 ? `i${i}` : null, topicIds: read, target: [] as IdPartitions };
    });
    return { counts, members };
  });

  /** Every partition that somebody reads has one owner, and one who reads it. */
  function expectWhole(
    owners: { memberId: string; reads: readonly string[]; rows: readonly (readonly [string, readonly number[]])[] }[],
    counts: Map<string, number>,
  ) {
    const seen = new Set<string>();
    for (const { reads, rows } of owners) {
      for (const [topic, partitions] of rows) {
        expect(reads).toContain(topic);
        for (const partition of partitions) {
          expect(seen.has(`${topic} ${partition}`)).toBe(false);
          seen.add(`${topic} ${partition}`);
        }
      }
    }
    const wanted = [...counts].filter(([topic]) => owners.some(({ reads }) => reads.includes(topic)));
    expect(seen.size).toBe(wanted.reduce((sum, [, count]) => sum + count, 0));
  }

  test('uniform and range assign everything once, and uniform changes nothing when nothing changed', () => {
    for (const { counts, members } of worlds) {
      const read = new Map([...counts].filter(([topic]) => members.some(({ topicIds }) => topicIds.includes(topic))));
      for (const assign of [assignUniform, assignRange]) {
        const assigned = assign(members, read);
        const owners = members.map(({ memberId, topicIds }) => ({
          memberId,
          reads: topicIds,
          rows: (assigned.get(memberId) ?? []).map(({ topicId, partitions }) => [topicId, partitions] as const),
        }));
        expectWhole(owners, read);
      }
      const first = assignUniform(members, read);
      const again = assignUniform(
        members.map((one) => ({ ...one, target: first.get(one.memberId) ?? [] })),
        read,
      );
      expect(again).toEqual(first);
    }
  });

  test('uniform: nobody has two more than another who could take one', () => {
    for (const { counts, members } of worlds) {
      const read = new Map([...counts].filter(([topic]) => members.some(({ topicIds }) => topicIds.includes(topic))));
      const assigned = assignUniform(members, read);
      const loadOf = (memberId: string) => (assigned.get(memberId) ?? []).reduce((sum, { partitions }) => sum + partitions.length, 0);
      for (const { memberId } of members) {
        for (const { topicId } of assigned.get(memberId) ?? []) {
          for (const other of members)
            if (other.topicIds.includes(topicId)) expect(loadOf(memberId) - loadOf(other.memberId)).toBeLessThan(2);
        }
      }
    }
  });

  test('the classic assignors assign everything once', () => {
    for (const { counts, members } of worlds) {
      const asked = members.map(({ memberId, instanceId, topicIds }) => member(memberId, topicIds, [], instanceId));
      for (const assignor of assignors) {
        const assigned = assignor.assign(asked, counts);
        const owners = asked.map(({ memberId, topics }) => ({
          memberId,
          reads: topics,
          rows: (assigned.get(memberId)?.partitions ?? []).map(({ topic, partitions }) => [topic, partitions] as const),
        }));
        expectWhole(owners, counts);
      }
    }
  });
});
