/**
 * Snappy as Kafka carries it. The Java client frames raw Snappy blocks as the xerial library's stream does; librdkafka and others write
 * one raw block. Both are read, the frame is written. The one place that imports the npm package `snappy`.
 *
 *  header   8 B  0x82 'SNAPPY' 0x00
 *           4 B  version, 1
 *           4 B  lowest compatible version, 1
 *  block*   4 B  bytes of the raw block that follows
 *                raw block: varint of its uncompressed bytes, then the elements
 *
 * A header may come again between two blocks, where streams were joined.
 */
import { KiB } from '../base/bytes.ts';
import { lazily } from '../base/modules.ts';
import { corrupt, tooLarge } from './refuse.ts';

const codec = lazily<typeof import('snappy')>('snappy');

const HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00, 0, 0, 0, 1, 0, 0, 0, 1]);
const MAGIC_BYTES = 8;
/** The block size of the Java client. */
const BLOCK_BYTES = 32 * KiB;
// The densest element is a copy of 64 bytes told in 3. A block that promises more lies, and is refused before memory is taken.
const GROWTH_MAX = 22;
const OWN_MEMORY = { copyOutputData: true };

/** Frames `bytes` in blocks of 32 KiB. */
export function compressSnappy(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [HEADER];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = codec().compressSync(bytes.subarray(at, Math.min(bytes.length, at + BLOCK_BYTES)), OWN_MEMORY);
    const size = Buffer.allocUnsafe(4);
    size.writeInt32BE(block.length, 0);
    pieces.push(size, block);
  }
  return Buffer.concat(pieces);
}

/** Reads a frame or a raw block; throws CORRUPT_MESSAGE, or MESSAGE_TOO_LARGE before anything is allocated. */
export function decompressSnappy(bytes: Buffer, bytesMax: number): Buffer {
  if (!startsFrame(bytes, 0)) {
    if (uncompressedBytes(bytes) > bytesMax) throw tooLarge(bytesMax);
    return decompressBlock(bytes);
  }
  const blocks = [];
  let total = 0;
  for (let at = 0; at < bytes.length; ) {
    if (startsFrame(bytes, at)) {
      at += HEADER.length;
      continue;
    }
    const size = at + 4 <= bytes.length ? bytes.readInt32BE(at) : -1;
    if (size <= 0 || size > bytes.length - at - 4) throw corrupt('a snappy block is cut short');
    const block = bytes.subarray(at + 4, at + 4 + size);
    total += uncompressedBytes(block);
    if (total > bytesMax) throw tooLarge(bytesMax);
    blocks.push(block);
    at += 4 + size;
  }
  return blocks.length === 1 ? decompressBlock(blocks[0]) : Buffer.concat(blocks.map(decompressBlock), total);
}

function startsFrame(bytes: Buffer, at: number): boolean {
  return bytes.length - at >= HEADER.length && bytes.compare(HEADER, 0, MAGIC_BYTES, at, at + MAGIC_BYTES) === 0;
}

function uncompressedBytes(block: Buffer): number {
  let total = 0;
  for (let at = 0, scale = 1; at < 5 && at < block.length; at++, scale *= 0x80) {
    total += (block[at] & 0x7f) * scale;
    if (block[at] < 0x80) {
      if (total > block.length * GROWTH_MAX) throw corrupt('a snappy block promises more than it can hold');
      return total;
    }
  }
  throw corrupt('a snappy block does not tell its size');
}

function decompressBlock(block: Buffer): Buffer {
  try {
    return codec().uncompressSync(block, OWN_MEMORY) as Buffer;
  } catch (error) {
    throw corrupt('a snappy block cannot be decompressed', { reason: (error as Error).message });
  }
}
