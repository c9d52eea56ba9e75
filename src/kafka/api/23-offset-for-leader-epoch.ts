/** OffsetForLeaderEpoch: where an epoch ended, for consumers that look whether their log was cut (KIP-320). */
import { times } from '../../partition/protocol.ts';
import { kafkaCode } from '../broker.ts';
import { wrongEpoch } from '../fetching.ts';
import type { Call, Reply } from '../handler.ts';
import { forPartitions } from '../per-partition.ts';
import { api, array, int16, int32, int64, type RequestOf, type ResponseOf, string, struct, ZERO_UUID } from '../schema.ts';

export const offsetForLeaderEpoch = api({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexible: 4,
  request: {
    replicaId: int32({ since: 3, default: -2 }),
    topics: array(
      struct({
        topic: string(),
        partitions: array(
          struct({
            partition: int32(),
            currentLeaderEpoch: int32({ default: -1 }),
            leaderEpoch: int32(),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        topic: string(),
        partitions: array(
          struct({
            errorCode: int16({ default: 0 }),
            partition: int32(),
            leaderEpoch: int32({ default: -1 }),
            endOffset: int64({ default: -1 }),
          }),
        ),
      }),
    ),
  },
});

type Row = ResponseOf<typeof offsetForLeaderEpoch>['topics'][number]['partitions'][number];

/** Every partition is in its first epoch, which ends where its log ends now. Of another epoch nothing is known. */
export function handleOffsetForLeaderEpoch(
  request: RequestOf<typeof offsetForLeaderEpoch>,
  { broker }: Call,
  reply: Reply<typeof offsetForLeaderEpoch.response>,
): void {
  const wanted = request.topics.map(({ topic, partitions }) => ({ topic, topicId: ZERO_UUID, partitions }));
  forPartitions(
    broker,
    wanted,
    (place, { partition, leaderEpoch, currentLeaderEpoch }, done: (row: Row) => void) => {
      const wrong = wrongEpoch(currentLeaderEpoch, place.leaderEpoch);
      if (wrong !== 0 || leaderEpoch !== place.leaderEpoch) return done({ partition, errorCode: wrong });
      broker.dispatcher.askHost(place.host, 'listOffsets', { slot: place.slot, timestampMs: times.latest }, (error, answer) => {
        if (error !== 0 || answer === null) done({ partition, errorCode: kafkaCode(error) });
        else done({ partition, leaderEpoch: place.leaderEpoch, endOffset: answer.offset });
      });
    },
    ({ partition }, code) => ({ partition, errorCode: kafkaCode(code) }),
    ({ partition }) => partition,
    (topics) => reply({ topics: topics.map(({ named, rows }) => ({ topic: named.topic, partitions: rows })) }),
  );
}
