/**
 * `spillway check --repair`: acts on what a check found. A file is never changed in place: a mended copy is written beside it, synced,
 * renamed over it, and the folder synced, so that a crash leaves the old file or the new one. Damaged bytes that cannot be mended
 * stay where they are and are remembered as quarantined.
 */

import { dirname } from 'node:path';
import { lastOffsetOf, maxTimestampOf } from '../record/batch-layout.ts';
import { type Disk, type DiskFile, replaceWhole, writeAll } from '../world/disk.ts';
import { type CheckStep, type CheckSummary, checkFolder, type Finding, type PartitionFacts } from './check.ts';
import type { SegmentFacts } from './check-segment.ts';
import { encodeCheckpoint } from './checkpoint.ts';
import { CHECKPOINT, LOG, OFFSET_INDEX, offsetOfName } from './files.ts';
import { readFolderFacts } from './folder-facts.ts';
import { scan } from './scan.ts';
import { Segment } from './segment.ts';
import { LogShared } from './shared.ts';
import { copyRange } from './sync.ts';

export type RepairStep = CheckStep | { kind: 'repaired'; finding: Finding; did: string };

/**
 * Checks, and mends partition by partition. Whoever calls this owns the data folder: nothing may have it open. The summary is that of
 * the check; a second check shows what is left. Throws DiskError.
 */
export function* repairFolder(disk: Disk, folder: string): Generator<RepairStep, CheckSummary> {
  const steps = checkFolder(disk, folder);
  let waiting: { finding: Finding; partition: PartitionFacts }[] = [];
  for (;;) {
    const step = steps.next();
    const next = step.done === true ? null : step.value;
    const partition = next?.kind === 'finding' ? next.partition : null;
    // A partition is mended when all of it was looked at: indexes depend on patches, the checkpoint on all quarantines.
    if (waiting.length > 0 && (next === null || (partition !== null && partition !== waiting[0].partition))) {
      yield* mendPartition(disk, waiting);
      waiting = [];
    }
    if (next === null) return step.value as CheckSummary;
    if (next.kind === 'finding' && partition !== null) waiting.push({ finding: next.finding, partition });
    yield next;
  }
}

function* mendPartition(disk: Disk, waiting: readonly { finding: Finding; partition: PartitionFacts }[]): Generator<RepairStep> {
  const { partition } = waiting[0];
  const findings = waiting.map(({ finding }) => finding);
  for (const segment of partition.segments) {
    const own = findings.filter(({ path, remedy }) => path === segment.path && (remedy.kind === 'cut' || remedy.kind === 'patch'));
    if (own.length === 0) continue;
    rewriteSegment(disk, segment, own);
    for (const finding of own) yield { kind: 'repaired', finding, did: told(finding) };
  }
  for (const finding of findings) {
    const { path, remedy } = finding;
    if (remedy.kind === 'index') {
      const stem = path.slice(0, path.lastIndexOf('.'));
      const segment = partition.segments.find((one) => one.path === stem + LOG);
      if (segment === undefined) continue;
      replaceWhole(disk, path, rebuildIndex(disk, partition, segment, path.endsWith(OFFSET_INDEX)));
    } else if (remedy.kind === 'rewrite') replaceWhole(disk, path, remedy.bytes);
    else if (remedy.kind === 'remove') {
      disk.remove(path);
      disk.syncFolder(dirname(path));
    } else continue;
    yield { kind: 'repaired', finding, did: told(finding) };
  }
  if (!remember(disk, partition, findings)) return;
  for (const finding of findings) if (finding.remedy.kind === 'quarantine') yield { kind: 'repaired', finding, did: told(finding) };
}

function told({ remedy }: Finding): string {
  switch (remedy.kind) {
    case 'cut':
      return `the file was cut to ${remedy.size} bytes`;
    case 'patch':
      return 'the header was put right; its checksum holds';
    case 'quarantine':
      return `offsets ${remedy.firstOffset} to ${remedy.nextOffset - 1} are quarantined`;
    case 'index':
      return 'the index was made anew from the log';
    case 'rewrite':
      return 'the file was made anew';
    case 'remove':
      return 'the file was removed';
    case 'none':
      return 'nothing';
  }
}

/** Writes a segment's file anew: cut where it is to be cut, with mended headers in place of the damaged ones. */
function rewriteSegment(disk: Disk, { path, fileBytes }: SegmentFacts, findings: readonly Finding[]): void {
  let size = fileBytes;
  const temporary = `${path}.tmp`;
  disk.remove(temporary);
  const source = disk.open(path, 'read');
  let file: DiskFile | null = null;
  try {
    for (const { remedy } of findings) if (remedy.kind === 'cut') size = Math.min(size, remedy.size);
    file = disk.open(temporary, 'create');
    copyRange(source, 0, size, file, 0);
    for (const { remedy } of findings) if (remedy.kind === 'patch') writeAll(file, [remedy.bytes], remedy.position);
    file.sync();
  } finally {
    source.close();
    file?.close();
  }
  disk.rename(temporary, path);
  disk.syncFolder(dirname(path));
}

/** The bytes of an index, made from the segment as Kafka would, with its default interval. */
function rebuildIndex(disk: Disk, { segments }: PartitionFacts, { path, baseOffset }: SegmentFacts, ofOffsets: boolean): Buffer {
  const segment = new Segment(disk, new LogShared(), null, baseOffset, 0);
  const next = segments.find((one) => one.baseOffset > baseOffset);
  const file = disk.open(path, 'read');
  try {
    scan({
      file,
      from: 0,
      size: file.size(),
      minOffset: baseOffset,
      boundOffset: next?.baseOffset ?? Number.POSITIVE_INFINITY,
      dense: true,
      onDamage: () => {},
      onBatch(header, at, position, bytes) {
        segment.size = position;
        segment.note(lastOffsetOf(header, at), maxTimestampOf(header, at), bytes, INDEX_INTERVAL_BYTES);
      },
    });
  } finally {
    file.close();
  }
  if (next !== undefined) segment.seal();
  const index = ofOffsets ? segment.offsets.file : segment.times.file;
  return index.window.subarray(0, index.count * index.entryBytes);
}

/** index.interval.bytes of Kafka, and of a topic that does not say otherwise. */
const INDEX_INTERVAL_BYTES = 4096;

/** Brings the checkpoint's quarantined ranges up to date. False when there is no topic id to make a checkpoint with. */
function remember(disk: Disk, { folder, names }: PartitionFacts, findings: readonly Finding[]): boolean {
  const { checkpoint } = readFolderFacts(disk, folder, names);
  const before = JSON.stringify(checkpoint.damages);
  for (const { path, position, length, remedy } of findings) {
    if (remedy.kind !== 'quarantine' && remedy.kind !== 'patch') continue;
    const segment = offsetOfName(path.slice(path.lastIndexOf('/') + 1), LOG);
    checkpoint.damages = checkpoint.damages.filter((one) => one.segment !== segment || one.position !== position);
    if (remedy.kind === 'patch') continue;
    const { firstOffset, nextOffset } = remedy;
    checkpoint.damages.push({ segment, firstOffset, nextOffset, position, length });
  }
  if (JSON.stringify(checkpoint.damages) === before) return true;
  if (checkpoint.topicId === '') return false;
  replaceWhole(disk, `${folder}/${CHECKPOINT}`, encodeCheckpoint(checkpoint));
  return true;
}
