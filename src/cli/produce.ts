/** `produce TOPIC [FILE…]`: files or standard input become records. */
import { basename } from 'node:path';
import type { Header } from '../record/batch-write.ts';
import type { CompressionName } from '../record/compression.ts';
import { fileBytes, fileExists, readChunks } from '../world/files.ts';
import { exitCodes, InputError, NotFoundError, UsageError } from './exit.ts';
import { frameFormOf, frameOptions } from './frames.ts';
import {
  formatOfName,
  type InputFormat,
  type InputOptions,
  type InputRecord,
  inputFormats,
  readerOf,
  recordMaker,
} from './input/records.ts';
import { inputHeader, inputNames, partitionOfInput, placesReached, type Spread } from './input/resume.ts';
import type { OptionTable } from './options.ts';
import { parsePair } from './position.ts';
import { countOf, Progress } from './progress.ts';
import { type BusSide, busOptions, parseSize, withBus } from './session.ts';
import { dayOfName, parseTime, timeForms, type Zone, zoneOptions } from './times.ts';
import { type Call, defineVerb, result } from './verb.ts';

const options = {
  format: { type: 'text', value: 'FORM', choices: inputFormats, about: "of the input (default: by the file's name, else text)" },
  key: { type: 'text', short: 'k', value: 'FIELD', about: 'the field that is the key: origin, customer.id (ndjson, json, csv)' },
  'key-separator': { type: 'text', value: 'TEXT', about: 'what stands between key and value on a line (text)' },
  'value-as': {
    type: 'text',
    value: 'WAY',
    choices: ['as-is', 'msgpack'],
    about: 'how values are stored (default as-is: JSON stays JSON text)',
  },
  delimiter: { type: 'text', value: 'CHAR', about: 'between the fields of CSV (default a comma)' },
  ...frameOptions,
  'frame-max': { type: 'text', value: 'SIZE', about: 'a larger record is an error: 64KiB (length-prefixed; default 256MiB)' },
  timestamp: { type: 'text', value: 'TIME', about: 'of every record: a time, or name: the day that is in the file’s name (default: now)' },
  'timestamp-field': { type: 'text', value: 'FIELD', about: 'the field that is the time: milliseconds or a time (ndjson, json, csv)' },
  ...zoneOptions,
  partition: { type: 'number', min: 0, max: 9999, about: 'send everything there (default: by the hash of the key)' },
  header: { type: 'list', short: 'H', value: 'NAME=VALUE', about: 'a header of every record; may be given many times' },
  compression: { type: 'text', value: 'CODEC', choices: ['none', 'gzip', 'snappy', 'lz4', 'zstd'], about: 'of batches (default none)' },
  acks: { type: 'text', value: 'WHEN', choices: ['0', '1', 'all'], about: 'when a record counts as sent (default all)' },
  'batch-size': { type: 'number', value: 'BYTES', min: 1024, about: 'bytes of a batch (default 131072)' },
  partitions: { type: 'number', short: 'p', min: 1, max: 10_000, about: 'partitions of the topic if it must be made (default 1)' },
  'no-create': { type: 'flag', about: 'fail when the topic does not exist' },
  resume: {
    type: 'flag',
    about: 'leave out what an earlier import of these files has sent; records get a header that says from where they are',
  },
  'skip-malformed': { type: 'flag', about: 'pass over records that cannot be read, and count them (default: stop at the first)' },
  ...busOptions,
} as const satisfies OptionTable;

export const produce = defineVerb({
  name: 'produce',
  summary: 'Send records from files or standard input',
  usage: 'TOPIC [FILE…]',
  words: { min: 1, max: 10_000 },
  options,
  about: `Forms of input: text, a record per line · ndjson, a JSON text per line · json, one array, a record per element · csv with a
header row, a JSON object per row · length-prefixed, a length and the record's bytes, one after the other; a length of 4 bytes
that is ffffffff stands for no value. What is half, or larger than --frame-max, is told with the byte at which it begins.
TIME is ${timeForms}. Mind retention.ms: old records are removed by their own time.
Without a FILE, or for the FILE "-", standard input is read. With --json the result is one document:
{ topic, records, bytes, malformed, created, durationMs }.`,
  examples: [
    ['produce flights flights.json --key origin --partitions 4', 'a JSON array, keyed by a field, into four partitions'],
    ['produce orders orders.csv --key id --header source=shop', 'CSV rows as JSON, with a header each'],
    ['produce feed feed-2026-01-31.bin --format length-prefixed --length-bytes 2 --byte-order little --timestamp name', 'a day of frames'],
    ['produce feed feed-2026-01-31.bin --format length-prefixed --resume', 'again after a kill, or when the file has grown'],
    ["produce log --format text --key-separator ' ' < access.log", 'lines, the first word as the key'],
  ],
  run: (call) => withBus(call, call.values['no-create'] ? 'must exist' : 'make', (bus) => run(call, bus)),
});

type ProduceCall = Call<typeof options>;

