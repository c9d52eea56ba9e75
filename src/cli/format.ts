/**
 * Records as text or bytes for standard output. Formats for programs (json, length-prefixed, raw, value) keep everything or nothing of a
 * record's bytes; those for eyes (summary, hex) cut and escape.
 *
 * A JSON record: `{ topic, partition, offset, timestamp, key, value, headers }`: the timestamp in ISO 8601, key and value as text,
 * or `{ "base64": "…" }` where the bytes are not UTF-8, or null; headers as a list of `{ key, value }`.
 */
import { isUtf8 } from 'node:buffer';
import { type Serde, serdes } from '../client/serde.ts';
import type { Header } from '../record/batch-write.ts';
import { InputError } from './exit.ts';
import { type FrameForm, frameOf, plainFrames } from './frames.ts';

/** A record to show, wherever it was read. */
export interface Shown {
  topic: string;
  partition: number;
  offset: number;
  timestampMs: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: readonly Header[];
}

export const formats = ['value', 'key-value', 'json', 'length-prefixed', 'raw', 'hex', 'summary'] as const;
export type Format = (typeof formats)[number];

/** How bytes are understood: 'text' shows UTF-8 as it is and the rest as base64. */
export const readings = ['text', 'json', 'msgpack', 'base64', 'hex', 'int32', 'int64', 'double'] as const;
export type Reading = (typeof readings)[number];

export interface FormatOptions {
  key: Reading;
  value: Reading;
  /** Between key and value in 'key-value'. */
  separator: string;
  /** Characters of a line in 'summary'. */
  columns: number;
  /** The reader is a terminal: control characters of a record are shown, not sent. */
  escape: boolean;
  /** Of 'length-prefixed'. */
  frames?: FrameForm;
}

type Reader = (bytes: Buffer | null) => string | Buffer;

export type Formatter = (record: Shown) => string | Buffer;

export function formatter(format: Format, options: FormatOptions): Formatter {
  const keyText = textReader(options.key, options.escape);
  const valueText = textReader(options.value, options.escape);
  switch (format) {
    case 'value':
      return options.value === 'text' && !options.escape ? ({ value }) => lineOf(value) : ({ value }) => `${valueText(value)}\n`;
    case 'key-value':
      return ({ key, value }) => Buffer.concat([bytesOf(keyText, key), Buffer.from(options.separator), bytesOf(valueText, value), LF]);
    case 'json':
      return (record) => `${JSON.stringify(jsonRecord(record, options))}\n`;
    case 'length-prefixed':
      return framer(options.frames ?? plainFrames);
    case 'raw':
      return ({ value }) => value ?? EMPTY;
    case 'hex':
      return hexRecord;
    case 'summary':
      return (record) => `${summaryOf(record, textReader(options.key, true), textReader(options.value, true), options.columns)}\n`;
  }
}

/** The record as its JSON document. */
export function jsonRecord(record: Shown, { key, value }: Pick<FormatOptions, 'key' | 'value'>): object {
  return {
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: timeOf(record.timestampMs),
    key: readAs(key, record.key),
    value: readAs(value, record.value),
    headers: record.headers.map((header) => ({ key: header.key, value: readAs('text', header.value as Buffer | null) })),
  };
}

/** Bytes as the text that a search looks at. */
export function textOf(reading: Reading, bytes: Buffer): string {
  if (reading === 'text') return bytes.toString('utf8');
  return reading === 'base64' || reading === 'hex' ? bytes.toString(reading) : JSON.stringify(readAs(reading, bytes));
}

/** ISO 8601, or null where there is no time (−1) or none that a Date can hold. */
export function timeOf(timestampMs: number): string | null {
  return timestampMs < 0 || timestampMs > 8.64e15 ? null : new Date(timestampMs).toISOString();
}

const LF = Buffer.from('\n');
const EMPTY = Buffer.alloc(0);

const serdeOf: Partial<Record<Reading, Serde<unknown>>> = {
  json: serdes.json(),
  msgpack: serdes.msgpack(),
  int32: serdes.int32 as Serde<unknown>,
  int64: serdes.int64 as Serde<unknown>,
  double: serdes.double as Serde<unknown>,
};

