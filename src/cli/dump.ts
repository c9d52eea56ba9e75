/** `dump FILE|FOLDER…`: what segments, indexes, snapshots and checkpoints hold, readable. It changes nothing and checks little. */
import { basename, join } from 'node:path';
import { readInt64 } from '../base/bytes.ts';
import { BusError } from '../base/errors.ts';
import { CHECKPOINT, LEADER_EPOCHS, LOG, LOG_START, METADATA, OFFSET_INDEX, offsetOfName, SNAPSHOT, TIME_INDEX } from '../log/files.ts';
import { OFFSET_ENTRY_BYTES } from '../log/offset-index.ts';
import { decodeSnapshot } from '../log/producer-snapshot.ts';
import { TIME_ENTRY_BYTES } from '../log/time-index.ts';
import {
  attributesOf,
  baseSequenceOf,
  baseTimestampOf,
  compressionOf,
  countOf,
  isControl,
  isLogAppendTime,
  isTransactional,
  leaderEpochOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
} from '../record/batch-layout.ts';
import { RecordCursor } from '../record/batch-read.ts';
import { compressionName } from '../record/compression.ts';
import { type Disk, readWhole } from '../world/disk.ts';
import { exitCodes, NotFoundError } from './exit.ts';
import { type StoredBatch, segmentBatches } from './folder.ts';
import { formatter, jsonRecord, type Shown, timeOf } from './format.ts';
import type { OptionTable } from './options.ts';
import { type Call, defineVerb } from './verb.ts';

const options = {
  records: { type: 'flag', short: 'r', about: 'the records within the batches too' },
} as const satisfies OptionTable;

export const dump = defineVerb({
  name: 'dump',
  summary: 'Show what the files of a data folder hold',
  usage: 'FILE|FOLDER…',
  words: { min: 1, max: 10_000 },
  folderOnly: 'it reads files, on the machine where they lie; peek and consume read from brokers',
  options,
  about: `Segments (.log), indexes (.index, .timeindex), producer snapshots (.snapshot) and checkpoints, which are in Apache Kafka's formats; of a
folder, all of them below it. Files that a running process writes to can be dumped too. With --json every entry is a line:
{ file, kind, … }. The exit code is 3 when bytes were met that are no sound batch.`,
  examples: [
    ['dump spillway-data/orders-0', 'all files of a partition'],
    ['dump spillway-data/orders-0/00000000000000000000.log --records', 'a segment with its records'],
  ],
  run,
});

type DumpCall = Call<typeof options>;

/** One entry of a file: what it is, and how it reads. */
interface Entry {
  kind: string;
  [field: string]: unknown;
}

async function run(call: DumpCall): Promise<number> {
  const { positionals, values, terminal, disk, clock } = call;
  const files = positionals.flatMap((path) => filesOf(disk, path));
  let spoiled = 0;
  let shown = 0;
  for (const file of files) {
    if (!values.json) await terminal.out.write(`${shown === 0 ? '' : '\n'}${file}\n`);
    for (const entry of entriesOf(call, file)) {
      if (entry.kind === 'damage') spoiled++;
      const waiting = terminal.out.write(values.json ? `${JSON.stringify(documentOf(file, entry))}\n` : `  ${lineOf(entry)}\n`);
      if (waiting !== undefined) await waiting;
      if (++shown % 10_000 === 0) await new Promise<void>((resolve) => clock.soon(resolve));
      if (terminal.stop.aborted) return exitCodes.ok;
    }
  }
  if (spoiled > 0) call.notice(`${spoiled} ranges are no sound batches; "spillway check" tells more`);
  return spoiled > 0 ? exitCodes.damage : exitCodes.ok;
}

const known = [LOG, OFFSET_INDEX, TIME_INDEX, SNAPSHOT];
const texts = [LEADER_EPOCHS, LOG_START, METADATA, CHECKPOINT];

/** The file, or all known files below a folder. */
function filesOf(disk: Disk, path: string): string[] {
  const stat = disk.stat(path);
  if (stat === null) throw new NotFoundError(`there is no file or folder "${path}"`);
  if (!stat.isDirectory) return [path];
  return disk.list(path).flatMap((name) => {
    const inner = join(path, name);
    if (disk.stat(inner)?.isDirectory === true) return filesOf(disk, inner);
    return texts.includes(name) || known.some((suffix) => offsetOfName(name, suffix) >= 0) ? [inner] : [];
  });
}

function* entriesOf(call: DumpCall, file: string): Generator<Entry> {
  const { disk } = call;
  const base = (suffix: string): number => Math.max(0, offsetOfName(basename(file), suffix));
  if (file.endsWith(LOG)) yield* segmentEntries(call, file, base(LOG));
  else if (file.endsWith(OFFSET_INDEX)) yield* offsetEntries(contentOf(disk, file), base(OFFSET_INDEX));
  else if (file.endsWith(TIME_INDEX)) yield* timeEntries(contentOf(disk, file), base(TIME_INDEX));
  else if (file.endsWith(SNAPSHOT)) yield* snapshotEntries(contentOf(disk, file));
  else yield* textEntries(contentOf(disk, file));
}