/** What was done so far. */
interface Tally {
  records: number;
  bytes: number;
  malformed: number;
  /** Of the input. */
  readBytes: number;
}

async function run(call: ProduceCall, bus: BusSide): Promise<number> {
  const { positionals, values, terminal, clock } = call;
  const [topic, ...named] = positionals;
  const files = named.length === 0 ? ['-'] : named;
  const headers = values.header
    .map((pair) => parsePair(pair, 'header', 'produce'))
    .map(([key, value]) => ({ key, value: Buffer.from(value) }));
  const totalBytes = inputBytes(files);
  const inputs = files.map((file) => inputOptions(call, file));
  const names = values.resume ? inputNames(files) : null;
  // A name that was mistyped makes no topic.
  const missing = files.find((file) => file !== '-' && !fileExists(file));
  if (missing !== undefined) throw new NotFoundError(`there is no file "${missing}"`);
  const created = await ensureTopic(call, bus, topic);
  const resume = names === null ? null : await resumeOf(call, bus, topic, names, inputs);
  const push = pusher(call, bus, topic, headers);
  const progress = new Progress(terminal, clock, `${topic} ← ${files.length === 1 ? nameOf(files[0]) : `${files.length} files`}`);
  const startMs = clock.monotonicMs();
  const tally: Tally = { records: 0, bytes: 0, malformed: 0, readBytes: 0 };
  const update = (): void => {
    if (!values.quiet) progress.update({ ...tally, ...(totalBytes === null ? {} : { share: tally.readBytes / totalBytes }) });
  };
  try {
    for (const [i, file] of files.entries())
      if (!terminal.stop.aborted) await sendFile(call, file, inputs[i], resume?.[i], push, tally, update);
  } catch (error) {
    if (error instanceof InputError)
      call.notice(`spillway: ${countOf(tally.records)} before it ${tally.records === 1 ? 'was' : 'were'} sent`);
    throw error;
  }
  await push.flush();
  if (tally.malformed > 0) call.notice(`spillway: malformed and passed over: ${countOf(tally.malformed)}`);
  if (!values.quiet) progress.end(topic, tally);
  if (values.json) {
    const { records, bytes, malformed } = tally;
    const durationMs = Math.round(clock.monotonicMs() - startMs);
    await result(terminal, true, { topic, records, bytes, malformed, created, durationMs }, () => '');
  }
  return exitCodes.ok;
}

/** Makes the topic unless it is there; whether it was made. */
async function ensureTopic({ values, notice }: ProduceCall, bus: BusSide, topic: string): Promise<boolean> {
  const admin = bus.admin();
  if ((await admin.listTopics()).some(({ name }) => name === topic)) return false;
  if (values['no-create']) throw new NotFoundError(`topic "${topic}" does not exist`);
  const partitions = values.partitions ?? 1;
  await admin.createTopics([{ name: topic, partitions }]);
  notice(`created topic ${topic} with ${partitions} partition${partitions === 1 ? '' : 's'}`);
  return true;
}

/** Where a file goes on. */
interface Resume {
  name: string;
  spread: Spread;
  /** By partition: the place of the last record that is there; none: no record is. */
  reached: readonly (number | undefined)[];
}

/** A process that was killed may have left a batch on its way to a broker. */
const SETTLE_MS = 250;

async function resumeOf(
  { values, brokers, clock }: ProduceCall,
  bus: BusSide,
  topic: string,
  names: readonly string[],
  inputs: readonly InputOptions[],
): Promise<Resume[]> {
  const found = (await bus.admin().listTopics()).find(({ name }) => name === topic);
  const spread =
    values.partition === undefined ? { partitions: found?.partitions ?? 1, first: 0 } : { partitions: 1, first: values.partition };
  if (brokers !== null) await new Promise<void>((resolve) => clock.after(SETTLE_MS, resolve, true));
  const times = inputs.map(({ timestampMs }) => timestampMs);
  const sinceMs = times.includes(undefined) ? undefined : Math.min(...(times as number[]));
  const reached = await placesReached(bus, { topic, spread, names, sinceMs });
  return names.map((name) => ({ name, spread, reached: reached.map((places) => places.get(name)) }));
}

interface Push {
  /** A promise only when there is no room. */
  record(record: InputRecord & { partition?: number; from?: Header }): Promise<void> | undefined;
  flush(): Promise<void>;
}

function pusher({ values }: ProduceCall, bus: BusSide, topic: string, headers: { key: string; value: Buffer }[]): Push {
  const acks = values.acks === '0' ? 0 : values.acks === '1' ? 1 : 'all';
  const producer = bus.producer<string | Uint8Array, Uint8Array>({
    value: rawBytes,
    acks,
    compression: (values.compression ?? 'none') as CompressionName,
    autoCreateTopics: false,
    ...(values['batch-size'] === undefined ? {} : { batchSize: values['batch-size'] }),
    // A batch leaves when it is full or the input pauses, whichever comes first.
    lingerMs: 5,
    maxRequestSize: 256 * 1024 * 1024,
  });
  const fixed = { ...(headers.length > 0 && { headers }), ...(values.partition === undefined ? {} : { partition: values.partition }) };
  const later = async (record: object): Promise<void> => {
    do await producer.drained();
    while (!producer.push(topic, record));
  };
  return {
    record({ from, ...one }) {
      const record = { ...one, ...fixed, ...(from !== undefined && { headers: [...headers, from] }) };
      return producer.push(topic, record) ? undefined : later(record);
    },
    flush: () => producer.flush(),
  };
}

