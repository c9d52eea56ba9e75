/**
 * Assignors of the classic protocol, where a member that the coordinator has made the leader assigns for all: Kafka's four by their
 * names, and the shape that an assignor of the user's own takes.
 */
import { type Assignment, compare, inOrder, type Reader, type TopicPartitions, tryRead, Writer } from './consumer-protocol.ts';
import { inMemberOrder, splitRange } from './server.ts';
import { assignSticky, type Claim } from './sticky.ts';

/** A member as the leader sees it. */
export interface AssignedMember {
  memberId: string;
  instanceId: string | null;
  rackId: string | null;
  /** Topics that it subscribes to, whether or not they exist. */
  topics: readonly string[];
  /** What it has (cooperative assignors), and the generation in which it got it; −1: not told. */
  owned: readonly TopicPartitions[];
  generation: number;
  /** What its own assignor of this name sent along. */
  userData: Uint8Array | null;
}

export interface Assignor {
  /** Members can be in one group if they have an assignor of one name. */
  readonly name: string;
  /** 'cooperative': members keep what they have while they join again (KIP-429); 'eager': they give up everything first. */
  readonly protocol: 'eager' | 'cooperative';
  /** What is sent along with a join; `last` is what the member was assigned last. Absent: nothing. */
  userData?(last: { partitions: readonly TopicPartitions[]; generation: number } | null): Uint8Array | null;
  /**
   * Who gets what: an assignment for each member.
   *
   * @param partitions How many partitions each topic has; topics that do not exist are absent.
   */
  assign(members: readonly AssignedMember[], partitions: ReadonlyMap<string, number>): Map<string, Assignment>;
}

/** Neighbouring partitions of each topic, so that the same partition of several topics is in the same hands. */
export const range: Assignor = {
  name: 'range',
  protocol: 'eager',
  assign(members, partitions) {
    const order = inMemberOrder(members);
    const assigned = new Map(order.map(({ memberId }) => [memberId, [] as TopicPartitions[]]));
    for (const topic of topicsOf(members, partitions)) {
      const readers = order.filter(({ topics }) => topics.includes(topic));
      const owners = splitRange(
        partitions.get(topic) ?? 0,
        readers.map((_, i) => i),
      );
      readers.forEach(({ memberId }, i) => {
        const from = owners.indexOf(i);
        if (from !== -1) assigned.get(memberId)?.push({ topic, partitions: numbersFrom(from, owners.lastIndexOf(i)) });
      });
    }
    return toAssignments(assigned);
  },
};

/** All partitions of all topics dealt out one by one. */
export const roundRobin: Assignor = {
  name: 'roundrobin',
  protocol: 'eager',
  assign(members, partitions) {
    const order = inMemberOrder(members);
    const reads = order.map(({ topics }) => new Set(topics));
    const assigned = new Map(order.map(({ memberId }) => [memberId, [] as TopicPartitions[]]));
    let next = 0;
    for (const topic of topicsOf(members, partitions)) {
      for (let partition = 0; partition < (partitions.get(topic) ?? 0); partition++) {
        while (!reads[next].has(topic)) next = (next + 1) % order.length;
        add(assigned.get(order[next].memberId) ?? [], topic, partition);
        next = (next + 1) % order.length;
      }
    }
    return toAssignments(assigned);
  },
};

/** Balanced, and as it was as far as possible; members tell by user data what they had, since they have given it up. */
export const sticky: Assignor = {
  name: 'sticky',
  protocol: 'eager',
  userData(last) {
    if (last === null) return null;
    const writer = new Writer();
    writer.partitions(inOrder(last.partitions));
    writer.int32(last.generation);
    return writer.end();
  },
  assign(members, partitions) {
    return toAssignments(assignSticky(members, partitions, ({ userData }) => readStickyData(userData)));
  },
};

/**
 * As `sticky`, but what moves is first given up and assigned in a second rebalance, so that all else is read on meanwhile.
 * Members of groups that are on their way from `sticky` or `range` offer both for a while, as with Kafka.
 */
export const cooperativeSticky: Assignor = {
  name: 'cooperative-sticky',
  protocol: 'cooperative',
  userData(last) {
    const writer = new Writer();
    writer.int32(last?.generation ?? -1);
    return writer.end();
  },
  assign(members, partitions) {
    const claimOf = ({ owned, generation, userData }: AssignedMember): Claim => ({
      partitions: owned,
      generation: generation >= 0 || userData === null ? generation : (tryRead(userData, (reader: Reader) => reader.int32()) ?? -1),
    });
    const assigned = assignSticky(members, partitions, claimOf);
    withholdMoving(members, assigned);
    return toAssignments(assigned);
  },
};

export const assignors: readonly Assignor[] = [range, roundRobin, sticky, cooperativeSticky];

/** What another member has now is not given to anybody before that one has given it up. */
function withholdMoving(members: readonly AssignedMember[], assigned: Map<string, TopicPartitions[]>): void {
  const ownerOf = new Map<string, Map<number, string>>();
  for (const { memberId, owned } of members) {
    for (const { topic, partitions } of owned) {
      const owners = ownerOf.get(topic) ?? new Map<number, string>();
      ownerOf.set(topic, owners);
      const kept = assigned.get(memberId)?.find((row) => row.topic === topic)?.partitions ?? [];
      const stays = new Set(kept);
      for (const partition of partitions) if (!stays.has(partition)) owners.set(partition, memberId);
    }
  }
  for (const [memberId, rows] of assigned) {
    const had = new Map(members.find((member) => member.memberId === memberId)?.owned.map((row) => [row.topic, new Set(row.partitions)]));
    const kept = rows.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.filter((partition) => had.get(topic)?.has(partition) === true || ownerOf.get(topic)?.has(partition) !== true),
    }));
    assigned.set(
      memberId,
      kept.filter(({ partitions }) => partitions.length > 0),
    );
  }
}

/** As the sticky assignor's user data, v1 and v0 (without a generation). */
function readStickyData(userData: Uint8Array | null): Claim {
  if (userData === null || userData.length === 0) return { partitions: [], generation: -1 };
  const read = (reader: Reader): Claim => {
    const partitions = reader.partitions();
    return { partitions, generation: reader.left >= 4 ? reader.int32() : -1 };
  };
  return tryRead(userData, read) ?? { partitions: [], generation: -1 };
}

/** Topics that somebody reads and that exist, in order. */
export function topicsOf(members: readonly AssignedMember[], partitions: ReadonlyMap<string, number>): string[] {
  const topics = new Set<string>();
  for (const member of members) for (const topic of member.topics) if (partitions.has(topic)) topics.add(topic);
  return [...topics].sort(compare);
}

function add(rows: TopicPartitions[], topic: string, partition: number): void {
  const last = rows[rows.length - 1];
  if (last?.topic === topic) last.partitions.push(partition);
  else rows.push({ topic, partitions: [partition] });
}

function numbersFrom(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function toAssignments(assigned: ReadonlyMap<string, TopicPartitions[]>): Map<string, Assignment> {
  return new Map([...assigned].map(([memberId, partitions]) => [memberId, { partitions, userData: null }]));
}
