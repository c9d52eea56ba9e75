/** Runs one peer in the smallest dose and gives the names of the works that it did. */
import { expect } from 'vitest';
import { expectWhole, runBench } from './run-bench.ts';

export async function runPeers(peer: string): Promise<string[]> {
  const ran = await runBench('peers', '--only', peer);
  expectWhole(ran, 'peers');
  expect(new Set(ran.lines.map((line) => line.peer))).toEqual(new Set([peer]));
  return ran.lines.map((line) => line.case);
}
