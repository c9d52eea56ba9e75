/** ListConfigResources: what has configs of its own. Up to version 0 it listed resources of client metrics alone. */
import { api, array, int8, int16, int32, string, struct } from '../schema.ts';

export const listConfigResources = api({
  key: 74,
  name: 'ListConfigResources',
  versions: [0, 1],
  flexible: 0,
  request: {
    resourceTypes: array(int8(), { since: 1 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    configResources: array(
      struct({
        resourceName: string(),
        resourceType: int8({ since: 1, default: 16 }),
      }),
    ),
  },
});
