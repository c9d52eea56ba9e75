/**
 * A data folder read as files, without a bus: nothing is opened for writing, nothing is locked, so it also works while another
 * process owns the folder. What that process holds in memory alone cannot be seen here.
 */
import { join } from 'node:path';
import { MiB } from '../base/bytes.ts';
import { ownerName, listPartitions as partitionFolders } from '../coordinator/folder.ts';
import { decodeCheckpoint } from '../log/checkpoint.ts';
import { CHECKPOINT, LOG, LOG_START, OFFSET_INDEX, offsetName, offsetsOf } from '../log/files.ts';
import { decodeLogStart } from '../log/kafka-checkpoints.ts';
import { OFFSET_ENTRY_BYTES } from '../log/offset-index.ts';
import { scan } from '../log/scan.ts';
import {
  BATCH_LENGTH_MIN,
  baseOffsetOf,
  batchLengthOf,
  computeCrc,
  crcOf,
  HEADER_BYTES,
  LENGTH_OVERHEAD,
  lastOffsetDeltaOf,
  MAGIC,
  magicOf,
  maxTimestampOf,
} from '../record/batch-layout.ts';
import { type Disk, type DiskFile, readWhole } from '../world/disk.ts';
import { NotFoundError } from './exit.ts';
import { noFolder } from './session.ts';

export interface PartitionFolder {
  topic: string;
  partition: number;
  path: string;
}

/** The partitions of a data folder. Throws NotFoundError. */
export function listPartitions(disk: Disk, folder: string): PartitionFolder[] {
  if (disk.stat(folder)?.isDirectory !== true) throw noFolder(folder);
  return partitionFolders(disk, folder)
    .map(({ topic, partition, folder: name }) => ({ topic, partition, path: join(folder, name) }))
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

/** The process that has the folder open, as far as its note tells; null when there is none, or it is dead. */
export function ownerOf(disk: Disk, folder: string): number | null {
  const pid = Number(readWhole(disk, join(folder, ownerName))?.toString('latin1') ?? '0');
  if (!Number.isInteger(pid) || pid <= 0) return null;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    // It lives, and is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : null;
  }
}

/** The partitions of one topic. Throws NotFoundError. */
export function partitionsOf(disk: Disk, folder: string, topic: string): PartitionFolder[] {
  const found = listPartitions(disk, folder).filter((one) => one.topic === topic);
  if (found.length === 0) throw new NotFoundError(`topic "${topic}" has no files in "${folder}"`);
  return found;
}

/** A whole batch as it lies in its file, its checksum verified. */
export interface StoredBatch {
  path: string;
  position: number;
  bytes: Buffer;
  baseOffset: number;
  nextOffset: number;
}

/** Bytes that are no sound batch. */
export interface Spoiled {
  path: string;
  position: number;
  length: number;
  what: string;
}

export interface Wanted {
  /** Batches that end before it are passed over. */
  fromOffset: number;
  /** Batches whose newest record is older are passed over. */
  fromMs?: number;
}

/** The batches of a partition, in order. `spoiled` is told what had to be passed over. */
export function* readBatches(disk: Disk, path: string, wanted: Wanted, spoiled: (what: Spoiled) => void): Generator<StoredBatch> {
  const bases = offsetsOf(disk.list(path), LOG);
  const first = Math.max(
    0,
    bases.findLastIndex((base) => base <= wanted.fromOffset),
  );
  for (let i = first; i < bases.length; i++) {
    const segment = join(path, `${offsetName(bases[i])}${LOG}`);
    // A segment may be deleted by its owner between the list and here.
    if (disk.stat(segment) === null) continue;
    const file = disk.open(segment, 'read');
    try {
      yield* segmentBatches(file, bases[i], bases[i + 1] ?? Number.POSITIVE_INFINITY, wanted, spoiled);
    } finally {
      file.close();
    }
  }
}

/** The batches of one segment file. */
export function* segmentBatches(
  file: DiskFile,
  baseOffset: number,
  boundOffset: number,
  { fromOffset, fromMs = -1 }: Wanted,
  spoiled: (what: Spoiled) => void,
): Generator<StoredBatch> {
  const size = file.size();
  const window = new Window(file, size);
  let position = 0;
  let minOffset = baseOffset;
  while (position < size) {
    const at = window.at(position, HEADER_BYTES);
    const header = window.bytes;
    if (at < 0 || !isHeader(header, at, size - position, minOffset)) {
      const good = nextSound(file, position, size, minOffset, boundOffset);
      spoiled({ path: file.path, position, length: (good ?? size) - position, what: good === null ? tornTail : 'no sound batch' });
      if (good === null) return;
      position = good;
      continue;
    }
    const length = LENGTH_OVERHEAD + batchLengthOf(header, at);
    const nextOffset = baseOffsetOf(header, at) + lastOffsetDeltaOf(header, at) + 1;
    if (nextOffset > fromOffset && maxTimestampOf(header, at) >= fromMs) {
      const bytes = window.copy(position, length);
      if (crcOf(bytes, 0) === computeCrc(bytes, 0))
        yield { path: file.path, position, bytes, baseOffset: baseOffsetOf(bytes, 0), nextOffset };
      else spoiled({ path: file.path, position, length, what: 'the checksum does not match' });
    }
    minOffset = nextOffset;
    position += length;
  }
}

