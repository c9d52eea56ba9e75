/** Items become records: what the key is, and whether the value is stored as it stands or in another encoding. */
import { serdes } from '../../client/serde.ts';
import { InputError, UsageError } from '../exit.ts';
import { type FrameForm, plainFrames, readFrames } from '../frames.ts';
import { parseTime, type Zone } from '../times.ts';
import { readCsv } from './csv.ts';
import { type Item, type ItemReader, readLines } from './items.ts';
import { readJsonArray } from './json-array.ts';

export const inputFormats = ['text', 'ndjson', 'json', 'csv', 'length-prefixed'] as const;
export type InputFormat = (typeof inputFormats)[number];

export interface InputOptions {
  format: InputFormat;
  /** Field of a JSON value that is the key: `origin`, `customer.id`. */
  keyField?: string | undefined;
  /** In text: what stands between key and value. */
  keySeparator?: string | undefined;
  /** In CSV: what stands between fields. */
  delimiter?: string | undefined;
  /** Store structured values as MessagePack instead of JSON. */
  asMsgpack?: boolean;
  /** Length-prefixed: how the lengths are written, the largest record, and who is told of a half one at the end. */
  frames?: FrameForm;
  frameBytesMax?: number | undefined;
  cut?: ((error: InputError) => void) | undefined;
  /** The time of every record; default: when it is sent. */
  timestampMs?: number | undefined;
  /** Field of a JSON value that is its time: milliseconds, or text as times are written. */
  timestampField?: string | undefined;
  zone?: Zone;
}

export interface InputRecord {
  key: string | Uint8Array | null;
  value: Uint8Array | null;
  timestamp?: number;
}

/** The format that a file's name speaks of; text for any other. */
export function formatOfName(name: string): InputFormat {
  const end = /\.([a-z]+)$/i.exec(name)?.[1].toLowerCase();
  if (end === 'ndjson' || end === 'jsonl') return 'ndjson';
  if (end === 'json') return 'json';
  return end === 'csv' ? 'csv' : 'text';
}

export function readerOf({ format, delimiter, frames = plainFrames, frameBytesMax, cut }: InputOptions): ItemReader {
  switch (format) {
    case 'text':
    case 'ndjson':
      return readLines;
    case 'json':
      return readJsonArray;
    case 'csv':
      return (source) => readCsv(source, delimiter ?? ',');
    case 'length-prefixed':
      return (source) => readFrames(source, frames, { bytesMax: frameBytesMax, cut });
  }
}

/** Makes the function that turns an item of `source` into a record, or null for a blank line. It throws InputError. */
export function recordMaker(options: InputOptions, source: string): (item: Item) => InputRecord | null {
  const { format, keyField, keySeparator, asMsgpack = false, timestampMs, timestampField, zone } = options;
  const time = timestampMs === undefined ? {} : { timestamp: timestampMs };
  const isStructured = format === 'ndjson' || format === 'json' || format === 'csv';
  if (keyField !== undefined && !isStructured) throw new UsageError(`--key names a field, which ${format} input does not have`, 'produce');
  if (timestampField !== undefined && !isStructured)
    throw new UsageError(`--timestamp-field names a field, which ${format} input does not have`, 'produce');
  if (keySeparator !== undefined && format !== 'text') throw new UsageError(`--key-separator is for text input, not ${format}`, 'produce');
  if (keySeparator === '') throw new UsageError('--key-separator is not empty', 'produce');
  if (asMsgpack && !isStructured) throw new UsageError(`--value-as msgpack is for JSON and CSV input, not ${format}`, 'produce');
  if (!isStructured) {
    const separator = keySeparator === undefined ? null : Buffer.from(keySeparator);
    return ({ bytes, place }) => ({
      ...(separator === null ? { key: null, value: bytes } : split(bytes as Buffer, separator, source, place)),
      ...time,
    });
  }
  const path = keyField?.split('.');
  const timePath = timestampField?.split('.');
  const unit = format === 'json' ? 'element' : 'line';
  return (item) => {
    if (format === 'ndjson' && isBlank(item.bytes as Buffer)) return null;
    const content = item.content === undefined ? parse(item.bytes as Buffer, source, `${unit} ${item.place}`) : item.content;
    const value = !asMsgpack ? item.bytes : content === null ? null : serdes.msgpack().serialize(content);
    const place = `${unit} ${item.place}`;
    const key = path === undefined ? null : keyAt(content, path, source, place);
    return { key, value, ...(timePath === undefined ? time : { timestamp: timeAt(content, timePath, zone, source, place) }) };
  };
}

function split(line: Buffer, separator: Buffer, source: string, place: number): InputRecord {
  const at = line.indexOf(separator);
  if (at === -1) throw new InputError(source, `line ${place}`, `there is no "${separator.toString()}" between key and value`);
  return { key: line.subarray(0, at), value: line.subarray(at + separator.length) };
}

function parse(bytes: Buffer, source: string, place: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new InputError(source, place, `this is not JSON: ${(error as Error).message}`);
  }
}

/** A field as a key: text and numbers as they are written, booleans too; null and missing are no key; the rest is refused. */
function keyAt(content: unknown, path: readonly string[], source: string, place: string): string | null {
  const value = fieldAt(content, path);
  if (value === undefined || value === null) return null;
  if (typeof value === 'object')
    throw new InputError(source, place, `--key ${path.join('.')} is an object or a list, not a text or a number`);
  return String(value);
}

/** A field as a time: milliseconds since the epoch, as a number or its digits, or text as times are written. */
function timeAt(content: unknown, path: readonly string[], zone: Zone | undefined, source: string, place: string): number {
  const value = fieldAt(content, path);
  const text = String(value);
  const timeMs = /^\d{1,16}$/.test(text) ? Number(text) : typeof value === 'string' ? parseTime(text, Number.NaN, zone) : null;
  if (timeMs !== null && Number.isSafeInteger(timeMs) && timeMs >= 0) return timeMs;
  throw new InputError(source, place, `--timestamp-field ${path.join('.')} is no time, but ${JSON.stringify(value) ?? 'missing'}`);
}

function fieldAt(content: unknown, path: readonly string[]): unknown {
  let value = content;
  for (const name of path) {
    const holder = value as Record<string, unknown> | null | undefined;
    value = typeof holder === 'object' && holder !== null && Object.hasOwn(holder, name) ? holder[name] : undefined;
  }
  return value;
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09);
}