/** Bytes as a JSON value. What cannot be read so is shown as base64, saying so. */
function readAs(reading: Reading, bytes: Buffer | null): unknown {
  if (bytes === null) return null;
  if (reading === 'text') return isUtf8(bytes) ? bytes.toString('utf8') : { base64: bytes.toString('base64') };
  if (reading === 'base64' || reading === 'hex') return bytes.toString(reading);
  try {
    return plain((serdeOf[reading] as Serde<unknown>).deserialize(bytes));
  } catch {
    return { base64: bytes.toString('base64'), unreadable: reading };
  }
}

/** A value that JSON can hold: bigints as decimal text, bytes as base64. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

/** Bytes as text for a line; text stands as it is, other readings as JSON. */
function textReader(reading: Reading, visibly: boolean): Reader {
  if (reading === 'text') return visibly ? (bytes) => onOneLine(bytes ?? EMPTY, Number.POSITIVE_INFINITY) : (bytes) => bytes ?? EMPTY;
  if (reading === 'base64' || reading === 'hex') return (bytes) => bytes?.toString(reading) ?? '';
  return (bytes) => JSON.stringify(readAs(reading, bytes));
}

function bytesOf(reader: Reader, bytes: Buffer | null): Buffer {
  const read = reader(bytes);
  return typeof read === 'string' ? Buffer.from(read) : read;
}

/** The value and a line end; a tombstone is an empty line. */
function lineOf(value: Buffer | null): Buffer {
  const length = value?.length ?? 0;
  const line = Buffer.allocUnsafe(length + 1);
  value?.copy(line);
  line[length] = 0x0a;
  return line;
}

function framer(form: FrameForm): Formatter {
  return ({ topic, partition, offset, value }) => {
    try {
      return frameOf(value, form);
    } catch (error) {
      throw new InputError(`${topic}-${partition}`, `offset ${offset}`, (error as Error).message);
    }
  };
}

function summaryOf(record: Shown, keyText: Reader, valueText: Reader, columns: number): string {
  const { partition, offset, timestampMs, key, value, headers } = record;
  const parts = [`${partition}:${offset}`, timeOf(timestampMs) ?? '-', key === null ? '-' : onOneLine(keyText(key))];
  if (headers.length > 0)
    parts.push(`[${headers.map((header) => `${header.key}=${onOneLine((header.value ?? EMPTY) as Buffer)}`).join(' ')}]`);
  parts.push(value === null ? '(tombstone)' : onOneLine(valueText(value)));
  const line = parts.join('  ');
  return line.length > columns ? `${line.slice(0, Math.max(1, columns - 1))}…` : line;
}

/** Text without control and direction characters, so that no record can move the cursor of a terminal. */
export function onOneLine(text: string | Buffer, bytesMax = 4096): string {
  const whole = typeof text === 'string' ? text : text.subarray(0, bytesMax).toString('utf8');
  return whole.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, (char) => escapes[char] ?? escaped(char.charCodeAt(0)));
}

const escapes: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(code: number): string {
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
}

function hexRecord({ topic, partition, offset, timestampMs, key, value, headers }: Shown): string {
  const lines = [`${topic}-${partition} offset ${offset} ${timeOf(timestampMs) ?? 'no time'}`];
  for (const [name, bytes] of [
    ['key', key] as const,
    ...headers.map((header) => [`header ${onOneLine(header.key)}`, header.value] as const),
  ]) {
    lines.push(`${name}: ${bytes === null ? 'null' : `${bytes.length} bytes`}`, ...hexLines(bytes));
  }
  lines.push(`value: ${value === null ? 'null' : `${value.length} bytes`}`, ...hexLines(value));
  return `${lines.join('\n')}\n`;
}

/** The classic dump: position, sixteen bytes, the same as ASCII. */
export function hexLines(bytes: Uint8Array | null): string[] {
  if (bytes === null) return [];
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = Buffer.from(bytes.subarray(at, at + 16));
    const pairs = [...row].map((byte) => byte.toString(16).padStart(2, '0'));
    const left = pairs.slice(0, 8).join(' ').padEnd(23);
    const right = pairs.slice(8).join(' ').padEnd(23);
    lines.push(`  ${at.toString(16).padStart(8, '0')}  ${left}  ${right}  |${row.toString('latin1').replace(/[^\x20-\x7e]/g, '.')}|`);
  }
  return lines;
}
