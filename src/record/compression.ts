/**
 * The five codecs of a record batch, by Kafka's ids and names. A batch is compressed as a whole, by synchronous calls, on the thread of
 * whoever produces or consumes it. Growth is bounded: what tells a size beyond the bound is refused before memory is taken.
 */
import { KiB, MiB } from '../base/bytes.ts';
import { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { lazily } from '../base/modules.ts';
import { compressLz4, decompressLz4 } from './lz4.ts';
import { corrupt, tooLarge } from './refuse.ts';
import { compressSnappy, decompressSnappy } from './snappy.ts';

type Zlib = typeof import('node:zlib');

const zlib = lazily<Zlib>('node:zlib');

/** Kafka's names (compression.type) and the ids in a batch's attributes. */
export const compressions = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
export type CompressionName = keyof typeof compressions;
export type CompressionId = (typeof compressions)[CompressionName];

/** Levels that can be asked for (compression.gzip.level, compression.zstd.level). Snappy has none, and lz4 here has only its fast one. */
export const compressionLevels = {
  gzip: { min: 1, max: 9, default: 6 },
  zstd: { min: -131_072, max: 22, default: 3 },
} as const;

// Clients write one frame to a batch. Thousands of empty ones would be work without end.
const ZSTD_FRAMES_MAX = 1000;

const names = Object.keys(compressions) as CompressionName[];

/** The name of an id, or undefined for one that Kafka does not have. */
export function compressionName(id: number): CompressionName | undefined {
  return names[id];
}

/** Compresses `bytes`. `level` is for gzip and zstd, the codec's default when absent. The result is the caller's. */
export function compress(id: CompressionId, bytes: Buffer, level?: number): Buffer {
  switch (id) {
    case compressions.none:
      return bytes;
    case compressions.gzip:
      return zlib().gzipSync(bytes, { level: level ?? compressionLevels.gzip.default });
    case compressions.snappy:
      return compressSnappy(bytes);
    case compressions.lz4:
      return compressLz4(bytes);
    case compressions.zstd:
      return zlib().zstdCompressSync(bytes, {
        params: { [zlib().constants.ZSTD_c_compressionLevel]: level ?? compressionLevels.zstd.default },
      });
  }
}

/**
 * Decompresses `bytes`, to `bytesMax` bytes at most. Throws CORRUPT_MESSAGE for bytes that the codec refuses, MESSAGE_TOO_LARGE beyond
 * the bound, UNSUPPORTED_COMPRESSION_TYPE for an id that Kafka does not have.
 */
export function decompress(id: number, bytes: Buffer, bytesMax: number = limits.decompressedBytesMax): Buffer {
  switch (id) {
    case compressions.none:
      return bytes;
    case compressions.gzip:
      return inflate(zlib().gunzipSync, bytes, gzipContentBytes(bytes), bytesMax).buffer;
    case compressions.snappy:
      return decompressSnappy(bytes, bytesMax);
    case compressions.lz4:
      return decompressLz4(bytes, bytesMax);
    case compressions.zstd:
      return decompressZstd(bytes, bytesMax);
    default:
      throw new BusError('UNSUPPORTED_COMPRESSION_TYPE', `A batch names compression ${id}; known are ${names.join(', ')}.`, {
        details: { compression: id },
      });
  }
}

/** Node decodes the first frame and is silent about what follows; here joined frames are one stream, as for zstd's own tools. */
function decompressZstd(bytes: Buffer, bytesMax: number): Buffer {
  const frames: Buffer[] = [];
  let length = 0;
  for (let at = 0; at < bytes.length || at === 0; ) {
    const rest = bytes.subarray(at);
    const { buffer, consumedBytes } = inflate(zlib().zstdDecompressSync, rest, zstdContentBytes(rest), bytesMax - length);
    frames.push(buffer);
    if (consumedBytes <= 0 || frames.length > ZSTD_FRAMES_MAX) throw corrupt('its zstd frames do not end');
    length += buffer.length;
    at += consumedBytes;
  }
  return frames.length === 1 ? frames[0] : Buffer.concat(frames, length);
}

function inflate(
  codec: Zlib['gunzipSync'] | Zlib['zstdDecompressSync'],
  bytes: Buffer,
  contentBytes: number,
  bytesMax: number,
): { buffer: Buffer; consumedBytes: number } {
  if (contentBytes > bytesMax) throw tooLarge(bytesMax);
  // Node collects the output in pieces of `chunkSize`, each allocated whole. It knows no maximum of 0.
  const chunkSize = Math.min(Math.max(contentBytes, 16 * KiB), 1 * MiB);
  try {
    const result = codec(bytes, { maxOutputLength: Math.max(bytesMax, 1), chunkSize, info: true });
    const { buffer, engine } = result as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    if (buffer.length > bytesMax) throw tooLarge(bytesMax);
    return { buffer, consumedBytes: engine.bytesWritten };
  } catch (error) {
    if (error instanceof BusError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bytesMax);
    throw corrupt('its records cannot be decompressed', { reason: (error as Error).message });
  }
}

/** The size that the last member of a gzip stream tells in its last 4 bytes, modulo 2^32. */
function gzipContentBytes(bytes: Buffer): number {
  return bytes.length < 18 ? 0 : bytes.readUInt32LE(bytes.length - 4);
}

/** The size that a zstd frame tells in its header; 0 when it does not. RFC 8878, section 3.1.1.1. */
function zstdContentBytes(bytes: Buffer): number {
  if (bytes.length < 18) return 0;
  const descriptor = bytes[4];
  const isSingleSegment = (descriptor & 0b0010_0000) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 0b11];
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment ? bytes[at] : 0;
    case 1:
      return bytes.readUInt16LE(at) + 256;
    case 2:
      return bytes.readUInt32LE(at);
    default:
      return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
  }
}
