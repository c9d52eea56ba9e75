/**
 * How a key, a value or a header becomes bytes and comes back. A serde never sees null: null and undefined are null bytes on
 * both ways (a null value is Kafka's tombstone). A serde throws what it likes; `encodeField` and `decodeField` turn that into a
 * BusError that names the topic and the field.
 */
import { isUtf8 } from 'node:buffer';
import { Packr } from 'msgpackr';
import { BusError } from '../base/errors.ts';
import { reasonOf } from './user-code.ts';

export interface Serde<T> {
  /** Shown in messages: `value of topic "orders": json cannot …`. */
  readonly name: string;
  /** Bytes that stay as they are until the call that asked for them has returned; null means null bytes. */
  serialize(value: T): Uint8Array | null;
  /** `bytes` is a view that the value may keep. */
  deserialize(bytes: Buffer): T;
}

/** The types that a serde reads and writes: `TypeOf<typeof serdes.string>` is string. */
export type TypeOf<S> = S extends Serde<infer T> ? T : never;

/**
 * MessagePack without extensions of records, so that any library reads it. Objects, arrays, strings, numbers, booleans, Date,
 * Uint8Array and bigint (64 bits) come back as they went. An integer of 64 bits from elsewhere is read as a bigint.
 */
// Buffers within a value are copied: a view would keep a whole fetch answer alive. Packr's own buffer moves on with each call
// and is not written again where an earlier result lies.
const packr = new Packr({ useRecords: false, copyBuffers: true, variableMapSize: true });

function msgpackSerde<T>(): Serde<T> {
  return {
    name: 'msgpack',
    serialize(value) {
      // Packr has no word for it, and would make undefined of it.
      if (typeof value === 'function') throw new TypeError('MessagePack has no function');
      return packr.pack(value);
    },
    deserialize: (bytes) => packr.unpack(bytes) as T,
  };
}

/** JSON text. A value that JSON has no text for (undefined, a function, a bigint, a cycle) is refused. */
function jsonSerde<T>(): Serde<T> {
  return {
    name: 'json',
    serialize(value) {
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new TypeError(`JSON has no text for a ${typeof value}`);
      return Buffer.from(text, 'utf8');
    },
    deserialize: (bytes) => JSON.parse(utf8Of(bytes)) as T,
  };
}

/** UTF-8, refused rather than altered: no lone surrogates one way, no malformed bytes the other. */
const stringSerde: Serde<string> = {
  name: 'string',
  serialize(value) {
    if (typeof value !== 'string') throw new TypeError(`expected a string, got ${kindOf(value)}`);
    if (!value.isWellFormed()) throw new TypeError('the string has a lone surrogate, which UTF-8 cannot carry');
    return Buffer.from(value, 'utf8');
  },
  deserialize: utf8Of,
};

/** Bytes as they are: a Uint8Array in, a Buffer view out. */
const rawSerde: Serde<Uint8Array> & { deserialize(bytes: Buffer): Buffer } = {
  name: 'raw',
  serialize(value) {
    if (!(value instanceof Uint8Array)) throw new TypeError(`expected a Uint8Array, got ${kindOf(value)}`);
    return value;
  },
  deserialize: (bytes) => bytes,
};

/** What keys are unless a topic says otherwise: text as UTF-8, bytes as they are; read as text when the bytes are UTF-8. */
const textOrBytesSerde: Serde<string | Uint8Array> = {
  name: 'text or bytes',
  serialize(value) {
    if (typeof value === 'string') return stringSerde.serialize(value);
    if (value instanceof Uint8Array) return value;
    throw new TypeError(`expected a string or a Uint8Array, got ${kindOf(value)}; declare a serde for other types`);
  },
  deserialize: (bytes) => (isUtf8(bytes) ? bytes.toString('utf8') : bytes),
};

/** Four bytes, big-endian (Kafka: IntegerSerializer). */
const int32Serde: Serde<number> = {
  name: 'int32',
  serialize(value) {
    if (!Number.isInteger(value) || value !== (value | 0)) throw new RangeError(`expected an integer of 32 bits, got ${kindOf(value)}`);
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeInt32BE(value);
    return bytes;
  },
  deserialize: (bytes) => sized(bytes, 4).readInt32BE(),
};

/** Eight bytes, big-endian (Kafka: LongSerializer). */
const int64Serde: Serde<bigint> = {
  name: 'int64',
  serialize(value) {
    if (typeof value !== 'bigint') throw new TypeError(`expected a bigint, got ${kindOf(value)}`);
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64BE(value);
    return bytes;
  },
  deserialize: (bytes) => sized(bytes, 8).readBigInt64BE(),
};

