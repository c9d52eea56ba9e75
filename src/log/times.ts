/** Finding records by their timestamps: the time index leads to a batch, the batch to a record. */
import { batchBytes, maxTimestampOf } from '../record/batch-layout.ts';
import { RecordCursor } from '../record/batch-read.ts';
import { ANY, FileHeaders, type Headers, hopInFile, LOST, landed } from './hop.ts';
import { groundOf, locate } from './read.ts';
import type { Segment } from './segment.ts';
import type { LogState, OffsetAtTime } from './state.ts';
import { settle, verifySegment } from './verify.ts';

/** The first record, by offset, whose timestamp is at or after `timestampMs`; null when there is none. Throws DiskError. */
export function offsetForTimestamp(log: LogState, timestampMs: number): OffsetAtTime | null {
  for (let index = log.segmentIndexOf(log.startOffset); index < log.segments.length; index++) {
    if (largestTimestampOf(log, index).timestampMs < timestampMs) continue;
    const found = within(log, index, (segment, headers) => findInSegment(log, segment, headers, timestampMs));
    if (found !== null) return found;
  }
  return null;
}

/** The record with the largest timestamp; of several the first. null when the log is empty. */
export function maxTimestamp(log: LogState): OffsetAtTime | null {
  let largest = -1;
  for (let index = log.segmentIndexOf(log.startOffset); index < log.segments.length; index++) {
    const isCut = log.segments[index].baseOffset < log.startOffset;
    largest = Math.max(largest, isCut ? largestFromStart(log, index) : largestTimestampOf(log, index).timestampMs);
  }
  return largest < 0 ? null : offsetForTimestamp(log, largest);
}

/** The largest timestamp of the segment that the start offset lies in, of what was not deleted. */
function largestFromStart(log: LogState, index: number): number {
  settle(log, index);
  let largest = -1;
  within(log, index, (segment, headers) => {
    const from = locate(log, segment, headers, segment.size, log.startOffset);
    if (from === LOST) return LOST;
    const lost = eachBatch(log, segment, headers, Math.max(from, lowestOf(log, segment)), (timestampMs, position, bytes) => {
      const isCut = landed.baseOffset < log.startOffset;
      largest = Math.max(largest, isCut ? largestInBatch(batchAt(log, segment, position, bytes), log.startOffset) : timestampMs);
      return false;
    });
    return lost ? LOST : null;
  });
  return largest;
}

function largestInBatch(batch: Buffer, minOffset: number): number {
  let largest = -1;
  const cursor = new RecordCursor();
  cursor.open(batch, 0, batch.length, minOffset);
  while (cursor.next()) largest = Math.max(largest, cursor.timestampMs);
  return largest;
}

/** The largest timestamp of a segment, and the last offset of the batch that has it; −1 when it is empty. Throws DiskError. */
export function largestTimestampOf(log: LogState, index: number): OffsetAtTime {
  const segment = log.segments[index];
  settle(log, index);
  if (segment.maxTimestamp < 0 && segment.size > 0 && segment !== log.active) learnMaxTimestamp(log, index);
  return { offset: segment.maxTimestampOffset, timestampMs: segment.maxTimestamp };
}

/**
 * The newest entry of the time index is only where to begin: the batch must agree with it, and the batches behind it are looked
 * at too, since an index may have lost its end. A wrong largest timestamp would let retention remove a segment too early.
 */
function learnMaxTimestamp(log: LogState, index: number): void {
  const segment = log.segments[index];
  const { times } = segment;
  within(log, index, (_, headers) => {
    let from = 0;
    if (times.last()) {
      const { foundTimestamp, foundOffset } = times;
      from = locate(log, segment, headers, segment.size, foundOffset);
      if (from === LOST || from >= segment.size) return LOST;
      if (timestampAt(headers, from) !== foundTimestamp) return LOST;
    } else if (segment.offsets.file.count > 0) return LOST;
    let largest: OffsetAtTime = { offset: -1, timestampMs: -1 };
    const lost = eachBatch(log, segment, headers, from, (timestampMs) => {
      if (timestampMs > largest.timestampMs) largest = { offset: landed.nextOffset - 1, timestampMs };
      return false;
    });
    if (lost) return LOST;
    segment.maxTimestamp = largest.timestampMs;
    segment.maxTimestampOffset = largest.offset;
    return null;
  });
}

