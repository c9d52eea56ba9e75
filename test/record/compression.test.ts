/** The five codecs: what was compressed comes back, foreign framings are read, bombs and rubbish are refused within bounds. */
import { constants, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { compressFrameSync, compressSync as compressLz4Block } from 'lz4-napi';
import { compressSync as compressSnappyBlock } from 'snappy';
import { describe, expect, test } from 'vitest';
import { KiB, MiB } from '../../src/base/bytes.ts';
import { BusError } from '../../src/base/errors.ts';
import {
  type CompressionId,
  compress,
  compressionLevels,
  compressionName,
  compressions,
  decompress,
} from '../../src/record/compression.ts';
import { xxh32 } from '../../src/record/xxh32.ts';

const { gzip, snappy, lz4, zstd } = compressions;
const codecs = Object.entries(compressions) as [string, CompressionId][];

function thrown(call: () => unknown): string {
  try {
    call();
    return 'nothing';
  } catch (error) {
    return error instanceof BusError ? error.code : String(error);
  }
}

/** Bytes that compress somewhat: words of a small vocabulary, in an order without a pattern. */
function words(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 12345;
  for (let at = 0; at < length; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    at += bytes.write(`word${(state >>> 16) & 0x3f} `, at, 'latin1') || 1;
  }
  return bytes;
}

describe.each(codecs)('%s', (name, id) => {
  test('has its name', () => {
    expect(compressionName(id)).toBe(name);
    expect(compressionName(9)).toBeUndefined();
  });

  test('gives back any bytes', () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.integer({ min: 1, max: 300_000 }).map(words),
    );
    fc.assert(
      fc.property(anyBytes, (bytes) => decompress(id, compress(id, bytes)).equals(bytes)),
      { seed: 5, numRuns: 60 },
    );
  });

  test.each([0, 1, 32 * KiB - 1, 32 * KiB, 64 * KiB, 64 * KiB + 1, 5 * MiB])('gives back %d bytes', (length) => {
    expect(decompress(id, compress(id, words(length))).equals(words(length))).toBe(true);
  });

  test('leaves its input alone', () => {
    const bytes = words(100_000);
    const packed = compress(id, bytes);
    const before = Buffer.from(packed);
    decompress(id, packed);
    expect(bytes.equals(words(100_000))).toBe(true);
    expect(packed.equals(before)).toBe(true);
  });
});

test('bytes that do not compress are held in little more than themselves', () => {
  const noise = Buffer.from(fc.sample(fc.uint8Array({ minLength: 100_000, maxLength: 100_000, size: 'max' }), { seed: 6, numRuns: 1 })[0]);
  for (const [, id] of codecs) {
    const packed = compress(id, noise);
    expect(packed.length).toBeLessThan(noise.length + 200);
    expect(decompress(id, packed).equals(noise)).toBe(true);
  }
});

test('levels change the size, within the ranges of the table', () => {
  const bytes = words(200_000);
  expect(compress(gzip, bytes, 9).length).toBeLessThan(compress(gzip, bytes, 1).length);
  expect(compress(zstd, bytes, 19).length).toBeLessThan(compress(zstd, bytes, -5).length);
  for (const level of [compressionLevels.zstd.min, compressionLevels.zstd.max]) {
    expect(decompress(zstd, compress(zstd, bytes, level)).equals(bytes)).toBe(true);
  }
  expect(compress(gzip, bytes, compressionLevels.gzip.default)).toEqual(compress(gzip, bytes));
});

test('an id that Kafka does not have', () => {
  for (const id of [5, 6, 7]) expect(thrown(() => decompress(id, words(10)))).toBe('UNSUPPORTED_COMPRESSION_TYPE');
});

describe('bounds', () => {
  test.each(codecs.filter(([, id]) => id !== 0))('%s grows to bytesMax and no further', (_, id) => {
    const packed = compress(id, words(300_000));
    expect(decompress(id, packed, 300_000).length).toBe(300_000);
    expect(thrown(() => decompress(id, packed, 299_999))).toBe('MESSAGE_TOO_LARGE');
  });

  test('a bomb is not followed to its end', () => {
    const zeros = Buffer.alloc(64 * MiB);
    for (const [, id] of codecs.filter(([, id]) => id !== 0)) {
      const bomb = compress(id, zeros);
      const before = process.memoryUsage().arrayBuffers;
      expect(thrown(() => decompress(id, bomb, 1 * MiB))).toBe('MESSAGE_TOO_LARGE');
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MiB);
    }
  });

  test('a snappy block that promises what it cannot hold takes no memory', () => {
    expect(thrown(() => decompress(snappy, Buffer.from('ffffffff070041', 'hex')))).toBe('CORRUPT_MESSAGE');
    expect(thrown(() => decompress(snappy, compress(snappy, words(5000)), 1000))).toBe('MESSAGE_TOO_LARGE');
  });

  test('gzip and zstd that tell a size beyond the bound are not begun', () => {
    const liar = gzipSync(words(100));
    liar.writeUInt32LE(0xffff_ffff, liar.length - 4);
    expect(thrown(() => decompress(gzip, liar))).toBe('MESSAGE_TOO_LARGE');
    // A frame of 2^62 bytes by its header: magic, descriptor with an 8-byte size and a window, and rubbish.
    const frame = Buffer.from('28b52ffde0000000000000004001000000000000', 'hex');
    expect(thrown(() => decompress(zstd, frame))).toBe('MESSAGE_TOO_LARGE');
  });

  test('many small lz4 blocks do not each take the largest', () => {
    const block = compressLz4Block(Buffer.alloc(20)).subarray(4);
    const sized = Buffer.alloc(4);
    sized.writeUInt32LE(block.length);
    const header = lz4Header(0x60, 0x70);
    const blocks = Array.from({ length: 20_000 }, () => [sized, block]).flat();
    const frame = Buffer.concat([header, ...blocks, Buffer.alloc(4)]);
    expect(decompress(lz4, frame).length).toBe(400_000);
  });
});

