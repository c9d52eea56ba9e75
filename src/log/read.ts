/**
 * Reading a log: where the batches from an offset on lie, in frames or in a file. It moves no bytes. What an index says is
 * compared with the batch that is found there; a segment whose index or bytes do not fit together is walked and read again.
 */
import { errors } from '../base/errors.ts';
import { DiskError, type DiskFile } from '../world/disk.ts';
import { ANY, FileHeaders, type Ground, type Headers, hopInFile, hopToOffset, hopWithin, LOST, land, landed } from './hop.ts';
import type { Segment } from './segment.ts';
import type { LogRead, LogState } from './state.ts';
import { settle, verifySegment } from './verify.ts';

/** A read in the common case: sequential, in memory. Costs about 0.3 µs. */
export function read(log: LogState, offset: number, bytesMax: number, limitOffset: number): LogRead {
  if (offset < log.startOffset || offset > log.endOffset) return { kind: 'error', error: errors.OFFSET_OUT_OF_RANGE.code };
  const limit = Math.min(limitOffset, log.endOffset);
  if (offset >= limit) return { kind: 'none', nextOffset: offset };
  if (offset >= log.residentOffset) return readResident(log, offset, bytesMax, limit);
  try {
    return readFiles(log, offset, bytesMax, limit);
  } catch (error) {
    if (error instanceof DiskError) return { kind: 'error', error: errors.KAFKA_STORAGE_ERROR.code };
    throw error;
  }
}

function readResident(log: LogState, offset: number, bytesMax: number, limit: number): LogRead {
  const index = log.segmentIndexOf(offset);
  const segment = log.segments[index];
  const from = residentPosition(log, segment, offset);
  if (from >= segment.streamEnd) {
    // Offsets that no batch holds, at the end of a segment: the next one goes on.
    const nextOffset = log.boundOf(index);
    return nextOffset < limit ? readResident(log, nextOffset, bytesMax, limit) : { kind: 'none', nextOffset: Math.min(nextOffset, limit) };
  }
  let to = Math.min(segment.streamEnd, residentLimit(log, limit));
  if (to <= from) return { kind: 'none', nextOffset: offset };
  let nextOffset = to === segment.streamEnd ? log.boundOf(index) : offsetAt(log, to);
  if (to - from > bytesMax) {
    const hint = segment.streamBase + segment.offsets.floorPosition(from + bytesMax - segment.streamBase, false);
    to = hopWithin(log.tail, from, Math.max(from, hint), to, from + bytesMax);
    nextOffset = offsetAt(log, to);
  }
  log.rememberCursor(nextOffset, segment, to - segment.streamBase);
  return { kind: 'resident', from, to, nextOffset };
}

/** Stream position of the batch that holds `offset`, or of the next one. */
function residentPosition(log: LogState, segment: Segment, offset: number): number {
  const known = log.cursorAt(offset, segment);
  if (known >= 0) return segment.streamBase + known;
  const lowest = Math.max(segment.streamBase, log.tail.start);
  const hint = segment.streamBase + segment.offsets.floorOffset(offset, false);
  return hopToOffset(log.tail, Math.max(lowest, hint), segment.streamEnd, offset);
}

/** Stream position that batches below `limit` end at. */
function residentLimit(log: LogState, limit: number): number {
  if (limit === log.endOffset) return log.tail.end;
  if (limit === log.writtenOffset) return log.writtenEnd;
  if (limit === log.syncedOffset) return log.syncedEnd;
  return residentPosition(log, log.segments[log.segmentIndexOf(limit)], limit);
}

/** The base offset of the batch at a stream position; the end offset at the end. */
function offsetAt(log: LogState, position: number): number {
  if (position === log.tail.end) return log.endOffset;
  land(log.tail, position, log.tail.end, 0);
  return landed.baseOffset;
}

function readFiles(log: LogState, offset: number, bytesMax: number, limit: number): LogRead {
  let index = log.segmentIndexOf(offset);
  for (let at = offset; at < limit; index++) {
    if (at >= log.residentOffset) return readResident(log, at, bytesMax, limit);
    const segment = log.segments[index];
    const found = readSegment(log, index, segment, at, bytesMax, limit);
    if (found.kind !== 'none') return found;
    if (found.nextOffset < log.boundOf(index) || index === log.segments.length - 1) return found;
    at = found.nextOffset;
  }
  return { kind: 'none', nextOffset: limit };
}

