/** `topics …`: create, list, describe, alter, delete. */
import type { TopicDescription } from '../client/admin.ts';
import type { GroupLag } from '../client/group-admin.ts';
import type { ConfigEntry } from '../coordinator/protocol.ts';
import { exitCodes, UsageError } from './exit.ts';
import { lagsOf, lagText } from './groups.ts';
import type { OptionTable } from './options.ts';
import { parsePair } from './position.ts';
import { numberOf, sizeOf } from './progress.ts';
import { busOptions, withBus } from './session.ts';
import { table } from './table.ts';
import { defineVerb, result, type Verb } from './verb.ts';

const create = defineVerb({
  name: 'topics create',
  summary: 'Create topics',
  usage: 'TOPIC…',
  words: { min: 1, max: 1000 },
  options: {
    partitions: { type: 'number', short: 'p', min: 1, max: 10_000, about: 'partitions of each (default 1)' },
    durability: {
      type: 'text',
      value: 'LEVEL',
      choices: ['memory', 'written', 'synced'],
      about: 'when a record is committed (default synced)',
    },
    config: {
      type: 'list',
      value: 'NAME=VALUE',
      also: ['set', 'add-config'],
      about: "a topic config by Kafka's name; may be given many times",
    },
    'if-absent': { type: 'flag', also: ['if-not-exists'], about: 'topics that exist are left as they are' },
    ...busOptions,
  } satisfies OptionTable,
  examples: [
    ['topics create orders --partitions 4', 'a topic with four partitions in ./spillway-data'],
    ['topics create clicks --durability memory --config retention.ms=3600000', 'kept in memory, for an hour'],
  ],
  run: (call) =>
    withBus(call, 'make', async (bus) => {
      const { values, positionals, terminal } = call;
      const admin = bus.admin();
      const configs: Record<string, string> = Object.fromEntries(values.config.map((pair) => parsePair(pair, 'config', 'topics create')));
      if (values.durability !== undefined) configs.durability = values.durability;
      const known = new Set(values['if-absent'] ? (await admin.listTopics()).map(({ name }) => name) : []);
      const wanted = positionals.filter((name) => !known.has(name));
      const created = await admin.createTopics(wanted.map((name) => ({ name, partitions: values.partitions ?? 1, configs })));
      await result(terminal, values.json, { created }, () =>
        created.map(({ name, partitions }) => `created ${name} with ${partitions} partition${partitions === 1 ? '' : 's'}\n`).join(''),
      );
      return exitCodes.ok;
    }),
});

const list = defineVerb({
  name: 'topics list',
  summary: 'List topics',
  usage: '',
  words: { min: 0, max: 0 },
  options: busOptions,
  examples: [['topics list --json', 'for a program: { "topics": [{ "name", "topicId", "partitions", "durability" }] }']],
  run: (call) =>
    withBus(call, 'must exist', async (bus) => {
      const topics = await bus.admin().listTopics();
      if (topics.length === 0) call.notice('there are no topics');
      await result(call.terminal, call.values.json, { topics }, () =>
        table(
          ['topic', 'partitions', 'durability', 'id'],
          topics.map(({ name, partitions, durability, topicId }) => [name, String(partitions), durability, topicId]),
        ),
      );
      return exitCodes.ok;
    }),
});

const describe = defineVerb({
  name: 'topics describe',
  summary: 'Show partitions, offsets, sizes, lag of groups and configs of topics',
  usage: 'TOPIC…',
  words: { min: 1, max: 1000 },
  options: { all: { type: 'flag', about: 'configs at their defaults too' }, ...busOptions } satisfies OptionTable,
  examples: [['topics describe orders', 'where its records lie, who is how far behind, and what is configured']],
  run: (call) =>
    withBus(call, 'must exist', async (bus) => {
      const { values, positionals, terminal } = call;
      const admin = bus.admin();
      const described = await admin.describeTopics(positionals);
      const configs = new Map((await admin.describeConfigs(positionals)).map(({ name, entries }) => [name, entries]));
      const lags = await lagsOf(admin, positionals);
      const topics = described.map((topic) => ({
        ...topic,
        groups: lags.get(topic.name) ?? [],
        configs: (configs.get(topic.name) ?? []).filter(({ source }) => values.all || source !== 'default'),
      }));
      await result(terminal, values.json, { topics }, () => topics.map(describedText).join('\n'));
      return exitCodes.ok;
    }),
});

