/** A thread of the user's whose heap fills up slows the producers of the bus, is named, and lets them go on when it is gone. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { Bus } from '../../src/index.ts';

test('the heap of a user’s thread near its limit throttles, with the thread’s name; when it is let go the bus is calm', async () => {
  const bus = await Bus.open({ hosts: 1, logLevel: 'silent' });
  const handle = bus.handle();
  const worker = new Worker(new URL('./heap-worker.ts', import.meta.url), {
    workerData: handle,
    transferList: [...handle.transferList],
    resourceLimits: { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 2 },
  });
  worker.postMessage(0.88);
  await once(worker, 'message');
  await expect.poll(async () => (await bus.pressure()).level, { timeout: 10_000 }).toBe('throttle');
  expect((await bus.pressure()).reasons).toContainEqual(expect.objectContaining({ gauge: 'thread-heap', where: 'thread 1' }));
  const exit = once(worker, 'exit');
  worker.postMessage(0);
  await exit;
  await expect.poll(async () => (await bus.pressure()).level, { timeout: 10_000 }).toBe('calm');
  await bus.close();
}, 30_000);
