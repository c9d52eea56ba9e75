/** What the asks of the coordinator's verbs have at hand, and the step that they share: one question to a broker, asked again where that is safe. */
import { errorName, errors, isPassing } from '../../base/errors.ts';
import type { CoordinatorVerb, CoordinatorVerbs, TopicMetadata } from '../../coordinator/protocol.ts';
import type { Clock } from '../../world/clock.ts';
import type { Api, Decoded, Encodable, Shape } from '../schema.ts';
import type { Requests, SendOptions, Target } from './requests.ts';
import type { TopicSettings } from './settings.ts';
import type { Answer } from './words.ts';

/** What is known of the cluster's brokers and topics. */
export interface Topology {
  /** Rows as a dispatcher takes them, in the order of the names; null: all topics. */
  metadata(names: readonly string[] | null, autoCreate: boolean, done: (error: number, topics: TopicMetadata[]) => void): void;
  /** Names of topics by id; one that no broker knows is not among them. */
  namesOf(topicIds: readonly string[], done: (names: Readonly<Record<string, string>>) => void): void;
  /** The brokers that there are, by id. */
  nodes(): readonly number[];
}

export interface Desk {
  readonly requests: Pick<Requests, 'send' | 'forgetCoordinator' | 'closed'>;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly settings: TopicSettings;
  /** Whether the cluster knows `durability`; null: it was not asked yet. */
  knowsDurability: boolean | null;
  /** Topics that this client has changed: who reads or writes them is told at once, and not by the next refusal. */
  changed(names: readonly string[]): void;
}

export type Reply<V extends CoordinatorVerb> = (answer: Answer<V>) => void;
export type Handle<V extends CoordinatorVerb> = (ask: CoordinatorVerbs[V]['ask'], desk: Desk, reply: Reply<V>) => void;

export interface Question<Q extends Shape, P extends Shape, A> extends SendOptions {
  to: Target;
  api: Api<Q, P>;
  message: Encodable<Q>;
  heard(response: Decoded<P>): A;
  /** Nothing was answered: why, in words too. */
  refused(error: number, words: string): A;
  /**
   * What is asked again for a while. 'nothing': the asker does that himself. 'undone': what the broker has said that it did not do.
   * 'all': also what may have been done, since doing it twice is doing it once.
   */
  again: 'nothing' | 'undone' | 'all';
}

/** One question, and its answer in this house's words. */
export function put<Q extends Shape, P extends Shape, A extends { error: number }>(
  desk: Desk,
  question: Question<Q, P, A>,
  reply: (answer: A) => void,
): void {
  const { to, api, message, heard, refused, again } = question;
  const { requests, clock } = desk;
  const endMs = clock.monotonicMs() + AGAIN_FOR_MS;
  const attempt = (pauseMs: number): void =>
    requests.send(
      to,
      api,
      message,
      (error, response) => {
        const answer = response === null ? refused(codeOf(error), wordsFor(error, api.name, again !== 'all')) : heard(response);
        // Who was its coordinator may be none any more.
        if (typeof to === 'object' && 'group' in to && (response === null || isMisplaced(answer.error)))
          requests.forgetCoordinator(to.group);
        const isUndone = response !== null && (isMisplaced(answer.error) || answer.error === errors.COORDINATOR_LOAD_IN_PROGRESS.code);
        const isWorthIt = (again === 'undone' && isUndone) || (again === 'all' && isPassing(answer.error));
        if (!isWorthIt || clock.monotonicMs() >= endMs || requests.closed) return reply(answer);
        clock.after(pauseMs, () => attempt(Math.min(2 * pauseMs, PAUSE_MS_MAX)), true);
      },
      question,
    );
  attempt(PAUSE_MS);
}

/** The broker does not coordinate this group, or not yet. */
function isMisplaced(error: number): boolean {
  return error === errors.NOT_COORDINATOR.code || error === errors.COORDINATOR_NOT_AVAILABLE.code;
}

/** HOST_DOWN is this house's word for partitions; here it says that no broker could be reached. */
function codeOf(error: number): number {
  return error === errors.HOST_DOWN.code ? errors.NETWORK_EXCEPTION.code : error;
}

function wordsFor(error: number, api: string, isUnsure: boolean): string {
  const unsure = isUnsure ? '; it may have been carried out: look first' : '';
  switch (error) {
    case errors.HOST_DOWN.code:
      return `no broker could be reached for ${api}: see that one is up, and listens where it was looked for`;
    case errors.NETWORK_EXCEPTION.code:
      return `the connection was lost before ${api} was answered${unsure}`;
    case errors.REQUEST_TIMED_OUT.code:
      return `the broker did not answer ${api} in time${unsure}`;
    case errors.UNSUPPORTED_VERSION.code:
      return `the broker does not speak ${api} in a version that is spoken here: it is too old for this, or leaves it out`;
    case errors.CLOSED.code:
      return 'the client is closed';
    default:
      return `${api} was not sent: ${errorName(error)}`;
  }
}

/**
 * Looks until what was changed is seen, for the brokers of a cluster learn of it one after the other; not for long: what is answered then
 * was done all the same.
 */
export function untilSeen({ clock, requests }: Desk, look: (done: (seen: boolean) => void) => void, then: () => void): void {
  const endMs = clock.monotonicMs() + SEEN_WITHIN_MS;
  const attempt = (pauseMs: number): void =>
    look((seen) => {
      if (seen || clock.monotonicMs() >= endMs || requests.closed) return then();
      clock.after(pauseMs, () => attempt(Math.min(2 * pauseMs, LOOK_EVERY_MS)), true);
    });
  attempt(LOOK_FIRST_MS);
}

/** As long as client/ask.ts asks a coordinator of the house. */
const AGAIN_FOR_MS = 30_000;
const PAUSE_MS = 20;
const PAUSE_MS_MAX = 1000;
const SEEN_WITHIN_MS = 5000;
const LOOK_FIRST_MS = 2;
const LOOK_EVERY_MS = 100;
