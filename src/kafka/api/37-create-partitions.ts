/** CreatePartitions: a topic gets more of them. */
import { errors } from '../../base/errors.ts';
import { kafkaCode, NODE_ID } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, bool, int16, int32, type RequestOf, type ResponseOf, string, struct } from '../schema.ts';

export const createPartitions = api({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexible: 2,
  request: {
    topics: array(
      struct({
        name: string(),
        count: int32(),
        assignments: array(
          struct({
            brokerIds: array(int32()),
          }),
          { nullable: true },
        ),
      }),
    ),
    timeoutMs: int32(),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array(
      struct({
        name: string(),
        errorCode: int16({ default: 0 }),
        errorMessage: string({ nullable: true, default: null }),
      }),
    ),
  },
});

type Request = RequestOf<typeof createPartitions>;
type Row = ResponseOf<typeof createPartitions>['results'][number];

export function handleCreatePartitions(request: Request, { broker }: Call, reply: Reply<typeof createPartitions.response>): void {
  const results: Row[] = [];
  let left = 1;
  const done = (): void => {
    if (--left === 0) reply({ results });
  };
  request.topics.forEach(({ name, count, assignments }, i) => {
    const elsewhere = assignments?.some(({ brokerIds }) => brokerIds.length !== 1 || brokerIds[0] !== NODE_ID) === true;
    if (elsewhere) {
      results[i] = {
        name,
        errorCode: errors.INVALID_REPLICA_ASSIGNMENT.code,
        errorMessage: `every partition lies on broker ${NODE_ID} alone`,
      };
      return;
    }
    left++;
    create(name, count, (row) => {
      results[i] = row;
      done();
    });
  });
  done();

  function create(name: string, total: number, then: (row: Row) => void): void {
    const { dispatcher } = broker;
    if (!request.validateOnly)
      return dispatcher.askCoordinator('createPartitions', { name, total }, (error, answer) =>
        then({ name, errorCode: kafkaCode(error), errorMessage: answer?.message || null }),
      );
    dispatcher.loadTopics([name], false, (_error, refusals) => {
      const topic = dispatcher.topic(name);
      if (topic === undefined) return then({ name, errorCode: kafkaCode(refusals.get(name) ?? errors.UNKNOWN_TOPIC_OR_PARTITION.code) });
      const grows = total > topic.partitions.length;
      then({
        name,
        errorCode: grows ? 0 : errors.INVALID_PARTITIONS.code,
        errorMessage: grows ? null : `"${name}" has ${topic.partitions.length}`,
      });
    });
  }
}
