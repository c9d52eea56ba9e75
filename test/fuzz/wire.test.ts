/** A small dose of the attacks of `npm run fuzz`, over loopback and over TCP, and proof that they meet what they are meant to meet. */
import { expect, test } from 'vitest';
import { openLoopbackBed, openSocketBed } from './beds.ts';
import { fuzzSequences } from './sequences.ts';
import { fuzzWire } from './wire.ts';

test('attacks on a listener: each ends for a reason that is counted or has its answers, and nobody else notices', {
  timeout: 60_000,
}, async () => {
  const { cases, reasons } = await fuzzWire(openLoopbackBed, 3, 0, 2500);
  expect(cases).toBe(2500);
  for (const kind of ['cut', 'lie', 'records', 'fetch', 'mutated', 'bomb']) {
    expect(
      Object.keys(reasons).some((reason) => reason.startsWith(`${kind}: `)),
      kind,
    ).toBe(true);
  }
  const malformed = ['truncated', 'negative-length', 'array-too-long', 'string-too-long', 'too-many-tagged-fields', 'frame-too-large'];
  expect(Object.keys(reasons)).toEqual(expect.arrayContaining(malformed.map((reason) => `closed: ${reason}`)));
});

test('the same over sockets', { timeout: 60_000 }, async () => {
  const { reasons } = await fuzzWire(openSocketBed, 4, 0, 300);
  expect(reasons['closed: truncated']).toBeGreaterThan(5);
});

test('sequences of requests that are sound but for a field are answered as the model says', { timeout: 60_000 }, async () => {
  const { reasons } = await fuzzSequences(5, 0, 1000);
  for (const model of ['producers', 'sessions', 'groups']) {
    const steps = Object.entries(reasons).flatMap(([reason, count]) => (reason.startsWith(`${model}: `) ? count : []));
    expect(steps.length, model).toBeGreaterThan(5);
    expect(Math.max(...steps), model).toBeGreaterThan(20);
  }
});
