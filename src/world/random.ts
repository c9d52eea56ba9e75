/** Randomness: real, or from a seed. */
import { randomBytes } from 'node:crypto';

export interface Random {
  /** An integer in [0, bound). */
  below(bound: number): number;
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
}

export const realRandom: Random = {
  below: (bound) => Math.floor(Math.random() * bound),
  bytes: (count) => new Uint8Array(randomBytes(count)),
};

/** A deterministic source (xorshift128+ folded to 32 bits): the same seed gives the same sequence on every machine. */
export function seededRandom(seed: number): Random {
  let a = (seed ^ 0x9e3779b9) >>> 0 || 1;
  let b = (Math.imul(seed, 0x85ebca6b) ^ 0xc2b2ae35) >>> 0 || 2;
  function next(): number {
    let t = a;
    a = b;
    t ^= t << 23;
    t ^= t >>> 17;
    t ^= b ^ (b >>> 26);
    b = t >>> 0;
    return (a + b) >>> 0;
  }
  for (let i = 0; i < 8; i++) next();
  return {
    below: (bound) => Math.floor((next() / 0x1_0000_0000) * bound),
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
  };
}
