/**
 * Opening a log. After a clean close its checkpoint is believed when the files are as long as it says; else the last segments are
 * walked. No start is refused for damage: what is torn is cut, what is damaged is quarantined, and both are reported.
 */
import { asideName } from '../world/aside-name.ts';
import { adoptFrames } from './adopt.ts';
import { roll } from './append.ts';
import { type Checkpoint, encodeCheckpoint } from './checkpoint.ts';
import { checkpointOf, cleanEndOf, dataFolderOf, mendTexts, saveCheckpoint, saveMetadata } from './checkpoint-file.ts';
import { LOG, OFFSET_INDEX, offsetName, offsetsOf, TIME_INDEX } from './files.ts';
import { readFolderFacts } from './folder-facts.ts';
import { tolerant } from './index-file.ts';
import { OFFSET_ENTRY_BYTES } from './offset-index.ts';
import { loadProducers } from './producers.ts';
import { recover } from './recover.ts';
import { type LogSetup, LogState } from './state.ts';
import { TIME_ENTRY_BYTES } from './time-index.ts';

export function openLog(setup: LogSetup): LogState {
  const log = new LogState(setup);
  try {
    if (log.folder !== null) openFolder(log, log.folder);
    adoptFrames(log);
    if (log.startOffset > log.endOffset) beginAtStart(log);
  } catch (error) {
    // The words and the frames are as they were, so that it can be tried again.
    for (const segment of log.segments) segment.close();
    throw error;
  }
  return log;
}

function openFolder(log: LogState, folder: string): void {
  const { names, checkpoint } = claimFolder(log, folder);
  log.recoveryOffset = checkpoint.recoveryOffset;
  log.epochs = [...checkpoint.epochs];
  for (const baseOffset of offsetsOf(names, LOG)) {
    const segment = log.newSegment(baseOffset);
    segment.exists = true;
    segment.size = -1;
    segment.foundBytes = Number.POSITIVE_INFINITY;
    segment.settled = true;
    log.segments.push(segment);
  }
  giveDamages(log, checkpoint);
  const isNew = log.segments.length === 0;
  log.deletedBefore = checkpoint.startOffset;
  log.startOffset = Math.max(checkpoint.startOffset, isNew ? 0 : log.segments[0].baseOffset);
  if (!isNew) log.active.settled = false;
  const isClean = log.setup.clean && !isNew && resumeClean(log, checkpoint, names);
  // The data folder was closed cleanly and this log was not: what it never synced has no name that lasts yet.
  if (!isClean) nameUnsynced(log);
  if (!isClean && !isNew) recover(log);
  if (isNew) roll(log);
  log.writtenOffset = log.endOffset;
  log.active.streamBase = 0;
  log.writtenEnd = log.active.size;
  if (isClean || isNew) {
    log.syncedOffset = log.endOffset;
    log.syncedEnd = log.writtenEnd;
  }
  log.recoverySavedAt = log.writtenEnd;
  log.residentOffset = log.endOffset;
  log.tail.reset(log.writtenEnd);
  log.takeMark();
  loadProducers(log, names);
  removeOrphans(log, names);
  while (log.epochs.length > 0 && log.epochs[log.epochs.length - 1].startOffset > log.endOffset) {
    log.epochs.pop();
    log.epochsChanged = true;
  }
  // A clean close does not sync them.
  mendTexts(log, names);
  if (isClean) log.openedAs = encodeCheckpoint(checkpointOf(log, cleanEndOf(log)));
  else if (!isNew) tolerant(() => saveCheckpoint(log));
}