describe('rubbish', () => {
  test.each(codecs.filter(([, id]) => id !== 0))('%s: every cut and every flipped byte ends in the bytes or a BusError', (_, id) => {
    const bytes = words(3000);
    const packed = compress(id, bytes);
    for (let at = 0; at < packed.length; at++) {
      const cut = thrown(() => {
        if (!decompress(id, packed.subarray(0, at), 1 * MiB).equals(bytes.subarray(0, -1)))
          throw new BusError('CORRUPT_MESSAGE', 'shorter');
      });
      expect(['CORRUPT_MESSAGE', 'MESSAGE_TOO_LARGE']).toContain(cut);
      const flipped = Buffer.from(packed);
      flipped[at] ^= 0xff;
      expect(['nothing', 'CORRUPT_MESSAGE', 'MESSAGE_TOO_LARGE']).toContain(thrown(() => decompress(id, flipped, 1 * MiB)));
    }
  });

  test('deflate without its gzip header', () => {
    expect(thrown(() => decompress(gzip, deflateRawSync(words(100))))).toBe('CORRUPT_MESSAGE');
  });
});

describe('snappy as others write it', () => {
  const size = (block: Buffer) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(block.length);
    return bytes;
  };
  const header = Buffer.from('82534e41505059000000000100000001', 'hex');
  const [a, b] = [compressSnappyBlock(words(5000)), compressSnappyBlock(Buffer.from('the end'))];
  const both = Buffer.concat([words(5000), Buffer.from('the end')]);

  test('one raw block', () => expect(decompress(snappy, a).equals(words(5000))).toBe(true));

  test('blocks in a frame, also where frames were joined', () => {
    expect(decompress(snappy, Buffer.concat([header, size(a), a, size(b), b])).equals(both)).toBe(true);
    expect(decompress(snappy, Buffer.concat([header, size(a), a, header, size(b), b])).equals(both)).toBe(true);
    expect(decompress(snappy, header).length).toBe(0);
  });

  test('a block that ends beyond the frame', () => {
    for (const claimed of [0, -1, a.length + 1, 2 ** 31 - 1]) {
      const lie = Buffer.alloc(4);
      lie.writeInt32BE(claimed);
      expect(thrown(() => decompress(snappy, Buffer.concat([header, lie, a])))).toBe('CORRUPT_MESSAGE');
    }
  });

  test('the frame that the Java client writes: 32 KiB to a block', () => {
    const packed = compress(snappy, words(70_000));
    expect(packed.subarray(0, 16)).toEqual(header);
    const lengths: number[] = [];
    for (let at = 16; at < packed.length; at += 4 + packed.readInt32BE(at)) lengths.push(packed.readInt32BE(at));
    expect(lengths).toHaveLength(3);
  });
});

/** Magic, the two bytes and what follows them, and the header's checksum. */
function lz4Header(flags: number, blocks: number, size?: bigint): Buffer {
  const descriptor = Buffer.alloc(size === undefined ? 2 : 10);
  descriptor[0] = flags;
  descriptor[1] = blocks;
  if (size !== undefined) descriptor.writeBigUInt64LE(size, 2);
  return Buffer.concat([Buffer.from('04224d18', 'hex'), descriptor, Buffer.from([(xxh32(descriptor) >>> 8) & 0xff])]);
}

