/**
 * Takes up the frames that a dead host left in the arena. They are not copied: the new log's stream is laid so that its positions
 * are the old ones, so that whoever dies in the middle of this leaves everything as it found it.
 *
 *   files:   |…… 0 to 1499 ……|                          endOffset 1500, at position p of the last segment
 *   frames:            |…… 1400 …… 1499 | 1500 …… 1730 |
 *                      residentStart    S              residentEnd     ⇒ streamBase of the last segment = S − p
 */
import { crc32c } from '../base/crc32c.ts';
import { ATTRIBUTES_AT, crcOf, leaderEpochOf, maxTimestampOf } from '../record/batch-layout.ts';
import { slotWords } from '../world/arena.ts';
import { mustRoll, noteAppended, roll } from './append.ts';
import { land, landed } from './hop.ts';
import type { LogState } from './state.ts';
import type { Tail } from './tail.ts';

export function adoptFrames(log: LogState): void {
  const { arena, slot, adopt } = log.setup;
  const frames = adopt ? arena.framesOf(slot) : new Map<number, number>();
  const word = (name: keyof typeof slotWords): number => (adopt ? arena.readWord(slot, slotWords[name]) : 0);
  const start = word('residentStart');
  const end = word('residentEnd');
  const first = Math.floor(start / log.tail.frameBytes);
  const isUsed = end > start && isWhole(log, frames, start, end);
  if (log.folder === null) beginInMemory(log, start, word('startOffset'), word('endOffset'));
  if (isUsed) takeUp(log, frames, start, end);
  if (log.tail.start === log.tail.end) log.tail.publishEmpty(log.startOffset, log.endOffset);
  log.tail.publishWritten(log.writtenEnd);
  // What lies outside of the range was taken for a batch that never became whole, or was about to be given back.
  for (const [number, id] of frames) if (!isUsed || number < first || number * log.tail.frameBytes >= end) arena.give(id);
}

/** A log without files goes on where the words say. */
function beginInMemory(log: LogState, start: number, startOffset: number, endOffset: number): void {
  log.startOffset = startOffset;
  log.endOffset = endOffset;
  log.tail.reset(start);
  beginSegment(log, start);
}

function beginSegment(log: LogState, start: number): void {
  log.segments.length = 0;
  roll(log).streamBase = start;
  log.residentOffset = log.endOffset;
  log.writtenEnd = start;
  log.writtenOffset = log.endOffset;
  log.takeMark();
}

function isWhole(log: LogState, frames: ReadonlyMap<number, number>, start: number, end: number): boolean {
  const { frameBytes } = log.tail;
  for (let number = Math.floor(start / frameBytes); number * frameBytes < end; number++) {
    if (frames.has(number)) continue;
    log.report(log.folder ?? '', start, end - start, 'a frame of the resident range is missing', 'what memory alone held is lost');
    return false;
  }
  return true;
}

function takeUp(log: LogState, frames: ReadonlyMap<number, number>, start: number, end: number): void {
  const { tail, writtenEnd } = log;
  tail.adopt(frames, start, end);
  const first = log.folder === null ? start : skipWritten(log, tail, start, end);
  if (first < 0) {
    // The files have it all. No frame is given back while the words still claim it.
    tail.publishEmpty(log.startOffset, log.endOffset);
    tail.reset(writtenEnd);
    return;
  }
  land(tail, first, end, 0);
  lay(log, first, landed.baseOffset);
  tail.advance(first);
  tail.publishStart(log.startOffset);
  tail.giveBelowStart();
  const position = noteResident(log, first, end);
  tail.cut(position);
  tail.publishEnd(log.endOffset);
  tail.giveAboveEnd();
}

/** Notes the batches from a stream position on as an append would; returns where the last sound one ends. */
function noteResident(log: LogState, first: number, end: number): number {
  const { tail } = log;
  let position = first;
  while (position < end) {
    if (!isSound(log, tail, position, end)) {
      log.report(log.folder ?? '', position, end - position, 'resident bytes are damaged', 'what follows in memory is lost');
      break;
    }
    const { bytes, nextOffset, baseOffset } = landed;
    const at = tail.seek(position);
    const header = tail.bytes;
    const maxTimestamp = maxTimestampOf(header, at);
    const leaderEpoch = leaderEpochOf(header, at);
    // The producers' state that a roll writes down is that before the batch.
    if (mustRoll(log, bytes, nextOffset - 1, maxTimestamp)) roll(log);
    log.setup.visitBatch(header, at, baseOffset);
    noteAppended(log, leaderEpoch, nextOffset - 1, maxTimestamp, bytes);
    position += bytes;
  }
  return position;
}

/** The stream position of the first resident batch that the files do not have; −1 when they have all. */
function skipWritten(log: LogState, tail: Tail, start: number, end: number): number {
  let position = start;
  while (position < end) {
    if (!land(tail, position, end, 0)) return -1;
    if (landed.baseOffset >= log.endOffset) return position;
    position += landed.bytes;
  }
  return -1;
}

/** Lays the stream so that the end of the files is at the position of the first batch that they lack. */
function lay(log: LogState, position: number, baseOffset: number): void {
  if (log.folder === null) {
    log.endOffset = baseOffset;
    beginSegment(log, position);
    return;
  }
  const shift = position - log.active.streamEnd;
  log.active.streamBase += shift;
  log.syncedEnd += shift;
  log.recoverySavedAt += shift;
  log.writtenEnd = position;
  log.residentOffset = baseOffset;
  if (baseOffset > log.endOffset) {
    // What deleteBefore took away is not missed.
    if (baseOffset > log.startOffset) {
      const missing = `offsets ${log.endOffset} to ${baseOffset - 1} are missing`;
      log.report(log.active.path, log.active.size, 0, missing, 'the log goes on behind them');
    }
    log.endOffset = baseOffset;
    roll(log);
  }
  log.writtenOffset = baseOffset;
  log.takeMark();
}

function isSound(log: LogState, tail: Tail, position: number, end: number): boolean {
  if (!land(tail, position, end, log.endOffset) || landed.baseOffset !== log.endOffset) return false;
  const at = tail.seek(position);
  const expected = crcOf(tail.bytes, at);
  const pieces: Buffer[] = [];
  let crc = 0;
  for (let at = position + ATTRIBUTES_AT; at < position + landed.bytes; ) {
    at += tail.slices(at, position + landed.bytes, pieces, 64);
    for (const piece of pieces) crc = crc32c(piece, crc);
  }
  return crc === expected;
}
