/** Segments of our batches, read by Apache Kafka: its dump-log tool prints our records, and its own reader gives back every byte. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crcOf, stampBatch, stampLogAppendTime } from '../../src/record/batch-layout.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';
import { type CompressionName, compressions } from '../../src/record/compression.ts';
import { anyRecord, type PlainRecord } from '../record/records.ts';
import { javaSkipReason, runJava } from './java.ts';

const START_MS = 1_700_000_000_000;
const APPEND_MS = 1_800_000_000_000;
const EPOCH = 3;
const RECORDS_PER_BATCH = 40;

/** Printable, so that the tool's lines can be compared: null and empty parts, duplicate header keys, times out of order. */
const printable: PlainRecord[] = Array.from({ length: 100 }, (_, i) => ({
  timestampMs: START_MS + ((i * 37) % 11) - (i % 10 === 0 ? 86_400_000 * 60 : 0),
  key: i % 4 === 0 ? null : Buffer.from(i % 9 === 0 ? '' : `key-${i}`),
  value: i % 7 === 0 ? null : Buffer.from(i % 11 === 0 ? '' : `value ${'ü'.repeat(i)} ${i}`),
  headers:
    i % 3 === 0
      ? [
          { key: 'a', value: Buffer.from('1') },
          { key: 'b', value: null },
          { key: 'a', value: Buffer.alloc(0) },
        ]
      : [],
}));

/** Anything: bytes, times before 1970 and as far as numbers go. */
const any = fc.sample(anyRecord, { seed: 9, numRuns: 300 });

interface Segment {
  codec: CompressionName;
  appendTime: boolean;
  records: PlainRecord[];
  path: string;
  /** What Kafka's tool should print of it. */
  printed: string[];
  /** What its reader should find in it. */
  read: string[];
}

const linesOf = (output: string) => output.split('\n').slice(0, -1);
const field = (bytes: Uint8Array | null) => (bytes === null ? '-' : `=${Buffer.from(bytes).toString('base64')}`);

/** Writes `records` as one segment of several batches, and what Kafka should say of it. */
function writeSegment(folder: string, codec: CompressionName, appendTime: boolean, records: PlainRecord[]): Segment {
  mkdirSync(folder);
  const path = join(folder, `${'0'.repeat(20)}.log`);
  const segment: Segment = { codec, appendTime, records, path, printed: [], read: [] };
  const writer = new BatchWriter({ bytesMax: 1 << 22, compression: compressions[codec] });
  const batches: Buffer[] = [];
  let position = 0;
  for (let base = 0; base < records.length; base += RECORDS_PER_BATCH) {
    const inBatch = records.slice(base, base + RECORDS_PER_BATCH);
    for (const { timestampMs, key, value, headers } of inBatch) writer.append(timestampMs, key, value, headers);
    const batch = Buffer.from(writer.seal({ producerId: 77, producerEpoch: 2, baseSequence: base }));
    writer.reset();
    stampBatch(batch, 0, base, EPOCH);
    if (appendTime) stampLogAppendTime(batch, 0, APPEND_MS);
    batches.push(batch);
    const timeType = appendTime ? 'LogAppendTime' : 'CreateTime';
    const maxMs = appendTime ? APPEND_MS : Math.max(...inBatch.map(({ timestampMs }) => timestampMs));
    const last = base + inBatch.length - 1;
    segment.printed.push(
      `baseOffset: ${base} lastOffset: ${last} count: ${inBatch.length} baseSequence: ${base} lastSequence: ${last} producerId: 77 ` +
        `producerEpoch: 2 partitionLeaderEpoch: ${EPOCH} isTransactional: false isControl: false deleteHorizonMs: OptionalLong.empty ` +
        `position: ${position} ${timeType}: ${maxMs} size: ${batch.length} magic: 2 compresscodec: ${codec} crc: ${crcOf(batch, 0)} isvalid: true`,
    );
    segment.read.push(['batch', base, last, codec, timeType, maxMs, 77, 2, base, EPOCH, false].join('\t'));
    inBatch.forEach(({ timestampMs, key, value, headers }, delta) => {
      const offset = base + delta;
      const time = appendTime ? APPEND_MS : timestampMs;
      segment.printed.push(
        `| offset: ${offset} ${timeType}: ${time} keySize: ${key?.length ?? -1} valueSize: ${value?.length ?? -1} sequence: ${offset} ` +
          `headerKeys: [${headers.map((header) => header.key).join(',')}]${key ? ` key: ${key}` : ''}${value ? ` payload: ${value}` : ''}`,
      );
      const parts = headers.flatMap((header) => [field(Buffer.from(header.key)), field(header.value)]);
      segment.read.push(['record', offset, time, field(key), field(value), ...parts].join('\t'));
    });
    position += batch.length;
  }
  writeFileSync(path, Buffer.concat(batches));
  return segment;
}

describe.skipIf(javaSkipReason !== null)(`Apache Kafka reads our batches${javaSkipReason ? ` (skipped: ${javaSkipReason})` : ''}`, () => {
  let folder = '';
  const codecs = Object.keys(compressions) as CompressionName[];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'spillway-dump-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const segmentsOf = (name: string, records: PlainRecord[]) =>
    [
      ...codecs.map((codec) => ({ codec, appendTime: false })),
      { codec: 'none', appendTime: true } as const,
      { codec: 'zstd', appendTime: true } as const,
    ].map(({ codec, appendTime }) => writeSegment(join(folder, `${name}-${codec}-${appendTime}`), codec, appendTime, records));

  test('with its dump-log tool, line for line', { timeout: 180_000 }, async () => {
    const segments = segmentsOf('printable', printable);
    const files = segments.map(({ path }) => path).join(',');
    const output = await runJava('kafka.tools.DumpLogSegments', ['--files', files, '--deep-iteration', '--print-data-log']);
    const expected = segments.flatMap(({ path, printed }) => [`Dumping ${path}`, 'Log starting offset: 0', ...printed]);
    expect(linesOf(output)).toEqual(expected);
  });

  test('with its own classes, byte for byte', { timeout: 180_000 }, async () => {
    const segments = segmentsOf('any', any);
    const output = await runJava(`${import.meta.dirname}/Witness.java`, ['records', ...segments.map(({ path }) => path)]);
    expect(linesOf(output)).toEqual(segments.flatMap(({ read }) => read));
  });
});
