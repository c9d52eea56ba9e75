/**
 * The pure core of groups with time that passes when it is told to, topics that are made up, and a store: everything that is stored
 * is kept apart, so that a restart leaves exactly that.
 */
import type { GroupCoreAsk, GroupDecision, GroupSurroundings, TopicsView } from '../../src/coordinator/groups/decision.ts';
import { type GroupFact, isStored } from '../../src/coordinator/groups/facts.ts';
import { beginGroups, decideGroup, expireGroups, topicsChanged } from '../../src/coordinator/groups/groups.ts';
import { type GroupSettings, groupDefaults } from '../../src/coordinator/groups/settings.ts';
import { applyGroup, emptyGroups, type Groups, nextGroupsMs, storedFactsOf } from '../../src/coordinator/groups/state.ts';
import type { CoordinatorReply } from '../../src/coordinator/protocol.ts';
import { type Random, seededRandom } from '../../src/world/random.ts';

export interface Reply {
  token: number;
  reply: CoordinatorReply;
}

export class GroupBench {
  groups: Groups = emptyGroups();
  monotonicMs = 0;
  /** Facts of the decisions since this was emptied. */
  facts: GroupFact[] = [];
  readonly topics = new Map<string, { name: string; topicId: string; partitions: number }>();
  readonly random: Random;
  readonly settings: GroupSettings;
  #stored: Groups = emptyGroups();
  #nextToken = 1;
  #nextTopic = 1;

  constructor(options: { seed?: number; settings?: Partial<GroupSettings> } = {}) {
    this.random = seededRandom(options.seed ?? 1);
    this.settings = { ...groupDefaults, ...options.settings };
  }

  get around(): GroupSurroundings {
    return {
      nowMs: 1_000_000 + this.monotonicMs,
      monotonicMs: this.monotonicMs,
      random: this.random,
      topics: this.view,
      settings: this.settings,
    };
  }

  get view(): TopicsView {
    return {
      byName: (name) => this.topics.get(name),
      byId: (topicId) => [...this.topics.values()].find((topic) => topic.topicId === topicId),
      names: () => this.topics.keys(),
    };
  }

  /** Decides, applies, and answers with the token of this ask and whatever replies leave now. */
  ask(ask: GroupCoreAsk): { token: number; replies: Reply[] } {
    const token = this.#nextToken++;
    return { token, replies: this.take(decideGroup(this.groups, ask, this.around, token)) };
  }

  take({ facts, replies }: GroupDecision): Reply[] {
    this.facts.push(...facts);
    for (const fact of facts) {
      applyGroup(this.groups, fact);
      if (isStored(fact)) applyGroup(this.#stored, fact);
    }
    return replies;
  }

  /** Lets time pass; answers with what was released meanwhile. */
  pass(ms: number): Reply[] {
    const endMs = this.monotonicMs + ms;
    const replies: Reply[] = [];
    for (let nextMs = nextGroupsMs(this.groups); nextMs <= endMs; nextMs = nextGroupsMs(this.groups)) {
      this.monotonicMs = Math.max(this.monotonicMs, nextMs);
      replies.push(...this.take(expireGroups(this.groups, this.around)));
    }
    this.monotonicMs = endMs;
    return replies;
  }

  setTopic(name: string, partitions: number): Reply[] {
    const known = this.topics.get(name);
    if (known !== undefined) known.partitions = partitions;
    else this.topics.set(name, { name, topicId: `id${this.#nextTopic++}`, partitions });
    return this.take(topicsChanged(this.groups, [name], this.around));
  }

  deleteTopic(name: string): Reply[] {
    this.topics.delete(name);
    return this.take(topicsChanged(this.groups, [name], this.around));
  }

  /** The coordinator dies and another one begins with what is stored; whoever waited is never answered. */
  restart(): Reply[] {
    const facts = storedFactsOf(this.#stored);
    this.groups = emptyGroups();
    for (const fact of facts) applyGroup(this.groups, fact);
    return this.take(beginGroups(this.groups, this.around));
  }

  get stored(): Groups {
    return this.#stored;
  }
}
