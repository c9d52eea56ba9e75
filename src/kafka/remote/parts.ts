/**
 * What a broker sends of one partition, as parts for a reader: whole batches that match their CRC and lie behind the offset that was
 * asked for, without those of transactions that were aborted. Pure; it copies nothing.
 */
import {
  baseOffsetOf,
  batchBytes,
  isControl,
  isTransactional,
  LENGTH_OVERHEAD,
  lastOffsetOf,
  nextOffsetOf,
  producerIdOf,
} from '../../record/batch-layout.ts';
import { RecordCursor, validateBatch } from '../../record/batch-read.ts';

/** A range of the records that were cut. */
export interface Part {
  error: number;
  offset: number;
  nextOffset: number;
  position: number;
  length: number;
}

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** Parts that continue each other from `offset` on. The last batch may have been cut by the broker's bound: it comes again with the next answer. */
export function partsOf(bytes: Buffer, offset: number, aborted: readonly AbortedTransaction[] | null): Part[] {
  const parts: Part[] = [];
  const hidden = aborted === null || aborted.length === 0 ? null : new Aborted(aborted);
  let part: Part = { error: 0, offset, nextOffset: offset, position: 0, length: 0 };
  for (let at = 0; bytes.length - at >= LENGTH_OVERHEAD; ) {
    const size = batchBytes(bytes, at);
    if (size > bytes.length - at && size > 0) break;
    const error = validateBatch(bytes, at, bytes.length);
    if (error !== 0) {
      if (part.nextOffset > part.offset) parts.push(part);
      parts.push({ ...wrongAt(bytes, at, part.nextOffset), error });
      return parts;
    }
    const nextOffset = nextOffsetOf(bytes, at);
    const isShown = nextOffset > part.nextOffset && (hidden === null || !hidden.has(bytes, at));
    if (isShown && part.length > 0 && part.position + part.length !== at) {
      parts.push(part);
      part = { error: 0, offset: part.nextOffset, nextOffset: part.nextOffset, position: at, length: 0 };
    }
    if (isShown) {
      if (part.length === 0) part.position = at;
      part.length += size;
    }
    part.nextOffset = Math.max(part.nextOffset, nextOffset);
    at += size;
  }
  if (part.nextOffset > part.offset) parts.push(part);
  return parts;
}

/** Where the damage ends can be told when the header's own numbers are likely; else it is one offset. */
function wrongAt(bytes: Buffer, at: number, offset: number): Part {
  const isHeader = bytes.length - at >= LENGTH_OVERHEAD + MIN_HEADER && baseOffsetOf(bytes, at) >= offset;
  const next = isHeader ? nextOffsetOf(bytes, at) : 0;
  const isLikely = next > offset && next - offset <= LIKELY_RECORDS_MAX;
  return { error: 0, offset, nextOffset: isLikely ? next : offset + 1, position: 0, length: 0 };
}

/** Follows the aborted transactions through the batches, in order: from their first offset to the marker that ends them. */
class Aborted {
  /** By first offset. */
  readonly #coming: AbortedTransaction[];
  readonly #producers = new Set<number>();

  constructor(transactions: readonly AbortedTransaction[]) {
    this.#coming = [...transactions].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  has(bytes: Buffer, at: number): boolean {
    const last = lastOffsetOf(bytes, at);
    while (this.#coming.length > 0 && this.#coming[0].firstOffset <= last) this.#producers.add(this.#coming.shift()?.producerId ?? -1);
    const producerId = producerIdOf(bytes, at);
    if (isControl(bytes, at)) {
      if (this.#producers.has(producerId) && isAbort(bytes, at)) this.#producers.delete(producerId);
      return false;
    }
    return isTransactional(bytes, at) && this.#producers.has(producerId);
  }
}

/** A marker's key: version int16, type int16; 0 aborts, 1 commits. */
function isAbort(bytes: Buffer, at: number): boolean {
  const cursor = new RecordCursor();
  cursor.includeControl = true;
  cursor.open(bytes, at, at + batchBytes(bytes, at), 0);
  if (!cursor.next()) return false;
  const { key } = cursor.view();
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0;
}

/** Up to the last offset delta and the base offset. */
const MIN_HEADER = 15;
const LIKELY_RECORDS_MAX = 1_000_000;
