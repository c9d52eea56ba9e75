/** The bound on standing still, and what is no standing still. */
import { expect, test } from 'vitest';
import type { Standing } from './group-auditor.ts';
import { PROGRESS_WITHIN_MS, Progress } from './progress.ts';

/** What is told of a partition that stands at these positions, a third of the bound apart. */
function told(positions: readonly number[], end = 10): string[] {
  const violations: string[] = [];
  const progress = new Progress((what) => violations.push(what));
  positions.forEach((position, i) => {
    const standing: Standing = { groupId: 'g', partition: 't-0', position, end, names: [] };
    progress.look([standing], (i * PROGRESS_WITHIN_MS) / 3);
  });
  return violations;
}

test('a partition that is behind gets on within the bound', () => {
  expect(told([3, 3, 3, 3])).toEqual([]);
  expect(told([3, 3, 3, 3, 3])).toEqual(['no progress for 40000 ms: g is at t-0@3 of 10, held by nobody']);
  expect(told([3, 3, 3, 4, 4, 4])).toEqual([]);
});

test('to go back and come again is no progress, to be at the end needs none', () => {
  expect(told([5, 3, 4, 5, 4])).toHaveLength(1);
  expect(told([10, 10, 10, 10, 10, 10])).toEqual([]);
});
