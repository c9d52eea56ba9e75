/** DeleteTopics: by name, or from version 6 by id. */
import { errors } from '../../base/errors.ts';
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, int16, int32, type RequestOf, type ResponseOf, string, struct, uuid, ZERO_UUID } from '../schema.ts';

export const deleteTopics = api({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexible: 4,
  request: {
    topics: array(
      struct({
        name: string({ nullable: true, default: null }),
        topicId: uuid(),
      }),
      { since: 6 },
    ),
    topicNames: array(string(), { until: 5 }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    responses: array(
      struct({
        name: string({ nullable: 6 }),
        topicId: uuid({ since: 6 }),
        errorCode: int16({ default: 0 }),
        errorMessage: string({ since: 5, nullable: true, default: null }),
      }),
    ),
  },
});

type Row = ResponseOf<typeof deleteTopics>['responses'][number];

type Request = RequestOf<typeof deleteTopics>;

/**
 * Up to version 5 topics are named in a list of their own; from 6 on by name, or by id where the name is null. One that is named more than
 * once, by whatever, is answered once and stays.
 */
export function handleDeleteTopics(request: Request, { broker }: Call, reply: Reply<typeof deleteTopics.response>): void {
  const { topics, dispatcher } = broker;
  const refusals: Row[] = [];
  const wanted = wantedOf(request, refusals);
  topics.learn(
    wanted.filter(({ topicId }) => topicId !== ZERO_UUID),
    false,
    () => {
      const named = wanted.map((one) => ({ topicId: one.topicId, name: one.topicId === ZERO_UUID ? one.topic : topics.find(one)?.name }));
      const known = named.flatMap(({ name }) => name ?? []);
      dispatcher.askCoordinator('deleteTopics', { names: known }, (error, answer) => {
        const results = new Map((answer?.topics ?? []).map((result) => [result.name, result]));
        const rows = named.map(({ name, topicId }): Row => {
          if (name === undefined) return unknownId(topicId);
          const result = results.get(name);
          const id = result === undefined || result.topicId === '' ? topicId : result.topicId;
          return { name, topicId: id, errorCode: kafkaCode(result?.error ?? error), errorMessage: result?.message || null };
        });
        reply({ responses: [...refusals, ...onceEach(rows)] });
      });
    },
  );
}

/** What names a topic by both, or by neither, is refused. */
function wantedOf({ topicNames, topics }: Request, refusals: Row[]): { topic: string; topicId: string }[] {
  const wanted = topicNames.map((name) => ({ topic: name, topicId: ZERO_UUID }));
  for (const { name, topicId } of topics) {
    const hasId = topicId !== ZERO_UUID;
    if ((name !== null) !== hasId) wanted.push({ topic: name ?? '', topicId });
    else {
      const errorMessage = hasId ? 'name a topic by its name or by its id, not by both' : 'a topic is named by its name or by its id';
      refusals.push({ name, topicId, errorCode: errors.INVALID_REQUEST.code, errorMessage });
    }
  }
  return wanted;
}

function unknownId(topicId: string): Row {
  return { name: null, topicId, errorCode: errors.UNKNOWN_TOPIC_ID.code, errorMessage: 'there is no topic with this id' };
}

/** Of rows with the same name the one that has the id, if any. */
function onceEach(rows: readonly Row[]): Row[] {
  const kept = new Map<string, Row>();
  for (const row of rows) {
    const key = row.name ?? row.topicId;
    const known = kept.get(key);
    if (known === undefined || known.topicId === ZERO_UUID) kept.set(key, row);
  }
  return [...kept.values()];
}
