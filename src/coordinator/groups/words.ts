/** Names and sentences of groups: ids that the coordinator gives, and partitions as people read them. */
import type { Random } from '../../world/random.ts';
import type { TopicsView } from './decision.ts';
import type { Partitions } from './facts.ts';
import { toPartitions } from './partitions.ts';

/** As Kafka's: what the member calls itself, and a random UUID. */
export function newMemberId(prefix: string, random: Random): string {
  return `${prefix}-${randomUuid(random)}`;
}

export function randomUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const text = Buffer.from(bytes).toString('hex');
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
}

/** 't-0…3, t-7, u-1'; at most so many ranges are named. */
export function namePartitions(partitions: readonly { topic: string; partitions: readonly number[] }[]): string {
  const ranges: string[] = [];
  for (const { topic, partitions: numbers } of partitions) {
    const sorted = [...numbers].sort((a, b) => a - b);
    for (let from = 0; from < sorted.length; ) {
      let to = from;
      while (to + 1 < sorted.length && sorted[to + 1] === sorted[to] + 1) to++;
      ranges.push(`${topic}-${sorted[from]}${to > from ? `…${sorted[to]}` : ''}`);
      from = to + 1;
    }
  }
  if (ranges.length === 0) return 'nothing';
  return ranges.length <= RANGES_MAX
    ? ranges.join(', ')
    : `${ranges.slice(0, RANGES_MAX).join(', ')} and ${ranges.length - RANGES_MAX} more`;
}

const RANGES_MAX = 8;

/** 'a, b, c and 97 more'. */
export function nameSome(names: readonly string[]): string {
  return names.length <= NAMES_MAX ? names.join(', ') : `${names.slice(0, NAMES_MAX).join(', ')} and ${names.length - NAMES_MAX} more`;
}

const NAMES_MAX = 10;

/** What a client gave as its reason, as long as Kafka keeps it; '' when it gave none. */
export function reasonOf(reason: string): string {
  return reason === '' ? '' : `: ${reason.slice(0, REASON_MAX)}`;
}

const REASON_MAX = 255;

/** By name, topics that are gone by their ids. */
export function toNames(partitions: Partitions, topics: TopicsView): { topic: string; partitions: number[] }[] {
  return partitions.map(({ topicId, partitions: numbers }) => ({
    topic: topics.byId(topicId)?.name ?? topicId,
    partitions: [...numbers],
  }));
}

/** By id; topics that do not exist are left out. */
export function toIds(rows: readonly { topic: string; partitions: readonly number[] }[], topics: TopicsView): Partitions {
  return toPartitions(
    rows.flatMap(({ topic, partitions }) => {
      const topicId = topics.byName(topic)?.topicId;
      return topicId === undefined ? [] : [{ topicId, partitions: [...partitions] }];
    }),
  );
}
