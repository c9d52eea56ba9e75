/** The topics that a producer speaks of: declaration and metadata side by side, looked up once per record, asked for when first needed. */
import { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { checkTopicName } from '../coordinator/names.ts';
import type { TopicMetadata } from '../coordinator/protocol.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { shown } from './check.ts';
import { unknownTopic } from './refusals.ts';
import type { Serde } from './serde.ts';
import { checkTopic, plainTopic, type Topic } from './topic.ts';

export type AnyTopic = Topic<unknown, unknown, unknown>;

export interface Known {
  readonly declared: AnyTopic;
  metadata: TopicMetadata | undefined;
  /** Under way. */
  load: Load | null;
  /** For whoever comes next: one that does not wait for the load. */
  refused: BusError | null;
}

/** One question to the coordinator; those that wait for it are told by it. */
export interface Load {
  refused: BusError | null;
  /** Somebody wants to know who does not wait. */
  tellNext: boolean;
}

export class KnownTopics {
  readonly #dispatcher: Dispatcher;
  readonly #autoCreate: boolean;
  readonly #serdes: { key: Serde<unknown>; value: Serde<unknown> };
  readonly #loaded: () => void;
  readonly #known = new Map<string | AnyTopic, Known>();
  #loads = 0;

  /** `loaded` is called after each load. */
  constructor(dispatcher: Dispatcher, autoCreate: boolean, serdes: { key: Serde<unknown>; value: Serde<unknown> }, loaded: () => void) {
    this.#dispatcher = dispatcher;
    this.#autoCreate = autoCreate;
    this.#serdes = serdes;
    this.#loaded = loaded;
  }

  get isLoading(): boolean {
    return this.#loads > 0;
  }

  /** Throws BusError for what is no topic, and once for one that was refused meanwhile. */
  find(topic: string | AnyTopic): Known {
    const known = this.#known.get(topic);
    if (known === undefined) return this.#learn(topic);
    if (known.refused === null) return known;
    this.#known.delete(topic);
    throw known.refused;
  }

  /** Asks for a topic's metadata, unless that is under way. */
  load(known: Known): Load {
    if (known.load !== null) return known.load;
    const load: Load = { refused: null, tellNext: false };
    known.load = load;
    this.#loads++;
    const { name } = known.declared;
    this.#dispatcher.loadTopics([name], this.#autoCreate, (error, refusals) => {
      this.#loads--;
      known.load = null;
      known.metadata = this.#dispatcher.topic(name);
      if (known.metadata === undefined) {
        load.refused = unknownTopic(name, error === 0 ? (refusals.get(name) ?? 0) : error);
        if (load.tellNext) known.refused = load.refused;
        else this.#forget(known);
      }
      this.#loaded();
    });
    return load;
  }

  /** Their metadata is not to be trusted any more. */
  changed(names: readonly string[]): void {
    for (const known of this.#known.values()) if (names.includes(known.declared.name)) known.metadata = undefined;
  }

  #learn(topic: string | AnyTopic): Known {
    const { key, value } = this.#serdes;
    const declared = typeof topic === 'string' ? plainTopic(topic, key, value) : checkTopic(topic);
    const wrong = checkTopicName(declared.name);
    if (wrong !== null)
      throw new BusError('INVALID_TOPIC_EXCEPTION', `${shown(declared.name)} is no topic: ${wrong}`, { details: { topic: declared.name } });
    const known: Known = { declared, metadata: this.#dispatcher.topic(declared.name), load: null, refused: null };
    // Declarations may be made anew for each record: what was known longest is learnt again.
    if (this.#known.size >= limits.topicsMax) for (const first of this.#known.keys()) if (this.#known.delete(first)) break;
    this.#known.set(topic, known);
    return known;
  }

  /** One that does not exist leaves nothing behind. */
  #forget(known: Known): void {
    for (const topic of [known.declared, known.declared.name]) if (this.#known.get(topic) === known) this.#known.delete(topic);
  }
}
