/** `peek TOPIC`: browse and search what lies in a topic, with no side effect: it reads files and opens no bus, or fetches from brokers. */
import { BusError } from '../base/errors.ts';
import { serdes } from '../client/serde.ts';
import { SettledPositions } from '../client/settled-positions.ts';
import { RecordCursor } from '../record/batch-read.ts';
import { within } from '../world/within.ts';
import { exitCodes, NotFoundError, UsageError } from './exit.ts';
import { endOffset, type PartitionFolder, partitionsOf, readBatches, type Spoiled, type StoredBatch, startOffset } from './folder.ts';
import { type Format, type Formatter, formats, formatter, type Reading, readings, type Shown, textOf } from './format.ts';
import type { OptionTable } from './options.ts';
import { type Place, parsePartitions, parsePlace, placeForms } from './position.ts';
import { Progress } from './progress.ts';
import { reach, using } from './session.ts';
import { spansOf } from './spans.ts';
import { type Zone, zoneOptions } from './times.ts';
import { type Call, defineVerb } from './verb.ts';

const options = {
  key: { type: 'text', short: 'k', value: 'TEXT', about: 'records with this key' },
  value: { type: 'text', value: 'TEXT', about: 'records whose value contains it' },
  'value-regex': { type: 'text', value: 'PATTERN', about: 'records whose value matches it' },
  header: { type: 'list', short: 'H', value: 'NAME[=TEXT]', about: 'records with this header; all that are given must be there' },
  from: { type: 'text', short: 'f', value: 'PLACE', also: ['from-beginning', 'offset'], about: 'where to begin (default beginning)' },
  until: { type: 'text', short: 'u', value: 'PLACE', about: 'where to end, exclusive (default end)' },
  ...zoneOptions,
  partition: { type: 'list', value: 'LIST', about: 'only these: 0, 0,2 or 0-3' },
  count: { type: 'number', short: 'n', min: 1, also: ['max-messages', 'limit'], about: 'so many at most (default 20)' },
  all: { type: 'flag', about: 'as many as there are' },
  format: { type: 'text', value: 'FORM', choices: formats, about: 'of the output (default summary)' },
  'key-as': { type: 'text', value: 'WAY', choices: readings, about: 'how keys are read (default text)' },
  'value-as': { type: 'text', value: 'WAY', choices: readings, about: 'how values are read and searched (default text)' },
} as const satisfies OptionTable;

export const peek = defineVerb({
  name: 'peek',
  summary: 'Browse and search records, with no side effect',
  usage: 'TOPIC',
  words: { min: 1, max: 1 },
  options,
  about: `Reads the files of the topic and opens no bus, so it also works while another process owns the folder; what that process holds in
memory alone (topics of durability memory, before they are spilled) is seen by --bootstrap, where that process listens. Nothing is
committed and no group joined. PLACE is ${placeForms}.`,
  examples: [
    ['peek orders', 'the first twenty records, a line each'],
    ['peek orders --key ATL --from -1000', 'those of the last thousand of each partition that have this key'],
    ['peek orders --value-regex \'"delay":[0-9]{3}\' --from 1h --json', 'by pattern and time, as JSON lines'],
    ['peek orders --bootstrap 127.0.0.1:9092 --key ATL', 'of a bus that listens, or a Kafka cluster'],
    ['peek orders --header trace=abc --all --format hex', 'by header, byte by byte'],
  ],
  run,
});

type PeekCall = Call<typeof options>;

/** The loop gives way to signals after this many bytes. */
const TURN_BYTES = 8 * 1024 * 1024;

async function run(call: PeekCall): Promise<number> {
  const { terminal } = call;
  const search = searchOf(call);
  const spoiled = call.brokers === null ? await searchFiles(call, search) : await searchBrokers(call, call.brokers, search);
  terminal.draw('');
  await terminal.out.flush();
  for (const { path, position, length, what } of spoiled.slice(0, 10)) call.notice(`${path}: ${length} bytes at ${position}: ${what}`);
  if (search.isFull) call.notice(`stopped after ${search.shown} records; --count or --all shows more`);
  return exitCodes.ok;
}

