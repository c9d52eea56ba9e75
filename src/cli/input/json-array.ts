/**
 * A JSON array becomes one item per element: the element's own bytes, as they stand in the file. It finds where elements begin and end
 * and leaves their content to JSON.parse.
 */
import { InputError } from '../exit.ts';
import { type Item, itemBytesMax, type Source, tooLong, withoutMark } from './items.ts';

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = Buffer.from('"\\,[]{}');
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

export async function* readJsonArray({ name, chunks }: Source, bytesMax: number = itemBytesMax): AsyncGenerator<Item[]> {
  const scanner = new ElementScanner(name, bytesMax);
  for await (const chunk of withoutMark(chunks)) {
    const items = scanner.scan(chunk);
    if (items.length > 0) yield items;
  }
  scanner.end();
}

type State = 'before' | 'element' | 'after';

class ElementScanner {
  readonly #name: string;
  readonly #bytesMax: number;
  #state: State = 'before';
  /** Brackets open within the element. */
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Pieces of the element that began in an earlier chunk. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #position = 0;
  #elementAt = 0;
  #elements = 0;
  #afterComma = false;

  constructor(name: string, bytesMax: number) {
    this.#name = name;
    this.#bytesMax = bytesMax;
  }

  scan(chunk: Buffer): Item[] {
    const items: Item[] = [];
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#state === 'element') {
        if (!this.#step(byte)) continue;
        this.#finish(chunk.subarray(from, at), byte, this.#position + at, items);
        from = at + 1;
      } else if (isSpace(byte)) {
        from = at + 1;
      } else if (this.#state === 'before' && byte === OPEN_LIST) {
        this.#state = 'element';
        from = at + 1;
        this.#elementAt = this.#position + from;
      } else {
        throw this.#refuse(this.#position + at, this.#state === 'before' ? notAnArray : 'something follows the array');
      }
    }
    if (this.#state === 'element' && from < chunk.length) {
      this.#pieces.push(chunk.subarray(from));
      this.#pieceBytes += chunk.length - from;
      if (this.#pieceBytes > this.#bytesMax) throw tooLong(this.#name, `byte ${this.#elementAt}`, this.#bytesMax);
    }
    this.#position += chunk.length;
    return items;
  }

  end(): void {
    if (this.#state === 'before') throw this.#refuse(this.#position, notAnArray);
    if (this.#state === 'element') throw this.#refuse(this.#elementAt, 'the input ends within the array');
  }

  /** Takes in one byte of an element; true when it is the comma or the bracket behind it. */
  #step(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inString = false;
    } else if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) this.#depth++;
    else if (byte === CLOSE_OBJECT) this.#depth--;
    else if (byte === CLOSE_LIST) return this.#depth-- === 0;
    else if (byte === COMMA) return this.#depth === 0;
    return false;
  }

  #finish(last: Buffer, separator: number, end: number, items: Item[]): void {
    const bytes = trimmed(this.#pieces.length === 0 ? last : Buffer.concat([...this.#pieces, last]));
    this.#pieces = [];
    this.#pieceBytes = 0;
    const closes = separator === CLOSE_LIST;
    if (bytes.length > this.#bytesMax) throw tooLong(this.#name, `byte ${this.#elementAt}`, this.#bytesMax);
    if (bytes.length > 0) items.push({ bytes, place: ++this.#elements });
    else if (!closes || this.#afterComma) throw this.#refuse(end, 'an element is missing');
    this.#afterComma = !closes;
    this.#depth = 0;
    this.#elementAt = end + 1;
    if (closes) this.#state = 'after';
  }

  #refuse(at: number, what: string): InputError {
    return new InputError(this.#name, `byte ${at}`, what);
  }
}

const notAnArray = 'this is not a JSON array; for one JSON text per line say --format ndjson, for plain lines --format text';

function trimmed(bytes: Buffer): Buffer {
  let from = 0;
  let to = bytes.length;
  while (from < to && isSpace(bytes[from])) from++;
  while (to > from && isSpace(bytes[to - 1])) to--;
  return bytes.subarray(from, to);
}
