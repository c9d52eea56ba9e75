/**
 * Tables of options: a row per option, from which the allowed names, the checks, and docs/configuration.md derive. Beside each table
 * stands the interface that editors show; a test holds its members and docstrings to the table.
 */
import { checkFlag, checkInteger, checkNames, checkOneOf } from './check.ts';

interface Row {
  /** What it does, in sentences. */
  readonly documentation: string;
  /** Kafka's name of the same setting. */
  readonly kafka?: string;
  /** The default in words, where its value says less. */
  readonly defaultText?: string;
  /** What else is asked of it, in words. */
  readonly bound?: string;
}

export interface WholeNumber extends Row {
  readonly kind: 'whole number';
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

export interface Choice<T extends string | number = string | number> extends Row {
  readonly kind: 'choice';
  readonly default: T;
  readonly oneOf: readonly T[];
}

export interface Flag extends Row {
  readonly kind: 'flag';
  readonly default: boolean;
}

/** Anything else. Its check throws BusError INVALID_ARGUMENT; absent values are not checked. */
export interface Other extends Row {
  readonly kind: 'other';
  readonly type: string;
  readonly defaultText: string;
  check(name: string, value: unknown): void;
}

export type OptionRow = WholeNumber | Choice | Flag | Other;
export type OptionTable = Readonly<Record<string, OptionRow>>;

/** The values that a table gives a default: all but those of another kind. */
export type CheckedOptions<T extends OptionTable> = {
  readonly [N in keyof T as T[N] extends Other ? never : N]: T[N] extends Choice<infer C> ? C : T[N] extends Flag ? boolean : number;
};

/** Checks options by their table and fills in the defaults. Throws BusError INVALID_ARGUMENT that names the option. */
export function readOptions<T extends OptionTable>(what: string, options: object, table: T): CheckedOptions<T> {
  checkNames(what, options, Object.keys(table));
  const checked: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(table)) {
    const value = (options as Readonly<Record<string, unknown>>)[name];
    if (row.kind === 'other') {
      if (value !== undefined && value !== null) row.check(name, value);
    } else checked[name] = readOne(name, value ?? row.default, row);
  }
  return checked as CheckedOptions<T>;
}

function readOne(name: string, value: unknown, row: Exclude<OptionRow, Other>): string | number | boolean {
  switch (row.kind) {
    case 'whole number':
      return checkInteger(name, value, row.min, row.max);
    case 'choice':
      return checkOneOf(name, value, row.oneOf);
    case 'flag':
      return checkFlag(name, value);
  }
}
