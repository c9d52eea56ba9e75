/**
 * Input of a known form becomes items: one per record to be. Items come in lists, one list per piece of the stream, since a promise
 * per record would cost more than the record. What is malformed is refused with its source and place, never guessed.
 */
import { limits } from '../../base/limits.ts';
import { InputError } from '../exit.ts';

export interface Item {
  /** The record's value as it will be stored; null is a tombstone. */
  bytes: Buffer | null;
  /** Where it began: the line, the row, the byte. */
  place: number;
  /** The value's content, where reading it made it known. */
  content?: unknown;
}

export interface Source {
  /** The file's name, or 'standard input'. */
  name: string;
  chunks: AsyncIterable<Buffer>;
}

export type ItemReader = (source: Source) => AsyncGenerator<Item[]>;

/** A piece of input may be as large as a record may be. */
export const itemBytesMax = limits.recordBytesMax;

const LF = 0x0a;
const CR = 0x0d;
const MARK = Buffer.from('\ufeff');

/** One item per line, without its line end (LF or CR LF). The last line needs none. A byte order mark at the start is dropped. */
export async function* readLines({ name, chunks }: Source, bytesMax: number = itemBytesMax): AsyncGenerator<Item[]> {
  let line = 1;
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of withoutMark(chunks)) {
    const items: Item[] = [];
    let from = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, from)) {
      const piece = chunk.subarray(from, end);
      if (restBytes + piece.length > bytesMax) throw tooLong(name, `line ${line}`, bytesMax);
      items.push({ bytes: withoutCr(restBytes === 0 ? piece : Buffer.concat([...rest, piece])), place: line++ });
      rest = [];
      restBytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      rest.push(chunk.subarray(from));
      restBytes += chunk.length - from;
      if (restBytes > bytesMax) throw tooLong(name, `line ${line}`, bytesMax);
    }
    if (items.length > 0) yield items;
  }
  if (restBytes > 0) yield [{ bytes: withoutCr(Buffer.concat(rest)), place: line }];
}

export function tooLong(source: string, place: string, bytesMax: number, bytes?: number): InputError {
  const found = bytes === undefined ? 'it is longer' : `it announces ${bytes} bytes, more`;
  return new InputError(source, place, `${found} than the ${bytesMax} bytes that a record may have; is this the right --format?`);
}

/** Drops a UTF-8 byte order mark from the start of a stream. */
export async function* withoutMark(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let start: Buffer | null = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (start === null) {
      yield chunk;
      continue;
    }
    start = start.length === 0 ? chunk : Buffer.concat([start, chunk]);
    if (start.length < MARK.length && MARK.subarray(0, start.length).equals(start)) continue;
    yield start.subarray(0, MARK.length).equals(MARK) ? start.subarray(MARK.length) : start;
    start = null;
  }
  if (start !== null && start.length > 0) yield start;
}

function withoutCr(line: Buffer): Buffer {
  return line.length > 0 && line[line.length - 1] === CR ? line.subarray(0, line.length - 1) : line;
}