/** Makes the folder, or takes it up. A folder of another topic that had this name is put aside. */
function claimFolder(log: LogState, folder: string): { names: string[]; checkpoint: Checkpoint } {
  const { topicId, clean } = log.setup;
  const names = log.disk.list(folder).filter((name) => !isTemporary(log, name));
  const facts = readFolderFacts(log.disk, folder, names);
  // Two files tell whose the folder is. One that agrees is enough, since the other may be damaged.
  const isOurs = facts.topicId === topicId || facts.own?.topicId === topicId;
  const stranger = isOurs ? null : (facts.topicId ?? facts.own?.topicId ?? null);
  if (stranger !== null) {
    const aside = asideName(folder, stranger, '-stray');
    log.disk.removeFolder(aside);
    log.disk.rename(folder, aside);
    log.report(folder, 0, 0, 'the folder belongs to another topic of this name', `it was renamed to ${aside}`);
    names.length = 0;
  } else
    for (const name of facts.damaged) log.report(`${folder}/${name}`, 0, 0, 'the file is damaged', 'its facts are taken from elsewhere');
  log.namesUnsynced = false;
  if (facts.topicId !== topicId || !clean) nameUnsynced(log);
  if (facts.topicId !== topicId) {
    log.disk.makeFolder(folder);
    tolerant(() => saveMetadata(log));
  }
  const checkpoint = stranger !== null || (facts.own !== null && facts.own.topicId !== topicId) ? EMPTY_CHECKPOINT : facts.checkpoint;
  return { names, checkpoint };
}

function nameUnsynced(log: LogState): void {
  log.namesUnsynced = true;
  log.folderName = ++log.shared.namesIn(log.disk, dataFolderOf(log)).given;
}

const EMPTY_CHECKPOINT: Checkpoint = { topicId: '', startOffset: 0, recoveryOffset: 0, epochs: [], damages: [], clean: null };

/** Files that were about to replace others are of no use to a start. */
function isTemporary(log: LogState, name: string): boolean {
  if (!name.endsWith('.tmp') && !name.endsWith('.next')) return false;
  tolerant(() => log.disk.remove(`${log.folder}/${name}`));
  return true;
}

/** Index files whose segment is gone: a crash came between their removals. */
function removeOrphans(log: LogState, names: readonly string[]): void {
  for (const suffix of [OFFSET_INDEX, TIME_INDEX]) {
    for (const offset of offsetsOf(names, suffix)) {
      if (log.segments[log.segmentIndexOf(offset)].baseOffset !== offset) {
        tolerant(() => log.disk.remove(`${log.folder}/${offsetName(offset)}${suffix}`));
      }
    }
  }
}

function giveDamages(log: LogState, checkpoint: Checkpoint): void {
  for (const { segment: baseOffset, firstOffset, nextOffset, position, length } of checkpoint.damages) {
    const segment = log.segments[log.segmentIndexOf(baseOffset)];
    if (segment?.baseOffset !== baseOffset) continue;
    log.addDamage(segment, { firstOffset, nextOffset, path: segment.path, position, length });
  }
}

/** Takes up what the checkpoint of a clean close says, when the last segment's files are as long as it says. */
function resumeClean(log: LogState, { clean }: Checkpoint, names: readonly string[]): boolean {
  const { active, disk } = log;
  if (clean === null || active.stem === null || clean.segment !== active.baseOffset) return false;
  const { mark } = clean;
  if (disk.stat(active.path)?.size !== mark.size) return false;
  const base = active.stem.slice((log.folder?.length ?? 0) + 1);
  const sizeOf = (suffix: string): number => (names.includes(base + suffix) ? (disk.stat(active.stem + suffix)?.size ?? 0) : 0);
  if (sizeOf(OFFSET_INDEX) !== mark.offsetEntries * OFFSET_ENTRY_BYTES || sizeOf(TIME_INDEX) !== mark.timeEntries * TIME_ENTRY_BYTES)
    return false;
  active.resume(mark);
  active.foundBytes = mark.size;
  log.endOffset = clean.endOffset;
  return true;
}

/** A log that holds less than its start offset says was deleted goes on there, so that no offset is given twice. */
function beginAtStart(log: LogState): void {
  const wasWritten = log.writtenEnd === log.tail.end;
  log.endOffset = log.startOffset;
  roll(log);
  if (wasWritten) log.writtenOffset = log.endOffset;
  if (log.syncedEnd === log.tail.end) log.syncedOffset = log.endOffset;
  if (log.tail.start === log.tail.end) log.residentOffset = log.endOffset;
  log.tail.publishEnd(log.endOffset);
}
