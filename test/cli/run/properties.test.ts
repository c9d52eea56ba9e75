/** Kafka's configuration files, as java.util.Properties reads them. */
import { expect, test } from 'vitest';
import { parseProperties } from '../../../src/cli/run/properties.ts';

const pairs = (text: string) => parseProperties(text).map(({ name, value }) => [name, value]);

test.each([
  ['a=1', 'a', '1'],
  ['a = 1  ', 'a', '1'],
  ['  a: 1', 'a', '1'],
  ['a 1', 'a', '1'],
  ['a\t\t=\t1 2', 'a', '1 2'],
  ['a==b', 'a', '=b'],
  ['a', 'a', ''],
  ['a=', 'a', ''],
  ['a=x#y', 'a', 'x#y'],
  ['a\\=b\\:c\\ d=1', 'a=b:c d', '1'],
  ['a=\\u00e9\\t\\\\n\\q', 'a', 'é\t\\nq'],
  ['a=C:\\\\data', 'a', 'C:\\data'],
  ['a=one,\\\n    two,\\\n\tthree', 'a', 'one,two,three'],
  ['a=1\\\\', 'a', '1\\'],
  ['a=1\\', 'a', '1'],
  ['\uFEFFa=ü', 'a', 'ü'],
])('%j', (text, name, value) => {
  expect(pairs(text)).toEqual([[name, value]]);
});

test('comments, empty lines, every kind of line end, and where each setting begins', () => {
  const text = '# a comment \\\n\n! another\r\none=1\\\r\n  0\r  # indented\rtwo=2\n';
  expect(parseProperties(text)).toEqual([
    { name: 'one', value: '10', line: 4 },
    { name: 'two', value: '2', line: 7 },
  ]);
});
