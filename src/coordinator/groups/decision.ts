/**
 * What a decision about groups may look at, and what it comes to. A join or a sync that has to wait has no reply now; the token that
 * came with its ask comes back with its reply out of a later decision, whoever's ask or deadline that one is about.
 */
import type { Random } from '../../world/random.ts';
import type { CoordinatorAskOf, CoordinatorReply } from '../protocol.ts';
import type { State } from '../state.ts';
import type { GroupFact } from './facts.ts';
import type { GroupSettings } from './settings.ts';

export type GroupCoreVerb =
  | 'joinGroup'
  | 'syncGroup'
  | 'heartbeat'
  | 'leaveGroup'
  | 'consumerGroupHeartbeat'
  | 'listGroups'
  | 'describeGroups'
  | 'deleteGroups'
  | 'groupHistory';
export type GroupCoreAsk = { [V in GroupCoreVerb]: CoordinatorAskOf<V> }[GroupCoreVerb];

export interface TopicView {
  name: string;
  topicId: string;
  partitions: number;
}

/** Topics as groups see them. */
export interface TopicsView {
  byName(name: string): TopicView | undefined;
  byId(topicId: string): TopicView | undefined;
  names(): Iterable<string>;
}

export interface GroupSurroundings {
  /** Wall clock: what is shown. */
  nowMs: number;
  /** What deadlines are counted by, so that a clock that is set expires nobody. */
  monotonicMs: number;
  random: Random;
  topics: TopicsView;
  settings: GroupSettings;
}

export interface GroupReply {
  token: number;
  reply: CoordinatorReply;
}

export interface GroupDecision {
  /** To be applied in this order; those that `isStored` says so are to be stored before any reply leaves. */
  facts: GroupFact[];
  replies: GroupReply[];
}

export function viewTopics(state: State): TopicsView {
  const view = (
    topic: { name: string; topicId: string; slots: readonly number[]; deleting: boolean } | undefined,
  ): TopicView | undefined =>
    topic === undefined || topic.deleting ? undefined : { name: topic.name, topicId: topic.topicId, partitions: topic.slots.length };
  return {
    byName: (name) => view(state.byName.get(name)),
    byId: (topicId) => view(state.byId.get(topicId)),
    names: () => state.byName.keys(),
  };
}
