/** AlterConfigs: all configs of a resource at once; what is not named goes back to its default. Its successor is IncrementalAlterConfigs. */
import { type Alteration, alterConfigs as alterResources, resources } from '../configs.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, bool, int8, int16, int32, type RequestOf, string, struct } from '../schema.ts';

export const alterConfigs = api({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexible: 2,
  request: {
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
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

type Request = RequestOf<typeof alterConfigs>;

const WHOLE = 'AlterConfigs replaces all that is set: alter groups with IncrementalAlterConfigs, as tools of this decade do';

/** Whatever the topic has set and the request does not name goes back to its default: the whole is replaced. */
export function handleAlterConfigs(request: Request, { broker }: Call, reply: Reply<typeof alterConfigs.response>): void {
  const { dispatcher } = broker;
  const names = request.resources.flatMap((one) => (one.resourceType === resources.topic ? [one.resourceName] : []));
  dispatcher.askCoordinator('describeConfigs', { names }, (_error, answer) => {
    const set = new Map(
      (answer?.topics ?? []).map(({ name, entries }) => [name, entries.flatMap(({ key, source }) => (source === 'topic' ? [key] : []))]),
    );
    const alterations = request.resources.map(({ resourceType, resourceName, configs }): Alteration => {
      if (resourceType === resources.group) return { resourceType, resourceName, ops: [], refusal: WHOLE };
      const named = new Set(configs.map(({ name }) => name));
      const gone = (set.get(resourceName) ?? []).filter((key) => !named.has(key)).map((key) => ({ key, op: 'delete' as const, value: '' }));
      const ops = configs.map(({ name, value }) => ({ key: name, op: 'set' as const, value: value ?? '' }));
      const unset = configs.find(({ value }) => value === null);
      const refusal = unset === undefined ? '' : `"${unset.name}" has no value: leave it out, or give one`;
      return { resourceType, resourceName, ops: [...gone, ...ops], refusal };
    });
    alterResources(dispatcher, alterations, request.validateOnly, (responses) => reply({ responses }));
  });
}
