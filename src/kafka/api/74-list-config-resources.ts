/** ListConfigResources: what has configs of its own. Up to version 0 it listed resources of client metrics alone. */
import { errors } from '../../base/errors.ts';
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import { kafkaCode, NODE_ID } from '../broker.ts';
import { resources } from '../configs.ts';
import type { Call, Reply } from '../handler.ts';
import { api, array, int8, int16, int32, type RequestOf, string, struct } from '../schema.ts';

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

/** Version 0 asks for resources of client metrics, of which there are none; no filter means all kinds. */
export function handleListConfigResources(
  { resourceTypes }: RequestOf<typeof listConfigResources>,
  { broker, version }: Call,
  reply: Reply<typeof listConfigResources.response>,
): void {
  const unknown = resourceTypes.some((type) => !Object.values<number>(resources).includes(type));
  if (unknown) return reply({ errorCode: errors.UNSUPPORTED_VERSION.code, configResources: [] });
  const wants = (type: number): boolean => version > 0 && (resourceTypes.length === 0 || resourceTypes.includes(type));
  const brokers = wants(resources.broker) ? [{ resourceName: String(NODE_ID), resourceType: resources.broker }] : [];
  listTopics(broker.dispatcher, wants(resources.topic), (topicsError, topics) =>
    listGroups(broker.dispatcher, wants(resources.group), (groupsError, groups) =>
      reply({ errorCode: kafkaCode(topicsError || groupsError), configResources: [...topics, ...groups, ...brokers] }),
    ),
  );
}

type Listed = (error: number, rows: { resourceName: string; resourceType: number }[]) => void;

function listTopics(dispatcher: Dispatcher, isWanted: boolean, done: Listed): void {
  if (!isWanted) return done(0, []);
  dispatcher.askCoordinator('metadata', { topics: null, autoCreate: false }, (error, answer) =>
    done(
      error,
      (answer?.topics ?? []).map(({ name }) => ({ resourceName: name, resourceType: resources.topic })),
    ),
  );
}

/** Those that were told something apart from the others. */
function listGroups(dispatcher: Dispatcher, isWanted: boolean, done: Listed): void {
  if (!isWanted) return done(0, []);
  dispatcher.askCoordinator('describeGroupConfigs', { groupIds: null }, (error, answer) =>
    done(
      error,
      (answer?.groups ?? []).map(({ groupId }) => ({ resourceName: groupId, resourceType: resources.group })),
    ),
  );
}
