/** `mirror --to BROKERS`: topics, configs, records and offsets of groups to another bus or a Kafka cluster, following. */
import { mirror as mirrored } from '../client/mirror/mirror.ts';
import type { MirrorProgress } from '../client/mirror/options.ts';
import { type CompressionName, compressions } from '../record/compression.ts';
import { isBrokers, parseBrokers } from './brokers.ts';
import { exitCodes, UsageError } from './exit.ts';
import type { OptionTable } from './options.ts';
import { countOf, numberOf, Progress, sizeOf } from './progress.ts';
import { type BusSide, busOptions, openFolder, reach, using } from './session.ts';
import { type Call, defineVerb, result } from './verb.ts';

const options = {
  from: { type: 'text', value: 'FOLDER|BROKERS', about: 'the source (default: --dir or --bootstrap)' },
  to: { type: 'text', value: 'BROKERS', about: 'the target: HOST:PORT[,…], unix:PATH' },
  topics: { type: 'list', value: 'NAMES', about: 'only these: orders,clicks-.* (default: all but __…)' },
  groups: { type: 'list', value: 'NAMES', about: 'the offsets of these groups only (default: all)' },
  once: { type: 'flag', about: 'end when all is copied that is there now' },
  append: { type: 'flag', about: 'also to topics that have records of their own on the target: behind these' },
  name: { type: 'text', value: 'GROUP', about: 'the group under which the target keeps how far it is (default spillway-mirror)' },
  'replication-factor': {
    type: 'number',
    value: 'N',
    min: 1,
    max: 32_767,
    about: 'of topics that are made (default: as the brokers are set)',
  },
  compression: { type: 'text', value: 'CODEC', choices: Object.keys(compressions), about: 'of batches (default none)' },
  ...busOptions,
} as const satisfies OptionTable;

export const mirror = defineVerb({
  name: 'mirror',
  summary: 'Copy topics and offsets of groups to another bus or a Kafka cluster, and follow',
  usage: '--to BROKERS',
  words: { min: 0, max: 0 },
  options,
  endsWhenStopped: true,
  about: `Keys, values, headers, timestamps, partitions and order stay as they are; configs are copied as far as the target takes them. It may be
killed and run again: each record arrives once, as long as a mirrored topic has no other writer on the target. Offsets are the
same on both sides where both begin at 0; else those of groups are translated. NAMES are names of topics or regular expressions
that match a whole name. Ctrl-C finishes what is on its way and ends with 0. docs/outgrowing.md tells how to move.`,
  examples: [
    ['mirror --from spillway-data --to kafka-1:9092,kafka-2:9092', 'a folder to a cluster'],
    [
      'mirror --from 127.0.0.1:9092 --to kafka-1:9092 --topics orders,clicks-.* --once',
      'some topics of a bus that listens, as they are now',
    ],
  ],
  run: (call) => run(call),
});

type MirrorCall = Call<typeof options>;

async function run(call: MirrorCall): Promise<number> {
  const { values, terminal, notice, disk } = call;
  if (values.to === undefined) throw new UsageError('where to? --to names the brokers of the target', 'mirror');
  const to = parseBrokers(values.to, '--to', 'mirror');
  const { from } = values;
  const brokers = from === undefined ? call.brokers : isBrokers(from, disk) ? parseBrokers(from, '--from', 'mirror') : null;
  if (from !== undefined && (values.dir !== undefined || values.bootstrap !== undefined))
    throw new UsageError('--from says where to copy from; leave --dir and --bootstrap away', 'mirror');
  if (brokers?.some((one) => to.includes(one))) throw new UsageError('--from and --to name the same brokers', 'mirror');
  const topics = namesOf(values.topics, 'topics');
  const groups = namesOf(values.groups, 'groups');
  const source = brokers === null ? await openFolder(call, from ?? call.folder, 'must exist') : await reach(brokers);
  return using(
    source,
    async (here) =>
      using(
        await reach(to),
        async (there) => {
          const done = await copy(call, here, there, { ...(topics.length > 0 && { topics }), ...(groups.length > 0 && { groups }) });
          await result(terminal, values.json, done, () => `${told(done)}\n`);
          const isCut = values.once && terminal.stop.aborted && done.behind > 0;
          return isCut ? (terminal.stop.reason === 'terminated' ? exitCodes.terminated : exitCodes.interrupted) : exitCodes.ok;
        },
        notice,
      ),
    notice,
  );
}

interface Which {
  topics?: RegExp[];
  groups?: RegExp[];
}

async function copy({ values, terminal, clock, notice }: MirrorCall, from: BusSide, to: BusSide, which: Which): Promise<MirrorProgress> {
  const progress = new Progress(terminal, clock, 'mirroring');
  let isFollowing = values.once;
  const done = await mirrored(from, to, {
    ...which,
    once: values.once,
    append: values.append,
    ...(values.name === undefined ? {} : { name: values.name }),
    ...(values['replication-factor'] === undefined ? {} : { replicationFactor: values['replication-factor'] }),
    compression: (values.compression ?? 'none') as CompressionName,
    signal: terminal.stop,
    onNotice: (text) => notice(`spillway: ${text}`),
    onProgress: (now) => {
      const { records, bytes, behind } = now;
      if (!values.quiet) progress.update({ records, bytes, ...(behind > 0 && { share: records / (records + behind) }) });
      if (isFollowing || behind !== 0) return;
      isFollowing = true;
      notice(`${told(now)}; it follows until Ctrl-C`);
    },
  });
  terminal.draw('');
  return done;
}

function told({ topics, partitions, records, bytes, groups, behind }: MirrorProgress): string {
  const what = `${numberOf(topics)} topics, ${numberOf(partitions)} partitions, offsets of ${numberOf(groups)} groups`;
  return `mirrored ${countOf(records)}, ${sizeOf(bytes)}; ${what}; ${numberOf(behind)} behind`;
}

/** 'orders,clicks-.*' → patterns that match whole names. Throws UsageError. */
function namesOf(texts: readonly string[], option: string): RegExp[] {
  return texts
    .flatMap((text) => text.split(','))
    .map((text) => {
      if (text === '') throw new UsageError(`--${option} takes names, with a comma between them`, 'mirror');
      try {
        // A dot is more often a part of a name than a pattern.
        return new RegExp(`^(?:${/^[\w.-]+$/.test(text) ? text.replaceAll('.', '\\.') : text})$`);
      } catch (error) {
        throw new UsageError(`--${option}: ${(error as Error).message}`, 'mirror');
      }
    });
}
