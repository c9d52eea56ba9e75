/** The types of a declaration flow to where they are used. Compiled by test/house/types.test.ts, never run. */
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import { type Serde, serdes, type TypeOf } from '../../src/client/serde.ts';
import {
  defineTopic,
  type Header,
  type HeadersInput,
  type HeadersToSend,
  headersReceived,
  keyToSend,
  type Topic,
  type TopicHeaders,
  type TopicKey,
  type TopicValue,
  valueReceived,
  valueToSend,
} from '../../src/client/topic.ts';

interface Order {
  id: number;
  lines: string[];
}

// From serdes.
const orders = defineTopic('orders', {
  key: serdes.string,
  value: serdes.json<Order>(),
  headers: { trace: serdes.string, attempt: serdes.int32 },
});
expectTypeOf(orders).toEqualTypeOf<Topic<string, Order, { trace?: string | undefined; attempt?: number | undefined }>>();
expectTypeOf<TopicKey<typeof orders>>().toEqualTypeOf<string>();
expectTypeOf<TopicValue<typeof orders>>().toEqualTypeOf<Order>();
expectTypeOf<TopicHeaders<typeof orders>>().toEqualTypeOf<{ trace?: string | undefined; attempt?: number | undefined }>();
expectTypeOf(valueReceived(orders, null)).toEqualTypeOf<Order | null>();
expectTypeOf(headersReceived(orders, []).attempt).toEqualTypeOf<number | undefined>();
expectTypeOf<HeadersToSend<TopicHeaders<typeof orders>>>().toEqualTypeOf<TopicHeaders<typeof orders>>();
// @ts-expect-error a value of another type
valueToSend(orders, { id: 'one', lines: [] });
// @ts-expect-error a key of another type
keyToSend(orders, 5);

// Without options.
const plain = defineTopic('plain');
expectTypeOf(plain).toEqualTypeOf<Topic<string | Uint8Array, unknown, readonly Header[]>>();
expectTypeOf<HeadersToSend<TopicHeaders<typeof plain>>>().toEqualTypeOf<HeadersInput>();

// Named types.
expectTypeOf(defineTopic<string, Order>('named')).toEqualTypeOf<Topic<string, Order, readonly Header[]>>();

// From schemas: what they return.
const checked = defineTopic('checked', {
  headers: { trace: serdes.string },
  schema: {
    key: z.string(),
    value: z.object({ id: z.number(), note: z.string().default('none') }),
    headers: z.object({ trace: z.string() }),
  },
});
expectTypeOf<TopicKey<typeof checked>>().toEqualTypeOf<string>();
expectTypeOf<TopicValue<typeof checked>>().toEqualTypeOf<{ id: number; note: string }>();
expectTypeOf<TopicHeaders<typeof checked>>().toEqualTypeOf<{ trace: string }>();

// A schema and a serde that disagree.
// @ts-expect-error the serde carries numbers, the schema returns text
defineTopic('wrong', { value: serdes.int32, schema: { value: z.string() } });

// A serde of the user's.
class Money {
  readonly cents: bigint;
  constructor(cents: bigint) {
    this.cents = cents;
  }
}
const money: Serde<Money> = {
  name: 'money',
  serialize: (value) => serdes.int64.serialize(value.cents),
  deserialize: (bytes) => new Money(serdes.int64.deserialize(bytes)),
};
expectTypeOf<TypeOf<typeof money>>().toEqualTypeOf<Money>();
expectTypeOf<TopicValue<ReturnType<typeof priced>>>().toEqualTypeOf<Money>();
function priced() {
  return defineTopic('prices', { value: money });
}
