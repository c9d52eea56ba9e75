/** The demonstration: its verdict sees every difference, and a small run of it arrives. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differences, Fingerprints, overall } from '../../src/demo/fingerprint.ts';
import { flightsFile, readInput } from '../../src/demo/input.ts';
import { Board, boardOf, lineOf, type Moment } from '../../src/demo/view.ts';
import { root } from '../house/sources.ts';

type Sent = [key: string, number: number, value: string];

function printOf(sent: Sent[]) {
  const prints = new Fingerprints();
  for (const [key, number, value] of sent) {
    const bytes = Buffer.from(`..${value}..`);
    prints.add(key, number, bytes, 2, bytes.length - 4);
  }
  return prints.finish();
}

describe('fingerprints', () => {
  const sent: Sent[] = [
    ['ATL', 0, 'a'],
    ['BNA', 1, 'b'],
    ['ATL', 2, 'c'],
  ];
  const expected = printOf(sent);

  test('are the same when keys interleave otherwise, as partitions make them', () => {
    const other = printOf([sent[1], sent[0], sent[2]]);
    expect([differences(expected, other), overall(other)]).toEqual([[], overall(expected)]);
  });

  test.each<[string, Sent[], string[]]>([
    ['two of a key in another order', [sent[2], sent[1], sent[0]], ['key "ATL": other bytes, or another order']],
    ['a byte changed', [['ATL', 0, 'x'], sent[1], sent[2]], ['key "ATL": other bytes, or another order']],
    ['another number', [['ATL', 9, 'a'], sent[1], sent[2]], ['key "ATL": other bytes, or another order']],
    ['one missing', [sent[0], sent[1]], ['key "ATL": 1 records instead of 2']],
    ['one twice', [...sent, sent[1]], ['key "BNA": 2 records instead of 1']],
    ['a key missing', [sent[0], sent[2]], ['key "BNA": 1 records are missing']],
    ['a key too much', [...sent, ['JFK', 3, 'd']], ['key "JFK": 1 records that were never sent']],
  ])('see %s', (_, got, found) => {
    expect(differences(expected, printOf(got))).toEqual(found);
    expect(overall(printOf(got))).not.toBe(overall(expected));
  });

  test('do not confuse where one value ends and the next begins', () => {
    const split = (a: string, b: string) =>
      overall(
        printOf([
          ['k', 0, a],
          ['k', 1, b],
        ]),
      );
    expect(split('ab', 'c')).not.toBe(split('a', 'bc'));
  });

  test('hash values larger than what is gathered', () => {
    const big = 'x'.repeat(20_000);
    expect(overall(printOf([['k', 0, big]]))).not.toBe(overall(printOf([['k', 0, `${big.slice(1)}y`]])));
    expect(printOf([['k', 0, big]]).k.records).toBe(1);
  });
});

describe('input', () => {
  test('is the flights, byte for byte, keyed by their origin', async () => {
    const path = flightsFile();
    const records = await readInput([path], 'origin');
    const file = readFileSync(path, 'utf8');
    const flights = JSON.parse(file) as { origin: string }[];
    expect(records.length).toBe(flights.length);
    expect(records.map(({ name }) => name)).toEqual(flights.map(({ origin }) => origin));
    expect(`[${records.map(({ value }) => value.toString()).join(',')}]`).toBe(file.trim());
  });

  test('says how to get them when they are absent', () => {
    const absent = () => {
      throw new Error('Cannot find package');
    };
    expect(() => flightsFile(absent)).toThrow(/"vega-datasets" is not installed, .* run "npm ci", or name files: npm run demo -- FILE/);
    const elsewhere = pathToFileURL(join(tmpdir(), 'nowhere', 'build', 'index.js')).href;
    expect(() => flightsFile(() => elsewhere)).toThrow(/flights-20k\.json is not there/);
  });
});

describe('the view', () => {
  const gauges = { residentBytes: 1 << 20, unwrittenBytes: 0, inFlightBytes: 1 << 20, heapBytes: 0, rssBytes: 200 << 20, diskFreeBytes: 1 };
  const now: Moment = {
    elapsedMs: 2000,
    total: 100,
    lanes: [
      { name: 'producer', records: 100, bytes: 2048 },
      { name: 'reader A', records: 50, bytes: 1024 },
    ],
    partitions: [
      { partition: 0, endOffset: 60, logBytes: 1024 },
      { partition: 1, endOffset: 40, logBytes: 1024 },
    ],
    pressure: { level: 'calm', sinceMs: 0, reasons: [], gauges },
    memoryBytesMax: 128 << 20,
  };
  const before: Moment = { ...now, elapsedMs: 1000, lanes: now.lanes.map((lane) => ({ ...lane, records: 40, bytes: 0 })) };

  test('a board: rates since the last look', () => {
    expect(boardOf('title', now, before)).toEqual([
      'title',
      '',
      '  producer    ████████████████████         100 records         60/s  2.0 KiB/s',
      '  reader A    ██████████░░░░░░░░░░          50 records         10/s  1.0 KiB/s',
      '',
      '  partitions  0: 60   1: 40   2.0 KiB in all',
      '  memory      2.0 MiB of 128.0 MiB, 0 B not yet in files; process 200.0 MiB',
      '  pressure    calm',
    ]);
  });

  test('a line', () => {
    expect(lineOf(now, null)).toBe(
      '2.0 s  producer 100% 50/s  1.0 KiB/s · reader A 50% 25/s  512 B/s · 2.0 MiB of 128.0 MiB, 0 B not yet in files; process 200.0 MiB · calm',
    );
  });

  test('redraws in place, within the width', () => {
    const written: string[] = [];
    const board = new Board((text) => void written.push(text));
    board.draw(['one', 'a long line'], 6);
    board.draw(['two', 'lines'], 6);
    expect(written).toEqual(['\rone\u001b[K\n\ra lon\u001b[K\n', '\u001b[2A\rtwo\u001b[K\n\rlines\u001b[K\n']);
  });
});

describe('a run', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'spillway-demo-test-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (...argv: string[]) =>
    spawnSync(process.execPath, [join(root, 'src/demo/flights.ts'), ...argv], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, TMPDIR: folder },
    });

  test('two rounds of flights arrive, and leave nothing behind', () => {
    const { status, stdout, stderr } = run('--rounds', '2', '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('everything arrived') });
    const verdict = JSON.parse(stdout);
    expect(verdict).toMatchObject({ arrived: true, records: 40_000, keys: 220 });
    expect(verdict.readers.map(({ hash, differences }: { hash: string; differences: string[] }) => [hash, differences])).toEqual([
      [verdict.hash, []],
      [verdict.hash, []],
    ]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('files of the user, in a folder that stays', () => {
    writeFileSync(join(folder, 'orders.csv'), `customer,n\n${Array.from({ length: 500 }, (_, i) => `c${i % 7},${i}\n`).join('')}`);
    const { status, stdout, stderr } = run(
      'orders.csv',
      '--key',
      'customer',
      '--rounds',
      '3',
      '--dir',
      'data',
      '--durability',
      'synced',
      '--json',
      '-q',
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ arrived: true, records: 1500, keys: 7 });
    expect(readdirSync(join(folder, 'data'))).toContain('flights-3');
  });

  test('a file that is not there', () => {
    const { status, stderr } = run('nowhere.json');
    expect([status, stderr]).toEqual([4, expect.stringMatching(/nowhere\.json/)]);
  });
});
