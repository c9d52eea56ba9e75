import { expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { addToSequence, Sequences } from '../../src/partition/sequences.ts';

const GAP = errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code;

function withBatches(...batches: [first: number, count: number][]): Sequences {
  const sequences = new Sequences();
  let offset = 0;
  for (const [first, count] of batches) {
    sequences.note(1, 0, first, count, offset, 1000);
    offset += count;
  }
  return sequences;
}

test('the next sequence is appended, a gap and a step back are refused', () => {
  const sequences = withBatches([0, 3]);
  expect(sequences.check(1, 0, 3, 2)).toEqual({ append: true, error: 0, baseOffset: -1 });
  expect(sequences.check(1, 0, 4, 2)).toMatchObject({ append: false, error: GAP });
  expect(sequences.check(1, 0, 2, 2)).toMatchObject({ append: false, error: GAP });
});

test('a batch that was sent again is answered with its first offset', () => {
  const sequences = withBatches([0, 3], [3, 4], [7, 1]);
  expect(sequences.check(1, 0, 3, 4)).toEqual({ append: false, error: 0, baseOffset: 3 });
  expect(sequences.check(1, 0, 7, 1)).toEqual({ append: false, error: 0, baseOffset: 7 });
});

test('a producer without an id, and one that is not known, append whatever they bring', () => {
  const sequences = withBatches([0, 3]);
  expect(sequences.check(-1, -1, -1, 5).append).toBe(true);
  expect(sequences.check(2, 0, 77, 5).append).toBe(true);
});

test('an old epoch is fenced, a new one begins at sequence 0', () => {
  const sequences = new Sequences();
  sequences.note(1, 4, 0, 3, 0, 1000);
  expect(sequences.check(1, 3, 3, 1)).toMatchObject({ append: false, error: errors.INVALID_PRODUCER_EPOCH.code });
  expect(sequences.check(1, 5, 3, 1)).toMatchObject({ append: false, error: GAP });
  expect(sequences.check(1, 5, 0, 1).append).toBe(true);
});

test('sequences go on at 0 after 2^31 − 1', () => {
  expect(addToSequence(0x7fff_ffff, 1)).toBe(0);
  expect(addToSequence(0, -1)).toBe(0x7fff_ffff);
  const sequences = new Sequences();
  sequences.note(1, 0, 0x7fff_fffe, 3, 0, 1000);
  expect(sequences.check(1, 0, 1, 1).append).toBe(true);
  expect(sequences.check(1, 0, 0x7fff_fffe, 3)).toMatchObject({ append: false, error: 0, baseOffset: 0 });
});

test('batches taken back from the log are forgotten, the earlier ones are not', () => {
  const sequences = withBatches([0, 3], [3, 4]);
  sequences.truncate(3);
  expect(sequences.check(1, 0, 3, 4).append).toBe(true);
  expect(sequences.check(1, 0, 0, 3)).toMatchObject({ append: false, error: 0, baseOffset: 0 });
});

test('after its only batch was taken back, a producer goes on with that batch and no later one', () => {
  const sequences = withBatches([0, 3]);
  sequences.truncate(0);
  expect(sequences.check(1, 0, 3, 2)).toMatchObject({ append: false, error: GAP });
  expect(sequences.check(1, 0, 0, 3).append).toBe(true);
});

test('a snapshot brings back every batch that may be in flight, so that it is known when it is sent again', () => {
  const first = withBatches([0, 3], [3, 4], [7, 1], [8, 2], [10, 1], [11, 5]);
  const second = new Sequences();
  second.load(first.snapshot());
  for (const [sequence, count] of [
    [3, 4],
    [7, 1],
    [8, 2],
    [10, 1],
    [11, 5],
  ])
    expect(second.check(1, 0, sequence, count)).toMatchObject({ append: false, error: 0, baseOffset: sequence });
  expect(second.check(1, 0, 16, 1).append).toBe(true);
});

test('a snapshot brings back the last batch of each producer', () => {
  const first = withBatches([0, 3], [3, 4]);
  first.note(9, 2, 5, 1, 7, 2000);
  const second = new Sequences();
  second.load(first.snapshot());
  expect(second.check(1, 0, 3, 4)).toMatchObject({ append: false, error: 0, baseOffset: 3 });
  expect(second.check(1, 0, 7, 1).append).toBe(true);
  expect(second.check(9, 2, 6, 1).append).toBe(true);
  expect(second.check(9, 2, 8, 1)).toMatchObject({ error: GAP });
});

test('producers not seen for long are forgotten', () => {
  const sequences = withBatches([0, 3]);
  sequences.note(2, 0, 0, 1, 3, 5000);
  sequences.expire(2000);
  expect(sequences.size).toBe(1);
  expect(sequences.check(1, 0, 9, 1).append).toBe(true);
});
