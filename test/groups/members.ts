/**
 * Members as clients are: they beat when it is time, act on what they are told, lose answers, stall, and believe that they own their
 * partitions until somebody tells them otherwise. What they own is counted as 'topic-id partition'.
 */
import { type Assignor, cooperativeSticky, range } from '../../src/assign/client.ts';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  inOrder,
  type TopicPartitions,
} from '../../src/assign/consumer-protocol.ts';
import { errorName } from '../../src/base/errors.ts';
import type { GroupCoreAsk } from '../../src/coordinator/groups/decision.ts';
import type { CoordinatorReply } from '../../src/coordinator/protocol.ts';

/** What a member does to the world around it. */
export interface Surroundings {
  nowMs(): number;
  /** A number below. */
  below(bound: number): number;
  /** Asks; the answer comes back by `then`, now or later, or never when it was lost. */
  ask(ask: GroupCoreAsk, then: (reply: CoordinatorReply) => void): void;
  /** The topics' names, by id and back, and how many partitions they have. */
  topicId(name: string): string | undefined;
  topicName(topicId: string): string | undefined;
  partitionsOf(name: string): number | undefined;
}

export interface MemberOptions {
  name: string;
  instanceId: string | null;
  topics: string[];
  regex: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  heartbeatIntervalMs: number;
  groupId: string;
}

export interface Member {
  readonly options: MemberOptions;
  readonly owned: Set<string>;
  /** It is gone, by its own will or by a fence that it cannot come back from. */
  ended: boolean;
  /** When it wants to act. */
  nextMs: number;
  /** How it would commit. */
  readonly identity: { memberId: string; epoch: number };
  beat(): void;
  resubscribe(topics: string[]): void;
  /** Clean: it says so. */
  leave(forAWhile: boolean): void;
  readonly isSettled: boolean;
}

const split = (key: string): [string, number] => {
  const at = key.lastIndexOf(' ');
  return [key.slice(0, at), Number(key.slice(at + 1))];
};

/** A member of KIP-848. */
export class ModernMember implements Member {
  readonly options: MemberOptions;
  readonly owned = new Set<string>();
  ended = false;
  nextMs: number;
  #world: Surroundings;
  #memberId: string;
  #epoch = 0;
  #tellsAll = true;
  #tellsOwned = true;
  #isAnswered = true;
  /** Of its subscription: told or not. */
  #edition = 0;
  #toldEdition = -1;
  #next: Set<string> | null = null;
  #reconciledAtMs = 0;
  /** Asks that were given up: their answers do not count. */
  #round = 0;

  constructor(options: MemberOptions, world: Surroundings) {
    this.options = options;
    this.#world = world;
    this.#memberId = options.name;
    this.nextMs = world.nowMs();
  }

