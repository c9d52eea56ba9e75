/**
 * Writes docs/configuration.md: the marked blocks of the page are made from the tables in the code, all other text is kept as it is.
 * `npm run docs` writes the page; a test fails when it is stale. A further table is one more entry in `blocks`, and its two marks
 * in the page.
 *
 *   <!-- made from the code: NAME -->
 *   …
 *   <!-- end -->
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { connectOptions } from '../../src/bus/connect-options.ts';
import { listenOptions } from '../../src/bus/listeners.ts';
import { busOptions } from '../../src/bus/options.ts';
import { aliases, settings, variableOf } from '../../src/cli/run/table.ts';
import { consumerOptions } from '../../src/client/consumer-options.ts';
import { groupOptions } from '../../src/client/group/options.ts';
import { mirrorOptions } from '../../src/client/mirror/options.ts';
import { producerOptions } from '../../src/client/producer-options.ts';
import { runOptions } from '../../src/client/run/run-options.ts';
import { outboxOptions } from '../../src/client/sqlite/outbox-options.ts';
import { transactionOptions } from '../../src/client/sqlite/transaction-options.ts';
import { ownBusConfigs } from '../../src/coordinator/bus-configs.ts';
import { type ConfigRow, LONG_MAX, topicConfigs } from '../../src/coordinator/configs.ts';
import { dwellMs, type Threshold, thresholds } from '../../src/coordinator/pressure.ts';
import { code, duration, size, table } from './markdown.ts';
import { optionBlock, settingBlock } from './options.ts';
import { eventBlock, kafkaErrorBlock, limitBlock, ownErrorBlock } from './reference.ts';

export const page = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url));

/** What stands between the marks of each name. */
export const blocks: Record<string, () => string> = {
  'topic configurations': () => table(topicRows('acts'), ['name', 'type', 'default', 'allowed', 'for the whole bus', 'what it does']),
  'topic configurations that are only stored': () =>
    table(topicRows('stored'), ['name', 'type', 'default', 'allowed', 'for the whole bus', 'what it is for']),
  'bus configurations': () =>
    table(
      Object.entries<ConfigRow>(ownBusConfigs).map(([name, row]) => [
        code(name),
        row.type,
        shownDefault(name, row),
        allowed(row),
        row.documentation,
      ]),
      ['name', 'type', 'default', 'allowed', 'what it does'],
    ),
  'options of Bus.open': () => optionBlock(busOptions),
  'options of bus.listen': () => optionBlock(listenOptions),
  'options of connect': () => optionBlock(connectOptions),
  'settings of spillway run': () => settingBlock(settings, aliases, variableOf),
  'options of bus.producer': () => optionBlock(producerOptions),
  'options of bus.consumer': () => optionBlock(consumerOptions),
  'options of bus.consumer in a group': () => optionBlock(groupOptions),
  'options of consumer.run': () => optionBlock(runOptions),
  'options of consumer.transaction': () => optionBlock(transactionOptions),
  'options of bus.outbox': () => optionBlock(outboxOptions),
  'options of mirror': () => optionBlock(mirrorOptions),
  limits: limitBlock,
  'errors of our own': ownErrorBlock,
  'errors of Kafka': kafkaErrorBlock,
  events: eventBlock,
  'pressure thresholds': () =>
    `A level falls only when no gauge has asked for it during ${dwellMs} ms.\n\n${table(thresholds.map(thresholdRow), ['gauge', 'level', 'bus', 'enters at', 'leaves at', 'because'])}`,
};

/** The page with all its blocks made anew. */
export function makePage(text: string): string {
  const seen = new Set<string>();
  const made = text.replace(/<!-- made from the code: (.*?) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const block = blocks[name];
    if (block === undefined) throw new Error(`the page has a block "${name}" that test/docs/configuration.ts does not make`);
    seen.add(name);
    return `<!-- made from the code: ${name} -->\n${block()}\n<!-- end -->`;
  });
  const missing = Object.keys(blocks).filter((name) => !seen.has(name));
  if (missing.length > 0) throw new Error(`the page lacks the marks of: ${missing.join(', ')}`);
  return made;
}

function topicRows(effect: ConfigRow['effect']): string[][] {
  return Object.entries<ConfigRow>(topicConfigs)
    .filter(([, row]) => row.effect === effect)
    .map(([name, row]) => [
      code(name),
      row.type,
      shownDefault(name, row),
      allowed(row),
      row.bus === undefined ? 'topics alone' : code(row.bus),
      row.documentation,
    ]);
}

function shownDefault(name: string, row: ConfigRow): string {
  if (row.default === '') return 'empty';
  if (row.default === String(LONG_MAX)) return 'never';
  const unit = name.endsWith('.ms') ? duration(Number(row.default)) : name.endsWith('.bytes') ? size(Number(row.default)) : '';
  return unit === '' ? code(row.default) : `${code(row.default)} (${unit})`;
}

function allowed(row: ConfigRow): string {
  if (row.oneOf !== undefined) return row.oneOf.map(code).join(', ');
  if (row.type === 'boolean') return '`true`, `false`';
  if (row.min === undefined) return 'any';
  return row.max === LONG_MAX || row.max === 2 ** 31 - 1 ? `from ${row.min}` : `${row.min} to ${row.max}`;
}

function thresholdRow({ gauge, level, on, of, enter, leave, why }: Threshold): string[] {
  const share = (value: number): string =>
    of === 'bytes left' ? `${size(value)} left` : `${Number((value * 100).toFixed(1))} % of ${fences[of]}`;
  return [code(gauge), level, on === 'any' ? 'any' : `with ${on === 'folder' ? 'a' : 'no'} folder`, share(enter), share(leave), why];
}

const fences: Record<Exclude<Threshold['of'], 'bytes left'>, string> = {
  arenaBytesMax: 'what the arena holds',
  memoryBytesMax: '`memoryBytesMax`',
  heapBytesMax: 'a host’s heap',
  threadHeapBytesMax: 'that thread’s heap',
  rssBytesMax: 'the fence for the process, if one is set',
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(page, makePage(readFileSync(page, 'utf8')));
}
