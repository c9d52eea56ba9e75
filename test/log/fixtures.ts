/** Logs and batches to test with: small, of known content, on a disk in memory. */
import type { LogConfig } from '../../src/log/config.ts';
import { Log, type LogEvent, type LogSetup } from '../../src/log/log.ts';
import type { ProducerEntry } from '../../src/log/producer-snapshot.ts';
import { stampBatch } from '../../src/record/batch-layout.ts';
import { readRecords } from '../../src/record/batch-read.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';
import type { CompressionId } from '../../src/record/compression.ts';
import { Arena } from '../../src/world/arena.ts';
import type { Disk } from '../../src/world/disk.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';

export const TOPIC_ID = '0123456789abcdef0123456789abcdef';
export const FOLDER = '/data/flights-0';

export const config: LogConfig = {
  durability: 'written',
  segmentBytes: 1024 * 1024,
  segmentMs: 7 * 24 * 3600_000,
  retentionMs: -1,
  retentionBytes: -1,
  indexIntervalBytes: 4096,
  batchBytesMax: 1024 * 1024,
  logAppendTime: false,
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3600_000,
  cleanupDelete: true,
  cleanupCompact: false,
};

export interface BatchOptions {
  records?: number;
  valueBytes?: number;
  timestampMs?: number;
  compression?: CompressionId;
  leaderEpoch?: number;
  producerId?: number;
  baseSequence?: number;
}

/** A sealed batch whose records say which offset they have: value = `<offset>:` and filling. */
export function batchAt(offset: number, options: BatchOptions = {}): Buffer {
  const { records = 1, valueBytes = 20, timestampMs = 1000 + offset, compression = 0, leaderEpoch = 0 } = options;
  const writer = new BatchWriter({ bytesMax: 1 << 26, compression });
  for (let i = 0; i < records; i++) {
    writer.append(timestampMs + i, Buffer.from(`k${offset + i}`), Buffer.from(`${offset + i}:`.padEnd(valueBytes, 'x')), null);
  }
  const producerId = options.producerId ?? -1;
  const batch = Buffer.from(
    writer.seal({
      producerId,
      producerEpoch: producerId < 0 ? -1 : 0,
      baseSequence: options.baseSequence ?? (producerId < 0 ? -1 : offset),
    }),
  );
  stampBatch(batch, 0, offset, leaderEpoch);
  return batch;
}

export interface World {
  disk: Disk;
  arena: Arena;
  events: LogEvent[];
  /** Base offsets told by visitBatch since the last open. */
  visited: number[];
  loaded: ProducerEntry[];
  producers: ProducerEntry[];
}

export function world(disk: Disk = new MemoryDisk(), frames = 512, frameBytes = 1024, slotsMax = 4): World {
  const arena = Arena.create({ framesMax: frames, frameBytes, slotsMax });
  disk.makeFolder('/data');
  disk.syncFolder('/');
  return { disk, arena, events: [], visited: [], loaded: [], producers: [] };
}

export function openLog(world: World, changes: Partial<LogConfig> = {}, setup: Partial<LogSetup> = {}): Log {
  world.visited.length = 0;
  world.loaded.length = 0;
  return Log.open({
    folder: FOLDER,
    disk: world.disk,
    arena: world.arena,
    slot: 0,
    config: { ...config, ...changes },
    topicId: TOPIC_ID,
    leaderEpoch: 0,
    nowMs: 0,
    clean: false,
    adopt: false,
    report: (event) => world.events.push(event),
    loadProducers: (entries) => world.loaded.push(...entries),
    visitBatch: (_header, _at, baseOffset) => world.visited.push(baseOffset),
    snapshotProducers: () => world.producers,
    ...setup,
  });
}

export function damagesOf(world: World): { position: number; length: number; what: string; did: string }[] {
  return world.events.flatMap((event) => (event.kind === 'damage' ? [event.damage] : []));
}

/** Appends batches of `records` records until the log ends at `endOffset`. */
export function fill(log: Log, endOffset: number, options: BatchOptions = {}): void {
  while (log.endOffset < endOffset) {
    if (!log.append(batchAt(log.endOffset, options))) throw new Error('the arena is full');
  }
}

/** The bytes that a read tells of. */
export function bytesOf(world: { disk: Disk }, log: Log, read: ReturnType<Log['read']>): Buffer {
  if (read.kind === 'resident') {
    const bytes = Buffer.alloc(read.to - read.from);
    log.copyResident(read.from, read.to, bytes, 0);
    return bytes;
  }
  if (read.kind !== 'file') return Buffer.alloc(0);
  const file = world.disk.open(read.path, 'read');
  const bytes = Buffer.alloc(read.length);
  const count = file.read(bytes, read.position);
  file.close();
  return bytes.subarray(0, count);
}

/** Reads everything from an offset on, as a reader would, and returns the offsets of the records; throws when a value is wrong. */
export function readAll(world: World, log: Log, from = log.startOffset, bytesMax = 4096, limit = log.endOffset): number[] {
  const offsets: number[] = [];
  for (let offset = from; offset < limit; ) {
    const read = log.read(offset, bytesMax, limit);
    if (read.kind === 'error') throw new Error(`error ${read.error} at ${offset}`);
    if (read.kind === 'none') {
      if (read.nextOffset <= offset) return offsets;
      offset = read.nextOffset;
      continue;
    }
    const bytes = bytesOf(world, log, read);
    for (const record of readRecords(bytes, 0, bytes.length, offset)) {
      if (!record.value?.toString().startsWith(`${record.offset}:`)) throw new Error(`offset ${record.offset} holds ${record.value}`);
      offsets.push(record.offset);
    }
    if (read.nextOffset <= offset) throw new Error(`a read at ${offset} goes on at ${read.nextOffset}`);
    offset = read.nextOffset;
  }
  return offsets;
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
