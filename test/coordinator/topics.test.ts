/** The life of topics as transcripts: what each ask is answered with, and the facts that it leads to. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { errorName, errors } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { type BusConfigs, parseBusConfigs } from '../../src/coordinator/config-values.ts';
import type { Fact } from '../../src/coordinator/facts.ts';
import type { ConfigOp, CoordinatorReply, NewTopic } from '../../src/coordinator/protocol.ts';
import { applyAll, emptyState, hostOf, type State } from '../../src/coordinator/state.ts';
import { type Decision, decide, type TopicAsk } from '../../src/coordinator/topics.ts';
import { seededRandom } from '../../src/world/random.ts';
import { testTranscripts } from './transcript.ts';

interface Bench {
  state: State;
  bus: BusConfigs;
  ask(ask: TopicAsk): Decision;
}

function makeBench(options: { hosts?: number; slots?: number; folder?: boolean; defaults?: Record<string, string> } = {}): Bench {
  const { hosts = 2, slots = 40, folder = true, defaults = {} } = options;
  const state = emptyState(slots);
  applyAll(state, [{ fact: 'busMade', busId: 'bus', hosts }]);
  const parsed = parseBusConfigs(defaults, { folder, memoryBytesMax: 2 ** 28 });
  if (parsed.message !== undefined) throw new Error(parsed.message);
  const bus = parsed.ok;
  const random = seededRandom(7);
  return {
    state,
    bus,
    ask(ask) {
      const decision = decide(state, ask, { nowMs: 1000, random, bus });
      applyAll(state, decision.facts);
      return decision;
    },
  };
}

describe('transcripts', () => {
  const folder = fileURLToPath(new URL('../transcripts/coordinator/', import.meta.url));
  testTranscripts(folder, () => {
    let bench = makeBench();
    return (line) => {
      const [verb, ...words] = line.split(' ');
      if (verb === 'bus') {
        bench = makeBench(readBus(words));
        return '';
      }
      if (verb === 'slots') return showSlots(bench.state);
      if (verb === 'deleted') {
        const topic = [...bench.state.byId.values()].find(({ name, deleting }) => name === words[0] && deleting);
        applyAll(bench.state, [{ fact: 'topicDeleted', topicId: topic?.topicId ?? '' }]);
        return '';
      }
      const { facts, reply } = bench.ask(readAsk(verb, words));
      return [...facts.map(showFact), ...showReply(reply)].join('\n');
    };
  });
});

describe('limits', () => {
  const create = (bench: Bench, topics: NewTopic[]) => {
    const { reply } = bench.ask({ verb: 'createTopics', id: 1, topics, validateOnly: false });
    return reply.verb === 'createTopics' ? reply.topics.map(({ error }) => errorName(error)) : [];
  };
  const topic = (name: string, partitions = 1): NewTopic => ({ name, partitions, replicationFactor: -1, configs: {} });

  test('partitions of a topic', () => {
    const bench = makeBench({ slots: limits.partitionsMax });
    expect(create(bench, [topic('a', limits.topicPartitionsMax), topic('b', limits.topicPartitionsMax + 1)])).toEqual([
      'NONE',
      'POLICY_VIOLATION',
    ]);
    const grow = (total: number) => bench.ask({ verb: 'createPartitions', id: 1, name: 'a', total }).reply.error;
    expect(grow(limits.topicPartitionsMax + 1)).toBe(errors.INVALID_PARTITIONS.code);
  });

  test('partitions of a bus', () => {
    const bench = makeBench({ slots: limits.partitionsMax });
    expect(create(bench, [topic('a', 10_000), topic('b', 10_000), topic('c', 1)])).toEqual(['NONE', 'NONE', 'LIMIT_REACHED']);
  });

  test('topics of a bus', () => {
    const bench = makeBench({ slots: limits.partitionsMax });
    const names = Array.from({ length: limits.topicsMax }, (_, i) => topic(`t${i}`));
    expect(new Set(create(bench, names))).toEqual(new Set(['NONE']));
    expect(create(bench, [topic('one-more')])).toEqual(['LIMIT_REACHED']);
  });

  test('topics of one ask', () => {
    const bench = makeBench();
    const names = Array.from({ length: limits.topicsMax + 1 }, (_, i) => `t${i}`);
    for (const ask of [
      { verb: 'deleteTopics' as const, id: 1, names },
      { verb: 'metadata' as const, id: 1, topics: names, autoCreate: false },
      { verb: 'describeConfigs' as const, id: 1, names },
      { verb: 'createTopics' as const, id: 1, topics: names.map((name) => topic(name)), validateOnly: true },
    ]) {
      expect(bench.ask(ask).reply.error).toBe(errors.LIMIT_REACHED.code);
    }
    expect(bench.ask({ verb: 'deleteTopics', id: 1, names: names.slice(1) }).reply.error).toBe(0);
  });

  test('length of a name', () => {
    const bench = makeBench();
    expect(create(bench, [topic('n'.repeat(limits.topicNameMax)), topic('n'.repeat(limits.topicNameMax + 1))])).toEqual([
      'NONE',
      'INVALID_TOPIC_EXCEPTION',
    ]);
  });
});

/** `bus hosts=3 memory log.retention.ms=1` */
function readBus(words: readonly string[]): Parameters<typeof makeBench>[0] {
  const { hosts, slots, ...defaults } = readPairs(words);
  return { hosts: Number(hosts ?? 2), slots: Number(slots ?? 40), folder: !words.includes('memory'), defaults };
}