const rawBytes = { name: 'raw', serialize: (value: Uint8Array) => value, deserialize: (bytes: Buffer) => bytes };

async function sendFile(
  call: ProduceCall,
  file: string,
  options: InputOptions,
  resume: Resume | undefined,
  push: Push,
  tally: Tally,
  update: () => void,
): Promise<void> {
  const { values, terminal } = call;
  const passOver = (error: InputError): void => {
    tally.malformed++;
    call.notice(`spillway: ${error.message}`);
  };
  const input = values['skip-malformed'] ? { ...options, cut: passOver } : options;
  const make = recordMaker(input, nameOf(file));
  const chunks = counted(file === '-' ? standardInput(call) : readChunks(file), tally);
  let present = 0;
  const everywhere = resume === undefined ? -1 : Math.min(...resume.reached.slice(resume.spread.first).map((place) => place ?? -1));
  for await (const items of readerOf(input)({ name: nameOf(file), chunks })) {
    for (const item of items) {
      // What all partitions have gone past need not be looked into.
      if (item.place <= everywhere) {
        present++;
        continue;
      }
      const record = values['skip-malformed'] ? tolerant(() => make(item), tally) : make(item);
      if (record === null) continue;
      const partition = resume === undefined ? -1 : partitionOfInput(record.key, item.place, resume.spread);
      if (resume !== undefined && item.place <= (resume.reached[partition] ?? -1)) {
        present++;
        continue;
      }
      const sent = resume === undefined ? record : { ...record, partition, from: inputHeader(resume.name, item.place, resume.spread) };
      const waiting = push.record(sent);
      if (waiting !== undefined) await waiting;
      tally.records++;
      tally.bytes += record.value?.length ?? 0;
    }
    update();
    if (terminal.stop.aborted) return;
  }
  if (present > 0) call.notice(`${nameOf(file)}: ${countOf(present)} ${present === 1 ? 'was' : 'were'} there already`);
}

function inputOptions({ values, clock }: ProduceCall, file: string): InputOptions {
  const format = (values.format as InputFormat | undefined) ?? formatOfName(file);
  const max = values['frame-max'];
  if (max !== undefined && format !== 'length-prefixed') throw new UsageError('--frame-max is for --format length-prefixed', 'produce');
  return {
    format,
    frames: frameFormOf(values, format, 'produce'),
    frameBytesMax: max === undefined ? undefined : parseSize(max, 'frame-max'),
    timestampMs: timestampOf(values, file, clock.nowMs()),
    timestampField: values['timestamp-field'],
    zone: (values.zone ?? 'utc') as Zone,
    keyField: values.key,
    keySeparator: values['key-separator'],
    delimiter: values.delimiter,
    asMsgpack: values['value-as'] === 'msgpack',
  };
}

function timestampOf(values: ProduceCall['values'], file: string, nowMs: number): number | undefined {
  const text = values.timestamp;
  if (text === undefined) return undefined;
  if (values['timestamp-field'] !== undefined) throw new UsageError('--timestamp and --timestamp-field say different things', 'produce');
  const zone = (values.zone ?? 'utc') as Zone;
  const timeMs = text === 'name' ? dayOfName(basename(file), zone) : parseTime(text, nowMs, zone);
  if (timeMs !== null) return timeMs;
  if (text === 'name')
    throw new UsageError(`--timestamp name: there is no day such as 2026-01-31 in the name "${nameOf(file)}"`, 'produce');
  throw new UsageError(`--timestamp takes ${timeForms}, or name, not "${text}"`, 'produce');
}

function tolerant(make: () => InputRecord | null, tally: Tally): InputRecord | null {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    tally.malformed++;
    return null;
  }
}

function standardInput({ terminal, notice }: ProduceCall): AsyncIterable<Buffer> {
  if (terminal.inputIsInteractive) notice('reading from the terminal; Ctrl-D ends the input');
  return terminal.input();
}

async function* counted(chunks: AsyncIterable<Buffer>, tally: Tally): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    tally.readBytes += chunk.length;
    yield chunk;
  }
}

/** Bytes of all files, or null when one of them has no size. Throws NotFoundError before anything is sent. */
function inputBytes(files: readonly string[]): number | null {
  const sizes = files.map((file) => (file === '-' ? null : fileBytes(file)));
  return sizes.includes(null) ? null : (sizes as number[]).reduce((sum, bytes) => sum + bytes, 0);
}

function nameOf(file: string): string {
  return file === '-' ? 'standard input' : file;
}
