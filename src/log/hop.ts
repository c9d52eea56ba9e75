/**
 * From batch to batch by their headers alone, wherever these lie: in frames or in a file. The loops of the read path: a hop costs
 * about 20 ns in memory. A header that cannot follow the one before ends the hop with `LOST`.
 */
import {
  BATCH_LENGTH_MIN,
  baseOffsetOf,
  batchLengthOf,
  HEADER_BYTES,
  LENGTH_OVERHEAD,
  lastOffsetDeltaOf,
  MAGIC,
  magicOf,
} from '../record/batch-layout.ts';
import type { DiskFile } from '../world/disk.ts';
import type { Damage } from './segment.ts';

/** Access to headers by position: after `seek` the header is in `bytes` at the number returned; −1 when there is none. */
export interface Headers {
  readonly bytes: Buffer;
  seek(position: number): number;
}

/** What is at a position does not continue the log. */
export const LOST = -1;

/** The batch that a hop ended at. Overwritten by the next hop. */
export const landed = { bytes: 0, baseOffset: 0, nextOffset: 0 };

/** Whether a sound header is at `position`; if so `landed` tells of it. `end` bounds the batch, `minOffset` its base offset. */
export function land(headers: Headers, position: number, end: number, minOffset: number): boolean {
  if (position + HEADER_BYTES > end) return false;
  const at = headers.seek(position);
  if (at < 0) return false;
  const { bytes } = headers;
  const length = batchLengthOf(bytes, at);
  if (magicOf(bytes, at) !== MAGIC || length < BATCH_LENGTH_MIN || position + LENGTH_OVERHEAD + length > end) return false;
  const baseOffset = baseOffsetOf(bytes, at);
  const delta = lastOffsetDeltaOf(bytes, at);
  if (baseOffset < minOffset || delta < 0) return false;
  landed.bytes = LENGTH_OVERHEAD + length;
  landed.baseOffset = baseOffset;
  landed.nextOffset = baseOffset + delta + 1;
  return true;
}

/** The position of the first resident batch, from `from` on, that ends beyond `offset`; `end` when there is none before it. */
export function hopToOffset(headers: Headers, from: number, end: number, offset: number): number {
  let position = from;
  while (position < end) {
    if (!land(headers, position, end, 0)) return LOST;
    if (landed.nextOffset > offset) return position;
    position += landed.bytes;
  }
  return end;
}

/** What a hop through a file knows of it. */
export interface Ground {
  damages: readonly Damage[];
  /** Every batch begins where the one before ended; false when compaction may have left gaps. */
  dense: boolean;
}

/** Any base offset will do for the first batch of a hop: the index entry that led to it was compared. */
export const ANY = -1;

/**
 * As hopToOffset, through bytes that may be damaged. `expected` is the base offset of the first batch, or ANY. Known damage is
 * passed over unseen, since damaged bytes may look like a batch; offsets that do not follow each other end the hop with LOST.
 */
export function hopInFile(
  headers: Headers,
  from: number,
  end: number,
  offset: number,
  expected: number,
  { damages, dense }: Ground,
): number {
  let position = from;
  let next = expected;
  while (position < end) {
    const damage =
      damages.length === 0
        ? undefined
        : damages.find((damage) => isAt(position, damage) && (damage.length > 0 || damage.nextOffset !== next));
    if (damage !== undefined) {
      // One without bytes is a gap: the batch behind it begins at the same position.
      position = damage.position + damage.length;
      next = damage.nextOffset;
      continue;
    }
    if (!land(headers, position, end, Math.max(next, 0))) return LOST;
    if (dense && next !== ANY && landed.baseOffset !== next) return LOST;
    if (landed.nextOffset > offset) return position;
    next = landed.nextOffset;
    position += landed.bytes;
  }
  return end;
}

function isAt(position: number, damage: Damage): boolean {
  return damage.position <= position && position < damage.position + Math.max(1, damage.length);
}

/**
 * The last position at or below `most` where a batch ends. The hop begins at `hint`, where a batch begins, and the answer lies
 * beyond the batch at `from`, even when that alone reaches beyond `most`.
 */
export function hopWithin(headers: Headers, from: number, hint: number, end: number, most: number, dense = false): number {
  let position = hint;
  let next = ANY;
  while (position < end) {
    if (!land(headers, position, end, Math.max(next, 0))) return LOST;
    if (dense && next !== ANY && landed.baseOffset !== next) return LOST;
    if (position > from && position + landed.bytes > most) return position;
    next = landed.nextOffset;
    position += landed.bytes;
    if (position >= most) return position;
  }
  return position;
}

const CHUNK_BYTES = 8 * 1024;
const chunk = Buffer.alloc(CHUNK_BYTES);

/** Headers of a file, read in small chunks. Only one is in use at a time: the chunk is shared by all logs of the thread. */
export class FileHeaders implements Headers {
  readonly bytes = chunk;
  readonly #file: DiskFile;
  #from = 0;
  #to = 0;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  seek(position: number): number {
    if (position < this.#from || position + HEADER_BYTES > this.#to) {
      this.#from = position;
      this.#to = position + this.#file.read(chunk, position);
      if (position + HEADER_BYTES > this.#to) return -1;
    }
    return position - this.#from;
  }
}
