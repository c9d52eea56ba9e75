/** Makes what is known of a segment anew from its file: indexes, largest timestamp, damage. The one authority about a segment. */
import { lastOffsetOf, leaderEpochOf, maxTimestampOf } from '../record/batch-layout.ts';
import type { DiskFile } from '../world/disk.ts';
import { type ScanEnd, type ScannedDamage, scan } from './scan.ts';
import type { Segment } from './segment.ts';
import type { LogState } from './state.ts';

/**
 * Reads the first `size` bytes of a segment's file by CRC. Afterwards the segment ends after its last sound batch, and `damages`
 * holds what lies between sound batches; what lies after the last one is returned, for the caller to decide.
 */
export function walk(
  log: LogState,
  segment: Segment,
  file: DiskFile,
  size: number,
  boundOffset: number,
  onBatch: (header: Buffer, at: number) => void = ignore,
  onProgress: (position: number) => void = ignore,
): ScanEnd {
  const { indexIntervalBytes, cleanupCompact } = log.config;
  // Into a segment of its own, so that a disk that refuses leaves what was known.
  const fresh = log.newSegment(segment.baseOffset);
  const found: ScannedDamage[] = [];
  const end = scan({
    file,
    from: 0,
    size,
    minOffset: segment.baseOffset,
    boundOffset,
    dense: !cleanupCompact,
    onProgress,
    onBatch(header, at, position, bytes) {
      fresh.size = position;
      fresh.note(lastOffsetOf(header, at), maxTimestampOf(header, at), bytes, indexIntervalBytes);
      onBatch(header, at);
    },
    onDamage: (damage) => found.push(damage),
  });
  const known = segment.damages;
  segment.takeOver(fresh);
  for (const { position, length, firstOffset, nextOffset, what } of found) {
    quarantine(log, segment, known, { firstOffset, nextOffset, path: segment.path, position, length }, what);
  }
  return end;
}

/** Adds a damage to a segment; tells of it unless it was known. */
export function quarantine(
  log: LogState,
  segment: Segment,
  known: readonly Segment['damages'][number][],
  damage: Segment['damages'][number],
  what: string,
): void {
  // Offsets that are missing below the start offset were deleted.
  if (damage.nextOffset <= log.startOffset && damage.length === 0) return;
  log.addDamage(segment, damage);
  const old = known.some(({ position, length }) => position === damage.position && length === damage.length);
  if (!old) {
    log.report(
      segment.path,
      damage.position,
      damage.length,
      what,
      `offsets ${damage.firstOffset} to ${damage.nextOffset - 1} are quarantined`,
    );
  }
}

/** Notes the leader epoch of a batch that was found by a walk. */
export function noteEpoch(log: LogState, header: Buffer, at: number, baseOffset: number): void {
  const epoch = leaderEpochOf(header, at);
  const last = log.epochs.at(-1);
  if (epoch < 0 || (last !== undefined && epoch <= last.epoch)) return;
  log.epochs.push({ epoch, startOffset: baseOffset });
  log.epochsChanged = true;
}

function ignore(): void {}
