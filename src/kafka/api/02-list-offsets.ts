/** ListOffsets: the offset of a time, or of the special times -1 latest, -2 earliest, -3 max timestamp, -4 and -5 of tiered storage. */
import { errors } from '../../base/errors.ts';
import { times } from '../../partition/protocol.ts';
import { kafkaCode } from '../broker.ts';
import { namedTwice } from '../by-topic.ts';
import { wrongEpoch } from '../fetching.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, int8, int16, int32, int64, type RequestOf, type ResponseOf, string, struct, ZERO_UUID } from '../schema.ts';

export const listOffsets = api({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 10],
  flexible: 6,
  request: {
    replicaId: int32(),
    isolationLevel: int8({ since: 2 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            currentLeaderEpoch: int32({ since: 4, default: -1 }),
            timestamp: int64(),
          }),
        ),
      }),
    ),
    timeoutMs: int32({ since: 10 }),
  },
  response: {
    throttleTimeMs: int32({ since: 2, default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16({ default: 0 }),
            timestamp: int64({ default: -1 }),
            offset: int64({ default: -1 }),
            leaderEpoch: int32({ since: 4, default: -1 }),
          }),
        ),
      }),
    ),
  },
});

type Row = ResponseOf<typeof listOffsets>['topics'][number]['partitions'][number];

/** Special times, and the version that brought each. */
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const since: ReadonlyMap<number, number> = new Map([
  [times.maxTimestamp, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
]);

export function handleListOffsets(request: RequestOf<typeof listOffsets>, call: Call, reply: Reply<typeof listOffsets.response>): void {
  const { topics } = call.broker;
  const names = request.topics.map(({ name }) => ({ topic: name, topicId: ZERO_UUID }));
  topics.learn(names, false, () => {
    let left = 1;
    const done = (): void => {
      if (--left === 0) reply({ topics: rows.map(({ name, refused, found }) => ({ name, partitions: [...refused, ...found] })) });
    };
    const rows = request.topics.map(({ name, partitions: asked }, t) => {
      const twice = namedTwice(asked.map(({ partitionIndex }) => partitionIndex));
      const partitions = asked.filter(({ partitionIndex }) => !twice.has(partitionIndex));
      const refused = [...twice].map((partitionIndex): Row => ({ partitionIndex, errorCode: errors.INVALID_REQUEST.code }));
      const found: Row[] = [];
      partitions.forEach(({ partitionIndex, timestamp, currentLeaderEpoch }, p) => {
        found[p] = { partitionIndex };
        const place = topics.partition(names[t], partitionIndex);
        const refusal = refusalOf(place, topics.find(names[t]) === undefined ? topics.refusalOf(names[t]) : UNKNOWN, currentLeaderEpoch);
        if (place === undefined || refusal !== 0 || call.version < sinceOf(timestamp)) {
          found[p] = { partitionIndex, errorCode: refusal === 0 ? errors.UNSUPPORTED_VERSION.code : refusal };
          return;
        }
        // Nothing is tiered: what is local is all there is.
        if (timestamp === LATEST_TIERED) return;
        left++;
        const timestampMs = timestamp === EARLIEST_LOCAL ? times.earliest : timestamp;
        call.broker.dispatcher.askHost(place.host, 'listOffsets', { slot: place.slot, timestampMs }, (error, answer) => {
          if (error !== 0 || answer === null) found[p] = { partitionIndex, errorCode: kafkaCode(error) };
          else found[p] = { partitionIndex, offset: answer.offset, timestamp: answer.timestampMs, leaderEpoch: answer.leaderEpoch };
          done();
        });
      });
      return { name, refused, found };
    });
    done();
  });
}

/** Times below the special ones are of versions to come. */
function sinceOf(timestamp: number): number {
  return timestamp < LATEST_TIERED ? Number.POSITIVE_INFINITY : (since.get(timestamp) ?? 0);
}

const UNKNOWN = errors.UNKNOWN_TOPIC_OR_PARTITION.code;

function refusalOf(place: { leaderEpoch: number } | undefined, unknown: number, askedEpoch: number): number {
  return place === undefined ? unknown : wrongEpoch(askedEpoch, place.leaderEpoch);
}
