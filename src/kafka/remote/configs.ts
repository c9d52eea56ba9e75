/**
 * Configurations in Kafka's words, and `durability` in those of a cluster that does not know it. What Kafka means by committed is "written":
 * that and less it gives to every topic; "synced" is its `flush.messages=1`, by which a leader and its followers sync before they answer. Pure.
 */
import type { ConfigEntry, ConfigOp, CoordinatorVerbs } from '../../coordinator/protocol.ts';
import type { Durability } from '../../log/config.ts';
import type { describeConfigs } from '../api/32-describe-configs.ts';
import type { incrementalAlterConfigs } from '../api/44-incremental-alter-configs.ts';
import { resources } from '../configs.ts';
import { type Answer, busCode, type RequestTo, type ResponseFrom } from './words.ts';

type Row = ResponseFrom<typeof describeConfigs>['results'][number];
type Configs = Readonly<Record<string, string>>;

/** The bus-level name of `durability`: a broker that has it is a Spillway. */
export const DURABILITY_OF_BUS = 'log.durability';
const DURABILITY = 'durability';
const SYNC_EACH = 'flush.messages';

/** What of a topic's configurations producers go by. */
export const configsOfMetadata: readonly string[] = [DURABILITY, SYNC_EACH, 'max.message.bytes'];

/** All configurations when `keys` is null. */
export function topicsRequest(names: readonly string[], keys: readonly string[] | null): RequestTo<typeof describeConfigs> {
  return {
    resources: names.map((name) => ({ resourceType: resources.topic, resourceName: name, configurationKeys: keys })),
    includeSynonyms: false,
    // The texts of all configs are some 20 KB per topic.
    includeDocumentation: keys === null && names.length <= 10,
  };
}

export function brokerRequest(node: number, keys: readonly string[] | null): RequestTo<typeof describeConfigs> {
  return {
    resources: [{ resourceType: resources.broker, resourceName: String(node), configurationKeys: keys }],
    includeSynonyms: false,
    includeDocumentation: keys === null,
  };
}

export interface Described {
  name: string;
  error: number;
  entries: ConfigEntry[];
}

/** In the order of `names`. */
export function describedTopics(names: readonly string[], response: ResponseFrom<typeof describeConfigs>): Described[] {
  const rows = new Map(response.results.map((row) => [row.resourceName, row]));
  return names.map((name) => {
    const row = rows.get(name);
    if (row === undefined) return { name, error: -1, entries: [] };
    return { name, error: busCode(row.errorCode), entries: row.errorCode === 0 ? row.configs.map(entryOf) : [] };
  });
}

function entryOf({ name, value, readOnly, configSource, configType, documentation }: Row['configs'][number]): ConfigEntry {
  return {
    key: name,
    value: value ?? '',
    source: sources[configSource] ?? 'bus',
    type: types[configType] ?? 'string',
    readOnly,
    documentation: documentation ?? '',
  };
}

/** DescribeConfigsResponse.ConfigSource; the others are the brokers'. */
const sources: Readonly<Record<number, ConfigEntry['source']>> = { 1: 'topic', 5: 'default', 8: 'group' };
/** DescribeConfigsResponse.ConfigType. */
const types: Readonly<Record<number, ConfigEntry['type']>> = {
  1: 'boolean',
  2: 'string',
  3: 'int',
  4: 'int',
  5: 'long',
  6: 'double',
  7: 'list',
};

export function groupsRequest(groupIds: readonly string[]): RequestTo<typeof describeConfigs> {
  const asked = groupIds.map((resourceName) => ({ resourceType: resources.group, resourceName, configurationKeys: null }));
  return { resources: asked, includeSynonyms: false, includeDocumentation: groupIds.length <= 10 };
}

/** In the order of `groupIds`; one that is refused fails the whole. */
export function describedGroups(
  groupIds: readonly string[],
  response: ResponseFrom<typeof describeConfigs>,
): Answer<'describeGroupConfigs'> {
  const rows = new Map(response.results.map((row) => [row.resourceName, row]));
  const refused = response.results.find(({ errorCode }) => errorCode !== 0);
  if (refused !== undefined) return { error: busCode(refused.errorCode), groups: [] };
  return { error: 0, groups: groupIds.map((groupId) => ({ groupId, entries: (rows.get(groupId)?.configs ?? []).map(entryOf) })) };
}

