/** `groups …`: list, describe, explain, reset, delete. */
import type { Admin } from '../client/admin.ts';
import type { GroupLag, GroupWithLag, OffsetChange } from '../client/group-admin.ts';
import type { ResetTarget } from '../client/group-checks.ts';
import type { TopicPartition } from '../client/places.ts';
import type { PartitionExplanation } from '../coordinator/groups/protocol.ts';
import { exitCodes, UsageError } from './exit.ts';
import { explainFrom } from './explain.ts';
import type { OptionTable } from './options.ts';
import { parsePartitions, parsePlace, placeForms } from './position.ts';
import { numberOf } from './progress.ts';
import { busOptions, withBus } from './session.ts';
import { table } from './table.ts';
import { type Zone, zoneOptions } from './times.ts';
import { type Call, defineVerb, result, type Verb } from './verb.ts';

const list = defineVerb({
  name: 'groups list',
  summary: 'List consumer groups',
  usage: '',
  words: { min: 0, max: 0 },
  options: busOptions,
  examples: [['groups list --json', 'for a program: { "groups": [{ "groupId", "state", "type", "protocolType" }] }']],
  run: (call) =>
    withBus(call, 'must exist', async (bus) => {
      const groups = await bus.admin().listGroups();
      if (groups.length === 0) call.notice('there are no groups');
      await result(call.terminal, call.values.json, { groups }, () =>
        table(
          ['group', 'state', 'type'],
          groups.map(({ groupId, state, type, protocolType }) => [groupId, state, protocolType === '' ? 'offsets only' : type]),
        ),
      );
      return exitCodes.ok;
    }),
});

const describe = defineVerb({
  name: 'groups describe',
  summary: 'Show members, committed offsets and lag of groups',
  usage: 'GROUP…',
  words: { min: 1, max: 1000 },
  options: busOptions,
  examples: [['groups describe billing', 'who reads what, and how far behind']],
  run: (call) =>
    withBus(call, 'must exist', async (bus) => {
      const groups = await bus.admin().describeGroups(call.positionals);
      // What members of the classic protocol sent is bytes for their own assignors.
      const shown = groups.map((group) => ({
        ...group,
        members: group.members.map(({ metadata: _metadata, assignmentBytes: _bytes, ...member }) => member),
      }));
      await result(call.terminal, call.values.json, { groups: shown }, () => groups.map(describedText).join('\n'));
      return exitCodes.ok;
    }),
});

const explain = defineVerb({
  name: 'groups explain',
  summary: 'Say why each partition of a group stands where it stands',
  usage: 'GROUP',
  words: { min: 1, max: 1 },
  options: {
    all: { type: 'flag', about: 'partitions that are read to their end too' },
    for: {
      type: 'number',
      value: 'SECONDS',
      min: 0,
      max: 3600,
      about: 'how long to look whether what is committed moves (--bootstrap; default 6)',
    },
    ...busOptions,
  } satisfies OptionTable,
  about: `Who has it, what it waits for, since when, and what to do. Members live in their own processes: they are seen by --bootstrap, where their
bus listens. Of a folder that this process opens by itself a group has none, unless their process has just died. Brokers do not
tell what a member does, so --bootstrap looks twice, and longer apart than most clients commit.`,
  examples: [
    ['groups explain billing', 'a sentence for each partition with records that wait'],
    ['groups explain billing --bootstrap 127.0.0.1:9092', 'with the members that are there now'],
  ],
  run: (call) =>
    withBus(call, 'must exist', async (bus) => {
      const { group, partitions } = await explained(call, bus.admin());
      const shown = call.values.all
        ? partitions
        : partitions.filter(({ lag, committed, state }) => lag !== 0 || committed < 0 || state === 'moving');
      await result(call.terminal, call.values.json, { groupId: group.groupId, state: group.state, partitions: shown }, () =>
        explainedText(group.groupId, shown, partitions.length),
      );
      return exitCodes.ok;
    }),
});

