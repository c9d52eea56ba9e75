/** A consumer that does not take what it has asked for holds up nobody else: topics beside it keep their rate, and memory its budget. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bus, type PressureReport } from '../../src/index.ts';

const MiB = 1024 * 1024;
const BUDGET_BYTES = 32 * MiB;
const ROUNDS_MIN = 2;
const ROUNDS_MAX = 8;
const value = new Uint8Array(1000);

let folder = '';
let bus: Bus;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-slow-'));
  bus = await Bus.open({ dir: folder, hosts: 1, memoryBytesMax: BUDGET_BYTES, logLevel: 'silent' });
  await bus.admin().createTopics([
    { name: 'slow', partitions: 4, configs: { durability: 'memory' } },
    { name: 'quick', partitions: 4, configs: { durability: 'memory', 'retention.bytes': MiB, 'segment.bytes': MiB } },
  ]);
});
afterAll(async () => {
  await bus.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Pushes `count` records, waiting for room where it must. */
async function fill(topic: string, count: number): Promise<void> {
  const producer = bus.producer();
  for (let i = 0; i < count; i++) while (!producer.push(topic, { value })) await producer.drained();
  await producer.flush();
  await producer.close();
}

/** Records a second that go through a topic, from its producer to its consumer. */
async function flow(topic: string, count: number): Promise<number> {
  const consumer = bus.consumer();
  await consumer.assign(topic);
  const startedMs = performance.now();
  const filled = fill(topic, count);
  for (let got = 0; got < count; ) got += (await consumer.poll({ timeoutMs: 1000, recordsMax: 10_000 })).length;
  await filled;
  await consumer.close();
  return count / ((performance.now() - startedMs) / 1000);
}

test('beside a topic whose consumer takes nothing, another topic keeps its rate; nothing is lost, and memory stays within its budget', async () => {
  const levels: PressureReport[] = [];
  const ratios: number[] = [];
  await flow('quick', 5000);
  // Measured side by side, so that whoever else uses the machine slows both; he may come in the middle of a round, but not of each.
  while (ratios.length < ROUNDS_MIN || (Math.max(...ratios) < 0.4 && ratios.length < ROUNDS_MAX)) {
    const alone = await flow('quick', 10_000);
    // As much again as the budget is written to the slow topic each time; of this consumer only what it fetches ahead is in memory.
    const stalled = bus.consumer({ autoOffsetReset: 'earliest', queuedBytesMax: 2 * MiB });
    await stalled.assign('slow');
    await fill('slow', 34_000);
    await expect.poll(() => stalled.queuedBytes).toBeGreaterThan(MiB);
    ratios.push((await flow('quick', 10_000)) / alone);
    levels.push(await bus.pressure());
    expect(stalled.queuedBytes).toBeLessThanOrEqual(2 * MiB + 4 * MiB);
    await stalled.close();
  }
  expect(Math.max(...ratios)).toBeGreaterThan(0.4);
  for (const { gauges } of levels) expect(gauges.residentBytes).toBeLessThanOrEqual(BUDGET_BYTES);
  // All that was written is there for the slow one, whenever it takes it.
  const ends = await bus.admin().listOffsets('slow', 'latest');
  const all = ratios.length * 34_000;
  expect(ends.reduce((sum, { offset }) => sum + offset, 0)).toBe(all);
  const late = bus.consumer({ autoOffsetReset: 'earliest' });
  await late.assign('slow');
  let got = 0;
  while (got < all) got += (await late.poll({ timeoutMs: 5000, recordsMax: 50_000 })).length;
  expect(got).toBe(all);
  await late.close();
}, 120_000);

test('a process that may take no more memory slows its producers, says so, and lets them go on when it may', async () => {
  const { rss } = process.memoryUsage();
  const tight = await Bus.open({ hosts: 1, memoryBytesMax: 16 * MiB, rssBytesMax: rss, logLevel: 'silent' });
  const producer = tight.producer({ maxBlockMs: 500 });
  await expect.poll(async () => (await tight.pressure()).level).toBe('pause');
  expect((await tight.pressure()).reasons).toContainEqual(expect.objectContaining({ gauge: 'rss', level: 'pause', where: 'process' }));
  await expect(producer.send('t', { value })).rejects.toMatchObject({ code: 'MEMORY_FULL', retriable: true });
  await tight.close();
});
