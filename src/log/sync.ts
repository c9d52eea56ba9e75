/**
 * From the kernel's pages onto the disk. Two callers: the host, which groups commits of `synced` topics, and the log itself, which
 * syncs segments when they are rolled, so that an unclean start has little to walk. A failed sync is never repeated on the same
 * descriptor: the kernel may have dropped the pages and would report success. Instead the bytes are written again to a new file.
 */
import { assert } from '../base/assert.ts';
import { MiB } from '../base/bytes.ts';
import { DiskError, type DiskFile, writeAll } from '../world/disk.ts';
import { dataFolderOf, saveCheckpointLater } from './checkpoint-file.ts';
import { LOG } from './files.ts';
import { flush, openForWriting } from './flush.ts';
import { tolerant } from './index-file.ts';
import type { Segment } from './segment.ts';
import type { LogState } from './state.ts';
import { walk } from './walk.ts';

/** Synced bytes after which the recovery offset is saved: a start rewrites no more than about this. */
const RECOVERY_STEP_BYTES = 32 * MiB;

/** Syncs everything written so far, off the thread. One at a time. */
export function syncLater(log: LogState, done: (error: DiskError | null) => void): void {
  begin(log, syncAll, done);
}

/** As syncLater, and waits for the disk: `done` is called before it returns. */
export function syncHere(log: LogState, done: (error: DiskError | null) => void): void {
  begin(log, syncEach, done);
}

function begin(log: LogState, sync: typeof syncAll, done: (error: DiskError | null) => void): void {
  assert(!log.syncing, 'one sync runs at a time');
  assert(!log.syncFailed, 'after a failed sync the bytes are written again first');
  const targetOffset = log.writtenOffset;
  const targetEnd = log.writtenEnd;
  const generation = log.syncGeneration;
  log.syncing = true;
  const ended = (error: DiskError | null): void => {
    log.syncing = false;
    if (log.closed || generation !== log.syncGeneration) return done(new DiskError('ECANCELED', 'fdatasync', log.folder ?? ''));
    if (error !== null) log.syncFailed = true;
    else advance(log, targetOffset, targetEnd);
    done(error);
  };
  try {
    syncNames(log);
    const files = log.segments.filter(
      (segment) => log.writtenSizeOf(segment) > 0 && segment.streamEnd > log.syncedEnd && segment.streamBase < targetEnd,
    );
    sync(
      files.map((segment) => openForWriting(log, segment)),
      ended,
    );
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    ended(error);
  }
}

/** As syncLater, blocking: for close and for start. */
export function syncNow(log: LogState): void {
  for (const segment of log.segments) {
    if (log.writtenSizeOf(segment) > 0 && segment.streamEnd > log.syncedEnd) openForWriting(log, segment).sync();
  }
  syncNames(log);
  advance(log, log.writtenOffset, log.writtenEnd);
}

/** Makes the names of new files, and of a new folder, durable. */
export function syncNames(log: LogState): void {
  if (log.folder === null) return;
  const names = log.shared.namesIn(log.disk, dataFolderOf(log));
  if (log.folderName > names.synced) {
    const { given } = names;
    log.disk.syncFolder(dataFolderOf(log));
    names.synced = given;
  }
  if (log.namesUnsynced) log.disk.syncFolder(log.folder);
  log.namesUnsynced = false;
}

/** Syncs the oldest rolled segment that is not synced yet, then the next. Topics that are `synced` do it by their commits. */
export function syncRolled(log: LogState): void {
  if (log.folder === null || log.syncingRolled || log.syncFailed || log.closed || log.config.durability === 'synced') return;
  const index = log.segments.findIndex((segment) => segment.streamEnd > log.syncedEnd);
  const segment = log.segments[index];
  if (segment === undefined || segment === log.active || segment.streamEnd > log.writtenEnd) return;
  const generation = log.syncGeneration;
  let file: DiskFile;
  try {
    file = openForWriting(log, segment);
  } catch (error) {
    if (error instanceof DiskError) return;
    throw error;
  }
  const offset = log.boundOf(index);
  const end = segment.streamEnd;
  log.syncingRolled = true;
  file.syncLater((error) => {
    log.syncingRolled = false;
    if (log.closed || generation !== log.syncGeneration) return;
    if (error !== null) {
      // Nothing was promised. The bytes stay readable, and a start walks this segment, since the recovery offset stays below it.
      log.report(segment.path, 0, segment.size, `a sync failed: ${error.code}`, 'the segment is not known to be durable');
      log.recoveryStuck = true;
    }
    advance(log, offset, end);
    syncRolled(log);
  });
}

function syncAll(files: readonly DiskFile[], done: (error: DiskError | null) => void): void {
  let left = files.length;
  let failed: DiskError | null = null;
  if (left === 0) return done(null);
  for (const file of files) {
    file.syncLater((error) => {
      failed ??= error;
      if (--left === 0) done(failed);
    });
  }
}

function syncEach(files: readonly DiskFile[], done: (error: DiskError | null) => void): void {
  let failed: DiskError | null = null;
  try {
    for (const file of files) file.sync();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    failed = error;
  }
  done(failed);
}

function advance(log: LogState, offset: number, end: number): void {
  if (end < log.syncedEnd) return;
  log.syncedOffset = Math.max(log.syncedOffset, offset);
  log.syncedEnd = end;
  settleRolled(log);
  moveRecovery(log);
}