const reset = defineVerb({
  name: 'groups reset',
  summary: 'Move the committed offsets of a group that has no members',
  usage: 'GROUP',
  words: { min: 1, max: 1 },
  options: {
    to: { type: 'text', value: 'PLACE', also: ['to-earliest', 'to-latest', 'to-offset', 'to-datetime'], about: placeForms },
    ...zoneOptions,
    shift: { type: 'number', value: 'N', also: ['shift-by'], about: 'so many records on, or back when negative' },
    topic: { type: 'list', value: 'TOPIC[:PARTITIONS]', about: 'these only; default: all that the group has committed something of' },
    'dry-run': { type: 'flag', short: 'n', about: 'only show what would be done' },
    ...busOptions,
  } satisfies OptionTable,
  about: 'What lies before the first record of a partition, or behind its last, is moved to that end.',
  examples: [
    ['groups reset billing --to beginning --dry-run', 'what reading everything again would mean'],
    ['groups reset billing --to 2026-01-31T09:30 --topic orders:0-3', 'from a time on'],
    ['groups reset billing --shift -100', 'a hundred records back, in every partition'],
  ],
  run: async (call) => {
    const { values, positionals, terminal, clock } = call;
    const to = targetOf(values.to, values.shift, clock.nowMs(), (values.zone ?? 'utc') as Zone);
    const topics = values.topic.length === 0 ? undefined : values.topic.flatMap(placesOf);
    return withBus(call, 'must exist', async (bus) => {
      const [groupId] = positionals;
      const dryRun = values['dry-run'];
      const changes = await bus.admin().resetOffsets(groupId, { to, topics, dryRun });
      await result(terminal, values.json, { groupId, dryRun, changes }, () => changesText(changes, dryRun));
      return exitCodes.ok;
    });
  },
});

const remove = defineVerb({
  name: 'groups delete',
  summary: 'Delete groups that have no members, with their committed offsets',
  usage: 'GROUP…',
  words: { min: 1, max: 1000 },
  options: {
    topic: { type: 'list', value: 'TOPIC[:PARTITIONS]', about: 'only the offsets of these; the group stays' },
    ...busOptions,
  } satisfies OptionTable,
  examples: [
    ['groups delete billing', 'a consumer of this group begins where its autoOffsetReset says'],
    ['groups delete billing --topic old-orders', 'forget one topic'],
  ],
  run: (call) =>
    withBus(call, 'must exist', async (bus) => {
      const { values, positionals, terminal } = call;
      const admin = bus.admin();
      if (values.topic.length === 0) await admin.deleteGroups(positionals);
      else
        for (const groupId of positionals) await admin.deleteGroupOffsets(groupId, await everyPlace(admin, values.topic.flatMap(placesOf)));
      const what = values.topic.length === 0 ? '' : `offsets of ${values.topic.join(', ')} of `;
      await result(terminal, values.json, { deleted: positionals, topics: values.topic }, () =>
        positionals.map((groupId) => `deleted ${what}${groupId}\n`).join(''),
      );
      return exitCodes.ok;
    }),
});

export const groupVerbs: readonly Verb[] = [list, describe, explain, reset, remove];

/** How far behind groups are with a topic, for `topics describe`: groups that have committed something of it, or read it. */
export async function lagsOf(
  admin: Admin,
  topics: readonly string[],
): Promise<Map<string, { groupId: string; state: string; offsets: GroupLag[] }[]>> {
  const found = new Map(topics.map((name) => [name, [] as { groupId: string; state: string; offsets: GroupLag[] }[]]));
  const listed = await admin.listGroups();
  for (const { groupId, state, offsets } of await admin.describeGroups(listed.map(({ groupId }) => groupId))) {
    for (const [name, rows] of Map.groupBy(offsets, ({ topic }) => topic)) found.get(name)?.push({ groupId, state, offsets: rows });
  }
  return found;
}

/** '-' where it is not known of any partition. */
export function lagText(offsets: readonly GroupLag[]): string {
  const known = offsets.filter(({ lag }) => lag >= 0);
  return known.length === 0 ? '-' : numberOf(known.reduce((sum, { lag }) => sum + lag, 0));
}

