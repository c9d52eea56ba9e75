/**
 * `spillway check`: walks a data folder as files and tells every damage with file and position. It changes nothing; repair.ts acts
 * on what is found here. In steps, so that hundreds of gigabytes show progress; memory holds one segment's indexes at a time.
 */
import { type Disk, readWhole } from '../world/disk.ts';
import { checkSegment, type SegmentFacts } from './check-segment.ts';
import { type Checkpoint, encodeCheckpoint } from './checkpoint.ts';
import {
  CHECKPOINT,
  LEADER_EPOCHS,
  LOG,
  LOG_START,
  METADATA,
  OFFSET_INDEX,
  offsetName,
  offsetOfName,
  offsetsOf,
  partitionOf,
  SNAPSHOT,
  TIME_INDEX,
} from './files.ts';
import { type FolderFacts, readFolderFacts } from './folder-facts.ts';
import { decodeEpochs, decodeLogStart, type EpochStart, encodeEpochs, encodeLogStart, encodeMetadata } from './kafka-checkpoints.ts';
import { decodeSnapshot } from './producer-snapshot.ts';

/** damage: something is lost or wrong. quarantined: damage that is known and passed over. stale: what a start puts right, at no loss. */
export type Severity = 'damage' | 'quarantined' | 'stale';

/** What could be done about a finding: repair.ts knows how. */
export type Remedy =
  | { kind: 'none' }
  /** Nothing good follows: the file ends here. */
  | { kind: 'cut'; size: number }
  /** A header field outside of the checksum is wrong, and what it must be is known. */
  | { kind: 'patch'; position: number; bytes: Buffer }
  /** The bytes stay and are remembered as damaged. */
  | { kind: 'quarantine'; firstOffset: number; nextOffset: number }
  /** The file is made anew from the log. */
  | { kind: 'index' }
  /** The file is made anew from other copies of the same facts. */
  | { kind: 'rewrite'; bytes: Buffer }
  | { kind: 'remove' };

export interface Finding {
  severity: Severity;
  path: string;
  position: number;
  length: number;
  what: string;
  remedy: Remedy;
}

export interface PartitionFacts extends FolderFacts {
  folder: string;
  names: readonly string[];
  segments: SegmentFacts[];
}

export interface CheckSummary {
  partitions: number;
  segments: number;
  batches: number;
  records: number;
  bytes: number;
  damages: number;
  quarantined: number;
  stale: number;
}

export type CheckStep =
  | { kind: 'finding'; finding: Finding; partition: PartitionFacts | null }
  | { kind: 'progress'; path: string; doneBytes: number; totalBytes: number };

/**
 * Checks a data folder, or one partition's folder. The generator returns the summary. Throws DiskError. A folder that is in use
 * shows its unwritten end as stale; nothing else of it changes under the reader's hands.
 */
export function* checkFolder(disk: Disk, folder: string): Generator<CheckStep, CheckSummary> {
  const summary: CheckSummary = { partitions: 0, segments: 0, batches: 0, records: 0, bytes: 0, damages: 0, quarantined: 0, stale: 0 };
  const totals = { doneBytes: 0, totalBytes: 0 };
  const folders = partitionFolders(disk, folder);
  for (const path of folders) totals.totalBytes += logBytesOf(disk, path);
  for (const path of folders) {
    for (const step of checkPartition(disk, path, summary, totals)) {
      if (step.kind === 'finding') summary[countOf[step.finding.severity]]++;
      yield step;
    }
    summary.partitions++;
  }
  return summary;
}

const countOf = { damage: 'damages', quarantined: 'quarantined', stale: 'stale' } as const;

/** The partition folders of a data folder; the folder itself when it is one. */
export function partitionFolders(disk: Disk, folder: string): string[] {
  const names = disk.list(folder);
  if (offsetsOf(names, LOG).length > 0) return [folder];
  return names.map((name) => `${folder}/${name}`).filter((path) => partitionOf(path) !== null && disk.stat(path)?.isDirectory === true);
}

function logBytesOf(disk: Disk, folder: string): number {
  let bytes = 0;
  for (const name of disk.list(folder)) if (name.endsWith(LOG)) bytes += disk.stat(`${folder}/${name}`)?.size ?? 0;
  return bytes;
}

function* checkPartition(
  disk: Disk,
  folder: string,
  summary: CheckSummary,
  totals: { doneBytes: number; totalBytes: number },
): Generator<CheckStep> {
  const names = disk.list(folder);
  const facts: PartitionFacts = { ...readFolderFacts(disk, folder, names), folder, names, segments: [] };
  const found: Finding[] = [];
  const bases = offsetsOf(names, LOG);
  const { checkpoint } = facts;
  const epochs: EpochStart[] = [];
  for (let i = 0; i < bases.length; i++) {
    const steps = checkSegment({
      disk,
      stem: `${folder}/${offsetName(bases[i])}`,
      baseOffset: bases[i],
      boundOffset: i + 1 < bases.length ? bases[i + 1] : endOfLast(disk, folder, bases[i], checkpoint),
      startOffset: checkpoint.startOffset,
      known: checkpoint.damages.filter(({ segment }) => segment === bases[i]),
      epochs: checkpoint.epochs,
      epochsSeen: epochs,
      names,
      found: (finding) => found.push(finding),
    });
    let step = steps.next();
    while (step.done !== true) {
      yield {
        kind: 'progress',
        path: `${folder}/${offsetName(bases[i])}${LOG}`,
        doneBytes: totals.doneBytes + step.value,
        totalBytes: totals.totalBytes,
      };
      step = steps.next();
    }
    const segment = step.value;
    facts.segments.push(segment);
    totals.doneBytes += segment.fileBytes;
    summary.segments++;
    summary.batches += segment.batches;
    summary.records += segment.records;
    summary.bytes += segment.size;
    for (const finding of found.splice(0)) yield { kind: 'finding', finding, partition: facts };
    yield { kind: 'progress', path: segment.path, ...totals };
  }
  checkSmallFiles(disk, facts, epochs, (finding) => found.push(finding));
  for (const finding of found) yield { kind: 'finding', finding, partition: facts };
}

