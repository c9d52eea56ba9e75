/**
 * One partition: its log, the sequences of its producers, and the appends that wait to be committed. It accepts, flushes and
 * answers within a turn; it knows no ports and no threads.
 */
import { errors } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { LogConfig } from '../log/config.ts';
import type { Log } from '../log/log.ts';
import {
  baseSequenceOf,
  batchBytes,
  countOf,
  lastOffsetDeltaOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
  stampBatch,
  stampLogAppendTime,
} from '../record/batch-layout.ts';
import { validateProduced } from '../record/batch-read.ts';
import { type RefusedRecord, refusedRecords } from '../record/record-rules.ts';
import { DiskError } from '../world/disk.ts';
import type { PartitionDescription, PartitionSpec } from './protocol.ts';
import type { Sequences } from './sequences.ts';

export type PartitionState = PartitionDescription['state'];

/** How long a partition refuses appends after its disk did, before it tries again. */
const RETRY_AFTER_MS = 250;

export interface Accepted {
  error: number;
  message: string;
  baseOffset: number;
  /** Offset after the batch; committed when the log's committed offset reaches it. */
  endOffset: number;
  logAppendTimeMs: number;
  /** The arena has no frame free: the host makes room and tries again, or refuses. */
  full: boolean;
  /** Records for whose sake it is refused, where these are some of many. */
  refused?: readonly RefusedRecord[];
}

export interface PartitionNotices {
  state(state: PartitionState, reason: string): void;
}

/** An append that is answered when it is committed. */
interface Waiting {
  endOffset: number;
  done: (error: number) => void;
}

export class Partition {
  readonly spec: PartitionSpec;
  readonly log: Log;
  readonly sequences: Sequences;
  /** Bytes ever appended while this host lives: what the governor and the bench see. */
  appendedBytes = 0;
  readonly #notices: PartitionNotices;
  #state: PartitionState = 'online';
  /** Monotonic: set back by an hour, the wall clock would have it refuse for an hour. */
  #retryAtMs = 0;
  #lastDiskError = '';
  /** One after the other. */
  #syncFailures = 0;
  /** A configuration that could not be applied whole yet. */
  #wanted: LogConfig | null = null;
  /** In order of endOffset. */
  #waiting: Waiting[] = [];
  /** Offset at the start of the turn: what lies below may have been acknowledged and is never taken back. */
  #turnStartOffset: number;

  constructor(spec: PartitionSpec, log: Log, sequences: Sequences, notices: PartitionNotices) {
    this.spec = spec;
    this.log = log;
    this.sequences = sequences;
    this.#notices = notices;
    this.#turnStartOffset = log.endOffset;
  }

  /** Whether `tick` has something to do. */
  get isAiling(): boolean {
    return this.#state !== 'online' || this.#wanted !== null;
  }

  get state(): PartitionState {
    return this.#state;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  get lastDiskError(): string {
    return this.#lastDiskError;
  }

