/**
 * An unclean start: walks what may not have reached the disk whole, from the recovery offset on and the last segment always. The
 * torn end of the last segment is cut; other damage is quarantined and stays where it is.
 */
import { baseOffsetOf } from '../record/batch-layout.ts';
import type { DiskFile } from '../world/disk.ts';
import { tolerant } from './index-file.ts';
import type { Segment } from './segment.ts';
import type { LogState } from './state.ts';
import { copyRange, syncNames } from './sync.ts';
import { noteEpoch, quarantine, walk } from './walk.ts';

export function recover(log: LogState): void {
  const { segments } = log;
  const last = segments.length - 1;
  let first = last;
  while (first > 0 && segments[first].baseOffset > log.recoveryOffset) first--;
  let totalBytes = 0;
  for (let i = first; i <= last; i++) totalBytes += log.disk.stat(segments[i].path)?.size ?? 0;
  let doneBytes = 0;
  for (let i = first; i <= last; i++) {
    const tell = (position: number): void =>
      log.setup.report({ kind: 'recovery', progress: { doneBytes: doneBytes + position, totalBytes } });
    const file = log.disk.open(segments[i].path, 'write');
    segments[i].setFile(file);
    const size = file.size();
    if (i < last) recoverRolled(log, i, file, size, tell);
    else recoverLast(log, segments[i], file, size, tell);
    doneBytes += size;
    if (totalBytes > 0) tell(0);
    for (const { firstOffset } of segments[i].damages) log.lossyFrom = Math.min(log.lossyFrom, firstOffset);
  }
  syncRecovered(log, first);
}

function recoverRolled(log: LogState, index: number, file: DiskFile, size: number, tell: (position: number) => void): void {
  const segment = log.segments[index];
  const before = segment.damages;
  const bound = log.segments[index + 1].baseOffset;
  const end = walk(log, segment, file, size, bound, (header, at) => noteEpoch(log, header, at, baseOffsetOf(header, at)), tell);
  if (end.nextOffset < bound) {
    const damage = {
      firstOffset: end.nextOffset,
      nextOffset: bound,
      path: segment.path,
      position: end.position,
      length: size - end.position,
    };
    quarantine(log, segment, before, damage, end.rest?.what ?? 'bytes are missing');
  }
  segment.size = end.position;
  segment.seal();
  releaseIndexes(segment);
}

/** Indexes leave memory as soon as they are in their files, so that a start of many logs needs little of it. */
function releaseIndexes(segment: Segment): void {
  if (!segment.writeIndexes()) return;
  segment.offsets.file.release(segment.offsets.file.count);
  segment.times.file.release(segment.times.file.count);
}

function recoverLast(log: LogState, segment: Segment, file: DiskFile, size: number, tell: (position: number) => void): void {
  const bound = Number.POSITIVE_INFINITY;
  const end = walk(log, segment, file, size, bound, (header, at) => noteEpoch(log, header, at, baseOffsetOf(header, at)), tell);
  log.endOffset = end.nextOffset;
  releaseIndexes(segment);
  if (end.rest === null) return;
  log.report(segment.path, end.position, end.rest.length, end.rest.what, 'the bytes were cut: no sound batch follows');
  file.truncate(end.position);
}

/**
 * What was walked becomes durable, as far as it promises to be. A sync that failed before the last process ended may have left
 * pages that are readable and clean, which no later sync would write: so what is not known to be synced is written again first.
 */
function syncRecovered(log: LogState, first: number): void {
  const { segments, active } = log;
  const promised = log.config.durability === 'synced';
  let durable = true;
  for (let i = first; i < segments.length; i++) {
    const segment = segments[i];
    const { file } = segment;
    if (file === null) continue;
    const sync = (): void => {
      if (promised) rewrite(log, segment, file);
      file.sync();
    };
    if (promised) sync();
    else if (segment !== active && !tolerant(sync)) durable = false;
    if (segment === active) continue;
    segment.closeFile();
    if (!segment.syncIndexes()) durable = false;
  }
  // What is said to need no walk must have a name that lasts.
  if (promised) syncNames(log);
  else if (active.baseOffset > log.recoveryOffset && !tolerant(() => syncNames(log))) durable = false;
  if (durable) log.recoveryOffset = Math.max(active.baseOffset, promised ? log.endOffset - 1 : 0);
  log.syncedOffset = promised ? log.endOffset : active.baseOffset;
  log.syncedEnd = promised ? active.size : 0;
}

function rewrite(log: LogState, segment: Segment, file: DiskFile): void {
  const from = log.recoveryOffset <= segment.baseOffset ? 0 : segment.offsets.floorOffset(log.recoveryOffset - 1);
  copyRange(file, from, segment.size - from, file, from);
}
