/** Reads slices of segment files on the asking thread: what a fetch answers with when the bytes are not in memory any more. */
import { baseOffsetOf, batchBytes, nextOffsetOf } from '../record/batch-layout.ts';
import { validateBatch } from '../record/batch-read.ts';
import type { Disk, DiskError, DiskFile } from '../world/disk.ts';

/**
 * Reads a slice into `into`, which has room for it, or a buffer of its own; `done` comes later. A file that is gone was deleted by retention: the asker fetches again. The
 * file is opened for each slice (some 10 µs): a descriptor that was kept would still read the file that had the name before, when a topic
 * was deleted and made again, or a segment was written anew.
 */
export function readSlice(
  disk: Disk,
  path: string,
  position: number,
  length: number,
  done: (error: DiskError | null, bytes: Buffer | null) => void,
  into?: Buffer,
): void {
  let file: DiskFile;
  try {
    file = disk.open(path, 'read');
  } catch (error) {
    return done(error as DiskError, null);
  }
  const bytes = into?.subarray(0, length) ?? Buffer.from(new ArrayBuffer(length));
  file.readLater(bytes, position, (error, count) => done(error, error === null ? bytes.subarray(0, count) : null));
  file.close();
}

/**
 * Whether these whole batches match their CRCs and continue each other: what comes from a file is checked before anyone reads it. Base
 * offsets lie outside of the CRC, so they are held against their neighbours and against the range that the host told.
 */
export function isSound(bytes: Buffer, offset: number, nextOffset: number): boolean {
  let next = -1;
  for (let at = 0; at < bytes.length; at += batchBytes(bytes, at)) {
    if (validateBatch(bytes, at, bytes.length) !== 0 || baseOffsetOf(bytes, at) < next) return false;
    next = nextOffsetOf(bytes, at);
    if (at === 0 && next <= offset) return false;
  }
  return next <= nextOffset;
}
