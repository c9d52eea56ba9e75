/** Letting go: of memory (evict), of whole segments (retention), of everything before an offset. */
import { assert } from '../base/assert.ts';
import { roll } from './append.ts';
import { saveCheckpoint, saveLogStart } from './checkpoint-file.ts';
import { OFFSET_INDEX, SNAPSHOT, TIME_INDEX } from './files.ts';
import { openForWriting, removeStrays } from './flush.ts';
import { hopToOffset, hopWithin, land, landed } from './hop.ts';
import { tolerant } from './index-file.ts';
import { EMPTY_MARK, type Segment } from './segment.ts';
import type { LogState } from './state.ts';
import { syncNames } from './sync.ts';
import { largestTimestampOf } from './times.ts';

/** Gives back frames of the oldest resident bytes that are safe elsewhere; returns the bytes of the frames. */
export function evict(log: LogState, bytesWanted: number): number {
  const { tail } = log;
  if (log.folder === null) return 0;
  const safe = log.config.durability === 'synced' ? log.syncedEnd : log.writtenEnd;
  // From the mark on, batches may have to be noted again: truncateTo.
  const clean = Math.min(safe, log.mark.segment.streamBase + log.mark.at.size);
  if (clean <= tail.start || bytesWanted <= 0) return 0;
  const target = Math.min(clean, tail.start + bytesWanted);
  return letGo(log, target === clean ? clean : boundaryFrom(log, target, clean));
}

/** The first batch boundary at or after a stream position. */
function boundaryFrom(log: LogState, target: number, clean: number): number {
  let index = log.segments.length - 1;
  while (log.segments[index].streamBase > target) index--;
  const segment = log.segments[index];
  const hint = segment.streamBase + segment.offsets.floorPosition(target - segment.streamBase, false);
  const from = Math.max(log.tail.start, segment.streamBase, hint);
  const below = hopWithin(log.tail, from, from, clean, target);
  if (below >= target) return below;
  land(log.tail, below, clean, 0);
  return below + landed.bytes;
}

/** Moves the resident start up to a batch boundary. */
function letGo(log: LogState, position: number): number {
  const { tail } = log;
  if (position < tail.end) {
    assert(land(tail, position, tail.end, 0), 'the resident range begins with a batch');
    log.residentOffset = landed.baseOffset;
  } else log.residentOffset = log.endOffset;
  tail.advance(position);
  tail.publishStart(log.startOffset);
  const given = tail.giveBelowStart();
  for (const segment of log.segments) {
    if (segment.streamBase < position) segment.release(position - segment.streamBase);
  }
  return given * tail.frameBytes;
}

/** Raises the log start offset. Whole segments below it go away at once. Throws DiskError, and then nothing was raised. */
export function deleteBefore(log: LogState, offset: number): void {
  assert(offset <= log.endOffset, 'a log is deleted up to its end at most');
  if (offset <= log.startOffset) return;
  const before = log.deletedBefore;
  log.deletedBefore = offset;
  try {
    saveCheckpoint(log);
  } catch (error) {
    log.deletedBefore = before;
    throw error;
  }
  log.startOffset = offset;
  removeFirst(log, below(log));
  if (log.folder !== null) saveLogStart(log);
  else trimMemory(log);
  log.tail.publishStart(log.startOffset);
}

/** Applies retention.ms and retention.bytes below the committed offset; returns what went away. Throws DiskError. */
export function retain(log: LogState, nowMs: number): { segments: number; bytes: number } {
  log.nowMs = nowMs;
  const nothing = { segments: 0, bytes: 0 };
  if (!log.config.cleanupDelete || log.startOffset === log.endOffset) return nothing;
  const count = Math.max(expired(log, nowMs), oversized(log), below(log));
  if (count === 0) return nothing;
  // As in Kafka, when every segment may go, a new one begins first.
  if (count === log.segments.length) roll(log);
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += sizeOf(log, log.segments[i]);
  removeFirst(log, count);
  if (log.folder === null) trimMemory(log);
  log.tail.publishStart(log.startOffset);
  return { segments: count, bytes };
}

/** How many of the oldest segments are past retention.ms. */
function expired(log: LogState, nowMs: number): number {
  const { retentionMs } = log.config;
  if (retentionMs < 0) return 0;
  let count = 0;
  while (count < log.segments.length && mayGo(log, count) && nowMs - ageFrom(log, count) > retentionMs) count++;
  return count;
}

