/** Topics by name and by id, as far as this thread knows them; what it does not know it asks for. */
import { errors } from '../base/errors.ts';
import type { PartitionMetadata, TopicMetadata } from '../coordinator/protocol.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { ZERO_UUID } from './schema.ts';

/** How a request names a topic: by id where the version has one, else by name. */
export interface TopicName {
  readonly topic: string;
  readonly topicId: string;
}

export class Topics {
  readonly #dispatcher: Dispatcher;
  readonly #names = new Map<string, string>();
  /** Why names were refused when they were asked for last. */
  readonly #refusals = new Map<string, number>();
  /** All ids are known; false when topics have changed since. */
  #complete = false;
  /** Grows when a topic changed: what was looked up before is looked up again. */
  version = 0;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  find(named: TopicName): TopicMetadata | undefined {
    if (named.topicId === ZERO_UUID) return this.#dispatcher.topic(named.topic);
    const name = this.#names.get(named.topicId);
    const topic = name === undefined ? undefined : this.#dispatcher.topic(name);
    return topic?.topicId === named.topicId ? topic : undefined;
  }

  partition(named: TopicName, partition: number): PartitionMetadata | undefined {
    return this.find(named)?.partitions[partition];
  }

  /** Kafka's code for a topic that `find` does not find. */
  refusalOf(named: TopicName): number {
    if (named.topicId !== ZERO_UUID) return errors.UNKNOWN_TOPIC_ID.code;
    return this.#refusals.get(named.topic) ?? errors.UNKNOWN_TOPIC_OR_PARTITION.code;
  }

  /** Learns what is not known yet of these; `done` is called at once when nothing is missing. */
  learn(named: readonly TopicName[], autoCreate: boolean, done: () => void): void {
    const missing = named.filter((one) => this.find(one) === undefined);
    if (missing.length === 0) return done();
    const hasIds = missing.some(({ topicId }) => topicId !== ZERO_UUID);
    if (!hasIds || this.#complete) return this.#load(missing, autoCreate, done);
    const { version } = this;
    this.#dispatcher.askCoordinator('metadata', { topics: null, autoCreate: false }, (error, reply) => {
      if (error !== 0 || reply === null) return this.#load(missing, autoCreate, done);
      for (const { name, topicId } of reply.topics) this.#names.set(topicId, name);
      this.#complete = version === this.version;
      this.#load(missing, autoCreate, done);
    });
  }

  #load(missing: readonly TopicName[], autoCreate: boolean, done: () => void): void {
    const names = missing.flatMap(({ topic, topicId }) => (topicId === ZERO_UUID ? [topic] : (this.#names.get(topicId) ?? [])));
    if (names.length === 0) return done();
    this.#dispatcher.loadTopics(names, autoCreate, (_error, refusals) => {
      for (const name of names) {
        const topic = this.#dispatcher.topic(name);
        if (topic !== undefined) {
          this.#names.set(topic.topicId, name);
          this.#refusals.delete(name);
        } else this.#refusals.set(name, refusals.get(name) ?? errors.LEADER_NOT_AVAILABLE.code);
      }
      done();
      // Asked for again, they may be there.
      for (const name of names) this.#refusals.delete(name);
    });
  }

  topicsChanged(): void {
    this.version++;
    this.#complete = false;
    if (this.#names.size > 2 * NAMES_KEPT) this.#names.clear();
  }
}

/** Ids of topics that are gone stay in the map until it is this much too large. */
const NAMES_KEPT = 10_000;
