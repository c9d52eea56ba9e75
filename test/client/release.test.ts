import { expect, test } from 'vitest';
import { Bus, type ConsumedBatch, serdes } from '../../src/index.ts';

/** Batches of a topic with a record in each of four partitions, taken one by one. */
async function taken(bus: Bus): Promise<ConsumedBatch<string | Uint8Array, string>[]> {
  await bus.admin().createTopics([{ name: 't', partitions: 4 }]);
  const producer = bus.producer({ value: serdes.string });
  await producer.send(
    't',
    [0, 1, 2, 3].map((partition) => ({ partition, value: `of ${partition}` })),
  );
  const consumer = bus.consumer({ value: serdes.string, autoOffsetReset: 'earliest' });
  await consumer.assign('t');
  const batches: ConsumedBatch<string | Uint8Array, string>[] = [];
  for await (const batch of consumer.batches()) if (batches.push(batch) === 4) break;
  return batches;
}

const valuesOf = (batches: readonly ConsumedBatch<string | Uint8Array, string>[]) =>
  batches.flatMap((batch) => batch.records().map(({ partition, value }) => `${partition}: ${value}`));

test('a batch that is given back takes no other with it; when all are, their memory is free', async () => {
  await using bus = await Bus.open({ logLevel: 'error' });
  const batches = await taken(bus);
  for (let i = 0; i < 4; i++) {
    const rest = batches.slice(i);
    expect(valuesOf(rest)).toEqual(rest.map(({ partition }) => `${partition}: of ${partition}`));
    batches[i].release();
    batches[i].release();
  }
  expect(batches.map(({ bytes }) => bytes.length)).toEqual([0, 0, 0, 0]);
});

test('memory that was transferred to another thread is not ours to free', async () => {
  await using bus = await Bus.open({ logLevel: 'error' });
  const batches = await taken(bus);
  const buffers = new Set(batches.map(({ bytes }) => bytes.buffer as ArrayBuffer));
  const moved = [...buffers].map((buffer) => structuredClone(buffer, { transfer: [buffer] }));
  for (const batch of batches) batch.release();
  expect(moved.every(({ byteLength }) => byteLength > 0)).toBe(true);
});