function targetOf(to: string | undefined, shift: number | undefined, nowMs: number, zone: Zone): ResetTarget {
  if ((to === undefined) === (shift === undefined)) throw new UsageError('where to? give either --to or --shift', 'groups reset');
  if (shift !== undefined) return { shiftBy: shift };
  const place = parsePlace(to ?? '', 'to', nowMs, 'groups reset', zone);
  switch (place.kind) {
    case 'beginning':
      return 'earliest';
    case 'end':
      return 'latest';
    case 'offset':
      return place.offset;
    case 'last':
      return { fromEnd: place.count };
    case 'time':
      return { timestamp: Math.max(0, place.timestampMs) };
  }
}

/** 'orders' is all of it, 'orders:0-3' some partitions. */
function placesOf(text: string): (string | TopicPartition)[] {
  const at = text.indexOf(':');
  if (at < 0) return [text];
  return parsePartitions([text.slice(at + 1)]).map((partition) => ({ topic: text.slice(0, at), partition }));
}

/** What the bus says of a group, or what two looks at it do. */
async function explained(call: Call<{ for: { type: 'number'; about: string } }>, admin: Admin) {
  const [groupId] = call.positionals;
  if (call.brokers === null) return admin.explainGroup(groupId);
  const before = await admin.describeGroup(groupId);
  const forMs = before.offsets.some(({ lag, memberId }) => lag !== 0 && memberId !== '') ? (call.values.for ?? 6) * 1000 : 0;
  const startMs = call.clock.monotonicMs();
  if (forMs > 0) {
    await new Promise<void>((resolve) => {
      call.clock.after(forMs, resolve, true);
      call.terminal.stop.addEventListener('abort', () => resolve(), { once: true });
    });
  }
  const group = forMs > 0 ? await admin.describeGroup(groupId) : before;
  return { group, partitions: explainFrom(before, group, forMs > 0 ? call.clock.monotonicMs() - startMs : 0) };
}

async function everyPlace(admin: Admin, places: readonly (string | TopicPartition)[]): Promise<TopicPartition[]> {
  const names = places.filter((place) => typeof place === 'string');
  const topics = names.length === 0 ? [] : await admin.describeTopics(names);
  const whole = topics.flatMap(({ name, partitions }) => partitions.map(({ partition }) => ({ topic: name, partition })));
  return [...whole, ...places.filter((place) => typeof place !== 'string')];
}

function describedText({ groupId, state, type, epoch, assignor, members, offsets }: GroupWithLag): string {
  const how = members.length === 0 ? '' : `  ${type}, ${assignor === '' ? 'no assignor' : assignor}${epoch < 0 ? '' : `, epoch ${epoch}`}`;
  const head = `${groupId}  ${state}${how}  ${numberOf(members.length)} member${members.length === 1 ? '' : 's'}, lag ${lagText(offsets)}\n`;
  const nameOf = new Map(
    members.map(({ memberId, instanceId, clientId }) => [memberId, instanceId ?? (clientId === '' ? memberId : `${clientId} ${memberId}`)]),
  );
  const rows = offsets.map(({ topic, partition, committed, highWatermark, lag, memberId }) => [
    topic,
    String(partition),
    known(committed),
    known(highWatermark),
    known(lag),
    memberId === '' ? '-' : (nameOf.get(memberId) ?? memberId),
  ]);
  if (rows.length === 0) return `${head}nothing committed\n`;
  return `${head}${table(['topic', 'partition', 'committed', 'end', 'lag', 'member'], rows)}`;
}

function explainedText(groupId: string, partitions: readonly PartitionExplanation[], all: number): string {
  if (partitions.length === 0)
    return `${groupId}: ${all === 0 ? 'nothing committed and nothing assigned' : 'all that it has committed is read to the end'}\n`;
  return partitions
    .map(({ topic, partition, state, lag, text }) => `${topic}-${partition}  ${state}, lag ${known(lag)}: ${text}\n`)
    .join('');
}

function changesText(changes: readonly OffsetChange[], dryRun: boolean): string {
  const rows = changes.map(({ topic, partition, before, after }) => [topic, String(partition), known(before), String(after)]);
  return `${table(['topic', 'partition', dryRun ? 'committed' : 'before', dryRun ? 'would be' : 'after'], rows)}`;
}

function known(number: number): string {
  return number < 0 ? '-' : String(number);
}
