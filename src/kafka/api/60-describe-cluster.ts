/** DescribeCluster: the brokers and the cluster's id (KIP-700). */
import { errors } from '../../base/errors.ts';
import { NODE_ID } from '../broker.ts';
import type { Call, Reply } from '../handler.ts';
import { clusterOperations, operationsOf } from '../operations.ts';
import { api, array, bool, int8, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const describeCluster = api({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexible: 0,
  request: {
    includeClusterAuthorizedOperations: bool(),
    endpointType: int8({ since: 1, default: 1 }),
    includeFencedBrokers: bool({ since: 2 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ default: 0 }),
    errorMessage: string({ nullable: true, default: null }),
    endpointType: int8({ since: 1, default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: array(
      struct({
        brokerId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: true, default: null }),
        isFenced: bool({ since: 2 }),
      }),
    ),
    clusterAuthorizedOperations: int32({ default: -2_147_483_648 }),
  },
});

const BROKERS = 1;
const CONTROLLERS = 2;

export function handleDescribeCluster(
  { endpointType, includeClusterAuthorizedOperations }: RequestOf<typeof describeCluster>,
  { broker }: Call,
  reply: Reply<typeof describeCluster.response>,
): void {
  if (endpointType !== BROKERS) {
    const errorCode = endpointType === CONTROLLERS ? errors.MISMATCHED_ENDPOINT_TYPE.code : errors.UNSUPPORTED_ENDPOINT_TYPE.code;
    return reply({ errorCode, errorMessage: 'brokers listen here, not controllers', clusterId: '', brokers: [] });
  }
  reply({
    clusterId: broker.clusterId,
    controllerId: NODE_ID,
    brokers: [{ brokerId: NODE_ID, ...broker.advertised, isFenced: false }],
    clusterAuthorizedOperations: operationsOf(includeClusterAuthorizedOperations, clusterOperations),
  });
}
