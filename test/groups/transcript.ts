/**
 * The language of the groups' transcripts. Members are named as they are in the file; ids that the coordinator makes are shown by the
 * name of who got them. Waiting joins and syncs are shown when they are answered.
 *
 *   topic t 4                      a topic of 4 partitions, or one grown to 4;  untopic t  deletes it;  unseen t 5  grows it while the
 *                                  coordinator is down
 *   hb a join t,u [/regex/]        KIP-848: joins with epoch 0; options: @instance, session=ms, rebalance=ms, assignor=range
 *   hb a [owns=t-0…1,u-3] [epoch=n]  a heartbeat with the epoch that it was told last, or n
 *   hb a leave | leave-for-a-while
 *   join c t,u [range,roundrobin] [owns=t-0] [@instance]   classic: with the id that it has, if any;  sync c [c:t-0 d:t-1]
 *   beat c · leave c … · commit a [epoch=n] · commit outside
 *   pass 5s · restart · group · history · list · delete
 */
import { decodeAssignment, encodeAssignment, encodeSubscription, type TopicPartitions } from '../../src/assign/consumer-protocol.ts';
import { errorName } from '../../src/base/errors.ts';
import type { GroupCoreAsk } from '../../src/coordinator/groups/decision.ts';
import { describeGroup } from '../../src/coordinator/groups/describe.ts';
import { isStored } from '../../src/coordinator/groups/facts.ts';
import { mayCommit } from '../../src/coordinator/groups/groups.ts';
import { namePartitions } from '../../src/coordinator/groups/words.ts';
import type { CoordinatorReply } from '../../src/coordinator/protocol.ts';
import { GroupBench, type Reply } from './bench.ts';

const GROUP = 'g';

interface Actor {
  memberId: string;
  instanceId: string | null;
  epoch: number;
  /** Its metadata's topics and protocols, for joins that repeat them. */
  topics: string[];
  protocols: string[];
  protocol: string;
}

export class Script {
  readonly #bench = new GroupBench();
  readonly #actors = new Map<string, Actor>();
  readonly #waiting = new Map<number, string>();
  /** Names by member id, to be shown. */
  readonly #names = new Map<string, string>();

  run(line: string): string {
    const [verb, ...words] = line.split(' ');
    this.#bench.facts = [];
    switch (verb) {
      case 'unseen':
        this.#bench.topics.set(words[0], { ...this.#topic(words[0]), partitions: Number(words[1]) });
        return '';
      case 'topic':
        return this.#show(this.#bench.setTopic(words[0], Number(words[1])));
      case 'untopic':
        return this.#show(this.#bench.deleteTopic(words[0]));
      case 'pass':
        return this.#show(this.#bench.pass(readMs(words[0])));
      case 'restart':
        this.#waiting.clear();
        return this.#show(this.#bench.restart());
      case 'hb':
        return this.#heartbeat(words[0], words.slice(1));
      case 'join':
        return this.#join(words[0], words.slice(1));
      case 'sync':
        return this.#sync(words[0], words.slice(1));
      case 'beat':
        return this.#beat(words[0], words.slice(1));
      case 'leave':
        return this.#leave(words);
      case 'commit':
        return this.#commit(words[0], words.slice(1));
      case 'group':
        return this.#describe();
      case 'history':
        return this.#history();
      case 'list': {
        const reply = this.#bench.ask({ verb: 'listGroups', id: 0, states: words, types: [] }).replies[0].reply;
        if (reply.verb !== 'listGroups') throw new Error('a list is answered with one');
        return (
          reply.groups.map(({ groupId, protocolType, state, type }) => `${groupId} ${type} ${state} ${protocolType}`).join('\n') || 'none'
        );
      }
      case 'delete': {
        const reply = this.#bench.ask({ verb: 'deleteGroups', id: 0, groupIds: [GROUP] }).replies[0].reply;
        if (reply.verb !== 'deleteGroups') throw new Error('a deletion is answered with one');
        return reply.groups.map(({ groupId, error, message }) => `${groupId} ${errorName(error)} ${message}`).join('\n');
      }
      default:
        throw new Error(`no such command: ${verb}`);
    }
  }

