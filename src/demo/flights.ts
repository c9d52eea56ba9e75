/**
 * The demonstration (`npm run demo`): carries a real data set through a bus, end to end, and proves that it arrived.
 *
 *   this thread            threads of the bus          two threads of ours
 *   producer ── 4 partitions, by key ──▶ hosts ──▶ reader A, reader B (each reads everything)
 *
 * All three fingerprint what they send or get, key by key. The verdict compares them.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import { MiB } from '../base/bytes.ts';
import { Bus } from '../bus.ts';
import { exitCodes } from '../cli/exit.ts';
import type { OptionTable } from '../cli/options.ts';
import { runProgram } from '../cli/program.ts';
import { durationOf, numberOf, sizeOf } from '../cli/progress.ts';
import { processTerminal } from '../cli/terminal.ts';
import { type Call, defineVerb } from '../cli/verb.ts';
import type { Producer } from '../client/producer.ts';
import { serdes } from '../client/serde.ts';
import { realClock } from '../world/clock.ts';
import { realDisk } from '../world/disk.ts';
import { makeTemporaryFolder } from '../world/files.ts';
import { differences, type Fingerprint, Fingerprints, overall } from './fingerprint.ts';
import { type DemoRecord, flightsFile, readInput } from './input.ts';
import type { ReaderHears, ReaderSays, ReaderSetup } from './reader.ts';
import { Board, boardOf, type Lane, lineOf, type Moment } from './view.ts';

const options = {
  key: { type: 'text', short: 'k', value: 'FIELD', about: 'the field that is the key (default origin)' },
  rounds: { type: 'number', short: 'r', min: 1, max: 1_000_000, about: 'how often the data is sent (default: about 5 million records)' },
  partitions: { type: 'number', short: 'p', min: 1, max: 1000, about: 'of the topic (default 4)' },
  durability: { type: 'text', value: 'LEVEL', choices: ['memory', 'written', 'synced'], about: 'of the topic (default written)' },
} as const satisfies OptionTable;

const flights = defineVerb({
  name: 'flights',
  summary: 'Carry US flights (or files of yours) from a producer through a bus into two consumers, and prove it',
  usage: '[FILE…]',
  words: { min: 0, max: 1000 },
  options,
  about: 'The data folder is a temporary one, removed at the end, unless --dir names one. The exit code is 0 when everything arrived.',
  examples: [
    ['--rounds 10', 'ten times the 20,000 flights'],
    ['orders.csv --key customer', 'a file of yours'],
  ],
  run,
});

const topic = 'flights';
const memoryBytesMax = 128 * MiB;
const recordsDefault = 5_000_000;
const lookEveryMs = 250;

type DemoCall = Call<typeof options>;

async function run(call: DemoCall): Promise<number> {
  const { values, positionals, terminal, disk } = call;
  const files = positionals.length > 0 ? [...positionals] : [flightsFile()];
  const input = await readInput(files, values.key ?? 'origin');
  const folder = values.dir ?? makeTemporaryFolder('spillway-flights-');
  try {
    const bus = await Bus.open({ dir: folder, memoryBytesMax, hosts: 2, logLevel: 'error' });
    let verdict: Verdict;
    try {
      verdict = await new Demonstration(call, bus, input).run();
    } finally {
      const { unfinished } = await bus.close();
      for (const what of unfinished) terminal.say(`spillway: ${what}`);
    }
    if (values.json) await terminal.out.write(`${JSON.stringify(verdict)}\n`);
    return verdict.arrived ? exitCodes.ok : exitCodes.failure;
  } finally {
    if (values.dir === undefined) disk.removeFolder(folder);
  }
}

interface Verdict {
  arrived: boolean;
  records: number;
  bytes: number;
  keys: number;
  hash: string;
  durationMs: number;
  readers: { name: string; hash: string; differences: string[] }[];
}

class Demonstration {
  readonly #call: DemoCall;
  readonly #bus: Bus;
  readonly #input: readonly DemoRecord[];
  readonly #rounds: number;
  readonly #total: number;
  readonly #originMs: number;
  readonly #startMs: number;
  readonly #sent = new Fingerprints();
  readonly #board: Board;
  readonly #title: string;
  #readers: Reader[] = [];
  #before: Moment | null = null;

  constructor(call: DemoCall, bus: Bus, input: readonly DemoRecord[]) {
    const { clock, values } = call;
    this.#call = call;
    this.#bus = bus;
    this.#input = input;
    this.#rounds = values.rounds ?? Math.max(1, Math.round(recordsDefault / input.length));
    this.#total = input.length * this.#rounds;
    // Times that tell each record's number, and are not in the future.
    this.#originMs = clock.nowMs() - this.#total;
    this.#startMs = clock.monotonicMs();
    this.#board = new Board((text) => process.stderr.write(text));
    const keys = new Set(input.map(({ name }) => name)).size;
    this.#title = `spillway  ${numberOf(input.length)} records of ${numberOf(keys)} keys × ${numberOf(this.#rounds)} rounds`;
  }

  async run(): Promise<Verdict> {
    const { values, terminal, notice } = this.#call;
    const admin = this.#bus.admin();
    await admin.createTopics([
      { name: topic, partitions: values.partitions ?? 4, configs: { durability: values.durability ?? 'written' } },
    ]);
    this.#readers = ['reader A', 'reader B'].map((name) => new Reader(name, this.#bus, this.#originMs));
    if (!terminal.isInteractive) notice(this.#title);
    const looking = this.#look();
    try {
      await this.#send();
      const ends = Object.fromEntries((await admin.listOffsets(topic, 'latest')).map(({ partition, offset }) => [partition, offset]));
      for (const reader of this.#readers) reader.tell({ ends });
      const got = await Promise.all(this.#readers.map(({ result }) => result));
      looking.stop();
      await this.#show();
      return this.#judge(got);
    } finally {
      looking.stop();
    }
  }

  async #send(): Promise<void> {
    const { terminal } = this.#call;
    const producer = this.#bus.producer({ key: serdes.raw, value: serdes.raw, lingerMs: 5 });
    let number = 0;
    for (let round = 0; round < this.#rounds && !terminal.stop.aborted; round++) {
      for (const { key, name, value } of this.#input) {
        const record = { key, value, timestamp: this.#originMs + number };
        if (!producer.push(topic, record)) await pushLater(producer, record);
        this.#sent.add(name, number++, value, 0, value.length);
      }
      // The board and the answers of the hosts want their turns, even when there is always room.
      await new Promise<void>((resolve) => realClock.soon(resolve));
    }
    await producer.flush();
  }

  #judge(got: readonly Fingerprint[]): Verdict {
    const { clock, notice } = this.#call;
    const { records, bytes } = this.#sent;
    const durationMs = Math.round(clock.monotonicMs() - this.#startMs);
    const sent = this.#sent.finish();
    const hash = overall(sent);
    const readers = got.map((print, i) => ({ name: this.#readers[i].name, hash: overall(print), differences: differences(sent, print) }));
    const arrived = readers.every((reader) => reader.hash === hash && reader.differences.length === 0);
    const keys = Object.keys(sent).length;
    notice('');
    notice(`sent      ${numberOf(records)} records, ${sizeOf(bytes)}, ${numberOf(keys)} keys   sha256 ${hash.slice(0, 16)}…`);
    for (const reader of readers) {
      notice(
        `${reader.name}  ${reader.differences.length === 0 ? 'the same, in order per key, byte for byte' : 'NOT the same'}   sha256 ${reader.hash.slice(0, 16)}…`,
      );
      for (const what of reader.differences.slice(0, 10)) notice(`          ${what}`);
    }
    notice(`${arrived ? '✔ everything arrived' : '✘ not everything arrived'}, in ${durationOf(durationMs)}`);
    return { arrived, records, bytes, keys, hash, durationMs, readers };
  }

  /** Shows how things stand, now and then, until stopped. */
  #look(): { stop(): void } {
    const { terminal, clock, values } = this.#call;
    let stopped = values.quiet;
    const everyMs = terminal.isInteractive ? lookEveryMs : 4 * lookEveryMs;
    const again = (): void => {
      if (stopped) return;
      clock.after(everyMs, () => {
        if (stopped) return;
        // A look that fails says nothing about the bus: the work itself will.
        void this.#show()
          .catch(() => {})
          .then(again);
      });
    };
    again();
    return {
      stop: () => {
        stopped = true;
      },
    };
  }

  async #show(): Promise<void> {
    const { terminal, clock, values } = this.#call;
    if (values.quiet) return;
    const [pressure, [described]] = await Promise.all([this.#bus.pressure(), this.#bus.admin().describeTopics([topic])]);
    const lanes: Lane[] = [
      { name: 'producer', records: this.#sent.records, bytes: this.#sent.bytes },
      ...this.#readers.map(({ lane }) => lane),
    ];
    const elapsedMs = clock.monotonicMs() - this.#startMs;
    const now: Moment = {
      elapsedMs,
      total: this.#total,
      lanes: lanes.map((lane) => ({ ...lane })),
      partitions: described.partitions,
      pressure,
      memoryBytesMax,
    };
    if (terminal.isInteractive) this.#board.draw(boardOf(this.#title, now, this.#before), terminal.columns);
    else terminal.say(lineOf(now, this.#before));
    this.#before = now;
  }
}

async function pushLater(
  producer: Producer<Uint8Array, Uint8Array>,
  record: { key: Buffer; value: Buffer; timestamp: number },
): Promise<void> {
  do await producer.drained();
  while (!producer.push(topic, record));
}

/** A reading thread, as this one sees it. */
class Reader {
  readonly name: string;
  readonly lane: Lane;
  readonly result: Promise<Fingerprint>;
  readonly #port: MessageChannel['port1'];

  constructor(name: string, bus: Bus, originMs: number) {
    this.name = name;
    this.lane = { name, records: 0, bytes: 0 };
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const handle = bus.handle();
    const entry = new URL(import.meta.url.endsWith('.ts') ? './reader.ts' : './reader.js', import.meta.url);
    const worker = new Worker(entry, {
      workerData: { handle, topic, originMs, port: port2 } satisfies ReaderSetup,
      transferList: [port2, ...handle.transferList],
    });
    this.result = new Promise((resolve, reject) => {
      worker.on('error', reject);
      port1.on('message', (said: ReaderSays) => {
        if ('records' in said) Object.assign(this.lane, said);
        else if ('fingerprint' in said) resolve(said.fingerprint);
        else reject(new Error(`${name} failed: ${said.failed}`));
      });
    });
    // Awaited later; until then a failure is not unhandled.
    this.result.catch(() => {});
  }

  tell(what: ReaderHears): void {
    this.#port.postMessage(what);
  }
}

const terminal = processTerminal();
process.exit(
  await runProgram(['flights', ...process.argv.slice(2)], [flights], '', {
    terminal,
    clock: realClock,
    disk: realDisk,
    environment: process.env,
  }),
);
