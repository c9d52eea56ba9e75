/** Tables and functions that must agree with Apache Kafka's, asked of its own classes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { murmur2 } from '../../src/base/murmur2.ts';
import { javaSkipReason, runJava } from './java.ts';

const witness = `${import.meta.dirname}/Witness.java`;
const linesOf = (text: string) => text.trimEnd().split('\n');
/** From here on the table's codes are Spillway's own. */
const OWN_CODES = 1000;

describe.skipIf(javaSkipReason !== null)(`Apache Kafka says the same${javaSkipReason ? ` (skipped: ${javaSkipReason})` : ''}`, () => {
  test('of every error: code, name, whether it is retriable', { timeout: 180_000 }, async () => {
    const theirs = linesOf(await runJava(witness, ['errors'])).sort();
    const ours = Object.entries(errors)
      .filter(([, { code }]) => code < OWN_CODES)
      .map(([name, { code, retriable }]) => `${code} ${name} ${retriable}`)
      .sort();
    expect(theirs.length).toBeGreaterThan(100);
    expect(ours).toEqual(theirs);
  });

  test('of the murmur2 of any key', { timeout: 180_000 }, async () => {
    const anyKey = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 41, maxLength: 300 }));
    const keys = [
      ...Array.from({ length: 32 }, (_, length) => new Uint8Array(length).fill(0xff)),
      ...fc.sample(anyKey, { seed: 8, numRuns: 20_000 }),
    ];
    const theirs = linesOf(await runJava(witness, ['murmur2'], keys.map((key) => `${Buffer.from(key).toString('base64')}\n`).join('')));
    expect(keys.map((key) => `${murmur2(key)}`)).toEqual(theirs);
  });
});

test('Spillway’s own codes are told to a Kafka client as Kafka codes', () => {
  const known = new Set<number>(Object.values(errors).map(({ code }) => code));
  for (const { code, kafkaCode } of Object.values(errors)) {
    if (code < OWN_CODES) expect(kafkaCode).toBe(code);
    else expect(kafkaCode < OWN_CODES && known.has(kafkaCode)).toBe(true);
  }
  expect(known.size).toBe(Object.keys(errors).length);
});
