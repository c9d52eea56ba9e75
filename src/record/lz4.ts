/**
 * LZ4 frames as Kafka carries them: the raw block codec is the npm package `lz4-napi` (imported here alone), the frame is ours, because
 * a frame decoder that cannot be told a bound would follow a bomb to its end.
 *
 *  magic     4 B  0x184D2204, little-endian like all that follows
 *  FLG       1 B  7 6 version 01 | 5 blocks independent | 4 block checksums | 3 content size | 2 content checksum | 0 dictionary
 *  BD        1 B  6 5 4 largest block: 4 64 KiB, 5 256 KiB, 6 1 MiB, 7 4 MiB
 *  size      8 B  of the content, if FLG says so
 *  HC        1 B  second byte of xxh32 over FLG … size
 *  block*    4 B  its bytes; top bit: stored as it is.   0: end mark
 *                 the bytes, then 4 B xxh32 over them if FLG says so
 *  checksum  4 B  xxh32 over the content, if FLG says so
 *
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
import { KiB } from '../base/bytes.ts';
import { lazily } from '../base/modules.ts';
import { corrupt, tooLarge } from './refuse.ts';
import { xxh32 } from './xxh32.ts';

const codec = lazily<typeof import('lz4-napi')>('lz4-napi');

const FRAME_MAGIC = 0x184d2204;
/** What the Java client writes: independent blocks of 64 KiB at most, no sizes, no checksums. */
const HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
const BLOCK_BYTES = 64 * KiB;
const END_MARK_BYTES = 4;
const STORED_BIT = 0x8000_0000;
const WINDOW_BYTES = 64 * KiB;
// A match grows by 255 per byte at most. A block's memory is bounded by this too, not by what its frame allows alone.
const GROWTH_MAX = 255;

const FLAG_VERSION_MASK = 0b1100_0000;
const FLAG_VERSION = 0b0100_0000;
const FLAG_INDEPENDENT = 0b0010_0000;
const FLAG_BLOCK_CHECKSUM = 0b0001_0000;
const FLAG_CONTENT_SIZE = 0b0000_1000;
const FLAG_CONTENT_CHECKSUM = 0b0000_0100;
const FLAG_DICTIONARY = 0b0000_0001;

/** Frames `bytes` as the Java client does. */
export function compressLz4(bytes: Buffer): Buffer {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES);
  const frame = Buffer.allocUnsafe(HEADER.length + blocks * 4 + bytes.length + END_MARK_BYTES);
  frame.set(HEADER);
  let at = HEADER.length;
  for (let from = 0; from < bytes.length; from += BLOCK_BYTES) {
    const raw = bytes.subarray(from, Math.min(bytes.length, from + BLOCK_BYTES));
    const packed = codec().compressSync(raw).subarray(4);
    const block = packed.length < raw.length ? packed : raw;
    at = frame.writeUInt32LE(block === raw ? block.length + STORED_BIT : block.length, at);
    frame.set(block, at);
    at += block.length;
  }
  return frame.subarray(0, frame.writeUInt32LE(0, at));
}

/** Reads one frame; throws CORRUPT_MESSAGE, or MESSAGE_TOO_LARGE once the content passes `bytesMax`. */
export function decompressLz4(bytes: Buffer, bytesMax: number): Buffer {
  const { flags, blockBytesMax, contentBytes, headerBytes } = readHeader(bytes);
  if (contentBytes > bytesMax) throw tooLarge(bytesMax);
  let content: Buffer = Buffer.alloc(0);
  let length = 0;
  let at = headerBytes;
  for (;;) {
    const size = uint32(bytes, at);
    at += 4;
    if (size === 0) break;
    const blockBytes = size % STORED_BIT;
    if (blockBytes > blockBytesMax || blockBytes > bytes.length - at) throw corrupt('an lz4 block is cut short or too large');
    const block = bytes.subarray(at, at + blockBytes);
    at += blockBytes;
    if (flags & FLAG_BLOCK_CHECKSUM) {
      if (uint32(bytes, at) !== xxh32(block)) throw corrupt('an lz4 block does not match its checksum');
      at += 4;
    }
    const window = flags & FLAG_INDEPENDENT ? null : content.subarray(Math.max(0, length - WINDOW_BYTES), length);
    const plain = size >= STORED_BIT ? block : decompressBlock(block, blockBytesMax, window);
    if (length + plain.length > bytesMax) throw tooLarge(bytesMax);
    content = length === 0 ? plain : joined(content, length, plain, Math.max(contentBytes, 0));
    length += plain.length;
  }
  content = content.subarray(0, length);
  if (contentBytes >= 0 && contentBytes !== length) throw corrupt('an lz4 frame does not hold the bytes that it promises');
  if (flags & FLAG_CONTENT_CHECKSUM) {
    if (uint32(bytes, at) !== xxh32(content)) throw corrupt('an lz4 frame does not match its checksum');
    at += 4;
  }
  if (at !== bytes.length) throw corrupt('bytes follow an lz4 frame');
  return content;
}

function readHeader(bytes: Buffer): { flags: number; blockBytesMax: number; contentBytes: number; headerBytes: number } {
  if (uint32(bytes, 0) !== FRAME_MAGIC || bytes.length < HEADER.length) throw corrupt('an lz4 frame does not begin with its magic');
  const flags = bytes[4];
  const blockCode = (bytes[5] >> 4) & 0b111;
  if ((flags & FLAG_VERSION_MASK) !== FLAG_VERSION || flags & FLAG_DICTIONARY || blockCode < 4) {
    throw corrupt('an lz4 frame is of another version, needs a dictionary, or has blocks of no known size');
  }
  let at = 6;
  let contentBytes = -1;
  if (flags & FLAG_CONTENT_SIZE) {
    contentBytes = uint32(bytes, at) + uint32(bytes, at + 4) * 0x1_0000_0000;
    at += 8;
  }
  if (bytes[at] !== ((xxh32(bytes.subarray(4, at)) >>> 8) & 0xff)) throw corrupt('an lz4 frame header does not match its checksum');
  return { flags, blockBytesMax: 1 << (8 + 2 * blockCode), contentBytes, headerBytes: at + 1 };
}

function decompressBlock(block: Buffer, blockBytesMax: number, window: Buffer | null): Buffer {
  // The codec wants a block's size before it, and takes a larger one as the room that it has.
  const sized = Buffer.allocUnsafe(4 + block.length);
  sized.writeUInt32LE(Math.min(blockBytesMax, block.length * GROWTH_MAX), 0);
  sized.set(block, 4);
  try {
    return window === null ? codec().uncompressSync(sized) : codec().uncompressSync(sized, window);
  } catch (error) {
    throw corrupt('an lz4 block cannot be decompressed', { reason: (error as Error).message });
  }
}

/** `content[0, length)` followed by `more`, in place while there is room. */
function joined(content: Buffer, length: number, more: Buffer, expected: number): Buffer {
  const needed = length + more.length;
  let target = content;
  // A promised size is believed up to a factor, so that a lie takes no memory.
  if (content.length < needed) {
    target = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(expected, needed * 8), content.length * 2));
    target.set(content.subarray(0, length));
  }
  target.set(more, length);
  return target;
}

function uint32(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw corrupt('an lz4 frame is cut short');
  return bytes.readUInt32LE(at);
}