  #topic(name: string) {
    const topic = this.#bench.topics.get(name);
    if (topic === undefined) throw new Error(`there is no topic ${name}`);
    return topic;
  }

  #heartbeat(name: string, words: readonly string[]): string {
    const { instance, owns, epoch, session, rebalance, assignor, regex, rest } = readWords(words);
    const joins = rest[0] === 'join';
    const actor = this.#actor(name, name, instance);
    const leaving = { leave: -1, 'leave-for-a-while': -2 }[rest[0]];
    const topics = joins ? (rest[1]?.split(',') ?? []) : rest[0] === 'topics' ? rest[1].split(',') : null;
    return this.#ask(name, {
      verb: 'consumerGroupHeartbeat',
      id: 0,
      groupId: GROUP,
      clientId: name,
      clientHost: '/host',
      memberId: actor.memberId,
      memberEpoch: leaving ?? (joins ? 0 : (epoch ?? actor.epoch)),
      instanceId: actor.instanceId,
      rackId: null,
      rebalanceTimeoutMs: joins ? (rebalance ?? 20_000) : -1,
      sessionTimeoutMs: session ?? -1,
      topics,
      topicRegex: regex ?? (joins ? '' : null),
      assignor: assignor ?? null,
      owned: joins ? [] : owns === null ? null : this.#toIds(owns),
    });
  }

  #join(name: string, words: readonly string[]): string {
    const { instance, owns, session, rebalance, rest } = readWords(words);
    const actor = this.#actor(name, '', instance);
    if (words.includes('anew')) actor.memberId = '';
    const [topics, protocols] = rest.filter((word) => word !== 'anew' && word !== 'old');
    if (topics !== undefined) actor.topics = topics.split(',');
    if (protocols !== undefined) actor.protocols = protocols.split(',');
    return this.#ask(name, {
      verb: 'joinGroup',
      id: 0,
      groupId: GROUP,
      clientId: name,
      clientHost: '/host',
      memberId: actor.memberId,
      instanceId: actor.instanceId,
      sessionTimeoutMs: session ?? 10_000,
      rebalanceTimeoutMs: rebalance ?? 20_000,
      protocolType: 'consumer',
      protocols: actor.protocols.map((protocol) => ({
        name: protocol,
        metadata: encodeSubscription({ topics: actor.topics, userData: null, owned: owns ?? [], generation: -1, rackId: null }),
      })),
      reason: '',
      requiresMemberId: !words.includes('old'),
      canSkipAssignment: !words.includes('old'),
    });
  }

  #sync(name: string, words: readonly string[]): string {
    const actor = this.#actor(name, '', undefined);
    const { epoch, rest } = readWords(words);
    const assignments = rest.map((word) => {
      const [to, partitions] = word.split(':');
      const bytes = encodeAssignment({ partitions: readPartitions(partitions ?? ''), userData: null });
      return { memberId: this.#actor(to, '', undefined).memberId, assignment: bytes };
    });
    return this.#ask(name, {
      verb: 'syncGroup',
      id: 0,
      groupId: GROUP,
      generation: epoch ?? actor.epoch,
      memberId: actor.memberId,
      instanceId: actor.instanceId,
      protocolType: 'consumer',
      protocolName: actor.protocol,
      assignments,
    });
  }

  #beat(name: string, words: readonly string[]): string {
    const { memberId, instanceId, epoch } = this.#actor(name, '', undefined);
    const generation = readWords(words).epoch ?? epoch;
    return this.#ask(name, { verb: 'heartbeat', id: 0, groupId: GROUP, generation, memberId, instanceId });
  }

  #leave(names: readonly string[]): string {
    const members = names.map((name) => {
      if (name.startsWith('@')) return { memberId: '', instanceId: name.slice(1), reason: 'removed' };
      const { memberId, instanceId } = this.#actor(name, '', undefined);
      return { memberId, instanceId, reason: '' };
    });
    return this.#ask(names.join(' '), { verb: 'leaveGroup', id: 0, groupId: GROUP, members });
  }

  #commit(name: string, words: readonly string[]): string {
    const actor = name === 'outside' ? { memberId: '', instanceId: null, epoch: -1 } : this.#actor(name, '', undefined);
    const ask = { groupId: GROUP, ...actor, epoch: readWords(words).epoch ?? actor.epoch };
    const { error, message, facts } = mayCommit(this.#bench.groups, ask, this.#bench.around);
    this.#bench.take({ facts, replies: [] });
    return error === 0 ? 'may commit' : `${errorName(error)} ${this.#named(message)}`;
  }

  #ask(name: string, ask: GroupCoreAsk): string {
    const { token, replies } = this.#bench.ask(ask);
    this.#waiting.set(token, name);
    const shown = this.#show(replies);
    return replies.some((reply) => reply.token === token) ? shown : [`${name} waits`, shown].filter(Boolean).join('\n');
  }

  #actor(name: string, memberId: string, instance: string | undefined): Actor {
    const known = this.#actors.get(name) ?? {
      memberId,
      instanceId: null,
      epoch: 0,
      topics: ['t'],
      protocols: ['range'],
      protocol: 'range',
    };
    if (instance !== undefined) known.instanceId = instance;
    this.#actors.set(name, known);
    return known;
  }

  #show(replies: readonly Reply[]): string {
    const lines = replies.map(({ token, reply }) => this.#showReply(this.#waiting.get(token) ?? '?', reply));
    for (const { token } of replies) this.#waiting.delete(token);
    const stored = this.#bench.facts.filter(isStored).map((fact) => fact.fact);
    const counts = [...Map.groupBy(stored, (fact) => fact)].map(([fact, all]) => (all.length > 1 ? `${fact} ×${all.length}` : fact));
    if (counts.length > 0) lines.push(`  stored: ${counts.join(', ')}`);
    return lines.join('\n');
  }

  #showReply(name: string, reply: CoordinatorReply): string {
    const error = reply.error === 0 ? '' : ` ${errorName(reply.error)}`;
    const message = 'message' in reply && reply.message !== '' ? ` (${this.#named(reply.message)})` : '';
    switch (reply.verb) {
      case 'consumerGroupHeartbeat': {
        if (reply.error !== 0) return `${name}${error}${message}`;
        this.#actor(name, name, undefined).epoch = reply.memberEpoch;
        const rows = reply.assignment?.map(({ topicId, partitions }) => ({ topic: reply.names[topicId] || topicId, partitions }));
        return `${name} is in epoch ${reply.memberEpoch}${rows === undefined ? '' : `, has ${namePartitions(rows)}`}`;
      }
      case 'joinGroup': {
        const actor = this.#actor(name, '', undefined);
        if (errorName(reply.error) === 'MEMBER_ID_REQUIRED' || reply.error === 0) {
          actor.memberId = reply.memberId;
          this.#names.set(reply.memberId, `<${name}>`);
        }
        if (reply.error !== 0) return `${name}${error}${this.#named(message)}`;
        actor.epoch = reply.generation;
        actor.protocol = reply.protocolName;
        const leads =
          reply.leader === reply.memberId ? `, leads ${reply.members.map(({ memberId }) => this.#named(memberId)).join(' ')}` : '';
        return `${name} joins generation ${reply.generation} by ${reply.protocolName}${leads}${reply.skipAssignment ? ', need not assign' : ''}`;
      }
      case 'syncGroup':
        if (reply.error !== 0) return `${name}${error}${message}`;
        return `${name} gets ${namePartitions(decodeAssignment(reply.assignment)?.partitions ?? [])}`;
      case 'leaveGroup':
        return `${name} left${error}${reply.members
          .filter((row) => row.error !== 0)
          .map((row) => ` ${errorName(row.error)}`)
          .join('')}`;
      default:
        return `${name}${error === '' ? ' is well' : error}${message}`;
    }
  }

  #describe(): string {
    const group = this.#bench.groups.byId.get(GROUP);
    if (group === undefined) return 'none';
    const { type, state, epoch, assignor, members } = describeGroup(group, this.#bench.around);
    const rows = members.map(({ memberId, memberEpoch, assignment, targetAssignment, isClassic }) => {
      const target = namePartitions(targetAssignment);
      const has = namePartitions(assignment);
      const kind = type === 'consumer' && isClassic ? ' (classic)' : '';
      return `  ${this.#named(memberId)}${kind} in ${memberEpoch} has ${has}${target === has ? '' : `, is to have ${target}`}`;
    });
    return [`${type} ${state} ${epoch} ${assignor}`, ...rows].join('\n');
  }

  #history(): string {
    const events = this.#bench.groups.byId.get(GROUP)?.history ?? [];
    return events.map(({ atMs, epoch, kind, text }) => `${atMs - 1_000_000} ms  ${epoch}  ${kind}: ${this.#named(text)}`).join('\n');
  }

  #named(text: string): string {
    let named = text;
    for (const [memberId, name] of this.#names) named = named.replaceAll(memberId, name);
    return named.replace(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>');
  }

  #toIds(rows: readonly TopicPartitions[]) {
    return rows.map(({ topic, partitions }) => ({ topicId: this.#bench.topics.get(topic)?.topicId ?? topic, partitions }));
  }
}

function readWords(words: readonly string[]) {
  const value = (key: string): string | undefined => words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
  const number = (key: string): number | undefined => (value(key) === undefined ? undefined : readMs(value(key) ?? ''));
  const owns = value('owns');
  return {
    instance: words.find((word) => word.startsWith('@'))?.slice(1),
    owns: owns === undefined ? null : readPartitions(owns),
    epoch: number('epoch'),
    session: number('session'),
    rebalance: number('rebalance'),
    assignor: value('assignor'),
    regex: words.find((word) => /^\/.*\/$/.test(word))?.slice(1, -1),
    rest: words.filter((word) => !/^(@|[a-z]+=|\/.*\/$)/.test(word)),
  };
}

function readMs(text: string): number {
  return text.endsWith('s') ? Number(text.slice(0, -1)) * 1000 : Number(text);
}

/** 't-0…2,u-1' */
function readPartitions(text: string): TopicPartitions[] {
  const rows: TopicPartitions[] = [];
  for (const word of text.split(',').filter((one) => one !== '')) {
    const [, topic, from, to] = /^(.+)-(\d+)(?:…(\d+))?$/.exec(word) ?? [];
    if (topic === undefined) throw new Error(`"${word}" is no range of partitions`);
    const partitions = Array.from({ length: Number(to ?? from) - Number(from) + 1 }, (_, i) => Number(from) + i);
    const known = rows.find((row) => row.topic === topic);
    if (known === undefined) rows.push({ topic, partitions });
    else known.partitions.push(...partitions);
  }
  return rows;
}
