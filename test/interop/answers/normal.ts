/**
 * An answer as it is compared: what every broker makes up for itself (ids, ports, times, sizes of its disk) is told by its kind, the words
 * of a message only by whether there are any, and a field that holds its default is left out.
 */
import { defaultOf, type Field, type Shape } from '../../../src/kafka/schema.ts';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Longer lists of configs are those of a whole topic or broker; which there are differs by what each can do. */
const CONFIGS_SHOWN = 20;
/** A number above it is a time of today. */
const TIME_MS_MIN = 1e12;

/** Names for the ids that a case knows: of its topics, its members, its sessions. */
export type Names = ReadonlyMap<string, string>;

export function normalOf(shape: Shape, answer: unknown, names: Names): Json {
  const row: { [name: string]: Json } = {};
  for (const [name, field] of Object.entries(shape)) {
    const value = (answer as Record<string, unknown>)[name];
    if (isDefault(field, value)) continue;
    row[name] = byName(name, value, names) ?? normalValue(field, value, names);
  }
  return row;
}

function isDefault(field: Field, value: unknown): boolean {
  return value === undefined || JSON.stringify(value) === JSON.stringify(defaultOf(field));
}

/** What its name tells it to be; undefined: nothing of that kind. */
function byName(name: string, value: unknown, names: Names): Json | undefined {
  if (typeof value === 'string') {
    if (/message$/i.test(name)) return value === '' ? '' : 'a message';
    if (name === 'logDir' || name === 'clusterId') return `a ${name}`;
    if (/^(memberId|leader)$/.test(name)) return names.get(value) ?? (value === '' ? '' : 'a member');
    if (name === 'documentation') return 'words';
  }
  if (typeof value === 'number') {
    if (name === 'port' && value > 0) return 'a port';
    if (/^(totalBytes|usableBytes)$/.test(name) && value > 0) return 'bytes';
    if (/^producerId$/.test(name) && value >= 0) return 'a producer';
    if (name === 'sessionId' && value !== 0) return 'a session';
    if (value > TIME_MS_MIN && value < 4 * TIME_MS_MIN) return 'a time';
  }
  if (name === 'configs' && Array.isArray(value) && value.length > CONFIGS_SHOWN) return 'configs';
  return undefined;
}

function normalValue(field: Field, value: unknown, names: Names): Json {
  if (value === null) return null;
  if (Array.isArray(value)) return listOf(field, value, names);
  if (field.shape !== null) return normalOf(field.shape, value, names);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (field.type === 'uuid') return names.get(String(value)) ?? 'an id';
  return value as Json;
}

/** Brokers gather rows in maps: their order says nothing, so rows are put in the order of what they are about. */
function listOf({ items }: Field, values: readonly unknown[], names: Names): Json[] {
  if (items === null) return [];
  const rows = values.map((value) => normalValue(items, value, names));
  return items.shape === null ? rows : rows.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
}

function keyOf(row: Json): string {
  if (row === null || typeof row !== 'object' || Array.isArray(row)) return '';
  const { name, topic, topicName, topicId, groupId, key, resourceName, memberId, partitionIndex, partition, index, partitionId, entity } =
    row;
  const number = String(partitionIndex ?? partition ?? index ?? partitionId ?? '').padStart(6, '0');
  return JSON.stringify([name ?? topic ?? topicName ?? topicId ?? groupId ?? key ?? resourceName ?? memberId ?? entity ?? '', number]);
}
