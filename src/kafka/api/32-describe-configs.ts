/** DescribeConfigs: of topics, brokers and groups, each value with its source, type, synonyms and documentation. */
import { errors } from '../../base/errors.ts';
import { checkTopicName } from '../../coordinator/names.ts';
import type { ConfigSynonym } from '../../coordinator/protocol.ts';
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import { kafkaCode, NODE_ID } from '../broker.ts';
import { type ConfigRow, resources, rowOf, synonymsOf } from '../configs.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, bool, int8, int16, int32, type RequestOf, type ResponseOf, string, struct } from '../schema.ts';

export const describeConfigs = api({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexible: 4,
  request: {
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configurationKeys: array(string(), { nullable: true }),
      }),
    ),
    includeSynonyms: bool({ default: false }),
    includeDocumentation: bool({ since: 3, default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array(
      struct({
        errorCode: int16({ default: 0 }),
        errorMessage: string({ nullable: true }),
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            value: string({ nullable: true }),
            readOnly: bool(),
            configSource: int8({ default: -1 }),
            isSensitive: bool(),
            synonyms: array(
              struct({
                name: string(),
                value: string({ nullable: true }),
                source: int8(),
              }),
            ),
            configType: int8({ since: 3, default: 0 }),
            documentation: string({ since: 3, nullable: true }),
          }),
        ),
      }),
    ),
  },
});

type Request = RequestOf<typeof describeConfigs>;
type Resource = Request['resources'][number];
type Result = ResponseOf<typeof describeConfigs>['results'][number];
type Found = { error: number; message: string; rows: ConfigRow[] };

export function handleDescribeConfigs(request: Request, { broker }: Call, reply: Reply<typeof describeConfigs.response>): void {
  const { dispatcher } = broker;
  const namesOf = (type: number): string[] => [
    ...new Set(request.resources.flatMap((one) => (one.resourceType === type ? [one.resourceName] : []))),
  ];
  groupRows(dispatcher, namesOf(resources.group), (groups) =>
    dispatcher.askCoordinator('describeConfigs', { names: namesOf(resources.topic), bus: true }, (error, answer) => {
      const topics = new Map((answer?.topics ?? []).map((topic) => [topic.name, topic]));
      const below = request.includeSynonyms ? (answer?.synonyms ?? {}) : null;
      const bus = (answer?.bus ?? []).map(rowOf);
      const results = request.resources.map((resource) => {
        const result = (found: Found): Result => resultOf(request, resource, found, below);
        const { resourceType, resourceName } = resource;
        if (error !== 0) return result({ error, message: '', rows: [] });
        if (resourceType === resources.group) return result(groups(resourceName));
        if (resourceType !== resources.topic) return result(elsewhere(resource, bus));
        const wrong = checkTopicName(resourceName);
        if (wrong !== null) return result({ error: errors.INVALID_TOPIC_EXCEPTION.code, message: wrong, rows: [] });
        const topic = topics.get(resourceName);
        return result({ error: topic?.error ?? UNKNOWN, message: '', rows: (topic?.entries ?? []).map(rowOf) });
      });
      reply({ results });
    }),
  );
}

/** What groups are told apart from the others, whether they are there or not. */
function groupRows(dispatcher: Dispatcher, groupIds: string[], done: (found: (groupId: string) => Found) => void): void {
  if (groupIds.length === 0) return done(() => ({ error: 0, message: '', rows: [] }));
  dispatcher.askCoordinator('describeGroupConfigs', { groupIds }, (error, answer) => {
    const rows = new Map((answer?.groups ?? []).map(({ groupId, entries }) => [groupId, entries.map(rowOf)]));
    done((groupId) => {
      if (groupId === '') return { error: errors.INVALID_REQUEST.code, message: 'a group has a name', rows: [] };
      return { error, message: '', rows: rows.get(groupId) ?? [] };
    });
  });
}

const UNKNOWN = errors.UNKNOWN_TOPIC_OR_PARTITION.code;

/** Of what is no topic. The cluster as a whole has no settings that could be changed, and so none of its own. */
function elsewhere({ resourceType, resourceName }: Resource, bus: ConfigRow[]): Found {
  const refused = (message: string): Found => ({ error: errors.INVALID_REQUEST.code, message, rows: [] });
  const isBroker = resourceType === resources.broker;
  if (isBroker || resourceType === resources.brokerLogger) {
    if (resourceName === String(NODE_ID)) return { error: 0, message: '', rows: isBroker ? bus : [] };
    if (resourceName === '' && isBroker) return { error: 0, message: '', rows: [] };
    return refused(`there is one broker, ${NODE_ID}, not "${resourceName}"`);
  }
  if (!Object.values<number>(resources).includes(resourceType)) return refused(`resources of type ${resourceType} are not known`);
  return resourceName === '' ? refused('the resource has no name') : { error: 0, message: '', rows: [] };
}

/** `below`: where values come from that the topic does not set; null when nobody asks. */
function resultOf(
  request: Request,
  { resourceType, resourceName, configurationKeys }: Resource,
  { error, message, rows }: Found,
  below: Readonly<Record<string, readonly ConfigSynonym[]>> | null,
): Result {
  // No names at all mean all of them, as null does: kafka-python sends that.
  const all = configurationKeys === null || configurationKeys.length === 0;
  const wanted = all ? rows : rows.filter(({ name }) => configurationKeys.includes(name));
  return {
    errorCode: kafkaCode(error),
    errorMessage: message,
    resourceType,
    resourceName,
    configs: wanted.map((row) => ({
      ...row,
      synonyms: below === null ? [] : synonymsOf(row, below[row.name]),
      documentation: request.includeDocumentation ? row.documentation : null,
    })),
  };
}
