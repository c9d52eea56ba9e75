/** Configurations in the words of the wire: sources, types and resources by Kafka's numbers. */
import { errors } from '../base/errors.ts';
import { checkTopicName } from '../coordinator/names.ts';
import type { ConfigEntry, ConfigOp, ConfigSynonym } from '../coordinator/protocol.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { kafkaCode } from './broker.ts';
import { namedTwice } from './by-topic.ts';

/** ConfigResource.Type. */
export const resources = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const;

/** DescribeConfigsResponse.ConfigSource. */
export const configSources: Record<ConfigEntry['source'], number> = { topic: 1, group: 8, bus: 4, default: 5 };

/** DescribeConfigsResponse.ConfigType. */
const types: Record<ConfigEntry['type'], number> = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 };

export interface ConfigRow {
  name: string;
  value: string | null;
  readOnly: boolean;
  isSensitive: boolean;
  configSource: number;
  configType: number;
  documentation: string;
}

export function rowOf({ key, value, source, type, readOnly, documentation }: ConfigEntry): ConfigRow {
  return { name: key, value, readOnly, isSensitive: false, configSource: configSources[source], configType: types[type], documentation };
}

/** Where a value comes from, and where it would come from if it were not set there; `below` undefined: nobody tells. */
export function synonymsOf({ name, value, configSource }: ConfigRow, below?: readonly ConfigSynonym[]) {
  const isOwn = configSource === configSources.topic || configSource === configSources.group;
  // Of groups it is not told what stands below: the value stands alone.
  const own = isOwn || below === undefined ? [{ name, value, source: configSource }] : [];
  return [...own, ...(below ?? []).map((one) => ({ name: one.name, value: one.value, source: configSources[one.source] }))];
}

/** One resource whose configurations are to be altered; what the request asks is in the coordinator's words. */
export interface Alteration {
  resourceType: number;
  resourceName: string;
  ops: ConfigOp[];
  /** Not '': why it cannot be asked. */
  refusal: string;
}

export interface AlterationRow {
  errorCode: number;
  errorMessage: string | null;
  resourceType: number;
  resourceName: string;
}

/** Alters resource by resource; rows come back in the order of the request. */
export function alterConfigs(
  dispatcher: Dispatcher,
  alterations: readonly Alteration[],
  validateOnly: boolean,
  done: (rows: AlterationRow[]) => void,
): void {
  const rows: AlterationRow[] = [];
  const twice = namedTwice(alterations.map(keyOf));
  let left = alterations.length;
  if (left === 0) return done(rows);
  alterations.forEach((asked, i) => {
    const alteration = twice.has(keyOf(asked)) ? { ...asked, refusal: 'the resource is named more than once' } : asked;
    alterOne(dispatcher, alteration, validateOnly, (error, message) => {
      const { resourceType, resourceName } = alteration;
      rows[i] = { errorCode: kafkaCode(error), errorMessage: error === 0 ? null : message, resourceType, resourceName };
      if (--left === 0) done(rows);
    });
  });
}

function keyOf({ resourceType, resourceName }: Alteration): string {
  return `${resourceType} ${resourceName}`;
}

/** What of it can be configured while the bus is open. */
function alterOne(
  dispatcher: Dispatcher,
  { resourceType, resourceName, ops, refusal }: Alteration,
  validateOnly: boolean,
  done: (error: number, message: string | null) => void,
): void {
  const refuse = (error: number, message: string): void => dispatcher.clock.next(() => done(error, message));
  const INVALID = errors.INVALID_REQUEST.code;
  if (resourceType !== resources.topic && resourceType !== resources.group)
    return refuse(INVALID, 'only topics and groups can be configured while the bus is open: give other settings when it is opened');
  const [twice] = namedTwice(ops.map(({ key }) => key));
  if (refusal !== '') return refuse(INVALID, refusal);
  if (twice !== undefined) return refuse(INVALID, `"${twice}" is named twice: give each configuration once`);
  if (resourceType === resources.group)
    return dispatcher.askCoordinator('alterGroupConfigs', { groupId: resourceName, ops, validateOnly }, (error, answer) =>
      done(error, answer?.message || null),
    );
  if (resourceName === '') return refuse(INVALID, 'the topic has no name');
  const wrong = checkTopicName(resourceName);
  if (wrong !== null) return refuse(errors.INVALID_TOPIC_EXCEPTION.code, wrong);
  dispatcher.askCoordinator('alterConfigs', { name: resourceName, ops, validateOnly }, (error, answer) =>
    done(error, answer?.message || null),
  );
}
