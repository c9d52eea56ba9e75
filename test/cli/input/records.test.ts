/** Items become records: keys from fields and separators, values as they stand or as MessagePack. */
import { describe, expect, test } from 'vitest';
import { InputError, UsageError } from '../../../src/cli/exit.ts';
import { formatOfName, type InputOptions, readerOf, recordMaker } from '../../../src/cli/input/records.ts';
import { serdes } from '../../../src/client/serde.ts';

async function records(input: string, options: InputOptions) {
  async function* chunks() {
    yield Buffer.from(input);
  }
  const make = recordMaker(options, 'input');
  const made: [string | null, string | null][] = [];
  for await (const items of readerOf(options)({ name: 'input', chunks: chunks() })) {
    for (const item of items) {
      const record = make(item);
      if (record !== null)
        made.push([record.key === null ? null : Buffer.from(record.key as string).toString(), record.value?.toString() ?? null]);
    }
  }
  return made;
}

const refused = (input: string, options: InputOptions) =>
  records(input, options).then(
    () => 'nothing',
    (error: unknown) => (error instanceof InputError || error instanceof UsageError ? error.message : Promise.reject(error)),
  );

describe('records', () => {
  test('text: the line is the value, or key and value around the first separator', async () => {
    expect(await records('a b c\n\n', { format: 'text' })).toEqual([
      [null, 'a b c'],
      [null, ''],
    ]);
    expect(await records('k::v::w\n', { format: 'text', keySeparator: '::' })).toEqual([['k', 'v::w']]);
    expect(await refused('k=v\nno\n', { format: 'text', keySeparator: '=' })).toBe('input, line 2: there is no "=" between key and value');
  });

  test('ndjson: the text as it stands, keyed by a field', async () => {
    const input = '{"id": 1, "of":{"name":"x"}}\n  \n{"of":{}}\n{"of":{"name":2.50}}\n{"of":{"name":true}}\n5\n';
    expect(await records(input, { format: 'ndjson', keyField: 'of.name' })).toEqual([
      ['x', '{"id": 1, "of":{"name":"x"}}'],
      [null, '{"of":{}}'],
      ['2.5', '{"of":{"name":2.50}}'],
      ['true', '{"of":{"name":true}}'],
      [null, '5'],
    ]);
    expect(await refused('{}\n{"a":\n', { format: 'ndjson' })).toMatch(/^input, line 2: this is not JSON: /);
    expect(await refused('{"a":{}}', { format: 'ndjson', keyField: 'a' })).toMatch(/line 1: --key a is an object/);
    expect(await records('{"a":1}', { format: 'ndjson', keyField: 'toString' })).toEqual([[null, '{"a":1}']]);
  });

  test('json and csv', async () => {
    expect(await records('[{"id":1},\n {"id":2}]', { format: 'json', keyField: 'id' })).toEqual([
      ['1', '{"id":1}'],
      ['2', '{"id":2}'],
    ]);
    expect(await refused('[1,{a}]', { format: 'json' })).toMatch(/^input, element 2: this is not JSON/);
    expect(await records('id;n\n7;x\n', { format: 'csv', keyField: 'id', delimiter: ';' })).toEqual([['7', '{"id":"7","n":"x"}']]);
  });

  test('as MessagePack, null is a tombstone', async () => {
    const make = recordMaker({ format: 'ndjson', asMsgpack: true }, 'input');
    const value = make({ bytes: Buffer.from('{"id":1}'), place: 1 })?.value as Buffer;
    expect(serdes.msgpack().deserialize(Buffer.from(value))).toEqual({ id: 1 });
    expect(make({ bytes: Buffer.from('null'), place: 1 })?.value).toBeNull();
  });

  test.each<[InputOptions, RegExp]>([
    [{ format: 'text', keyField: 'id' }, /--key names a field, which text input does not have/],
    [{ format: 'csv', keySeparator: '=' }, /--key-separator is for text input, not csv/],
    [{ format: 'text', keySeparator: '' }, /not empty/],
    [{ format: 'length-prefixed', asMsgpack: true }, /--value-as msgpack is for JSON and CSV/],
  ])('options that do not go together: %j', (options, message) => {
    expect(() => recordMaker(options, 'input')).toThrow(message);
  });

  test('formats by name', () => {
    expect(['a.csv', 'a.NDJSON', 'a.jsonl', 'b/a.json', 'a.txt', 'a', '-'].map(formatOfName)).toEqual([
      'csv',
      'ndjson',
      'ndjson',
      'json',
      'text',
      'text',
      'text',
    ]);
  });
});
