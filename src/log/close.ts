/** The end of a log: closed so that the next start need not walk, or removed with all its files. */
import { asideName } from '../world/aside-name.ts';
import { encodeCheckpoint } from './checkpoint.ts';
import { checkpointOf, cleanEndOf, dataFolderOf, saveCleanCheckpoint } from './checkpoint-file.ts';
import { offsetName, SNAPSHOT } from './files.ts';
import { flush, openForWriting, writeSnapshot } from './flush.ts';
import { tolerant } from './index-file.ts';
import { encodeSnapshot } from './producer-snapshot.ts';
import type { LogState } from './state.ts';
import { cutLeftover, rehomeUnsynced, syncNow } from './sync.ts';

/** Clean: everything is written and synced, and the checkpoint says so. Throws DiskError; the log is closed all the same. */
export function closeLog(log: LogState, clean: boolean): void {
  if (log.closed) return;
  try {
    if (clean && log.folder !== null) settleFiles(log);
  } finally {
    release(log);
  }
}

function settleFiles(log: LogState): void {
  if (isUnused(log) || isAsOpened(log)) return;
  flush(log);
  if (!log.active.exists) openForWriting(log, log.active);
  if (log.syncFailed) rehomeUnsynced(log);
  syncNow(log);
  for (const segment of log.segments) if (segment !== log.active) cutLeftover(log, segment);
  for (const segment of log.segments) if (segment.dirty || segment.unsyncedIndexes) segment.syncIndexes();
  const snapshot = encodeSnapshot(log.setup.snapshotProducers());
  writeSnapshot(log, `${log.folder}/${offsetName(log.endOffset)}${SNAPSHOT}`, snapshot);
  saveCleanCheckpoint(log, cleanEndOf(log));
}

/** Nothing was ever written to it: an empty folder says as much. */
function isUnused(log: LogState): boolean {
  return log.endOffset === 0 && log.segments.length === 1 && !log.active.exists;
}

/** It was opened clean, and all that its checkpoint says of it is still so. */
function isAsOpened(log: LogState): boolean {
  const { openedAs, segments } = log;
  if (openedAs === null || log.syncFailed || log.namesUnsynced || log.strays.length > 0) return false;
  if (segments.some(({ dirty, unsyncedIndexes, excess }) => dirty || unsyncedIndexes || excess)) return false;
  return openedAs.equals(encodeCheckpoint(checkpointOf(log, cleanEndOf(log))));
}

/** Removes the log. First its folder loses its name in one step, so that a start never finds half of it. */
export function destroyLog(log: LogState): void {
  release(log);
  if (log.folder === null) return;
  const removed = asideName(log.folder, log.setup.topicId, '-delete');
  log.disk.removeFolder(removed);
  if (log.disk.stat(log.folder) === null) return;
  log.disk.rename(log.folder, removed);
  tolerant(() => log.disk.syncFolder(dataFolderOf(log)));
  log.disk.removeFolder(removed);
}

function release(log: LogState): void {
  if (log.closed) return;
  log.closed = true;
  for (const segment of log.segments) segment.close();
  log.tail.close();
}
