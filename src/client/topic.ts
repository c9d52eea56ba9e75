/**
 * A topic's declaration: its name with the types of its keys, values and headers, the serdes that carry them, and, if wanted,
 * schemas that check them (Standard Schema v1: zod, valibot, arktype …). It is plain data and opens nothing; producers and
 * consumers take it wherever they take a topic's name, and `admin.createTopics` takes it as it is.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { BusError } from '../base/errors.ts';
import { checkTopicName } from '../coordinator/names.ts';
import type { Header } from '../record/batch-write.ts';
import { shown } from './check.ts';
import { decodeField, encodeField, type Field, invalidData, isSerde, noSerde, type Serde, serdes } from './serde.ts';
import { userCodeFailed } from './user-code.ts';

export type { Header } from '../record/batch-write.ts';

/** What a header may be given as when a topic declares none: text as UTF-8, bytes as they are, several under one key as a list. */
export type HeaderInput = string | Uint8Array | null | undefined;
export type HeadersInput = Readonly<Record<string, HeaderInput | readonly HeaderInput[]>> | readonly Header[];

/** The serdes of declared headers, by header key. */
export type HeaderSerdes = Readonly<Record<string, Serde<unknown>>>;

/** The types of declared headers. Any may be missing, unless a schema says that it is there. */
export type DeclaredHeaders<S> = { [N in keyof S]?: S[N] extends Serde<infer T> ? T | undefined : never };

/** What `send` takes as headers: the declared ones, else whatever headers may be. */
export type HeadersToSend<H> = H extends readonly Header[] ? HeadersInput : H;

/** When schemas are asked: before a record is sent (default), when one is read, on both ways. */
export type Validation = 'send' | 'receive' | 'both';

export interface TopicSchemas<K, V, H> {
  key?: StandardSchemaV1<unknown, K>;
  value?: StandardSchemaV1<unknown, V>;
  headers?: StandardSchemaV1<unknown, H>;
}

export interface TopicOptions<K, V, S extends HeaderSerdes, H> {
  /** Default: `serdes.textOrBytes`. */
  key?: Serde<K>;
  /** Default: `serdes.msgpack()`. */
  value?: Serde<V>;
  /** Serdes by header key. Default: headers are a list of `{ key, value: bytes }`, with their duplicates. */
  headers?: S;
  /** What a schema returns is what is sent, or handed to the consumer. Schemas are synchronous. */
  schema?: TopicSchemas<K, V, H>;
  /** Default: 'send'. */
  validate?: Validation;
  /** Partitions when the topic is created. Default: the bus's num.partitions. */
  partitions?: number;
  /** Kafka's topic configs, when the topic is created. */
  configs?: Readonly<Record<string, string>>;
}

