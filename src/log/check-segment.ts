/** Checks one segment: its batches by checksum and order, and its two indexes entry by entry against them. */
import { readInt64 } from '../base/bytes.ts';
import { baseOffsetOf, CRC_AT, countOf, LEADER_EPOCH_AT, lastOffsetOf, leaderEpochOf, maxTimestampOf } from '../record/batch-layout.ts';
import { type Disk, type DiskFile, readWhole } from '../world/disk.ts';
import type { Finding } from './check.ts';
import type { CheckpointDamage } from './checkpoint.ts';
import { LOG, OFFSET_INDEX, TIME_INDEX } from './files.ts';
import type { EpochStart } from './kafka-checkpoints.ts';
import { mendHeader } from './mend.ts';
import { OFFSET_ENTRY_BYTES } from './offset-index.ts';
import { type ScanEnd, type ScannedDamage, scanInSteps } from './scan.ts';
import { TIME_ENTRY_BYTES } from './time-index.ts';

export interface SegmentCheck {
  disk: Disk;
  /** '<folder>/<20 digits>' */
  stem: string;
  baseOffset: number;
  /** The next segment's base; for the last one where a clean close left it, else Infinity. */
  boundOffset: number;
  startOffset: number;
  /** What the checkpoint remembers as damaged. */
  known: readonly CheckpointDamage[];
  /** What the partition knows of its leader epochs. */
  epochs: readonly EpochStart[];
  /** Leader epochs that its batches told so far; the segment's are added. */
  epochsSeen: EpochStart[];
  /** Of the folder. */
  names: readonly string[];
  found(finding: Finding): void;
}

/** What a check learnt of a segment. */
export interface SegmentFacts {
  path: string;
  baseOffset: number;
  nextOffset: number;
  /** Bytes up to the end of the last sound batch, and of the file. */
  size: number;
  fileBytes: number;
  batches: number;
  records: number;
}

/** Yields the position that the walk has come to. */
export function* checkSegment(check: SegmentCheck): Generator<number, SegmentFacts> {
  const { disk, stem, baseOffset, boundOffset } = check;
  const path = stem + LOG;
  const facts: SegmentFacts = { path, baseOffset, nextOffset: baseOffset, size: 0, fileBytes: 0, batches: 0, records: 0 };
  const newest = { timestamp: -1, offset: -1 };
  const offsets = new EntryCheck(check, OFFSET_INDEX, OFFSET_ENTRY_BYTES);
  const times = new EntryCheck(check, TIME_INDEX, TIME_ENTRY_BYTES);
  const file = disk.open(path, 'read');
  try {
    facts.fileBytes = file.size();
    const steps = scanInSteps({
      file,
      from: 0,
      size: facts.fileBytes,
      minOffset: baseOffset,
      boundOffset,
      dense: true,
      onBatch(header, at, position) {
        const lastOffset = lastOffsetOf(header, at);
        const maxTimestamp = maxTimestampOf(header, at);
        if (maxTimestamp > newest.timestamp) {
          newest.timestamp = maxTimestamp;
          newest.offset = lastOffset;
        }
        facts.batches++;
        facts.records += countOf(header, at);
        noteEpoch(check, path, position, header, at);
        offsets.batchAt(position, lastOffset, newest);
        times.batchAt(position, lastOffset, newest);
      },
      onDamage: (damage) => tellDamage(check, file, path, damage),
    });
    let step = steps.next();
    while (step.done !== true) {
      yield step.value;
      step = steps.next();
    }
    facts.nextOffset = Number.isFinite(boundOffset) ? boundOffset : step.value.nextOffset;
    facts.size = step.value.position;
    tellRest(check, file, facts, step.value);
  } finally {
    file.close();
  }
  offsets.end(facts.size);
  times.end(facts.size);
  return facts;
}

function tellDamage({ known, startOffset, found }: SegmentCheck, file: DiskFile, path: string, damage: ScannedDamage): void {
  const { position, length, firstOffset, nextOffset, what } = damage;
  if (length === 0 && nextOffset <= startOffset) return;
  const range = `offsets ${firstOffset} to ${nextOffset - 1}`;
  const isKnown = known.some((one) => one.position === position && one.length === length);
  const patch = length > 0 ? mendHeader(file, damage) : null;
  found({
    severity: isKnown ? 'quarantined' : 'damage',
    path,
    position,
    length,
    what: `${what} (${range})`,
    remedy:
      patch !== null
        ? { kind: 'patch', position, bytes: patch }
        : isKnown
          ? { kind: 'none' }
          : { kind: 'quarantine', firstOffset, nextOffset },
  });
}

