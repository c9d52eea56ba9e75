/** FindCoordinator: who coordinates a group or a transactional id; from version 4 for many keys at once (KIP-699). */
import { errors } from '../../base/errors.ts';
import { NODE_ID } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, int8, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const findCoordinator = api({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexible: 3,
  request: {
    key: string({ until: 3 }),
    keyType: int8({ since: 1, default: 0 }),
    coordinatorKeys: array(string(), { since: 4 }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    errorCode: int16({ until: 3, default: 0 }),
    errorMessage: string({ since: 1, until: 3, nullable: true }),
    nodeId: int32({ until: 3 }),
    host: string({ until: 3 }),
    port: int32({ until: 3 }),
    coordinators: array(
      struct({
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16({ default: 0 }),
        errorMessage: string({ nullable: true }),
      }),
      { since: 4 },
    ),
  },
});

const GROUP = 0;

/** One broker coordinates everything that is coordinated. */
export function handleFindCoordinator(
  { keyType, coordinatorKeys }: RequestOf<typeof findCoordinator>,
  { broker, version }: Call,
  reply: Reply<typeof findCoordinator.response>,
): void {
  const place = { nodeId: NODE_ID, ...broker.advertised };
  const refused = {
    nodeId: -1,
    host: '',
    port: -1,
    errorCode: errors.INVALID_REQUEST.code,
    errorMessage: 'only groups are coordinated here',
  };
  // Also of the group without a name: clients of before 2.2 ask for it when they read without a group.
  const found = keyType === GROUP ? { ...place, errorCode: 0, errorMessage: version < MANY_SINCE ? 'NONE' : '' } : refused;
  if (version < MANY_SINCE) reply({ ...found, coordinators: [] });
  else reply({ nodeId: -1, host: '', port: -1, errorMessage: null, coordinators: coordinatorKeys.map((one) => ({ key: one, ...found })) });
}

/** The version that asks for many keys at once. */
const MANY_SINCE = 4;
