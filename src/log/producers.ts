/** What a start tells about producers: the newest usable snapshot, then every batch after it. */
import { DiskError, readWhole } from '../world/disk.ts';
import { offsetName, offsetsOf, SNAPSHOT } from './files.ts';
import { ANY, FileHeaders, hopInFile, LOST, landed } from './hop.ts';
import { tolerant } from './index-file.ts';
import { decodeSnapshot, type ProducerEntry } from './producer-snapshot.ts';
import { groundOf, locate } from './read.ts';
import type { LogState } from './state.ts';
import { settle, verifySegment } from './verify.ts';

/**
 * Loads the newest sound snapshot at or below the end and visits the batches after it. One more is kept, for the case that the newest
 * is found damaged another time; older ones serve no one.
 */
export function loadProducers(log: LogState, names: readonly string[]): void {
  let from = -1;
  let kept = 0;
  for (const offset of offsetsOf(names, SNAPSHOT).reverse()) {
    const path = `${log.folder}/${offsetName(offset)}${SNAPSHOT}`;
    // Beyond the end, or behind a loss, it may speak of batches that are not there: sent again, they would be taken for duplicates.
    const isUseful = kept < SNAPSHOTS_KEPT && offset <= Math.min(log.endOffset, log.lossyFrom);
    const entries = isUseful && (from < 0 || !log.setup.clean) ? readSnapshot(log, path) : null;
    if (entries !== null && from < 0) {
      log.setup.loadProducers(entries);
      from = offset;
    }
    if (isUseful && (entries !== null || (from >= 0 && log.setup.clean))) kept++;
    else tolerant(() => log.disk.remove(path));
  }
  visitFiles(log, Math.max(from, log.startOffset));
}

/** Snapshots of a log; a roll removes the one before. */
const SNAPSHOTS_KEPT = 2;

function readSnapshot(log: LogState, path: string): ProducerEntry[] | null {
  const bytes = readWhole(log.disk, path);
  const entries = bytes === null ? null : decodeSnapshot(bytes);
  // One without bytes was written and not synced before power went.
  if (bytes !== null && bytes.length > 0 && entries === null) {
    log.report(path, 0, bytes.length, 'the producer snapshot is damaged', 'an older one and the batches after it are read');
  }
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
