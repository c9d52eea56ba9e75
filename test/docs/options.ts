/** Options as docs/configuration.md shows them, and as the docstrings of their interfaces must tell them. */
import type { Alias, Setting } from '../../src/cli/run/table.ts';
import type { OptionRow, OptionTable } from '../../src/client/option-table.ts';
import { code, inUnits, table } from './markdown.ts';

/** Bounds that are only there because numbers end. */
const ENDLESS = [2 ** 31 - 1, Number.MAX_SAFE_INTEGER];

export function optionBlock(options: OptionTable): string {
  const rows = Object.entries(options).map(([name, row]) => [
    code(name),
    typeOf(row),
    defaultOf(name, row),
    allowedIn(row),
    row.kafka === undefined ? '' : row.kafka.split(', ').map(code).join(', '),
    row.documentation,
  ]);
  return table(rows, ['name', 'type', 'default', 'allowed', 'Kafka’s name', 'what it does']);
}

/** What `spillway run` can be told, and where. */
export function settingBlock(
  settings: Readonly<Record<string, Setting>>,
  aliases: Readonly<Record<string, Alias>>,
  variableOf: (name: string) => string,
): string {
  const rows = Object.entries(settings).map(([name, { row, flag, defaultText, documentation }]) => [
    code(name),
    code(variableOf(name)),
    flag === undefined ? '' : code(`--${flag}`),
    defaultText ?? defaultOf(name, row),
    allowedIn(row),
    documentation ?? row.documentation,
  ]);
  const more = Object.entries(aliases).map(([name, { documentation }]) => [code(name), code(variableOf(name)), '', '', '', documentation]);
  return table([...rows, ...more], ['name', 'variable', 'flag', 'default', 'allowed', 'what it does']);
}

/** What the docstring of a member of the options' interface says. */
export function docstringOf(row: OptionRow): string {
  const sentences = row.documentation.replace(/\.$/, '');
  const kafka = row.kafka === undefined ? '' : ` (Kafka: ${row.kafka})`;
  const bounds = row.kind === 'whole number' ? `, ${boundsOf(row.min, row.max)}` : '';
  const bound = row.bound === undefined ? '' : `, ${row.bound}`;
  const given = row.kind === 'other' ? row.defaultText : (row.defaultText ?? shown(row.default));
  return `${sentences}${kafka}. Default ${given}${bounds}${bound}.`;
}

export interface Member {
  name: string;
  type: string;
  docstring: string;
}

/** The members of an interface, read from its source. Throws where one has no docstring. */
export function membersOf(source: string, name: string): Member[] {
  const body = new RegExp(`export interface ${name}\\b[^{]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1];
  if (body === undefined) throw new Error(`there is no interface ${name}`);
  const members: Member[] = [];
  for (const [, comment, member, type] of body.matchAll(/(?: {2}\/\*\*([\s\S]*?)\*\/\n)? {2}(\w+)\??: (.*);/g)) {
    if (comment === undefined) throw new Error(`${name}.${member} has no docstring`);
    members.push({ name: member, type, docstring: comment.replace(/\s*\n\s*\*\s*/g, ' ').trim() });
  }
  return members;
}

function typeOf(row: OptionRow): string {
  if (row.kind === 'other') return row.type;
  return row.kind === 'choice' ? 'one of' : row.kind === 'flag' ? 'boolean' : 'number';
}

function defaultOf(name: string, row: OptionRow): string {
  if (row.kind === 'other' || row.defaultText !== undefined) return row.defaultText ?? '';
  return row.kind === 'whole number' ? inUnits(name, row.default) : code(shown(row.default));
}

function allowedIn(row: OptionRow): string {
  const bound = row.bound ?? '';
  if (row.kind === 'choice') return row.oneOf.map((one) => code(shown(one))).join(', ');
  if (row.kind === 'flag') return '`true`, `false`';
  if (row.kind === 'other') return bound;
  return `${boundsOf(row.min, row.max)}${bound === '' ? '' : `, ${bound}`}`;
}

function boundsOf(min: number, max: number): string {
  return ENDLESS.includes(max) ? `from ${min}` : `from ${min} to ${max}`;
}

function shown(value: string | number | boolean): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
