/** DescribeLogDirs: folders, and the bytes that partitions take there. */
import { errors } from '../../base/errors.ts';
import type { PartitionDescription } from '../../partition/protocol.ts';
import type { Broker } from '../broker.ts';
import { byTopic } from '../by-topic.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, bool, int16, int32, int64, type RequestOf, string, struct } from '../schema.ts';

export const describeLogDirs = api({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 4],
  flexible: 2,
  request: {
    topics: array(
      struct({
        topic: string(),
        partitions: array(int32()),
      }),
      { nullable: true },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ since: 3, default: 0 }),
    results: array(
      struct({
        errorCode: int16({ default: 0 }),
        logDir: string(),
        topics: array(
          struct({
            name: string(),
            partitions: array(
              struct({
                partitionIndex: int32(),
                partitionSize: int64(),
                offsetLag: int64(),
                isFutureKey: bool(),
              }),
            ),
          }),
        ),
        totalBytes: int64({ since: 4, default: -1 }),
        usableBytes: int64({ since: 4, default: -1 }),
      }),
    ),
  },
});

type Request = RequestOf<typeof describeLogDirs>;

/** One folder, or memory, with what its partitions hold. Partitions that are not there are left out, as Kafka does. */
export function handleDescribeLogDirs(request: Request, { broker }: Call, reply: Reply<typeof describeLogDirs.response>): void {
  const wanted = wantedOf(request);
  const { dispatcher } = broker;
  const found: PartitionDescription[] = [];
  let left = dispatcher.hostCount;
  let failed = false;
  for (let host = 0; host < dispatcher.hostCount; host++) {
    dispatcher.askHost(host, 'describe', { slots: null }, (error, answer) => {
      if (error !== 0 || answer === null) failed = true;
      else found.push(...answer.partitions.filter(({ topic, partition }) => wanted(topic, partition)));
      if (--left > 0) return;
      found.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
      const row = ({ partition, logBytes }: PartitionDescription) => ({
        partitionIndex: partition,
        partitionSize: logBytes,
        offsetLag: 0,
        isFutureKey: false,
      });
      const errorCode = failed ? errors.KAFKA_STORAGE_ERROR.code : 0;
      reply({ results: [{ errorCode, logDir: broker.folder ?? 'memory', topics: byTopic(found, row), ...spaceOf(broker) }] });
    });
  }
}

/** Of the file system; −1 where there is none, or it does not tell. */
function spaceOf({ folder, dispatcher: { disk } }: Broker): { totalBytes: number; usableBytes: number } {
  const unknown = { totalBytes: -1, usableBytes: -1 };
  if (folder === null) return unknown;
  try {
    return { totalBytes: disk.totalBytes(folder), usableBytes: disk.freeBytes(folder) };
  } catch {
    return unknown;
  }
}

function wantedOf({ topics }: Request): (topic: string, partition: number) => boolean {
  if (topics === null) return () => true;
  const wanted = new Map(topics.map(({ topic, partitions }) => [topic, new Set(partitions)]));
  return (topic, partition) => wanted.get(topic)?.has(partition) === true;
}