describe('lz4 as others write it', () => {
  const content = words(150_000);
  const word = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const blocksOf = (checksums: boolean, linked: boolean) => {
    const blocks: Buffer[] = [];
    for (let at = 0; at < content.length; at += 64 * KiB) {
      const window = linked && at > 0 ? content.subarray(at - 64 * KiB, at) : undefined;
      const block = compressLz4Block(content.subarray(at, at + 64 * KiB), window).subarray(4);
      blocks.push(word(block.length), block);
      if (checksums) blocks.push(word(xxh32(block)));
    }
    return Buffer.concat([...blocks, word(0)]);
  };

  test('the library frames of any checksum', () => {
    for (const options of [{}, { contentChecksum: true }, { blockChecksums: true }, { contentChecksum: true, blockChecksums: true }]) {
      expect(decompress(lz4, compressFrameSync(content, options)).equals(content)).toBe(true);
    }
  });

  test('with a content size, checksums, linked blocks', () => {
    const size = BigInt(content.length);
    expect(decompress(lz4, Buffer.concat([lz4Header(0x68, 0x40, size), blocksOf(false, false)])).equals(content)).toBe(true);
    const checked = Buffer.concat([lz4Header(0x74, 0x40), blocksOf(true, false), word(xxh32(content))]);
    expect(decompress(lz4, checked).equals(content)).toBe(true);
    expect(decompress(lz4, Buffer.concat([lz4Header(0x40, 0x40), blocksOf(false, true)])).equals(content)).toBe(true);
  });

  test.each([
    ['a wrong content checksum', Buffer.concat([lz4Header(0x64, 0x40), blocksOf(false, false), word(xxh32(content) ^ 1)])],
    ['wrong block checksums', Buffer.concat([lz4Header(0x70, 0x40), blocksOf(false, false)])],
    ['another content size', Buffer.concat([lz4Header(0x68, 0x40, 149_999n), blocksOf(false, false)])],
    ['a dictionary', Buffer.concat([lz4Header(0x61, 0x40), blocksOf(false, false)])],
    ['a wrong version', Buffer.concat([lz4Header(0xa0, 0x40), blocksOf(false, false)])],
    ['blocks of no size', Buffer.concat([lz4Header(0x60, 0x30), blocksOf(false, false)])],
    ['a wrong header checksum', Buffer.concat([Buffer.from('04224d18604083', 'hex'), blocksOf(false, false)])],
    ['another magic', Buffer.concat([Buffer.from('05224d18604082', 'hex'), blocksOf(false, false)])],
    ['no end mark', Buffer.concat([lz4Header(0x60, 0x40), blocksOf(false, false).subarray(0, -4)])],
    ['bytes behind it', Buffer.concat([lz4Header(0x60, 0x40), blocksOf(false, false), word(1)])],
    ['a block beyond its frame', Buffer.concat([lz4Header(0x60, 0x40), word(60_000), content.subarray(0, 100)])],
    ['a block beyond its largest', Buffer.concat([lz4Header(0x60, 0x40), word(65_537 + 2 ** 31), content.subarray(0, 65_537), word(0)])],
  ])('%s is corrupt', (_, frame) => {
    expect(thrown(() => decompress(lz4, frame))).toBe('CORRUPT_MESSAGE');
  });

  test('a promised size is not believed before it is seen', () => {
    const frame = Buffer.concat([lz4Header(0x68, 0x40, 500_000_000n), blocksOf(false, false)]);
    const before = process.memoryUsage().arrayBuffers;
    expect(thrown(() => decompress(lz4, frame))).toBe('CORRUPT_MESSAGE');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MiB);
  });

  test('the frame that the Java client writes: its very header', () => {
    expect(compress(lz4, content).subarray(0, 7).toString('hex')).toBe('04224d18604082');
  });
});

describe('zstd as others write it', () => {
  const frame = zstdCompressSync(words(1000));

  test('joined frames are one stream, within one bound', () => {
    const joined = Buffer.concat([frame, zstdCompressSync(Buffer.alloc(0)), frame]);
    expect(decompress(zstd, joined, 2000).equals(Buffer.concat([words(1000), words(1000)]))).toBe(true);
    expect(thrown(() => decompress(zstd, joined, 1999))).toBe('MESSAGE_TOO_LARGE');
    expect(thrown(() => decompress(zstd, joined, 1000))).toBe('MESSAGE_TOO_LARGE');
  });

  test('without a content size, and with a checksum', () => {
    const params = { [constants.ZSTD_c_contentSizeFlag]: 0, [constants.ZSTD_c_checksumFlag]: 1 };
    expect(decompress(zstd, zstdCompressSync(words(1000), { params })).equals(words(1000))).toBe(true);
  });

  test('frames are counted, so that empty ones end', () => {
    const empty = zstdCompressSync(Buffer.alloc(0));
    expect(decompress(zstd, Buffer.concat(Array.from({ length: 1000 }, () => empty))).length).toBe(0);
    expect(thrown(() => decompress(zstd, Buffer.concat(Array.from({ length: 1001 }, () => empty))))).toBe('CORRUPT_MESSAGE');
  });

  test('rubbish behind a frame is corrupt', () => {
    expect(thrown(() => decompress(zstd, Buffer.concat([frame, Buffer.from('rubbish')])))).toBe('CORRUPT_MESSAGE');
  });
});

// https://github.com/Cyan4973/xxHash: the sanity values of xxHash32 with seed 0, and the well-known ones of short strings.
test.each([
  ['', 0x02cc5d05],
  ['a', 0x550d7456],
  ['abc', 0x32d153ff],
  ['Nobody inspects the spammish repetition', 0xe2293b2f],
])('xxh32 of %j', (text, hash) => expect(xxh32(Buffer.from(text))).toBe(hash));
