/**
 * One partition's log: batches in order of their offsets, in the frames of the arena, in segment files, or in both. Synchronous,
 * used by one host thread. It decides when to roll and what a read may see of it; it never decides when to write, to sync or to
 * let go: the host does.
 */
import type { DiskError } from '../world/disk.ts';
import { append, roll } from './append.ts';
import { closeLog, destroyLog } from './close.ts';
import type { LogConfig } from './config.ts';
import { flush, truncateTo } from './flush.ts';
import { openLog } from './open.ts';
import { read } from './read.ts';
import { deleteBefore, evict, logBytes, retain } from './retain.ts';
import type { Damage } from './segment.ts';
import type { LogRead, LogSetup, LogState, OffsetAtTime } from './state.ts';
import { rehomeUnsynced, syncHere, syncLater, syncRolled } from './sync.ts';
import { maxTimestamp, offsetForTimestamp } from './times.ts';
import { verify } from './verify.ts';

export type { Damage } from './segment.ts';
export type { DamageNotice, LogEvent, LogRead, LogSetup, OffsetAtTime } from './state.ts';

export class Log {
  readonly #state: LogState;

  private constructor(state: LogState) {
    this.#state = state;
  }

  /** Opens or makes a log. Damage does not refuse it; a disk that refuses does, with a DiskError. */
  static open(setup: LogSetup): Log {
    return new Log(openLog(setup));
  }

  get config(): LogConfig {
    return this.#state.config;
  }

  configure(config: LogConfig): void {
    this.#state.config = config;
  }

  /** The first offset that may be read. */
  get startOffset(): number {
    return this.#state.startOffset;
  }

  /** The offset that the next record gets. */
  get endOffset(): number {
    return this.#state.endOffset;
  }

  /** Below it everything is in the segment files. */
  get writtenOffset(): number {
    return this.#state.writtenOffset;
  }

  /** Below it everything is on the disk. */
  get syncedOffset(): number {
    return this.#state.syncedOffset;
  }

  /** Below it everything is as durable as the topic promises. */
  get committedOffset(): number {
    return this.#state.committedOffset;
  }

  /** Bytes of the log, written or not. The first call after opening looks at every segment. */
  get logBytes(): number {
    return logBytes(this.#state);
  }

  /** Bytes of the arena's frames that it holds. */
  get residentBytes(): number {
    return this.#state.tail.frames * this.#state.tail.frameBytes;
  }

  /** Bytes that memory alone holds. */
  get unwrittenBytes(): number {
    return this.#state.tail.end - this.#state.writtenEnd;
  }

  get segmentCount(): number {
    return this.#state.segments.length;
  }

  /** Quarantined ranges, by offset. */
  get damages(): readonly Damage[] {
    return this.#state.segments.flatMap(({ damages }) => damages);
  }

  /** The quarantined range that holds `offset`. Reads pass over it; whoever must tell its reader asks here first. */
  damageAt(offset: number): Damage | undefined {
    const log = this.#state;
    return offset >= log.residentOffset ? undefined : log.segments[log.segmentIndexOf(offset)]?.damageOf(offset);
  }

  /** Whether something is written and not synced. */
  get unsynced(): boolean {
    return this.unsyncedBytes > 0;
  }

  get unsyncedBytes(): number {
    return this.#state.folder === null ? 0 : Math.max(0, this.#state.writtenEnd - this.#state.syncedEnd);
  }

  /**
   * Appends one whole sealed batch, stamped with the end offset. It lies in memory afterwards; `flush` writes it. False when the
   * arena has no frame free: nothing has changed, and the caller makes room or refuses.
   */
  append(batch: Buffer): boolean {
    return append(this.#state, batch);
  }

  /** Writes everything that memory alone holds. Throws DiskError; what was written whole by then counts. */
  flush(): void {
    flush(this.#state);
    syncRolled(this.#state);
  }

  /** Forgets the batches that are not written: after a flush that failed. */
  truncateUnwritten(): void {
    truncateTo(this.#state, this.#state.writtenOffset);
  }

  /** Forgets the batches from `offset` on, none of which is written; a batch begins at `offset`. */
  truncateTo(offset: number): void {
    truncateTo(this.#state, offset);
  }

  /** fdatasync of everything written so far, off the thread. One at a time; `syncing` tells. */
  syncLater(done: (error: DiskError | null) => void): void {
    syncLater(this.#state, done);
  }

  /** Whether syncLater may be called: it is not after a failed sync, until the bytes were written again. */
  get maySync(): boolean {
    const { closed, syncing, syncFailed } = this.#state;
    return !closed && !syncing && !syncFailed;
  }

  /** As syncLater, and waits for the disk: `done` is called before it returns. */
  syncHere(done: (error: DiskError | null) => void): void {
    syncHere(this.#state, done);
  }

  get syncing(): boolean {
    return this.#state.syncing;
  }

  /** A sync failed: the bytes have to be written again before the next one. */
  get syncFailed(): boolean {
    return this.#state.syncFailed;
  }

  /** After a failed sync: writes what is not synced to new files. Throws DiskError, and may be called again. */
  rehomeUnsynced(): void {
    rehomeUnsynced(this.#state);
  }

  /** Where the batches from the one that holds `offset` on lie: whole ones of at most `bytesMax`, but at least one. */
  read(offset: number, bytesMax: number, limitOffset: number): LogRead {
    return read(this.#state, offset, bytesMax, limitOffset);
  }

  /** Copies resident bytes that this turn's `read` told of. */
  copyResident(from: number, to: number, into: Buffer, at: number): void {
    this.#state.tail.copy(from, to, into, at);
  }

  /** The first record whose timestamp is at or after `timestampMs`; null when there is none. Throws DiskError. */
  offsetForTimestamp(timestampMs: number): OffsetAtTime | null {
    return offsetForTimestamp(this.#state, timestampMs);
  }

  /** The first record that has the largest timestamp; null when the log is empty. Throws DiskError. */
  maxTimestamp(): OffsetAtTime | null {
    return maxTimestamp(this.#state);
  }

  /** Raises the start offset, durably. Throws DiskError; `offset` is at most the end offset. */
  deleteBefore(offset: number): void {
    deleteBefore(this.#state, offset);
  }

  /** Removes segments that retention.ms and retention.bytes let go. Throws DiskError. */
  retain(nowMs: number): { segments: number; bytes: number } {
    return retain(this.#state, nowMs);
  }

  /** Begins a new segment when the active one is older than segment.ms. */
  rollIfDue(nowMs: number): void {
    const log = this.#state;
    log.nowMs = nowMs;
    if (log.active.size > 0 && nowMs - log.active.openedMs > log.config.segmentMs) roll(log);
  }

  /** Gives back frames of about `bytesWanted` of the oldest bytes that are safe on the disk; returns the bytes of the frames. */
  evict(bytesWanted: number): number {
    return evict(this.#state, bytesWanted);
  }

  /** A reader found wrong bytes: walks the segment that holds `offset`; returns the first good offset at or after it. */
  verify(offset: number): number {
    return verify(this.#state, offset);
  }

  /** Closes the files and gives the frames back. `clean`: after writing and syncing everything; a DiskError leaves it unclean. */
  close(clean: boolean): void {
    closeLog(this.#state, clean);
  }

  /** Removes the log and its folder. */
  destroy(): void {
    destroyLog(this.#state);
  }
}
