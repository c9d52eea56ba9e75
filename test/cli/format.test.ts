/** Output formats: what programs read keeps every byte, what eyes read cannot harm a terminal. */
import { describe, expect, test } from 'vitest';
import { type Format, type FormatOptions, formatter, hexLines, onOneLine, type Shown, timeOf } from '../../src/cli/format.ts';
import { countOf, durationOf, Progress, progressLine, sizeOf } from '../../src/cli/progress.ts';
import { table } from '../../src/cli/table.ts';
import { serdes } from '../../src/client/serde.ts';
import { realClock } from '../../src/world/clock.ts';
import { fakeTerminal } from './fakes.ts';

const record: Shown = {
  topic: 'orders',
  partition: 2,
  offset: 41,
  timestampMs: Date.UTC(2026, 0, 31, 9, 30),
  key: Buffer.from('ATL'),
  value: Buffer.from('{"id":1}'),
  headers: [
    { key: 'trace', value: Buffer.from('abc') },
    { key: 'trace', value: null },
  ],
};
const tombstone: Shown = { ...record, key: null, value: null, headers: [] };
const binary: Shown = { ...record, key: Buffer.from([0xff]), value: Buffer.from([0x1b, 0x5b, 0x32, 0x4a, 0x0a, 0xff]), headers: [] };

function shown(format: Format, one: Shown, options: Partial<FormatOptions> = {}): string {
  const made = formatter(format, { key: 'text', value: 'text', separator: '\t', columns: 80, escape: false, ...options })(one);
  return typeof made === 'string' ? made : made.toString('latin1');
}

describe('for programs', () => {
  test('value: the bytes and a line end', () => {
    expect([shown('value', record), shown('value', tombstone)]).toEqual(['{"id":1}\n', '\n']);
    expect(shown('value', binary)).toBe('\u001b[2J\n\u00ff\n');
  });

  test('key-value: key, separator, value', () => {
    expect(shown('key-value', record)).toBe('ATL\t{"id":1}\n');
    expect(shown('key-value', tombstone, { separator: ' = ' })).toBe(' = \n');
  });

  test('json: stable fields, what is not text as base64', () => {
    expect(JSON.parse(shown('json', record))).toEqual({
      topic: 'orders',
      partition: 2,
      offset: 41,
      timestamp: '2026-01-31T09:30:00.000Z',
      key: 'ATL',
      value: '{"id":1}',
      headers: [
        { key: 'trace', value: 'abc' },
        { key: 'trace', value: null },
      ],
    });
    expect(JSON.parse(shown('json', binary))).toMatchObject({ key: { base64: '/w==' }, value: { base64: 'G1sySgr/' } });
    expect(JSON.parse(shown('json', tombstone))).toMatchObject({ key: null, value: null, headers: [] });
  });

  test('length-prefixed: four bytes of length, ffffffff for a tombstone', () => {
    expect(shown('length-prefixed', record)).toBe('\0\0\0\u0008{"id":1}');
    expect(shown('length-prefixed', tombstone)).toBe('\u00ff\u00ff\u00ff\u00ff');
  });

  test('values read as something', () => {
    const of = (value: Uint8Array | null, reading: FormatOptions['value']) =>
      JSON.parse(shown('json', { ...record, value: value === null ? null : Buffer.from(value) }, { value: reading })).value;
    expect(of(Buffer.from('{"id":1}'), 'json')).toEqual({ id: 1 });
    expect(
      of(serdes.msgpack().serialize({ big: 2n ** 60n, bytes: Buffer.from('a'), at: new Date(0), list: [undefined] }), 'msgpack'),
    ).toEqual({
      big: '1152921504606846976',
      bytes: { base64: 'YQ==' },
      at: '1970-01-01T00:00:00.000Z',
      list: [null],
    });
    expect([of(Buffer.from([0, 0, 1, 0]), 'int32'), of(Buffer.alloc(8, 0xff), 'int64')]).toEqual([256, '-1']);
    expect([of(Buffer.from('hi'), 'hex'), of(Buffer.from('hi'), 'base64')]).toEqual(['6869', 'aGk=']);
    expect(of(Buffer.from('{'), 'json')).toEqual({ base64: 'ew==', unreadable: 'json' });
    expect(shown('value', record, { value: 'json' })).toBe('{"id":1}\n');
  });
});