/** The part of a read that lies in one segment's file; 'none' when no batch of it does. */
function readSegment(log: LogState, index: number, segment: Segment, offset: number, bytesMax: number, limit: number): LogRead {
  settle(log, index);
  for (let attempt = 0; attempt < 2; attempt++) {
    const file = log.disk.open(segment.path, 'read');
    try {
      const found = searchFile(log, index, segment, file, offset, bytesMax, limit);
      if (found !== null) return found;
    } finally {
      file.close();
    }
    verifySegment(log, index);
  }
  return { kind: 'error', error: errors.KAFKA_STORAGE_ERROR.code };
}

/** null: what the index says and what the file holds do not fit together. */
function searchFile(
  log: LogState,
  index: number,
  segment: Segment,
  file: DiskFile,
  wanted: number,
  bytesMax: number,
  limit: number,
): LogRead | null {
  const headers = new FileHeaders(file);
  const end = fileEndOf(log, segment);
  const offset = segment.damageOf(wanted)?.nextOffset ?? wanted;
  const from = locate(log, segment, headers, end, offset);
  if (from === LOST) return null;
  if (from >= end) return { kind: 'none', nextOffset: log.boundOf(index) };
  const damage = segment.damageFrom(from);
  let to = Math.min(end, damage?.position ?? end);
  let nextOffset = damage !== undefined && to === damage.position ? damage.nextOffset : offsetAfterFile(log, index, segment);
  if (limit < nextOffset) {
    const bound = locate(log, segment, headers, end, limit);
    if (bound === LOST) return null;
    if (bound <= from) return { kind: 'none', nextOffset: Math.min(offset, limit) };
    if (bound < to) {
      if (!land(headers, bound, end, 0)) return null;
      to = bound;
      nextOffset = landed.baseOffset;
    }
  }
  if (to - from > bytesMax) {
    const cut = within(log, segment, headers, from, to, from + bytesMax);
    if (cut === LOST) return null;
    if (cut < to) {
      if (!land(headers, cut, end, 0)) return null;
      to = cut;
      nextOffset = landed.baseOffset;
    }
  }
  if (to <= from) return null;
  const goesOnAt = damage !== undefined && to === damage.position ? damage.position + damage.length : to;
  log.rememberCursor(nextOffset, segment, goesOnAt);
  return { kind: 'file', path: segment.path, position: from, length: to - from, nextOffset, checked: from >= segment.foundBytes };
}

/** Where a file read ends at most: at what is resident, which is read from there. */
function fileEndOf(log: LogState, segment: Segment): number {
  return Number.isNaN(segment.streamBase) ? segment.size : Math.min(segment.size, Math.max(0, log.tail.start - segment.streamBase));
}

function offsetAfterFile(log: LogState, index: number, segment: Segment): number {
  return fileEndOf(log, segment) < segment.size ? log.residentOffset : log.boundOf(index);
}

/** Position of the batch that holds `offset`, or of the next one; LOST when index and file do not fit together. */
export function locate(log: LogState, segment: Segment, headers: Headers, end: number, offset: number): number {
  const known = log.cursorAt(offset, segment);
  if (known >= 0) return known;
  const hint = segment.offsets.floorOffset(offset);
  if (!holds(segment, headers, hint, end)) return LOST;
  return hopInFile(headers, hint, end, offset, segment.offsets.found ? ANY : segment.baseOffset, groundOf(log, segment));
}

function within(log: LogState, segment: Segment, headers: Headers, from: number, to: number, most: number): number {
  const hint = segment.offsets.floorPosition(most);
  if (hint <= from || hint >= to) return hopWithin(headers, from, from, to, most, isDense(log));
  return holds(segment, headers, hint, to) ? hopWithin(headers, from, hint, to, most, isDense(log)) : LOST;
}

/** Whether the batch at the position that the last search of the index gave has the offset that it gave. */
function holds(segment: Segment, headers: Headers, position: number, end: number): boolean {
  const { found, foundOffset } = segment.offsets;
  if (!found || position === end) return true;
  return land(headers, position, end, segment.baseOffset) && landed.nextOffset - 1 === foundOffset;
}

export function groundOf(log: LogState, { damages }: Segment): Ground {
  return { damages, dense: isDense(log) };
}

function isDense(log: LogState): boolean {
  return !log.config.cleanupCompact;
}
