/** What a start tells about producers: the newest usable snapshot, then every batch after it. */
import { DiskError, readWhole } from '../world/disk.ts';
import { offsetName, offsetsOf, SNAPSHOT } from './files.ts';
import { ANY, FileHeaders, hopInFile, LOST, landed } from './hop.ts';
import { tolerant } from './index-file.ts';
import { decodeSnapshot } from './producer-snapshot.ts';
import { groundOf, locate } from './read.ts';
import type { LogState } from './state.ts';
import { settle, verifySegment } from './verify.ts';

/** Loads the newest sound snapshot at or below the end, removes those that serve no one, and visits the batches after it. */
export function loadProducers(log: LogState, names: readonly string[]): void {
  let from = -1;
  for (const offset of offsetsOf(names, SNAPSHOT).reverse()) {
    const path = `${log.folder}/${offsetName(offset)}${SNAPSHOT}`;
    if (from < 0) {
      const entries = offset <= log.endOffset ? readSnapshot(log, path) : null;
      if (entries !== null) {
        log.setup.loadProducers(entries);
        from = offset;
        continue;
      }
    } else if (log.segments[log.segmentIndexOf(offset)].baseOffset === offset) continue;
    // Beyond the end it speaks of batches that are not there; damaged it speaks of nothing; between segments it is outlived.
    tolerant(() => log.disk.remove(path));
  }
  visitFiles(log, Math.max(from, log.startOffset));
}

function readSnapshot(log: LogState, path: string): ReturnType<typeof decodeSnapshot> {
  const bytes = readWhole(log.disk, path);
  const entries = bytes === null ? null : decodeSnapshot(bytes);
  if (bytes !== null && entries === null)
    log.report(path, 0, bytes.length, 'the producer snapshot is damaged', 'an older one and the batches after it are read');
  return entries;
}

/** Tells the headers of all batches in files from an offset on. */
function visitFiles(log: LogState, offset: number): void {
  for (let index = log.segmentIndexOf(offset); index < log.segments.length; index++) {
    const segment = log.segments[index];
    if (log.boundOf(index) <= offset || !segment.exists) continue;
    settle(log, index);
    if (!visitSegment(log, index, offset)) {
      verifySegment(log, index);
      visitSegment(log, index, offset);
    }
  }
}

function visitSegment(log: LogState, index: number, offset: number): boolean {
  const segment = log.segments[index];
  if (segment.size === 0) return true;
  let file: ReturnType<LogState['disk']['open']>;
  try {
    file = log.disk.open(segment.path, 'read');
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return true;
    throw error;
  }
  try {
    const headers = new FileHeaders(file);
    let position = locate(log, segment, headers, segment.size, offset);
    let next = ANY;
    while (position !== LOST && position < segment.size) {
      position = hopInFile(headers, position, segment.size, 0, next, groundOf(log, segment));
      if (position === LOST || position >= segment.size) break;
      const { bytes, baseOffset, nextOffset } = landed;
      log.setup.visitBatch(headers.bytes, headers.seek(position), baseOffset);
      position += bytes;
      next = nextOffset;
    }
    return position !== LOST;
  } finally {
    file.close();
  }
}
