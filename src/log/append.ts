/** Appending to a log: into the frames of the arena, noting what the indexes need, rolling to a new segment when it is time. */
import { assert } from '../base/assert.ts';
import { MiB } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import { baseOffsetOf, lastOffsetDeltaOf, leaderEpochOf, maxTimestampOf } from '../record/batch-layout.ts';
import { encodeSnapshot } from './producer-snapshot.ts';
import type { Segment } from './segment.ts';
import type { LogState } from './state.ts';

/** Relative offsets and positions of the indexes are 32-bit. */
const INT32_MAX = 0x7fff_ffff;
/** Segments of a log that is in memory alone: retention frees whole segments, so they are small. */
const MEMORY_SEGMENT_BYTES = 16 * MiB;

/**
 * Appends one whole sealed batch whose base offset is stamped. False when no frame is free: then nothing has changed. Copies
 * 128 KiB batches at 7 GB/s and 100 B batches at 5 M/s.
 */
export function append(log: LogState, batch: Buffer): boolean {
  assert(baseOffsetOf(batch, 0) === log.endOffset, 'a batch begins where the log ends');
  const lastOffset = log.endOffset + lastOffsetDeltaOf(batch, 0);
  assert(lastOffset >= log.endOffset, 'a batch takes at least one offset');
  if (!log.tail.reserve(batch.length)) return false;
  const maxTimestamp = maxTimestampOf(batch, 0);
  if (mustRoll(log, batch.length, lastOffset, maxTimestamp)) roll(log);
  log.tail.push(batch);
  noteAppended(log, leaderEpochOf(batch, 0), lastOffset, maxTimestamp, batch.length);
  log.tail.publishEnd(log.endOffset);
  return true;
}

/** Notes a batch whose bytes are in the frames: the part of an append that adopting shares. */
export function noteAppended(log: LogState, leaderEpoch: number, lastOffset: number, maxTimestamp: number, bytes: number): void {
  const { epochs } = log;
  if (leaderEpoch >= 0 && (epochs.length === 0 || leaderEpoch > epochs[epochs.length - 1].epoch)) {
    epochs.push({ epoch: leaderEpoch, startOffset: log.endOffset });
    log.epochsChanged = true;
  }
  log.active.note(lastOffset, maxTimestamp, bytes, log.config.indexIntervalBytes);
  log.endOffset = lastOffset + 1;
}

/** Whether the next batch belongs into a new segment: Kafka's LogSegment.shouldRoll. */
export function mustRoll(log: LogState, bytes: number, lastOffset: number, maxTimestamp: number): boolean {
  const segment = log.active;
  if (segment.size === 0) return false;
  // Beyond the bound of segments, they grow.
  const wanted = log.segments.length < limits.segmentsMax ? log.config.segmentBytes : INT32_MAX;
  const segmentBytes = Math.min(wanted, log.folder === null ? MEMORY_SEGMENT_BYTES : INT32_MAX);
  return (
    segment.size > segmentBytes - bytes ||
    (segment.firstTimestamp >= 0 && maxTimestamp - segment.firstTimestamp > log.config.segmentMs) ||
    lastOffset - segment.baseOffset > INT32_MAX ||
    segment.indexFull
  );
}

/** Closes the active segment to appends and begins a new one at the end offset. Its file is made when it is first written. */
export function roll(log: LogState): Segment {
  const segment = log.newSegment(log.endOffset);
  if (log.segments.length > 0) {
    log.active.seal();
    segment.streamBase = log.active.streamEnd;
    if (log.folder !== null) segment.snapshot = encodeSnapshot(log.setup.snapshotProducers());
  }
  log.segments.push(segment);
  return segment;
}