  /** Appends one sealed batch, or says why not. `own` batches were sealed by this house: their CRC is right. */
  accept(batch: Buffer, own: boolean, nowMs: number, monotonicMs: number): Accepted {
    if (this.#state !== 'online' && monotonicMs < this.#retryAtMs) return this.#refuseByState();
    const { config } = this.log;
    if (batch.length > config.batchBytesMax) {
      return refused(
        errors.MESSAGE_TOO_LARGE.code,
        `a batch of ${batch.length} bytes is larger than max.message.bytes=${config.batchBytesMax}`,
      );
    }
    const keyed = config.cleanupCompact;
    if (!own || keyed) {
      const growsTo = Math.max(limits.producedBytesMax, config.batchBytesMax);
      const error = validateProduced(batch, 0, batch.length, { decompressedBytesMax: growsTo, keyed });
      if (error === errors.MESSAGE_TOO_LARGE.code) {
        return refused(error, `the batch grows beyond ${growsTo} bytes when it is decompressed: have its producer make smaller batches`);
      }
      if (error === errors.INVALID_RECORD.code && keyed) {
        const keyless = refusedRecords(batch, { ...ANY_RECORD, keyed, decompressedBytesMax: growsTo });
        if (keyless.length > 0) return { ...refused(error, 'the topic is compacted: every record needs a key'), refused: keyless };
      }
      if (error !== 0) return refused(error, 'the batch is not valid');
    }
    if (batchBytes(batch, 0) !== batch.length) return refused(errors.INVALID_RECORD.code, 'an append holds exactly one batch');
    const count = countOf(batch, 0);
    const producerId = producerIdOf(batch, 0);
    const epoch = producerEpochOf(batch, 0);
    const firstSequence = baseSequenceOf(batch, 0);
    const verdict = this.sequences.check(producerId, epoch, firstSequence, count);
    if (!verdict.append) {
      if (verdict.error !== 0) return refused(verdict.error, 'the sequence does not follow the last batch of this producer');
      return {
        error: 0,
        message: '',
        baseOffset: verdict.baseOffset,
        endOffset: verdict.baseOffset + count,
        logAppendTimeMs: -1,
        full: false,
      };
    }
    const untimely = this.#untimely(batch, nowMs);
    if (untimely.length > 0) return { ...refused(errors.INVALID_TIMESTAMP.code, timesOf(config)), refused: untimely };
    const baseOffset = this.log.endOffset;
    if (config.logAppendTime) stampLogAppendTime(batch, 0, nowMs);
    stampBatch(batch, 0, baseOffset, this.spec.leaderEpoch);
    if (!this.log.append(batch)) {
      // When it is tried again it is as its producer made it.
      stampBatch(batch, 0, 0, -1);
      return FULL;
    }
    const endOffset = baseOffset + lastOffsetDeltaOf(batch, 0) + 1;
    this.sequences.note(producerId, epoch, firstSequence, count, baseOffset, nowMs);
    this.appendedBytes += batch.length;
    return { error: 0, message: '', baseOffset, endOffset, logAppendTimeMs: config.logAppendTime ? nowMs : -1, full: false };
  }

  /**
   * Ends the appends of a turn: writes what the durability wants written. The code that the turn's appends are to be answered
   * with: NONE, or a refusal after which the log is as it was before the turn.
   */
  flush(monotonicMs: number): number {
    const memoryOnly = this.log.config.durability === 'memory';
    let error = 0;
    if (!memoryOnly) {
      error = this.#write(monotonicMs);
      if (error !== 0) {
        this.log.truncateTo(Math.max(this.log.writtenOffset, this.#turnStartOffset));
        this.sequences.truncate(this.log.endOffset);
      }
    }
    this.#turnStartOffset = this.log.endOffset;
    return error;
  }

  /** Writes out what memory alone holds (spill, close). True when nothing is left unwritten. */
  spill(monotonicMs: number): boolean {
    return this.#write(monotonicMs) === 0;
  }

  /** Calls `done` when everything below `endOffset` is committed, which may be at once. */
  whenCommitted(endOffset: number, done: (error: number) => void): void {
    if (this.log.committedOffset >= endOffset) return done(0);
    this.#waiting.push({ endOffset, done });
  }

  /** Answers the appends that are committed by now. */
  settle(): void {
    const committed = this.log.committedOffset;
    let settled = 0;
    while (settled < this.#waiting.length && this.#waiting[settled].endOffset <= committed) this.#waiting[settled++].done(0);
    if (settled > 0) this.#waiting.splice(0, settled);
  }

  /** Refuses every append that still waits; the producer sends it again. */
  refuseWaiting(error: number): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { done } of waiting) done(error);
  }

  /**
   * Group commit: asks for a sync unless one runs, whoever asked for that one; the next one covers all that is written meanwhile. `here`:
   * within this call, which then tells of its end before it returns.
   */
  syncIfNeeded(monotonicMs: number, here: boolean, ended: () => void): void {
    if (this.log.config.durability !== 'synced' || this.log.syncing) return;
    if (this.log.syncFailed && !this.#rehome(monotonicMs)) return;
    if (!this.log.unsynced) {
      // What could not be synced may be gone meanwhile: retention took it.
      if (this.#state === 'fenced') this.#enter('online', '', 0);
      return;
    }
    const done = (error: DiskError | null): void => {
      if (error?.code === 'ECANCELED') return ended();
      if (error !== null) {
        // Nobody waits for it where the durability was lowered meanwhile.
        if (this.log.config.durability !== 'synced') return ended();
        // The first time the bytes go to new files at once; a disk that goes on failing is asked again from time to time.
        this.#enter('fenced', error.message, this.#syncFailures++ === 0 ? 0 : monotonicMs + RETRY_AFTER_MS);
      } else {
        this.#syncFailures = 0;
        if (this.#state === 'fenced') this.#enter('online', '', 0);
      }
      ended();
    };
    if (here) this.log.syncHere(done);
    else this.log.syncLater(done);
  }

  get syncing(): boolean {
    return this.log.syncing;
  }

  /** A disk that refused is asked again from time to time, so that the partition heals without an append. */
  tick(monotonicMs: number): void {
    if (this.#state === 'disk-full' && monotonicMs >= this.#retryAtMs && !this.log.syncFailed) this.#write(monotonicMs);
    if (this.#state === 'online' && this.#wanted !== null) this.configure(this.#wanted, monotonicMs);
  }

  /** False: what memory alone holds cannot be written yet, so the durability may not promise that it is; `tick` tries again. */
  configure(config: LogConfig, monotonicMs: number): boolean {
    this.#wanted = null;
    if (this.log.config.durability === 'memory' && config.durability !== 'memory' && !this.spill(monotonicMs)) {
      this.#wanted = config;
      this.log.configure({ ...config, durability: 'memory' });
      return false;
    }
    this.log.configure(config);
    // Nothing waits for a sync any more.
    if (this.#state === 'fenced' && config.durability !== 'synced') this.#enter('online', '', 0);
    return true;
  }

  describe(): PartitionDescription {
    const { log, spec } = this;
    const { error, logBytes } = bytesOf(log);
    return {
      slot: spec.slot,
      topic: spec.topic,
      partition: spec.partition,
      error,
      state: this.#state,
      startOffset: log.startOffset,
      endOffset: log.endOffset,
      highWatermark: log.committedOffset,
      logBytes,
      residentBytes: log.residentBytes,
      unwrittenBytes: log.unwrittenBytes,
      segments: log.segmentCount,
      quarantined: log.damages.slice(0, limits.damagesToldMax),
    };
  }

  #write(monotonicMs: number): number {
    try {
      this.log.flush();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#lastDiskError = error.message;
      const full = error.code === 'ENOSPC' || error.code === 'EDQUOT';
      this.#enter('disk-full', error.message, monotonicMs + RETRY_AFTER_MS);
      return full ? errors.DISK_FULL.code : errors.KAFKA_STORAGE_ERROR.code;
    }
    if (this.#state === 'disk-full') this.#enter('online', '', 0);
    return 0;
  }

  /** After a failed sync the same descriptor proves nothing any more: the unsynced bytes go to a new file. */
  #rehome(monotonicMs: number): boolean {
    if (monotonicMs < this.#retryAtMs) return false;
    try {
      this.log.rehomeUnsynced();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#enter('fenced', error.message, monotonicMs + RETRY_AFTER_MS);
      return false;
    }
    return true;
  }

  #enter(state: PartitionState, reason: string, retryAtMs: number): void {
    this.#retryAtMs = retryAtMs;
    if (reason !== '') this.#lastDiskError = reason;
    if (state === this.#state) return;
    this.#state = state;
    this.#notices.state(state, reason);
  }

  #refuseByState(): Accepted {
    const full = this.#state === 'disk-full';
    return refused(
      full ? errors.DISK_FULL.code : errors.KAFKA_STORAGE_ERROR.code,
      full
        ? `the disk refused a write (${this.#lastDiskError}); reads go on, appends are taken again when there is space`
        : `a sync failed (${this.#lastDiskError}); the log is being re-verified`,
    );
  }

  /** Records that are too old or too new. The header tells the newest; how old the others are only they do. */
  #untimely(batch: Buffer, nowMs: number): RefusedRecord[] {
    const { config } = this.log;
    const timestampMsMin = nowMs - config.timestampBeforeMaxMs;
    const timestampMsMax = nowMs + config.timestampAfterMaxMs;
    if (config.logAppendTime || (maxTimestampOf(batch, 0) <= timestampMsMax && timestampMsMin <= 0)) return [];
    const decompressedBytesMax = Math.max(limits.producedBytesMax, config.batchBytesMax);
    return refusedRecords(batch, { keyed: false, timestampMsMin, timestampMsMax, decompressedBytesMax });
  }
}

function timesOf({ timestampBeforeMaxMs, timestampAfterMaxMs }: LogConfig): string {
  const ages = timestampBeforeMaxMs > Number.MAX_SAFE_INTEGER ? '' : `message.timestamp.before.max.ms=${timestampBeforeMaxMs}, `;
  return `a timestamp is too far from now: ${ages}message.timestamp.after.max.ms=${timestampAfterMaxMs}`;
}

/** The disk may have to be asked, and may refuse. */
function bytesOf(log: Log): { error: number; logBytes: number } {
  try {
    return { error: 0, logBytes: log.logBytes };
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return { error: errors.KAFKA_STORAGE_ERROR.code, logBytes: 0 };
  }
}

/** Notes what a walk of the log finds in a batch header, as if it were appended now: records may be of any age, their producer is not. */
export function noteHeader(sequences: Sequences, header: Buffer, at: number, baseOffset: number, nowMs: number): void {
  sequences.note(producerIdOf(header, at), producerEpochOf(header, at), baseSequenceOf(header, at), countOf(header, at), baseOffset, nowMs);
}

function refused(error: number, message: string): Accepted {
  return { error, message, baseOffset: -1, endOffset: -1, logAppendTimeMs: -1, full: false };
}

const ANY_RECORD = { keyed: false, timestampMsMin: Number.NEGATIVE_INFINITY, timestampMsMax: Number.POSITIVE_INFINITY };
const FULL: Accepted = { error: 0, message: '', baseOffset: -1, endOffset: -1, logAppendTimeMs: -1, full: true };
