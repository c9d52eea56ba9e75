/** Asks as promises: a refusal becomes a BusError; who is being restarted, and a host whose disk refuses, is asked again for a while. */
import { BusError, errorName, errors, isRetriable } from '../base/errors.ts';
import type { CoordinatorReplyOf, CoordinatorVerb, CoordinatorVerbs, TopicMetadata } from '../coordinator/protocol.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { HostReplyOf, HostVerb, HostVerbs } from '../partition/protocol.ts';
import { checkText } from './check.ts';
import type { TopicPartition } from './places.ts';
import { advice, unknownPartition, unknownTopic } from './refusals.ts';

/** How long a call goes on asking. What a host is asked here may be asked twice. */
const GIVE_UP_AFTER_MS = 30_000;
const AGAIN_AFTER_MS = 20;

export function ask<V extends HostVerb>(
  dispatcher: Dispatcher,
  host: number,
  verb: V,
  fields: HostVerbs[V]['ask'],
  giveUpAfterMs = GIVE_UP_AFTER_MS,
): Promise<HostReplyOf<V>> {
  const { clock } = dispatcher;
  const deadlineMs = clock.monotonicMs() + giveUpAfterMs;
  return new Promise((resolve, reject) => {
    const attempt = (): void => {
      dispatcher.askHost(host, verb, fields, (error, reply) => {
        if (error === 0 && reply !== null) return resolve(reply);
        if (isRetriable(error) && clock.monotonicMs() < deadlineMs) return void clock.after(AGAIN_AFTER_MS, attempt, true);
        reject(new BusError(errorName(error), `${verb} was refused: ${advice(error)}`));
      });
    };
    attempt();
  });
}

/**
 * Asks whoever carries a partition, wherever that is by then: while its host is asked again, its topic may be deleted, and may come back
 * elsewhere; with an id, the one that has it is meant. Throws BusError UNKNOWN_TOPIC_OR_PARTITION for what is not there (any more).
 */
export async function askPartition<V extends 'listOffsets' | 'deleteRecords'>(
  dispatcher: Dispatcher,
  { topic, topicId, partition }: TopicPartition & { topicId?: string },
  verb: V,
  fields: Omit<HostVerbs[V]['ask'], 'slot'>,
): Promise<HostReplyOf<V>> {
  const { clock } = dispatcher;
  const deadlineMs = clock.monotonicMs() + GIVE_UP_AFTER_MS;
  for (;;) {
    const { partitions, ...known } = await loadTopicWith(dispatcher, topic, partition, topicId);
    if ((topicId ?? known.topicId) !== known.topicId) throw unknownTopic(topic, 0);
    const place = partitions[partition];
    if (place === undefined) throw unknownPartition(topic, partition, partitions.length);
    const whole = { ...fields, slot: place.slot } as HostVerbs[V]['ask'];
    const { error, reply } = await new Promise<{ error: number; reply: HostReplyOf<V> | null }>((resolve) =>
      dispatcher.askHost(place.host, verb, whole, (error, reply) => resolve({ error, reply })),
    );
    if (error === 0 && reply !== null) return reply;
    if (!isRetriable(error) || clock.monotonicMs() >= deadlineMs)
      throw new BusError(errorName(error), `${verb} was refused: ${advice(error)}`);
    await new Promise<void>((resolve) => void clock.after(AGAIN_AFTER_MS, resolve, true));
  }
}

/** What may be asked twice: its second answer is the first one's, or as good. */
const repeatable: ReadonlySet<CoordinatorVerb> = new Set<CoordinatorVerb>([
  'metadata',
  'describeConfigs',
  'initProducerId',
  'pressure',
  'reportLoad',
  'close',
  'offsetFetch',
  'listGroups',
  'describeGroups',
  'explainGroup',
  'groupHistory',
  'describeQuotas',
  'describeGroupConfigs',
]);

/**
 * Asks the coordinator, and its successor when it fails: what it can not have heard of is asked again, and so is what may be asked
 * twice. Of the rest nobody knows whether it was done: refused with COORDINATOR_NOT_AVAILABLE.
 */
export function askCoordinator<V extends CoordinatorVerb>(
  dispatcher: Dispatcher,
  verb: V,
  fields: CoordinatorVerbs[V]['ask'],
  giveUpAfterMs = GIVE_UP_AFTER_MS,
): Promise<CoordinatorReplyOf<V>> {
  const { clock } = dispatcher;
  const deadlineMs = clock.monotonicMs() + giveUpAfterMs;
  return new Promise((resolve, reject) => {
    const attempt = (): void => {
      dispatcher.askCoordinator(verb, fields, (error, reply) => {
        if (error === 0 && reply !== null) return resolve(reply);
        const isAbsent = reply === null && isRetriable(error);
        const isSafe = repeatable.has(verb) || error === errors.COORDINATOR_LOAD_IN_PROGRESS.code;
        if (isAbsent && isSafe && clock.monotonicMs() < deadlineMs) return void clock.after(AGAIN_AFTER_MS, attempt, true);
        const message = reply !== null && 'message' in reply ? reply.message : '';
        const unsure = isAbsent && !isSafe ? '; it may have been carried out: look first' : '';
        reject(new BusError(errorName(error), message === '' ? `${verb} was refused: ${advice(error)}${unsure}` : message));
      });
    };
    attempt();
  });
}

/** A topic's metadata. Throws BusError INVALID_ARGUMENT for what is no name, UNKNOWN_TOPIC_OR_PARTITION when there is none of it. */
export async function loadTopic(dispatcher: Dispatcher, name: string, autoCreate = false): Promise<TopicMetadata> {
  const known = dispatcher.topic(checkText('the name of a topic', name));
  if (known !== undefined) return known;
  return new Promise((resolve, reject) =>
    dispatcher.loadTopics([name], autoCreate, (error, refusals) => {
      // Looked up at once: what comes in the same turn may say that the topic has changed, and then it is forgotten again.
      const loaded = dispatcher.topic(name);
      if (loaded === undefined) reject(unknownTopic(name, error === 0 ? (refusals.get(name) ?? 0) : error));
      else resolve(loaded);
    }),
  );
}

/**
 * A topic's metadata, new enough to know this partition, and this topic if its id is given: what the coordinator has assigned may have
 * been made after it was asked last, and is told to members before it is told to be there. It may have gone since, too. Throws as `loadTopic`.
 */
export async function loadTopicWith(dispatcher: Dispatcher, name: string, partition: number, topicId?: string): Promise<TopicMetadata> {
  const known = await loadTopic(dispatcher, name);
  if (known.partitions[partition] !== undefined && (topicId ?? known.topicId) === known.topicId) return known;
  dispatcher.forgetTopic(name);
  return loadTopic(dispatcher, name);
}
