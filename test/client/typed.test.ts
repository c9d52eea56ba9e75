/** A declared topic through a real bus: what goes in typed comes out typed, and what its schema refuses never leaves. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { Bus, defineTopic, serdes } from '../../src/index.ts';

let bus: Bus;
beforeAll(async () => {
  bus = await Bus.open({ memoryBytesMax: 32 * 1024 * 1024, hosts: 1, logLevel: 'silent' });
});
afterAll(() => bus.close());

const orders = defineTopic('orders', {
  key: serdes.string,
  value: serdes.json<{ id: number; note: string }>(),
  headers: { attempt: serdes.int32 },
  schema: { value: z.object({ id: z.number().int(), note: z.string() }) },
  partitions: 2,
});

test('keys, values and headers come back as they went, with the declared partitions', async () => {
  expect(await bus.admin().createTopics([orders])).toMatchObject([{ name: 'orders', partitions: 2 }]);
  const producer = bus.producer();
  const sent = [
    { key: 'a', value: { id: 1, note: 'ü' }, headers: { attempt: 3 } },
    { key: 'a', value: null, headers: {} },
  ];
  await producer.send(orders, sent);
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign(orders);
  const got = [];
  for await (const { key, value, headers } of consumer) {
    got.push({ key, value, headers });
    if (got.length === sent.length) break;
  }
  expect(got).toEqual(sent);
  await consumer.close();
});

test('what the schema refuses never leaves, alone or among many', async () => {
  const producer = bus.producer();
  const wrong = { key: 'b', value: { id: 1.5, note: '' } };
  await expect(producer.send(orders, wrong)).rejects.toMatchObject({ code: 'INVALID_DATA', retriable: false });
  await expect(producer.send(orders, [wrong])).rejects.toThrow(/value of topic "orders": the schema \(zod\) refuses it: id: /);
  expect(() => producer.push(orders, wrong)).toThrow(/refuses it/);
  await producer.flush();
  const ends = await bus.admin().listOffsets('orders', 'latest');
  expect(ends.reduce((sum, { offset }) => sum + offset, 0)).toBe(2);
});

test('bytes that the serde cannot read fail at the record that holds them, and only there', async () => {
  await bus.producer({ value: serdes.string }).send('mixed', [{ value: '{"id":1}' }, { value: '{' }, { value: '{"id":2}' }]);
  const consumer = await bus.consumer({ autoOffsetReset: 'earliest', value: serdes.json<{ id: number }>() }).assign('mixed');
  const seen: unknown[] = [];
  for await (const record of consumer) {
    try {
      seen.push(record.value?.id);
    } catch (error) {
      seen.push((error as Error).message);
    }
    if (seen.length === 3) break;
  }
  expect(seen).toEqual([1, expect.stringMatching(/^value of topic "mixed": json cannot read its 1 bytes: /), 2]);
});
