/**
 * The command line of one verb, read by a table of its options. The table is also what the help is written from. Unknown options are
 * refused with the nearest known one; a value of the wrong kind is refused with what was expected.
 */
import { parseArgs } from 'node:util';
import { UsageError } from './exit.ts';
import { didYouMean } from './suggest.ts';

export interface OptionSpec {
  /** 'flag' takes no value, 'list' may be given many times. */
  type: 'text' | 'flag' | 'number' | 'list';
  about: string;
  /** Shown in the help: `--dir FOLDER`. */
  value?: string;
  short?: string;
  choices?: readonly string[];
  /** Names by which users of Kafka's tools and of others look for it: they are refused, with this one. */
  also?: readonly string[];
  /** Bounds of a number. */
  min?: number;
  max?: number;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

export type OptionValues<T extends OptionTable> = {
  readonly [N in keyof T]: T[N]['type'] extends 'flag'
    ? boolean
    : T[N]['type'] extends 'list'
      ? readonly string[]
      : T[N]['type'] extends 'number'
        ? number | undefined
        : string | undefined;
};

export interface Parsed<T extends OptionTable> {
  values: OptionValues<T>;
  positionals: string[];
}

/** Reads `argv` by the table. Throws UsageError, naming `verb`. */
export function parseOptions<T extends OptionTable>(argv: readonly string[], table: T, verb = ''): Parsed<T> {
  const values: Record<string, string | number | boolean | string[] | undefined> = {};
  for (const [name, { type }] of Object.entries(table)) values[name] = type === 'flag' ? false : type === 'list' ? [] : undefined;
  const positionals: string[] = [];
  for (const token of tokensOf(argv, table)) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(table, token.name) ? table[token.name] : undefined;
    if (spec === undefined) throw unknownOption(token.rawName, token.name, table, verb);
    if (spec.type === 'list') (values[token.name] as string[]).push(checkedText(token.name, token.value, spec, verb));
    else values[token.name] = checkedValue(token.name, token.value, spec, verb);
  }
  return { values: values as OptionValues<T>, positionals };
}

function tokensOf(argv: readonly string[], table: OptionTable) {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string; multiple: true }> = {};
  for (const [name, { type, short }] of Object.entries(table)) {
    options[name] = { type: type === 'flag' ? 'boolean' : 'string', multiple: true, ...(short === undefined ? {} : { short }) };
  }
  return parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

function checkedValue(name: string, value: string | undefined, spec: OptionSpec, verb: string): string | number | boolean {
  if (spec.type === 'flag') {
    if (value !== undefined) throw new UsageError(`--${name} takes no value, but was given "${value}"`, verb);
    return true;
  }
  const text = checkedText(name, value, spec, verb);
  if (spec.type !== 'number') return text;
  const number = /^[+-]?\d+(_?\d+)*(\.\d+)?$/.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN;
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = spec;
  if (number >= min && number <= max && Number.isInteger(number)) return number;
  throw new UsageError(`--${name} takes a whole number${boundsOf(spec)}, not "${text}"`, verb);
}

function checkedText(name: string, value: string | undefined, spec: OptionSpec, verb: string): string {
  if (value === undefined) throw new UsageError(`--${name} needs a value: --${name} ${spec.value ?? 'VALUE'}`, verb);
  if (spec.choices === undefined || spec.choices.includes(value)) return value;
  throw new UsageError(`--${name} is one of ${spec.choices.join(', ')}, not "${value}"${didYouMean(value, spec.choices)}`, verb);
}

function boundsOf({ min, max }: OptionSpec): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  return min !== undefined ? ` of ${min} or more` : '';
}

function unknownOption(raw: string, name: string, table: OptionTable, verb: string): UsageError {
  const meant = Object.keys(table).find((known) => table[known].also?.includes(name));
  const hint = meant === undefined ? didYouMean(name, Object.keys(table)).replace('"', '"--') : `; did you mean "--${meant}"?`;
  return new UsageError(`there is no option ${raw}${hint}`, verb);
}
