/** Every bench still runs: each once, in the smallest dose, through the program that users call. Figures are not looked at. */
import { describe, expect, test } from 'vitest';
import { expectWhole, runBench } from './run-bench.ts';

const cases: Record<string, string[]> = {
  ceilings: ['encode only, 100 B', 'write() 128 KiB pieces, fresh file', 'append + fdatasync 4 KiB', 'postMessage round trip, p50'],
  records: ['encode, 100 B', 'walk, 100 B', 'walk with a view per value, 1 KiB'],
  frames: ['read Produce, 1 a request', "write Fetch's response, 100 a response"],
  produce: ['100 B, written, acks 1', '100 B, memory, acks 1', '1 KiB, written, acks 1'],
  consume: ['100 B, allocation-free, from memory', '100 B, a view per value, from cold files', '1 KiB, record objects, from memory'],
  latency: ['memory, 1,000/s, one thread, p99.9', 'written, 50,000/s, two threads, p50', 'synced, 1,000/s, one thread, p99'],
  synced: ['grouped, pushed, 100 B, 4 partitions', 'grouped, 256 senders of one record each', 'one by one'],
  memory: ['written, 8 MiB, consumer none, peak RSS', 'memory, 8 MiB, consumer standing still, peak RSS'],
  scale: ['20 partitions, append', '20 partitions, open', '8 MiB retained, open after a kill', '8 MiB retained, read the oldest'],
  groups: [
    '4 consumers, 64 partitions replayed, a group, settled',
    '4 consumers, 64 partitions replayed, a group, from nothing',
    'commits, one consumer, after each record',
    '10 members over 100 partitions, consumer protocol, one more joins, median',
    '10 members over 100 partitions, classic protocol, it leaves, median',
    'open a folder with 200 groups of 10 partitions each, median',
  ],
  fanout: ['memory, 4 groups, 5,000/s for 1 s, out', 'written, 4 groups, 5,000/s for 1 s, node --max-semi-space-size=16, peak RSS'],
  pressure: [
    'written, 16 MiB, consumer at a tenth, peak RSS',
    'memory, 16 MiB, consumer at nothing, level changes',
    'written, 16 MiB, consumer that dies and comes back, produced',
  ],
  remote: ['spillway, produce', 'spillway, consume'],
  connections: [
    'a storm of 200 connections, each answered',
    'RSS of an idle connection',
    'in, 10 topics',
    'out, 4 groups',
    "event loop delay of the embedding program's thread, p99",
  ],
  start: ['sources, no folder, median', 'built, 4 clean partitions, median'],
};

describe.each(Object.entries(cases))('%s', (bench, expected) => {
  test('runs', { timeout: 120_000 }, async () => {
    const ran = await runBench(bench);
    expectWhole(ran, bench);
    expect(ran.lines.map((line) => line.case)).toEqual(expect.arrayContaining(expected));
  });
});

test('an unknown name is refused with the list of names', async () => {
  const { code, stderr, lines } = await runBench('prodcue');
  expect(code).toBe(2);
  expect(stderr).toContain('There is no bench "prodcue"');
  expect(stderr).toContain('produce');
  expect(lines).toEqual([]);
});
