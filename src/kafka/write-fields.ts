/**
 * Makes a writer of messages from a table, for one version. What a version lacks is left out; a field that is not said, or undefined,
 * is written as its default. A null where a version knows none is written as empty.
 */
import { assert } from '../base/assert.ts';
import { type Api, defaultOf, type Encodable, type Field, hasField, isFlexible, isNullable, type Shape, ZERO_UUID } from './schema.ts';
import { Writer } from './writer.ts';

type Write = (writer: Writer, value: unknown) => void;
type Values = Readonly<Record<string, unknown>>;

interface NamedWrite {
  name: string;
  fallback: unknown;
  write: Write;
}
interface TaggedWrite extends NamedWrite {
  tag: number;
  field: Field;
}

const made = new WeakMap<Shape, Write[]>();

export function writeRequest<Q extends Shape>(api: Api<Q>, version: number, writer: Writer, message: Encodable<Q>): void {
  writeMessage(api, api.request, version, writer, message);
}

export function writeResponse<P extends Shape>(api: Api<Shape, P>, version: number, writer: Writer, message: Encodable<P>): void {
  writeMessage(api, api.response, version, writer, message);
}

function writeMessage(api: Api, shape: Shape, version: number, writer: Writer, message: unknown): void {
  const ofVersions = made.get(shape) ?? [];
  if (ofVersions.length === 0) made.set(shape, ofVersions);
  ofVersions[version] ??= structWriter(shape, version, isFlexible(api, version));
  ofVersions[version](writer, message);
}

export function structWriter(shape: Shape, version: number, flexible: boolean): Write {
  const fields: NamedWrite[] = [];
  const tagged: TaggedWrite[] = [];
  for (const [name, field] of Object.entries(shape)) {
    if (!hasField(field, version)) continue;
    const write = fieldWriter(field, version, flexible);
    const fallback = defaultOf(field);
    if (field.options.tag === undefined) fields.push({ name, fallback, write });
    else tagged.push({ name, fallback, write, tag: field.options.tag, field });
  }
  tagged.sort((a, b) => a.tag - b.tag);
  return (writer, message) => {
    const values = message as Values;
    for (let i = 0; i < fields.length; i++) {
      const { name, fallback, write } = fields[i];
      const value = values[name];
      write(writer, value === undefined ? fallback : value);
    }
    if (flexible) writeTagged(writer, tagged, values);
  };
}

/** Only those that differ from their default. They are rare, so each is written aside first, for its size. */
function writeTagged(writer: Writer, tagged: readonly TaggedWrite[], values: Values): void {
  let count = 0;
  for (const one of tagged) if (isGiven(one, values)) count++;
  writer.uvarint(count);
  if (count === 0) return;
  for (const one of tagged) {
    if (!isGiven(one, values)) continue;
    const { name, tag, write } = one;
    const aside = new Writer(ASIDE_BYTES);
    write(aside, values[name]);
    writer.uvarint(tag);
    writer.uvarint(aside.length);
    for (const piece of aside.take()) writer.raw(piece);
  }
}

function isGiven({ name, field }: TaggedWrite, values: Values): boolean {
  return values[name] !== undefined && !isDefault(field, values[name]);
}

function isDefault(field: Field, value: unknown): boolean {
  const standard = defaultOf(field);
  if (value === null || standard === null) return value === standard;
  switch (field.type) {
    case 'struct':
      return Object.entries(field.shape ?? {}).every(([name, one]) => {
        const part = (value as Values)[name];
        return part === undefined || isDefault(one, part);
      });
    case 'array':
      return (value as readonly unknown[]).length === 0;
    case 'bytes':
    case 'records':
      return (value as Uint8Array).length === 0;
    default:
      return value === standard;
  }
}

function fieldWriter(field: Field, version: number, flexible: boolean): Write {
  const nullable = isNullable(field, version);
  switch (field.type) {
    case 'bool':
      return (writer, value) => writer.bool(value as boolean);
    case 'int8':
      return (writer, value) => writer.int8(value as number);
    case 'int16':
      return (writer, value) => writer.int16(value as number);
    case 'uint16':
      return (writer, value) => writer.uint16(value as number);
    case 'int32':
      return (writer, value) => writer.int32(value as number);
    case 'int64':
      return (writer, value) => writer.int64(value as number);
    case 'float64':
      return (writer, value) => writer.float64(value as number);
    case 'uuid':
      return (writer, value) => writer.uuid((value as string | null) ?? ZERO_UUID);
    case 'string':
      return (writer, value) => writer.string((value as string | null) ?? (nullable ? null : ''), flexible);
    case 'bytes':
    case 'records':
      return (writer, value) => writer.bytes((value as Uint8Array | null) ?? (nullable ? null : EMPTY_BYTES), flexible);
    case 'struct':
      return nullable ? nullableWriter(field, version, flexible) : plainWriter(field, version, flexible);
    case 'array':
      return arrayWriter(field, version, flexible, nullable);
  }
}

function plainWriter({ shape }: Field, version: number, flexible: boolean): Write {
  assert(shape !== null, 'a struct has a shape');
  return structWriter(shape, version, flexible);
}

function nullableWriter(field: Field, version: number, flexible: boolean): Write {
  const write = plainWriter(field, version, flexible);
  return (writer, value) => {
    writer.int8(value === null ? -1 : 1);
    if (value !== null) write(writer, value);
  };
}

function arrayWriter({ items }: Field, version: number, flexible: boolean, nullable: boolean): Write {
  assert(items !== null, 'an array has items');
  const write = fieldWriter(items, version, flexible);
  return (writer, value) => {
    const list = value as readonly unknown[] | null;
    if (list === null) return writer.writeLength(nullable ? -1 : 0, flexible, false);
    writer.writeLength(list.length, flexible, false);
    for (let i = 0; i < list.length; i++) write(writer, list[i]);
  };
}

const EMPTY_BYTES = new Uint8Array(0);
/** Tagged fields are a leader's id, or a host's name. */
const ASIDE_BYTES = 128;
