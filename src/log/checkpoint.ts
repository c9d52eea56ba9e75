/**
 * What only Spillway keeps of a partition, in one text file that is replaced whole: `spillway-checkpoint`. Its last line is a
 * CRC-32C of all before it; a file that does not match is as good as none, and costs a longer start, never data.
 *
 *   spillway 1
 *   topic_id <32 hexadecimal digits>
 *   start <log start offset>
 *   recovery <offset>                     everything below is known to be synced: a start need not walk segments that end there
 *   epoch <leader epoch> <start offset>   one line each
 *   damage <first offset> <next offset> <base offset of the segment> <position> <length>   one line each: quarantined ranges
 *   clean <base offset> <end offset> <the active segment's mark, nine numbers>             only after a clean close
 *   crc <8 hexadecimal digits>
 */
import { crc32c } from '../base/crc32c.ts';
import type { EpochStart } from './kafka-checkpoints.ts';
import type { SegmentMark } from './segment.ts';

export interface CheckpointDamage {
  firstOffset: number;
  nextOffset: number;
  segment: number;
  position: number;
  length: number;
}

/** The active segment at a clean close. */
export interface CleanEnd {
  segment: number;
  endOffset: number;
  mark: SegmentMark;
}

export interface Checkpoint {
  topicId: string;
  startOffset: number;
  recoveryOffset: number;
  epochs: EpochStart[];
  damages: CheckpointDamage[];
  clean: CleanEnd | null;
}

const TITLE = 'spillway 1';

export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  const lines = [TITLE, `topic_id ${checkpoint.topicId}`, `start ${checkpoint.startOffset}`, `recovery ${checkpoint.recoveryOffset}`];
  for (const { epoch, startOffset } of checkpoint.epochs) lines.push(`epoch ${epoch} ${startOffset}`);
  for (const damage of checkpoint.damages) {
    lines.push(`damage ${damage.firstOffset} ${damage.nextOffset} ${damage.segment} ${damage.position} ${damage.length}`);
  }
  if (checkpoint.clean !== null) {
    const { segment, endOffset, mark } = checkpoint.clean;
    lines.push(`clean ${[segment, endOffset, ...numbersOf(mark)].join(' ')}`);
  }
  const text = `${lines.join('\n')}\n`;
  return Buffer.from(`${text}crc ${crcOf(text)}\n`);
}

/** null when the bytes are not a whole and sound checkpoint. */
export function decodeCheckpoint(bytes: Buffer): Checkpoint | null {
  const text = bytes.toString('latin1');
  const crcAt = text.lastIndexOf('crc ');
  if (crcAt < 0 || text.slice(crcAt) !== `crc ${crcOf(text.slice(0, crcAt))}\n`) return null;
  const lines = text.slice(0, crcAt).split('\n').slice(0, -1);
  if (lines.shift() !== TITLE) return null;
  const checkpoint: Checkpoint = { topicId: '', startOffset: 0, recoveryOffset: 0, epochs: [], damages: [], clean: null };
  for (const line of lines) {
    const [name, ...words] = line.split(' ');
    if (name === 'topic_id') checkpoint.topicId = words[0];
    else if (!readNumbers(checkpoint, name, words.map(Number))) return null;
  }
  return checkpoint;
}

function readNumbers(into: Checkpoint, name: string, numbers: number[]): boolean {
  if (!numbers.every(Number.isSafeInteger)) return false;
  const [a, b, c, d, e] = numbers;
  switch (name) {
    case 'start':
      into.startOffset = a;
      return true;
    case 'recovery':
      into.recoveryOffset = a;
      return true;
    case 'epoch':
      into.epochs.push({ epoch: a, startOffset: b });
      return true;
    case 'damage':
      into.damages.push({ firstOffset: a, nextOffset: b, segment: c, position: d, length: e });
      return true;
    case 'clean':
      if (numbers.length !== 11) return false;
      into.clean = { segment: a, endOffset: b, mark: markOf(numbers.slice(2)) };
      return true;
    default:
      return false;
  }
}

function numbersOf(mark: SegmentMark): number[] {
  return [
    mark.size,
    mark.maxTimestamp,
    mark.maxTimestampOffset,
    mark.firstTimestamp,
    mark.bytesSinceIndex,
    mark.offsetEntries,
    mark.timeEntries,
    mark.lastTimeEntry,
    mark.lastTimeEntryOffset,
  ];
}

function markOf([
  size,
  maxTimestamp,
  maxTimestampOffset,
  firstTimestamp,
  bytesSinceIndex,
  offsetEntries,
  timeEntries,
  lastTimeEntry,
  lastTimeEntryOffset,
]: number[]): SegmentMark {
  return {
    size,
    maxTimestamp,
    maxTimestampOffset,
    firstTimestamp,
    bytesSinceIndex,
    offsetEntries,
    timeEntries,
    lastTimeEntry,
    lastTimeEntryOffset,
  };
}

function crcOf(text: string): string {
  return crc32c(Buffer.from(text, 'latin1')).toString(16).padStart(8, '0');
}
