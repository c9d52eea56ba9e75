/** No silent stop: a member that gets nowhere is told as an event, explained in words, and told again when it goes on. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bus, type BusEvents } from '../../src/index.ts';

let bus: Bus;
const told: { name: string; event: BusEvents['groupStalled'] }[] = [];
const stalled = (event: unknown): void => void told.push({ name: 'stalled', event: event as BusEvents['groupStalled'] });
const resumed = (event: unknown): void => void told.push({ name: 'resumed', event: event as BusEvents['groupResumed'] });

beforeAll(async () => {
  subscribe('spillway:groupStalled', stalled);
  subscribe('spillway:groupResumed', resumed);
  bus = await Bus.open({ hosts: 1, memoryBytesMax: 16 * 1024 * 1024, logLevel: 'silent', configs: { 'group.stall.ms': 500 } });
});
afterAll(async () => {
  await bus.close();
  unsubscribe('spillway:groupStalled', stalled);
  unsubscribe('spillway:groupResumed', resumed);
});

test('a consumer that is not asked, then paused, then asked again', async () => {
  const admin = bus.admin();
  await admin.createTopics([{ name: 't' }]);
  await bus.producer().send('t', [{ value: 1 }, { value: 2 }, { value: 3 }]);
  const consumer = bus.consumer({ groupId: 'g', clientId: 'till', topics: ['t'], autoOffsetReset: 'earliest', heartbeatIntervalMs: 100 });
  while ((await consumer.poll({ timeoutMs: 100, recordsMax: 1 })).length === 0);
  await consumer.commit();

  await expect.poll(() => told.map(({ name }) => name), { timeout: 5000 }).toEqual(['stalled']);
  expect(told[0].event).toMatchObject({ groupId: 'g', topic: 't', partition: 0, clientId: 'till', highWatermark: 3 });
  expect(told[0].event.why).toMatch(/^member \S+ \(till, thread 0\) has it, is \d records? behind and has not moved on since/);

  consumer.pause();
  const words = async (): Promise<string> => (await admin.explainGroup('g')).partitions[0].text;
  await expect.poll(words, { timeout: 5000 }).toMatch(/it is paused since .*; resume it$/);
  await expect(admin.resetOffsets('g', { to: 'earliest' })).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP' });
  expect((await admin.describeGroup('g')).offsets).toMatchObject([
    { topic: 't', partition: 0, highWatermark: 3, memberId: told[0].event.memberId },
  ]);

  consumer.resume();
  for (let left = 2; left > 0; ) left -= (await consumer.poll({ timeoutMs: 100 })).length;
  await consumer.commit();
  await expect.poll(() => told.map(({ name }) => name), { timeout: 5000 }).toEqual(['stalled', 'resumed']);
  expect(await words()).toMatch(/has read all of it$/);
  const kinds = async (): Promise<string[]> => (await admin.groupHistory('g')).map(({ kind }) => kind);
  await expect.poll(kinds).toEqual(['joined', 'rebalance', 'assigned', 'stalled', 'resumed']);

  await consumer.close();
  expect(await words()).toMatch(/^nobody reads it: the group has no members since/);
  expect(await admin.resetOffsets('g', { to: 'earliest' })).toEqual([{ topic: 't', partition: 0, before: 3, after: 0 }]);
});
