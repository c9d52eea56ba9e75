/**
 * Values of configurations: parsed against their table, changed, and resolved from topic, bus and default in this order. What is
 * refused is refused with a message that says what to do. Values stay text; only `toLogConfig` makes numbers of them.
 */
import { limits } from '../base/limits.ts';
import type { Durability, LogConfig } from '../log/config.ts';
import { ownBusConfigs } from './bus-configs.ts';
import { busKeys, busRow, type ConfigRow, type TopicConfigKey, topicConfigs, topicKeys, topicRow } from './configs.ts';
import { type GroupSettings, groupDefaults } from './groups/settings.ts';
import type { RateWindow } from './offsets/rates.ts';
import type { ConfigEntry, ConfigOp, ConfigSynonym } from './protocol.ts';

export type Configs = Readonly<Record<string, string>>;

/** The bus's own settings, parsed. */
export interface BusConfigs {
  /** By bus-level name, only those that were set. */
  readonly values: ReadonlyMap<string, string>;
  /** num.partitions */
  readonly partitions: number;
  /** auto.create.topics.enable */
  readonly autoCreate: boolean;
  readonly groups: GroupSettings;
  readonly offsets: {
    /** offsets.retention.minutes */
    readonly retentionMs: number;
    /** offsets.retention.check.interval.ms */
    readonly checkMs: number;
  };
  readonly quotaWindow: RateWindow;
  /** group.stall.ms */
  readonly stallMs: number;
  /** Whether the bus has a data folder; without one there is only memory. */
  readonly folder: boolean;
  /** max.message.bytes may not be more. */
  readonly batchBytesMax: number;
}

export type Checked<T> = { ok: T; message?: undefined } | { ok?: undefined; message: string };

/** Parses what a bus was opened with, by bus-level names (log.retention.ms …). */
export function parseBusConfigs(raw: Configs, bus: { folder: boolean; memoryBytesMax: number }): Checked<BusConfigs> {
  const values = new Map<string, string>();
  const context = { folder: bus.folder, batchBytesMax: Math.min(limits.recordBytesMax, Math.floor(bus.memoryBytesMax / 4)) };
  for (const [key, text] of Object.entries(raw)) {
    const row = busRow(key);
    if (row === undefined) return { message: unknownBusKey(key) };
    const parsed = parseValue(key, row, text, context);
    if (parsed.message !== undefined) return parsed;
    values.set(key, parsed.ok);
  }
  const own = (key: keyof typeof ownBusConfigs): string => values.get(key) ?? ownBusConfigs[key].default;
  const number = (key: keyof typeof ownBusConfigs): number => Number(own(key));
  const parsed: BusConfigs = {
    ...context,
    values,
    partitions: number('num.partitions'),
    autoCreate: own('auto.create.topics.enable') === 'true',
    groups: {
      ...groupDefaults,
      membersMax: number('group.max.size'),
      sessionTimeoutMs: number('group.consumer.session.timeout.ms'),
      sessionTimeoutMsMin: number('group.min.session.timeout.ms'),
      sessionTimeoutMsMax: number('group.max.session.timeout.ms'),
      heartbeatIntervalMs: number('group.consumer.heartbeat.interval.ms'),
      firstRebalanceDelayMs: number('group.initial.rebalance.delay.ms'),
    },
    offsets: { retentionMs: number('offsets.retention.minutes') * 60_000, checkMs: number('offsets.retention.check.interval.ms') },
    quotaWindow: { samples: number('quota.window.num'), sampleMs: number('quota.window.size.seconds') * 1000 },
    stallMs: number('group.stall.ms'),
  };
  const contradiction = findContradiction({}, parsed);
  return contradiction === null ? { ok: parsed } : { message: contradiction };
}

/** Parses the configurations of a new topic. */
export function parseTopicConfigs(raw: Configs, bus: BusConfigs): Checked<Configs> {
  return applyConfigOps(
    {},
    Object.entries(raw).map(([key, value]) => ({ key, op: 'set' as const, value })),
    bus,
  );
}