function contentOf(disk: Disk, file: string): Buffer {
  return readWhole(disk, file) ?? Buffer.alloc(0);
}

function* segmentEntries({ disk, values }: DumpCall, path: string, base: number): Generator<Entry> {
  const file = disk.open(path, 'read');
  const spoiled: Entry[] = [];
  const { topic, partition } = partitionOfPath(path);
  try {
    const batches = segmentBatches(file, base, Number.POSITIVE_INFINITY, { fromOffset: 0 }, ({ position, length, what }) =>
      spoiled.push({ kind: 'damage', position, length, what }),
    );
    for (const batch of batches) {
      yield* spoiled.splice(0);
      yield batchEntry(batch);
      if (values.records) yield* recordEntries(batch, topic, partition);
    }
    yield* spoiled;
  } finally {
    file.close();
  }
}

function batchEntry({ bytes, position, baseOffset, nextOffset }: StoredBatch): Entry {
  return {
    kind: 'batch',
    position,
    bytes: bytes.length,
    baseOffset,
    lastOffset: nextOffset - 1,
    records: countOf(bytes, 0),
    compression: compressionName(compressionOf(bytes, 0)) ?? `unknown (${attributesOf(bytes, 0) & 7})`,
    timestampType: isLogAppendTime(bytes, 0) ? 'LogAppendTime' : 'CreateTime',
    baseTimestamp: timeOf(baseTimestampOf(bytes, 0)),
    maxTimestamp: timeOf(maxTimestampOf(bytes, 0)),
    leaderEpoch: leaderEpochOf(bytes, 0),
    producerId: producerIdOf(bytes, 0),
    producerEpoch: producerEpochOf(bytes, 0),
    baseSequence: baseSequenceOf(bytes, 0),
    transactional: isTransactional(bytes, 0),
    control: isControl(bytes, 0),
  };
}

function* recordEntries({ bytes, position }: StoredBatch, topic: string, partition: number): Generator<Entry> {
  const cursor = new RecordCursor();
  try {
    cursor.open(bytes, 0, bytes.length, 0);
    while (cursor.next()) {
      const { offset, timestampMs, key, value, headers } = cursor.view();
      yield { kind: 'record', shown: { topic, partition, offset, timestampMs, key, value, headers } satisfies Shown };
    }
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    yield { kind: 'damage', position, length: bytes.length, what: error.message };
  }
}

function* offsetEntries(bytes: Buffer, base: number): Generator<Entry> {
  for (let at = 0; at + OFFSET_ENTRY_BYTES <= bytes.length; at += OFFSET_ENTRY_BYTES) {
    yield { kind: 'offset-index', offset: base + bytes.readInt32BE(at), position: bytes.readInt32BE(at + 4) };
  }
}

function* timeEntries(bytes: Buffer, base: number): Generator<Entry> {
  for (let at = 0; at + TIME_ENTRY_BYTES <= bytes.length; at += TIME_ENTRY_BYTES) {
    yield { kind: 'time-index', timestamp: timeOf(readInt64(bytes, at)), offset: base + bytes.readInt32BE(at + 8) };
  }
}

function* snapshotEntries(bytes: Buffer): Generator<Entry> {
  const producers = decodeSnapshot(bytes);
  if (producers === null) yield { kind: 'damage', position: 0, length: bytes.length, what: 'no sound producer snapshot' };
  else for (const { timestampMs, ...producer } of producers) yield { kind: 'producer', ...producer, timestamp: timeOf(timestampMs) };
}

function* textEntries(bytes: Buffer): Generator<Entry> {
  for (const line of bytes.toString('utf8').split('\n')) if (line !== '') yield { kind: 'line', line };
}

/** The topic and partition that a segment's folder is named by, as far as it is. */
function partitionOfPath(path: string): { topic: string; partition: number } {
  const match = /([^/]+)-(\d+)\/[^/]+$/.exec(path);
  return { topic: match?.[1] ?? '', partition: Number(match?.[2] ?? 0) };
}

function documentOf(file: string, entry: Entry): object {
  if (entry.kind !== 'record') return { file, ...entry };
  return { file, kind: 'record', ...jsonRecord(entry.shown as Shown, { key: 'text', value: 'text' }) };
}

const summary = formatter('summary', { key: 'text', value: 'text', separator: '\t', columns: 200, escape: true });

function lineOf(entry: Entry): string {
  const { kind, ...fields } = entry;
  if (kind === 'line') return String(fields.line);
  if (kind === 'record') return `  ${(summary(fields.shown as Shown) as string).trimEnd()}`;
  return `${kind}  ${Object.entries(fields)
    .filter(([, value]) => value !== false && value !== null)
    .map(([name, value]) => (value === true ? name : `${name}=${value}`))
    .join(' ')}`;
}
