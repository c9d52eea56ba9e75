/** Every byte of a batch changed, and every cut of it: never wrong records, never an untyped error. */
import { describe, expect, test } from 'vitest';
import { BusError } from '../../src/base/errors.ts';
import { CRC_AT, computeCrc } from '../../src/record/batch-layout.ts';
import { RecordCursor, validateBatch } from '../../src/record/batch-read.ts';
import { compressions } from '../../src/record/compression.ts';
import { recordAt, sealed } from './records.ts';

const records = Array.from({ length: 12 }, (_, i) => ({
  timestampMs: 1_700_000_000_000 + i,
  key: i % 3 === 0 ? null : Buffer.from(`key ${i}`),
  value: i % 5 === 0 ? null : Buffer.alloc(5 + i * 9, `value ${i} `),
  headers:
    i % 4 === 0
      ? [
          { key: 'h', value: Buffer.from('1') },
          { key: 'h', value: null },
        ]
      : [],
}));

/** The bytes that the CRC does not cover: base offset and leader epoch. */
const isStamp = (at: number) => at < 8 || (at >= 12 && at < 16);

function readAll(bytes: Buffer): unknown[] {
  const cursor = new RecordCursor();
  cursor.open(bytes, 0, bytes.length, 0);
  const read: unknown[] = [];
  while (cursor.next()) read.push(recordAt(cursor));
  return read;
}

describe.each(Object.entries(compressions))('%s', (_, compression) => {
  const batch = sealed(records, { compression });
  const whole = readAll(batch);

  test('each byte changed is seen by the CRC, or is a stamp of the leader', () => {
    for (let at = 0; at < batch.length; at++) {
      for (const change of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(batch);
        bytes[at] ^= change;
        if (isStamp(at)) expect(validateBatch(bytes, 0, bytes.length)).toBe(0);
        else expect(validateBatch(bytes, 0, bytes.length), `byte ${at} ^ ${change}`).not.toBe(0);
      }
    }
  });

  test('each byte changed under a CRC made to fit is read within bounds, or refused', () => {
    const outcomes = { read: 0, refused: 0 };
    for (let at = 21; at < batch.length; at++) {
      const bytes = Buffer.from(batch);
      bytes[at] ^= 0xff;
      bytes.writeUInt32BE(computeCrc(bytes, 0), CRC_AT);
      try {
        expect(readAll(bytes).length).toBeLessThanOrEqual(records.length);
        outcomes.read++;
      } catch (error) {
        expect(error).toBeInstanceOf(BusError);
        outcomes.refused++;
      }
    }
    expect(outcomes.refused).toBeGreaterThan(0);
    expect(outcomes.read).toBeGreaterThan(0);
  });

  test('each cut leaves no batch, and no records of it', () => {
    for (let length = 0; length < batch.length; length++) {
      const cut = batch.subarray(0, length);
      expect(validateBatch(cut, 0, cut.length)).not.toBe(0);
      expect(validateBatch(batch, 0, length)).not.toBe(0);
      expect(readAll(cut)).toEqual([]);
    }
    expect(validateBatch(batch, 0, batch.length, true)).toBe(0);
    expect(whole).toEqual(records.map((record, offset) => ({ offset, ...record })));
  });
});
