/**
 * The time index of a segment, in Apache Kafka's format: the largest timestamp so far, now and then. Like the offset index it is
 * a hint and never evidence.
 *
 *  offset size  field           meaning
 *       0    8  timestamp       largest timestamp of the segment up to here; entries ascend
 *       8    4  relativeOffset  last offset of the batch that has it − base offset of the segment
 */
import { assert } from '../base/assert.ts';
import { readInt64, writeInt64 } from '../base/bytes.ts';
import type { Disk } from '../world/disk.ts';
import { type IndexCache, IndexFile } from './index-file.ts';

const TIMESTAMP_AT = 0;
const RELATIVE_OFFSET_AT = TIMESTAMP_AT + 8;
export const TIME_ENTRY_BYTES = RELATIVE_OFFSET_AT + 4;
assert(TIME_ENTRY_BYTES === 12, 'the fields of a time index entry add up to 12 bytes');

export class TimeIndex {
  readonly baseOffset: number;
  readonly file: IndexFile;
  /** The newest entry; −1 when there is none. */
  lastTimestamp = -1;
  lastOffset = -1;
  /** What the last search found; timestamp −1 when it found nothing. */
  foundTimestamp = -1;
  foundOffset = -1;

  constructor(disk: Disk, cache: IndexCache, path: string | null, baseOffset: number) {
    this.baseOffset = baseOffset;
    this.file = new IndexFile(disk, cache, path, TIME_ENTRY_BYTES);
  }

  /** Adds an entry if it is later than the last one. */
  append(timestamp: number, offset: number): void {
    if (timestamp <= this.lastTimestamp || timestamp < 0) return;
    const at = this.file.grow();
    writeInt64(this.file.window, timestamp, at + TIMESTAMP_AT);
    this.file.window.writeInt32BE(offset - this.baseOffset, at + RELATIVE_OFFSET_AT);
    this.lastTimestamp = timestamp;
    this.lastOffset = offset;
  }

  /** Forgets entries from `count` on; the newest of the others is told. */
  truncate(count: number, lastTimestamp: number, lastOffset: number): void {
    this.file.truncate(count);
    this.lastTimestamp = lastTimestamp;
    this.lastOffset = lastOffset;
  }

  /** Finds the last entry whose timestamp is at most `timestamp`. */
  floor(timestamp: number): boolean {
    const { file } = this;
    if (this.#find(file.window, file.count - file.first, timestamp)) return true;
    if (file.first === 0) return false;
    const older = file.older();
    return this.#find(older, older.length / TIME_ENTRY_BYTES, timestamp);
  }

  /** Finds the newest entry, wherever it is. */
  last(): boolean {
    return this.floor(Number.MAX_SAFE_INTEGER);
  }

  #find(bytes: Buffer, count: number, timestamp: number): boolean {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (readInt64(bytes, middle * TIME_ENTRY_BYTES + TIMESTAMP_AT) <= timestamp) low = middle + 1;
      else high = middle;
    }
    this.foundTimestamp = low === 0 ? -1 : readInt64(bytes, (low - 1) * TIME_ENTRY_BYTES + TIMESTAMP_AT);
    this.foundOffset = low === 0 ? -1 : this.baseOffset + bytes.readInt32BE((low - 1) * TIME_ENTRY_BYTES + RELATIVE_OFFSET_AT);
    return low > 0;
  }
}