  get identity() {
    return { memberId: this.#memberId, epoch: this.#epoch };
  }

  get isSettled(): boolean {
    return this.#epoch > 0 && this.#next === null;
  }

  beat(): void {
    const { nowMs } = { nowMs: this.#world.nowMs() };
    if (this.#next !== null && nowMs >= this.#reconciledAtMs) {
      this.owned.clear();
      for (const key of this.#next) this.owned.add(key);
      this.#next = null;
      this.#tellsOwned = true;
    }
    this.nextMs = nowMs + this.options.heartbeatIntervalMs;
    if (this.#next !== null) this.nextMs = Math.min(this.nextMs, this.#reconciledAtMs);
    const joins = this.#epoch === 0;
    const tells = joins || this.#tellsAll || !this.#isAnswered || this.#edition !== this.#toldEdition;
    const edition = this.#edition;
    // An answer that was lost may have given something: a member that has none asks for all.
    this.#isAnswered = false;
    const round = ++this.#round;
    const { topics, regex, rebalanceTimeoutMs, sessionTimeoutMs } = this.options;
    this.#send(
      {
        memberEpoch: this.#epoch,
        topics: tells ? topics : null,
        topicRegex: tells ? regex : null,
        rebalanceTimeoutMs: tells ? rebalanceTimeoutMs : -1,
        sessionTimeoutMs: tells ? sessionTimeoutMs : -1,
        owned: joins ? [] : tells || this.#tellsOwned ? this.#rows() : null,
      },
      (reply) => {
        if (reply.verb !== 'consumerGroupHeartbeat' || round !== this.#round || this.ended) return;
        this.#isAnswered = true;
        if (tells && reply.error === 0) this.#toldEdition = edition;
        this.#hear(reply);
      },
    );
  }

  #hear(reply: Extract<CoordinatorReply, { verb: 'consumerGroupHeartbeat' }>): void {
    switch (errorName(reply.error)) {
      case 'NONE':
        break;
      case 'FENCED_MEMBER_EPOCH':
      case 'UNKNOWN_MEMBER_ID':
      case 'GROUP_ID_NOT_FOUND':
        this.#lose();
        return;
      case 'UNRELEASED_INSTANCE_ID':
      case 'COORDINATOR_NOT_AVAILABLE':
        this.#tellsAll = true;
        return;
      case 'FENCED_INSTANCE_ID':
        this.owned.clear();
        this.ended = true;
        return;
      default:
        throw new Error(`a member is told ${errorName(reply.error)}: ${reply.message}`);
    }
    this.#epoch = reply.memberEpoch;
    this.#tellsAll = false;
    this.#tellsOwned = false;
    if (reply.assignment === null) return;
    const next = new Set(reply.assignment.flatMap(({ topicId, partitions }) => partitions.map((partition) => `${topicId} ${partition}`)));
    const gives = [...this.owned].some((key) => !next.has(key));
    this.#next = next;
    this.#reconciledAtMs = this.#world.nowMs() + (gives ? this.#world.below(this.options.rebalanceTimeoutMs / 2) : 0);
    this.nextMs = Math.min(this.nextMs, this.#reconciledAtMs);
    if (gives) return;
    for (const key of next) this.owned.add(key);
  }

  #lose(): void {
    this.owned.clear();
    this.#next = null;
    this.#epoch = 0;
    this.#tellsAll = true;
    this.nextMs = this.#world.nowMs() + this.#world.below(100);
  }

  resubscribe(topics: string[]): void {
    this.options.topics = topics;
    this.#edition++;
  }

  leave(forAWhile: boolean): void {
    this.owned.clear();
    this.ended = true;
    if (this.#epoch === 0) return;
    const memberEpoch = forAWhile && this.options.instanceId !== null ? -2 : -1;
    this.#send({ memberEpoch, topics: null, topicRegex: null, rebalanceTimeoutMs: -1, sessionTimeoutMs: -1, owned: null }, () => {});
  }

  #rows() {
    const byTopic = Map.groupBy([...this.owned].map(split), ([topicId]) => topicId);
    return [...byTopic].map(([topicId, keys]) => ({ topicId, partitions: keys.map(([, partition]) => partition) }));
  }

  #send(
    fields: Pick<
      Extract<GroupCoreAsk, { verb: 'consumerGroupHeartbeat' }>,
      'memberEpoch' | 'topics' | 'topicRegex' | 'rebalanceTimeoutMs' | 'sessionTimeoutMs' | 'owned'
    >,
    then: (reply: CoordinatorReply) => void,
  ): void {
    const { groupId, instanceId, name } = this.options;
    const fixed = {
      groupId,
      instanceId,
      memberId: this.#memberId,
      clientId: name.split('.')[0],
      clientHost: '/sim',
      rackId: null,
      assignor: null,
    };
    this.#world.ask({ verb: 'consumerGroupHeartbeat', id: 0, ...fixed, ...fields }, then);
  }
}

/** A member of the classic protocol, eager or cooperative. */
export class ClassicMember implements Member {
  readonly options: MemberOptions;
  readonly owned = new Set<string>();
  ended = false;
  nextMs: number;
  #world: Surroundings;
  #assignors: readonly Assignor[];
  #assignor: Assignor;
  #memberId = '';
  #generation = -1;
  #syncedGeneration = -1;
  #phase: 'joins' | 'waits' | 'syncs' | 'stable' = 'joins';
  #round = 0;
  #leads: Extract<CoordinatorReply, { verb: 'joinGroup' }>['members'] = [];
  #isLeader = false;
  #hasNews = false;
  #assignedFrom = '';

  constructor(options: MemberOptions, world: Surroundings, cooperative: boolean) {
    this.options = options;
    this.#world = world;
    this.#assignors = cooperative ? [cooperativeSticky] : [range];
    this.#assignor = this.#assignors[0];
    this.nextMs = world.nowMs();
  }

  get identity() {
    // As Kafka's client: nothing is committed in a generation that has not been synced.
    return { memberId: this.#memberId, epoch: this.#syncedGeneration === this.#generation ? this.#generation : -1 };
  }

  get isSettled(): boolean {
    return this.#phase === 'stable';
  }

  beat(): void {
    // An answer that did not come is given up after a while, and asked for again.
    this.nextMs = this.#world.nowMs() + this.options.heartbeatIntervalMs;
    const round = ++this.#round;
    switch (this.#phase) {
      case 'joins':
      case 'waits':
        return this.#join();
      case 'syncs':
        return this.#sync([]);
      default: {
        const { groupId, instanceId } = this.options;
        // The leader sees in its metadata that topics have changed.
        if (this.#hasNews || (this.#isLeader && this.#snapshot() !== this.#assignedFrom)) {
          this.#phase = 'joins';
          return this.#join();
        }
        this.#world.ask(
          { verb: 'heartbeat', id: 0, groupId, generation: this.#generation, memberId: this.#memberId, instanceId },
          (reply) => {
            if (round !== this.#round || this.ended || reply.error === 0) return;
            this.#refused(reply.error);
          },
        );
      }
    }
  }

  #join(): void {
    if (this.#assignor.protocol === 'eager') this.owned.clear();
    this.#hasNews = false;
    const round = this.#round;
    const { groupId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs, topics, name } = this.options;
    const owned = this.#rows();
    const last = this.#generation < 0 ? null : { partitions: owned, generation: this.#generation };
    const protocols = this.#assignors.map((assignor) => ({
      name: assignor.name,
      metadata: encodeSubscription({
        topics,
        userData: assignor.userData?.(last) ?? null,
        owned,
        generation: this.#generation,
        rackId: null,
      }),
    }));
    const fixed = { groupId, instanceId, memberId: this.#memberId, clientId: name.split('.')[0], clientHost: '/sim', reason: '' };
    this.#phase = 'waits';
    // A join that waits for others is given up only after the time that a rebalance may take.
    this.nextMs = this.#world.nowMs() + rebalanceTimeoutMs + 500;
    this.#world.ask(
      {
        verb: 'joinGroup',
        id: 0,
        ...fixed,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        protocolType: 'consumer',
        protocols,
        requiresMemberId: true,
        canSkipAssignment: true,
      },
      (reply) => {
        if (reply.verb !== 'joinGroup' || round !== this.#round || this.ended) return;
        this.#joined(reply);
      },
    );
  }

  #joined(reply: Extract<CoordinatorReply, { verb: 'joinGroup' }>): void {
    if (errorName(reply.error) === 'MEMBER_ID_REQUIRED') this.#memberId = reply.memberId;
    if (reply.error !== 0) return this.#refused(reply.error);
    this.#memberId = reply.memberId;
    this.#generation = reply.generation;
    this.#phase = 'syncs';
    this.nextMs = this.#world.nowMs() + this.options.heartbeatIntervalMs;
    this.#isLeader = reply.leader === reply.memberId;
    const leads = this.#isLeader && !reply.skipAssignment;
    // A member that dies between join and sync is one that is killed before its next beat.
    this.#leads = leads ? reply.members : [];
    if (this.#isLeader && !leads) this.#assignedFrom = this.#snapshot();
    if (this.#world.below(4) === 0) this.nextMs = this.#world.nowMs() + this.#world.below(500);
    else this.#sync(leads ? this.#assign(reply.members) : []);
  }

  /** The topics that the group reads, as they are now. */
  #snapshot(): string {
    const topics = this.#leads.flatMap(({ metadata }) => decodeSubscription(metadata)?.topics ?? []);
    return [...new Set(topics)].map((topic) => `${this.#world.topicId(topic)} ${this.#world.partitionsOf(topic)}`).join();
  }

  #assign(members: Extract<CoordinatorReply, { verb: 'joinGroup' }>['members']) {
    const subscribed = members.map(({ memberId, instanceId, metadata }) => {
      const subscription = decodeSubscription(metadata);
      if (subscription === null) throw new Error('a member sends a subscription');
      return { memberId, instanceId, ...subscription };
    });
    const partitions = new Map<string, number>();
    for (const { topics } of subscribed) {
      for (const topic of topics) {
        const count = this.#world.partitionsOf(topic);
        if (count !== undefined) partitions.set(topic, count);
      }
    }
    this.#assignedFrom = this.#snapshot();
    return [...this.#assignor.assign(subscribed, partitions)].map(([memberId, assignment]) => ({
      memberId,
      assignment: encodeAssignment(assignment),
    }));
  }

  #sync(given: { memberId: string; assignment: Uint8Array }[]): void {
    const round = this.#round;
    const { groupId, instanceId } = this.options;
    const assignments = given.length === 0 && this.#leads.length > 0 ? this.#assign(this.#leads) : given;
    const ask = { groupId, generation: this.#generation, memberId: this.#memberId, instanceId, protocolType: 'consumer', assignments };
    this.#world.ask({ verb: 'syncGroup', id: 0, ...ask, protocolName: this.#assignor.name }, (reply) => {
      if (reply.verb !== 'syncGroup' || round !== this.#round || this.ended) return;
      if (reply.error !== 0) return this.#refused(reply.error);
      this.#take(decodeAssignment(reply.assignment)?.partitions ?? []);
    });
  }

  #take(rows: readonly TopicPartitions[]): void {
    this.#syncedGeneration = this.#generation;
    const next = new Set<string>();
    for (const { topic, partitions } of rows) {
      const topicId = this.#world.topicId(topic) ?? topic;
      for (const partition of partitions) next.add(`${topicId} ${partition}`);
    }
    const gives = [...this.owned].some((key) => !next.has(key));
    this.owned.clear();
    for (const key of next) this.owned.add(key);
    this.#phase = gives && this.#assignor.protocol === 'cooperative' ? 'joins' : 'stable';
    this.nextMs = this.#world.nowMs() + (this.#phase === 'joins' ? this.#world.below(200) : this.options.heartbeatIntervalMs);
  }

  #refused(error: number): void {
    this.nextMs = this.#world.nowMs() + this.#world.below(300);
    switch (errorName(error)) {
      case 'UNKNOWN_MEMBER_ID':
        this.#memberId = '';
        this.#generation = -1;
        this.owned.clear();
        this.#phase = 'joins';
        return;
      case 'ILLEGAL_GENERATION':
        this.#generation = -1;
        this.owned.clear();
        this.#phase = 'joins';
        return;
      case 'REBALANCE_IN_PROGRESS':
      case 'MEMBER_ID_REQUIRED':
        this.#phase = 'joins';
        return;
      case 'COORDINATOR_NOT_AVAILABLE':
        if (this.#phase === 'waits') this.#phase = 'joins';
        return;
      case 'FENCED_INSTANCE_ID':
        this.owned.clear();
        this.ended = true;
        return;
      case 'INCONSISTENT_GROUP_PROTOCOL':
        // The group has other assignors: it gives up, as a client would with an error to its user.
        this.owned.clear();
        this.ended = true;
        return;
      default:
        throw new Error(`a member is told ${errorName(error)}`);
    }
  }

  resubscribe(topics: string[]): void {
    this.options.topics = topics;
    this.#hasNews = true;
  }

  leave(): void {
    this.owned.clear();
    this.ended = true;
    if (this.#memberId === '') return;
    const { groupId, instanceId } = this.options;
    this.#world.ask({ verb: 'leaveGroup', id: 0, groupId, members: [{ memberId: this.#memberId, instanceId, reason: 'bye' }] }, () => {});
  }

  #rows(): TopicPartitions[] {
    const rows = [...this.owned].flatMap((key) => {
      const [topicId, partition] = split(key);
      const topic = this.#world.topicName(topicId);
      return topic === undefined ? [] : [{ topic, partitions: [partition] }];
    });
    return inOrder(rows);
  }
}
