/** The sticky assignment that both sticky assignors begin with: who claims what, conflicts settled by generation, then balance. */
import { balance } from './balance.ts';
import type { AssignedMember } from './client.ts';
import type { TopicPartitions } from './consumer-protocol.ts';
import { compare } from './consumer-protocol.ts';
import { inMemberOrder } from './server.ts';

/** What a member says it had, and when. */
export interface Claim {
  partitions: readonly TopicPartitions[];
  generation: number;
}

export function assignSticky(
  members: readonly AssignedMember[],
  partitions: ReadonlyMap<string, number>,
  claimOf: (member: AssignedMember) => Claim,
): Map<string, TopicPartitions[]> {
  const order = inMemberOrder(members);
  const read = new Set(order.flatMap(({ topics }) => topics));
  const topics = [...partitions.keys()].filter((topic) => read.has(topic)).sort(compare);
  const indexOf = new Map(topics.map((topic, index) => [topic, index]));
  const owners = topics.map((topic) => new Int32Array(partitions.get(topic) ?? 0).fill(-1));
  const reads = order.map((member) => [...new Set(member.topics.flatMap((topic) => indexOf.get(topic) ?? []))].sort((a, b) => a - b));
  settleClaims(order.map(claimOf), reads, indexOf, owners);
  balance({ reads, owners });
  return collect(order, topics, owners);
}

/** The latest generation's claim counts; where two of one generation claim a partition, neither does (KIP-341). */
function settleClaims(
  claims: readonly Claim[],
  reads: readonly (readonly number[])[],
  indexOf: ReadonlyMap<string, number>,
  owners: readonly Int32Array[],
): void {
  const claimed = owners.map((owner) => new Int32Array(owner.length).fill(-2));
  claims.forEach(({ partitions, generation }, member) => {
    const own = new Set(reads[member]);
    for (const { topic, partitions: numbers } of partitions) {
      const index = indexOf.get(topic);
      if (index === undefined) continue;
      for (const partition of numbers) {
        if (partition < 0 || partition >= owners[index].length) continue;
        const before = claimed[index][partition];
        if (generation < before) continue;
        claimed[index][partition] = generation;
        owners[index][partition] = generation === before || !own.has(index) ? -1 : member;
      }
    }
  });
}

function collect(
  order: readonly AssignedMember[],
  topics: readonly string[],
  owners: readonly Int32Array[],
): Map<string, TopicPartitions[]> {
  const assigned = order.map((): TopicPartitions[] => []);
  owners.forEach((owner, index) => {
    owner.forEach((member, partition) => {
      if (member === -1) return;
      const rows = assigned[member];
      const last = rows[rows.length - 1];
      if (last?.topic === topics[index]) last.partitions.push(partition);
      else rows.push({ topic: topics[index], partitions: [partition] });
    });
  });
  return new Map(order.map(({ memberId }, member) => [memberId, assigned[member]]));
}