function readAsk(verb: string, words: readonly string[]): TopicAsk {
  const id = 1;
  const flag = (name: string): boolean => words.includes(name);
  const names = words.filter((word) => !/^[a-z.]+=/.test(word) && !['check', 'auto', 'everything'].includes(word)).map(unquote);
  switch (verb) {
    case 'create': {
      const { partitions, replicas, ...configs } = readPairs(words);
      const topics = names.map((name) => ({
        name,
        partitions: Number(partitions ?? -1),
        replicationFactor: Number(replicas ?? -1),
        configs,
      }));
      return { verb: 'createTopics', id, topics, validateOnly: flag('check') };
    }
    case 'delete':
      return { verb: 'deleteTopics', id, names };
    case 'grow':
      return { verb: 'createPartitions', id, name: names[0], total: Number(names[1]) };
    case 'alter': {
      const ops: ConfigOp[] = [];
      for (const word of words.slice(1)) {
        const match = /^([^=+-]+)(?:(\+=|-=|=)(.*))?$/.exec(word);
        if (match === null || word === 'check') continue;
        const op = ({ '=': 'set', '+=': 'append', '-=': 'subtract' } as const)[match[2] as '='] ?? 'delete';
        ops.push({ key: match[1], op, value: match[3] ?? '' });
      }
      return { verb: 'alterConfigs', id, name: words[0], ops, validateOnly: flag('check') };
    }
    case 'describe':
      return { verb: 'describeConfigs', id, names };
    case 'metadata':
      return { verb: 'metadata', id, topics: flag('everything') ? null : names, autoCreate: flag('auto') };
    case 'producer-id':
      return { verb: 'initProducerId', id };
    default:
      throw new Error(`no such command: ${verb}`);
  }
}

function readPairs(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.filter((word) => /^[a-z.]+=/.test(word)).map((word) => word.split('=') as [string, string]));
}

function unquote(word: string): string {
  return word.startsWith('"') ? (JSON.parse(word) as string) : word;
}

function showFact({ fact, ...fields }: Fact): string {
  return `  + ${fact} ${JSON.stringify(fields)}`;
}

function showReply(reply: CoordinatorReply): string[] {
  const lines = reply.error === 0 ? [] : [`  ! ${errorName(reply.error)}`];
  switch (reply.verb) {
    case 'createTopics':
    case 'deleteTopics':
      for (const { name, error, message, partitions, topicId } of reply.topics) {
        lines.push(`  ${name}: ${errorName(error)} ${message || '-'} partitions=${partitions} id=${topicId || '-'}`);
      }
      return lines;
    case 'metadata':
      lines.push(`  epoch ${reply.epoch}`);
      for (const topic of reply.topics) {
        const places = topic.partitions.map(({ slot, host }) => `${slot}@${host}`).join(' ');
        lines.push(`  ${topic.name}: ${errorName(topic.error)} ${topic.durability} ≤${topic.batchBytesMax} B [${places}]`);
      }
      return lines;
    case 'describeConfigs':
      for (const { name, error, entries } of reply.topics) {
        lines.push(`  ${name}: ${errorName(error)}`);
        for (const { key, value, source, readOnly } of entries) {
          lines.push(`    ${key} = ${value} (${source}${readOnly ? ', read only' : ''})`);
        }
      }
      return lines;
    case 'createPartitions':
    case 'alterConfigs':
      return [...lines, `  ${reply.message || 'done'}`];
    case 'initProducerId':
      return [...lines, `  producer id ${reply.producerId}, epoch ${reply.producerEpoch}`];
    default:
      return [...lines, `  ${JSON.stringify(reply)}`];
  }
}

function showSlots(state: State): string {
  return [...state.byId.values()]
    .map(
      ({ name, slots, deleting }) =>
        `  ${name}${deleting ? ' (deleting)' : ''}: ${slots.map((slot) => `${slot}@${hostOf(state, slot)}`).join(' ')}`,
    )
    .join('\n');
}
