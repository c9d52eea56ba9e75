/** DeleteTopics: by name, or from version 6 by id. */
import { api, array, int16, int32, string, struct, uuid } from '../schema.ts';

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
