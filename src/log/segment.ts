/**
 * One segment of a log: a file of batches with its two indexes, and the little that is known of it in memory. A segment that
 * was not looked at since the log was opened is only a name: `size` is −1 until read.ts settles it.
 */
import type { Disk, DiskFile } from '../world/disk.ts';
import { LOG, OFFSET_INDEX, offsetName, TIME_INDEX } from './files.ts';
import { tolerant } from './index-file.ts';
import { OffsetIndex } from './offset-index.ts';
import type { FileHolder, LogShared } from './shared.ts';
import { TimeIndex } from './time-index.ts';

/** Bytes that are not good batches, and the offsets that went with them. Never served, never a reason to drop what follows. */
export interface Damage {
  firstOffset: number;
  nextOffset: number;
  path: string;
  position: number;
  length: number;
}

/** What of a segment's state follows from its batches one after the other, so that it can be put back to an earlier batch. */
export interface SegmentMark {
  size: number;
  maxTimestamp: number;
  maxTimestampOffset: number;
  firstTimestamp: number;
  bytesSinceIndex: number;
  offsetEntries: number;
  timeEntries: number;
  lastTimeEntry: number;
  lastTimeEntryOffset: number;
}

export const EMPTY_MARK: SegmentMark = {
  size: 0,
  maxTimestamp: -1,
  maxTimestampOffset: -1,
  firstTimestamp: -1,
  bytesSinceIndex: 0,
  offsetEntries: 0,
  timeEntries: 0,
  lastTimeEntry: -1,
  lastTimeEntryOffset: -1,
};

/** Bytes of an index beyond which a segment is rolled (Kafka: segment.index.bytes). */
const INDEX_BYTES_MAX = 10 * 1024 * 1024;

export class Segment implements FileHolder {
  readonly #shared: LogShared;
  readonly baseOffset: number;
  /** '<folder>/<20 digits>'; null in a log without a folder. */
  readonly stem: string | null;
  /** Stream position of its first byte. NaN for segments that are older than the stream. */
  streamBase = Number.NaN;
  /** Bytes of batches, unwritten ones included; −1: not looked at yet. */
  size = 0;
  /** Bytes of batches that were in its file when the log was opened: nobody has checked them since. */
  foundBytes = 0;
  /** Size of its file as it was found, until `size` is known. */
  fileBytes: number | null = null;
  /** Whether its file is on the disk. */
  exists = false;
  /** Open for writing; null when it is not. `setFile` and `closeFile` change it. */
  file: DiskFile | null = null;
  mayClose: () => boolean = () => false;
  /** Its file may hold bytes beyond what counts as written: they are cut before it is written again. */
  excess = false;
  offsets: OffsetIndex;
  times: TimeIndex;
  maxTimestamp = -1;
  maxTimestampOffset = -1;
  /** Largest timestamp of its first batch: rolling by time counts from it. */
  firstTimestamp = -1;
  bytesSinceIndex = 0;
  /** When it was made or opened. */
  openedMs: number;
  /** Ascending. */
  damages: Damage[] = [];
  /** Its bytes and its indexes are on the disk, for good: a start need not look at it. */
  settled = false;
  /** Its indexes are being synced. */
  settling = false;
  /** The producers' state at its base offset, until it is written beside the segment's file. */
  snapshot: Buffer | null = null;

  constructor(disk: Disk, shared: LogShared, folder: string | null, baseOffset: number, nowMs: number) {
    this.#shared = shared;
    this.baseOffset = baseOffset;
    this.stem = folder === null ? null : `${folder}/${offsetName(baseOffset)}`;
    this.offsets = new OffsetIndex(disk, shared.indexes, this.stem === null ? null : this.stem + OFFSET_INDEX, baseOffset);
    this.times = new TimeIndex(disk, shared.indexes, this.stem === null ? null : this.stem + TIME_INDEX, baseOffset);
    this.openedMs = nowMs;
  }

  get path(): string {
    return this.stem === null ? '' : this.stem + LOG;
  }

  /** Stream position after its last byte. */
  get streamEnd(): number {
    return this.streamBase + this.size;
  }

  /** Takes note of a batch at its end, exactly as Kafka's LogSegment.append does. */
  note(lastOffset: number, maxTimestamp: number, bytes: number, indexIntervalBytes: number): void {
    if (this.size === 0) this.firstTimestamp = maxTimestamp;
    if (maxTimestamp > this.maxTimestamp) {
      this.maxTimestamp = maxTimestamp;
      this.maxTimestampOffset = lastOffset;
    }
    if (this.bytesSinceIndex > indexIntervalBytes) {
      this.offsets.append(lastOffset, this.size);
      this.times.append(this.maxTimestamp, this.maxTimestampOffset);
      this.bytesSinceIndex = 0;
    }
    this.bytesSinceIndex += bytes;
    this.size += bytes;
  }

