/** Sets of partitions by topic id. All are in order: topics by their ids, partitions ascending, no topic without partitions. */
import type { Partitions } from './facts.ts';
import type { TopicIdPartitions } from './protocol.ts';

export const NO_PARTITIONS: Partitions = [];

/** What somebody else has sent, in order and without repetitions. */
export function toPartitions(rows: readonly TopicIdPartitions[]): Partitions {
  if (rows.length === 0) return NO_PARTITIONS;
  const byTopic = new Map<string, Set<number>>();
  for (const { topicId, partitions } of rows) {
    const known = byTopic.get(topicId);
    if (known === undefined) byTopic.set(topicId, new Set(partitions));
    else for (const partition of partitions) known.add(partition);
  }
  return [...byTopic]
    .filter(([, partitions]) => partitions.size > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([topicId, partitions]) => ({ topicId, partitions: [...partitions].sort((a, b) => a - b) }));
}

/** Those of `a` that `keep` is true for. */
export function filterPartitions(a: Partitions, keep: (topicId: string, partition: number) => boolean): Partitions {
  const rows: TopicIdPartitions[] = [];
  for (const { topicId, partitions } of a) {
    const kept = partitions.filter((partition) => keep(topicId, partition));
    if (kept.length > 0) rows.push({ topicId, partitions: kept });
  }
  return rows;
}

export function intersect(a: Partitions, b: Partitions): Partitions {
  const has = membership(b);
  return filterPartitions(a, has);
}

export function minus(a: Partitions, b: Partitions): Partitions {
  if (a.length === 0 || b.length === 0) return a;
  const has = membership(b);
  return filterPartitions(a, (topicId, partition) => !has(topicId, partition));
}

export function union(a: Partitions, b: Partitions): Partitions {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  return toPartitions([...a, ...b].map(({ topicId, partitions }) => ({ topicId, partitions: [...partitions] })));
}

export function overlap(a: Partitions, b: Partitions): boolean {
  const has = membership(b);
  return a.some(({ topicId, partitions }) => partitions.some((partition) => has(topicId, partition)));
}

export function isSubset(a: Partitions, of: Partitions): boolean {
  const has = membership(of);
  return a.every(({ topicId, partitions }) => partitions.every((partition) => has(topicId, partition)));
}

function membership(partitions: Partitions): (topicId: string, partition: number) => boolean {
  const sets = new Map(partitions.map((row) => [row.topicId, new Set(row.partitions)]));
  return (topicId, partition) => sets.get(topicId)?.has(partition) === true;
}

/** Whether two sets are the same. */
export function samePartitions(a: Partitions, b: Partitions): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  return a.every(({ topicId, partitions }, i) => {
    const other = b[i];
    if (topicId !== other.topicId || partitions.length !== other.partitions.length) return false;
    return partitions.every((partition, j) => partition === other.partitions[j]);
  });
}
