/** Rates of clients and what they have to wait for them, as Kafka computes both. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import type { QuotaFact } from '../../src/coordinator/offsets/facts.ts';
import { quotaOf } from '../../src/coordinator/offsets/quotas.ts';
import { Rate, Rates } from '../../src/coordinator/offsets/rates.ts';

const window = { samples: 11, sampleMs: 1000 };
const quota = (clientId: string | null, producerByteRate: number | null, consumerByteRate: number | null = null): QuotaFact => ({
  fact: 'quotaSet',
  clientId,
  producerByteRate,
  consumerByteRate,
});
const quotas = (...facts: QuotaFact[]) => new Map(facts.map((fact) => [fact.clientId, fact]));

fc.configureGlobal({ seed: 20260101 });

describe('one client', () => {
  test('within its quota never waits', () => {
    const rate = new Rate(window);
    for (let nowMs = 0; nowMs < 60_000; nowMs += 100) expect(rate.record(100, 1000, nowMs)).toBe(0);
  });

  test('that sent for eleven seconds at once waits for one', () => {
    // (11,000 / 10 s − 1,000) / 1,000 × 10 s
    expect(new Rate(window).record(11_000, 1000, 5_000_000)).toBe(1000);
    expect(new Rate(window).record(10_000, 1000, 5_000_000)).toBe(0);
  });

  test('waits for what it owes, and for more when it sends more', () => {
    const rate = new Rate(window);
    rate.record(20_000, 1000, 0);
    expect([1000, 5000, 9000, 10_000].map((nowMs) => rate.record(0, 1000, nowMs))).toEqual([9000, 5000, 1000, 0]);
    expect(rate.record(2000, 1000, 11_000)).toBe(1000);
  });

  test('with another quota pays what it owes at that rate', () => {
    const rate = new Rate(window);
    expect(rate.record(20_000, 1000, 0)).toBe(10_000);
    expect(rate.record(0, 2000, 100)).toBe(4900);
    expect(rate.record(0, 100, 100)).toBe(98_000);
    expect(rate.record(0, 1_000_000, 200)).toBe(0);
  });

  test('that has been silent may be ahead by a window again, and by no more', () => {
    const rate = new Rate(window);
    rate.record(20_000, 1000, 0);
    expect(rate.record(10_000, 1000, 20_000)).toBe(0);
    expect(rate.record(10_001, 1000, 1_000_000)).toBe(1);
  });

  test('whatever its bursts, who waits as told keeps to the quota in the long run', () => {
    const bursts = fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 50, maxLength: 200 });
    fc.assert(
      fc.property(bursts, fc.integer({ min: 100, max: 100_000 }), (sizes, bytesPerSecond) => {
        const rate = new Rate(window);
        let nowMs = 0;
        let sent = 0;
        for (const size of sizes) {
          sent += size;
          nowMs += Math.max(1, Math.ceil(rate.record(size, bytesPerSecond, nowMs)));
        }
        // Ahead by a window's worth, and the last burst is being paid for.
        expect(sent).toBeLessThanOrEqual(bytesPerSecond * (nowMs / 1000 + 10) + 1);
      }),
      { numRuns: 100 },
    );
  });
});

describe('many', () => {
  const load = (clientId: string, producedBytes: number, fetchedBytes = 0) => ({ clientId, producedBytes, fetchedBytes });

  test('threads that share a client id share its rate; others are not held up', () => {
    const rates = new Rates(window);
    const set = quotas(quota('a', 1000));
    expect(rates.told([load('a', 8000), load('b', 1e9)], set, 0)).toEqual([
      { clientId: 'a', producerByteRate: 1000, produceDelayMs: 0, consumerByteRate: null, fetchDelayMs: 0 },
      { clientId: 'b', producerByteRate: null, produceDelayMs: 0, consumerByteRate: null, fetchDelayMs: 0 },
    ]);
    // The second thread, then the first again.
    expect(rates.told([load('a', 8000)], set, 10)[0].produceDelayMs).toBeGreaterThan(5000);
    expect(rates.told([load('a', 0)], set, 20)[0].produceDelayMs).toBeGreaterThan(5000);
  });

  test('a quota of its own goes before the default, each rate by itself', () => {
    const set = quotas(quota(null, 10, 20), quota('a', null, 5));
    expect(quotaOf(set, 'a')).toEqual({ producerByteRate: 10, consumerByteRate: 5 });
    expect(quotaOf(set, 'b')).toEqual({ producerByteRate: 10, consumerByteRate: 20 });
    expect(quotaOf(quotas(quota('a', 1)), 'b')).toEqual({ producerByteRate: null, consumerByteRate: null });
  });

  test('a quota that ends lets go at once', () => {
    const rates = new Rates(window);
    expect(rates.told([load('a', 1e6, 1e6)], quotas(quota('a', 10, 10)), 0)[0].fetchDelayMs).toBeGreaterThan(1e6);
    expect(rates.told([load('a', 0)], quotas(), 100)[0]).toMatchObject({ produceDelayMs: 0, fetchDelayMs: 0 });
  });

  test('clients beyond the bound push out who was heard longest ago', () => {
    const rates = new Rates(window);
    const set = quotas(quota(null, 1000));
    const delay = (clientId: string, bytes = 0) => rates.told([load(clientId, bytes)], set, 0)[0].produceDelayMs;
    delay('first', 1e6);
    for (let i = 1; i < limits.quotasMax; i++) delay(`c${i}`);
    expect(delay('first')).toBeGreaterThan(0);
    for (let i = 0; i < limits.quotasMax; i++) delay(`d${i}`);
    expect(delay('first')).toBe(0);
  });
});
