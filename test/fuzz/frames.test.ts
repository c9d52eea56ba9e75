/** A small campaign of frames at every test run; `npm run fuzz` runs as many as asked for. */
import { expect, test } from 'vitest';
import { fuzzFrames } from './frames.ts';

test('frames with something wrong are read or refused, whatever is wrong', () => {
  const { cases, reasons } = fuzzFrames(11, 0, 8000);
  expect(Object.values(reasons).reduce((sum, count) => sum + count, 0)).toBe(cases);
  expect(Object.keys(reasons)).toEqual(
    expect.arrayContaining(['read', 'truncated', 'array-too-long', 'negative-length', 'null-where-none-may-be', 'tagged-field-size']),
  );
});
