import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plot } from './plot.ts';
import { type Sample, soak } from './soak.ts';
import { judge } from './verdict.ts';

test('a few seconds of it: consumers come and go, nothing is left out, nothing stays behind', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'spillway-soak-'));
  try {
    const seconds = 4;
    const report = await soak({ dir, seconds, calibrationSeconds: 0.3, lifeSeconds: 0.8, sampleSeconds: 0.5, seed: 1, progress: () => {} });
    expect(report.problems).toEqual([]);
    expect(report.handled - report.again).toBe(report.produced);
    expect(report.produced).toBeGreaterThan(1000);
    expect(report.left).toBeGreaterThan(8);
    expect(report.samples.length).toBeGreaterThanOrEqual(4);
    const svg = plot('a <test>', report.samples);
    expect(svg.match(/<polyline points="[\d., ]+"/g)).toHaveLength(9);
    expect(svg).toContain('a &lt;test>');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}, 60_000);

const flat: Sample = {
  second: 0,
  rssMb: 200,
  heapMb: 20,
  descriptors: 50,
  resources: 20,
  producedPerSecond: 1000,
  consumedPerSecond: 1000,
  p50Ms: 1,
  p99Ms: 5,
  members: 8,
  lag: 0,
};

test('what rises is seen, what swings is not', () => {
  const of = (change: (second: number) => Partial<Sample>) =>
    judge(Array.from({ length: 100 }, (_, second) => ({ ...flat, second, ...change(second) })));
  expect(of((second) => ({ rssMb: second % 2 === 0 ? 150 : 250 })).problems).toEqual([]);
  const rising = of((second) => ({ rssMb: 200 + second }));
  expect([rising.rssMb.perHour, rising.problems]).toEqual([3600, ['rssMb rose from 232.5 to 286.5']]);
  expect(of((second) => ({ descriptors: 50 + second / 2 })).problems).toEqual(['descriptors rose from 66.25 to 93.25']);
  expect(of((second) => ({ p99Ms: second })).problems).toEqual(['p99Ms rose from 32.5 to 86.5']);
  // The beginning does not count.
  expect(of((second) => ({ rssMb: second < 20 ? 50 : 300 })).problems).toEqual([]);
});
