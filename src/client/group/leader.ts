/**
 * What a member of the classic protocol must see to by itself: which topics its subscription comes to as topics come and go, and, where it
 * leads, the assignment of all. With KIP-848 the coordinator does both.
 */
import type { Assignor } from '../../assign/client.ts';
import { errorName, isRetriable } from '../../base/errors.ts';
import type { Dispatcher, Subscriber } from '../../dispatch/dispatcher.ts';
import { reasonOf } from '../user-code.ts';
import { assignAll, topicsOfMembers } from './assignors.ts';
import type { Member } from './member.ts';
import { backoffMs, type Effect } from './steps.ts';
import { matcherOf, type Subscription } from './subscription.ts';

export class Leader<K, V, H> implements Subscriber {
  readonly #dispatcher: Dispatcher;
  readonly #assignors: readonly Assignor[];
  readonly #subscription: Subscription;
  readonly #matches: (name: string) => boolean;
  readonly #member: () => Member<K, V, H> | null;
  /** Topics and how many partitions each has, as they were last seen. */
  #seen = '';
  #looking = false;
  #again = false;
  #closed = false;

  constructor(dispatcher: Dispatcher, assignors: readonly Assignor[], subscription: Subscription, member: () => Member<K, V, H> | null) {
    this.#dispatcher = dispatcher;
    this.#assignors = assignors;
    this.#subscription = subscription;
    this.#matches = matcherOf(subscription.regex);
    this.#member = member;
    dispatcher.subscribe(this);
    this.#look(0);
  }

  close(): void {
    this.#closed = true;
    this.#dispatcher.unsubscribe(this);
  }

  topicsChanged(names: readonly string[]): void {
    if (names.some((name) => this.#subscription.names.includes(name) || this.#matches(name))) this.#look(0);
  }

  /** A coordinator that goes before it has said what topics there are is followed by one that is asked again. */
  assign(effect: Extract<Effect, { do: 'assign' }>, failures = 0): void {
    const { seq, assignor: name, members } = effect;
    const assignor = this.#assignors.find((one) => one.name === name);
    const failed = (message: string): void => this.#member()?.happen({ event: 'assignFailed', seq, message });
    if (assignor === undefined) return failed(`the group has chosen the assignor "${name}", which this member does not have`);
    this.#countPartitions(topicsOfMembers(members), (error, counts) => {
      if (this.#closed) return;
      if (isRetriable(error)) return void this.#dispatcher.clock.after(backoffMs(failures), () => this.assign(effect, failures + 1));
      if (error !== 0) return failed(`topics could not be looked up: ${errorName(error)}`);
      try {
        this.#member()?.happen({ event: 'assigned', seq, assignments: assignAll(assignor, members, counts) });
      } catch (cause) {
        failed(`assignor "${name}" threw: ${reasonOf(cause)}`);
      }
    });
  }

  /** Sees what the subscription comes to, and tells the member when that has changed. */
  #look(failures: number): void {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    this.#countPartitions(this.#subscription.regex === '' ? this.#subscription.names : null, (error, all) => {
      this.#looking = false;
      if (this.#closed || this.#dispatcher.closed) return;
      if (error !== 0) return void this.#dispatcher.clock.after(backoffMs(failures), () => this.#look(failures + 1));
      const { names } = this.#subscription;
      const counts = [...all].filter(([name]) => names.includes(name) || this.#matches(name)).sort();
      const topics = [...new Set([...names, ...counts.map(([name]) => name)])].sort();
      const seen = JSON.stringify([topics, counts]);
      if (seen !== this.#seen) {
        this.#seen = seen;
        this.#member()?.happen({ event: 'resubscribed', topics });
      }
      if (!this.#again) return;
      this.#again = false;
      this.#look(0);
    });
  }

  /** Null: of all topics. */
  #countPartitions(topics: readonly string[] | null, done: (error: number, counts: ReadonlyMap<string, number>) => void): void {
    const fields = { topics: topics === null ? null : [...topics], autoCreate: false };
    this.#dispatcher.askCoordinator('metadata', fields, (error, reply) => {
      const counts = new Map<string, number>();
      for (const topic of reply?.topics ?? []) if (topic.error === 0) counts.set(topic.name, topic.partitions.length);
      done(error, counts);
    });
  }
}
