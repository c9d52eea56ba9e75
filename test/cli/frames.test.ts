/** Length-prefixed records: every form there and back, however cut, and what is half, too large or too small told by its byte. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type InputError, UsageError } from '../../src/cli/exit.ts';
import { type FrameForm, type FrameLimits, frameFormOf, frameOf, plainFrames, readFrames } from '../../src/cli/frames.ts';

const forms: FrameForm[] = [1, 2, 4].flatMap((lengthBytes) =>
  (['big', 'little'] as const).flatMap((order) =>
    [false, true].map((countsItself) => ({ lengthBytes: lengthBytes as FrameForm['lengthBytes'], order, countsItself })),
  ),
);

async function read(bytes: Buffer, form: FrameForm, limits: FrameLimits = {}, pieceBytes = bytes.length): Promise<(string | null)[]> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += Math.max(1, pieceBytes)) yield Buffer.from(bytes.subarray(at, at + Math.max(1, pieceBytes)));
  }
  const values: (string | null)[] = [];
  for await (const items of readFrames({ name: 'day.bin', chunks: chunks() }, form, limits)) {
    for (const item of items) values.push(item.bytes?.toString('latin1') ?? null);
  }
  return values;
}

const little2: FrameForm = { lengthBytes: 2, order: 'little', countsItself: false };

test('as others write them', async () => {
  expect(await read(Buffer.from('00000003616263' + '00000000' + 'ffffffff', 'hex'), plainFrames)).toEqual(['abc', '', null]);
  expect(await read(Buffer.from('0300616263' + '0100' + '78', 'hex'), little2)).toEqual(['abc', 'x']);
  expect(await read(Buffer.from('0005616263' + '0002', 'hex'), { lengthBytes: 2, order: 'big', countsItself: true })).toEqual(['abc', '']);
});

test('every form, there and back, however cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...forms),
      fc.array(fc.uint8Array({ maxLength: 200 })),
      fc.nat(20),
      async (form, values, pieceBytes) => {
        const bytes = Buffer.concat(values.map((value) => frameOf(value, form)));
        expect(await read(bytes, form, {}, pieceBytes)).toEqual(values.map((value) => Buffer.from(value).toString('latin1')));
      },
    ),
    { numRuns: 200 },
  );
});

describe('what cannot be', () => {
  const three = Buffer.concat(['one', 'two', 'three'].map((text) => frameOf(Buffer.from(text), plainFrames)));

  test('an end within a record is told where it begins; what came before it is there', async () => {
    await expect(read(three.subarray(0, 20), plainFrames)).rejects.toThrow(
      'day.bin, byte 14: the input ends within a record: 6 bytes are there, 9 were announced',
    );
    await expect(read(three.subarray(0, 16), plainFrames)).rejects.toThrow(
      'byte 14: the input ends within a record: 2 bytes are there, 4 were',
    );
    const cut: InputError[] = [];
    expect(await read(three.subarray(0, 20), plainFrames, { cut: (error) => cut.push(error) })).toEqual(['one', 'two']);
    expect(cut.map(({ message }) => message)).toEqual([expect.stringContaining('byte 14')]);
  });

  test('a record at the bound, and one beyond it', async () => {
    expect(await read(three, plainFrames, { bytesMax: 5 })).toEqual(['one', 'two', 'three']);
    await expect(read(three, plainFrames, { bytesMax: 4 })).rejects.toThrow('day.bin, byte 14: it announces 5 bytes, more than the 4');
    await expect(read(Buffer.from('text that is no frame'), plainFrames)).rejects.toThrow('day.bin, byte 0: it announces 1952807028 bytes');
  });

  test('a length that does not count its own bytes', async () => {
    const form: FrameForm = { lengthBytes: 2, order: 'big', countsItself: true };
    await expect(read(Buffer.from('000361' + '0001', 'hex'), form)).rejects.toThrow(
      'day.bin, byte 3: it announces 1 bytes, fewer than the 2 of',
    );
  });

  test('a value that has no frame', () => {
    expect(frameOf(Buffer.alloc(65_535), little2)).toHaveLength(65_537);
    expect(() => frameOf(Buffer.alloc(65_536), little2)).toThrow('its value has 65536 bytes, more than a length of 2 bytes can say');
    expect(() => frameOf(null, little2)).toThrow('a record without a value has no frame');
    expect(() => frameOf(Buffer.alloc(254), { lengthBytes: 1, order: 'big', countsItself: true })).not.toThrow();
    expect(() => frameOf(Buffer.alloc(255), { lengthBytes: 1, order: 'big', countsItself: true })).toThrow('255 bytes');
  });

  test('options of frames where there are none', () => {
    const none = { 'length-bytes': undefined, 'byte-order': undefined, 'length-counts-itself': false };
    expect(frameFormOf(none, 'text', 'produce')).toEqual(plainFrames);
    expect(() => frameFormOf({ ...none, 'byte-order': 'little' }, 'text', 'produce')).toThrow(UsageError);
  });
});
