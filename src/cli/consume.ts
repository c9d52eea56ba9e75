/** `consume TOPIC`: records to standard output, from a place to a place, or for ever. */
import type { Consumer } from '../client/consumer.ts';
import type { ConsumedBatch } from '../client/records.ts';
import { serdes } from '../client/serde.ts';
import { SettledPositions } from '../client/settled-positions.ts';
import type { RecordCursor } from '../record/batch-read.ts';
import { exitCodes, UsageError } from './exit.ts';
import { type Format, type Formatter, formats, formatter, type Reading, readings } from './format.ts';
import { frameFormOf, frameOptions } from './frames.ts';
import type { OptionTable } from './options.ts';
import { type Place, parsePlace, placeForms } from './position.ts';
import { Progress } from './progress.ts';
import { type BusSide, busOptions, withBus } from './session.ts';
import { type Span, spansOf } from './spans.ts';
import { parseDay, parseTime, timeForms, type Zone, zoneOptions } from './times.ts';
import { type Call, defineVerb } from './verb.ts';

const options = {
  from: { type: 'text', short: 'f', value: 'PLACE', also: ['from-beginning', 'offset'], about: 'where to begin (default beginning)' },
  until: { type: 'text', short: 'u', value: 'PLACE', about: 'where to end, exclusive (default: what is there now)' },
  since: { type: 'text', value: 'TIME', about: '--from, of times alone' },
  day: { type: 'text', value: 'DAY', about: 'one day: 2026-01-31, today, yesterday' },
  ...zoneOptions,
  count: { type: 'number', short: 'n', min: 0, also: ['max-messages', 'limit'], about: 'so many records at most' },
  follow: { type: 'flag', about: 'wait for more at the end' },
  partition: { type: 'list', value: 'LIST', about: 'only these: 0, 0,2 or 0-3' },
  format: { type: 'text', value: 'FORM', choices: formats, about: 'of the output (default value)' },
  'key-as': { type: 'text', value: 'WAY', choices: readings, about: 'how keys are read (default text)' },
  'value-as': { type: 'text', value: 'WAY', choices: readings, about: 'how values are read (default text)' },
  ...frameOptions,
  separator: { type: 'text', value: 'TEXT', about: 'between key and value (default a tab)' },
  group: {
    type: 'text',
    short: 'g',
    value: 'NAME',
    also: ['group-id'],
    about: 'go on where this group stands, and commit for it what was written',
  },
  'skip-damaged': { type: 'flag', about: 'pass over damaged batches (default: stop there)' },
  ...busOptions,
} as const satisfies OptionTable;

export const consume = defineVerb({
  name: 'consume',
  summary: 'Write records to standard output',
  usage: 'TOPIC',
  words: { min: 1, max: 1 },
  options,
  about: `PLACE is ${placeForms}. A time stands for the first record of that time or later, so that what
follows one another in time follows one another in the log: no record is in two days, none is between them.
Forms of output: value, a line each · key-value · json, a document per line: { topic, partition, offset, timestamp, key, value,
headers }, where bytes that are not UTF-8 stand as { "base64" } · length-prefixed, as produce reads it · raw, the bytes of the values
and nothing else · hex · summary. The order is that of each partition; partitions take turns. --json is --format json. With --group, PLACE of --from is beginning or end, and counts
only where the group has committed nothing.`,
  examples: [
    ['consume flights --count 5 --json', 'five records as JSON lines'],
    ['consume flights --from 1h --until 30m', 'what came between an hour and half an hour ago'],
    ['consume feed --day yesterday --format length-prefixed > feed.bin', 'one day as one flat file'],
    ['consume feed --since 2026-01-31 --until 2026-02-01T12:00 --zone local --format raw', 'a day and a half, in the zone of this machine'],
    ['consume flights --group billing --follow', 'what is new for the group billing, until Ctrl-C'],
    ['consume flights --partition 2 --from -10 --format key-value', 'the last ten records of partition 2'],
  ],
  run: (call) => withBus(call, 'must exist', (bus) => run(call, bus)),
});

type ConsumeCall = Call<typeof options>;

/** How often a consumer that gets nothing is asked whether it has passed its ends all the same (behind damage, deleted records). */
const LOOK_EVERY_MS = 200;