/** When a segment began to age: its largest timestamp; for one without timestamps, when it was made. */
function ageFrom(log: LogState, index: number): number {
  const { timestampMs } = largestTimestampOf(log, index);
  return timestampMs >= 0 ? timestampMs : log.segments[index].openedMs;
}

/** How many of the oldest segments can go with the rest still holding retention.bytes. */
function oversized(log: LogState): number {
  const { retentionBytes } = log.config;
  if (retentionBytes < 0) return 0;
  let spare = logBytes(log) - retentionBytes;
  for (let count = 0; count < log.segments.length; count++) {
    spare -= sizeOf(log, log.segments[count]);
    if (spare < 0 || !mayGo(log, count)) return count;
  }
  return log.segments.length;
}

/** How many of the oldest segments lie below the start offset: what a crash left of a removal. */
function below(log: LogState): number {
  let count = 0;
  while (count < log.segments.length - 1 && log.segments[count + 1].baseOffset <= log.startOffset) count++;
  return count;
}

/** Only what is committed goes, and never an empty active segment. */
function mayGo(log: LogState, index: number): boolean {
  return log.boundOf(index) <= log.committedOffset && !(index === log.segments.length - 1 && log.active.size === 0);
}

export function logBytes(log: LogState): number {
  let bytes = 0;
  for (const segment of log.segments) bytes += sizeOf(log, segment);
  return bytes;
}

/** Bytes of a segment; of one that was not looked at yet, of its file. */
function sizeOf(log: LogState, segment: Segment): number {
  if (segment.size >= 0) return segment.size;
  segment.fileBytes ??= log.disk.stat(segment.path)?.size ?? 0;
  return segment.fileBytes;
}

/** Removes the first `count` segments and their files. The last one stays, and its file is there before the others go. */
function removeFirst(log: LogState, count: number): void {
  if (count === 0) return;
  assert(count < log.segments.length, 'a log keeps its active segment');
  const first = log.segments[count];
  if (log.folder !== null) {
    // The name of the file that stays is what tells a start where the log ends.
    if (!first.exists) openForWriting(log, first);
    if (log.namesUnsynced) syncNames(log);
  }
  const removed = log.segments.splice(0, count);
  log.startOffset = Math.max(log.startOffset, first.baseOffset);
  passOver(log, removed, first);
  for (const segment of removed) {
    segment.close();
    const { stem } = segment;
    // The log goes first: an index or a snapshot alone is nothing.
    if (stem !== null) log.strays.unshift(`${stem}${SNAPSHOT}`, stem + TIME_INDEX, stem + OFFSET_INDEX, segment.path);
  }
  // A disk that refuses is asked again at the next flush; by then these files are not part of the log.
  tolerant(() => removeStrays(log));
}

/** Bytes of removed segments that memory alone held are not written any more, and nothing of them is resident. */
function passOver(log: LogState, removed: readonly Segment[], first: Segment): void {
  if (log.writtenEnd < first.streamBase) {
    log.writtenEnd = first.streamBase;
    log.writtenOffset = first.baseOffset;
  }
  if (log.syncedEnd < first.streamBase) {
    log.syncedEnd = first.streamBase;
    log.syncedOffset = first.baseOffset;
  }
  if (removed.includes(log.mark.segment)) log.mark = { segment: first, at: log.writtenEnd === first.streamEnd ? first.mark() : EMPTY_MARK };
  if (log.tail.start < first.streamBase) letGo(log, first.streamBase);
  log.tail.publishWritten(log.writtenEnd);
  log.forgetCursors();
}

/** A log without files gives back frames batch by batch. */
function trimMemory(log: LogState): void {
  const { tail } = log;
  if (log.startOffset <= log.residentOffset) return;
  const segment = log.segments[log.segmentIndexOf(log.startOffset)];
  const hint = segment.streamBase + segment.offsets.floorOffset(log.startOffset, false);
  const position = hopToOffset(tail, Math.max(tail.start, segment.streamBase, hint), segment.streamEnd, log.startOffset);
  log.writtenEnd = position;
  log.writtenOffset = log.startOffset;
  letGo(log, position);
}
