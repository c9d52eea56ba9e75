/** DescribeProducers: the idempotent producers that a partition remembers (KIP-664). */
import { errors } from '../../base/errors.ts';
import { checkTopicName } from '../../coordinator/names.ts';
import { type Broker, kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { forPartitions } from '../per-partition.ts';
import { api, array, int16, int32, int64, type RequestOf, type ResponseOf, string, struct, ZERO_UUID } from '../schema.ts';
import type { TopicName } from '../topics.ts';

export const describeProducers = api({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexible: 0,
  request: {
    topics: array(
      struct({
        name: string(),
        partitionIndexes: array(int32()),
      }),
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16({ default: 0 }),
            errorMessage: string({ nullable: true, default: null }),
            activeProducers: array(
              struct({
                producerId: int64(),
                producerEpoch: int32(),
                lastSequence: int32({ default: -1 }),
                lastTimestamp: int64({ default: -1 }),
                coordinatorEpoch: int32(),
                currentTxnStartOffset: int64({ default: -1 }),
              }),
            ),
          }),
        ),
      }),
    ),
  },
});

type Row = ResponseOf<typeof describeProducers>['topics'][number]['partitions'][number];

export function handleDescribeProducers(
  request: RequestOf<typeof describeProducers>,
  { broker }: Call,
  reply: Reply<typeof describeProducers.response>,
): void {
  const wanted = request.topics.map(({ name, partitionIndexes }) => ({ topic: name, topicId: ZERO_UUID, partitions: partitionIndexes }));
  forPartitions(
    broker,
    wanted,
    (place, partitionIndex, done: (row: Row) => void) => {
      broker.dispatcher.askHost(place.host, 'describeProducers', { slot: place.slot }, (error, answer) => {
        const activeProducers = (answer?.producers ?? []).map(({ producerId, producerEpoch, lastSequence, timestampMs }) => ({
          producerId,
          producerEpoch,
          lastSequence,
          lastTimestamp: timestampMs,
          // Transactions are not spoken.
          coordinatorEpoch: -1,
        }));
        done({ partitionIndex, errorCode: kafkaCode(error), activeProducers });
      });
    },
    (partitionIndex, code, named) => unknown(broker, partitionIndex, code, named),
    (partitionIndex) => partitionIndex,
    (topics) => reply({ topics: topics.map(({ named, rows }) => ({ name: named.topic, partitions: rows })) }),
  );
}

function unknown({ topics }: Broker, partitionIndex: number, code: number, named: TopicName): Row {
  const wrong = checkTopicName(named.topic);
  const message = topics.find(named) === undefined ? 'there is no such topic' : null;
  const errorCode = wrong === null ? kafkaCode(code) : errors.INVALID_TOPIC_EXCEPTION.code;
  return { partitionIndex, errorCode, errorMessage: wrong ?? message, activeProducers: [] };
}