async function searchFiles(call: PeekCall, search: Search): Promise<Spoiled[]> {
  const { values, positionals, terminal, clock, disk, folder } = call;
  const [topic] = positionals;
  const found = partitionsOf(disk, folder, topic);
  const chosen = values.partition.length === 0 ? null : parsePartitions(values.partition, 'peek');
  const missing = chosen?.find((partition) => !found.some((one) => one.partition === partition));
  if (missing !== undefined) throw new NotFoundError(`topic "${topic}" has no partition ${missing}`);
  const progress = new Progress(terminal, clock, `searching ${topic}`);
  const spoiled: Spoiled[] = [];
  let turnBytes = 0;
  for (const one of found.filter(({ partition }) => chosen === null || chosen.includes(partition))) {
    for (const batch of readBatches(disk, one.path, search.begin(one), (what) => spoiled.push(what))) {
      const goesOn = await search.batch(one, batch).catch((error: unknown) => passOver(error, batch, spoiled));
      if (!goesOn) break;
      turnBytes += batch.bytes.length;
      if (turnBytes < TURN_BYTES) continue;
      turnBytes = 0;
      if (!values.quiet) progress.update({ records: search.looked, bytes: search.bytes });
      await new Promise<void>((resolve) => clock.soon(resolve));
      if (terminal.stop.aborted) break;
    }
    if (search.isFull || terminal.stop.aborted) break;
  }
  return spoiled;
}

/** One partition after the other, from its first wanted offset to what is there now. */
async function searchBrokers(call: PeekCall, brokers: readonly string[], search: Search): Promise<Spoiled[]> {
  const { values, positionals, terminal, clock } = call;
  const [topic] = positionals;
  const progress = new Progress(terminal, clock, `searching ${topic}`);
  const bus = await reach(brokers);
  await using(
    bus,
    async () => {
      const wanted = { from: search.from, until: search.until, partitions: values.partition, isEndless: false, verb: 'peek' };
      for (const [partition, { from, until }] of await spansOf(bus.admin(), topic, wanted)) {
        if (from >= until) continue;
        const consumer = bus.consumer({ value: serdes.raw, autoOffsetReset: 'earliest', onDamage: 'skip' });
        await consumer.assign([{ topic, partition }]);
        await consumer.seek({ topic, partition }, from);
        search.beginAt(from, until);
        let position = from;
        const batches = consumer.batches();
        const positions = new SettledPositions();
        let next = batches.next();
        while (position < until && !terminal.stop.aborted) {
          const got = await within(clock, LOOK_EVERY_MS, next, null);
          if (got === null) {
            // Nothing comes of what has no records: markers of transactions, what was compacted away.
            position = Math.max(position, positions.look(consumer.assignment())[0]?.position ?? 0);
            continue;
          }
          if (got.done || !(await search.batch({ topic, partition }, { bytes: got.value.bytes, baseOffset: got.value.firstOffset }))) break;
          positions.arrived();
          position = got.value.nextOffset;
          if (!values.quiet) progress.update({ records: search.looked, bytes: search.bytes });
          next = batches.next();
        }
        next.catch(() => {});
        await consumer.close();
        if (search.isFull || terminal.stop.aborted) break;
      }
    },
    call.notice,
  );
  return [];
}

const LOOK_EVERY_MS = 200;

/** A batch whose bytes are as they were written, and yet cannot be read: of an unknown codec, say. */
function passOver(error: unknown, { path, position, bytes }: StoredBatch, spoiled: Spoiled[]): true {
  if (!(error instanceof BusError)) throw error;
  spoiled.push({ path, position, length: bytes.length, what: error.message });
  return true;
}

function searchOf(call: PeekCall): Search {
  const { values, clock, terminal } = call;
  if (values.json && values.format !== undefined && values.format !== 'json') throw new UsageError('--json is --format json', 'peek');
  if (values.all && values.count !== undefined) throw new UsageError('--all and --count say different things', 'peek');
  const nowMs = clock.nowMs();
  const zone = (values.zone ?? 'utc') as Zone;
  const key = (values['key-as'] ?? 'text') as Reading;
  const value = (values['value-as'] ?? 'text') as Reading;
  const isTerminal = terminal.outIsInteractive;
  const format = values.json ? 'json' : ((values.format as Format | undefined) ?? 'summary');
  return new Search(
    call,
    parsePlace(values.from ?? 'beginning', 'from', nowMs, 'peek', zone),
    parsePlace(values.until ?? 'end', 'until', nowMs, 'peek', zone),
    matcher(values, key, value),
    formatter(format, { key, value, separator: '\t', columns: isTerminal ? terminal.columns : 1000, escape: isTerminal }),
  );
}

