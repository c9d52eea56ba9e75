/** The peers that need Java still do their work. Skipped where there is none; with CI set they never are. */
import { describe, expect, test } from 'vitest';
import { javaSkipReason } from '../interop/java.ts';
import { runPeers } from './run-peers.ts';

describe.skipIf(javaSkipReason !== null)('peers of Java', () => {
  test.each([
    ['Chronicle Queue', ['produce 100 B', 'replay 100 B', 'both 100 B', 'replay 1 KiB', 'latency 1,000/s, p50']],
    [
      'Apache Kafka, Java client',
      ['produce 100 B', 'replay 100 B', 'both 100 B', 'replay 1 KiB', 'synced, one by one', 'latency 1,000/s, p99'],
    ],
  ])('%s', { timeout: 180_000 }, async (peer, works) => {
    expect(await runPeers(peer)).toEqual(expect.arrayContaining(works));
  });
});
