/**
 * Members of one group may be ours and Kafka's: what they tell each other is the same byte for byte, the simple assignors come to the
 * same result whoever leads, and the sticky ones are as balanced and keep as much.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type AssignedMember, assignors, cooperativeSticky, sticky } from '../../src/assign/client.ts';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  inOrder,
  type Subscription,
  type TopicPartitions,
} from '../../src/assign/consumer-protocol.ts';
import { type Random, seededRandom } from '../../src/world/random.ts';
import { javaSkipReason, runJava } from './java.ts';

const random = seededRandom(848);
const CASES = 40;

interface Case {
  line: string;
  ours: string;
}

function makeSubscription(version: number): Case {
  const subscription: Subscription = {
    topics: shuffled(['t', 'ünder', 'a.b', 'Z'].slice(0, random.below(5))),
    userData: maybe(() => random.bytes(random.below(20))),
    owned: randomOwned(['t', 'ünder', 'a.b'], 5),
    generation: random.below(3) - 1,
    rackId: maybe(() => 'rack-1'),
  };
  const { topics, userData, owned, generation, rackId } = subscription;
  const words = ['subscription', version, topics.join(',') || '-', hexOr(userData), rows(owned), generation, rackId ?? '-'];
  const bytes = encodeSubscription(subscription, version);
  const back = decodeSubscription(bytes);
  expect(back).toEqual({
    topics: [...topics].sort(),
    userData,
    owned: version >= 1 ? inOrder(owned) : [],
    generation: version >= 2 ? generation : -1,
    rackId: version >= 3 ? rackId : null,
  });
  return { line: words.join(' '), ours: Buffer.from(bytes).toString('hex') };
}

function makeAssignment(version: number): Case {
  const partitions = randomOwned(['u', 't', 'ünder'], 7);
  const userData = maybe(() => random.bytes(random.below(20)));
  const bytes = encodeAssignment({ partitions, userData }, version);
  expect(decodeAssignment(bytes)).toEqual({ partitions, userData });
  return { line: `assignment ${version} ${rows(partitions)} ${hexOr(userData)}`, ours: Buffer.from(bytes).toString('hex') };
}

function makeUserData(): Case[] {
  const partitions = inOrder(randomOwned(['t'], 6));
  const last = { partitions, generation: random.below(9) };
  const hex = (data: Uint8Array | null | undefined) => hexOr(data ?? null);
  return [
    { line: `userdata sticky ${last.generation} ${rows(partitions)}`, ours: hex(sticky.userData?.(last)) },
    { line: `userdata cooperative-sticky ${last.generation} ${rows(partitions)}`, ours: hex(cooperativeSticky.userData?.(last)) },
  ];
}

interface Group {
  members: AssignedMember[];
  partitions: Map<string, number>;
}

/** Members that have something from earlier generations, some of it twice, some of topics that are gone. */
function makeGroup(): Group {
  const partitions = new Map(['t', 'u', 'v'].slice(0, 1 + random.below(3)).map((topic) => [topic, 1 + random.below(12)]));
  const same = random.below(2) === 0;
  const members = Array.from({ length: 1 + random.below(7) }, (_, i): AssignedMember => {
    // Somebody reads each of them: a leader knows of no others.
    const topics = same || i === 0 ? [...partitions.keys()] : shuffled([...partitions.keys(), 'gone']).slice(0, 1 + random.below(3));
    return {
      memberId: `m${random.below(90) + 10}${i}`,
      instanceId: random.below(4) === 0 ? `i${i}` : null,
      rackId: null,
      topics,
      owned: [],
      generation: random.below(5) === 0 ? 4 : 5,
      userData: null,
    };
  });
  for (const [topic, count] of partitions) {
    for (let partition = 0; partition < count; partition++) {
      const owner = members[random.below(members.length)];
      if (random.below(4) === 0 || !owner.topics.includes(topic)) continue;
      owner.owned = inOrder([...owner.owned, { topic, partitions: [partition] }]);
    }
  }
  return { members, partitions };
}

