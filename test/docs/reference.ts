/** Limits, error codes and events as docs/configuration.md shows them. What a row means stands in its docstring in the source. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errors } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { events } from '../../src/client/events.ts';
import { code, inUnits, table } from './markdown.ts';

/** The first code that Kafka has not. */
const OWN_CODES_FROM = 1000;

export function limitBlock(): string {
  const meanings = docstringsOf('src/base/limits.ts');
  const rows = Object.entries(limits).map(([name, value]) => [code(name), inUnits(name, value), meanings.get(name) ?? '']);
  return table(rows, ['name', 'value', 'what it bounds']);
}

export function ownErrorBlock(): string {
  const meanings = docstringsOf('src/base/errors.ts');
  const rows = Object.entries(errors)
    .filter(([, { code: number }]) => number >= OWN_CODES_FROM)
    .map(([name, row]) => [code(name), String(row.code), kafkaOf(row.kafkaCode), yes(row.retriable), meanings.get(name) ?? '']);
  return table(rows, ['code', 'number', 'for Kafka’s clients', 'retriable', 'when']);
}

export function kafkaErrorBlock(): string {
  const rows = Object.entries(errors)
    .filter(([, { code: number }]) => number < OWN_CODES_FROM)
    .map(([name, row]) => [code(name), String(row.code), yes(row.retriable)]);
  return table(rows, ['code', 'number', 'retriable']);
}

export function eventBlock(): string {
  const rows = Object.entries(events).flatMap(([name, { documentation, fields }]) =>
    Object.entries<string>(fields).map(([field, what], i) => [
      i === 0 ? code(`spillway:${name}`) : '',
      i === 0 ? documentation : '',
      code(field),
      what,
    ]),
  );
  return table(rows, ['channel', 'when', 'field', 'what it is']);
}

/** The docstring right above each member of a table in the source. */
export function docstringsOf(path: string): Map<string, string> {
  const source = readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
  const found = new Map<string, string>();
  for (const [, comment, name] of source.matchAll(/ {2}\/\*\*((?:(?!\*\/)[\s\S])*?)\*\/\n {2}(\w+): /g)) {
    found.set(name, comment.replace(/\s*\n\s*\*\s*/g, ' ').trim());
  }
  return found;
}

function kafkaOf(kafkaCode: number): string {
  const name = Object.entries(errors).find(([, row]) => row.code === kafkaCode)?.[0] ?? '';
  return `${kafkaCode} ${code(name)}`;
}

function yes(is: boolean): string {
  return is ? 'yes' : '';
}
