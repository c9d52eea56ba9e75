/** A small dose of the campaign (npm run fuzz), and proof that it meets what it is meant to meet. */
import { expect, test } from 'vitest';
import { fuzzRecords } from './records.ts';

test('mutated batches are read or refused, and every kind of refusal is met', { timeout: 60_000 }, () => {
  const { cases, reasons } = fuzzRecords(1, 0, 3000);
  expect(Object.values(reasons).reduce((sum, count) => sum + count, 0)).toBe(cases);
  const of = (code: string) => Object.entries(reasons).reduce((sum, [reason, count]) => sum + (reason.startsWith(code) ? count : 0), 0);
  for (const code of ['read', 'CORRUPT_MESSAGE', 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'UNSUPPORTED_COMPRESSION_TYPE']) {
    expect(of(code), code).toBeGreaterThan(0);
  }
  expect(Object.keys(reasons).length).toBeGreaterThan(15);
});

test('the same seed gives the same reasons', () => {
  expect(fuzzRecords(2, 0, 300)).toEqual(fuzzRecords(2, 0, 300));
  expect(fuzzRecords(3, 0, 300)).not.toEqual(fuzzRecords(2, 0, 300));
});
