/**
 * The peers that need Java still do their work. Skipped where there is none; with CI set they never are. Kafka's broker takes its time to start: `npm
 * run interop` has it as a peer.
 */
import { describe, expect, test } from 'vitest';
import { isFull } from '../interop/brokers.ts';
import { javaSkipReason } from '../interop/java.ts';
import { runPeers } from './run-peers.ts';

describe.skipIf(javaSkipReason !== null)('peers of Java', () => {
  const peers: [peer: string, works: string[]][] = [
    ['Chronicle Queue', ['produce 100 B', 'replay 100 B', 'both 100 B', 'replay 1 KiB', 'latency 1,000/s, p50']],
    [
      'Apache Kafka, Java client',
      ['produce 100 B', 'replay 100 B', 'both 100 B', 'replay 1 KiB', 'synced, one by one', 'latency 1,000/s, p99'],
    ],
  ];
  test.each(isFull ? peers : peers.slice(0, 1))('%s', { timeout: 180_000 }, async (peer, works) => {
    expect(await runPeers(peer)).toEqual(expect.arrayContaining(works));
  });
});
