/** The command line: what is read, and how slips are answered. */
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/cli/exit.ts';
import { parseOptions } from '../../src/cli/options.ts';
import { parsePair, parsePartitions, parsePlace } from '../../src/cli/position.ts';
import { didYouMean, editsBetween } from '../../src/cli/suggest.ts';
import { dayOfName, parseAge, parseDay, parseTime } from '../../src/cli/times.ts';

const table = {
  dir: { type: 'text', about: '', value: 'FOLDER' },
  json: { type: 'flag', about: '' },
  count: { type: 'number', about: '', short: 'n', also: ['max-messages'], min: 1, max: 100 },
  header: { type: 'list', about: '' },
  format: { type: 'text', about: '', choices: ['value', 'json', 'hex'] },
  from: { type: 'text', about: '' },
} as const;

const parse = (...argv: string[]) => parseOptions(argv, table, 'consume');
function slip(...argv: string[]): string {
  try {
    parse(...argv);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('options', () => {
  test('all kinds, and positionals in between', () => {
    const { values, positionals } = parse('orders', '--json', '--count=5', '--header', 'a=1', '--header', 'b=2', 'more');
    expect(values).toEqual({ dir: undefined, json: true, count: 5, header: ['a=1', 'b=2'], format: undefined, from: undefined });
    expect(positionals).toEqual(['orders', 'more']);
  });

  test('a short name, a negative value, and everything after -- as it is', () => {
    expect(parse('-n', '7').values.count).toBe(7);
    expect(parse('--from', '-10').values.from).toBe('-10');
    expect(parse('--', '--json').positionals).toEqual(['--json']);
    expect(parse('-').positionals).toEqual(['-']);
  });

  test.each([
    [['--cuont', '5'], 'there is no option --cuont; did you mean "--count"?'],
    [['--max-messages', '5'], 'there is no option --max-messages; did you mean "--count"?'],
    [['--zzz'], 'there is no option --zzz'],
    [['-x'], 'there is no option -x'],
    [['--toString'], 'there is no option --toString'],
    [['--count', 'five'], '--count takes a whole number from 1 to 100, not "five"'],
    [['--count', '101'], '--count takes a whole number from 1 to 100, not "101"'],
    [['--count', '1.5'], '--count takes a whole number from 1 to 100, not "1.5"'],
    [['--count'], '--count needs a value: --count VALUE'],
    [['--dir'], '--dir needs a value: --dir FOLDER'],
    [['--json=yes'], '--json takes no value, but was given "yes"'],
    [['--format', 'jsn'], '--format is one of value, json, hex, not "jsn"; did you mean "json"?'],
  ])('%j', (argv, message) => {
    expect(slip(...argv)).toBe(message);
  });
});

describe('suggestions', () => {
  test('counts insertions, deletions, replacements and swaps', () => {
    expect([editsBetween('consume', 'consume'), editsBetween('', 'abc'), editsBetween('tpoics', 'topics')]).toEqual([0, 3, 1]);
    expect(editsBetween('kitten', 'sitting')).toBe(3);
  });

  test('names what is near and keeps quiet otherwise', () => {
    const verbs = ['topics', 'produce', 'consume', 'peek', 'check', 'dump'];
    expect(didYouMean('topic', verbs)).toBe('; did you mean "topics"?');
    expect(didYouMean('prod', verbs)).toBe('; did you mean "produce"?');
    expect(didYouMean('frobnicate', verbs)).toBe('');
  });
});

describe('places', () => {
  const nowMs = Date.UTC(2026, 0, 31, 12);
  test.each([
    ['beginning', { kind: 'beginning' }],
    ['end', { kind: 'end' }],
    ['earliest', { kind: 'beginning' }],
    ['latest', { kind: 'end' }],
    ['now', { kind: 'time', timestampMs: nowMs }],
    ['0', { kind: 'offset', offset: 0 }],
    ['-10', { kind: 'last', count: 10 }],
    ['@1700000000000', { kind: 'time', timestampMs: 1_700_000_000_000 }],
    ['1h', { kind: 'time', timestampMs: nowMs - 3_600_000 }],
    ['1h30m', { kind: 'time', timestampMs: nowMs - 5_400_000 }],
    ['2026-01-31', { kind: 'time', timestampMs: Date.UTC(2026, 0, 31) }],
    ['2026-01-31T09:30', { kind: 'time', timestampMs: Date.UTC(2026, 0, 31, 9, 30) }],
    ['2026-01-31 09:30:15.5', { kind: 'time', timestampMs: Date.UTC(2026, 0, 31, 9, 30, 15, 500) }],
    ['2026-01-31T09:30+02:00', { kind: 'time', timestampMs: Date.UTC(2026, 0, 31, 7, 30) }],
    ['2026-01-31T09:30Z', { kind: 'time', timestampMs: Date.UTC(2026, 0, 31, 9, 30) }],
  ])('%s', (text, place) => {
    expect(parsePlace(text, 'from', nowMs)).toEqual(place);
  });

  test.each(['', 'start', '2026-13-01', '1x', '@', '1e5', '99999999999999999999', '2026-01-31T25:00'])('refuses %j', (text) => {
    expect(() => parsePlace(text, 'from', nowMs)).toThrow(UsageError);
  });

  test('ages and times that are none', () => {
    expect([parseAge('7d'), parseAge('1.5h'), parseAge('h'), parseAge('')]).toEqual([604_800_000, 5_400_000, null, null]);
    expect(parseTime('soon', nowMs)).toBeNull();
  });

  test('days, as dates and by name; of a local zone they may be longer or shorter', () => {
    const day = (text: string, zone: 'utc' | 'local' = 'utc') => {
      const found = parseDay(text, nowMs, zone);
      return found === null ? null : [new Date(found.fromMs).toISOString(), (found.untilMs - found.fromMs) / 3_600_000];
    };
    expect(day('2026-01-31')).toEqual(['2026-01-31T00:00:00.000Z', 24]);
    expect(day('today')).toEqual(['2026-01-31T00:00:00.000Z', 24]);
    expect(day('yesterday')).toEqual(['2026-01-30T00:00:00.000Z', 24]);
    expect([day('2026-02-31'), day('tomorrow'), day('2026-1-31')]).toEqual([null, null, null]);
    const before = process.env.TZ;
    try {
      process.env.TZ = 'Europe/Berlin';
      expect(day('2026-03-29', 'local')).toEqual(['2026-03-28T23:00:00.000Z', 23]);
      expect(day('2026-10-25', 'local')).toEqual(['2026-10-24T22:00:00.000Z', 25]);
      expect(parseTime('2026-07-01T12:00', nowMs, 'local')).toBe(Date.UTC(2026, 6, 1, 10));
      expect(parseTime('2026-07-01T12:00Z', nowMs, 'local')).toBe(Date.UTC(2026, 6, 1, 12));
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });

  test('the day in the name of a file', () => {
    const found = (name: string) => {
      const dayMs = dayOfName(name);
      return dayMs === null ? null : new Date(dayMs).toISOString().slice(0, 10);
    };
    expect([found('feed-2026-01-31.bin'), found('20260131.dat'), found('v12345678_2026.01.31')]).toEqual(Array(3).fill('2026-01-31'));
    expect([found('feed.bin'), found('feed-20261331.bin'), found('1202601310.bin')]).toEqual([null, null, null]);
  });

  test('partitions: numbers, lists, ranges, each once', () => {
    expect(parsePartitions(['3', '0,1', '1-2'])).toEqual([0, 1, 2, 3]);
    for (const wrong of ['a', '2-1', '', '-1', '1-']) expect(() => parsePartitions([wrong])).toThrow(UsageError);
  });

  test('pairs', () => {
    expect(parsePair('a=b=c', 'header')).toEqual(['a', 'b=c']);
    expect(() => parsePair('a', 'header')).toThrow('--header takes NAME=VALUE, not "a"');
    expect(() => parsePair('=a', 'header')).toThrow(UsageError);
  });
});