const alter = defineVerb({
  name: 'topics alter',
  summary: 'Change configs of a topic, or add partitions',
  usage: 'TOPIC',
  words: { min: 1, max: 1 },
  options: {
    set: { type: 'list', value: 'NAME=VALUE', also: ['config', 'add-config'], about: 'set a config' },
    unset: { type: 'list', value: 'NAME', also: ['delete-config'], about: 'back to the default' },
    partitions: { type: 'number', short: 'p', min: 1, max: 10_000, about: 'partitions in all, from now on' },
    ...busOptions,
  } satisfies OptionTable,
  about: 'With more partitions the keys are spread anew: records of one key that were sent before stay where they are.',
  examples: [
    ['topics alter orders --set retention.ms=86400000 --unset retention.bytes', 'keep a day'],
    ['topics alter orders --partitions 8', 'eight partitions'],
  ],
  run: async (call) => {
    const { values, positionals, terminal } = call;
    const [name] = positionals;
    const ops = [
      ...values.set.map((pair) => {
        const [key, value] = parsePair(pair, 'set', 'topics alter');
        return { key, op: 'set' as const, value };
      }),
      ...values.unset.map((key) => ({ key, op: 'delete' as const })),
    ];
    if (ops.length === 0 && values.partitions === undefined)
      throw new UsageError('nothing to change: give --set, --unset or --partitions', 'topics alter');
    return withBus(call, 'must exist', async (bus) => {
      const admin = bus.admin();
      if (ops.length > 0) await admin.alterConfigs(name, ops);
      if (values.partitions !== undefined) await admin.createPartitions(name, values.partitions);
      const altered = { name, configs: ops.map(({ key }) => key), partitions: values.partitions ?? null };
      await result(terminal, values.json, { altered }, () => `altered ${name}\n`);
      return exitCodes.ok;
    });
  },
});

const remove = defineVerb({
  name: 'topics delete',
  summary: 'Delete topics with their records and files',
  usage: 'TOPIC…',
  words: { min: 1, max: 1000 },
  options: busOptions,
  examples: [['topics delete orders', 'its files are removed']],
  run: (call) =>
    withBus(call, 'must exist', async (bus) => {
      const { values, positionals, terminal } = call;
      await bus.admin().deleteTopics(positionals);
      await result(terminal, values.json, { deleted: positionals }, () => positionals.map((name) => `deleted ${name}\n`).join(''));
      return exitCodes.ok;
    }),
});

export const topicVerbs: readonly Verb[] = [create, list, describe, alter, remove];

interface Described extends TopicDescription {
  configs: ConfigEntry[];
  groups: { groupId: string; state: string; offsets: GroupLag[] }[];
}

function describedText({ name, topicId, durability, partitions, configs, groups }: Described): string {
  const records = partitions.reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0);
  const bytes = partitions.reduce((sum, { logBytes }) => sum + logBytes, 0);
  const rows = partitions.map((one) => [
    String(one.partition),
    one.state,
    String(one.startOffset),
    String(one.highWatermark),
    String(one.endOffset),
    sizeOf(one.logBytes),
    sizeOf(one.residentBytes),
    String(one.segments),
    one.quarantined.length === 0 ? '-' : `${one.quarantined.length} ranges`,
  ]);
  const head = `${name}  ${durability}  ${numberOf(records)} offsets, ${sizeOf(bytes)}  id ${topicId}\n`;
  const body = table(['partition', 'state', 'start', 'committed', 'end', 'size', 'in memory', 'segments', 'damage'], rows);
  const lines = configs.map(({ key, value, source }) => `  ${key}=${value}${source === 'topic' ? '' : `  (${source})`}\n`);
  const readers = groups.map(({ groupId, state, offsets }) => [groupId, state, String(offsets.length), lagText(offsets)]);
  const read = readers.length === 0 ? '' : table(['group', 'state', 'partitions', 'lag'], readers);
  return `${head}${body}${read}${lines.join('')}`;
}
