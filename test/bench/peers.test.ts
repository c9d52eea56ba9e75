/** Every peer still does its work: each once, in the smallest dose. */
import { describe, expect, test } from 'vitest';
import { runPeers } from './run-peers.ts';

const kept = ['produce 100 B', 'replay 100 B', 'both 100 B', 'produce 1 KiB', 'replay 1 KiB', 'latency 1,000/s, p99', 'peak memory'];
const synced = ['synced, batched', 'synced, one by one'];

describe('peers of Node', () => {
  test.each([
    ['Spillway, written', [...kept, ...synced]],
    ['Spillway, memory', kept],
    ['better-sqlite3 table', [...kept, ...synced]],
    ['lmdb', [...kept, ...synced]],
    ['postMessage of packed batches', ['both 100 B', 'latency 50,000/s, p50']],
    ['postMessage of arrays', ['both 100 B']],
    ['EventEmitter, same thread', ['both 100 B', 'latency 50,000/s, p99.9']],
  ])('%s', { timeout: 60_000 }, async (peer, works) => {
    expect(await runPeers(peer)).toEqual(expect.arrayContaining(works));
  });
});
