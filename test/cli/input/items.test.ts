/** Input forms: whatever way the stream is cut into pieces, the items are the same; what is malformed is refused with its place. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/cli/exit.ts';
import { readCsv } from '../../../src/cli/input/csv.ts';
import { type Item, type ItemReader, readLines } from '../../../src/cli/input/items.ts';
import { readJsonArray } from '../../../src/cli/input/json-array.ts';

async function* pieces(bytes: Buffer, cuts: number[]): AsyncGenerator<Buffer> {
  const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
  for (let i = 1; i < places.length; i++) yield bytes.subarray(places[i - 1], places[i]);
}

async function read(reader: ItemReader, input: string | Buffer, cuts: number[] = []): Promise<Item[]> {
  const items: Item[] = [];
  for await (const list of reader({ name: 'input', chunks: pieces(Buffer.from(input as string), cuts) })) items.push(...list);
  return items;
}

const texts = (items: Item[]) => items.map(({ bytes }) => bytes?.toString() ?? null);
const places = (items: Item[]) => items.map(({ place }) => place);

async function refusal(reader: ItemReader, input: string | Buffer): Promise<string> {
  const error = await read(reader, input).then(
    () => null,
    (error: unknown) => error,
  );
  if (error instanceof InputError) return error.message;
  throw error ?? new Error('nothing was refused');
}

/** Cut at every byte, and at every pair of neighbours, nothing changes. */
async function sameHoweverCut(reader: ItemReader, input: string | Buffer): Promise<void> {
  const whole = await read(reader, input);
  const length = Buffer.from(input as string).length;
  for (let cut = 1; cut < length; cut++) {
    expect(await read(reader, input, [cut])).toEqual(whole);
    expect(await read(reader, input, [cut, cut + 1])).toEqual(whole);
  }
}

describe('lines', () => {
  test('LF, CR LF, empty lines, and a last line without an end', async () => {
    const items = await read(readLines, 'a\r\nb\n\nc d\r\rx\ne');
    expect(texts(items)).toEqual(['a', 'b', '', 'c d\r\rx', 'e']);
    expect(places(items)).toEqual([1, 2, 3, 4, 5]);
  });

  test('nothing, and a byte order mark', async () => {
    expect(await read(readLines, '')).toEqual([]);
    expect(texts(await read(readLines, '\ufeffa\n\ufeffb'))).toEqual(['a', '\ufeffb']);
  });

  test('however cut', () => sameHoweverCut(readLines, 'ü\r\nb\n\nc\n'));

  test('a line at the bound, and one beyond', async () => {
    const bounded: ItemReader = (source) => readLines(source, 5);
    expect(texts(await read(bounded, '12345\n12345'))).toEqual(['12345', '12345']);
    expect(await refusal(bounded, 'ok\n123456\n')).toMatch(/^input, line 2: it is longer than the 5 bytes/);
    expect(await refusal(bounded, 'ok\n123456')).toMatch(/^input, line 2/);
  });
});

describe('a JSON array', () => {
  test('its elements are the bytes of the file', async () => {
    const items = await read(readJsonArray, ' [ {"a": [1, "],\\"["]} ,\n2.50,"x,y\\\\",null , [[]]\n] \n');
    expect(texts(items)).toEqual(['{"a": [1, "],\\"["]}', '2.50', '"x,y\\\\"', 'null', '[[]]']);
    expect(places(items)).toEqual([1, 2, 3, 4, 5]);
  });

  test('an empty one', async () => {
    expect(await read(readJsonArray, '[ ]')).toEqual([]);
  });

  test('however cut', () => sameHoweverCut(readJsonArray, '\ufeff[{"ü":"\\"]"} , [1,[2]],"a\\\\"]'));

  test('any array', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), fc.integer({ min: 0, max: 3 }), fc.array(fc.nat(200)), async (values, spaces, cuts) => {
        const items = await read(readJsonArray, JSON.stringify(values, null, spaces), cuts);
        expect(items.map(({ bytes }) => JSON.parse(bytes?.toString() ?? ''))).toEqual(JSON.parse(JSON.stringify(values)));
      }),
    );
  });

  test.each([
    ['{"a":1}', /^input, byte 0: this is not a JSON array; for one JSON text per line say --format ndjson/],
    ['', /byte 0: this is not/],
    ['[1,2', /byte 3: the input ends within the array/],
    ['[1,,2]', /byte 3: an element is missing/],
    ['[1,]', /byte 3: an element is missing/],
    ['[,1]', /byte 1: an element is missing/],
    ['[1] 2', /byte 4: something follows/],
  ])('refuses %s', async (input, message) => {
    expect(await refusal(readJsonArray, input)).toMatch(message);
  });
});

describe('CSV', () => {
  const rows = async (input: string, delimiter?: string) =>
    (await read((source) => readCsv(source, delimiter), input)).map(({ content }) => content);

  test('rows become objects of text', async () => {
    const items = await read(readCsv, 'origin,delay\nATL,5\nBNA,-3\n');
    expect(texts(items)).toEqual(['{"origin":"ATL","delay":"5"}', '{"origin":"BNA","delay":"-3"}']);
    expect(places(items)).toEqual([2, 3]);
  });

  test('quotes, delimiters and line ends within quotes, CR LF, blank lines', async () => {
    expect(await rows('a,b\r\n"x,""y""","l1\r\nl2"\r\n\r\n"",\r\n')).toEqual([
      { a: 'x,"y"', b: 'l1\r\nl2' },
      { a: '', b: '' },
    ]);
  });

  test('another delimiter, a mark, no last line end', async () => {
    expect(await rows('\ufeffa;b\n1;2,3', ';')).toEqual([{ a: '1', b: '2,3' }]);
  });

  test('lines count on through quoted line ends', async () => {
    expect(places(await read(readCsv, 'a\n"x\ny"\nz\n'))).toEqual([2, 4]);
  });

  test('however cut', () => sameHoweverCut(readCsv, 'ä,b\r\n"x,""y""","1\n2"\r\n\n"",é\n'));

  test('any table', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', ' ', 'ü', '\r') }).map((text) => `x${text}`);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell)), async (table) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const input = ['a,b', ...table.map((row) => row.map(quoted).join(','))].join('\n');
        expect(await rows(input)).toEqual(table.map(([a, b]) => ({ a, b })));
      }),
    );
  });

  test.each([
    ['a,b\n1\n', 'input, line 2: the row has 1 fields, the header has 2'],
    ['a,b\n1,2,3\n', 'input, line 2: the row has 3 fields, the header has 2'],
    ['a,a\n', 'input, line 1: the header names "a" twice'],
    ['a\n"x\ny', 'input, line 2: a quoted field has no end'],
    ['a\nx"y\n', 'input, line 2: a quote stands within a field that does not begin with one'],
    ['a\n"x"y\n', 'input, line 2: "y" follows the quote that ends a field'],
  ])('refuses %j', async (input, message) => {
    expect(await refusal(readCsv, input)).toBe(message);
  });

  test('refuses what is not UTF-8', async () => {
    expect(await refusal(readCsv, Buffer.from([0x61, 0x0a, 0xff, 0x0a]))).toBe('input, after line 1: the text is not UTF-8');
  });
});
