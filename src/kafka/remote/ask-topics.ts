/**
 * Topics and their configurations, asked of a cluster. A controller answers when a change is decided, before the brokers have heard of it; here
 * it is answered when it is seen, so that who makes a topic can use it, as on a bus.
 */
import { errors } from '../../base/errors.ts';
import type { ConfigEntry, ConfigOp, TopicMetadata, TopicResult } from '../../coordinator/protocol.ts';
import { createTopics } from '../api/19-create-topics.ts';
import { deleteTopics } from '../api/20-delete-topics.ts';
import { initProducerId } from '../api/22-init-producer-id.ts';
import { describeConfigs } from '../api/32-describe-configs.ts';
import { createPartitions } from '../api/37-create-partitions.ts';
import { incrementalAlterConfigs } from '../api/44-incremental-alter-configs.ts';
import * as configs from './configs.ts';
import { type Desk, type Handle, put, untilSeen } from './desk.ts';
import { describe } from './settings.ts';
import * as topics from './topics.ts';
import { busCode, type ResponseFrom } from './words.ts';

/** A topic that is asked for may be on its way: made by this very ask, or by another client, and without a leader yet. */
export const askMetadata: Handle<'metadata'> = (ask, desk, reply) => {
  let last: { error: number; rows: TopicMetadata[] } = { error: errors.UNKNOWN_SERVER_ERROR.code, rows: [] };
  const isComing = ({ error }: TopicMetadata): boolean =>
    error === errors.LEADER_NOT_AVAILABLE.code || (ask.autoCreate && error === errors.UNKNOWN_TOPIC_OR_PARTITION.code);
  const look = (done: (seen: boolean) => void): void =>
    desk.topology.metadata(ask.topics, ask.autoCreate, (error, rows) => {
      last = { error, rows };
      // Of a list of all nobody waits for one.
      done(error !== 0 || ask.topics === null || !rows.some(isComing));
    });
  untilSeen(desk, look, () => {
    const { error, rows } = last;
    if (error !== 0) return reply({ error, epoch: 0, topics: [] });
    desk.settings.complete(desk, rows, () => reply({ error: 0, epoch: 0, topics: rows }));
  });
};

export const askCreateTopics: Handle<'createTopics'> = (ask, desk, reply) => {
  const names = ask.topics.map(({ name }) => name);
  const refuse = (error: number, words: string) => rowsOf(names.map((name) => topics.refusedTopic(name, error, words)));
  const wantsDurability = configs.namesDurability(ask.topics.flatMap((topic) => Object.keys(topic.configs)));
  learnDurability(desk, wantsDurability, (isKnown) => {
    const wanted = ask.topics.map((topic) => {
      const { configs: own, refusal } = isKnown ? { configs: topic.configs, refusal: '' } : configs.withoutDurability(topic.configs);
      return { topic: { ...topic, configs: { ...own } }, refusal };
    });
    const refused = new Map(wanted.flatMap(({ topic, refusal }) => (refusal === '' ? [] : [[topic.name, refusal] as const])));
    const sent = { ...ask, topics: wanted.flatMap(({ topic }) => (refused.has(topic.name) ? [] : [topic])) };
    const heard = (made: TopicResult[]): void => {
      const rows = new Map(made.map((row) => [row.name, row]));
      const results = names.map((name) => {
        const refusal = refused.get(name);
        return refusal === undefined
          ? (rows.get(name) ?? topics.refusedTopic(name, errors.UNKNOWN_SERVER_ERROR.code, ''))
          : topics.refusedTopic(name, errors.INVALID_CONFIG.code, refusal);
      });
      const good = ask.validateOnly ? [] : results.filter(({ error }) => error === 0);
      untilMade(desk, good, () => reply({ error: 0, topics: results }));
    };
    if (sent.topics.length === 0) return heard([]);
    const about = { to: 'controller', api: createTopics, message: topics.createRequest(sent), again: 'nothing' } as const;
    const question = { ...about, heard: (response: CreateResponse) => rowsOf(topics.createReply(sent, response)), refused: refuse };
    put(desk, question, ({ rows }) => heard(rows));
  });
};

/** Fills in what the answer may not have told: ids and numbers of partitions. */
function untilMade(desk: Desk, made: { name: string; topicId: string; partitions: number }[], then: () => void): void {
  if (made.length === 0) return then();
  const look = (done: (seen: boolean) => void): void =>
    desk.topology.metadata(
      made.map(({ name }) => name),
      false,
      (error, rows) => {
        if (error !== 0) return done(false);
        const known = new Map(rows.map((row) => [row.name, row]));
        for (const one of made) {
          const row = known.get(one.name);
          if (row === undefined || row.error !== 0) continue;
          one.topicId = row.topicId;
          one.partitions = row.partitions.length;
        }
        done(made.every(({ name }) => known.get(name)?.error === 0));
      },
    );
  untilSeen(desk, look, then);
}

