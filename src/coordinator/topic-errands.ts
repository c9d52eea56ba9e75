/** What hosts have to do about facts of topics, and what follows when they have. A reply that needs them waits for the errand. */
import { type BusConfigs, toLogConfig } from './config-values.ts';
import type { Fact } from './facts.ts';
import { Errand, type Hosts } from './hosts.ts';
import { type State, type Topic, topicOf } from './state.ts';
import { toSpecs } from './topics.ts';

export interface TopicErrandsSetup {
  hosts: Hosts;
  bus: BusConfigs;
  state(): State;
  /** Metadata of this topic is not what it was. */
  changed(name: string): void;
  /** A fact that follows from what hosts have done. */
  follows(fact: Fact): void;
}

export class TopicErrands {
  readonly #setup: TopicErrandsSetup;
  /** By topic id: partitions that no host has opened yet. Metadata of these topics waits. */
  readonly #opening = new Map<string, Errand>();

  constructor(setup: TopicErrandsSetup) {
    this.#setup = setup;
  }

  opening(topicId: string): Errand | undefined {
    return this.#opening.get(topicId);
  }

  /** What hosts have to do about a fact, and the errand that is done when they have. */
  act(fact: Fact): Errand | undefined {
    switch (fact.fact) {
      case 'topicCreated':
      case 'partitionsAdded':
        return this.#open(topicOf(this.#setup.state(), fact.topicId), fact.slots);
      case 'configsChanged': {
        const topic = topicOf(this.#setup.state(), fact.topicId);
        const errand = new Errand();
        this.#setup.hosts.configure(topic.slots, toLogConfig(topic.configs, this.#setup.bus), errand);
        this.#setup.changed(topic.name);
        return errand;
      }
      case 'topicDeleting': {
        const topic = topicOf(this.#setup.state(), fact.topicId);
        this.#setup.changed(topic.name);
        return this.drop(topic);
      }
      default:
        return undefined;
    }
  }

  #open(topic: Topic, slots: readonly number[]): Errand {
    const errand = new Errand();
    this.#setup.hosts.open(toSpecs(this.#setup.state(), topic, slots, this.#setup.bus), errand);
    this.#opening.set(topic.topicId, errand);
    errand.whenDone(() => {
      if (this.#opening.get(topic.topicId) === errand) this.#opening.delete(topic.topicId);
      this.#setup.changed(topic.name);
    });
    return errand;
  }

  drop(topic: Topic): Errand {
    const errand = new Errand();
    this.#setup.hosts.drop(topic.slots, errand);
    errand.whenDone(() => {
      // What could not be removed is tried again by the next start; until then its slots stay taken.
      if (errand.failures.size === 0) this.#setup.follows({ fact: 'topicDeleted', topicId: topic.topicId });
    });
    return errand;
  }
}
