/** A reader that trusts nothing: it checks every slice as a consumer must, and asks the log to verify what is wrong. */
import type { Log } from '../../src/log/log.ts';
import { baseOffsetOf, batchBytes, lastOffsetDeltaOf } from '../../src/record/batch-layout.ts';
import { readRecords, validateBatch } from '../../src/record/batch-read.ts';
import type { Disk } from '../../src/world/disk.ts';
import { bytesOf } from './fixtures.ts';

/** The sound batches at the start of a slice that continue the log from `offset`; `end` is where they end. */
export function soundPart(bytes: Buffer, offset: number, nextOffset: number): { end: number; next: number } {
  let at = 0;
  let next = offset;
  while (at < bytes.length) {
    if (validateBatch(bytes, at, bytes.length) !== 0) break;
    const base = baseOffsetOf(bytes, at);
    const after = base + lastOffsetDeltaOf(bytes, at) + 1;
    // The first batch may begin before the offset; each other one where the last ended, and none reaches beyond the slice.
    const continues = at === 0 ? base <= offset && after > offset : base === next;
    if (!continues || after > nextOffset) break;
    next = after;
    at += batchBytes(bytes, at);
  }
  return { end: at, next };
}

export interface Found {
  offset: number;
  value: string;
}

/** Reads everything that is sound, from the start offset on. `skipped` are the ranges that the log said are damaged. */
export function readCarefully(disk: Disk, log: Log): { records: Found[]; skipped: [from: number, to: number][] } {
  const records: Found[] = [];
  const skipped: [number, number][] = [];
  for (let offset = log.startOffset, tries = 0; offset < log.endOffset; ) {
    const read = log.read(offset, 10_000, log.endOffset);
    if (read.kind === 'error') throw new Error(`error ${read.error} at ${offset}`);
    const bytes = bytesOf({ disk }, log, read);
    const from = firstOf(bytes, offset, read.kind === 'none');
    if (from > offset) skipped.push([offset, Math.min(from, read.nextOffset)]);
    if (read.kind === 'none') {
      if (read.nextOffset <= offset) throw new Error(`nothing at ${offset}`);
      skipped.push([offset, read.nextOffset]);
      offset = read.nextOffset;
      continue;
    }
    const { end, next } = soundPart(bytes, Math.max(from, offset), read.nextOffset);
    for (const record of readRecords(bytes, 0, end, offset)) records.push({ offset: record.offset, value: String(record.value) });
    offset = end > 0 ? next : offset;
    if (end === bytes.length) {
      if (read.nextOffset > next) skipped.push([next, read.nextOffset]);
      offset = read.nextOffset;
      tries = 0;
      continue;
    }
    if (tries++ > 3) throw new Error(`no way on at ${offset}`);
    log.verify(offset);
  }
  return { records, skipped: skipped.filter(([a, b]) => b > a) };
}

/** The base offset of the first batch, when it begins beyond the offset that was asked for: what lies between is damaged. */
function firstOf(bytes: Buffer, offset: number, isEmpty: boolean): number {
  if (isEmpty || validateBatch(bytes, 0, bytes.length) !== 0) return offset;
  return Math.max(offset, baseOffsetOf(bytes, 0));
}
