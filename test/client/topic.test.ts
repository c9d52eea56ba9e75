/** Topic declarations at run time: serdes, headers and schemas on both ways. Their types are in topic.test-d.ts. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { BusError } from '../../src/base/errors.ts';
import { serdes } from '../../src/client/serde.ts';
import {
  defineTopic,
  type Header,
  headersReceived,
  headersToSend,
  keyReceived,
  keyToSend,
  plainTopic,
  valueReceived,
  valueToSend,
} from '../../src/client/topic.ts';

function refusal(call: () => unknown): BusError {
  try {
    call();
  } catch (error) {
    if (error instanceof BusError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const text = (header: Header) => [header.key, header.value === null ? null : Buffer.from(header.value).toString()];
const bytes = (value: Uint8Array | null): Buffer | null => (value === null ? null : Buffer.from(value));

describe('a declaration', () => {
  test('has defaults: keys are text or bytes, values msgpack, headers a list', () => {
    const topic = defineTopic('orders');
    expect(keyReceived(topic, bytes(keyToSend(topic, 'ATL')))).toBe('ATL');
    expect(valueReceived(topic, bytes(valueToSend(topic, { id: 1 })))).toEqual({ id: 1 });
    expect(headersToSend(topic, { a: '1' }).map(text)).toEqual([['a', '1']]);
    expect(topic).not.toHaveProperty('partitions');
  });

  test('carries what createTopics needs', () => {
    expect(defineTopic('orders', { partitions: 4, configs: { durability: 'memory' } })).toMatchObject({
      name: 'orders',
      partitions: 4,
      configs: { durability: 'memory' },
    });
  });

  test.each([
    ['a name with a space', () => defineTopic('my orders'), 'INVALID_TOPIC_EXCEPTION', /letters, digits/],
    ['an empty name', () => defineTopic(''), 'INVALID_TOPIC_EXCEPTION', /not empty/],
    ['serdes.json without its call', () => defineTopic('a', { value: serdes.json as never }), 'INVALID_ARGUMENT', /serde of value/],
    ['a header serde that is none', () => defineTopic('a', { headers: { x: 'string' as never } }), 'INVALID_ARGUMENT', /header "x"/],
    ['a schema that is none', () => defineTopic('a', { schema: { value: {} as never } }), 'INVALID_ARGUMENT', /not a Standard Schema/],
    ['an unknown way', () => defineTopic('a', { validate: 'never' as never }), 'INVALID_ARGUMENT', /'send', 'receive' or 'both'/],
  ])('refuses %s', (_, call, code, message) => {
    const error = refusal(call);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test('null is null on both ways and no serde or schema sees it', () => {
    const topic = defineTopic('orders', { key: serdes.int32, value: serdes.json<number>(), schema: { value: z.number() } });
    expect([keyToSend(topic, null), valueToSend(topic, undefined)]).toEqual([null, null]);
    expect([keyReceived(topic, null), valueReceived(topic, null)]).toEqual([null, null]);
  });

  test('a plain topic takes the serdes of its client', () => {
    const topic = plainTopic('orders', serdes.string, serdes.int32);
    expect(valueToSend(topic, 7)).toEqual(Buffer.from([0, 0, 0, 7]));
  });
});

describe('headers', () => {
  const plain = defineTopic('orders');
  const declared = defineTopic('orders', { headers: { trace: serdes.string, attempt: serdes.int32 } });

  test('undeclared: an object with text, bytes, null and lists, or a list with duplicates', () => {
    expect(headersToSend(plain, { a: 'x', b: Buffer.from('y'), c: null, d: ['1', '2'], e: undefined }).map(text)).toEqual([
      ['a', 'x'],
      ['b', 'y'],
      ['c', null],
      ['d', '1'],
      ['d', '2'],
    ]);
    const list = [
      { key: 'a', value: Buffer.from('1') },
      { key: 'a', value: null },
    ];
    expect(headersToSend(plain, list)).toEqual(list);
    expect(headersReceived(plain, list)).toBe(list);
    expect(headersToSend(plain, undefined)).toEqual([]);
  });

  test('declared: by their serdes, the last of a key, others are passed over', () => {
    const sent = headersToSend(declared, { trace: 'abc', attempt: 3 });
    expect(headersReceived(declared, sent)).toEqual({ trace: 'abc', attempt: 3 });
    expect(headersToSend(declared, { trace: 'abc', attempt: undefined }).map(text)).toEqual([['trace', 'abc']]);
    const foreign = [...sent, { key: 'trace', value: Buffer.from('later') }, { key: 'other', value: null }];
    expect(headersReceived(declared, foreign)).toEqual({ trace: 'later', attempt: 3 });
  });

  test.each([
    ['one that is not declared', () => headersToSend(declared, { other: 1 } as never), /header "other" .* declares trace, attempt/],
    ['one of the wrong type', () => headersToSend(declared, { attempt: 'three' as never }), /header "attempt" .* int32 cannot/],
    ['a number', () => headersToSend(plain, { a: 5 as never }), /header "a" .* string or a Uint8Array/],
    ['a text instead of an object', () => headersToSend(plain, 'a=1' as never), /object or a list/],
    ['a list of pairs', () => headersToSend(plain, [['a', '1']] as never), /header's key is a string/],
    ['wrong bytes', () => headersReceived(declared, [{ key: 'attempt', value: Buffer.from('x') }]), /header "attempt" .* 4 bytes/],
    ['the name of a built-in', () => headersToSend(declared, { toString: 'x' } as never), /header "toString"/],
  ])('refuses %s', (_, call, message) => {
    const error = refusal(call);
    expect(error.code).toBe('INVALID_DATA');
    expect(error.message).toMatch(message);
  });
});

describe('schemas', () => {
  const order = z.object({ id: z.number().int(), lines: z.array(z.object({ sku: z.string() })), note: z.string().default('none') });

  test('what the schema returns is what is sent', () => {
    const topic = defineTopic('orders', { schema: { value: order } });
    const sent = valueToSend(topic, { id: 1, lines: [], extra: true } as never);
    expect(serdes.msgpack().deserialize(bytes(sent) as Buffer)).toEqual({ id: 1, lines: [], note: 'none' });
  });

  test('a refusal names topic, field, path and reason', () => {
    const topic = defineTopic('orders', { schema: { value: order } });
    const error = refusal(() => valueToSend(topic, { id: 1, lines: [{ sku: 5 }] } as never));
    expect(error.code).toBe('INVALID_DATA');
    expect(error.message).toMatch(/^value of topic "orders": the schema \(zod\) refuses it: lines\.0\.sku: .*string/);
  });

  test('is asked on the ways that the topic says', () => {
    const wrong = Buffer.from('"text"');
    const topic = (validate?: 'send' | 'receive' | 'both') =>
      defineTopic('orders', { value: serdes.json<number>(), schema: { value: z.number() }, ...(validate && { validate }) });
    expect(valueReceived(topic(), wrong)).toBe('text');
    expect(refusal(() => valueReceived(topic('receive'), wrong)).message).toMatch(/refuses it/);
    expect(refusal(() => valueReceived(topic('both'), wrong)).code).toBe('INVALID_DATA');
    expect(valueToSend(topic('receive'), 'text' as never)).toEqual(wrong);
    expect(refusal(() => valueToSend(topic('both'), 'text' as never)).code).toBe('INVALID_DATA');
  });

  test('keys and headers are checked too', () => {
    const topic = defineTopic('orders', {
      key: serdes.string,
      headers: { trace: serdes.string },
      schema: { key: z.string().length(3), headers: z.object({ trace: z.string() }) },
      validate: 'both',
    });
    expect(refusal(() => keyToSend(topic, 'ATLANTA')).message).toMatch(/^key of topic/);
    expect(refusal(() => headersToSend(topic, {} as never)).message).toMatch(/^headers of topic "orders": .*trace/);
    expect(refusal(() => headersReceived(topic, [])).message).toMatch(/^headers of topic "orders": .*trace/);
    expect(headersReceived(topic, headersToSend(topic, { trace: 'abc' }))).toEqual({ trace: 'abc' });
  });

  test('an asynchronous one is refused, whatever its promise does later', async () => {
    const slow: StandardSchemaV1<unknown, string> = {
      '~standard': { version: 1, vendor: 'mine', validate: () => Promise.reject(new Error('later')) },
    };
    expect(refusal(() => valueToSend(defineTopic('orders', { schema: { value: slow } }), 'x')).code).toBe('INVALID_ARGUMENT');
    const topic = defineTopic('orders', { schema: { value: z.string().refine(async () => true) } });
    const error = refusal(() => valueToSend(topic, 'x'));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toMatch(/validates asynchronously; sending is synchronous/);
    await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test('one that throws is the fault of its author', () => {
    const broken: StandardSchemaV1<unknown, string> = {
      '~standard': {
        version: 1,
        vendor: 'mine',
        validate() {
          throw new Error('oops');
        },
      },
    };
    const error = refusal(() => valueToSend(defineTopic('orders', { schema: { value: broken } }), 'x'));
    expect(error.code).toBe('USER_CODE_FAILED');
    expect(error.message).toBe('the schema (mine) of value of topic "orders" threw: oops');
  });
});