/** Finishes rolled segments whose bytes are on the disk: their indexes are written and synced off the turn, their files closed. */
export function settleRolled(log: LogState): void {
  for (let i = log.segments.length - 2; i >= 0 && !log.segments[i].settled; i--) {
    const segment = log.segments[i];
    if (segment.streamEnd > log.syncedEnd) continue;
    segment.closeFile();
    if (segment.settling || !segment.writeIndexes()) continue;
    segment.settling = true;
    segment.offsets.file.syncLater((first) => {
      if (log.closed) return;
      segment.times.file.syncLater((second) => {
        segment.settling = false;
        // An index whose sync failed is not synced again: the recovery offset stays below, and the next start makes it anew.
        segment.settled = true;
        if (!first || !second) log.recoveryStuck = true;
        if (!log.closed) moveRecovery(log);
      });
    });
  }
}

/** The recovery offset follows what is synced, as far as all segments before it are settled. */
function moveRecovery(log: LogState): void {
  if (log.recoveryStuck) return;
  // Short of the end of the active segment: when that is rolled there, its indexes are not on the disk yet.
  let bound = log.syncedOffset > log.active.baseOffset ? log.syncedOffset - 1 : log.syncedOffset;
  for (let i = log.segments.length - 2; i >= 0 && !log.segments[i].settled; i--) bound = Math.min(bound, log.segments[i].baseOffset);
  const rolled = bound >= log.active.baseOffset && log.recoveryOffset < log.active.baseOffset;
  if (!rolled && log.syncedEnd - log.recoverySavedAt < RECOVERY_STEP_BYTES) return;
  // A segment whose name is lost is not there, whatever of its bytes is.
  if (!tolerant(() => syncNames(log))) {
    log.recoveryStuck = true;
    return;
  }
  log.recoveryOffset = Math.max(log.recoveryOffset, bound);
  log.recoverySavedAt = log.syncedEnd;
  saveCheckpointLater(log);
}

/**
 * After a failed sync: writes what is not synced to new files, through new descriptors, and cuts the old file at the synced end.
 * Then the log can be synced again. Throws DiskError, and may be called again.
 */
export function rehomeUnsynced(log: LogState): void {
  assert(log.folder !== null, 'only a log with a folder is synced');
  log.syncGeneration++;
  flush(log);
  const moved = log.segments.filter((segment) => segment.size > 0 && segment.streamEnd > log.syncedEnd);
  for (const segment of moved) rehome(log, segment);
  log.syncFailed = false;
  log.namesUnsynced = true;
  log.takeMark();
}

function rehome(log: LogState, segment: Segment): void {
  const from = Math.max(log.syncedEnd, segment.streamBase);
  // When nothing of a file is synced, a new file takes its name; else the new segment begins where the synced bytes end.
  const target = from === segment.streamBase ? segment : log.newSegment(log.syncedOffset);
  const temporary = `${target.stem}${LOG}.tmp`;
  log.disk.remove(temporary);
  const file = log.disk.open(temporary, 'create');
  try {
    copyWritten(log, segment, from, file);
    const left = target === segment ? null : divide(log, segment, from, target, file);
    log.disk.rename(temporary, target.path);
    // Nothing below fails, so that the log is as it was or as it is to be.
    segment.closeFile();
    target.setFile(file);
    target.exists = true;
    if (left !== null) replaceByTwo(log, segment, left, target);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Makes the two halves of a segment anew from their bytes; returns the first. */
function divide(log: LogState, segment: Segment, from: number, target: Segment, file: DiskFile): Segment {
  target.streamBase = from;
  walk(log, target, file, segment.streamEnd - from, log.boundOf(log.segments.indexOf(segment)));
  const left = log.newSegment(segment.baseOffset);
  const old = log.disk.open(segment.path, 'read');
  try {
    walk(log, left, old, from - segment.streamBase, target.baseOffset);
  } finally {
    old.close();
  }
  return left;
}

function replaceByTwo(log: LogState, segment: Segment, left: Segment, target: Segment): void {
  segment.takeOver(left);
  segment.damages = left.damages;
  segment.seal();
  log.segments.splice(log.segments.indexOf(segment) + 1, 0, target);
  log.forgetCursors();
  // Bytes that are left behind are ignored by a start: they lie at or beyond the next segment's base offset.
  segment.excess = true;
  cutLeftover(log, segment);
}

/** Cuts the file of a rolled segment where its batches end; the close tries again when the disk refuses. */
export function cutLeftover(log: LogState, segment: Segment): void {
  if (!segment.excess) return;
  tolerant(() => {
    const file = log.disk.open(segment.path, 'write');
    try {
      file.truncate(segment.size);
      file.sync();
      segment.excess = false;
    } finally {
      file.close();
    }
  });
}

/** Copies a segment's written bytes from a stream position on into a file of their own. */
function copyWritten(log: LogState, segment: Segment, from: number, into: DiskFile): void {
  const { tail } = log;
  const end = segment.streamEnd;
  let at = from;
  const firstResident = Math.min(Math.max(tail.start, from), end);
  if (at < firstResident) {
    const old = log.disk.open(segment.path, 'read');
    try {
      copyRange(old, at - segment.streamBase, firstResident - at, into, 0);
    } finally {
      old.close();
    }
    at = firstResident;
  }
  const slices: Buffer[] = [];
  while (at < end) {
    const bytes = tail.slices(at, end, slices, 1024);
    writeAll(into, slices, at - from);
    at += bytes;
  }
}

/** Copies bytes between files, or within one, 1 MiB at a time. Bytes that a file has no more are left out. */
export function copyRange(source: DiskFile, from: number, length: number, into: DiskFile, at: number): void {
  const buffer = Buffer.from(new ArrayBuffer(Math.min(length, 1 * MiB)));
  for (let done = 0; done < length; ) {
    const count = source.read(buffer.subarray(0, Math.min(buffer.length, length - done)), from + done);
    if (count === 0) return;
    writeAll(into, [buffer.subarray(0, count)], at + done);
    done += count;
  }
}