export const askDeleteTopics: Handle<'deleteTopics'> = ({ names }, desk, reply) => {
  const heard = (rows: TopicResult[]): void => {
    const gone = rows.filter(({ error }) => error === 0).map(({ name }) => name);
    const done = (): void => {
      desk.changed(gone);
      reply({ error: 0, topics: rows });
    };
    if (gone.length === 0) return done();
    const look = (seen: (all: boolean) => void): void =>
      desk.topology.metadata(gone, false, (error, found) => seen(error === 0 && found.every((row) => row.error !== 0)));
    untilSeen(desk, look, done);
  };
  const about = { to: 'controller', api: deleteTopics, message: topics.deleteRequest(names), again: 'nothing' } as const;
  const refused = (error: number, words: string) => rowsOf(names.map((name) => topics.refusedTopic(name, error, words)));
  put(desk, { ...about, heard: (response) => rowsOf(topics.deleteReply(names, response)), refused }, ({ rows }) => heard(rows));
};

export const askCreatePartitions: Handle<'createPartitions'> = (ask, desk, reply) => {
  const heard = (answer: ReturnType<typeof topics.partitionsReply>): void => {
    if (answer.error !== 0) return reply(answer);
    const look = (done: (seen: boolean) => void): void =>
      desk.topology.metadata([ask.name], false, (error, [row]) =>
        done(error === 0 && row?.error === 0 && row.partitions.length >= ask.total),
      );
    untilSeen(desk, look, () => {
      desk.changed([ask.name]);
      reply(answer);
    });
  };
  const about = { to: 'controller', api: createPartitions, message: topics.partitionsRequest(ask), again: 'nothing' } as const;
  put(desk, { ...about, heard: topics.partitionsReply, refused: (error, message) => ({ error, message }) }, heard);
};

export const askAlterConfigs: Handle<'alterConfigs'> = (ask, desk, reply) => {
  learnDurability(desk, configs.namesDurability(ask.ops.map(({ key }) => key)), (isKnown) => {
    const { ops, refusal } = isKnown ? { ops: ask.ops, refusal: '' } : configs.opsWithoutDurability(ask.ops);
    if (refusal !== '') return reply({ error: errors.INVALID_CONFIG.code, message: refusal });
    const message = configs.alterRequest({ ...ask, ops });
    const heard = (answer: ReturnType<typeof configs.alterReply>): void => {
      if (answer.error !== 0 || ask.validateOnly) return reply(answer);
      untilAltered(desk, ask.name, ops, () => {
        desk.settings.forget(ask.name);
        desk.changed([ask.name]);
        reply(answer);
      });
    };
    const about = { to: 'controller', api: incrementalAlterConfigs, message, again: 'all' } as const;
    put(desk, { ...about, heard: configs.alterReply, refused: (error, words) => ({ error, message: words }) }, heard);
  });
};

function untilAltered(desk: Desk, name: string, ops: readonly ConfigOp[], then: () => void): void {
  const keys = ops.map(({ key }) => key);
  const look = (done: (seen: boolean) => void): void =>
    describe(desk, [name], keys, (error, [described]) => done(error !== 0 || configs.isSeen(ops, described.entries)));
  untilSeen(desk, look, then);
}

export const askDescribeConfigs: Handle<'describeConfigs'> = ({ names, bus = false }, desk, reply) => {
  describe(desk, names, null, (error, described) => {
    if (error !== 0 || !bus) return reply({ error, topics: described });
    describeBroker(desk, null, (refusal, entries) => reply({ error: refusal, topics: described, bus: entries }));
  });
};

/** Asks a broker once whether it has `durability`; one that cannot be asked is taken to have it, and refuses what it does not know. */
function learnDurability(desk: Desk, isWanted: boolean, then: (isKnown: boolean) => void): void {
  if (!isWanted || desk.knowsDurability !== null) return then(desk.knowsDurability ?? true);
  describeBroker(desk, [configs.DURABILITY_OF_BUS], (error, entries) => {
    if (error === 0) desk.knowsDurability = entries.some(({ key }) => key === configs.DURABILITY_OF_BUS);
    then(desk.knowsDurability ?? true);
  });
}

/** What a broker is configured with: any of them, for clusters are configured alike. */
function describeBroker(desk: Desk, keys: readonly string[] | null, done: (error: number, entries: ConfigEntry[]) => void): void {
  desk.topology.metadata([], false, (unreached) => {
    const [node] = desk.topology.nodes();
    if (unreached !== 0 || node === undefined) return done(unreached === 0 ? errors.LEADER_NOT_AVAILABLE.code : unreached, []);
    const about = { to: { node }, api: describeConfigs, message: configs.brokerRequest(node, keys), again: 'all' } as const;
    const refused = (error: number) => ({ name: '', error, entries: [] });
    const heard = (response: ConfigsResponse) => configs.describedTopics([String(node)], response)[0];
    put(desk, { ...about, heard, refused }, ({ error, entries }) => done(error, entries));
  });
}

/** Of an idempotent producer; the timeout is one of transactions. */
export const askInitProducerId: Handle<'initProducerId'> = (_ask, desk, reply) => {
  const message = { transactionalId: null, transactionTimeoutMs: 60_000 };
  const heard = ({ errorCode, ...given }: ResponseFrom<typeof initProducerId>) => ({ error: busCode(errorCode), ...given });
  const refused = (error: number) => ({ error, producerId: -1, producerEpoch: -1 });
  put(desk, { to: 'any', api: initProducerId, message, again: 'all', heard, refused }, reply);
};

/** All of a call in one answer, each topic with its own error. */
function rowsOf(rows: TopicResult[]): { error: number; rows: TopicResult[] } {
  return { error: 0, rows };
}

type CreateResponse = ResponseFrom<typeof createTopics>;
type ConfigsResponse = ResponseFrom<typeof describeConfigs>;
