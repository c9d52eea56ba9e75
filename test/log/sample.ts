/** A small log of every kind of file, to be damaged. */
import { baseOffsetOf, batchBytes, lastOffsetDeltaOf } from '../../src/record/batch-layout.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { batchAt, FOLDER, openLog, range, type World, world } from './fixtures.ts';

/**
 * A small log with everything in it: three segments with indexes, two leader epochs, a lifted start offset, idempotent producers.
 * Every byte of every file is then changed, and every file cut at every length.
 */
export const CHANGES = { segmentBytes: 500, indexIntervalBytes: 100, durability: 'written' as const };
export const END = 27;
export const START = 2;

function sample(): MemoryDisk {
  const disk = new MemoryDisk();
  const w = world(disk, 64, 1024);
  const log = openLog(w, CHANGES);
  for (let offset = 0, i = 0; offset < END; i++) {
    const records = 1 + (i % 3);
    log.append(
      batchAt(offset, {
        records,
        valueBytes: 8,
        timestampMs: 1000 + i * 10,
        leaderEpoch: i < 6 ? 0 : 1,
        producerId: 5,
        baseSequence: offset,
      }),
    );
    log.flush();
    offset += records;
    w.producers.length = 0;
    w.producers.push({
      producerId: 5,
      producerEpoch: 0,
      lastSequence: offset - 1,
      lastOffset: offset - 1,
      offsetDelta: 0,
      timestampMs: 1000,
      coordinatorEpoch: -1,
      currentTxnFirstOffset: -1,
    });
  }
  log.deleteBefore(START);
  log.close(true);
  return disk;
}

export const original = sample();
export const files = new Map([...original.files()].map(([path, bytes]) => [path, Buffer.from(bytes)]));
export const nameOf = (path: string): string => path.slice(FOLDER.length + 1);

export interface Batch {
  position: number;
  length: number;
  offsets: number[];
}

/** Which offsets lie in which bytes of a segment. */
export function batchesOf(bytes: Buffer): Batch[] {
  const batches: Batch[] = [];
  for (let at = 0; at < bytes.length; at += batchBytes(bytes, at)) {
    const base = baseOffsetOf(bytes, at);
    batches.push({ position: at, length: batchBytes(bytes, at), offsets: range(base, base + lastOffsetDeltaOf(bytes, at) + 1) });
  }
  return batches;
}

export function damaged(path: string, change: (bytes: Buffer) => Buffer): World {
  const disk = original.image('kill');
  const bytes = change(Buffer.from(files.get(path) ?? Buffer.alloc(0)));
  const file = disk.open(path, 'write');
  file.truncate(0);
  if (bytes.length > 0) file.write([bytes], 0);
  file.close();
  disk.settle();
  return world(disk, 64, 1024);
}