/** Eight bytes, big-endian IEEE 754 (Kafka: DoubleSerializer). */
const doubleSerde: Serde<number> = {
  name: 'double',
  serialize(value) {
    if (typeof value !== 'number') throw new TypeError(`expected a number, got ${kindOf(value)}`);
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeDoubleBE(value);
    return bytes;
  },
  deserialize: (bytes) => sized(bytes, 8).readDoubleBE(),
};

const anyMsgpack = msgpackSerde<unknown>();
const anyJson = jsonSerde<unknown>();

/** The built-in serdes. Those of structured data are functions, to carry the type: `serdes.json<Order>()`. */
export const serdes = {
  msgpack: <T = unknown>(): Serde<T> => anyMsgpack as Serde<T>,
  json: <T = unknown>(): Serde<T> => anyJson as Serde<T>,
  string: stringSerde,
  raw: rawSerde,
  textOrBytes: textOrBytesSerde,
  int32: int32Serde,
  int64: int64Serde,
  double: doubleSerde,
} as const;

/** Whether something can serialize and deserialize. */
export function isSerde(serde: unknown): serde is Serde<unknown> {
  if (typeof serde !== 'object' || serde === null || !('serialize' in serde) || !('deserialize' in serde)) return false;
  return typeof serde.serialize === 'function' && typeof serde.deserialize === 'function';
}

/** What is wrong with it when it is none. `serdes.json` without its call is the likely slip. */
export const noSerde = 'has no serialize and deserialize; the built-in ones are serdes.json(), serdes.string …';

/** The serde of an option. Throws BusError INVALID_ARGUMENT. */
function checkSerde(option: string, serde: unknown): void {
  if (!isSerde(serde)) throw new BusError('INVALID_ARGUMENT', `the serde of ${option} ${noSerde}`, { details: { option } });
}

const serdeOf = (what: 'keys' | 'values', defaultText: string) =>
  ({ kind: 'other', type: 'Serde', defaultText, check: checkSerde, documentation: `Serde of ${what}, for topics given by name.` }) as const;

/** The rows of serdes in the tables of options: keys as who writes and as who reads takes them by default, and values. */
export const serdeOptions = {
  keyWritten: serdeOf('keys', 'text as UTF-8, bytes as they are'),
  keyRead: serdeOf('keys', 'text when the bytes are UTF-8, else bytes'),
  value: serdeOf('values', 'msgpack'),
} as const;

/** Where bytes belong, for messages: the topic and the field within its records. */
export type Field = 'key' | 'value' | `header "${string}"`;

/** Bytes of one field; null for null and undefined. Throws BusError INVALID_DATA. */
export function encodeField<T>(serde: Serde<T>, value: T | null | undefined, topic: string, field: Field): Uint8Array | null {
  if (value === null || value === undefined) return null;
  let bytes: Uint8Array | null;
  try {
    bytes = serde.serialize(value);
  } catch (cause) {
    throw invalidData(topic, field, `${serde.name} cannot serialize it: ${reasonOf(cause)}`, cause);
  }
  if (bytes === null || bytes instanceof Uint8Array) return bytes;
  refusePromise(bytes, serde.name, topic, field);
  throw invalidData(topic, field, `the serde "${serde.name}" returned ${kindOf(bytes)} where a Uint8Array or null was due`);
}

/** The value of one field; null for null bytes. Throws BusError INVALID_DATA. */
export function decodeField<T>(serde: Serde<T>, bytes: Buffer | null, topic: string, field: Field): T | null {
  if (bytes === null) return null;
  let value: T;
  try {
    value = serde.deserialize(bytes);
  } catch (cause) {
    throw invalidData(topic, field, `${serde.name} cannot read its ${bytes.length} bytes: ${reasonOf(cause)}`, cause);
  }
  refusePromise(value, serde.name, topic, field);
  return value;
}

/** Whatever becomes of the promise, nobody waits for it. */
function refusePromise(result: unknown, serde: string, topic: string, field: Field): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => {});
  throw invalidData(topic, field, `the serde "${serde}" returned a promise; serdes are synchronous`);
}

/** A refusal of data: what was wrong with which field of which topic. */
export function invalidData(topic: string, field: Field | 'headers', what: string, cause?: unknown): BusError {
  return new BusError('INVALID_DATA', `${field} of topic "${topic}": ${what}`, { cause, details: { topic, field } });
}

function utf8Of(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new TypeError('the bytes are not UTF-8');
  return bytes.toString('utf8');
}

function sized(bytes: Buffer, count: number): Buffer {
  if (bytes.length !== count) throw new RangeError(`expected ${count} bytes`);
  return bytes;
}

/** A short name of a value of the wrong kind. */
function kindOf(value: unknown): string {
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : `a ${typeof value}`;
  return `an instance of ${(value as object).constructor?.name ?? 'Object'}`;
}
