/** `run`: a bus that any Kafka client can reach, in the foreground, until it is told to end. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Listening } from '../bus/listeners.ts';
import { localAddress } from '../bus/listening-note.ts';
import type { BusEvents } from '../client/events.ts';
import { resolveFolder } from '../world/machine.ts';
import { exitCodes, NotFinishedError } from './exit.ts';
import type { OptionTable } from './options.ts';
import { parsePair } from './position.ts';
import { numberOf } from './progress.ts';
import { watchRecovery } from './run/recovery.ts';
import { fromEnvironment, fromFile, type Given, type RunSettings, resolveSettings } from './run/settings.ts';
import { configVariable, settings as table } from './run/table.ts';
import { type Call, defineVerb, result } from './verb.ts';

const options = {
  config: { type: 'text', short: 'c', value: 'FILE', about: 'settings, in the form of Kafka’s server.properties' },
  set: { type: 'list', short: 's', value: 'NAME=VALUE', about: 'any setting, by Kafka’s name: num.partitions=4' },
  host: { type: 'text', value: 'ADDRESS', about: 'the address to listen on (default 127.0.0.1)' },
  port: { type: 'text', short: 'p', value: 'N', about: 'the port (default 9092); 0 takes one that is free' },
  path: { type: 'text', value: 'FILE', about: 'a Unix socket to listen on instead of a port' },
  'advertised-host': { type: 'text', value: 'NAME', about: 'what clients are told to connect to (default: the address)' },
  'advertised-port': { type: 'text', value: 'N', about: 'the port that clients are told (default: the port)' },
  memory: { type: 'text', value: 'SIZE', about: 'memory of the bus: 256MiB, 1GiB … (default 64MiB)' },
  hosts: { type: 'text', value: 'N', about: 'threads that carry the partitions (default cores − 1)' },
  'log-level': { type: 'text', value: 'LEVEL', about: 'log lines on standard error: silent, error, warn, info, debug (default info)' },
} as const satisfies OptionTable;

/** What to type next, for who has nothing connected yet. */
function hints(at: Listening, environment: RunCall['environment']): string[] {
  const place = localAddress(at);
  const end = 'Ctrl-C, or SIGTERM, writes out what memory holds and ends it.';
  // From the repository the program is found by npx.
  const spillway = environment.npm_lifecycle_event === undefined ? 'spillway' : 'npx spillway';
  return [
    'Any Kafka client can connect now. From another terminal:',
    `  ${spillway} produce greetings --bootstrap ${place}`,
    `  ${spillway} consume greetings --bootstrap ${place} --follow`,
    ...(at.path === null ? foreign(place) : []),
    end,
  ];
}

/** Kafka's own clients speak over ports alone. */
function foreign(place: string): string[] {
  return [
    `  echo hello | kcat -b ${place} -t greetings -P`,
    `  kafka-console-consumer.sh --bootstrap-server ${place} --topic greetings --from-beginning`,
  ];
}

export const run = defineVerb({
  name: 'run',
  summary: 'Serve Kafka clients from a data folder, until Ctrl-C or SIGTERM',
  usage: '',
  words: { min: 0, max: 0 },
  options,
  endsWhenStopped: true,
  folderOnly: 'it is what others connect to; --port and --host say where it listens',
  about: `When clients can connect it writes one line: where it listens, the data folder, how many topics. The first Ctrl-C or SIGTERM has
it answer what is under way, write out what memory holds, and end with 0; a second one ends it at once.
Settings come from a file (--config, or the variable ${configVariable}), over it from the environment (SPILLWAY_PORT, SPILLWAY_NUM_PARTITIONS …),
over it from the command line. docs/configuration.md lists them.`,
  examples: [
    ['run', 'on 127.0.0.1:9092, with the folder ./spillway-data'],
    ['run --host 0.0.0.0 --advertised-host bus.example.com', 'for clients on other machines'],
    ['run --config server.properties --set log.retention.hours=24', 'settings by Kafka’s names'],
    ['run --port 0 --json', 'on a free port, told as JSON'],
  ],
  run: serve,
});

type RunCall = Call<typeof options>;

