/** Makes docs/protocol.md's tables: the APIs that are spoken, and every field of their messages, from the tables in src/kafka/api. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { limits } from '../../src/base/limits.ts';
import { handlers } from '../../src/kafka/handlers.ts';
import { type Api, defaultOf, type Field, type Shape } from '../../src/kafka/schema.ts';
import { readSources } from '../house/sources.ts';
import { code, table } from './markdown.ts';

export const protocolPage = fileURLToPath(new URL('../../docs/protocol.md', import.meta.url));

/** The page, whole. */
export function makeProtocolPage(): string {
  const apis = handlers.map(({ api }) => api).sort((a, b) => a.key - b.key);
  const about = sentences();
  const rows = apis.map((api) => [
    String(api.key),
    `[${api.name}](#${api.name.toLowerCase()})`,
    api.versions.join('–'),
    api.flexible === null ? 'none' : `from ${Math.max(api.flexible, api.versions[0])}`,
  ]);
  return `${[
    '# The wire',
    'Made from the tables in `src/kafka/api` by `npm run docs`; a test fails when it is stale, and another holds every table against Apache Kafka’s own definitions, field by field.',
    `\`bus.listen()\` speaks these APIs of Kafka’s protocol, from the oldest version that Apache Kafka 4 still takes to the newest. What is not here is not spoken and not advertised. A frame has at most ${limits.frameBytesMax} bytes, its arrays at most ${limits.wireItemsMax} items together, its strings ${limits.wireStringBytesMax} bytes each, and ${limits.taggedFieldsMax} tagged fields. A frame that breaks a bound, or is malformed, closes its connection; no other one is touched.`,
    table(rows, ['key', 'API', 'versions', 'compact lengths and tagged fields']),
    ...apis.map((api) => section(api, about.get(api.key) ?? '')),
  ].join('\n\n')}\n`;
}

/** What the top of each API's file says, by key. */
function sentences(): Map<number, string> {
  const found = new Map<number, string>();
  for (const { path, text } of readSources('src/kafka/api/*.ts')) {
    const sentence = /^\/\*\* \w+(?: of [^:]*)?: ([\s\S]*?) \*\//.exec(text)?.[1] ?? '';
    found.set(Number(/(\d+)-/.exec(path)?.[1]), sentence.charAt(0).toUpperCase() + sentence.slice(1));
  }
  return found;
}

function section(api: Api, about: string): string {
  const part = (name: string, shape: Shape): string =>
    Object.keys(shape).length === 0
      ? `**${name}**: empty`
      : `**${name}**\n\n${table(rowsOf(api, shape), ['field', 'type', 'versions', 'null', 'tag', 'default'])}`;
  return [`## ${api.name}`, about, part('Request', api.request), part('Response', api.response)].join('\n\n');
}

function rowsOf(api: Api, shape: Shape, path = ''): string[][] {
  return Object.entries(shape).flatMap(([name, field]) => {
    const item = field.items ?? field;
    const { since = api.versions[0], until, nullable, tag } = field.options;
    const versions = until === undefined ? `${since}+` : `${since}–${until}`;
    const nulls = nullable === undefined ? '' : nullable === true ? 'yes' : `from ${nullable}`;
    const type = field.type === 'array' ? `list of ${item.type}` : field.type;
    const own = [`${path}${code(name)}`, type, versions, nulls, tag === undefined ? '' : String(tag), shownDefault(field)];
    return [own, ...rowsOf(api, item.shape ?? {}, `${path}· `)];
  });
}

function shownDefault(field: Field): string {
  if (field.options.default === undefined) return '';
  const value = defaultOf(field);
  return value === '' ? 'empty' : code(String(value));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(protocolPage, makeProtocolPage());
}

export function protocolText(): string {
  return readFileSync(protocolPage, 'utf8');
}