export interface Topic<K = unknown, V = unknown, H = readonly Header[]> {
  readonly name: string;
  readonly key: Serde<K>;
  readonly value: Serde<V>;
  /** Null when the topic declares no headers. */
  readonly headers: HeaderSerdes | null;
  readonly schema: Readonly<TopicSchemas<K, V, H>>;
  readonly validate: Validation;
  readonly partitions?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

/** `TopicKey<typeof orders>` and its brothers name the types that a topic carries. */
export type TopicKey<T> = T extends Topic<infer K, infer _V, infer _H> ? K : never;
export type TopicValue<T> = T extends Topic<infer _K, infer V, infer _H> ? V : never;
export type TopicHeaders<T> = T extends Topic<infer _K, infer _V, infer H> ? H : never;

/**
 * Declares a topic. Types come from the serdes, from the schemas, or are named: `defineTopic<string, Order>('orders')`.
 * Throws BusError INVALID_TOPIC_EXCEPTION for a name that Kafka would refuse, INVALID_ARGUMENT for options of the wrong kind.
 */
export function defineTopic<
  K = string | Uint8Array,
  V = unknown,
  S extends HeaderSerdes = Record<never, never>,
  H = keyof S extends never ? readonly Header[] : DeclaredHeaders<S>,
>(name: string, options: TopicOptions<K, V, S, H> = {}): Topic<K, V, H> {
  const wrongName = checkTopicName(name);
  if (wrongName !== null) throw new BusError('INVALID_TOPIC_EXCEPTION', wrongName, { details: { topic: name } });
  const { key, value, headers, schema = {}, validate = 'send', partitions, configs } = options;
  checkSerde(name, 'key', key);
  checkSerde(name, 'value', value);
  for (const [header, serde] of Object.entries(headers ?? {})) checkSerde(name, `header "${header}"`, serde);
  checkSchema(name, 'key', schema.key);
  checkSchema(name, 'value', schema.value);
  checkSchema(name, 'headers', schema.headers);
  if (!['send', 'receive', 'both'].includes(validate)) {
    throw invalidArgument(name, `validate is 'send', 'receive' or 'both', not ${JSON.stringify(validate)}`);
  }
  return Object.freeze({
    name,
    key: key ?? (serdes.textOrBytes as Serde<unknown> as Serde<K>),
    value: value ?? serdes.msgpack<V>(),
    headers: headers ?? null,
    schema,
    validate,
    ...(partitions === undefined ? {} : { partitions }),
    ...(configs === undefined ? {} : { configs }),
  });
}

/** A topic that is known by name alone, with the serdes of the producer or consumer that speaks of it. */
export function plainTopic<K, V>(name: string, key: Serde<K>, value: Serde<V>): Topic<K, V> {
  return { name, key, value, headers: null, schema: {}, validate: 'send' };
}

/** A declaration, as `defineTopic` makes it. Throws BusError INVALID_ARGUMENT. */
export function checkTopic(topic: unknown): Topic<unknown, unknown, unknown> {
  const { name, key, value, schema } = (typeof topic === 'object' && topic !== null ? topic : {}) as Partial<Topic>;
  if (typeof name === 'string' && isSerde(key) && isSerde(value) && typeof schema === 'object')
    return topic as Topic<unknown, unknown, unknown>;
  throw new BusError('INVALID_ARGUMENT', `a topic is a name or what defineTopic() returns, not ${shown(topic)}`);
}

/** The bytes of a key as they are sent. Throws BusError INVALID_DATA. */
export function keyToSend<K>(topic: Topic<K, unknown, unknown>, key: K | null | undefined): Uint8Array | null {
  return encodeField(topic.key, checked(topic, 'key', topic.schema.key, key, 'receive'), topic.name, 'key');
}

/** The bytes of a value as they are sent. Throws BusError INVALID_DATA. */
export function valueToSend<V>(topic: Topic<unknown, V, unknown>, value: V | null | undefined): Uint8Array | null {
  return encodeField(topic.value, checked(topic, 'value', topic.schema.value, value, 'receive'), topic.name, 'value');
}

/** A key as it was read; null for null bytes. Throws BusError INVALID_DATA. */
export function keyReceived<K>(topic: Topic<K, unknown, unknown>, bytes: Buffer | null): K | null {
  return checked(topic, 'key', topic.schema.key, decodeField(topic.key, bytes, topic.name, 'key'), 'send') as K | null;
}

/** A value as it was read; null for null bytes. Throws BusError INVALID_DATA. */
export function valueReceived<V>(topic: Topic<unknown, V, unknown>, bytes: Buffer | null): V | null {
  return checked(topic, 'value', topic.schema.value, decodeField(topic.value, bytes, topic.name, 'value'), 'send') as V | null;
}

/** Headers as they are sent. A declared header that is null or undefined is left out. Throws BusError INVALID_DATA. */
export function headersToSend<H>(topic: Topic<unknown, unknown, H>, headers: HeadersToSend<H> | undefined): Header[] {
  if (topic.headers === null) return headers === undefined ? [] : plainHeaders(topic.name, headers as HeadersInput);
  const given = checkedHeaders(topic, headers ?? {}, 'receive') as Record<string, unknown>;
  if (typeof given !== 'object' || given === null) throw noHeaders(topic.name, given);
  const sent: Header[] = [];
  for (const key of Object.keys(given)) {
    const serde = Object.hasOwn(topic.headers, key) ? (topic.headers[key] as Serde<unknown>) : undefined;
    if (serde === undefined) {
      const known = Object.keys(topic.headers).join(', ');
      throw invalidData(topic.name, `header "${key}"`, `the topic declares no such header; it declares ${known}`);
    }
    const value = encodeField(serde, given[key], topic.name, `header "${key}"`);
    if (value !== null) sent.push({ key, value });
  }
  return sent;
}

/** Headers as they were read: the declared ones (the last of each key, as Kafka's lastHeader), else all as they came. */
export function headersReceived<H>(topic: Topic<unknown, unknown, H>, headers: readonly Header[]): H {
  if (topic.headers === null) return headers as H;
  const read: Record<string, unknown> = {};
  for (const { key, value } of headers) {
    if (value === null || !Object.hasOwn(topic.headers, key)) continue;
    read[key] = decodeField(topic.headers[key] as Serde<unknown>, value as Buffer, topic.name, `header "${key}"`);
  }
  return checkedHeaders(topic, read, 'send') as H;
}

function plainHeaders(topic: string, headers: HeadersInput): Header[] {
  if (Array.isArray(headers)) return (headers as readonly unknown[]).map((header) => plainHeaderOf(topic, header));
  if (typeof headers !== 'object' || headers === null) throw noHeaders(topic, headers);
  const list: Header[] = [];
  for (const [key, value] of Object.entries(headers as Record<string, HeaderInput | readonly HeaderInput[]>)) {
    if (Array.isArray(value)) for (const one of value) list.push(plainHeader(topic, key, one));
    else if (value !== undefined) list.push(plainHeader(topic, key, value as HeaderInput));
  }
  return list;
}

function plainHeaderOf(topic: string, header: unknown): Header {
  if (typeof header !== 'object' || header === null) throw noHeaders(topic, header);
  const { key, value } = header as { key?: unknown; value?: HeaderInput };
  return plainHeader(topic, key, value);
}

function noHeaders(topic: string, headers: unknown): BusError {
  return invalidData(topic, 'headers', `headers are an object or a list of { key, value }, not ${shown(headers)}`);
}

function plainHeader(topic: string, key: unknown, value: HeaderInput): Header {
  if (typeof key !== 'string') throw invalidData(topic, 'headers', `a header's key is a string, not ${shown(key)}`);
  if (!key.isWellFormed()) throw invalidData(topic, 'headers', 'a header’s key has a lone surrogate, which UTF-8 cannot carry');
  return { key, value: encodeField(serdes.textOrBytes, value, topic, `header "${key}"`) };
}

/** Null stays null: it is no value, so there is nothing to check. `unless` names the way on which the schema is not asked. */
function checked<T>(
  topic: Topic<unknown, unknown, unknown>,
  field: Field,
  schema: StandardSchemaV1<unknown, T> | undefined,
  value: T | null | undefined,
  unless: Validation,
): T | null | undefined {
  if (schema === undefined || value === null || value === undefined || topic.validate === unless) return value;
  return validated(topic.name, field, schema, value);
}

function checkedHeaders<H>(topic: Topic<unknown, unknown, H>, headers: unknown, unless: Validation): unknown {
  const schema = topic.schema.headers;
  return schema === undefined || topic.validate === unless ? headers : validated(topic.name, 'headers', schema, headers);
}

/** What the schema makes of `value`. */
function validated<T>(topic: string, field: Field | 'headers', schema: StandardSchemaV1<unknown, T>, value: unknown): T {
  const { vendor } = schema['~standard'];
  let result: StandardSchemaV1.Result<T> | Promise<StandardSchemaV1.Result<T>>;
  try {
    result = schema['~standard'].validate(value);
  } catch (cause) {
    throw userCodeFailed(`the schema (${vendor}) of ${field} of topic "${topic}"`, cause);
  }
  if (result instanceof Promise) {
    result.catch(() => {});
    const advice = 'sending is synchronous, so check before you send, or use a synchronous schema';
    throw invalidArgument(topic, `the schema (${vendor}) of ${field} validates asynchronously; ${advice}`);
  }
  if (typeof result !== 'object' || result === null || !(result.issues === undefined || Array.isArray(result.issues))) {
    throw invalidArgument(
      topic,
      `the schema (${vendor}) of ${field} returned ${shown(result)}; a Standard Schema returns { value } or { issues }`,
    );
  }
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, 5).map(({ path, message }) => `${pathOf(path)}${message}`);
  throw invalidData(topic, field, `the schema (${vendor}) refuses it: ${issues.join('; ')}`, result.issues);
}

/** `[{key: 'lines'}, 0, 'sku']` → `lines.0.sku: `. */
function pathOf(path: StandardSchemaV1.Issue['path']): string {
  if (path === undefined || path.length === 0) return '';
  return `${path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.')}: `;
}

function checkSerde(topic: string, field: string, serde: Serde<unknown> | undefined): void {
  if (serde !== undefined && !isSerde(serde)) throw invalidArgument(topic, `the serde of ${field} ${noSerde}`);
}

function checkSchema(topic: string, field: string, schema: StandardSchemaV1<unknown, unknown> | undefined): void {
  if (schema === undefined || typeof schema['~standard']?.validate === 'function') return;
  throw invalidArgument(topic, `the schema of ${field} is not a Standard Schema: it has no ['~standard'].validate`);
}

function invalidArgument(topic: string, what: string): BusError {
  return new BusError('INVALID_ARGUMENT', `Topic "${topic}": ${what}.`, { details: { topic } });
}
