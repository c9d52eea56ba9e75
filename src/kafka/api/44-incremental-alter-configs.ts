/** IncrementalAlterConfigs: set, delete, append to or subtract from single configs (KIP-339). */
import type { ConfigOp } from '../../coordinator/protocol.ts';
import { type Alteration, alterConfigs } from '../configs.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, bool, int8, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const incrementalAlterConfigs = api({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexible: 1,
  request: {
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            configOperation: int8(),
            value: string({ nullable: true }),
          }),
        ),
      }),
    ),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    responses: array(
      struct({
        errorCode: int16({ default: 0 }),
        errorMessage: string({ nullable: true }),
        resourceType: int8(),
        resourceName: string(),
      }),
    ),
  },
});

/** AlterConfigOp.OpType. */
const operations: readonly ConfigOp['op'][] = ['set', 'delete', 'append', 'subtract'];

export function handleIncrementalAlterConfigs(
  request: RequestOf<typeof incrementalAlterConfigs>,
  { broker }: Call,
  reply: Reply<typeof incrementalAlterConfigs.response>,
): void {
  const alterations = request.resources.map(({ resourceType, resourceName, configs }): Alteration => {
    const wrong = configs.find(
      ({ configOperation, value }) => operations[configOperation] === undefined || (configOperation !== 1 && value === null),
    );
    const ops = configs.map(({ name, configOperation, value }) => ({ key: name, op: operations[configOperation], value: value ?? '' }));
    const refusal = wrong === undefined ? '' : `"${wrong.name}": an operation is 0 to 3, and all but 1 (delete) bring a value`;
    return { resourceType, resourceName, ops, refusal };
  });
  alterConfigs(broker.dispatcher, alterations, request.validateOnly, (responses) => reply({ responses }));
}
