/** Asks as promises: a refusal becomes a BusError; a host that is being restarted, and one whose disk refuses, is asked again for a while. */
import { BusError, errorName, isRetriable } from '../base/errors.ts';
import type { CoordinatorReplyOf, CoordinatorVerb, CoordinatorVerbs, TopicMetadata } from '../coordinator/protocol.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { HostReplyOf, HostVerb, HostVerbs } from '../partition/protocol.ts';
import { checkText } from './check.ts';
import { advice, unknownTopic } from './refusals.ts';

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

export function askCoordinator<V extends CoordinatorVerb>(
  dispatcher: Dispatcher,
  verb: V,
  fields: CoordinatorVerbs[V]['ask'],
): Promise<CoordinatorReplyOf<V>> {
  return new Promise((resolve, reject) => {
    dispatcher.askCoordinator(verb, fields, (error, reply) => {
      if (error === 0 && reply !== null) return resolve(reply);
      const message = reply !== null && 'message' in reply ? reply.message : '';
      reject(new BusError(errorName(error), message === '' ? `${verb} was refused: ${advice(error)}` : message));
    });
  });
}

/** A topic's metadata. Throws BusError INVALID_ARGUMENT for what is no name, UNKNOWN_TOPIC_OR_PARTITION when there is none of it. */
export async function loadTopic(dispatcher: Dispatcher, name: string, autoCreate = false): Promise<TopicMetadata> {
  const known = dispatcher.topic(checkText('the name of a topic', name));
  if (known !== undefined) return known;
  const error = await new Promise<number>((resolve) =>
    dispatcher.loadTopics([name], autoCreate, (failed, refusals) => resolve(failed === 0 ? (refusals.get(name) ?? 0) : failed)),
  );
  const loaded = dispatcher.topic(name);
  if (loaded === undefined) throw unknownTopic(name, error);
  return loaded;
}
