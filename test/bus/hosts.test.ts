/** Partition hosts that die, at any moment of their lives: each is replaced, and what was acknowledged stays. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HostThreads } from '../../src/bus/host-threads.ts';
import { checkBusOptions } from '../../src/bus/options.ts';
import { Bus } from '../../src/index.ts';
import { Arena } from '../../src/world/arena.ts';
import { silentLogger } from '../../src/world/logger.ts';

let bus: Bus;
beforeAll(async () => {
  bus = await Bus.open({ hosts: 2, memoryBytesMax: 32 * 1024 * 1024, logLevel: 'silent' });
  await bus.admin().createTopics([{ name: 't', partitions: 2 }]);
});
afterAll(() => bus.close());

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// Piscina forgets the task of a thread that dies before it has begun it, and starts no other from then on.
test.each([0, 5, 12, 20, 40])('a host whose successor dies %i ms later is replaced again', async (afterMs) => {
  const producer = bus.producer({ retryBackoffMs: 5, deliveryTimeoutMs: 20_000 });
  const sending = Array.from({ length: 20 }, (_, i) => producer.send('t', { partition: i % 2, value: i }));
  const dead = new Set(bus.hostThreads.map(({ threadId }) => threadId));
  await bus.hostThreads[0].terminate();
  await sleep(afterMs);
  for (const thread of bus.hostThreads) if (!dead.has(thread.threadId)) await thread.terminate();
  const offsets = (await Promise.all(sending)).map(({ offset }) => offset);
  for (const partition of [0, 1]) {
    const own = offsets.filter((_, i) => i % 2 === partition);
    expect(own).toEqual(own.map((_, i) => own[0] + i));
  }
  await producer.close();
});

test('hosts that cannot be started are told, again and again, not waited for in silence', async () => {
  const told: string[] = [];
  const arena = Arena.create({ framesMax: 4, frameBytes: 16_384, slotsMax: 4 }).handle;
  const options = checkBusOptions({ hosts: 1 });
  const entry = new URL('./broken-host.ts', import.meta.url).href;
  const hosts = new HostThreads(
    entry,
    options,
    arena,
    () => true,
    silentLogger,
    (host, error) => told.push(`${host} ${error}`),
  );
  await expect.poll(() => told, { timeout: 10_000 }).toContain('0 Error: the entry is broken');
  await hosts.destroy();
});

test('a host that died as it was done is not replaced', async () => {
  let deaths = 0;
  const log = { ...silentLogger, error: () => void deaths++ };
  const arena = Arena.create({ framesMax: 4, frameBytes: 16_384, slotsMax: 4 }).handle;
  const entry = new URL('./broken-host.ts', import.meta.url).href;
  const hosts = new HostThreads(
    entry,
    checkBusOptions({ hosts: 1 }),
    arena,
    () => true,
    log,
    () => {},
  );
  await expect.poll(() => deaths, { timeout: 10_000 }).toBeGreaterThan(3);
  await hosts.retire(0);
  const atEnd = deaths;
  await sleep(400);
  expect(deaths).toBe(atEnd);
  await hosts.destroy();
});
