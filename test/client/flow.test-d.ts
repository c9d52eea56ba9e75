/** A topic's types from the declaration through the producer to the consumer's records. Compiled by test/house/types.test.ts, never run. */
import { expectTypeOf } from 'vitest';
import { Bus, type ConsumedBatch, type ConsumedRecord, defineTopic, type Header, type Receipt, serdes } from '../../src/index.ts';

interface Order {
  id: number;
}

const orders = defineTopic('orders', { key: serdes.string, value: serdes.json<Order>(), headers: { attempt: serdes.int32 } });
const returns = defineTopic('returns', { key: serdes.string, value: serdes.json<Order>(), headers: { attempt: serdes.int32 } });
type OrderHeaders = { attempt?: number | undefined };

const bus = await Bus.open();
const producer = bus.producer();

// Sending.
expectTypeOf(producer.send(orders, { key: 'a', value: { id: 1 }, headers: { attempt: 1 } })).toEqualTypeOf<Promise<Receipt>>();
expectTypeOf(producer.send(orders, [{ key: 'a', value: null }])).toEqualTypeOf<Promise<Receipt[]>>();
expectTypeOf(producer.push(orders, { value: { id: 1 }, partition: 2, timestamp: 0 })).toEqualTypeOf<boolean>();
// @ts-expect-error a key of another type
void producer.send(orders, { key: 1, value: { id: 1 } });
// @ts-expect-error a value of another type
void producer.send(orders, { key: 'a', value: { id: 'one' } });
// @ts-expect-error a header of another type
void producer.send(orders, { key: 'a', value: { id: 1 }, headers: { attempt: 'one' } });
// @ts-expect-error a header that is not declared
void producer.send(orders, { key: 'a', value: { id: 1 }, headers: { other: 1 } });
// @ts-expect-error one wrong record among many
void producer.send(orders, [{ value: { id: 1 } }, { value: 5 }]);
// @ts-expect-error pushing is no looser
producer.push(orders, { value: 'text' });

// By name: what the producer's own serdes take.
void producer.send('orders', { key: 'a', value: { anything: true }, headers: { a: 'x', b: ['y', null] } });
const numbers = bus.producer({ key: serdes.int32, value: serdes.string });
void numbers.send('orders', { key: 1, value: 'text' });
// @ts-expect-error the producer's value serde takes text
void numbers.send('orders', { key: 1, value: 2 });

// Receiving.
const consumer = await bus.consumer().assign(orders);
for await (const record of consumer) {
  expectTypeOf(record).toEqualTypeOf<ConsumedRecord<string, Order, OrderHeaders>>();
  expectTypeOf(record.key).toEqualTypeOf<string | null>();
  expectTypeOf(record.value).toEqualTypeOf<Order | null>();
  expectTypeOf(record.headers).toEqualTypeOf<OrderHeaders>();
  expectTypeOf(record.rawValue).toEqualTypeOf<Buffer | null>();
  expectTypeOf(record.rawHeaders).toEqualTypeOf<readonly Header[]>();
}
for await (const batch of consumer.batches()) {
  expectTypeOf(batch).toEqualTypeOf<ConsumedBatch<string, Order, OrderHeaders>>();
  for (const { value } of batch) expectTypeOf(value).toEqualTypeOf<Order | null>();
}
expectTypeOf(consumer.poll()).toEqualTypeOf<Promise<ConsumedRecord<string, Order, OrderHeaders>[]>>();
const both = await bus.consumer().assign([orders, returns]);
expectTypeOf((await both.poll())[0].value).toEqualTypeOf<Order | null>();

// By name: what the consumer's own serdes make of it.
const plain = await bus.consumer().assign('orders');
expectTypeOf((await plain.poll())[0].key).toEqualTypeOf<string | Uint8Array | null>();
expectTypeOf((await plain.poll())[0].value).toEqualTypeOf<unknown>();
expectTypeOf((await plain.poll())[0].headers).toEqualTypeOf<readonly Header[]>();
const texts = await bus.consumer({ value: serdes.string }).assign([{ topic: 'orders', partition: 0 }]);
expectTypeOf((await texts.poll())[0].value).toEqualTypeOf<string | null>();

// In a group: the types of the topics that it reads.
const member = bus.consumer({ groupId: 'g', topics: orders, autoOffsetReset: { byDurationMs: 1000 } });
for await (const record of member) expectTypeOf(record).toEqualTypeOf<ConsumedRecord<string, Order, OrderHeaders>>();
expectTypeOf((await bus.consumer({ groupId: 'g', topics: [orders, returns] }).poll())[0].value).toEqualTypeOf<Order | null>();
expectTypeOf((await bus.consumer({ groupId: 'g', topics: ['orders', /^re/] }).poll())[0].value).toEqualTypeOf<unknown>();
expectTypeOf((await bus.consumer({ groupId: 'g', topics: 'orders', value: serdes.string }).poll())[0].value).toEqualTypeOf<string | null>();
expectTypeOf(member.commit([{ topic: 'orders', partition: 0, offset: 1, metadata: 'm' }])).toEqualTypeOf<Promise<void>>();
// @ts-expect-error a protocol that Kafka does not have
bus.consumer({ groupId: 'g', topics: 'orders', groupProtocol: 'newest' });