/** The configurations after `ops`, in canonical form and sorted, or why they cannot be applied. */
export function applyConfigOps(current: Configs, ops: readonly ConfigOp[], bus: BusConfigs): Checked<Configs> {
  const next: Record<string, string> = { ...current };
  const touched = new Set<string>();
  for (const { key, op, value } of ops) {
    const row = topicRow(key);
    // What nobody has set is not there, whether its name is known or not.
    if (row === undefined && op === 'delete') continue;
    if (row === undefined) return { message: unknownTopicKey(key) };
    if (touched.has(key)) return { message: `"${key}" is named twice: give each configuration once` };
    touched.add(key);
    if (op === 'delete') {
      delete next[key];
      continue;
    }
    if (op !== 'set' && row.type !== 'list') return { message: `"${key}" is no list: use set instead of ${op}` };
    const parsed = parseValue(key, row, op === 'set' ? value : combineLists(op, resolveConfig(next, key, bus).value, value), bus);
    if (parsed.message !== undefined) return parsed;
    next[key] = parsed.ok;
  }
  const contradiction = findContradiction(next, bus);
  if (contradiction !== null) return { message: contradiction };
  return { ok: Object.fromEntries(Object.entries(next).sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/** The value that counts, and where it comes from. */
export function resolveConfig(configs: Configs, key: string, bus: BusConfigs): { value: string; source: ConfigEntry['source'] } {
  if (Object.hasOwn(configs, key)) return { value: configs[key], source: 'topic' };
  const row = topicRow(key) as ConfigRow;
  const set = row.bus === undefined ? undefined : bus.values.get(row.bus);
  if (set !== undefined) return { value: set, source: 'bus' };
  return { value: key === 'durability' && !bus.folder ? 'memory' : row.default, source: 'default' };
}

/** What a partition's log is told: every value resolved, times and sizes as numbers. */
export function toLogConfig(configs: Configs, bus: BusConfigs): LogConfig {
  const text = (key: TopicConfigKey): string => resolveConfig(configs, key, bus).value;
  // A long beyond 2^53 loses its last digits here; as a bound of time or size it still means "never".
  const number = (key: TopicConfigKey): number => Number(text(key));
  const policies = text('cleanup.policy').split(',');
  return {
    durability: text('durability') as Durability,
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    indexIntervalBytes: number('index.interval.bytes'),
    batchBytesMax: Math.min(number('max.message.bytes'), bus.batchBytesMax),
    logAppendTime: text('message.timestamp.type') === 'LogAppendTime',
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    cleanupDelete: policies.includes('delete'),
    cleanupCompact: policies.includes('compact'),
  };
}

/** Every configuration of a topic, in the table's order. */
export function describeConfigs(configs: Configs, bus: BusConfigs): ConfigEntry[] {
  return Object.entries<ConfigRow>(topicConfigs).map(([key, row]) => ({
    key,
    ...resolveConfig(configs, key, bus),
    type: row.type,
    readOnly: key === 'durability' && !bus.folder,
    documentation: row.effect === 'stored' ? `(Stored only.) ${row.documentation}` : row.documentation,
  }));
}

/** Every setting of the bus by its bus-level name: what topics have unless they say otherwise, and what is the bus's own. */
export function describeBusConfigs(bus: BusConfigs): ConfigEntry[] {
  return [...busKeys()].map((key) => {
    const row = busRow(key) as ConfigRow;
    const set = bus.values.get(key);
    const fallback = row === topicConfigs.durability && !bus.folder ? 'memory' : row.default;
    return {
      key,
      value: set ?? fallback,
      source: set === undefined ? 'default' : 'bus',
      type: row.type,
      // The bus is set up when it is opened.
      readOnly: true,
      documentation: row.documentation,
    };
  });
}

/** Where a value comes from that no topic sets, by topics' names and by the bus's. */
export function busSynonyms(bus: BusConfigs): Record<string, ConfigSynonym[]> {
  const places = new Map<string, ConfigSynonym[]>();
  for (const { key: name, value, source } of describeBusConfigs(bus)) {
    const row = busRow(name) as ConfigRow;
    const fallback = { name, value: row.default, source: 'default' } as const;
    places.set(name, source === 'bus' ? [{ name, value, source }, fallback] : [{ name, value, source: 'default' }]);
  }
  for (const [key, row] of Object.entries<ConfigRow>(topicConfigs))
    places.set(key, row.bus === undefined ? [] : (places.get(row.bus) as ConfigSynonym[]));
  return Object.fromEntries(places);
}

type ValueContext = Pick<BusConfigs, 'folder' | 'batchBytesMax'>;

function parseValue(key: string, row: ConfigRow, text: string, context: ValueContext): Checked<string> {
  if (typeof text !== 'string') return { message: `"${key}" must be given as text, not as ${text === null ? 'null' : typeof text}` };
  if (text.length > limits.configValueMax) {
    return { message: `"${key}" has a value of ${text.length} characters; at most ${limits.configValueMax} are kept` };
  }
  const parsed = parsers[row.type](key, row, text.trim());
  if (parsed.message !== undefined) return parsed;
  if (row === topicConfigs.durability && !context.folder && parsed.ok !== 'memory') {
    return { message: `"${key}" cannot be "${parsed.ok}" on a bus without a folder: open the bus with a folder, or use "memory"` };
  }
  if (row === topicConfigs['remote.storage.enable'] && parsed.ok === 'true')
    return { message: `"${key}" cannot be "true": there is no storage but the data folder` };
  if (row === topicConfigs['max.message.bytes'] && Number(parsed.ok) > context.batchBytesMax) {
    return {
      message: `"${key}" is ${parsed.ok}, but this bus can hold batches of at most ${context.batchBytesMax} bytes: lower it, or raise memoryBytesMax`,
    };
  }
  return parsed;
}

const parsers: Record<ConfigRow['type'], (key: string, row: ConfigRow, text: string) => Checked<string>> = {
  string: (key, row, text) => (allowed(row, text) ? { ok: text } : { message: notAllowed(key, row, text) }),
  boolean(key, _row, text) {
    const lower = text.toLowerCase();
    return lower === 'true' || lower === 'false' ? { ok: lower } : { message: `"${key}" must be "true" or "false", not "${shown(text)}"` };
  },
  int: parseInteger,
  long: parseInteger,
  double(key, row, text) {
    const value = text === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value)) return { message: `"${key}" must be a number, not "${shown(text)}"` };
    return inBounds(row, value) ? { ok: String(value) } : { message: outOfBounds(key, row, text) };
  },
  list(key, row, text) {
    const items = splitList(text);
    const wrong = items.find((item) => !allowed(row, item));
    if (wrong !== undefined) return { message: notAllowed(key, row, wrong) };
    if (new Set(items).size < items.length) return { message: `"${key}" names an item twice: "${shown(text)}"` };
    return { ok: items.join(',') };
  },
};

function parseInteger(key: string, row: ConfigRow, text: string): Checked<string> {
  if (!/^[+-]?\d{1,20}$/.test(text)) return { message: `"${key}" must be a whole number, not "${shown(text)}"` };
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return inBounds(row, value) ? { ok: String(value) } : { message: outOfBounds(key, row, text) };
}

function inBounds(row: ConfigRow, value: bigint | number): boolean {
  return (row.min === undefined || value >= row.min) && (row.max === undefined || value <= row.max);
}

function outOfBounds(key: string, row: ConfigRow, text: string): string {
  return `"${key}" is ${text}, but must lie between ${row.min} and ${row.max}`;
}

function allowed(row: ConfigRow, text: string): boolean {
  return row.oneOf === undefined || row.oneOf.includes(text);
}

function notAllowed(key: string, row: ConfigRow, text: string): string {
  return `"${key}" cannot be "${shown(text)}": use one of ${row.oneOf?.join(', ')}`;
}

function splitList(text: string): string[] {
  return text === '' ? [] : text.split(',').map((item) => item.trim());
}

function combineLists(op: 'append' | 'subtract', present: string, given: string): string {
  const items = splitList(present);
  const named = splitList(given);
  const kept =
    op === 'append' ? [...items, ...named.filter((item) => !items.includes(item))] : items.filter((item) => !named.includes(item));
  return kept.join(',');
}

/** Values that are right alone and wrong together. */
function findContradiction(configs: Configs, bus: BusConfigs): string | null {
  const least = BigInt(resolveConfig(configs, 'min.compaction.lag.ms', bus).value);
  const most = BigInt(resolveConfig(configs, 'max.compaction.lag.ms', bus).value);
  return least > most ? `"min.compaction.lag.ms" is ${least} and may not exceed "max.compaction.lag.ms", which is ${most}` : null;
}

function unknownTopicKey(key: string): string {
  const byBusName = [...topicKeys()].find((name) => topicRow(name)?.bus === key);
  if (byBusName !== undefined) return `"${shown(key)}" is a setting of the bus: on a topic use "${byBusName}"`;
  return `"${shown(key)}" is no topic configuration${suggest(key, topicKeys())}`;
}

function unknownBusKey(key: string): string {
  const row = topicRow(key);
  if (row?.bus !== undefined) return `"${shown(key)}" is a setting of a topic: for the whole bus use "${row.bus}"`;
  if (row !== undefined) return `"${shown(key)}" is a setting that topics alone have`;
  return `"${shown(key)}" is no setting of the bus${suggest(key, busKeys())}`;
}

function shown(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`;
}

/** Names the nearest one that exists, where one is near enough to be meant. */
function suggest(name: string, names: Iterable<string>): string {
  let best = '';
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of names) {
    const distance = editDistance(name.slice(0, 100), candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return bestDistance <= best.length / 3 ? `; did you mean "${best}"?` : ': docs/configuration.md lists what there is';
}

/** Insertions, deletions and replacements between two names. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[to.length];
}