/** What lies behind the last sound batch. */
function tellRest(check: SegmentCheck, file: DiskFile, facts: SegmentFacts, { nextOffset, rest }: ScanEnd): void {
  const { boundOffset, found } = check;
  const { path, size: position, fileBytes } = facts;
  const what = rest?.what ?? null;
  const length = fileBytes - position;
  if (boundOffset === Number.POSITIVE_INFINITY) {
    if (what !== null)
      found({
        severity: 'stale',
        path,
        position,
        length,
        what: `${what}; no sound batch follows`,
        remedy: { kind: 'cut', size: position },
      });
    return;
  }
  if (nextOffset < boundOffset) {
    tellDamage(check, file, path, {
      position,
      length,
      firstOffset: nextOffset,
      nextOffset: boundOffset,
      what: what ?? 'bytes are missing',
    });
  } else if (length > 0) {
    found({
      severity: 'stale',
      path,
      position,
      length,
      what: 'bytes that belong to the next segment',
      remedy: { kind: 'cut', size: position },
    });
  }
}

/**
 * The leader epoch of a batch lies outside of its checksum. It is what the partition's epochs say for the offset; where they say
 * nothing, it does not step back.
 */
function noteEpoch({ epochs, epochsSeen, found }: SegmentCheck, path: string, position: number, header: Buffer, at: number): void {
  const epoch = leaderEpochOf(header, at);
  const baseOffset = baseOffsetOf(header, at);
  const told = epochs.findLast(({ startOffset }) => startOffset <= baseOffset)?.epoch;
  const last = epochsSeen.at(-1);
  if (told === undefined ? last !== undefined && epoch < last.epoch : epoch !== told) {
    const what = `the leader epoch of the batch at offset ${baseOffset} is ${epoch} and not ${told ?? last?.epoch}`;
    const bytes = Buffer.from(header.subarray(at, at + CRC_AT));
    if (told !== undefined) bytes.writeInt32BE(told, LEADER_EPOCH_AT);
    found({
      severity: 'damage',
      path,
      position,
      length: CRC_AT,
      what,
      remedy: told === undefined ? { kind: 'none' } : { kind: 'patch', position, bytes },
    });
  } else if (last === undefined || epoch > last.epoch) epochsSeen.push({ epoch, startOffset: baseOffset });
}

/** Compares the entries of an index file with the batches as these go by. An index may leave batches out; it may not be wrong. */
class EntryCheck {
  readonly #check: SegmentCheck;
  readonly #suffix: string;
  readonly #entryBytes: number;
  readonly #bytes: Buffer;
  #at = 0;
  #isWrong = false;

  constructor(check: SegmentCheck, suffix: string, entryBytes: number) {
    this.#check = check;
    this.#suffix = suffix;
    this.#entryBytes = entryBytes;
    this.#bytes = readWhole(check.disk, check.stem + suffix) ?? Buffer.alloc(0);
  }

  batchAt(position: number, lastOffset: number, newest: { timestamp: number; offset: number }): void {
    while (!this.#isWrong && this.#at + this.#entryBytes <= this.#bytes.length) {
      const verdict = this.#suffix === OFFSET_INDEX ? this.#judgeOffset(position, lastOffset) : this.#judgeTime(lastOffset, newest);
      if (verdict === 'later') return;
      if (verdict === 'wrong') return this.#tell('an entry that no batch agrees with');
      this.#at += this.#entryBytes;
    }
  }

  #judgeOffset(position: number, lastOffset: number): 'right' | 'wrong' | 'later' {
    const offset = this.#check.baseOffset + this.#bytes.readInt32BE(this.#at);
    const at = this.#bytes.readInt32BE(this.#at + 4);
    if (at > position) return 'later';
    return at === position && offset === lastOffset ? 'right' : 'wrong';
  }

  #judgeTime(lastOffset: number, newest: { timestamp: number; offset: number }): 'right' | 'wrong' | 'later' {
    const timestamp = readInt64(this.#bytes, this.#at);
    const offset = this.#check.baseOffset + this.#bytes.readInt32BE(this.#at + 8);
    if (offset > lastOffset) return 'later';
    return timestamp === newest.timestamp && offset === newest.offset ? 'right' : 'wrong';
  }

  /** Entries that are left tell of batches that are not there. */
  end(size: number): void {
    if (this.#isWrong) return;
    const { names, stem, boundOffset } = this.#check;
    const name = stem.slice(stem.lastIndexOf('/') + 1) + this.#suffix;
    if (!names.includes(name)) {
      if (Number.isFinite(boundOffset) && size > UNINDEXED_BYTES_MAX) this.#tell('the index is missing');
      return;
    }
    if (this.#bytes.length % this.#entryBytes !== 0) this.#tell('its length is not a whole number of entries');
    else if (this.#at < this.#bytes.length && !isZero(this.#bytes, this.#at)) this.#tell('entries beyond the end of the log');
  }

  /** An index that is wrong costs time, never data: the log finds out when it follows an entry. */
  #tell(what: string): void {
    this.#isWrong = true;
    const { found, stem, boundOffset } = this.#check;
    const severity = Number.isFinite(boundOffset) ? 'damage' : 'stale';
    found({
      severity,
      path: stem + this.#suffix,
      position: this.#at,
      length: this.#bytes.length - this.#at,
      what,
      remedy: { kind: 'index' },
    });
  }
}

/** A segment of few batches may have no entry, and then no index. */
const UNINDEXED_BYTES_MAX = 64 * 1024;

function isZero(bytes: Buffer, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}
