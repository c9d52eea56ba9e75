/**
 * A broker as a dispatcher sees it: a port that takes the asks of a partition host and answers in its replies. It carries no thread and
 * waits for nothing: what a post brings becomes requests at once, batches straight out of the outbox, and what a response brings is
 * answered as views of it.
 */
import { errors } from '../../base/errors.ts';
import type { Durability } from '../../log/config.ts';
import type { HostAnswer, HostAsk, HostAskOf, HostPost, HostReply, HostVerb, HostVerbs } from '../../partition/protocol.ts';
import type { Port } from '../../world/port.ts';
import { Appends } from './appends.ts';
import type { Cluster } from './cluster.ts';
import { Fetches } from './fetches.ts';
import { Lookups } from './lookups.ts';
import type { Requests } from './requests.ts';

/** 0: all records. 1: those of transactions only when they are committed. */
export type IsolationLevel = 0 | 1;

export interface HostSetup {
  readonly node: number;
  readonly requests: Requests;
  readonly cluster: Cluster;
  /** Where batches lie that are asked to be appended. */
  readonly outbox: Buffer;
  readonly isolation: IsolationLevel;
  readonly requestTimeoutMs: number;
  /** What a topic promises, as far as it is known (settings.ts). */
  durabilityOf(topic: string): Durability;
}

/** How the parts of a host answer. */
export type Answer = <V extends HostVerb>(ask: HostAskOf<V>, error: number, reply: HostVerbs[V]['reply']) => void;

export class RemoteHost implements Port<HostPost, HostAnswer> {
  readonly #setup: HostSetup;
  readonly #appends: Appends;
  readonly #fetches: Fetches;
  readonly #lookups: Lookups;
  #replies: HostReply[] = [];
  #scheduled = false;
  #wake: () => void = () => {};
  #open = true;
  readonly #tell = (): void => {
    this.#scheduled = false;
    if (this.#open) this.#wake();
  };

  constructor(setup: HostSetup) {
    this.#setup = setup;
    const answer: Answer = (ask, error, reply) => this.#answer({ verb: ask.verb, id: ask.id, error, ...reply } as HostReply);
    this.#appends = new Appends(setup, answer);
    this.#fetches = new Fetches(setup, answer);
    this.#lookups = new Lookups(setup, answer);
  }

  // The port.

  post({ asks }: HostPost): void {
    if (!this.#open) return;
    for (const ask of asks) this.#ask(ask);
    this.#appends.send();
    this.#lookups.send();
  }

  take(): HostAnswer | undefined {
    if (this.#replies.length === 0) return undefined;
    const replies = this.#replies;
    this.#replies = [];
    return { replies, notices: [] };
  }

  listen(wake: () => void): void {
    this.#wake = wake;
  }

  /** Connections with something under way keep the process alive by themselves. */
  ref(): void {}

  close(): void {
    this.#open = false;
    this.#fetches.close();
  }

  #ask(ask: HostAsk): void {
    switch (ask.verb) {
      case 'append':
        return this.#appends.add(ask);
      case 'fetch':
        return this.#fetches.fetch(ask);
      case 'wakeFetch':
        return this.#fetches.wake(ask);
      case 'listOffsets':
      case 'deleteRecords':
      case 'describeProducers':
      case 'describe':
        return this.#lookups.add(ask);
      case 'verify':
        // Nobody reads files of a broker.
        return this.#answer({ verb: 'verify', id: ask.id, error: 0, nextOffset: ask.offset });
      case 'open':
      case 'configure':
      case 'drop':
      case 'close':
        // What a coordinator says to its hosts; a broker has one of its own.
        return this.#answer({ verb: ask.verb, id: ask.id, error: errors.UNSUPPORTED_VERSION.code } as HostReply);
    }
  }

  #answer(reply: HostReply): void {
    this.#replies.push(reply);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#setup.requests.clock.next(this.#tell);
  }
}

/** The leader has moved, or is not to be reached: what is known of the topic's place is to be looked at. */
export function isMisplaced(error: number): boolean {
  return misplaced.has(error);
}

const misplaced = new Set<number>([
  errors.UNKNOWN_TOPIC_OR_PARTITION.code,
  errors.LEADER_NOT_AVAILABLE.code,
  errors.NOT_LEADER_OR_FOLLOWER.code,
  errors.REPLICA_NOT_AVAILABLE.code,
  errors.REQUEST_TIMED_OUT.code,
  errors.NETWORK_EXCEPTION.code,
  errors.KAFKA_STORAGE_ERROR.code,
  errors.FENCED_LEADER_EPOCH.code,
  errors.UNKNOWN_LEADER_EPOCH.code,
  errors.OFFSET_NOT_AVAILABLE.code,
  errors.UNKNOWN_TOPIC_ID.code,
  errors.INCONSISTENT_TOPIC_ID.code,
  errors.HOST_DOWN.code,
]);
