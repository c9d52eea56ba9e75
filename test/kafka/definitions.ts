/** Apache Kafka's message definitions, as its clients' jar carries them, in the words of our tables: what both sides are compared in. */
import { defaultOf, type Field, type Shape, ZERO_UUID } from '../../src/kafka/schema.ts';
import { kafkaJar } from '../interop/java.ts';
import { readZip } from '../interop/zip.ts';

interface TheirField {
  name: string;
  type: string;
  versions: string;
  nullableVersions?: string;
  taggedVersions?: string;
  tag?: number;
  default?: string | number | boolean;
  flexibleVersions?: string;
  fields?: TheirField[];
}

export interface TheirMessage {
  apiKey: number;
  name: string;
  validVersions: string;
  flexibleVersions: string;
  latestVersionUnstable?: boolean;
  commonStructs?: { name: string; fields: TheirField[] }[];
  fields: TheirField[];
}

/** One line per field: where it is, its type, its versions, those in which it may be null, its tag, its default. */
export type Fact = string;

type Range = readonly [number, number];

export function theirMessages(): Map<string, TheirMessage> {
  const messages = new Map<string, TheirMessage>();
  for (const [path, text] of readZip(kafkaJar('kafka-clients'), 'common/message/')) {
    if (!path.endsWith('.json')) continue;
    const bare = text.toString('utf8').replace(/^\s*\/\/.*$/gm, '');
    const message = JSON.parse(bare) as TheirMessage;
    messages.set(message.name, message);
  }
  return messages;
}

/** The versions that are spoken: a last one that is still in the making is not. */
export function theirVersions({ validVersions, latestVersionUnstable }: TheirMessage): Range {
  const [first, last] = rangeOf(validVersions) ?? [0, -1];
  return [first, latestVersionUnstable === true ? last - 1 : last];
}

/** The first version with tagged fields, null if there is none. */
export function theirFlexible({ flexibleVersions }: TheirMessage): number | null {
  return rangeOf(flexibleVersions)?.[0] ?? null;
}

export function theirFacts(message: TheirMessage, versions: Range): Fact[] {
  const common = new Map((message.commonStructs ?? []).map(({ name, fields }) => [name, fields]));
  const of = (fields: readonly TheirField[], path: string, within: Range): Fact[] =>
    fields.flatMap((field) => {
      const at = meet(rangeOf(field.versions), within);
      if (at === null) return [];
      const name = `${path}${field.name[0].toLowerCase()}${field.name.slice(1)}`;
      const item = field.type.replace('[]', '');
      const parts = field.fields ?? common.get(item);
      const type = field.type.replace(item, parts === undefined ? item : 'struct');
      const tag = meet(rangeOf(field.taggedVersions), at) === null ? null : (field.tag ?? null);
      const own = fact(name, type, at, meet(rangeOf(field.nullableVersions), at), tag, theirDefault(field, type));
      return [field.flexibleVersions === undefined ? own : `${own} flexible ${field.flexibleVersions}`, ...of(parts ?? [], `${name}.`, at)];
    });
  return of(message.fields, '', versions);
}

export function ourFacts(shape: Shape, versions: Range): Fact[] {
  const of = (fields: Shape, path: string, within: Range): Fact[] =>
    Object.entries(fields).flatMap(([key, field]) => {
      const { since = within[0], until = within[1], nullable, tag } = field.options;
      const at: Range = [since, until];
      if (since < within[0] || until > within[1] || since > until) return [`${path}${key} lies outside of ${within.join('-')}`];
      const item = field.items ?? field;
      const type = field.type === 'array' ? `[]${item.type}` : field.type;
      const nulls = nullable === undefined ? null : ([nullable === true ? since : nullable, until] as const);
      const own = fact(`${path}${key}`, type, at, nulls, tag ?? null, ourDefault(field));
      return [own, ...of(item.shape ?? {}, `${path}${key}.`, at)];
    });
  return of(shape, '', versions);
}

function fact(name: string, type: string, at: Range, nulls: Range | null, tag: number | null, standard: string): Fact {
  const words = [`${name}: ${type} in ${at.join('-')}`];
  if (nulls !== null) words.push(`null in ${nulls.join('-')}`);
  if (tag !== null) words.push(`tag ${tag}`);
  return [...words, `default ${standard}`].join(', ');
}

const zeros: Record<string, string> = { bool: 'false', string: '""', uuid: ZERO_UUID, bytes: 'empty', records: 'empty', struct: 'fields' };

function theirDefault({ default: standard }: TheirField, type: string): string {
  if (standard === undefined || standard === '') return type.startsWith('[]') ? 'empty' : (zeros[type] ?? '0');
  if (standard === 'null') return 'null';
  if (type === 'string') return JSON.stringify(standard);
  return type === 'bool' ? String(standard) : String(Number(standard));
}

function ourDefault(field: Field): string {
  if (field.type === 'struct' && field.options.default === undefined) return zeros.struct;
  const standard = defaultOf(field);
  if (standard === null) return 'null';
  if (typeof standard === 'object') return Object.keys(standard).length === 0 ? 'empty' : 'something';
  return field.type === 'string' ? JSON.stringify(standard) : String(standard);
}

/** '3', '3-5' or '3+'; null for 'none'. */
function rangeOf(text: string | undefined): Range | null {
  const [, first, , last] = /^(\d+)(\+|-(\d+))?$/.exec(text ?? '') ?? [];
  if (first === undefined) return null;
  return [Number(first), text?.endsWith('+') ? 32_767 : Number(last ?? first)];
}

function meet(a: Range | null, b: Range): Range | null {
  if (a === null) return null;
  const both: Range = [Math.max(a[0], b[0]), Math.min(a[1], b[1])];
  return both[0] <= both[1] ? both : null;
}
