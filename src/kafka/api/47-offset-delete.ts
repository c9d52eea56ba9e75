/** OffsetDelete: a group forgets where it stood in partitions that none of its members subscribes to. */
import { kafkaCode } from '../broker.ts';
import { byTopic } from '../by-topic.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const offsetDelete = api({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexible: null,
  request: {
    groupId: string(),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
          }),
        ),
      }),
    ),
  },
  response: {
    errorCode: int16({ default: 0 }),
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16({ default: 0 }),
          }),
        ),
      }),
    ),
  },
});

export function handleOffsetDelete(
  request: RequestOf<typeof offsetDelete>,
  { broker }: Call,
  reply: Reply<typeof offsetDelete.response>,
): void {
  const topics = request.topics.map(({ name, partitions }) => ({
    topic: name,
    partitions: partitions.map(({ partitionIndex }) => partitionIndex),
  }));
  broker.dispatcher.askCoordinator('offsetDelete', { groupId: request.groupId, topics }, (error, answer) => {
    const row = ({ partition, error: code }: { partition: number; error: number }) => ({
      partitionIndex: partition,
      errorCode: kafkaCode(code),
    });
    if (error !== 0 || answer === null) reply({ errorCode: kafkaCode(error), topics: [] });
    else reply({ topics: byTopic(answer.offsets, row) });
  });
}
