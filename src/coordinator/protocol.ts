/**
 * What can be said to the coordinator, and what it answers and tells. Verbs have the shape of Kafka's own, so that a broker at
 * the other end of a connection can take the same asks.
 */

import type { Fact } from './facts.ts';
import type { GroupVerbs } from './groups/protocol.ts';

export interface PartitionMetadata {
  partition: number;
  /** The partition's number on this bus; names it in asks to its host. */
  slot: number;
  /** Index of the host that carries it. */
  host: number;
  leaderEpoch: number;
}

export interface TopicMetadata {
  name: string;
  /** 32 hexadecimal digits. */
  topicId: string;
  error: number;
  partitions: PartitionMetadata[];
  /** 'memory', 'written' or 'synced'. */
  durability: string;
  /** The largest batch in bytes (max.message.bytes). */
  batchBytesMax: number;
}

export interface NewTopic {
  name: string;
  /** −1: the bus's num.partitions. */
  partitions: number;
  /** −1 or 1: one host has no replicas elsewhere. */
  replicationFactor: number;
  configs: Record<string, string>;
}

export interface TopicResult {
  name: string;
  topicId: string;
  error: number;
  message: string;
  partitions: number;
  /** Of a topic that was made, or would be; when `describe` asks for it. */
  entries?: ConfigEntry[];
}

export interface ConfigOp {
  key: string;
  op: 'set' | 'delete' | 'append' | 'subtract';
  value: string;
}

export interface ConfigEntry {
  key: string;
  value: string;
  /** 'topic', 'group': set there. 'bus': set for the bus. 'default': built in. */
  source: 'topic' | 'group' | 'bus' | 'default';
  type: 'string' | 'int' | 'long' | 'boolean' | 'list' | 'double';
  readOnly: boolean;
  documentation: string;
}

/** A place from which a value may come, by the name that it has there. */
export interface ConfigSynonym {
  name: string;
  value: string;
  source: 'bus' | 'default';
}

export const pressureLevels = ['calm', 'spill', 'throttle', 'pause'] as const;
export type PressureLevel = (typeof pressureLevels)[number];

/** Why the level is above calm: which gauge, what it shows, and the threshold that it passed. */
export interface PressureReason {
  gauge: 'resident-bytes' | 'unwritten-bytes' | 'in-flight-bytes' | 'heap' | 'thread-heap' | 'rss' | 'disk-free';
  level: PressureLevel;
  value: number;
  threshold: number;
  /** Which thread, folder or topic, where one is meant. */
  where: string;
}

export interface PressureReport {
  level: PressureLevel;
  sinceMs: number;
  reasons: PressureReason[];
  gauges: {
    residentBytes: number;
    unwrittenBytes: number;
    inFlightBytes: number;
    heapBytes: number;
    rssBytes: number;
    diskFreeBytes: number;
  };
}

/** What a client id has sent and fetched in one thread since it was told last. */
export interface ClientLoad {
  clientId: string;
  producedBytes: number;
  fetchedBytes: number;
}

/** The quota of a client id (bytes per second; null: none), and for how long nothing of it is to pass. */
export interface ClientThrottle {
  clientId: string;
  producerByteRate: number | null;
  produceDelayMs: number;
  consumerByteRate: number | null;
  fetchDelayMs: number;
}

