/**
 * The state of one log, and the shapes that cross its border. Everything else in this folder is functions over it; log.ts is its
 * only owner.
 *
 * Three places in one stream of bytes, and the offsets that belong to them:
 *
 *   segments:  |--- base 0 ---|--- base 800 ---|------ base 1500 (active) ------|
 *   stream:                syncedEnd ……………… writtenEnd ……………………… tail.end
 *                                  tail.start (resident from here)
 *   offsets:              syncedOffset       writtenOffset            endOffset
 *
 * startOffset ≤ syncedOffset ≤ writtenOffset ≤ endOffset, except that deleteBefore may lift startOffset above the first two.
 */
import { assert } from '../base/assert.ts';
import { limits } from '../base/limits.ts';
import type { Arena } from '../world/arena.ts';
import type { Disk } from '../world/disk.ts';
import type { LogConfig } from './config.ts';
import type { EpochStart } from './kafka-checkpoints.ts';
import { LaterFile } from './later-file.ts';
import type { ProducerEntry } from './producer-snapshot.ts';
import { type Damage, EMPTY_MARK, Segment, type SegmentMark } from './segment.ts';
import { type LogShared, threadShared } from './shared.ts';
import { Tail } from './tail.ts';

export interface DamageNotice {
  path: string;
  position: number;
  length: number;
  what: string;
  did: string;
}

/** What a log tells without being asked. */
export type LogEvent = { kind: 'damage'; damage: DamageNotice } | { kind: 'recovery'; progress: { doneBytes: number; totalBytes: number } };

export interface LogSetup {
  /** '<data>/<topic>-<partition>'; null for a bus without a folder. */
  folder: string | null;
  disk: Disk;
  arena: Arena;
  /** Its place in the arena: `placeOf` its partition's slot. */
  slot: number;
  config: LogConfig;
  /** 16 bytes as 32 hexadecimal digits. */
  topicId: string;
  leaderEpoch: number;
  nowMs: number;
  /** The data folder was closed cleanly: sizes are trusted when the partition's own checkpoint agrees, and nothing is walked. */
  clean: boolean;
  /** Frames of a dead host may lie in the arena for this slot: adopt them. */
  adopt: boolean;
  /** Bounds over many logs; default: those of the thread. */
  shared?: LogShared;
  report(event: LogEvent): void;
  /** The producers' state of the newest usable snapshot. */
  loadProducers(entries: ProducerEntry[]): void;
  /** Every batch after that snapshot, in order, adopted ones included. The 61-byte header lies at `at`. */
  visitBatch(header: Buffer, at: number, baseOffset: number): void;
  /** Asked at a roll and at a clean close. */
  snapshotProducers(): ProducerEntry[];
}

/** Where what was asked for lies. Whole batches; never across a segment, never beyond the limit, never in damaged ranges. */
export type LogRead =
  | { kind: 'error'; error: number }
  /** Stream positions, for `copyResident` within the same turn. */
  | { kind: 'resident'; from: number; to: number; nextOffset: number }
  /** `checked`: the batches came in since the log was opened, and were checked then. */
  | { kind: 'file'; path: string; position: number; length: number; nextOffset: number; checked: boolean }
  /** Nothing below the limit; `nextOffset` is where to go on, which is later than asked when what lay between is damaged. */
  | { kind: 'none'; nextOffset: number };

export interface OffsetAtTime {
  offset: number;
  timestampMs: number;
}

const CURSORS = 16;

export class LogState {
  readonly setup: LogSetup;
  readonly folder: string | null;
  readonly disk: Disk;
  readonly shared: LogShared;
  config: LogConfig;
  /** Ascending; the last one is active. */
  segments: Segment[] = [];
  readonly tail: Tail;
  startOffset = 0;
  /** What deleteBefore raised the start offset to; retention may have raised it further. */
  deletedBefore = 0;
  endOffset = 0;
  writtenOffset = 0;
  writtenEnd = 0;
  syncedOffset = 0;
  syncedEnd = 0;
  /** Offset of the first resident batch; endOffset when none is. */
  residentOffset = 0;
  /** Leader epochs and where each began, ascending. */
  epochs: EpochStart[] = [];
  epochsChanged = false;
  /** The time that was last told. */
  nowMs: number;
  /** The segment that writtenEnd lies in and its state there: where truncateTo starts from. */
  mark: { segment: Segment; at: SegmentMark };
  /** Names were given or taken that no sync of the folder has covered. */
  namesUnsynced = true;
  /** The folder of this partition is itself a name: its number among those given in the data folder; 0 when it is known to be durable. */
  folderName = 0;
  /** Files to be removed when the disk allows. */
  strays: string[] = [];
  /** A sync that the host asked for runs. */
  syncing = false;
  /** A sync of a rolled segment runs. */
  syncingRolled = false;
  /** Grows when syncs that are still running have lost their meaning. */
  syncGeneration = 0;
  /** A sync failed since the last rehome: the descriptor proves nothing any more. */
  syncFailed = false;
  /** Everything below is known to be synced: what a start trusts. Moves with syncedOffset, unless a background sync failed. */
  recoveryOffset = 0;
  recoveryStuck = false;
  /** The first offset that a start found missing beyond the recovery offset; what was told of producers after it may be of lost batches. */
  lossyFrom = Number.POSITIVE_INFINITY;
  /** Stream position of the recovery offset that was last saved. */
  recoverySavedAt = 0;
  /** The checkpoint by which it was opened clean, while it is the one on the disk. */
  openedAs: Buffer | null = null;
  readonly checkpointFile = new LaterFile();
  readonly epochsFile = new LaterFile();
  closed = false;
  /** Where the last reads ended: segment and position by offset, direct-mapped. */
  readonly cursorOffsets = new Float64Array(CURSORS).fill(-1);
  readonly cursorSegments = new Float64Array(CURSORS);
  readonly cursorPositions = new Float64Array(CURSORS);

