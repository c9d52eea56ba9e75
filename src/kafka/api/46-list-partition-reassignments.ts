/** ListPartitionReassignments: partitions that move between brokers (KIP-455). */
import type { Call, Reply } from '../handler.ts';
import { api, array, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const listPartitionReassignments = api({
  key: 46,
  name: 'ListPartitionReassignments',
  versions: [0, 0],
  flexible: 0,
  request: {
    timeoutMs: int32({ default: 60_000 }),
    topics: array(
      struct({
        name: string(),
        partitionIndexes: array(int32()),
      }),
      { nullable: true, default: null },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: true }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            replicas: array(int32()),
            addingReplicas: array(int32()),
            removingReplicas: array(int32()),
          }),
        ),
      }),
    ),
  },
});

/** There is one broker: nothing moves. */
export function handleListPartitionReassignments(
  _request: RequestOf<typeof listPartitionReassignments>,
  _call: Call,
  reply: Reply<typeof listPartitionReassignments.response>,
): void {
  reply({ errorMessage: null, topics: [] });
}
