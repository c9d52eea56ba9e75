/** Memory of large responses goes round: it is used again, old views of it are empty, and little is kept. */
import { expect, test } from 'vitest';
import { giveBack } from '../../../src/dispatch/feed.ts';
import { FrameMemory } from '../../../src/kafka/remote/frame-memory.ts';
import { ResponseCutter } from '../../../src/kafka/remote/responses.ts';

const back = ({ buffer }: Buffer, chunks = 1): void => giveBack({ buffer: buffer as ArrayBuffer, chunks });

test('what is given back is used again, and old views are empty', () => {
  const memory = new FrameMemory();
  const first = memory.take(100_000);
  first.fill('a');
  expect([first.length, first.byteOffset, first.buffer.byteLength]).toEqual([100_000, 0, 131_072]);
  back(first);
  expect(first.length).toBe(0);
  const second = memory.take(120_000);
  // The same bytes: nothing was allocated.
  expect(second.subarray(0, 3).toString()).toBe('aaa');
  expect(memory.take(120_000).buffer).not.toBe(second.buffer);
});

test('it goes back with the last of its chunks, and not when its user has passed it on', () => {
  const memory = new FrameMemory();
  const frame = memory.take(100_000);
  const shared = { buffer: frame.buffer as ArrayBuffer, chunks: 2 };
  giveBack(shared);
  expect(frame.length).toBe(100_000);
  giveBack(shared);
  expect(frame.length).toBe(0);
  const passedOn = memory.take(100_000);
  structuredClone(passedOn.buffer, { transfer: [passedOn.buffer as ArrayBuffer] });
  expect(() => back(passedOn)).not.toThrow();
});

test('at most 16 MiB are kept, and nothing very small or very large', () => {
  const memory = new FrameMemory();
  const frames = Array.from({ length: 20 }, () => memory.take(1 << 20).fill('a'));
  for (const frame of frames) back(frame);
  // What is not kept comes from the system.
  const again = Array.from({ length: 20 }, () => memory.take(1 << 20));
  expect(again.filter((frame) => frame[0] === 0x61).length).toBeGreaterThanOrEqual(16);
  for (const bytes of [1000, 17 << 20]) expect(memory.take(bytes).buffer.byteLength).toBe(bytes);
});

test('responses lie at the beginning of such memory', () => {
  const got: Buffer[] = [];
  const cutter = new ResponseCutter((frame) => got.push(frame), new FrameMemory());
  const response = Buffer.alloc(150_000, 'x');
  const stream = Buffer.concat([Buffer.from([0, 0, 0, 0]), response]);
  stream.writeInt32BE(response.length);
  for (let from = 0; from < stream.length; ) {
    const room = cutter.room();
    const count = Math.min(room.length, stream.length - from);
    room.set(stream.subarray(from, from + count));
    cutter.filled(count);
    from += count;
  }
  expect(got[0].equals(response)).toBe(true);
  expect([got[0].byteOffset, got[0].buffer.byteLength]).toEqual([0, 262_144]);
});
