/**
 * The offset index of a segment, in Apache Kafka's format: sparse, from an offset to where to begin to look for it. It is a hint
 * from memory and never evidence: whoever follows an entry compares it with the batch that he finds.
 *
 *  offset size  field           meaning
 *       0    4  relativeOffset  last offset of a batch − base offset of the segment
 *       4    4  position        where that batch begins in the segment
 */
import { assert } from '../base/assert.ts';
import type { Disk } from '../world/disk.ts';
import { type IndexCache, IndexFile } from './index-file.ts';

const RELATIVE_OFFSET_AT = 0;
const POSITION_AT = RELATIVE_OFFSET_AT + 4;
export const OFFSET_ENTRY_BYTES = POSITION_AT + 4;
assert(OFFSET_ENTRY_BYTES === 8, 'the fields of an offset index entry add up to 8 bytes');

export class OffsetIndex {
  readonly baseOffset: number;
  readonly file: IndexFile;
  /** What the last search found, if anything. */
  found = false;
  foundOffset = -1;
  foundPosition = 0;

  constructor(disk: Disk, cache: IndexCache, path: string | null, baseOffset: number) {
    this.baseOffset = baseOffset;
    this.file = new IndexFile(disk, cache, path, OFFSET_ENTRY_BYTES);
  }

  append(lastOffset: number, position: number): void {
    const at = this.file.grow();
    this.file.window.writeInt32BE(lastOffset - this.baseOffset, at + RELATIVE_OFFSET_AT);
    this.file.window.writeInt32BE(position, at + POSITION_AT);
  }

  /** Finds the last entry whose offset is at most `offset`; its position, or 0 when there is none. */
  floorOffset(offset: number, inFile = true): number {
    return this.#floor(offset - this.baseOffset, RELATIVE_OFFSET_AT, inFile);
  }

  /** Finds the last entry whose position is at most `position`; its position, or 0 when there is none. */
  floorPosition(position: number, inFile = true): number {
    return this.#floor(position, POSITION_AT, inFile);
  }

  /** Lets go of entries for batches that begin before `position`, and of those that nobody needs in memory. */
  release(position: number): void {
    const { file } = this;
    const held = file.count - file.first;
    const found = searchFloor(file.window, held, position - 1, POSITION_AT);
    // Moving the window costs a copy of what stays, so it waits until half of it may go.
    if (found + 1 >= 64 && (found + 1) * 2 >= held) file.release(file.first + found + 1);
  }

  #floor(target: number, field: number, inFile: boolean): number {
    const { file } = this;
    let bytes = file.window;
    let found = searchFloor(bytes, file.count - file.first, target, field);
    if (found < 0 && inFile && file.first > 0) {
      bytes = file.older();
      found = searchFloor(bytes, bytes.length / OFFSET_ENTRY_BYTES, target, field);
    }
    this.found = found >= 0;
    if (found < 0) {
      this.foundOffset = -1;
      this.foundPosition = 0;
    } else {
      this.foundOffset = this.baseOffset + bytes.readInt32BE(found * OFFSET_ENTRY_BYTES + RELATIVE_OFFSET_AT);
      this.foundPosition = bytes.readInt32BE(found * OFFSET_ENTRY_BYTES + POSITION_AT);
    }
    return this.foundPosition;
  }
}

/** The number of the last entry whose field is at most `target`, or −1. */
function searchFloor(bytes: Buffer, count: number, target: number, field: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bytes.readInt32BE(middle * OFFSET_ENTRY_BYTES + field) <= target) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
