/** ElectLeaders: the preferred leader takes over, or any that lives (KIP-460). */
import { errors } from '../../base/errors.ts';
import { type Broker, kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { forPartitions } from '../per-partition.ts';
import { api, array, int8, int16, int32, type RequestOf, string, struct, ZERO_UUID } from '../schema.ts';

export const electLeaders = api({
  key: 43,
  name: 'ElectLeaders',
  versions: [0, 2],
  flexible: 2,
  request: {
    electionType: int8({ since: 1 }),
    topicPartitions: array(
      struct({
        topic: string(),
        partitions: array(int32()),
      }),
      { nullable: true },
    ),
    timeoutMs: int32({ default: 60_000 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ since: 1, default: 0 }),
    replicaElectionResults: array(
      struct({
        topic: string(),
        partitionResult: array(
          struct({
            partitionId: int32(),
            errorCode: int16({ default: 0 }),
            errorMessage: string({ nullable: true }),
          }),
        ),
      }),
    ),
  },
});

/** Every partition has one replica, and it leads: there is nothing to elect. */
export function handleElectLeaders(
  request: RequestOf<typeof electLeaders>,
  { broker }: Call,
  reply: Reply<typeof electLeaders.response>,
): void {
  const { electionType, topicPartitions } = request;
  const isKnown = electionType === PREFERRED || electionType === UNCLEAN;
  if (topicPartitions === null) return isKnown ? electAll(broker, reply) : reply({ errorCode: REFUSED, replicaElectionResults: [] });
  if (!isKnown)
    return reply({ errorCode: topicPartitions.length === 0 ? 0 : REFUSED, replicaElectionResults: refusedAll(topicPartitions) });
  const wanted = topicPartitions.map(({ topic, partitions }) => ({ topic, topicId: ZERO_UUID, partitions }));
  const row = (partitionId: number, code: number) => ({
    partitionId,
    errorCode: kafkaCode(code),
    errorMessage: code === NOT_NEEDED ? 'The one replica leads.' : 'This server does not host this topic-partition.',
  });
  forPartitions(
    broker,
    wanted,
    (_place, partition, done: (result: ReturnType<typeof row>) => void) => done(row(partition, NOT_NEEDED)),
    row,
    (partition) => partition,
    (topics) => reply({ replicaElectionResults: topics.map(({ named, rows }) => ({ topic: named.topic, partitionResult: rows })) }),
  );
}

/** All partitions: those that need none are not named, but their topics are. */
function electAll({ dispatcher }: Broker, reply: Reply<typeof electLeaders.response>): void {
  dispatcher.askCoordinator('metadata', { topics: null, autoCreate: false }, (error, answer) => {
    const topics = (answer?.topics ?? []).map(({ name }) => ({ topic: name, partitionResult: [] }));
    reply({ errorCode: kafkaCode(error), replicaElectionResults: topics });
  });
}

function refusedAll(topics: NonNullable<RequestOf<typeof electLeaders>['topicPartitions']>) {
  const errorMessage = 'an election is of type 0 or 1';
  const rows = (partitions: readonly number[]) => partitions.map((partitionId) => ({ partitionId, errorCode: REFUSED, errorMessage }));
  return topics.map(({ topic, partitions }) => ({ topic, partitionResult: rows(partitions) }));
}

const PREFERRED = 0;
const UNCLEAN = 1;
const REFUSED = errors.INVALID_REQUEST.code;
const NOT_NEEDED = errors.ELECTION_NOT_NEEDED.code;