const tornTail = 'no whole batch: being written, or torn';

/** The offset after the newest batch of a partition, 0 when it is empty. Begins at the last entry of the index that holds true. */
export function endOffset(disk: Disk, path: string): number {
  const base = offsetsOf(disk.list(path), LOG).at(-1);
  if (base === undefined) return 0;
  const stem = join(path, offsetName(base));
  const file = disk.open(`${stem}${LOG}`, 'read');
  try {
    const size = file.size();
    const window = new Window(file, size);
    let position = indexedPosition(disk, `${stem}${OFFSET_INDEX}`, size);
    let end = base;
    if (position > 0 && !isHeader(window.bytes, window.at(position, HEADER_BYTES), size - position, base)) position = 0;
    for (;;) {
      const at = window.at(position, HEADER_BYTES);
      if (at < 0 || !isHeader(window.bytes, at, size - position, end)) return end;
      end = baseOffsetOf(window.bytes, at) + lastOffsetDeltaOf(window.bytes, at) + 1;
      position += LENGTH_OVERHEAD + batchLengthOf(window.bytes, at);
    }
  } finally {
    file.close();
  }
}

/** Where a partition begins: what lies before was deleted. */
export function startOffset(disk: Disk, path: string): number {
  const own = readWhole(disk, join(path, CHECKPOINT));
  const kafkas = readWhole(disk, join(path, LOG_START));
  const told = [
    own === null ? null : (decodeCheckpoint(own)?.startOffset ?? null),
    kafkas === null ? null : decodeLogStart(kafkas.toString()),
  ];
  const first = offsetsOf(disk.list(path), LOG)[0] ?? 0;
  return Math.max(first, ...told.map((offset) => offset ?? 0));
}

function indexedPosition(disk: Disk, path: string, size: number): number {
  const bytes = readWhole(disk, path);
  if (bytes === null) return 0;
  for (let at = bytes.length - (bytes.length % OFFSET_ENTRY_BYTES) - OFFSET_ENTRY_BYTES; at >= 0; at -= OFFSET_ENTRY_BYTES) {
    const position = bytes.readInt32BE(at + 4);
    // Preallocated entries are zeros.
    if (position > 0 && position < size) return position;
  }
  return 0;
}

function isHeader(bytes: Buffer, at: number, left: number, minOffset: number): boolean {
  if (at < 0 || magicOf(bytes, at) !== MAGIC) return false;
  const length = batchLengthOf(bytes, at);
  return (
    length >= BATCH_LENGTH_MIN &&
    length <= left - LENGTH_OVERHEAD &&
    lastOffsetDeltaOf(bytes, at) >= 0 &&
    baseOffsetOf(bytes, at) >= minOffset
  );
}

/** Where the first sound batch after `position` lies, or null. */
function nextSound(file: DiskFile, position: number, size: number, minOffset: number, boundOffset: number): number | null {
  const found = new FoundBatch();
  try {
    scan({
      file,
      from: position,
      size,
      minOffset,
      boundOffset,
      dense: false,
      onBatch(_header, _at, at) {
        found.position = at;
        throw found;
      },
      onDamage() {},
    });
  } catch (error) {
    if (error !== found) throw error;
    return found.position;
  }
  return null;
}

/** Thrown to end a scan at its first batch. */
class FoundBatch extends Error {
  position = 0;
}

/** A moving view of a file. */
class Window {
  readonly bytes = Buffer.allocUnsafe(MiB);
  readonly #file: DiskFile;
  readonly #size: number;
  #from = 0;
  #to = 0;

  constructor(file: DiskFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** Where in `bytes` the `count` bytes from `position` on lie; −1 when the file has not so many. */
  at(position: number, count: number): number {
    if (position + count > this.#size) return -1;
    if (position < this.#from || position + count > this.#to) {
      this.#from = position;
      const into = this.bytes.subarray(0, Math.min(this.bytes.length, this.#size - position));
      this.#to = position + this.#file.read(into, position);
      if (position + count > this.#to) return -1;
    }
    return position - this.#from;
  }

  /** A copy of bytes that may be more than the window holds. */
  copy(position: number, count: number): Buffer {
    const at = count <= this.bytes.length ? this.at(position, count) : -1;
    if (at >= 0) return Buffer.from(this.bytes.subarray(at, at + count));
    const bytes = Buffer.alloc(count);
    this.#file.read(bytes, position);
    return bytes;
  }
}
