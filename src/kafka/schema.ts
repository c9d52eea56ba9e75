/**
 * The notation of Kafka's messages: one table per API says which fields a version has and how each is encoded. Types, codecs
 * (read-fields.ts, write-fields.ts), the ApiVersions row and docs/protocol.md derive from it. A table holds facts, never behaviour.
 *
 *   name: string({ until: 12 })                a field that versions up to 12 have
 *   topicId: uuid({ since: 13 })               one that is there from version 13 on
 *   rack: string({ nullable: true, default: null })
 *   metadata: bytes({ nullable: 3 })           may be null from version 3 on
 *   cluster: string({ tag: 0, since: 12 })     sent among the tagged fields (KIP-482), and only when it is not the default
 *   parts: array(struct({ … }))                structs nest; `array(int32())` is a list of numbers
 *
 * A field that a version lacks reads as its default: that of the table, else 0, '', false, an empty list, zeros for a uuid.
 */
import { assert } from '../base/assert.ts';

export type Primitive =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  /** As a number: exact within ±(2^53 − 1), rounded beyond. */
  | 'int64'
  | 'float64'
  | 'string'
  /** 32 hexadecimal digits. */
  | 'uuid'
  | 'bytes'
  /** Record batches: read as a view of the frame, written without a copy. */
  | 'records';

export interface FieldOptions {
  /** The first version that has the field; without it, all that are spoken. */
  readonly since?: number;
  /** The last version that has it. */
  readonly until?: number;
  /** Null is a value of its own: always, or from a version on. */
  readonly nullable?: true | number;
  readonly default?: unknown;
  /** The field's number among the tagged ones. */
  readonly tag?: number;
}

/** R: what reading gives. W: what writing takes. Neither exists at run time. */
export interface Field<R = unknown, W = unknown, O extends FieldOptions = FieldOptions> {
  readonly type: Primitive | 'struct' | 'array';
  readonly options: O;
  /** Of a struct. */
  readonly shape: Shape | null;
  /** Of an array. */
  readonly items: Field | null;
  readonly phantom?: [R, W];
}

export type Shape = Readonly<Record<string, Field>>;

type OrNull<T, O> = O extends { readonly nullable: true | number } ? T | null : T;
type ReadOf<F> = F extends Field<infer R, unknown, infer O> ? OrNull<R, O> : never;
type WriteOf<F> = F extends Field<unknown, infer W, infer O> ? OrNull<W, O> : never;
/** What need not be said when a message is written. */
type IsOptional<F> =
  F extends Field<unknown, unknown, infer O> ? (O extends { readonly default: unknown } | { readonly tag: number } ? true : false) : never;

/** A message as it was read: every field is there. */
export type Decoded<S extends Shape> = { [K in keyof S]: ReadOf<S[K]> };
/** A message to be written: fields with a default in the table may be left out. */
export type Encodable<S extends Shape> = { [K in keyof S as IsOptional<S[K]> extends true ? never : K]: WriteOf<S[K]> } & {
  [K in keyof S as IsOptional<S[K]> extends true ? K : never]?: WriteOf<S[K]> | undefined;
};

type None = Readonly<Record<never, never>>;

function primitive<T>(type: Primitive): <const O extends FieldOptions = None>(options?: O) => Field<T, T, O> {
  return <const O extends FieldOptions = None>(options?: O) => makeField<T, T, O>(type, options ?? ({} as O), null, null);
}

function makeField<R, W, O extends FieldOptions>(
  type: Field['type'],
  options: O,
  shape: Shape | null,
  items: Field | null,
): Field<R, W, O> {
  assert(options.tag === undefined || options.until === undefined, 'a tagged field stays');
  return { type, options, shape, items };
}

export const bool = primitive<boolean>('bool');
export const int8 = primitive<number>('int8');
export const int16 = primitive<number>('int16');
export const uint16 = primitive<number>('uint16');
export const int32 = primitive<number>('int32');
export const int64 = primitive<number>('int64');
export const float64 = primitive<number>('float64');
export const string = primitive<string>('string');
export const uuid = primitive<string>('uuid');
export const bytes = primitive<Uint8Array>('bytes');
export const records = primitive<Uint8Array>('records');

export function struct<S extends Shape, const O extends FieldOptions = None>(shape: S, options?: O): Field<Decoded<S>, Encodable<S>, O> {
  return makeField('struct', options ?? ({} as O), shape, null);
}

export function array<F extends Field, const O extends FieldOptions = None>(
  items: F,
  options?: O,
): Field<readonly ReadOf<F>[], readonly WriteOf<F>[], O> {
  return makeField('array', options ?? ({} as O), null, items);
}

export const ZERO_UUID = '0'.repeat(32);
/** What the largest int64 reads as: the nearest number. */
export const INT64_MAX = 2 ** 63;

export interface Api<Q extends Shape = Shape, P extends Shape = Shape> {
  /** Kafka's number of the API. */
  readonly key: number;
  readonly name: string;
  /** The versions that are spoken, first and last. */
  readonly versions: readonly [number, number];
  /** The first version with compact lengths and tagged fields; null: none has. */
  readonly flexible: number | null;
  readonly request: Q;
  readonly response: P;
}

export function api<Q extends Shape, P extends Shape>(card: Api<Q, P>): Api<Q, P> {
  const [first, last] = card.versions;
  assert(first >= 0 && first <= last, 'versions are a range');
  return card;
}

export type RequestOf<A> = A extends Api<infer Q, Shape> ? Decoded<Q> : never;
export type ResponseOf<A> = A extends Api<Shape, infer P> ? Encodable<P> : never;

/** The same from the other end: what one who asks writes, and reads. */
export type OutgoingRequestOf<A> = A extends Api<infer Q, Shape> ? Encodable<Q> : never;
export type IncomingResponseOf<A> = A extends Api<Shape, infer P> ? Decoded<P> : never;

export function isFlexible({ flexible }: Api, version: number): boolean {
  return flexible !== null && version >= flexible;
}

export function hasField({ options: { since = 0, until = 32_767 } }: Field, version: number): boolean {
  return version >= since && version <= until;
}

export function isNullable({ options: { nullable } }: Field, version: number): boolean {
  return nullable === true || (nullable !== undefined && version >= nullable);
}

const EMPTY_BYTES = new Uint8Array(0);
const EMPTY_LIST: readonly never[] = Object.freeze([]);

/** What a field holds when a version lacks it, or nobody sent it. */
export function defaultOf(field: Field): unknown {
  if (field.options.default !== undefined) return field.options.default;
  switch (field.type) {
    case 'bool':
      return false;
    case 'string':
      return '';
    case 'uuid':
      return ZERO_UUID;
    case 'bytes':
    case 'records':
      return EMPTY_BYTES;
    case 'array':
      return EMPTY_LIST;
    case 'struct':
      return defaultsOf(field.shape ?? {});
    default:
      return 0;
  }
}

export function defaultsOf(shape: Shape): Record<string, unknown> {
  return Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, defaultOf(field)]));
}
