/**
 * Makes a reader of messages from a table, for one version: a closure per field, called in order. A version's reader is made on first
 * use and kept.
 */
import { assert } from '../base/assert.ts';
import { Malformed, type Reader } from './reader.ts';
import { type Api, type Decoded, defaultsOf, type Field, hasField, isFlexible, isNullable, type Shape } from './schema.ts';

type Read = (reader: Reader) => unknown;
type Values = Record<string, unknown>;

const made = new WeakMap<Shape, Read[]>();

export function readRequest<Q extends Shape>(api: Api<Q>, version: number, reader: Reader): Decoded<Q> {
  return readMessage(api, api.request, version, reader);
}

export function readResponse<P extends Shape>(api: Api<Shape, P>, version: number, reader: Reader): Decoded<P> {
  return readMessage(api, api.response, version, reader);
}

function readMessage<S extends Shape>(api: Api, shape: S, version: number, reader: Reader): Decoded<S> {
  const ofVersions = made.get(shape) ?? [];
  if (ofVersions.length === 0) made.set(shape, ofVersions);
  ofVersions[version] ??= structReader(shape, version, isFlexible(api, version));
  return ofVersions[version](reader) as Decoded<S>;
}

export function structReader(shape: Shape, version: number, flexible: boolean): Read {
  const defaults = defaultsOf(shape);
  const names: string[] = [];
  const reads: Read[] = [];
  const tagged: { name: string; read: Read }[] = [];
  for (const [name, field] of Object.entries(shape)) {
    if (!hasField(field, version)) continue;
    const read = fieldReader(name, field, version, flexible);
    if (field.options.tag === undefined) {
      names.push(name);
      reads.push(read);
    } else tagged[field.options.tag] = { name, read };
  }
  return (reader) => {
    const values: Values = { ...defaults };
    for (let i = 0; i < names.length; i++) values[names[i]] = reads[i](reader);
    if (flexible) readTagged(reader, tagged, values);
    return values;
  };
}

/** Known tags are read, others skipped. */
function readTagged(reader: Reader, tagged: readonly { name: string; read: Read }[], values: Values): void {
  for (let left = reader.tagCount(); left > 0; left--) {
    const tag = reader.uvarint();
    const size = reader.uvarint();
    const known = tagged[tag];
    const end = reader.position + size;
    if (known === undefined) reader.skip(size);
    else values[known.name] = known.read(reader);
    if (reader.position !== end) throw new Malformed('tagged-field-size', `tagged field ${tag} is not as long as it says`);
  }
}

function fieldReader(name: string, field: Field, version: number, flexible: boolean): Read {
  const read = bareReader(field, version, flexible);
  if (isNullable(field, version)) return read;
  switch (field.type) {
    case 'string':
    case 'bytes':
    case 'records':
    case 'array':
      return (reader) => {
        const value = read(reader);
        if (value === null) throw new Malformed('null-where-none-may-be', `${name} is null`);
        return value;
      };
    default:
      return read;
  }
}

function bareReader(field: Field, version: number, flexible: boolean): Read {
  switch (field.type) {
    case 'bool':
      return (reader) => reader.bool();
    case 'int8':
      return (reader) => reader.int8();
    case 'int16':
      return (reader) => reader.int16();
    case 'uint16':
      return (reader) => reader.uint16();
    case 'int32':
      return (reader) => reader.int32();
    case 'int64':
      return (reader) => reader.int64();
    case 'float64':
      return (reader) => reader.float64();
    case 'uuid':
      return (reader) => reader.uuid();
    case 'string':
      return (reader) => reader.string(flexible);
    case 'bytes':
    case 'records':
      return (reader) => reader.bytes(flexible);
    case 'struct': {
      assert(field.shape !== null, 'a struct has a shape');
      const read = structReader(field.shape, version, flexible);
      // One byte in front tells a null struct from one that is there.
      return isNullable(field, version) ? (reader) => (reader.int8() < 0 ? null : read(reader)) : read;
    }
    case 'array':
      return arrayReader(field, version, flexible);
  }
}

function arrayReader({ items }: Field, version: number, flexible: boolean): Read {
  assert(items !== null, 'an array has items');
  const read = fieldReader('an item', items, version, flexible);
  const itemBytesMin = bytesMin(items, version, flexible);
  return (reader) => {
    const count = reader.count(flexible, itemBytesMin);
    if (count === -1) return null;
    const list = new Array<unknown>(count);
    for (let i = 0; i < count; i++) list[i] = read(reader);
    return list;
  };
}

const sizes = { bool: 1, int8: 1, int16: 2, uint16: 2, int32: 4, int64: 8, float64: 8, uuid: 16 } as const;

/** The fewest bytes that a field can take: what an array's count is held against. */
function bytesMin(field: Field, version: number, flexible: boolean): number {
  if (field.options.tag !== undefined || !hasField(field, version)) return 0;
  switch (field.type) {
    case 'string':
      return flexible ? 1 : 2;
    case 'bytes':
    case 'records':
    case 'array':
      return flexible ? 1 : 4;
    case 'struct': {
      if (isNullable(field, version)) return 1;
      const fields = Object.values(field.shape ?? {}).map((one) => bytesMin(one, version, flexible));
      return fields.reduce((sum, bytes) => sum + bytes, flexible ? 1 : 0);
    }
    default:
      return sizes[field.type];
  }
}
