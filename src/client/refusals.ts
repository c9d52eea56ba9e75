/** What a producer checks of a record, and the words in which it refuses. */
import { BusError, errorName } from '../base/errors.ts';
import type { TopicMetadata } from '../coordinator/protocol.ts';
import type { Partitioner } from '../dispatch/route.ts';

export function checkPartition(metadata: TopicMetadata, partition: number): number {
  if (Number.isInteger(partition) && partition >= 0 && partition < metadata.partitions.length) return partition;
  throw new BusError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `topic "${metadata.name}" has partitions 0 to ${metadata.partitions.length - 1}, not ${String(partition)}`,
    { details: { topic: metadata.name, partition, partitions: metadata.partitions.length } },
  );
}

export function checkTimestamp(timestamp: number): number {
  if (Number.isSafeInteger(timestamp) && timestamp >= 0) return timestamp;
  throw new BusError('INVALID_TIMESTAMP', `a timestamp is in whole milliseconds since the epoch, not ${String(timestamp)}`);
}

export function callPartitioner(
  partitioner: Partitioner,
  topic: string,
  key: Uint8Array | null,
  value: Uint8Array | null,
  count: number,
): number | undefined {
  try {
    return partitioner(topic, key, value, count);
  } catch (cause) {
    throw new BusError('USER_CODE_FAILED', `the partitioner threw for topic "${topic}": ${String(cause)}`, { cause });
  }
}

export function tooLarge(topic: string, bytes: number, bytesMax: number): BusError {
  return new BusError(
    'MESSAGE_TOO_LARGE',
    `a record of ${bytes} bytes for topic "${topic}" is beyond maxRequestSize=${bytesMax}; raise it together with the topic's max.message.bytes, or split the record`,
    {
      details: { topic, bytes, bytesMax },
    },
  );
}

export function unknownTopic(name: string, error: number): BusError {
  if (error !== 0) return new BusError(errorName(error), `topic "${name}" could not be looked up: ${errorName(error)}`);
  return new BusError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `topic "${name}" does not exist; create it with admin.createTopics, or open the bus with autoCreateTopics`,
    {
      details: { topic: name },
    },
  );
}

export function deliveryError(error: number, message: string, topic: string, partition: number, records: number): BusError {
  const code = errorName(error);
  const what = records === 1 ? 'a record' : `${records} records`;
  return new BusError(code, `${what} could not be written to ${topic}-${partition}: ${message === '' ? code : message}`, {
    details: { topic, partition, records },
  });
}

export function closedError(): BusError {
  return new BusError('CLOSED', 'the producer is closed, or its bus is');
}