class Search {
  looked = 0;
  bytes = 0;
  shown = 0;
  readonly from: Place;
  readonly until: Place;
  readonly #call: PeekCall;
  readonly #matches: (record: Shown) => boolean;
  readonly #format: Formatter;
  readonly #countMax: number;
  readonly #cursor = new RecordCursor();
  #fromOffset = 0;
  #untilOffset = Number.POSITIVE_INFINITY;

  constructor(call: PeekCall, from: Place, until: Place, matches: (record: Shown) => boolean, format: Formatter) {
    this.#call = call;
    this.from = from;
    this.until = until;
    this.#matches = matches;
    this.#format = format;
    this.#countMax = call.values.all ? Number.POSITIVE_INFINITY : (call.values.count ?? 20);
  }

  get isFull(): boolean {
    return this.shown >= this.#countMax;
  }

  /** Turns the places into offsets of this partition. */
  begin({ path }: PartitionFolder): { fromOffset: number; fromMs: number } {
    const { disk } = this.#call;
    const start = startOffset(disk, path);
    const offset = (place: Place): number => {
      if (place.kind === 'offset') return place.offset;
      if (place.kind === 'last') return endOffset(disk, path) - place.count;
      return place.kind === 'end' ? endOffset(disk, path) : 0;
    };
    this.#fromOffset = Math.max(start, offset(this.from));
    this.#untilOffset = this.until.kind === 'time' || this.until.kind === 'end' ? Number.POSITIVE_INFINITY : offset(this.until);
    return { fromOffset: this.#fromOffset, fromMs: this.from.kind === 'time' ? this.from.timestampMs : -1 };
  }

  /** Offsets of the next partition. */
  beginAt(fromOffset: number, untilOffset: number): void {
    this.#fromOffset = fromOffset;
    this.#untilOffset = untilOffset;
  }

  /** Shows what matches; false when nothing more of this partition is wanted. */
  async batch(
    { topic, partition }: Pick<PartitionFolder, 'topic' | 'partition'>,
    batch: Pick<StoredBatch, 'bytes' | 'baseOffset'>,
  ): Promise<boolean> {
    if (batch.baseOffset >= this.#untilOffset) return false;
    const fromMs = this.from.kind === 'time' ? this.from.timestampMs : Number.NEGATIVE_INFINITY;
    const untilMs = this.until.kind === 'time' ? this.until.timestampMs : Number.POSITIVE_INFINITY;
    const { out } = this.#call.terminal;
    const cursor = this.#cursor;
    cursor.open(batch.bytes, 0, batch.bytes.length, this.#fromOffset);
    while (!this.isFull && cursor.next()) {
      if (cursor.offset >= this.#untilOffset) return false;
      this.looked++;
      if (cursor.timestampMs < fromMs || cursor.timestampMs >= untilMs) continue;
      const { offset, timestampMs, key, value, headers } = cursor.view();
      const record: Shown = { topic, partition, offset, timestampMs, key, value, headers };
      if (!this.#matches(record)) continue;
      this.shown++;
      const waiting = out.write(this.#format(record));
      if (waiting !== undefined) await waiting;
    }
    this.bytes += batch.bytes.length;
    return !this.isFull;
  }
}

type Test = (record: Shown) => boolean;

function matcher(values: PeekCall['values'], keyAs: Reading, valueAs: Reading): Test {
  const tests: Test[] = [];
  if (values.key !== undefined) {
    const wanted = values.key;
    tests.push(({ key }) => key !== null && textOf(keyAs, key) === wanted);
  }
  if (values.value !== undefined) {
    const wanted = values.value;
    const bytes = Buffer.from(wanted);
    // As text the bytes are searched as they are, which is much faster.
    tests.push(({ value }) => value !== null && (valueAs === 'text' ? value.includes(bytes) : textOf(valueAs, value).includes(wanted)));
  }
  if (values['value-regex'] !== undefined) {
    const pattern = patternOf(values['value-regex']);
    tests.push(({ value }) => value !== null && pattern.test(textOf(valueAs, value)));
  }
  for (const text of values.header) tests.push(headerTest(text));
  return (record) => tests.every((test) => test(record));
}

function headerTest(text: string): Test {
  const at = text.indexOf('=');
  const name = at === -1 ? text : text.slice(0, at);
  const wanted = at === -1 ? null : Buffer.from(text.slice(at + 1));
  return ({ headers }) => headers.some(({ key, value }) => key === name && (wanted === null || (value !== null && wanted.equals(value))));
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--value-regex: ${(error as Error).message}`, 'peek');
  }
}
