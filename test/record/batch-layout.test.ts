/** The header's fields lie where the plain encoder of build.ts puts them, and stamps touch what they should. */
import { expect, test } from 'vitest';
import * as layout from '../../src/record/batch-layout.ts';
import { buildBatch } from './build.ts';

const fields = {
  baseOffset: 5_000_000_000n,
  leaderEpoch: 7,
  attributes: 0b0001_0100,
  baseTimestamp: -3n,
  maxTimestamp: 1_700_000_000_000n,
  producerId: 9_000_000_000_000n,
  producerEpoch: 32_767,
  baseSequence: 2_147_483_647,
  lastOffsetDelta: 11,
  count: 3,
  payload: Buffer.from('records'),
};
const before = Buffer.from('something before it');
const at = before.length;
const bytes = () => Buffer.concat([before, buildBatch(fields), Buffer.from('and after')]);

test('every field is read from its place', () => {
  const batch = bytes();
  expect(layout.baseOffsetOf(batch, at)).toBe(5_000_000_000);
  expect(layout.batchLengthOf(batch, at)).toBe(49 + 7);
  expect(layout.batchBytes(batch, at)).toBe(61 + 7);
  expect(layout.leaderEpochOf(batch, at)).toBe(7);
  expect(layout.magicOf(batch, at)).toBe(2);
  expect(layout.crcOf(batch, at)).toBe(layout.computeCrc(batch, at));
  expect(layout.attributesOf(batch, at)).toBe(0b0001_0100);
  expect(layout.lastOffsetDeltaOf(batch, at)).toBe(11);
  expect(layout.lastOffsetOf(batch, at)).toBe(5_000_000_011);
  expect(layout.nextOffsetOf(batch, at)).toBe(5_000_000_012);
  expect(layout.baseTimestampOf(batch, at)).toBe(-3);
  expect(layout.maxTimestampOf(batch, at)).toBe(1_700_000_000_000);
  expect(layout.producerIdOf(batch, at)).toBe(9_000_000_000_000);
  expect(layout.producerEpochOf(batch, at)).toBe(32_767);
  expect(layout.baseSequenceOf(batch, at)).toBe(2_147_483_647);
  expect(layout.countOf(batch, at)).toBe(3);
});

test('every attribute has its bit', () => {
  const of = (attributes: number) => {
    const batch = buildBatch({ attributes });
    return [
      layout.compressionOf(batch, 0),
      layout.isCompressed(batch, 0),
      layout.isLogAppendTime(batch, 0),
      layout.isTransactional(batch, 0),
      layout.isControl(batch, 0),
      layout.hasDeleteHorizon(batch, 0),
    ];
  };
  expect(of(0)).toEqual([0, false, false, false, false, false]);
  expect(of(4)).toEqual([4, true, false, false, false, false]);
  expect(of(8)).toEqual([0, false, true, false, false, false]);
  expect(of(16)).toEqual([0, false, false, true, false, false]);
  expect(of(32)).toEqual([0, false, false, false, true, false]);
  expect(of(64)).toEqual([0, false, false, false, false, true]);
});

test('the leader stamps offset and epoch without touching the CRC', () => {
  const batch = bytes();
  layout.stampBatch(batch, at, 123, 9);
  expect(batch.subarray(at, -9)).toEqual(buildBatch({ ...fields, baseOffset: 123n, leaderEpoch: 9 }));
});

test('log-append time is in the bit, the maximum and the CRC', () => {
  const batch = bytes();
  layout.stampLogAppendTime(batch, at, 1_800_000_000_000);
  expect(batch.subarray(at, -9)).toEqual(buildBatch({ ...fields, attributes: 0b0001_1100, maxTimestamp: 1_800_000_000_000n }));
});

test('a producer is renamed, the CRC follows', () => {
  const batch = bytes();
  layout.stampProducer(batch, at, { producerId: 1, producerEpoch: 2, baseSequence: 3 });
  expect(batch.subarray(at, -9)).toEqual(buildBatch({ ...fields, producerId: 1n, producerEpoch: 2, baseSequence: 3 }));
});

test('stamps leave the bytes around the batch alone', () => {
  const batch = bytes();
  layout.stampBatch(batch, at, 1, 1);
  layout.stampLogAppendTime(batch, at, 1);
  layout.stampProducer(batch, at, { producerId: 1, producerEpoch: 1, baseSequence: 1 });
  expect(batch.subarray(0, at)).toEqual(before);
  expect(batch.subarray(-9).toString()).toBe('and after');
});