export interface CoordinatorVerbs extends GroupVerbs {
  /** All topics when `topics` is null. Unknown names answer UNKNOWN_TOPIC_OR_PARTITION in their row, or are made if `autoCreate`. */
  metadata: { ask: { topics: string[] | null; autoCreate: boolean }; reply: { epoch: number; topics: TopicMetadata[] } };
  createTopics: { ask: { topics: NewTopic[]; validateOnly: boolean; describe?: boolean }; reply: { topics: TopicResult[] } };
  deleteTopics: { ask: { names: string[] }; reply: { topics: TopicResult[] } };
  createPartitions: { ask: { name: string; total: number }; reply: { message: string } };
  alterConfigs: { ask: { name: string; ops: ConfigOp[]; validateOnly: boolean }; reply: { message: string } };
  /** Of topics; with `bus`, also what the bus was opened with, by bus-level names, and where values come from that a topic does not set. */
  describeConfigs: {
    ask: { names: string[]; bus?: boolean };
    reply: {
      topics: { name: string; error: number; entries: ConfigEntry[] }[];
      bus?: ConfigEntry[];
      /** By name, of topics' settings and of the bus's: what counts, then what would if that were not set. */
      synonyms?: Record<string, ConfigSynonym[]>;
    };
  };
  /** A producer id of its own, epoch 0. Ids are never given twice by one data folder. */
  initProducerId: { ask: object; reply: { producerId: number; producerEpoch: number } };
  pressure: { ask: object; reply: { report: PressureReport } };
  /** A dispatcher's own load, told a few times a second; answered so that nothing piles up. */
  reportLoad: {
    ask: {
      dispatcher: number;
      inFlightBytes: number;
      /** Of the thread's V8 heap and what it holds outside; of the whole process. */
      heapBytes: number;
      rssBytes: number;
      /** What V8 manages of the thread's heap, and the most that it may; 0: not known. */
      heapUsedBytes: number;
      heapLimitBytes: number;
      clients: ClientLoad[];
    };
    /** A row for each client id that was told. */
    reply: { throttles: ClientThrottle[] };
  };
  /**
   * Commit what waits, write the clean marker if `clean` (every host has closed and left nothing unfinished), close the database,
   * end the thread. Asks that still wait for a host are refused with CLOSED.
   */
  close: { ask: { deadlineMs: number; clean: boolean }; reply: { unfinished: string[] } };
}

export type CoordinatorVerb = keyof CoordinatorVerbs;
export type CoordinatorAsk = { [V in CoordinatorVerb]: { verb: V; id: number } & CoordinatorVerbs[V]['ask'] }[CoordinatorVerb];
export type CoordinatorReply = {
  [V in CoordinatorVerb]: { verb: V; id: number; error: number } & CoordinatorVerbs[V]['reply'];
}[CoordinatorVerb];
export type CoordinatorAskOf<V extends CoordinatorVerb> = { verb: V; id: number } & CoordinatorVerbs[V]['ask'];
export type CoordinatorReplyOf<V extends CoordinatorVerb> = { verb: V; id: number; error: number } & CoordinatorVerbs[V]['reply'];

/** What the coordinator tells every dispatcher without being asked. */
export type CoordinatorNotice =
  /** Topics changed: metadata older than `epoch` is stale for these names. */
  | { notice: 'topics'; epoch: number; names: string[] }
  | { notice: 'pressure'; report: PressureReport }
  /**
   * Something waits for members of these groups: a rebalance begins, an assignment has changed, partitions that they are to get were given
   * up. Members of this process then heartbeat at once instead of when the next one is due.
   */
  | { notice: 'groups'; groupIds: string[] }
  /** Damage, recovery, state of partitions: passed on from the hosts, for events and log lines. */
  | { notice: 'event'; name: string; fields: Record<string, string | number> }
  /** The last word: the port closes behind it because the bus was closed. A port that closes without it has lost its coordinator. */
  | { notice: 'closing' };

export interface CoordinatorPost {
  asks: CoordinatorAsk[];
}
export interface CoordinatorAnswer {
  replies: CoordinatorReply[];
  notices: CoordinatorNotice[];
}

/** What the supervisor (the bus) says to the coordinator's control port, with ports in the transfer list. */
export type ControlPost =
  /** A host is up (again), reached by `port`; the coordinator opens its partitions there. */
  | { control: 'hostUp'; host: number; port: unknown }
  | { control: 'dispatcherUp'; dispatcher: number; port: unknown }
  /** Fails in the `turns`-th turn from now that gets to this stage: for tests of what happens then. */
  | { control: 'fail'; stage: TurnStage; turns: number };

/** Moments of a turn. decided: there are facts, not stored. stored: nobody was answered. answered: its end. closing: the clean marker is written. */
export type TurnStage = 'decided' | 'stored' | 'answered' | 'closing';

export type ControlAnswer =
  /** Every partition of this host is open. */
  | { control: 'hostReady'; host: number }
  /** The data folder cannot be opened: what Bus.open is to throw. */
  | { control: 'refused'; error: number; message: string; details: Readonly<Record<string, unknown>> }
  /** Begun; `busId` is its cluster id, as Kafka spells them: 22 characters of base64. */
  | { control: 'ready'; busId: string }
  /** Of a bus without a folder: what its successor, if it should need one, is to begin with. */
  | { control: 'facts'; facts: readonly Fact[] };