  constructor(setup: LogSetup) {
    this.setup = setup;
    this.folder = setup.folder;
    this.disk = setup.disk;
    this.shared = setup.shared ?? threadShared;
    this.config = setup.config;
    this.nowMs = setup.nowMs;
    this.tail = new Tail(setup.arena, setup.slot);
    this.mark = { segment: new Segment(this.disk, this.shared, null, 0, 0), at: EMPTY_MARK };
  }

  get active(): Segment {
    return this.segments[this.segments.length - 1];
  }

  get committedOffset(): number {
    const { durability } = this.config;
    if (this.folder === null || durability === 'memory') return this.endOffset;
    return durability === 'written' ? this.writtenOffset : this.syncedOffset;
  }

  /** Batches below this offset are nowhere any more: only a log without files gives some of a segment back. */
  get residentOffsetIfMemory(): number {
    return this.folder === null ? this.residentOffset : -1;
  }

  newSegment(baseOffset: number): Segment {
    const segment = new Segment(this.disk, this.shared, this.folder, baseOffset, this.nowMs);
    segment.mayClose = () => this.#mayClose(segment);
    return segment;
  }

  /** The index of the last segment whose base offset is at most `offset`; 0 when none is. */
  segmentIndexOf(offset: number): number {
    const { segments } = this;
    let low = 0;
    let high = segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (segments[middle].baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  /** The offset after the last one that may lie in a segment. */
  boundOf(index: number): number {
    return index + 1 < this.segments.length ? this.segments[index + 1].baseOffset : this.endOffset;
  }

  /** Bytes of a segment that are in its file. */
  writtenSizeOf(segment: Segment): number {
    if (Number.isNaN(segment.streamBase)) return segment.size;
    return Math.max(0, Math.min(segment.size, this.writtenEnd - segment.streamBase));
  }

  rememberCursor(offset: number, segment: Segment, position: number): void {
    const slot = offset % CURSORS;
    this.cursorOffsets[slot] = offset;
    this.cursorSegments[slot] = segment.baseOffset;
    this.cursorPositions[slot] = position;
  }

  /** The position in its segment of the batch that begins at `offset`, if a read ended there; −1 when not known. */
  cursorAt(offset: number, segment: Segment): number {
    const slot = offset % CURSORS;
    return this.cursorOffsets[slot] === offset && this.cursorSegments[slot] === segment.baseOffset ? this.cursorPositions[slot] : -1;
  }

  forgetCursors(): void {
    this.cursorOffsets.fill(-1);
  }

  /** A descriptor that a promised sync must go through stays open. */
  #mayClose(segment: Segment): boolean {
    if (this.syncing || this.syncingRolled) return false;
    return this.config.durability !== 'synced' || segment.streamBase + this.writtenSizeOf(segment) <= this.syncedEnd;
  }

  takeMark(): void {
    this.mark = { segment: this.active, at: this.active.mark() };
  }

  report(path: string, position: number, length: number, what: string, did: string): void {
    this.setup.report({ kind: 'damage', damage: { path, position, length, what, did } });
  }

  addDamage(segment: Segment, damage: Damage): void {
    assert(damage.nextOffset >= damage.firstOffset, 'a damage takes offsets away, never gives them');
    let count = 0;
    for (const { damages } of this.segments) count += damages.length;
    const last = segment.damages.at(-1);
    if (count >= limits.damagesMax && last !== undefined) {
      // The list is bounded: what lies between this damage and the last is given up with them.
      last.length = Math.max(last.length, damage.position + damage.length - last.position);
      last.nextOffset = Math.max(last.nextOffset, damage.nextOffset);
      return;
    }
    segment.damages.push(damage);
    segment.damages.sort((a, b) => a.position - b.position || a.firstOffset - b.firstOffset);
  }
}
