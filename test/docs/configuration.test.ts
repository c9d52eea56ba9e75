/** docs/configuration.md says what the tables in the code say. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { errors } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { connectOptions } from '../../src/bus/connect-options.ts';
import { listenOptions } from '../../src/bus/listeners.ts';
import { busOptions } from '../../src/bus/options.ts';
import { consumerOptions } from '../../src/client/consumer-options.ts';
import { type BusEvents, events } from '../../src/client/events.ts';
import { groupOptions } from '../../src/client/group/options.ts';
import { mirrorOptions } from '../../src/client/mirror/options.ts';
import type { OptionTable } from '../../src/client/option-table.ts';
import { producerOptions } from '../../src/client/producer-options.ts';
import { runOptions } from '../../src/client/run/run-options.ts';
import { outboxOptions } from '../../src/client/sqlite/outbox-options.ts';
import { transactionOptions } from '../../src/client/sqlite/transaction-options.ts';
import { topicConfigs } from '../../src/coordinator/configs.ts';
import type { HostNotice } from '../../src/partition/protocol.ts';
import { readSource, readSources } from '../house/sources.ts';
import { blocks, makePage, page } from './configuration.ts';
import { docstringOf, membersOf } from './options.ts';
import { docstringsOf } from './reference.ts';

describe('the configuration reference', () => {
  test('is what the code says: after a change run `npm run docs`, read it and commit it', () => {
    const text = readFileSync(page, 'utf8');
    expect(makePage(text)).toBe(text);
  });

  test('names every topic configuration once', () => {
    const text = readFileSync(page, 'utf8');
    for (const key of Object.keys(topicConfigs)) expect(text.split(`| \`${key}\` |`).length - 1, key).toBeGreaterThanOrEqual(1);
  });

  test('notices a stale block, an unknown one, and one that is missing', () => {
    const whole = Object.keys(blocks).map((name) => `<!-- made from the code: ${name} -->\n<!-- end -->`);
    expect(makePage(whole.join('\n'))).not.toBe(whole.join('\n'));
    expect(makePage(makePage(whole.join('\n')))).toBe(makePage(whole.join('\n')));
    expect(() => makePage(whole.slice(1).join('\n'))).toThrow(/lacks the marks of: topic configurations/);
    expect(() => makePage('<!-- made from the code: nonsense -->\n<!-- end -->')).toThrow(/does not make/);
  });
});

describe('options', () => {
  const tables: [string, string, OptionTable][] = [
    ['src/bus/options.ts', 'BusOptions', busOptions],
    ['src/bus/listeners.ts', 'ListenOptions', listenOptions],
    ['src/bus/connect-options.ts', 'ConnectOptions', connectOptions],
    ['src/client/producer-options.ts', 'ProducerOptions', producerOptions],
    ['src/client/consumer-options.ts', 'ConsumerOptions', consumerOptions],
    ['src/client/run/run-options.ts', 'RunOptions', runOptions],
    ['src/client/sqlite/transaction-options.ts', 'TransactionOptions', transactionOptions],
    ['src/client/sqlite/outbox-options.ts', 'OutboxOptions', outboxOptions],
    ['src/client/group/options.ts', 'GroupOptions', groupOptions],
    ['src/client/mirror/options.ts', 'MirrorOptions', mirrorOptions],
  ];

  test.each(tables)('%s: the members of %s are the rows of its table, and their docstrings say the same', (path, name, options) => {
    const members = membersOf(readSource(path).text, name);
    const expected = Object.entries(options).map(([member, row]) => ({ name: member, docstring: docstringOf(row) }));
    expect(members.map((member) => ({ name: member.name, docstring: member.docstring }))).toEqual(expected);
  });

  test.each(tables)('%s: numbers and flags of %s have the type that their row says', (path, name, options) => {
    const types = { 'whole number': 'number', flag: 'boolean' } as const;
    for (const { name: member, type } of membersOf(readSource(path).text, name)) {
      const { kind } = options[member];
      if (kind === 'whole number' || kind === 'flag') expect(type, member).toBe(types[kind]);
    }
  });

  test.each(tables)('%s: a default of %s lies within its bounds', (_path, _name, options) => {
    for (const [name, row] of Object.entries(options)) {
      if (row.kind === 'choice') expect(row.oneOf, name).toContain(row.default);
      if (row.kind === 'whole number') expect(row.default >= row.min && row.default <= row.max, name).toBe(true);
    }
  });

  test('a member without a docstring is noticed', () => {
    expect(membersOf('export interface A {\n  /** Why. */\n  a?: number;\n}', 'A')).toEqual([
      { name: 'a', type: 'number', docstring: 'Why.' },
    ]);
    expect(() => membersOf('export interface A {\n  /** Why. */\n  a?: number;\n  b?: number;\n}', 'A')).toThrow('A.b has no docstring');
  });
});

describe('limits and errors', () => {
  test('every limit says what it bounds', () => {
    const told = docstringsOf('src/base/limits.ts');
    expect(Object.keys(limits).filter((name) => !told.has(name))).toEqual([]);
  });

  test('every code of our own says when it comes', () => {
    const told = docstringsOf('src/base/errors.ts');
    const own = Object.entries(errors).filter(([, { code }]) => code >= 1000);
    expect(own.length).toBeGreaterThan(5);
    expect(own.filter(([name]) => !told.has(name))).toEqual([]);
  });
});

describe('events', () => {
  test('have a row for everything that hosts and the coordinator tell, and no other', () => {
    // Of the hosts' notices only their load stays within the house.
    const ofHosts: Record<Exclude<HostNotice['notice'], 'load'>, true> = { damage: true, recovery: true, state: true };
    const coordinator = readSources('src/coordinator/**/*.ts')
      .map(({ text }) => text)
      .join('\n');
    const ofCoordinator = [...coordinator.matchAll(/name: '(\w+)', fields/g)].map(([, name]) => name);
    const everywhere = readSources('src/**/*.ts')
      .map(({ text }) => text)
      .join('\n');
    const ofThreads = [...everywhere.matchAll(/\bpublish\('(\w+)'/g)].map(([, name]) => name);
    expect(ofCoordinator.length).toBeGreaterThan(3);
    expect([...new Set([...Object.keys(ofHosts), ...ofCoordinator, ...ofThreads])].sort()).toEqual(Object.keys(events).sort());
  });

  test('carry what their row says', () => {
    // The compiler holds the fields of a row to the event's type; this holds the type to what is told.
    const opened: BusEvents['openFailed'] = { host: 0, topic: 't', partition: 0, error: 'KAFKA_STORAGE_ERROR', reason: 'r' };
    expect(Object.keys(events.openFailed.fields)).toEqual(Object.keys(opened));
  });
});
