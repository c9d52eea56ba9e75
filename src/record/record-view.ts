/** One record as a consumer sees it: numbers that say where its parts lie, and views on them made when they are asked for. */
import type { Header } from './batch-write.ts';
import { corrupt } from './refuse.ts';
import { readVarint, varintEnd } from './varint.ts';

/**
 * A record within the bytes of its batch, which it keeps alive. `key` and `value` are new views, not copies, at each access: hold
 * them rather than asking twice. Copy what must outlive the batch.
 */
export class RecordView {
  readonly offset: number;
  readonly timestampMs: number;
  readonly #bytes: Buffer;
  readonly #keyAt: number;
  readonly #keyLength: number;
  readonly #valueAt: number;
  readonly #valueLength: number;
  readonly #headersAt: number;
  readonly #end: number;
  readonly headerCount: number;

  constructor(
    bytes: Buffer,
    offset: number,
    timestampMs: number,
    keyAt: number,
    keyLength: number,
    valueAt: number,
    valueLength: number,
    headersAt: number,
    headerCount: number,
    end: number,
  ) {
    this.offset = offset;
    this.timestampMs = timestampMs;
    this.#bytes = bytes;
    this.#keyAt = keyAt;
    this.#keyLength = keyLength;
    this.#valueAt = valueAt;
    this.#valueLength = valueLength;
    this.#headersAt = headersAt;
    this.headerCount = headerCount;
    this.#end = end;
  }

  get key(): Buffer | null {
    return this.#keyLength < 0 ? null : this.#bytes.subarray(this.#keyAt, this.#keyAt + this.#keyLength);
  }

  get value(): Buffer | null {
    return this.#valueLength < 0 ? null : this.#bytes.subarray(this.#valueAt, this.#valueAt + this.#valueLength);
  }

  /** Bytes of the key, −1 for null. */
  get keyBytes(): number {
    return this.#keyLength;
  }

  /** Bytes of the value, −1 for null. */
  get valueBytes(): number {
    return this.#valueLength;
  }

  /** Parsed at each access; in their order, with their duplicates. Throws CORRUPT_MESSAGE. */
  get headers(): Header[] {
    return this.headerCount === 0 ? [] : readHeaders(this.#bytes, this.#headersAt, this.headerCount, this.#end);
  }
}

/** The `count` headers that fill `bytes[at, end)` exactly. Throws CORRUPT_MESSAGE where they do not. */
export function readHeaders(bytes: Buffer, at: number, count: number, end: number): Header[] {
  const headers: Header[] = [];
  for (let i = 0; i < count; i++) {
    const keyAt = varintEnd(bytes, at, end, 5);
    const keyLength = keyAt === -1 ? -1 : readVarint(bytes, at, keyAt);
    if (!(keyLength >= 0 && keyLength <= end - keyAt)) throw corrupt("a header's key ends beyond its record");
    const lengthAt = keyAt + keyLength;
    const valueAt = varintEnd(bytes, lengthAt, end, 5);
    const valueLength = valueAt === -1 ? -2 : readVarint(bytes, lengthAt, valueAt);
    if (!(valueLength >= -1 && valueLength <= end - valueAt)) throw corrupt("a header's value ends beyond its record");
    at = valueLength < 0 ? valueAt : valueAt + valueLength;
    headers.push({ key: bytes.toString('utf8', keyAt, lengthAt), value: valueLength < 0 ? null : bytes.subarray(valueAt, at) });
  }
  if (at !== end) throw corrupt('a record does not end where its headers do');
  return headers;
}