  /** The last time entry of a segment that takes no more batches. */
  seal(): void {
    this.times.append(this.maxTimestamp, this.maxTimestampOffset);
  }

  /** Lets go of index entries in memory for batches that begin before a position; they are in the files, if there are files. */
  release(position: number): void {
    tolerant(() => {
      this.offsets.release(position);
      const { file } = this.times;
      if (file.path !== null && file.count - file.first >= 128) file.release(file.count);
    });
  }

  get indexFull(): boolean {
    return this.offsets.file.count >= INDEX_BYTES_MAX / 8 || this.times.file.count >= INDEX_BYTES_MAX / 12 - 1;
  }

  mark(): SegmentMark {
    return {
      size: this.size,
      maxTimestamp: this.maxTimestamp,
      maxTimestampOffset: this.maxTimestampOffset,
      firstTimestamp: this.firstTimestamp,
      bytesSinceIndex: this.bytesSinceIndex,
      offsetEntries: this.offsets.file.count,
      timeEntries: this.times.file.count,
      lastTimeEntry: this.times.lastTimestamp,
      lastTimeEntryOffset: this.times.lastOffset,
    };
  }

  /** Back to what it was at a mark. */
  restore(mark: SegmentMark): void {
    this.size = mark.size;
    this.maxTimestamp = mark.maxTimestamp;
    this.maxTimestampOffset = mark.maxTimestampOffset;
    this.firstTimestamp = mark.firstTimestamp;
    this.bytesSinceIndex = mark.bytesSinceIndex;
    this.offsets.file.truncate(mark.offsetEntries);
    this.times.truncate(mark.timeEntries, mark.lastTimeEntry, mark.lastTimeEntryOffset);
  }

  /** Takes over what a walk made anew: sizes, indexes, timestamps. The walk has checked every batch. */
  takeOver(fresh: Segment): void {
    this.offsets.file.close();
    this.times.file.close();
    this.offsets = fresh.offsets;
    this.times = fresh.times;
    this.size = fresh.size;
    this.maxTimestamp = fresh.maxTimestamp;
    this.maxTimestampOffset = fresh.maxTimestampOffset;
    this.firstTimestamp = fresh.firstTimestamp;
    this.bytesSinceIndex = fresh.bytesSinceIndex;
    this.damages = [];
    this.foundBytes = 0;
  }

  /** Takes up a mark whose index entries are in the files: what a clean start knows of the last segment. */
  resume(mark: SegmentMark): void {
    this.offsets.file.onFile(mark.offsetEntries);
    this.times.file.onFile(mark.timeEntries);
    this.restore(mark);
  }

  /** Whether its index files lack entries. */
  get dirty(): boolean {
    return this.offsets.file.dirty || this.times.file.dirty;
  }

  get unsyncedIndexes(): boolean {
    return this.offsets.file.unsynced || this.times.file.unsynced;
  }

  /** Writes what its index files lack. They can always be made again, so a failure only costs that. */
  writeIndexes(): boolean {
    return tolerant(() => {
      this.offsets.file.write();
      this.times.file.write();
    });
  }

  /** As writeIndexes, and syncs them. */
  syncIndexes(): boolean {
    return (
      this.writeIndexes() &&
      tolerant(() => {
        this.offsets.file.sync();
        this.times.file.sync();
      })
    );
  }

  /** The first damage at or after a position of the file. */
  damageFrom(position: number): Damage | undefined {
    return this.damages.find((damage) => damage.position + damage.length > position);
  }

  /** The damage that took this offset. */
  damageOf(offset: number): Damage | undefined {
    return this.damages.find((damage) => damage.firstOffset <= offset && offset < damage.nextOffset);
  }

  setFile(file: DiskFile): void {
    this.file = file;
    this.#shared.files.opened(this);
  }

  /** The file, when it is open; it is then the last that is closed when too many are. */
  useFile(): DiskFile | null {
    if (this.file !== null) this.#shared.files.used(this);
    return this.file;
  }

  closeFile(): void {
    if (this.file === null) return;
    this.#shared.files.closed(this);
    this.file.close();
    this.file = null;
  }

  /** Gives back what it holds; its files stay. */
  close(): void {
    this.closeFile();
    this.offsets.file.close();
    this.times.file.close();
  }
}
