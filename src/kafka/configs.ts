/** Configurations in the words of the wire: sources, types and resources by Kafka's numbers. */
import { errors } from '../base/errors.ts';
import type { ConfigEntry, ConfigOp, ConfigSynonym } from '../coordinator/protocol.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { kafkaCode } from './broker.ts';

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

/** Where a value comes from, and where it would come from if it were not set there. */
export function synonymsOf({ name, value, configSource }: ConfigRow, below: readonly ConfigSynonym[]) {
  const isOwn = configSource === configSources.topic || configSource === configSources.group;
  // Of groups it is not told what stands below: the value stands alone.
  const own = isOwn || below.length === 0 ? [{ name, value, source: configSource }] : [];
  return [...own, ...below.map((one) => ({ name: one.name, value: one.value, source: configSources[one.source] }))];
}

/** The configs of topics that were just made, by name. */
export function configsAsMade(dispatcher: Dispatcher, names: string[], done: (configs: ReadonlyMap<string, ConfigRow[]>) => void): void {
  if (names.length === 0) return done(new Map());
  dispatcher.askCoordinator('describeConfigs', { names }, (_error, answer) => {
    done(new Map((answer?.topics ?? []).map(({ name, entries }) => [name, entries.map(rowOf)])));
  });
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
  let left = alterations.length;
  if (left === 0) return done(rows);
  alterations.forEach((alteration, i) => {
    alterOne(dispatcher, alteration, validateOnly, (error, message) => {
      const { resourceType, resourceName } = alteration;
      rows[i] = { errorCode: kafkaCode(error), errorMessage: error === 0 ? null : message, resourceType, resourceName };
      if (--left === 0) done(rows);
    });
  });
}

/** What of it can be configured while the bus is open. */
function alterOne(
  dispatcher: Dispatcher,
  { resourceType, resourceName, ops, refusal }: Alteration,
  validateOnly: boolean,
  done: (error: number, message: string | null) => void,
): void {
  const refused = errors.INVALID_REQUEST.code;
  if (resourceType !== resources.topic && resourceType !== resources.group)
    return dispatcher.clock.next(() =>
      done(refused, 'only topics and groups can be configured while the bus is open: give other settings when it is opened'),
    );
  if (refusal !== '') return dispatcher.clock.next(() => done(refused, refusal));
  if (resourceType === resources.group)
    return dispatcher.askCoordinator('alterGroupConfigs', { groupId: resourceName, ops, validateOnly }, (error, answer) =>
      done(error, answer?.message || null),
    );
  dispatcher.askCoordinator('alterConfigs', { name: resourceName, ops, validateOnly }, (error, answer) =>
    done(error, answer?.message || null),
  );
}
