/** Heartbeat of the classic protocol: a member lives, and learns that a rebalance is on. */
import { kafkaCode } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, int16, int32, type RequestOf, string } from '../schema.ts';

export const heartbeat = api({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexible: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ since: 3, nullable: true, default: null }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    errorCode: int16({ default: 0 }),
  },
});

export function handleHeartbeat(request: RequestOf<typeof heartbeat>, { broker }: Call, reply: Reply<typeof heartbeat.response>): void {
  const { groupId, generationId, memberId, groupInstanceId } = request;
  const ask = { groupId, generation: generationId, memberId, instanceId: groupInstanceId };
  broker.dispatcher.askCoordinator('heartbeat', ask, (error) => reply({ errorCode: kafkaCode(error) }));
}