describe.skipIf(javaSkipReason !== null)('groups, as Kafka has them', () => {
  test('subscriptions, assignments and user data are the same byte for byte, and assignments as good', { timeout: 60_000 }, async () => {
    const coded: Case[] = [];
    for (let i = 0; i < CASES; i++) {
      for (const version of [0, 1, 2, 3]) coded.push(makeSubscription(version), makeAssignment(version));
      coded.push(...makeUserData());
    }
    const groups = Array.from({ length: CASES * 5 }, makeGroup);
    const asked = groups.flatMap((group) => assignors.map((assignor) => ({ group, assignor })));
    const lines = [...coded.map(({ line }) => line), ...asked.map(({ group, assignor }) => lineOf(group, assignor.name))];
    const answers = (await runJava(join(import.meta.dirname, 'GroupWitness.java'), [], `${lines.join('\n')}\n`)).trimEnd().split('\n');
    expect(answers).toHaveLength(lines.length);

    coded.forEach(({ line, ours }, i) => {
      expect(ours, line).toBe(answers[i]);
    });
    let keptMore = 0;
    asked.forEach(({ group, assignor }, i) => {
      const line = lines[coded.length + i];
      const [theirs, kept] = answers[coded.length + i].split(' kept=');
      const members =
        assignor === sticky
          ? group.members.map((member) => ({
              ...member,
              userData: sticky.userData?.({ partitions: member.owned, generation: member.generation }) ?? null,
            }))
          : group.members;
      const ours = assignor.assign(members, group.partitions);
      if (!assignor.name.includes('sticky')) expect(show(ours), line).toBe(theirs);
      else if (assignor === sticky) {
        // Whole, as even as Kafka's or more so, and where it is as even it moves no more.
        const counts = [...ours.values()].map(({ partitions }) => countOf(partitions));
        const theirCounts = theirs.split(' ').map((row) =>
          row
            .split(/[=;]/)
            .slice(1)
            .filter(Boolean)
            .reduce((sum, one) => sum + one.split('.').length, 0),
        );
        expect(sum(counts), line).toBe(sum(theirCounts));
        expect(unevenness(counts), line).toBeLessThanOrEqual(unevenness(theirCounts));
        if (isUniform(group)) expect(keptBy(group, ours), line).toBeGreaterThanOrEqual(Number(kept));
        else if (unevenness(counts) === unevenness(theirCounts)) keptMore += keptBy(group, ours) - Number(kept);
      } else expect(takenFromOthers(group, ours), line).toBe(0);
    });
    // Where members read different topics, neither way is the best every time: over many it keeps as much.
    expect(keptMore).toBeGreaterThanOrEqual(0);
  });
});

function lineOf({ members, partitions }: Group, assignor: string): string {
  const topics = [...partitions].map(([topic, count]) => `${topic}:${count}`).join(';');
  const each = members.map(({ memberId, instanceId, topics: read, owned, generation }) =>
    [memberId, instanceId ?? '-', read.join(','), rows(owned), generation].join('/'),
  );
  return ['assign', assignor, topics, ...each].join(' ');
}

function show(assigned: ReadonlyMap<string, { partitions: TopicPartitions[] }>): string {
  return [...assigned]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([memberId, { partitions }]) => `${memberId}=${rows(inOrder(partitions)).replace(/^-$/, '')}`)
    .join(' ');
}

function isUniform({ members }: Group): boolean {
  const read = (member: AssignedMember): string => [...member.topics].sort().join();
  return members.every((member) => read(member) === read(members[0]));
}

function keptBy({ members }: Group, assigned: ReadonlyMap<string, { partitions: TopicPartitions[] }>): number {
  let kept = 0;
  for (const { memberId, owned } of members) {
    const has = new Set(keysOf(assigned.get(memberId)?.partitions ?? []));
    for (const key of keysOf(owned)) if (has.has(key)) kept++;
  }
  return kept;
}

/** Partitions that a member gets while another one has them still. */
function takenFromOthers({ members }: Group, assigned: ReadonlyMap<string, { partitions: TopicPartitions[] }>): number {
  const owners = new Map<string, Set<string>>();
  for (const { memberId, owned } of members) {
    for (const key of keysOf(owned)) owners.set(key, (owners.get(key) ?? new Set()).add(memberId));
  }
  let taken = 0;
  for (const [memberId, { partitions }] of assigned) {
    for (const key of keysOf(partitions)) if (owners.has(key) && owners.get(key)?.has(memberId) !== true) taken++;
  }
  return taken;
}

function keysOf(owned: readonly TopicPartitions[]): string[] {
  return owned.flatMap(({ topic, partitions }) => partitions.map((partition) => `${topic} ${partition}`));
}

function countOf(partitions: readonly TopicPartitions[]): number {
  return sum(partitions.map((row) => row.partitions.length));
}

/** The sum of squares: the less, the more even. */
function unevenness(counts: readonly number[]): number {
  return sum(counts.map((count) => count * count));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function randomOwned(topics: string[], below: number): TopicPartitions[] {
  return shuffled(topics)
    .slice(0, random.below(topics.length + 1))
    .map((topic) => ({ topic, partitions: shuffled(Array.from({ length: 1 + random.below(below) }, (_, i) => i * 3)) }));
}

function rows(partitions: readonly TopicPartitions[]): string {
  return partitions.map(({ topic, partitions: numbers }) => `${topic}:${numbers.join('.')}`).join(';') || '-';
}

function hexOr(bytes: Uint8Array | null): string {
  return bytes === null ? '-' : Buffer.from(bytes).toString('hex');
}

function maybe<T>(make: () => T): T | null {
  return random.below(2) === 0 ? null : make();
}

function shuffled<T>(items: T[], from: Random = random): T[] {
  const left = [...items];
  return items.map(() => left.splice(from.below(left.length), 1)[0]);
}