export function alterRequest(
  { name, ops, validateOnly }: CoordinatorVerbs['alterConfigs']['ask'],
  resourceType: number = resources.topic,
): RequestTo<typeof incrementalAlterConfigs> {
  return {
    resources: [
      {
        resourceType,
        resourceName: name,
        configs: ops.map(({ key, op, value }) => ({
          name: key,
          configOperation: operations.indexOf(op),
          value: op === 'delete' ? null : value,
        })),
      },
    ],
    validateOnly,
  };
}

/** AlterConfigOp.OpType. */
const operations: readonly ConfigOp['op'][] = ['set', 'delete', 'append', 'subtract'];

export function alterReply(response: ResponseFrom<typeof incrementalAlterConfigs>): Answer<'alterConfigs'> {
  const { errorCode = -1, errorMessage = null } = response.responses[0] ?? {};
  return { error: busCode(errorCode), message: errorCode === 0 ? '' : (errorMessage ?? '') };
}

/** Whether a change has come to what is described: brokers hear of it one after the other. What is not described cannot be waited for. */
export function isSeen(ops: readonly ConfigOp[], entries: readonly ConfigEntry[]): boolean {
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  return ops.every((op) => {
    const entry = byKey.get(op.key);
    return entry === undefined || isOpSeen(op, entry);
  });
}

function isOpSeen({ op, value }: ConfigOp, entry: ConfigEntry): boolean {
  const items = entry.value.split(',');
  switch (op) {
    case 'set':
      return entry.source === 'topic' && entry.value === value;
    case 'delete':
      return entry.source !== 'topic';
    case 'append':
      return value.split(',').every((item) => items.includes(item));
    case 'subtract':
      return value.split(',').every((item) => !items.includes(item));
  }
}

// Durability.

export function namesDurability(keys: Iterable<string>): boolean {
  for (const key of keys) if (key === DURABILITY) return true;
  return false;
}

/** What a topic promises: said by a Spillway, meant by Kafka. */
export function durabilityOf(entries: readonly ConfigEntry[]): Durability {
  const setTo = (key: string): string | undefined => entries.find((entry) => entry.key === key)?.value;
  const said = setTo(DURABILITY);
  if (said !== undefined && isDurability(said)) return said;
  return setTo(SYNC_EACH) === '1' ? 'synced' : 'written';
}

/** Configurations of a new topic for a cluster without `durability`; words when it cannot have them. */
export function withoutDurability(configs: Configs): { configs: Configs; refusal: string } {
  const { [DURABILITY]: durability, ...others } = configs;
  if (durability === undefined) return { configs, refusal: '' };
  if (!isDurability(durability)) return { configs, refusal: wrongDurability(durability) };
  if (durability !== 'synced') return { configs: others, refusal: '' };
  if (others[SYNC_EACH] !== undefined && others[SYNC_EACH] !== '1') return { configs, refusal: contradiction(others[SYNC_EACH]) };
  return { configs: { ...others, [SYNC_EACH]: '1' }, refusal: '' };
}

/** The same of changes: less than "synced" is what a topic without `flush.messages` has. */
export function opsWithoutDurability(ops: readonly ConfigOp[]): { ops: ConfigOp[]; refusal: string } {
  let refusal = '';
  const others = ops.map((one): ConfigOp => {
    if (one.key !== DURABILITY) return one;
    if (one.op === 'delete') return { key: SYNC_EACH, op: 'delete', value: '' };
    if (one.op !== 'set') refusal = `${DURABILITY} is one value and no list: it can be set and deleted`;
    else if (!isDurability(one.value)) refusal = wrongDurability(one.value);
    return one.value === 'synced' ? { key: SYNC_EACH, op: 'set', value: '1' } : { key: SYNC_EACH, op: 'delete', value: '' };
  });
  if (refusal === '' && namesDurability(ops.map(({ key }) => key))) {
    const own = ops.find(({ key }) => key === SYNC_EACH);
    if (own !== undefined) refusal = contradiction(own.value);
  }
  return { ops: others, refusal };
}

function isDurability(value: string): value is Durability {
  return value === 'memory' || value === 'written' || value === 'synced';
}

function wrongDurability(value: string): string {
  return `durability is "memory", "written" or "synced", not "${value}"`;
}

function contradiction(value: string): string {
  return `a Kafka cluster has no durability of its own: "synced" is ${SYNC_EACH}=1 there, and ${SYNC_EACH} is given as "${value}"; give one of the two`;
}
