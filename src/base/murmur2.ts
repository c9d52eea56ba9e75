/** murmur2 with Kafka's seed, so that a key lands on the same partition as with Kafka's Java client (`Utils.murmur2`). */

const SEED = 0x9747b28c | 0;
const M = 0x5bd1e995;
const R = 24;

/** The signed 32-bit hash of `bytes`. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let h = SEED ^ length;
  const blocksEnd = length & ~3;
  for (let at = 0; at < blocksEnd; at += 4) {
    let k = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    k = Math.imul(k, M);
    k ^= k >>> R;
    k = Math.imul(k, M);
    h = Math.imul(h, M) ^ k;
  }
  const left = length & 3;
  if (left === 3) h ^= bytes[blocksEnd + 2] << 16;
  if (left >= 2) h ^= bytes[blocksEnd + 1] << 8;
  if (left >= 1) h = Math.imul(h ^ bytes[blocksEnd], M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  h ^= h >>> 15;
  return h | 0;
}

/** The partition of a key among `partitions`: `toPositive(murmur2(key)) % partitions`, as Kafka's built-in partitioner. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