/** Where a log that was closed cleanly ends: what is missing then is damage. Of another one nobody knows. */
function endOfLast(disk: Disk, folder: string, baseOffset: number, { clean }: Checkpoint): number {
  if (clean === null || clean.segment !== baseOffset) return Number.POSITIVE_INFINITY;
  const size = disk.stat(`${folder}/${offsetName(baseOffset)}${LOG}`)?.size ?? 0;
  return size <= clean.mark.size ? clean.endOffset : Number.POSITIVE_INFINITY;
}

/** The files beside the segments: each is told twice, or can be made again, so that none is lost by damage. */
function checkSmallFiles(
  disk: Disk,
  { folder, names, own, topicId, damaged, checkpoint, segments }: PartitionFacts,
  epochsSeen: readonly EpochStart[],
  found: (finding: Finding) => void,
): void {
  const tell: Tell = (severity, name, what, remedy) =>
    found({ severity, path: `${folder}/${name}`, position: 0, length: disk.stat(`${folder}/${name}`)?.size ?? 0, what, remedy });
  const endOffset = segments.at(-1)?.nextOffset ?? 0;
  const bases = new Set(segments.map(({ baseOffset }) => baseOffset));
  for (const name of names) {
    const indexOf = Math.max(offsetOfName(name, OFFSET_INDEX), offsetOfName(name, TIME_INDEX));
    const snapshotAt = offsetOfName(name, SNAPSHOT);
    if (indexOf >= 0 && !bases.has(indexOf)) tell('stale', name, 'an index without its segment', { kind: 'remove' });
    else if (snapshotAt > endOffset) tell('stale', name, `a producer snapshot beyond the end of the log, ${endOffset}`, { kind: 'remove' });
    else if (snapshotAt >= 0 && decodeSnapshot(readWhole(disk, `${folder}/${name}`) ?? Buffer.alloc(0)) === null) {
      tell('damage', name, 'the producer snapshot is damaged', { kind: 'remove' });
    } else if (name.endsWith('.tmp') || name.endsWith('.next'))
      tell('stale', name, 'it was about to replace another file', { kind: 'remove' });
  }
  const metadata: Remedy = own === null ? { kind: 'none' } : { kind: 'rewrite', bytes: Buffer.from(encodeMetadata(own.topicId)) };
  if (damaged.includes(METADATA)) tell('damage', METADATA, "the partition's metadata are damaged", metadata);
  else if (topicId !== null && own !== null && own.topicId !== topicId) {
    tell('damage', METADATA, `the topic's id is ${topicId} here and ${own.topicId} in ${CHECKPOINT}`, metadata);
  }
  if (damaged.includes(CHECKPOINT)) {
    const remedy: Remedy = topicId === null ? { kind: 'remove' } : { kind: 'rewrite', bytes: encodeCheckpoint(checkpoint) };
    tell('damage', CHECKPOINT, 'the checkpoint is damaged', remedy);
  }
  checkStart(disk, folder, names, checkpoint, own !== null, tell);
  checkEpochs(disk, folder, names, own === null ? epochsSeen : checkpoint.epochs, tell);
}

type Tell = (severity: Severity, name: string, what: string, remedy: Remedy) => void;

/** Kafka's copy of the log start offset. It is written after our own, so it may be behind; ahead it is wrong. */
function checkStart(disk: Disk, folder: string, names: readonly string[], { startOffset }: Checkpoint, isOwn: boolean, tell: Tell): void {
  if (!names.includes(LOG_START)) return;
  const text = textOf(disk, `${folder}/${LOG_START}`);
  const offset = decodeLogStart(text);
  const of = partitionOf(folder);
  const remedy: Remedy =
    isOwn && of !== null
      ? { kind: 'rewrite', bytes: Buffer.from(encodeLogStart(of.topic, of.partition, startOffset)) }
      : { kind: 'remove' };
  if (offset === null) tell('damage', LOG_START, 'the checkpoint is damaged', remedy);
  else if (isOwn && offset !== startOffset) {
    const what = `the log start offset is ${offset} here and ${startOffset} in ${CHECKPOINT}`;
    tell(offset < startOffset ? 'stale' : 'damage', LOG_START, what, remedy);
  } else if (remedy.kind === 'rewrite' && text !== remedy.bytes.toString('latin1'))
    tell('damage', LOG_START, 'the checkpoint is damaged', remedy);
}

/** Kafka's copy of the leader epochs, against what our own says, or what the batches say. */
function checkEpochs(disk: Disk, folder: string, names: readonly string[], truth: readonly EpochStart[], tell: Tell): void {
  if (!names.includes(LEADER_EPOCHS)) return;
  const remedy: Remedy = { kind: 'rewrite', bytes: Buffer.from(encodeEpochs(truth)) };
  const text = textOf(disk, `${folder}/${LEADER_EPOCHS}`);
  if (decodeEpochs(text) === null) tell('damage', LEADER_EPOCHS, 'the checkpoint is damaged', remedy);
  else if (text !== encodeEpochs(truth)) tell('damage', LEADER_EPOCHS, `it does not agree with ${CHECKPOINT} or the batches`, remedy);
}

function textOf(disk: Disk, path: string): string {
  return readWhole(disk, path)?.toString('latin1') ?? '';
}
