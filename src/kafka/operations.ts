/** What a client may do, as bits of Kafka's AclOperation: everything, since nobody is refused. */

/** Nobody asked. */
const NOT_SAID = -2_147_483_648;

const read = 1 << 3;
const write = 1 << 4;
const create = 1 << 5;
const remove = 1 << 6;
const alter = 1 << 7;
const describe = 1 << 8;
const clusterAction = 1 << 9;
const describeConfigs = 1 << 10;
const alterConfigs = 1 << 11;
const idempotentWrite = 1 << 12;

export const topicOperations = read | write | create | remove | alter | describe | describeConfigs | alterConfigs;
export const groupOperations = read | remove | describe | describeConfigs | alterConfigs;
export const clusterOperations = create | alter | describe | clusterAction | describeConfigs | alterConfigs | idempotentWrite;

export function operationsOf(asked: boolean, operations: number): number {
  return asked ? operations : NOT_SAID;
}
