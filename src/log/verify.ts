/** Looks at segments that were only names so far, and walks those whose bytes or indexes are in doubt. */
import { assert } from '../base/assert.ts';
import { maxTimestampOf } from '../record/batch-layout.ts';
import { DiskError, type DiskFile } from '../world/disk.ts';
import { saveCheckpoint } from './checkpoint-file.ts';
import { FileHeaders, land, landed } from './hop.ts';
import { tolerant } from './index-file.ts';
import { OFFSET_ENTRY_BYTES } from './offset-index.ts';
import type { Segment } from './segment.ts';
import type { LogState } from './state.ts';
import { TIME_ENTRY_BYTES } from './time-index.ts';
import { quarantine, walk } from './walk.ts';

/** An index may leave this many bytes unindexed before it is made anew. */
const HOP_BYTES_MAX = 64 * 1024;

/** Learns the size of a segment from its index and the last batches; walks it when they do not fit together. */
export function settle(log: LogState, index: number): void {
  const segment = log.segments[index];
  if (segment.size >= 0) return;
  const stat = log.disk.stat(segment.path);
  if (stat === null) return lose(log, index, 0, 'the file is missing');
  loadIndexes(log, segment);
  const file = log.disk.open(segment.path, 'read');
  let size: number;
  try {
    size = soundSize(segment, file, stat.size, log.boundOf(index), log.config.indexIntervalBytes);
  } finally {
    file.close();
  }
  if (size < 0) verifySegment(log, index);
  else segment.size = size;
}

/** Walks the segment that holds `offset` from the disk; the first offset at or after it that is not damaged. */
export function verify(log: LogState, offset: number): number {
  const index = log.segmentIndexOf(offset);
  const segment = log.segments[index];
  if (!segment.exists) return offset;
  verifySegment(log, index);
  return segment.damageOf(offset)?.nextOffset ?? offset;
}

/** Walks a segment's file: its indexes and its damages are made anew. */
export function verifySegment(log: LogState, index: number): void {
  const segment = log.segments[index];
  const isLive = !Number.isNaN(segment.streamBase);
  const before = segment.damages;
  const { size } = segment;
  let file: DiskFile;
  try {
    file = log.disk.open(segment.path, 'read');
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return lose(log, index, 0, 'the file is missing');
    throw error;
  }
  try {
    const fileSize = file.size();
    const written = isLive ? log.writtenSizeOf(segment) : fileSize;
    const bound = Math.min(log.boundOf(index), log.writtenOffset);
    const end = walk(log, segment, file, Math.min(fileSize, written), bound);
    if (end.nextOffset < bound) {
      const damage = {
        firstOffset: end.nextOffset,
        nextOffset: bound,
        path: segment.path,
        position: end.position,
        length: written - end.position,
      };
      quarantine(log, segment, before, damage, end.rest?.what ?? 'bytes are missing');
    }
    segment.size = isLive ? written : end.position;
  } finally {
    file.close();
  }
  if (isLive) resumeLive(log, segment, size);
  if (segment !== log.active) {
    segment.seal();
    if (segment.writeIndexes() && !isLive) releaseIndexes(segment);
    segment.offsets.file.syncLater(() => {});
    segment.times.file.syncLater(() => {});
  }
  log.forgetCursors();
  if (!sameDamages(before, segment)) tolerant(() => saveCheckpoint(log));
}

/** Notes the batches of a segment that are not in its file yet. */
function resumeLive(log: LogState, segment: Segment, size: number): void {
  const isMarked = segment.streamBase <= log.writtenEnd && log.writtenEnd <= segment.streamBase + size;
  if (isMarked && log.mark.segment.baseOffset <= segment.baseOffset) log.mark = { segment, at: segment.mark() };
  while (segment.size < size) {
    assert(land(log.tail, segment.streamEnd, segment.streamBase + size, 0), 'resident batches follow each other');
    const { nextOffset, bytes } = landed;
    const at = log.tail.seek(segment.streamEnd);
    segment.note(nextOffset - 1, maxTimestampOf(log.tail.bytes, at), bytes, log.config.indexIntervalBytes);
  }
}

/** A segment without a single good batch: all of its offsets are damaged. */
function lose(log: LogState, index: number, length: number, what: string): void {
  const segment = log.segments[index];
  const before = segment.damages;
  const nextOffset = log.boundOf(index);
  segment.damages = [];
  quarantine(log, segment, before, { firstOffset: segment.baseOffset, nextOffset, path: segment.path, position: 0, length }, what);
  if (segment.size < 0) segment.size = 0;
  if (!sameDamages(before, segment)) tolerant(() => saveCheckpoint(log));
}

function sameDamages(before: Segment['damages'], { damages }: Segment): boolean {
  return JSON.stringify(before) === JSON.stringify(damages);
}

/** Counts the entries of a segment's index files; they stay on the disk. */
export function loadIndexes(log: LogState, segment: Segment): void {
  const entries = (path: string | null, entryBytes: number): number =>
    path === null ? 0 : Math.floor((log.disk.stat(path)?.size ?? 0) / entryBytes);
  segment.offsets.file.onFile(entries(segment.offsets.file.path, OFFSET_ENTRY_BYTES));
  segment.times.file.onFile(entries(segment.times.file.path, TIME_ENTRY_BYTES));
}

function releaseIndexes(segment: Segment): void {
  segment.offsets.file.release(segment.offsets.file.count);
  segment.times.file.release(segment.times.file.count);
}

/** Where the last batch ends, if the last index entry leads there and the offsets reach `bound`; else −1. */
function soundSize(segment: Segment, file: DiskFile, fileSize: number, bound: number, indexIntervalBytes: number): number {
  const headers = new FileHeaders(file);
  let position = segment.offsets.floorOffset(bound);
  let nextOffset = segment.baseOffset;
  if (fileSize - position > HOP_BYTES_MAX + 2 * indexIntervalBytes && !segment.offsets.found) return -1;
  if (segment.offsets.found) {
    if (!land(headers, position, fileSize, segment.baseOffset) || landed.nextOffset - 1 !== segment.offsets.foundOffset) return -1;
  }
  while (nextOffset < bound) {
    const damage = segment.damageFrom(position);
    if (damage !== undefined && damage.position <= position) {
      position = damage.position + damage.length;
      nextOffset = damage.nextOffset;
    } else if (land(headers, position, fileSize, nextOffset) && landed.nextOffset <= bound) {
      position += landed.bytes;
      nextOffset = landed.nextOffset;
    } else return -1;
  }
  return nextOffset === bound ? position : -1;
}
