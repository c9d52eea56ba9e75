/** What a verb of the program is: its words, its options, its help, and what it does. One file per verb, one table of them all. */
import type { Clock } from '../world/clock.ts';
import type { Disk } from '../world/disk.ts';
import { bootstrapVariable, brokersOf } from './brokers.ts';
import { UsageError } from './exit.ts';
import { type OptionTable, type OptionValues, parseOptions } from './options.ts';
import type { Terminal } from './terminal.ts';

/** What a verb works with; tests bring their own. */
export interface Surroundings {
  terminal: Terminal;
  clock: Clock;
  disk: Disk;
  /** The variables of the process. */
  environment: Readonly<Record<string, string | undefined>>;
}

/** Options that every verb has. */
export const commonOptions = {
  dir: { type: 'text', value: 'FOLDER', about: 'the data folder (default: ./spillway-data)' },
  bootstrap: {
    type: 'text',
    short: 'b',
    value: 'BROKERS',
    also: ['bootstrap-server', 'bootstrap-servers', 'broker', 'brokers', 'broker-list'],
    about: `a bus that listens, or a Kafka cluster, instead of a folder: HOST:PORT[,…], unix:PATH (variable ${bootstrapVariable})`,
  },
  json: { type: 'flag', about: 'results as JSON: one document, or one line per record' },
  quiet: { type: 'flag', short: 'q', about: 'no progress, no notices; errors only' },
  help: { type: 'flag', short: 'h', about: 'this text' },
} as const satisfies OptionTable;

export const defaultFolder = 'spillway-data';

export interface Call<T extends OptionTable> extends Surroundings {
  values: OptionValues<T & typeof commonOptions>;
  positionals: readonly string[];
  folder: string;
  /** Where to connect to; null: the folder is opened. */
  brokers: string[] | null;
  /** Says a line to the human, unless told to be quiet. */
  notice(line: string): void;
}

export interface VerbDefinition<T extends OptionTable> {
  /** `produce`, `topics create`. */
  name: string;
  /** One line, for the list of verbs. */
  summary: string;
  /** What follows the name: `TOPIC [FILE…]`. */
  usage: string;
  /** How many words may follow. */
  words: { min: number; max: number };
  options: T;
  /** Command lines (without `spillway`) and what they do. */
  examples: readonly (readonly [string, string])[];
  /** More, in paragraphs. */
  about?: string;
  /** Why it has no use for brokers; left out when it has. */
  folderOnly?: string;
  /** It works until it is stopped, so Ctrl-C and SIGTERM are its proper end: exit code 0. */
  endsWhenStopped?: boolean;
  /** Does it; resolves with the exit code. */
  run(call: Call<T>): Promise<number>;
}

/** A verb whose option types are its own business. */
export interface Verb extends Omit<VerbDefinition<OptionTable>, 'run'> {
  run(argv: readonly string[], surroundings: Surroundings): Promise<number>;
}

export function defineVerb<T extends OptionTable>(definition: VerbDefinition<T>): Verb {
  const { name, words, usage } = definition;
  const options = { ...definition.options, ...commonOptions };
  return {
    ...definition,
    options,
    async run(argv, surroundings) {
      const { values, positionals } = parseOptions(argv, options, name);
      if (positionals.length < words.min) throw new UsageError(`something is missing: spillway ${name} ${usage}`, name);
      if (positionals.length > words.max)
        throw new UsageError(`"${positionals[words.max]}" is too much: spillway ${name} ${usage}`.trimEnd(), name);
      const common = values as OptionValues<typeof commonOptions>;
      const { environment } = surroundings;
      const { dir, bootstrap } = common;
      const brokers = brokersOf({ dir, bootstrap, environment, folderOnly: definition.folderOnly, verb: name });
      return definition.run({
        ...surroundings,
        values: values as Call<T>['values'],
        positionals,
        folder: dir ?? defaultFolder,
        brokers,
        notice: (line) => {
          if (!common.quiet) surroundings.terminal.say(line);
        },
      });
    },
  };
}

/** Writes a JSON document, or what `text` makes of it, as the result. */
export async function result(terminal: Terminal, json: boolean, document: unknown, text: () => string): Promise<void> {
  await terminal.out.write(json ? `${JSON.stringify(document)}\n` : text());
}