async function run(call: ConsumeCall, bus: BusSide): Promise<number> {
  const { positionals, values, terminal, clock } = call;
  const [topic] = positionals;
  const format = formatOf(call);
  frameFormOf(values, format, 'consume');
  checkGroup(call);
  const places = placesOf(values, clock.nowMs());
  if (places.until !== null && values.follow) throw new UsageError('--follow has no end; leave --until away', 'consume');
  const spans = await spansOf(bus.admin(), topic, { ...places, partitions: values.partition, isEndless: values.follow, verb: 'consume' });
  for (const [partition, { from, until }] of spans) if (from >= until && values.group === undefined) spans.delete(partition);
  if (!values.follow) for (const [partition, { until }] of spans) if (until === 0) spans.delete(partition);
  const consumer = await consumerOf(call, bus, topic, spans);
  const writer = new Writer(call, spans);
  const progress = new Progress(terminal, clock, topic);
  const batches = consumer.batches();
  const positions = new SettledPositions();
  let next = spans.size > 0 && values.count !== 0 ? batches.next() : null;
  const stopped = new Promise<'stopped'>((resolve) => terminal.stop.addEventListener('abort', () => resolve('stopped'), { once: true }));
  while (next !== null && !writer.isDone && !terminal.stop.aborted) {
    const got = await Promise.race([next, stopped, tick(call)]);
    if (got === 'stopped') break;
    if (got === 'tick') {
      await commit(call, consumer, writer);
      writer.passed(positions.look(consumer.assignment()));
      continue;
    }
    if (got.done) break;
    positions.arrived();
    await writer.write(got.value);
    if (!terminal.outIsInteractive && !values.quiet && !values.follow) progress.update(writer.amount);
    if (!writer.isDone) next = batches.next();
  }
  next?.catch(() => {});
  await commit(call, consumer, writer);
  await consumer.close();
  const isRead = terminal.stop.reason !== 'reader gone';
  if (isRead && !terminal.outIsInteractive && !values.quiet && !values.json) progress.end(topic, writer.amount);
  return exitCodes.ok;
}

type TextConsumer = Consumer<string | Uint8Array, Buffer | Uint8Array>;

/** One that reads the spans, or takes part in the group. */
async function consumerOf({ values }: ConsumeCall, bus: BusSide, topic: string, spans: ReadonlyMap<number, Span>): Promise<TextConsumer> {
  const onDamage = values['skip-damaged'] ? 'skip' : 'stop';
  const group = values.group;
  if (group !== undefined) {
    const autoOffsetReset = values.from === 'end' ? 'latest' : 'earliest';
    return bus.consumer({ value: serdes.raw, onDamage, autoOffsetReset, groupId: group, topics: topic, autoCommit: false });
  }
  const consumer = bus.consumer({ value: serdes.raw, onDamage, autoOffsetReset: 'earliest' });
  if (spans.size === 0 || values.count === 0) return consumer;
  await consumer.assign([...spans.keys()].map((partition) => ({ topic, partition })));
  await Promise.all([...spans].map(([partition, { from }]) => consumer.seek({ topic, partition }, from)));
  return consumer;
}

/** What has left this process is committed, never more. */
async function commit({ values, terminal }: ConsumeCall, consumer: TextConsumer, writer: Writer): Promise<void> {
  await terminal.out.flush();
  const written = writer.takeWritten(consumer.assignment());
  if (values.group !== undefined && written.length > 0 && terminal.stop.reason !== 'reader gone') await consumer.commit(written);
}

function checkGroup({ values }: ConsumeCall): void {
  if (values.group === undefined) return;
  if (values.group === '') throw new UsageError('--group takes the name of a group', 'consume');
  if (values.partition.length > 0) throw new UsageError('--group chooses the partitions; leave --partition away', 'consume');
  if (values.until !== undefined || values.since !== undefined || values.day !== undefined)
    throw new UsageError('--group goes on to what is there now; leave --since, --until and --day away', 'consume');
  if (values.from !== undefined && !['beginning', 'end'].includes(values.from))
    throw new UsageError('--from is beginning or end with --group; "spillway groups reset" moves a group elsewhere', 'consume');
}

function tick({ clock }: ConsumeCall): Promise<'tick'> {
  return new Promise((resolve) => clock.after(LOOK_EVERY_MS, () => resolve('tick'), true));
}