async function serve(call: RunCall): Promise<number> {
  const { terminal, clock, notice, values } = call;
  const settings = settingsOf(call);
  const end = endOf(call, settings);
  const recovery = watchRecovery({ terminal, clock, isQuiet: values.quiet, notice });
  const [{ Bus }, { prepareListener }] = await Promise.all([import('../bus.ts'), import('../bus/listeners.ts')]);
  const opening = Bus.open(settings.bus);
  const dropListener = prepareListener();
  const lost = whenLost();
  let bus: Awaited<typeof opening> | null = null;
  try {
    bus = await Promise.race([opening, end.late]);
    if (bus === null) throw new NotFinishedError(['it was still being opened']);
    if (!terminal.stop.aborted) {
      const listening = await bus.listen(settings.listen);
      const topics = (await bus.admin().listTopics()).length;
      // What hosts have told of their logs comes from the coordinator as its answers do: by now all of it is here.
      recovery.end();
      await tell(call, settings, listening, topics);
      if (!values.json) for (const line of hints(listening, call.environment)) notice(line);
      await Promise.race([end.asked, lost.promise]);
    }
  } catch (error) {
    for (const what of (await bus?.close(settings.close))?.unfinished ?? []) notice(`spillway: ${what}`);
    throw error;
  } finally {
    recovery.end();
    lost.forget();
    await dropListener();
  }
  if (terminal.stop.aborted && !bus.closed) notice('closing; once more ends at once');
  const { unfinished } = await bus.close({ deadlineMs: end.leftMs() });
  if (unfinished.length > 0) throw new NotFinishedError(unfinished);
  return exitCodes.ok;
}

function settingsOf({ values, disk, environment }: RunCall): RunSettings {
  const inEnvironment = environment[configVariable];
  const path = values.config ?? inEnvironment;
  const namedBy = values.config === undefined ? `the environment (${configVariable})` : '--config';
  const file = path === undefined ? [] : fromFile(disk, path, namedBy);
  const sources = { file, environment: fromEnvironment(environment), flags: flagsOf(values) };
  return resolveSettings(sources, values.quiet ? 'error' : 'info');
}

function flagsOf(values: RunCall['values']): Given[] {
  const given: Given[] = [];
  for (const [name, { flag }] of Object.entries(table)) {
    const value = flag === undefined ? undefined : (values as Readonly<Record<string, unknown>>)[flag];
    if (typeof value === 'string') given.push({ name, value, from: `--${flag}` });
  }
  for (const text of values.set) {
    const [name, value] = parsePair(text, 'set', 'run');
    given.push({ name, value, from: '--set' });
  }
  return given;
}

interface End {
  /** Resolves when someone outside wishes it. */
  asked: Promise<void>;
  /** Resolves when the deadline after that has passed. */
  late: Promise<null>;
  /** What is left of the deadline, all of it while nobody has asked. */
  leftMs(): number;
}

function endOf({ terminal, clock }: RunCall, { close }: RunSettings): End {
  const deadlineMs = close.deadlineMs;
  let endMs = Number.POSITIVE_INFINITY;
  const asked = new Promise<void>((resolve) => {
    const stop = (): void => {
      endMs = clock.monotonicMs() + deadlineMs;
      resolve();
    };
    if (terminal.stop.aborted) stop();
    else terminal.stop.addEventListener('abort', stop, { once: true });
  });
  const late = asked.then(() => new Promise<null>((resolve) => clock.after(deadlineMs, () => resolve(null))));
  return { asked, late, leftMs: () => Math.floor(Math.min(deadlineMs, Math.max(0, endMs - clock.monotonicMs()))) };
}

/** The bus closes by itself when it has lost its coordinator for good. */
function whenLost(): { promise: Promise<void>; forget(): void } {
  let heard: (message: unknown) => void = () => {};
  const promise = new Promise<void>((resolve) => {
    heard = (message) => {
      if ((message as BusEvents['coordinator']).state === 'lost') resolve();
    };
    subscribe('spillway:coordinator', heard);
  });
  return { promise, forget: () => void unsubscribe('spillway:coordinator', heard) };
}

async function tell({ terminal, values }: RunCall, { bus: { dir } }: RunSettings, at: Listening, topics: number): Promise<void> {
  const folder = resolveFolder(dir);
  const { host, port, path } = at;
  await result(terminal, values.json, { host, port, path, dir: folder, topics, pid: process.pid }, () => {
    const place = path ?? `${host.includes(':') ? `[${host}]` : host}:${port}`;
    return `listening on ${place}, data folder ${folder}, ${numberOf(topics)} topic${topics === 1 ? '' : 's'}\n`;
  });
  // Whoever waits for this line reads it now.
  await terminal.out.flush();
}