function findInSegment(log: LogState, segment: Segment, headers: Headers, timestampMs: number): OffsetAtTime | null | typeof LOST {
  let from = lowestOf(log, segment);
  if (segment.times.floor(timestampMs) && segment.times.foundOffset >= log.residentOffsetIfMemory) {
    const { foundTimestamp, foundOffset } = segment.times;
    from = locate(log, segment, headers, segment.size, foundOffset);
    if (from === LOST || from >= segment.size) return LOST;
    if (timestampAt(headers, from) !== foundTimestamp) return LOST;
    // The entry's batch may hold the record itself, when its timestamp is the one asked for.
  }
  let found: OffsetAtTime | null = null;
  const lost = eachBatch(log, segment, headers, from, (largest, position, bytes) => {
    if (largest < timestampMs || landed.nextOffset <= log.startOffset) return false;
    found = findInBatch(batchAt(log, segment, position, bytes), timestampMs, log.startOffset);
    return found !== null;
  });
  return lost ? LOST : found;
}

/** Where the segment's first batch begins: a log without files may have given the earlier ones back. */
function lowestOf(log: LogState, segment: Segment): number {
  return log.folder === null ? Math.max(0, log.tail.start - segment.streamBase) : 0;
}

function findInBatch(batch: Buffer, timestampMs: number, minOffset: number): OffsetAtTime | null {
  const cursor = new RecordCursor();
  cursor.open(batch, 0, batchBytes(batch, 0), minOffset);
  while (cursor.next()) if (cursor.timestampMs >= timestampMs) return { offset: cursor.offset, timestampMs: cursor.timestampMs };
  return null;
}

/** Calls `visit` for the batches from a position on until it says true. Returns whether the way was lost. */
function eachBatch(
  log: LogState,
  segment: Segment,
  headers: Headers,
  from: number,
  visit: (maxTimestamp: number, position: number, bytes: number) => boolean,
): boolean {
  const ground = groundOf(log, segment);
  let next = from === 0 && log.folder !== null ? segment.baseOffset : ANY;
  let position = from;
  while (position < segment.size) {
    position = hopInFile(headers, position, segment.size, 0, next, ground);
    if (position === LOST) return true;
    if (position >= segment.size) return false;
    const { bytes, nextOffset } = landed;
    if (visit(timestampAt(headers, position), position, bytes)) return false;
    position += bytes;
    next = nextOffset;
  }
  return false;
}

/** The largest timestamp of the batch at a position. */
function timestampAt(headers: Headers, position: number): number {
  // `bytes` is another buffer after a seek.
  const at = headers.seek(position);
  return maxTimestampOf(headers.bytes, at);
}

/** Runs a search over a segment's headers; when it is lost, walks the segment and runs it once more. */
function within<T>(log: LogState, index: number, search: (segment: Segment, headers: Headers) => T | typeof LOST): T | null {
  const segment = log.segments[index];
  for (let attempt = 0; attempt < 2; attempt++) {
    const headers = new SegmentHeaders(log, segment);
    try {
      const found = search(segment, headers);
      if (found !== LOST) return found as T;
    } finally {
      headers.close();
    }
    verifySegment(log, index);
  }
  return null;
}

function batchAt(log: LogState, segment: Segment, position: number, bytes: number): Buffer {
  const batch = Buffer.from(new ArrayBuffer(bytes));
  const stream = segment.streamBase + position;
  if (stream >= log.tail.start) {
    log.tail.copy(stream, stream + bytes, batch, 0);
    return batch;
  }
  const file = log.disk.open(segment.path, 'read');
  try {
    file.read(batch, position);
    return batch;
  } finally {
    file.close();
  }
}

/** The headers of a segment by position, in frames where they are resident, else in the file. */
class SegmentHeaders implements Headers {
  readonly #log: LogState;
  readonly #segment: Segment;
  #file: FileHeaders | null = null;
  #close: (() => void) | null = null;
  bytes: Buffer;

  constructor(log: LogState, segment: Segment) {
    this.#log = log;
    this.#segment = segment;
    this.bytes = log.tail.bytes;
  }

  seek(position: number): number {
    const { tail, disk } = this.#log;
    const stream = this.#segment.streamBase + position;
    if (stream >= tail.start) {
      const at = tail.seek(stream);
      this.bytes = tail.bytes;
      return at;
    }
    if (this.#file === null) {
      const file = disk.open(this.#segment.path, 'read');
      this.#file = new FileHeaders(file);
      this.#close = () => file.close();
    }
    this.bytes = this.#file.bytes;
    return this.#file.seek(position);
  }

  close(): void {
    this.#close?.();
  }
}
