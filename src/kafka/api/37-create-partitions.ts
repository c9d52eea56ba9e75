/** CreatePartitions: a topic gets more of them. */
import { errors } from '../../base/errors.ts';
import { kafkaCode, NODE_ID } from '../broker.ts';
import { namedTwice } from '../by-topic.ts';
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
  const twice = namedTwice(request.topics.map(({ name }) => name));
  const results: Row[] = [];
  let left = 1;
  const done = (): void => {
    if (--left > 0) return;
    const errorMessage = 'a topic is named more than once';
    const refused = [...twice].map((name) => ({ name, errorCode: errors.INVALID_REQUEST.code, errorMessage }));
    reply({ results: [...refused, ...results] });
  };
  const topics = request.topics.filter(({ name }) => !twice.has(name));
  topics.forEach((topic, i) => {
    left++;
    create(topic, (row) => {
      results[i] = row;
      done();
    });
  });
  done();

  function create(topic: Request['topics'][number], then: (row: Row) => void): void {
    const { name, count, assignments } = topic;
    const { dispatcher } = broker;
    const ask = (): void =>
      dispatcher.askCoordinator('createPartitions', { name, total: count }, (error, answer) =>
        then({ name, errorCode: kafkaCode(error), errorMessage: answer?.message || null }),
      );
    if (!request.validateOnly && assignments === null) return ask();
    dispatcher.loadTopics([name], false, (_error, refusals) => {
      const known = dispatcher.topic(name);
      if (known === undefined) return then({ name, errorCode: kafkaCode(refusals.get(name) ?? errors.UNKNOWN_TOPIC_OR_PARTITION.code) });
      const refusal = refusalOf(topic, known.partitions.length);
      if (refusal !== null || request.validateOnly) return then({ name, ...refusal });
      ask();
    });
  }
}

function refusalOf(
  { name, count, assignments }: Request['topics'][number],
  present: number,
): Pick<Row, 'errorCode' | 'errorMessage'> | null {
  const more = count - present;
  if (more <= 0) return { errorCode: errors.INVALID_PARTITIONS.code, errorMessage: `"${name}" has ${present}` };
  if (assignments === null) return null;
  const errorCode = errors.INVALID_REPLICA_ASSIGNMENT.code;
  if (assignments.length !== more) return { errorCode, errorMessage: `${more} partitions are new, and ${assignments.length} are assigned` };
  const elsewhere = assignments.some(({ brokerIds }) => brokerIds.length !== 1 || brokerIds[0] !== NODE_ID);
  return elsewhere ? { errorCode, errorMessage: `every partition lies on broker ${NODE_ID} alone` } : null;
}
