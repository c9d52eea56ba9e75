/**
 * A partition folder of ours, read by Apache Kafka: its dump tool finds no mismatch in any file, its own classes make the same indexes
 * byte for byte, and a broker's log takes the folder up, after a clean and after an unclean stop.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realDisk } from '../../src/world/disk.ts';
import { batchAt, openLog, TOPIC_ID, world } from '../log/fixtures.ts';
import { javaSkipReason, runJava } from './java.ts';

const INTERVAL = 300;
const END = 700;
const START = 40;
const NOW_MS = 1_700_000_000_000;

const folder = mkdtempSync(join(tmpdir(), 'spillway-kafka-'));
const partition = join(folder, 'flights-0');
const timestampOf = (offset: number): number => NOW_MS + offset * 5 + ((offset * 7919) % 400);
afterAll(() => rmSync(folder, { recursive: true }));

/** Several segments, leader epochs, codecs, producers, and timestamps that go back and forth. */
function write(): void {
  const w = world(realDisk, 512, 16_384);
  const log = openLog(w, { segmentBytes: 9000, indexIntervalBytes: INTERVAL }, { folder: partition });
  const sequences = new Map<number, number>();
  for (let i = 0; log.endOffset < END; i++) {
    const offset = log.endOffset;
    const records = Math.min(1 + (i % 5), END - offset);
    const producerId = 100 + (i % 3);
    const baseSequence = sequences.get(producerId) ?? 0;
    const compression = ([0, 1, 4] as const)[i % 3];
    const timestampMs = timestampOf(offset);
    log.append(
      batchAt(offset, {
        records,
        valueBytes: 20 + (i % 90),
        timestampMs,
        producerId,
        baseSequence,
        compression,
        leaderEpoch: Math.floor(offset / 300),
      }),
    );
    sequences.set(producerId, baseSequence + records);
    // Up to five batches of each producer, as a host keeps them: Kafka takes the last.
    const entry = entryOf(producerId, offset, records, baseSequence, timestampMs);
    const isOwn = (one: typeof entry): boolean => one.producerId === producerId;
    w.producers = [...w.producers.filter((one) => !isOwn(one)), ...w.producers.filter(isOwn).slice(-4), entry];
    if (i % 7 === 0) log.flush();
  }
  log.deleteBefore(START);
  log.close(true);
}

function entryOf(producerId: number, offset: number, records: number, baseSequence: number, timestampMs: number) {
  return {
    producerId,
    producerEpoch: 0,
    lastSequence: baseSequence + records - 1,
    lastOffset: offset + records - 1,
    offsetDelta: records - 1,
    timestampMs,
    coordinatorEpoch: -1,
    currentTxnFirstOffset: -1,
  };
}

const namesOf = (suffix: string): string[] => readdirSync(partition).filter((name) => name.endsWith(suffix));
const pathsOf = (...suffixes: string[]): string =>
  suffixes
    .flatMap(namesOf)
    .map((name) => join(partition, name))
    .join(',');
const dump = (...args: string[]): Promise<string> => runJava('kafka.tools.DumpLogSegments', args);

describe.skipIf(javaSkipReason !== null)('Kafka reads our folder', () => {
  let facts: string[] = [];
  beforeAll(async () => {
    write();
    const work = join(folder, 'work');
    mkdirSync(work);
    const source = join(import.meta.dirname, 'LogWitness.java');
    facts = (await runJava(source, [partition, work, String(INTERVAL)])).split('\n').filter((line) => line !== '');
  }, 300_000);
  const factsOf = (kind: string): string[][] => facts.filter((line) => line.startsWith(`${kind} `)).map((line) => line.split(' ').slice(1));

  test('the dump tool finds every record, and no mismatch in any file', { timeout: 120_000 }, async () => {
    expect(namesOf('.log').length).toBeGreaterThan(4);
    const [deep, sanity, verify] = await Promise.all([
      dump('--deep-iteration', '--print-data-log', '--files', pathsOf('.log', '.index', '.timeindex', '.snapshot')),
      dump('--index-sanity-check', '--files', pathsOf('.index', '.timeindex')),
      dump('--verify-index-only', '--files', pathsOf('.index', '.timeindex')),
    ]);
    const offsets = [...deep.matchAll(/^\| offset: (\d+) /gm)].map(([, offset]) => Number(offset));
    expect(offsets).toEqual(Array.from({ length: END }, (_, i) => i));
    expect(deep.match(/isvalid: false|Mismatches|out of order|Found timestamp mismatch|Could not find offset/g)).toBe(null);
    expect(deep).toContain('producerId: 100');
    expect(sanity.match(/passed sanity check/g)).toHaveLength(namesOf('index').length);
    expect(verify.match(/Mismatches|out of order|mismatch|Could not/g)).toBe(null);
  });

  test('its classes make the same indexes of the same batches, byte for byte', () => {
    const made = factsOf('index');
    expect(made).toHaveLength(2 * namesOf('.log').length);
    for (const [base, suffix, bytes = ''] of made) {
      const name = `${base.padStart(20, '0')}${suffix}`;
      const ours = readdirSync(partition).includes(name) ? readFileSync(join(partition, name)).toString('base64') : '';
      expect(ours, name).toBe(bytes);
    }
    expect(made.some(([, , bytes = '']) => bytes.length > 100)).toBe(true);
  });

  test('checkpoints, metadata and snapshots say what they should', () => {
    expect(factsOf('epoch')).toEqual([
      ['0', '0'],
      ['1', expect.stringMatching(/^30\d$/)],
      ['2', expect.stringMatching(/^60\d$/)],
    ]);
    expect(factsOf('start')).toEqual([['flights-0', String(START)]]);
    expect(factsOf('topic')).toEqual([[TOPIC_ID]]);
    const newest = factsOf('snapshot').filter(([offset]) => offset === String(END));
    expect(newest).toHaveLength(15);
    expect([...new Set(newest.map(([, id]) => id))].sort()).toEqual(['100', '101', '102']);
    expect(newest.map(([, , , , lastOffset]) => Number(lastOffset))).toContain(END - 1);
  });

  test("a broker's log takes the folder up, cleanly closed or not, and serves every record", () => {
    expect(factsOf('log')).toEqual([
      ['true', String(START), String(END), '3'],
      ['false', String(START), String(END), '3'],
    ]);
    const read = factsOf('read');
    expect(read).toHaveLength(2 * (END - START));
    for (const [offset, , value] of read) expect(value.startsWith(`${offset}:`)).toBe(true);
  });
});
