import { describe, expect, test } from 'vitest';
import { isSound, readSlice } from '../../src/dispatch/slices.ts';
import { stampBatch } from '../../src/record/batch-layout.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';

function batchAt(offset: number): Buffer {
  const writer = new BatchWriter({ bytesMax: 1000, compression: 0 });
  writer.append(1, null, Buffer.from(`${offset}`), null);
  writer.append(1, null, Buffer.from(`${offset + 1}`), null);
  const batch = Buffer.from(writer.seal({ producerId: -1, producerEpoch: -1, baseSequence: -1 }));
  stampBatch(batch, 0, offset, 0);
  return batch;
}

describe('isSound', () => {
  const bytes = Buffer.concat([batchAt(10), batchAt(12), batchAt(14)]);
  const size = batchAt(10).length;

  test('takes batches that hold what was asked for and continue each other', () => {
    expect(isSound(bytes, 10, 16)).toBe(true);
    expect(isSound(bytes, 11, 16)).toBe(true);
    // What was asked for is quarantined: the batches begin later.
    expect(isSound(bytes, 5, 16)).toBe(true);
  });

  test('refuses every changed bit, in the base offsets too, but for the leader epoch', () => {
    for (let at = 0; at < bytes.length; at++) {
      const within = at % size;
      if (within >= 12 && within < 16) continue;
      for (let bit = 0; bit < 8; bit++) {
        const copy = Buffer.from(bytes);
        copy[at] ^= 1 << bit;
        expect(isSound(copy, 11, 16), `byte ${at}, bit ${bit}`).toBe(false);
      }
    }
  });

  test('refuses what ends beyond the range that the host told, or before what was asked for', () => {
    expect(isSound(bytes, 10, 15)).toBe(false);
    expect(isSound(bytes.subarray(0, size), 12, 16)).toBe(false);
  });
});

test('a slice is read from the file that has the name now', async () => {
  const disk = new MemoryDisk();
  const read = (): Promise<string> =>
    new Promise((resolve) => readSlice(disk, '/a', 0, 3, (error, bytes) => resolve(error?.code ?? String(bytes))));
  disk.open('/a', 'create').write([Buffer.from('old')], 0);
  expect(await read()).toBe('old');
  disk.remove('/a');
  expect(await read()).toBe('ENOENT');
  disk.open('/a', 'create').write([Buffer.from('new')], 0);
  expect(await read()).toBe('new');
});
