/** Quotas on a real bus: delays, never errors; shared by threads; changed while running; nobody else is held up. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Admin, type AttachedBus, attach, Bus } from '../../src/index.ts';

const RECORD_BYTES = 1000;
const RATE = 200_000;
/** So low that a machine that is busy otherwise still sends several times as much. */
const LOW_RATE = 5000;
/** Two samples of a second: what may be ahead of the rate is a second’s worth, and a batch of each thread. */
const aheadOf = (rate: number): number => rate + 2 * 16_384 + 0.4 * rate;

let folder = '';
let bus: Bus;
let other: AttachedBus;
let admin: Admin;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-quotas-'));
  bus = await Bus.open({ dir: folder, hosts: 1, memoryBytesMax: 64 * 1024 * 1024, logLevel: 'silent', configs: { 'quota.window.num': 2 } });
  other = attach(bus.handle());
  admin = bus.admin();
  await admin.createTopics([{ name: 't', partitions: 2, configs: { durability: 'written' } }]);
});
afterAll(async () => {
  await other.close();
  await bus.close();
  rmSync(folder, { recursive: true, force: true });
});

const value = new Uint8Array(RECORD_BYTES);

/** Sends a record after the other until the time is over; answers the bytes that were acknowledged, and how long it took. */
async function sending(on: Bus | AttachedBus, clientId: string, ms: number): Promise<{ bytes: number; ms: number }> {
  const producer = on.producer({ clientId });
  const startedMs = performance.now();
  let bytes = 0;
  while (performance.now() - startedMs < ms) {
    await producer.send(
      't',
      Array.from({ length: 10 }, () => ({ value })),
    );
    bytes += 10 * RECORD_BYTES;
  }
  const took = performance.now() - startedMs;
  expect(await producer.close()).toEqual({ unfinished: 0 });
  return { bytes, ms: took };
}

test('producers of one client id, in two threads, keep its rate together; another one is not held up', async () => {
  await admin.alterQuotas('slow', { producerByteRate: LOW_RATE });
  const [one, two, free] = await Promise.all([sending(bus, 'slow', 2500), sending(other, 'slow', 2500), sending(bus, 'free', 2500)]);
  const seconds = Math.max(one.ms, two.ms) / 1000;
  expect(one.bytes + two.bytes).toBeLessThanOrEqual(LOW_RATE * seconds + aheadOf(LOW_RATE));
  expect(Math.min(one.bytes, two.bytes)).toBeGreaterThan(0);
  expect(free.bytes).toBeGreaterThan(2 * (one.bytes + two.bytes));
});

test('a quota that is lifted while a producer waits lets it go on', async () => {
  await admin.alterQuotas('lifted', { producerByteRate: 1000 });
  const producer = bus.producer({ clientId: 'lifted' });
  const send = () => {
    return producer.send(
      't',
      Array.from({ length: 100 }, () => ({ value })),
    );
  };
  const waits = async (): Promise<boolean> =>
    (await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 500, 'waits'))])) === 'waits';
  // What it owes for the first ones is known some time after they went.
  let sent = send();
  while (!(await waits())) sent = send();
  await admin.alterQuotas('lifted', { producerByteRate: null });
  expect(await sent).toHaveLength(100);
  await producer.close();
});

test('consumers fetch no more than their quota, the default as well as their own', async () => {
  const producer = bus.producer();
  await producer.send(
    't',
    Array.from({ length: 3000 }, () => ({ value })),
  );
  await admin.alterQuotas(null, { consumerByteRate: RATE });
  const consumer = bus.consumer({ autoOffsetReset: 'earliest', fetchBytesMax: 50_000, partitionBytesMax: 50_000 });
  await consumer.assign('t');
  const startedMs = performance.now();
  let bytes = 0;
  const read = async (ms: number): Promise<void> => {
    const endMs = performance.now() + ms;
    while (performance.now() < endMs) bytes += (await consumer.poll({ timeoutMs: 50 })).length * RECORD_BYTES;
  };
  await read(2500);
  expect(bytes + consumer.queuedBytes).toBeLessThanOrEqual((RATE * (performance.now() - startedMs)) / 1000 + aheadOf(RATE) + 100_000);
  expect(bytes).toBeGreaterThan(0);
  await admin.alterQuotas(null, { consumerByteRate: null });
  const before = bytes;
  await expect
    .poll(
      async () => {
        await read(100);
        return bytes - before;
      },
      { timeout: 10_000 },
    )
    .toBeGreaterThan(1_500_000);
  await consumer.close();
  await producer.close();
});

test('an id that is too long is refused', () => {
  expect(() => bus.producer({ clientId: 'c'.repeat(1025) })).toThrow(/clientId has at most 1024 characters, not 1025/);
  expect(() => bus.producer({ clientId: 'c'.repeat(1024) })).not.toThrow();
});
