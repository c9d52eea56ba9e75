/** Randomness: real, or from a seed. */
import { lazily } from '../base/modules.ts';

const cryptoModule = lazily<typeof import('node:crypto')>('node:crypto');

export interface Random {
  /** An integer in [0, bound). */
  below(bound: number): number;
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
}

export const realRandom: Random = {
  below: (bound) => Math.floor(Math.random() * bound),
  bytes: (count) => new Uint8Array(cryptoModule().randomBytes(count)),
};

/**
 * A deterministic source: the same seed gives the same sequence on every machine. It is Chris Doty-Humphrey's sfc32: 128 bits of
 * state, among them a counter, so that no sequence repeats before 2^32 numbers.
 */
export function seededRandom(seed: number): Random {
  let a = seed | 0;
  let b = Math.floor(seed / 0x1_0000_0000) | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  function next(): number {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  }
  // Near seeds are far apart after a dozen rounds.
  for (let i = 0; i < 15; i++) next();
  return {
    below: (bound) => Math.floor((next() / 0x1_0000_0000) * bound),
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
  };
}
