/**
 * The coordinator's assignors of KIP-848: from what members read and what they were to have, to what they are to have. `uniform`
 * is balanced over all topics and keeps what it can; `range` gives neighbours in each topic, so that partition 3 of every topic
 * is in the same hands.
 */
import { balance } from './balance.ts';
import { compare } from './consumer-protocol.ts';

/** By topic id, in order, no topic without partitions. */
export type IdPartitions = readonly { readonly topicId: string; readonly partitions: readonly number[] }[];

export interface ServerMember {
  memberId: string;
  instanceId: string | null;
  /** Topics that it reads and that exist. */
  topicIds: readonly string[];
  /** Its target until now. */
  target: IdPartitions;
}

export type ServerAssignor = (members: readonly ServerMember[], counts: ReadonlyMap<string, number>) => Map<string, IdPartitions>;

export const serverAssignors: Readonly<Record<string, ServerAssignor>> = { uniform: assignUniform, range: assignRange };
export const DEFAULT_SERVER_ASSIGNOR = 'uniform';

/** `counts`: partitions of each topic id that a member reads. */
export function assignUniform(members: readonly ServerMember[], counts: ReadonlyMap<string, number>): Map<string, IdPartitions> {
  const topicIds = [...counts.keys()].sort(compare);
  const indexOf = new Map(topicIds.map((topicId, index) => [topicId, index]));
  const owners = topicIds.map((topicId) => new Int32Array(counts.get(topicId) ?? 0).fill(-1));
  const order = inMemberOrder(members);
  const reads = order.map(({ topicIds: read }) => read.map((topicId) => indexOf.get(topicId) as number).sort((a, b) => a - b));
  order.forEach(({ target }, member) => {
    const own = new Set(reads[member]);
    for (const { topicId, partitions } of target) {
      const topic = indexOf.get(topicId);
      if (topic === undefined || !own.has(topic)) continue;
      for (const partition of partitions) {
        if (partition < owners[topic].length && owners[topic][partition] === -1) owners[topic][partition] = member;
      }
    }
  });
  balance({ reads, owners });
  return collect(order, topicIds, owners);
}

export function assignRange(members: readonly ServerMember[], counts: ReadonlyMap<string, number>): Map<string, IdPartitions> {
  const topicIds = [...counts.keys()].sort(compare);
  const order = inMemberOrder(members);
  const owners = topicIds.map((topicId) => {
    const readers: number[] = [];
    order.forEach((member, index) => {
      if (member.topicIds.includes(topicId)) readers.push(index);
    });
    return splitRange(counts.get(topicId) ?? 0, readers);
  });
  return collect(order, topicIds, owners);
}

/** `count` partitions in as many neighbouring ranges as there are readers; the first ones are one longer where it does not come out even. */
export function splitRange(count: number, readers: readonly number[]): Int32Array {
  const owners = new Int32Array(count).fill(-1);
  if (readers.length === 0) return owners;
  const least = Math.floor(count / readers.length);
  const extras = count % readers.length;
  let from = 0;
  readers.forEach((reader, i) => {
    const to = from + least + (i < extras ? 1 : 0);
    owners.fill(reader, from, to);
    from = to;
  });
  return owners;
}

/** Static members by their instance ids, then the others by theirs: Kafka's order. */
export function inMemberOrder<M extends { memberId: string; instanceId: string | null }>(members: readonly M[]): M[] {
  return [...members].sort((a, b) => {
    if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId);
    if (a.instanceId !== null) return -1;
    return b.instanceId !== null ? 1 : compare(a.memberId, b.memberId);
  });
}

function collect(
  order: readonly ServerMember[],
  topicIds: readonly string[],
  owners: readonly Int32Array[],
): Map<string, { topicId: string; partitions: number[] }[]> {
  const assigned = order.map((): { topicId: string; partitions: number[] }[] => []);
  owners.forEach((owner, topic) => {
    const topicId = topicIds[topic];
    owner.forEach((member, partition) => {
      if (member === -1) return;
      const rows = assigned[member];
      const last = rows[rows.length - 1];
      if (last?.topicId === topicId) last.partitions.push(partition);
      else rows.push({ topicId, partitions: [partition] });
    });
  });
  return new Map(order.map(({ memberId }, member) => [memberId, assigned[member]]));
}
