import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compare, killTransfer } from './kill.ts';

test('killed in the midst of it: no row twice, none missing, the sums agree', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-eos-'));
  try {
    const report = await killTransfer(join(folder, 'data'), 3, 5, () => {});
    expect(report.problems).toEqual([]);
    expect(report.kills).toBe(3);
    expect(Math.min(report.moved, report.sent)).toBeGreaterThan(50);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);

test('the comparison sees each thing that may go wrong', () => {
  const row = (offset: number) => ({ partition: 0, offset, number: offset, amount: 10 });
  const whole = {
    produced: [row(0), row(1), row(2)],
    rows: [row(0), row(1)],
    stored: new Map([[0, 2]]),
    total: 20,
    sent: [row(0)],
    waiting: [{ number: 1, amount: 10 }],
    finish: false,
  };
  expect(compare(whole)).toEqual([]);
  expect(compare({ ...whole, rows: [row(0), row(1), row(1)] })).toEqual([
    '1 rows are in the database twice',
    'the account says 20, its rows 30',
  ]);
  expect(compare({ ...whole, rows: [row(0)], total: 10 })).toEqual(['1 records are not in the database, the first: 0:1 1 10']);
  expect(compare({ ...whole, stored: new Map([[0, 1]]) })).toEqual(['1 rows beyond the stored offset, the first: 0:1 1 10']);
  expect(compare({ ...whole, sent: [row(0), row(0)] })).toEqual(['1 records are in the topic twice']);
  expect(compare({ ...whole, waiting: [] })).toEqual(['1 rows are neither in the topic nor in the outbox, the first: 1']);
  expect(compare({ ...whole, sent: [row(0), row(2)] })).toEqual(['1 records of the topic were never committed, the first: 2']);
  expect(compare({ ...whole, finish: true })).toHaveLength(2);
});
