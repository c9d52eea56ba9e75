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

/** Up to version 5 topics are named in a list of their own; from 6 on by name, or by id where the name is null. */
export function handleDeleteTopics(
  request: RequestOf<typeof deleteTopics>,
  { broker }: Call,
  reply: Reply<typeof deleteTopics.response>,
): void {
  const { topics, dispatcher } = broker;
  const wanted = [
    ...request.topicNames.map((name) => ({ topic: name, topicId: ZERO_UUID })),
    ...request.topics.map(({ name, topicId }) => ({ topic: name ?? '', topicId: name === null ? topicId : ZERO_UUID })),
  ];
  topics.learn(
    wanted.filter(({ topicId }) => topicId !== ZERO_UUID),
    false,
    () => {
      const names = wanted.map((one) => (one.topicId === ZERO_UUID ? one.topic : topics.find(one)?.name));
      const known = names.filter((name) => name !== undefined);
      dispatcher.askCoordinator('deleteTopics', { names: known }, (error, answer) => {
        const results = new Map((answer?.topics ?? []).map((result) => [result.name, result]));
        const responses = wanted.map(({ topic, topicId }, i): Row => {
          const name = names[i];
          if (name === undefined) return { name: null, topicId, errorCode: errors.UNKNOWN_TOPIC_ID.code };
          const result = results.get(name);
          const code = result?.error ?? error;
          const id = result === undefined || result.topicId === '' ? topicId : result.topicId;
          return { name: topic === '' ? name : topic, topicId: id, errorCode: kafkaCode(code), errorMessage: result?.message || null };
        });
        reply({ responses });
      });
    },
  );
}
