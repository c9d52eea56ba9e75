/** Serdes: what goes in comes out, what cannot is refused with the topic and the field in the message. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BusError } from '../../src/base/errors.ts';
import { decodeField, encodeField, type Serde, serdes } from '../../src/client/serde.ts';

const there = <T>(serde: Serde<T>, value: T): Buffer => Buffer.from(encodeField(serde, value, 'orders', 'value') as Uint8Array);
const andBack = <T>(serde: Serde<T>, value: T): T | null => decodeField(serde, there(serde, value), 'orders', 'value');

describe('round trips', () => {
  test.each<[string, Serde<never>, unknown]>([
    ['msgpack', serdes.msgpack(), { id: 1, lines: [{ sku: 'a', count: 2.5 }], at: new Date(5), big: 2n ** 62n, ok: true, none: null }],
    ['json', serdes.json(), { id: 1, lines: ['ü', '😀'] }],
    ['string', serdes.string as Serde<never>, 'Grüße 😀\u0000'],
    ['raw', serdes.raw as Serde<never>, Buffer.from([0, 255, 128])],
    ['text', serdes.textOrBytes as Serde<never>, 'ATL'],
    ['bytes', serdes.textOrBytes as Serde<never>, Buffer.from([0xff, 0xfe])],
    ['int32', serdes.int32 as Serde<never>, -(2 ** 31)],
    ['int64', serdes.int64 as Serde<never>, 2n ** 63n - 1n],
    ['double', serdes.double as Serde<never>, -0.1],
    ['empty string', serdes.string as Serde<never>, ''],
  ])('%s', (_, serde, value) => {
    expect(andBack(serde, value as never)).toEqual(value);
  });

  test('msgpack carries any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(value !== null && !JSON.stringify(value).includes('__proto__'));
        expect(andBack(serdes.msgpack(), value)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('null and undefined are null bytes, and null bytes are null', () => {
    for (const serde of [serdes.msgpack(), serdes.json(), serdes.string as Serde<unknown>]) {
      expect(encodeField(serde, null, 'orders', 'value')).toBeNull();
      expect(encodeField(serde, undefined, 'orders', 'key')).toBeNull();
      expect(decodeField(serde, null, 'orders', 'value')).toBeNull();
    }
  });

  test("numbers are as Kafka's serializers write them", () => {
    expect(there(serdes.int32, 258).toString('hex')).toBe('00000102');
    expect(there(serdes.int64, -2n).toString('hex')).toBe('fffffffffffffffe');
    expect(there(serdes.double, 1).toString('hex')).toBe('3ff0000000000000');
  });

  test('msgpack is the plain format that other libraries read', () => {
    expect(there(serdes.msgpack(), { a: [1, 'b'] }).toString('hex')).toBe('81a1619201a162');
  });
});

describe('bytes stay what they were', () => {
  test('thousands of results of msgpack are kept, none is written over', () => {
    const values = Array.from({ length: 5000 }, (_, i) => ({ i, text: 'x'.repeat(i % 97) }));
    const kept = values.map((value) => encodeField(serdes.msgpack(), value, 'orders', 'value') as Buffer);
    expect(kept.map((bytes) => decodeField(serdes.msgpack(), bytes, 'orders', 'value'))).toEqual(values);
  });

  test('bytes within a msgpack value are a copy, so they keep no fetch answer alive', () => {
    const bytes = there(serdes.msgpack<{ body: Uint8Array }>(), { body: Buffer.from('abc') });
    const value = decodeField(serdes.msgpack<{ body: Buffer }>(), bytes, 'orders', 'value');
    bytes.fill(0);
    expect(value?.body.toString()).toBe('abc');
    expect(value?.body.buffer).not.toBe(bytes.buffer);
  });
});

describe('refusals', () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const refusal = (call: () => unknown): BusError => {
    try {
      call();
    } catch (error) {
      if (error instanceof BusError) return error;
      throw error;
    }
    throw new Error('nothing was refused');
  };

  test.each<[string, Serde<never>, unknown, RegExp]>([
    ['a number as text', serdes.string as Serde<never>, 5, /string cannot serialize it: expected a string, got the number 5/],
    ['a lone surrogate', serdes.string as Serde<never>, 'a\ud800', /lone surrogate/],
    ['an object as a key', serdes.textOrBytes as Serde<never>, { id: 1 }, /declare a serde/],
    ['a string as bytes', serdes.raw as Serde<never>, 'abc', /expected a Uint8Array, got a string/],
    ['a function as JSON', serdes.json(), () => 1, /JSON has no text for a function/],
    ['a bigint as JSON', serdes.json(), 1n, /BigInt/],
    ['a cycle as JSON', serdes.json(), cycle, /circular/],
    ['a cycle as msgpack', serdes.msgpack(), cycle, /call stack/],
    ['a symbol as msgpack', serdes.msgpack(), Symbol('x'), /symbol/],
    ['a bigint of 70 bits', serdes.msgpack(), 2n ** 70n, /64-bit/],
    ['2^31 as int32', serdes.int32 as Serde<never>, 2 ** 31, /32 bits/],
    ['1.5 as int32', serdes.int32 as Serde<never>, 1.5, /32 bits/],
    ['2^63 as int64', serdes.int64 as Serde<never>, 2n ** 63n, /range/],
    ['a number as int64', serdes.int64 as Serde<never>, 1, /expected a bigint/],
    ['text as double', serdes.double as Serde<never>, '1', /expected a number/],
  ])('%s', (_, serde, value, message) => {
    const error = refusal(() => encodeField(serde, value as never, 'orders', 'value'));
    expect(error.code).toBe('INVALID_DATA');
    expect(error.message).toMatch(/^value of topic "orders": /);
    expect(error.message).toMatch(message);
    expect(error.details).toEqual({ topic: 'orders', field: 'value' });
  });

  test.each<[string, Serde<never>, string, RegExp]>([
    ['half a msgpack value', serdes.msgpack(), '8261', /end of MessagePack/],
    ['two msgpack values', serdes.msgpack(), '0102', /end of buffer not reached/],
    ['a msgpack array that claims 4 billion items', serdes.msgpack(), 'ddffffffff', /end of MessagePack/],
    ['msgpack nested 100,000 deep', serdes.msgpack(), `${'91'.repeat(100_000)}01`, /call stack/],
    ['no bytes as msgpack', serdes.msgpack(), '', /end of MessagePack/],
    ['half a JSON text', serdes.json(), '7b22', /JSON/],
    ['malformed UTF-8', serdes.string as Serde<never>, 'c328', /not UTF-8/],
    ['three bytes as int32', serdes.int32 as Serde<never>, '000000', /expected 4 bytes/],
    ['nine bytes as int64', serdes.int64 as Serde<never>, '00'.repeat(9), /expected 8 bytes/],
  ])('%s', (_, serde, hex, message) => {
    const error = refusal(() => decodeField(serde, Buffer.from(hex, 'hex'), 'orders', 'key'));
    expect(error.code).toBe('INVALID_DATA');
    expect(error.message).toMatch(/^key of topic "orders": /);
    expect(error.message).toMatch(message);
    expect(error.cause).toBeInstanceOf(Error);
  });

  test("a serde of the user's that returns no bytes", () => {
    const wrong = { name: 'wrong', serialize: () => 'text' as unknown as Uint8Array, deserialize: () => 0 };
    expect(refusal(() => encodeField(wrong, 1, 'orders', 'value')).message).toBe(
      'value of topic "orders": the serde "wrong" returned a string where a Uint8Array or null was due',
    );
  });

  test("a serde of the user's that throws something else than an Error", () => {
    const wrong: Serde<number> = {
      name: 'wrong',
      serialize() {
        throw 'no';
      },
      deserialize: () => 0,
    };
    expect(refusal(() => encodeField(wrong, 1, 'orders', 'value')).message).toMatch(/wrong cannot serialize it: no/);
  });
});
