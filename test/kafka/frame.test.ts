/** Frames out of bytes, whatever the pieces they come in; and headers. */
import { describe, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { produce } from '../../src/kafka/api/00-produce.ts';
import { apiVersions } from '../../src/kafka/api/18-api-versions.ts';
import { FrameCutter, readRequestHeader, readResponseHeader, writeRequestHeader, writeResponseHeader } from '../../src/kafka/frame.ts';
import { Reader } from '../../src/kafka/reader.ts';
import type { Api } from '../../src/kafka/schema.ts';
import { Writer } from '../../src/kafka/writer.ts';
import { seededRandom } from '../../src/world/random.ts';

function frameOf(bytes: number, fill: number): Buffer {
  const frame = Buffer.alloc(4 + bytes, fill);
  frame.writeInt32BE(bytes);
  return frame;
}

function cut(cutter: FrameCutter, pieces: readonly Buffer[]): string[] {
  const frames: string[] = [];
  for (const piece of pieces) cutter.feed(piece, (frame) => frames.push(`${frame.length} of ${frame[0]}`));
  return frames;
}

describe('frames', () => {
  const stream = Buffer.concat([frameOf(10, 1), frameOf(300, 2), frameOf(11, 3), frameOf(300_000, 4), frameOf(10, 5)]);
  const expected = ['10 of 1', '300 of 2', '11 of 3', '300000 of 4', '10 of 5'];

  test('come whole from any pieces', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 60; round++) {
      const cutter = new FrameCutter();
      const pieces: Buffer[] = [];
      const pieceMax = [3, 40, 5000, 400_000][round % 4];
      // Copies, so that nobody's neighbour can help out.
      for (let at = 0; at < stream.length; ) {
        const piece = Buffer.from(stream.subarray(at, at + 1 + random.below(pieceMax)));
        pieces.push(piece);
        at += piece.length;
      }
      expect(cut(cutter, pieces)).toEqual(expected);
      expect(cutter.heldBytes).toBe(0);
    }
  });

  test('that come in one piece are views of it', () => {
    let frame: Buffer = Buffer.alloc(0);
    new FrameCutter().feed(stream, (one) => {
      frame = one;
    });
    expect(frame.buffer).toBe(stream.buffer);
  });

  test('hold memory for what has come, not for what they announce', () => {
    const cutter = new FrameCutter();
    const announced = Buffer.alloc(4);
    announced.writeInt32BE(limits.frameBytesMax);
    const before = process.memoryUsage().arrayBuffers;
    const cutters = Array.from({ length: 50 }, () => new FrameCutter());
    for (const one of cutters) cut(one, [announced, Buffer.alloc(10)]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 1024 * 1024);
    expect(cut(cutter, [announced])).toEqual([]);
  });

  test.each([
    [-1, 'frame-size'],
    [0, 'frame-size'],
    [9, 'frame-size'],
    [limits.frameBytesMax + 1, 'frame-too-large'],
    [0x7fff_ffff, 'frame-too-large'],
  ])('of %d bytes are refused', (bytes, reason) => {
    const size = Buffer.alloc(4);
    size.writeInt32BE(bytes);
    expect(() => cut(new FrameCutter(), [size])).toThrow(expect.objectContaining({ reason }));
    expect(() => cut(new FrameCutter(), [size.subarray(0, 3), size.subarray(3)])).toThrow(expect.objectContaining({ reason }));
  });

  test('at the bound are taken', () => {
    const cutter = new FrameCutter({ bytesMax: 1000 });
    expect(cut(cutter, [frameOf(1000, 1)])).toEqual(['1000 of 1']);
    expect(() => cut(cutter, [frameOf(1001, 1)])).toThrow(expect.objectContaining({ reason: 'frame-too-large' }));
  });
});

describe('headers', () => {
  const requestOf = (key: number, version: number): Buffer => {
    const writer = new Writer();
    writeRequestHeader(writer, { ...apiVersions, key } as Api, version, 77, 'me');
    return Buffer.concat(writer.take());
  };

  test('of a request are tagged in flexible versions', () => {
    expect(requestOf(18, 2).toString('hex')).toBe('00120002' + '0000004d' + '00026d65');
    expect(requestOf(18, 3).toString('hex')).toBe('00120003' + '0000004d' + '00026d65' + '00');
    for (const version of [2, 3]) {
      const reader = new Reader(requestOf(18, version));
      expect(readRequestHeader(reader)).toMatchObject({ version, correlationId: 77, clientId: 'me', known: true });
      expect(reader.left).toBe(0);
    }
  });

  test('name what is not spoken, and let ApiVersions of any version through', () => {
    expect(() => readRequestHeader(new Reader(requestOf(4242, 2)))).toThrow(expect.objectContaining({ reason: 'unknown-api' }));
    for (const version of [produce.versions[0] - 1, produce.versions[1] + 1])
      expect(() => readRequestHeader(new Reader(requestOf(0, version)))).toThrow(
        expect.objectContaining({ reason: 'unsupported-version' }),
      );
    expect(readRequestHeader(new Reader(requestOf(18, 99)))).toMatchObject({ known: false, version: 99, correlationId: 77 });
  });

  test('of a response are tagged in flexible versions, but for ApiVersions', () => {
    for (const [api, version, hex] of [
      [produce, 8, '00000009'],
      [produce, 9, '0000000900'],
      [apiVersions, 2, '00000009'],
      [apiVersions, 4, '00000009'],
    ] as const) {
      const writer = new Writer();
      writeResponseHeader(writer, api as Api, version, 9);
      const bytes = Buffer.concat(writer.take());
      expect(bytes.toString('hex')).toBe(hex);
      const reader = new Reader(bytes);
      expect(readResponseHeader(reader, api as Api, version)).toBe(9);
      expect(reader.left).toBe(0);
    }
  });
});