describe('for eyes', () => {
  test('summary: one line, cut to the width', () => {
    expect(shown('summary', record)).toBe('2:41  2026-01-31T09:30:00.000Z  ATL  [trace=abc trace=]  {"id":1}\n');
    expect(shown('summary', tombstone)).toBe('2:41  2026-01-31T09:30:00.000Z  -  (tombstone)\n');
    expect(shown('summary', record, { columns: 20 })).toBe('2:41  2026-01-31T09…\n');
  });

  test('no record moves the cursor', () => {
    expect(onOneLine('a\u001b[2Jb\r\n\tc\u009b\u202ed')).toBe('a\\x1b[2Jb\\r\\n\\tc\\x9b\\u202ed');
    expect(shown('value', binary, { escape: true })).toMatch(/^\\x1b\[2J\\n/);
    expect(shown('key-value', binary, { escape: true })).not.toContain('\u001b');
  });

  test('hex: key, headers and value, sixteen bytes a row', () => {
    expect(shown('hex', { ...record, value: Buffer.from('0123456789abcdef\u0001') }).split('\n')).toEqual([
      'orders-2 offset 41 2026-01-31T09:30:00.000Z',
      'key: 3 bytes',
      '  00000000  41 54 4c                                          |ATL|',
      'header trace: 3 bytes',
      '  00000000  61 62 63                                          |abc|',
      'header trace: null',
      'value: 17 bytes',
      '  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|',
      '  00000010  01                                                |.|',
      '',
    ]);
    expect(hexLines(null)).toEqual([]);
  });

  test('times that are none', () => {
    expect([timeOf(-1), timeOf(9e15), timeOf(0)]).toEqual([null, null, '1970-01-01T00:00:00.000Z']);
  });

  test('sizes, durations, counts', () => {
    expect([0, 1023, 1024, 1536, 1048540, 1048576, 5 * 1024 ** 4].map(sizeOf)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '1.0 MiB',
      '1.0 MiB',
      '5.0 TiB',
    ]);
    expect([0, 999, 1000, 59_999, 83_000, 7_380_000].map(durationOf)).toEqual(['0 ms', '999 ms', '1.0 s', '1m 0s', '1m 23s', '2h 3m']);
    expect([countOf(1), countOf(1_234_567)]).toEqual(['1 record', '1,234,567 records']);
  });

  test('a bar, when the end is known', () => {
    expect(progressLine('orders', { records: 10, bytes: 1024 }, 0)).toBe('orders  10 records · 1.0 KiB');
    expect(progressLine('orders', { records: 10, bytes: 2048, share: 0.5 }, 1000)).toBe(
      'orders  ████████████░░░░░░░░░░░░ 50%  10 records · 2.0 KiB · 2.0 KiB/s · 1.0 s left',
    );
  });

  test('tables: numbers flush right', () => {
    expect(
      table(
        ['topic', 'size'],
        [
          ['a', '1'],
          ['long', '1,000'],
        ],
      ),
    ).toBe('topic   size\na          1\nlong   1,000\n');
  });
});

describe('progress', () => {
  function at(isInteractive: boolean) {
    let nowMs = 0;
    const clock = { ...realClock, monotonicMs: () => nowMs };
    const terminal = fakeTerminal({ isInteractive });
    const progress = new Progress(terminal, clock, 'orders');
    const step = (ms: number, records: number) => {
      nowMs += ms;
      progress.update({ records, bytes: records * 100 });
    };
    return { terminal, progress, step };
  }

  test('on a terminal: redrawn ten times a second, then one line', () => {
    const { terminal, progress, step } = at(true);
    for (let i = 1; i <= 50; i++) step(20, i);
    progress.end('orders', { records: 50, bytes: 5000 });
    expect(terminal.drawn).toHaveLength(11);
    expect(terminal.drawn.at(-1)).toBe('');
    expect(terminal.said).toEqual(['orders: 50 records, 4.9 KiB in 1.0 s (50/s, 4.9 KiB/s)']);
  });

  test('elsewhere: a line every five seconds', () => {
    const { terminal, step } = at(false);
    for (let i = 1; i <= 110; i++) step(100, i);
    expect(terminal.drawn).toEqual([]);
    expect(terminal.said).toEqual(['orders  50 records · 4.9 KiB · 1000 B/s', 'orders  100 records · 9.8 KiB · 1000 B/s']);
  });
});