/** Formats records within their spans, and knows when all of them are at their end. */
class Writer {
  readonly amount = { records: 0, bytes: 0 };
  readonly #call: ConsumeCall;
  readonly #spans: Map<number, Span>;
  readonly #format: Formatter;
  /** The offset behind what was written, by partition. */
  readonly #written = new Map<number, { topic: string; partition: number; offset: number }>();
  #left: number;
  #cursor: RecordCursor | undefined;

  constructor(call: ConsumeCall, spans: Map<number, Span>) {
    this.#call = call;
    this.#spans = spans;
    this.#format = formatter(formatOf(call), formatOptions(call));
    this.#left = call.values.count ?? Number.POSITIVE_INFINITY;
  }

  get isDone(): boolean {
    return this.#left <= 0 || this.#spans.size === 0;
  }

  async write(batch: ConsumedBatch<unknown, unknown>): Promise<void> {
    const { topic, partition } = batch;
    const until = this.#spans.get(partition)?.until ?? 0;
    const { out, stop } = this.#call.terminal;
    this.#cursor = batch.cursor(this.#cursor);
    while (this.#left > 0 && !stop.aborted && this.#cursor.next()) {
      if (this.#cursor.offset >= until) break;
      const { offset, timestampMs, key, value, headers } = this.#cursor.view();
      const waiting = out.write(this.#format({ topic, partition, offset, timestampMs, key, value, headers }));
      if (waiting !== undefined) await waiting;
      this.#written.set(partition, { topic, partition, offset: offset + 1 });
      this.#left--;
      this.amount.records++;
      this.amount.bytes += value?.length ?? 0;
    }
    if (batch.nextOffset >= until) this.#spans.delete(partition);
  }

  /** How far it has written, of the partitions that are assigned still, since it was asked last. */
  takeWritten(assignment: readonly { partition: number }[]): { topic: string; partition: number; offset: number }[] {
    const written = [...this.#written.values()].filter((one) => assignment.some(({ partition }) => partition === one.partition));
    this.#written.clear();
    return written;
  }

  /** Partitions whose position is beyond their end have nothing more to give. */
  passed(assignment: readonly { partition: number; position: number }[]): void {
    for (const { partition, position } of assignment) {
      if (position >= (this.#spans.get(partition)?.until ?? Number.POSITIVE_INFINITY)) this.#spans.delete(partition);
    }
  }
}

export function formatOf({ values }: { values: { json: boolean; format: string | undefined } }): Format {
  if (values.json && values.format !== undefined && values.format !== 'json') {
    throw new UsageError(`--json is --format json, not ${values.format}`, 'consume');
  }
  return values.json ? 'json' : ((values.format as Format | undefined) ?? 'value');
}

function formatOptions({ values, terminal }: ConsumeCall) {
  return {
    key: (values['key-as'] ?? 'text') as Reading,
    value: (values['value-as'] ?? 'text') as Reading,
    separator: values.separator ?? '\t',
    columns: terminal.outIsInteractive ? terminal.columns : 10_000,
    escape: terminal.outIsInteractive,
    frames: frameFormOf(values, formatOf({ values }), 'consume'),
  };
}

function placesOf(values: ConsumeCall['values'], nowMs: number): { from: Place; until: Place | null } {
  const zone = (values.zone ?? 'utc') as Zone;
  const { day, since, from, until } = values;
  if (since !== undefined && from !== undefined) throw new UsageError('--since and --from say different things', 'consume');
  if (day !== undefined) {
    if (since !== undefined || from !== undefined || until !== undefined)
      throw new UsageError('--day says where to begin and to end; leave --since, --from and --until away', 'consume');
    const found = parseDay(day, nowMs, zone);
    if (found === null) throw new UsageError(`--day takes a day (2026-01-31, today, yesterday), not "${day}"`, 'consume');
    return { from: { kind: 'time', timestampMs: found.fromMs }, until: { kind: 'time', timestampMs: found.untilMs } };
  }
  const sinceMs = since === undefined ? null : parseTime(since, nowMs, zone);
  if (since !== undefined && sinceMs === null) throw new UsageError(`--since takes ${timeForms}, not "${since}"`, 'consume');
  return {
    from: sinceMs === null ? parsePlace(from ?? 'beginning', 'from', nowMs, 'consume', zone) : { kind: 'time', timestampMs: sinceMs },
    until: until === undefined ? null : parsePlace(until, 'until', nowMs, 'consume', zone),
  };
}
