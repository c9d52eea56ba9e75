/** Where a place in a partition is, asked of the host that carries it. */
import type { TopicMetadata } from '../coordinator/protocol.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { askPartition } from './ask.ts';
import type { SeekTarget, TopicPartition } from './places.ts';
import { unknownTopic } from './refusals.ts';

export interface PartitionLag extends TopicPartition {
  position: number;
  highWatermark: number;
  /** Records between the two. */
  lag: number;
}

/** The topic of a partition. Throws BusError for one that is not known to the dispatcher. */
export function topicOf(dispatcher: Dispatcher, { topic, partition }: TopicPartition): TopicMetadata {
  const known = dispatcher.topic(topic);
  if (known?.partitions[partition] === undefined) throw unknownTopic(topic, 0);
  return known;
}

/** The offset of a place; behind the last record for a time that is later than all. */
export async function offsetAt(dispatcher: Dispatcher, one: TopicPartition, target: SeekTarget): Promise<number> {
  if (typeof target === 'number') return target;
  if (target === 'beginning') return listOffset(dispatcher, one, -2);
  if (target === 'end') return listOffset(dispatcher, one, -1);
  const found = await listOffset(dispatcher, one, target.timestamp);
  return found >= 0 ? found : listOffset(dispatcher, one, -1);
}

/** How far each of these is behind the end of what may be read. */
export function lagOf(dispatcher: Dispatcher, all: readonly (TopicPartition & { position: number })[]): Promise<PartitionLag[]> {
  return Promise.all(
    all.map(async (one) => {
      const { topic, partition } = one;
      const highWatermark = await offsetAt(dispatcher, one, 'end');
      const position = Math.max(0, one.position);
      return { topic, partition, position, highWatermark, lag: Math.max(0, highWatermark - position) };
    }),
  );
}

async function listOffset(dispatcher: Dispatcher, one: TopicPartition, timestampMs: number): Promise<number> {
  const { offset } = await askPartition(dispatcher, one, 'listOffsets', { timestampMs });
  return offset;
}
