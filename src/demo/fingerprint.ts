/**
 * What passed by, key by key, in a form that can be compared: how many records, and a SHA-256 over their bytes in their order. Two
 * sides that saw the same records of every key in the same order have equal fingerprints, and no others do.
 */
import { createHash, type Hash } from 'node:crypto';

export interface KeyPrint {
  records: number;
  hash: string;
}

/** By key. */
export type Fingerprint = Record<string, KeyPrint>;

/** Bytes gathered before they are hashed: a call costs as much as hashing 500 bytes. */
const GATHER_BYTES = 8 * 1024;

interface Gathering {
  records: number;
  hash: Hash;
  bytes: Buffer;
  used: number;
}

export class Fingerprints {
  records = 0;
  bytes = 0;
  readonly #keys = new Map<string, Gathering>();

  /** Takes in one record: its number in the input and `source[from, from + length)`, its value. */
  add(key: string, number: number, source: Buffer, from: number, length: number): void {
    let one = this.#keys.get(key);
    if (one === undefined) {
      one = { records: 0, hash: createHash('sha256'), bytes: Buffer.allocUnsafe(GATHER_BYTES), used: 0 };
      this.#keys.set(key, one);
    }
    this.records++;
    this.bytes += length;
    one.records++;
    if (one.used + 8 + length > GATHER_BYTES) flush(one);
    one.used = one.bytes.writeUInt32BE(number >>> 0, one.used);
    one.used = one.bytes.writeUInt32BE(length, one.used);
    if (length > GATHER_BYTES - one.used) {
      flush(one);
      one.hash.update(source.subarray(from, from + length));
    } else {
      one.bytes.set(source.subarray(from, from + length), one.used);
      one.used += length;
    }
  }

  /** The result; nothing can be added after it. */
  finish(): Fingerprint {
    const prints: Fingerprint = {};
    for (const key of [...this.#keys.keys()].sort()) {
      const one = this.#keys.get(key) as Gathering;
      flush(one);
      prints[key] = { records: one.records, hash: one.hash.digest('hex') };
    }
    return prints;
  }
}

function flush(one: Gathering): void {
  if (one.used > 0) one.hash.update(one.bytes.subarray(0, one.used));
  one.used = 0;
}

/** One hash over all keys. */
export function overall(prints: Fingerprint): string {
  const hash = createHash('sha256');
  for (const [key, { records, hash: own }] of Object.entries(prints)) hash.update(`${JSON.stringify(key)} ${records} ${own}\n`);
  return hash.digest('hex');
}

/** What is different, in words; empty when nothing is. */
export function differences(expected: Fingerprint, got: Fingerprint): string[] {
  const found: string[] = [];
  for (const key of new Set([...Object.keys(expected), ...Object.keys(got)])) {
    const [want, have] = [expected[key], got[key]];
    if (have === undefined) found.push(`key "${key}": ${want.records} records are missing`);
    else if (want === undefined) found.push(`key "${key}": ${have.records} records that were never sent`);
    else if (want.records !== have.records) found.push(`key "${key}": ${have.records} records instead of ${want.records}`);
    else if (want.hash !== have.hash) found.push(`key "${key}": other bytes, or another order`);
  }
  return found;
}
