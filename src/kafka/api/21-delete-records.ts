/** DeleteRecords: what lies before an offset goes; -1 means up to the high watermark. */
import { errors } from '../../base/errors.ts';
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { forPartitions } from '../per-partition.ts';
import { api, array, int16, int32, int64, type RequestOf, type ResponseOf, string, struct, ZERO_UUID } from '../schema.ts';

export const deleteRecords = api({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexible: 2,
  request: {
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            offset: int64(),
          }),
        ),
      }),
    ),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            lowWatermark: int64(),
            errorCode: int16({ default: 0 }),
          }),
        ),
      }),
    ),
  },
});

type Row = ResponseOf<typeof deleteRecords>['topics'][number]['partitions'][number];

export function handleDeleteRecords(
  request: RequestOf<typeof deleteRecords>,
  { broker }: Call,
  reply: Reply<typeof deleteRecords.response>,
): void {
  const wanted = request.topics.map(({ name, partitions }) => ({ topic: name, topicId: ZERO_UUID, partitions }));
  forPartitions(
    broker,
    wanted,
    (place, { offset, partitionIndex }, done: (row: Row) => void) => {
      if (offset < -1) return done({ partitionIndex, lowWatermark: -1, errorCode: errors.OFFSET_OUT_OF_RANGE.code });
      broker.dispatcher.askHost(place.host, 'deleteRecords', { slot: place.slot, beforeOffset: offset }, (error, answer) => {
        done({ partitionIndex, lowWatermark: error === 0 ? (answer?.startOffset ?? -1) : -1, errorCode: kafkaCode(error) });
      });
    },
    ({ partitionIndex }, code) => ({ partitionIndex, lowWatermark: -1, errorCode: kafkaCode(code) }),
    ({ partitionIndex }) => partitionIndex,
    (topics) => reply({ topics: topics.map(({ named, rows }) => ({ name: named.topic, partitions: rows })) }),
  );
}
