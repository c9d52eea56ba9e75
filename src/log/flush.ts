/**
 * From the frames into the segment files: one writev of frame slices per touched segment. It decides nothing about when; a disk
 * that refuses is a DiskError, after which everything that was written whole counts, and the log can be asked again.
 */
import { assert } from '../base/assert.ts';
import { maxTimestampOf } from '../record/batch-layout.ts';
import { DiskError, type DiskFile } from '../world/disk.ts';
import { replaceUnsynced } from './checkpoint-file.ts';
import { SNAPSHOT } from './files.ts';
import { hopToOffset, land, landed } from './hop.ts';
import { tolerant } from './index-file.ts';
import { EMPTY_MARK, type Segment } from './segment.ts';
import type { LogState } from './state.ts';

/** The most slices that one writev takes. */
const SLICES_MAX = 1024;
const slices: Buffer[] = [];

/** Writes everything that memory alone holds. Throws DiskError. */
export function flush(log: LogState): void {
  const { tail } = log;
  if (log.folder === null || log.writtenEnd === tail.end) return;
  removeStrays(log);
  let first = log.segments.length - 1;
  while (log.segments[first].streamBase > log.writtenEnd) first--;
  for (let i = first; i < log.segments.length; i++) {
    const segment = log.segments[i];
    // Ends before writtenEnd, or is empty: nothing of it waits.
    if (segment.streamEnd <= log.writtenEnd && segment.exists) continue;
    writeSegment(log, segment);
    log.writtenEnd = segment.streamEnd;
    log.writtenOffset = log.boundOf(i);
  }
  assert(log.writtenEnd === tail.end && log.writtenOffset === log.endOffset, 'a flush writes everything');
  tail.publishWritten(log.writtenEnd);
  log.takeMark();
}

/** Opens the file of a segment for writing, and makes it if need be. */
export function openForWriting(log: LogState, segment: Segment): DiskFile {
  const known = segment.useFile();
  if (known !== null) return known;
  if (!segment.exists) {
    log.namesUnsynced = true;
    if (segment.snapshot !== null) {
      writeSnapshot(log, `${segment.stem}${SNAPSHOT}`, segment.snapshot);
      removeOldSnapshot(log, segment);
    }
    // A leftover of this name was never part of the log.
    segment.excess = true;
  }
  const file = log.disk.open(segment.path, 'create');
  segment.setFile(file);
  segment.exists = true;
  segment.snapshot = null;
  return file;
}

/** The newest two snapshots are kept. */
function removeOldSnapshot(log: LogState, segment: Segment): void {
  const old = log.segments[log.segments.indexOf(segment) - 2];
  if (old !== undefined) tolerant(() => log.disk.remove(`${old.stem}${SNAPSHOT}`));
}

/** A start without the snapshot reads more batches, so a disk that refuses it costs nothing else. */
export function writeSnapshot(log: LogState, path: string, bytes: Buffer): void {
  tolerant(() => replaceUnsynced(log.disk, path, bytes));
}

function writeSegment(log: LogState, segment: Segment): void {
  const from = Math.max(log.writtenEnd, segment.streamBase);
  const to = segment.streamEnd;
  const file = openForWriting(log, segment);
  if (segment.excess) {
    if (file.size() > from - segment.streamBase) file.truncate(from - segment.streamBase);
    segment.excess = false;
  }
  let at = from;
  try {
    while (at < to) {
      log.tail.slices(at, to, slices, SLICES_MAX);
      const count = file.write(slices, at - segment.streamBase);
      if (count === 0) throw new DiskError('EIO', 'write (nothing taken)', segment.path);
      at += count;
    }
  } catch (error) {
    // The bytes of a batch that was cut short are overwritten by the next flush, or cut when the batch is taken back.
    segment.excess = true;
    countWhole(log, at);
    throw error;
  } finally {
    slices.length = 0;
  }
}

/** Moves the written end over the batches that lie below `reached` whole. */
function countWhole(log: LogState, reached: number): void {
  while (log.writtenEnd < reached && land(log.tail, log.writtenEnd, reached, 0)) {
    log.writtenEnd += landed.bytes;
    log.writtenOffset = landed.nextOffset;
  }
  log.tail.publishWritten(log.writtenEnd);
}

/** Forgets the unwritten batches from `offset` on, which is where one of them begins, or the end. */
export function truncateTo(log: LogState, offset: number): void {
  assert(offset >= log.writtenOffset && offset <= log.endOffset, 'only what is not written can be taken back');
  assert(offset >= log.startOffset, 'what is taken back was not deleted');
  if (offset === log.endOffset) return;
  const { tail, mark, segments } = log;
  const position = hopToOffset(tail, log.writtenEnd, tail.end, offset);
  assert(position >= 0 && position < tail.end && landed.baseOffset === offset, 'a log is cut where a batch begins');
  const first = segments.indexOf(mark.segment);
  assert(first >= 0, 'the segment that was last written is part of the log');
  const ends = segments.map(({ streamEnd }) => Math.min(streamEnd, position));
  while (segments.length - 1 > first && log.active.streamBase >= position) drop(log);
  for (let i = first; i < segments.length; i++) {
    const segment = segments[i];
    segment.restore(i === first ? mark.at : EMPTY_MARK);
    renote(log, segment, ends[i]);
    if (i < segments.length - 1) segment.seal();
  }
  while (log.epochs.length > 0 && log.epochs[log.epochs.length - 1].startOffset >= offset) {
    log.epochs.pop();
    log.epochsChanged = true;
  }
  log.endOffset = offset;
  tail.cut(position);
  tail.publishEnd(offset);
  tail.giveAboveEnd();
  log.forgetCursors();
  cutExcess(log, log.active);
}

/** Notes again the batches of a segment up to a stream position. */
function renote(log: LogState, segment: Segment, end: number): void {
  while (segment.streamEnd < end) {
    assert(land(log.tail, segment.streamEnd, end, 0), 'resident batches follow each other');
    const { nextOffset, bytes } = landed;
    const at = log.tail.seek(segment.streamEnd);
    segment.note(nextOffset - 1, maxTimestampOf(log.tail.bytes, at), bytes, log.config.indexIntervalBytes);
  }
}

function drop(log: LogState): void {
  const segment = log.segments.pop();
  assert(segment !== undefined, 'there is a segment to drop');
  segment.close();
  if (!segment.exists || segment.stem === null) return;
  // A file of this name would tell a start that the segment before it ends there: it must go before that is written again.
  log.strays.push(segment.path, `${segment.stem}${SNAPSHOT}`);
  log.namesUnsynced = true;
  tolerant(() => removeStrays(log));
}

/** Removes files that are no longer part of the log. Throws DiskError, and goes on from there the next time. */
export function removeStrays(log: LogState): void {
  while (log.strays.length > 0) {
    log.disk.remove(log.strays[log.strays.length - 1]);
    log.strays.pop();
  }
}

/** Cuts what a file has beyond its written batches; the next flush does it if the disk refuses now. */
function cutExcess(log: LogState, segment: Segment): void {
  const { file } = segment;
  if (file === null || !segment.excess) return;
  const size = log.writtenSizeOf(segment);
  if (tolerant(() => (file.size() > size ? file.truncate(size) : undefined))) segment.excess = false;
}
