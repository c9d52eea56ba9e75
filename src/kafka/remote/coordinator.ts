/**
 * A cluster of brokers where a dispatcher expects its coordinator: every verb is put into Kafka's requests, and what comes back into replies.
 * Brokers say nothing unasked: members of groups learn of a rebalance by their heartbeats, and topics that others change by the next look
 * at them. What no broker tells is refused with UNSUPPORTED_VERSION, in words.
 */
import { errors } from '../../base/errors.ts';
import type {
  CoordinatorAnswer,
  CoordinatorNotice,
  CoordinatorPost,
  CoordinatorReply,
  CoordinatorVerb,
  CoordinatorVerbs,
  PressureReport,
} from '../../coordinator/protocol.ts';
import type { Clock } from '../../world/clock.ts';
import type { Port } from '../../world/port.ts';
import * as groups from './ask-groups.ts';
import * as quotas from './ask-quotas.ts';
import * as topics from './ask-topics.ts';
import type { Desk, Handle, Topology } from './desk.ts';
import type { TopicSettings } from './settings.ts';

export interface RemoteCoordinatorSetup {
  requests: Desk['requests'];
  topology: Topology;
  /** What is known of topics; hosts look at it too. */
  settings: TopicSettings;
  clock: Clock;
}

/** What answers each verb. */
const handles: { [V in CoordinatorVerb]: Handle<V> } = {
  metadata: topics.askMetadata,
  createTopics: topics.askCreateTopics,
  deleteTopics: topics.askDeleteTopics,
  createPartitions: topics.askCreatePartitions,
  alterConfigs: topics.askAlterConfigs,
  describeConfigs: topics.askDescribeConfigs,
  initProducerId: topics.askInitProducerId,
  joinGroup: groups.askJoinGroup,
  syncGroup: groups.askSyncGroup,
  heartbeat: groups.askHeartbeat,
  leaveGroup: groups.askLeaveGroup,
  consumerGroupHeartbeat: groups.askConsumerGroupHeartbeat,
  offsetCommit: groups.askOffsetCommit,
  offsetFetch: groups.askOffsetFetch,
  offsetDelete: groups.askOffsetDelete,
  listGroups: groups.askListGroups,
  describeGroups: groups.askDescribeGroups,
  deleteGroups: groups.askDeleteGroups,
  describeGroupConfigs: groups.askDescribeGroupConfigs,
  alterGroupConfigs: groups.askAlterGroupConfigs,
  describeQuotas: quotas.askDescribeQuotas,
  alterQuotas: quotas.askAlterQuotas,
  pressure: (_ask, _desk, reply) => reply({ error: 0, report: CALM }),
  // Brokers tell by throttle_time_ms how long a connection is to be quiet, and the connection keeps to it.
  reportLoad: ({ clients }, _desk, reply) =>
    reply({
      error: 0,
      throttles: clients.map(({ clientId }) => ({
        clientId,
        producerByteRate: null,
        produceDelayMs: 0,
        consumerByteRate: null,
        fetchDelayMs: 0,
      })),
    }),
  reportProgress: (_ask, _desk, reply) => reply({ error: 0 }),
  explainGroup: (_ask, _desk, reply) =>
    reply({
      error: errors.UNSUPPORTED_VERSION.code,
      message: 'brokers do not tell what members of a group wait for: describeGroup says who has which partition, and how far behind',
      group: NO_GROUP,
      partitions: [],
    }),
  groupHistory: (_ask, _desk, reply) =>
    reply({
      error: errors.UNSUPPORTED_VERSION.code,
      message: 'brokers do not tell what has happened in a group: describeGroup says how it stands; a broker’s log may say more',
      events: [],
    }),
  close: (_ask, _desk, reply) => reply({ error: 0, unfinished: [] }),
};

export class RemoteCoordinator implements Port<CoordinatorPost, CoordinatorAnswer> {
  readonly #clock: Clock;
  readonly #desk: Desk;
  #replies: CoordinatorReply[] = [];
  #notices: CoordinatorNotice[] = [];
  #wake: () => void = () => {};
  #scheduled = false;
  #open = true;

  constructor({ requests, topology, settings, clock }: RemoteCoordinatorSetup) {
    this.#clock = clock;
    const changed = (names: readonly string[]): void => this.tell({ notice: 'topics', epoch: 0, names: [...names] });
    this.#desk = { requests, topology, clock, settings, knowsDurability: null, changed };
  }

  /** What is known of the cluster beyond any ask: above all that topics have changed. */
  tell(notice: CoordinatorNotice): void {
    if (!this.#open) return;
    this.#notices.push(notice);
    this.#schedule();
  }

  post({ asks }: CoordinatorPost): void {
    for (const ask of asks) this.#handle(ask.verb, ask.id, ask);
  }

  take(): CoordinatorAnswer | undefined {
    if (this.#replies.length === 0 && this.#notices.length === 0) return undefined;
    const answer = { replies: this.#replies, notices: this.#notices };
    this.#replies = [];
    this.#notices = [];
    return answer;
  }

  listen(wake: () => void): void {
    this.#wake = wake;
    if (this.#replies.length > 0 || this.#notices.length > 0) this.#schedule();
  }

  /** Connections on which something is asked keep the process alive by themselves. */
  ref(): void {}

  close(): void {
    this.#open = false;
  }

  #handle<V extends CoordinatorVerb>(verb: V, id: number, ask: unknown): void {
    const handle: Handle<V> = handles[verb];
    handle(ask as CoordinatorVerbs[V]['ask'], this.#desk, (answer) => {
      if (!this.#open) return;
      this.#replies.push({ verb, id, ...answer } as unknown as CoordinatorReply);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.next(() => {
      this.#scheduled = false;
      if (this.#open) this.#wake();
    });
  }
}

const CALM: PressureReport = {
  level: 'calm',
  sinceMs: 0,
  reasons: [],
  gauges: { residentBytes: 0, unwrittenBytes: 0, inFlightBytes: 0, heapBytes: 0, rssBytes: 0, diskFreeBytes: 0 },
};
const NO_GROUP: CoordinatorVerbs['explainGroup']['reply']['group'] = {
  groupId: '',
  error: 0,
  message: '',
  type: 'classic',
  state: 'Dead',
  epoch: -1,
  assignmentEpoch: -1,
  assignor: '',
  protocolType: '',
  members: [],
};
