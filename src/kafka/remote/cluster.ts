/**
 * What is known of a cluster: its brokers, as hosts of a dispatcher, and where the partitions of the topics in use are led. A slot is given
 * to a partition once and never again. Learns anew when somebody suspects that a leader has gone, and now and then by itself; tells
 * which topics are not where they were.
 */
import { errorName, errors } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { PartitionMetadata, TopicMetadata } from '../../coordinator/protocol.ts';
import type { Timer } from '../../world/clock.ts';
import { metadata } from '../api/03-metadata.ts';
import { type IncomingResponseOf, ZERO_UUID } from '../schema.ts';
import type { Requests } from './requests.ts';

/** A partition, as requests name it. */
export interface Place {
  readonly slot: number;
  readonly topic: string;
  /** Zeros when the cluster has no ids. */
  readonly topicId: string;
  readonly partition: number;
  /** −1: not known. Sent along, so that a leader that was deposed, or one that has not heard of its luck, says so (KIP-320). */
  leaderEpoch: number;
}

export interface ClusterEvents {
  /** A broker is met for the first time. Called before anything is said to be led there. */
  host(host: number, node: number): void;
  /** These topics are not what they were. */
  changed(names: readonly string[]): void;
}

interface KnownTopic {
  topicId: string;
  partitions: PartitionMetadata[];
}

type Response = IncomingResponseOf<typeof metadata>;
type TopicRow = Response['topics'][number];

export class Cluster {
  readonly #requests: Requests;
  readonly #events: ClusterEvents;
  readonly #maxAgeMs: number;
  /** Node ids by host. */
  readonly #hosts: number[] = [];
  readonly #hostOf = new Map<number, number>();
  readonly #topics = new Map<string, KnownTopic>();
  readonly #slots = new Map<string, number>();
  readonly #places = new Map<number, Place>();
  #nodes: number[] = [];
  #nextSlot = 0;
  #refreshing = false;
  /** Somebody has doubted since the refresh that is under way began. */
  #doubted = false;
  #doubts: Timer | null = null;
  #refreshedMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #closed = false;
  /** What Kafka calls the cluster; '' when it is not known. */
  clusterId = '';

  constructor(requests: Requests, maxAgeMs: number, events: ClusterEvents) {
    this.#requests = requests;
    this.#events = events;
    this.#maxAgeMs = maxAgeMs;
    this.#age();
  }

  /** Learns the brokers, and nothing of topics: the first thing that is asked. */
  meet(timeoutMs: number, done: (error: number) => void): void {
    this.#ask([], false, (error) => done(error), timeoutMs);
  }

  /** Rows as a dispatcher takes them, in the order of the names; all topics when `names` is null. */
  metadata(names: readonly string[] | null, autoCreate: boolean, done: (error: number, topics: TopicMetadata[]) => void): void {
    this.#ask(names, autoCreate, (error, rows) => {
      if (rows === null) return done(error, []);
      const byName = new Map(rows.map((row) => [row.name ?? '', row]));
      const asked = names ?? rows.filter(({ isInternal }) => !isInternal).map(({ name }) => name ?? '');
      const changed: string[] = [];
      const topics = asked.map((name) => this.#learn(name, byName.get(name), changed));
      if (changed.length > 0) this.#events.changed(changed);
      // Nobody else would say when there is one.
      if (this.#lacksLeaders()) this.doubt();
      done(0, topics);
    });
  }

  /** Names of topics by id; one that no broker knows is not among them. */
  namesOf(topicIds: readonly string[], done: (names: Readonly<Record<string, string>>) => void): void {
    const names: Record<string, string> = {};
    const wanted = new Set(topicIds);
    for (const [name, { topicId }] of this.#topics) if (wanted.delete(topicId)) names[topicId] = name;
    if (wanted.size === 0) return this.#requests.clock.next(() => done(names));
    const topics = [...wanted].map((topicId) => ({ topicId, name: null }));
    this.#requests.send('any', metadata, { ...PLAIN, topics, allowAutoTopicCreation: false }, (_error, response) => {
      for (const { topicId, name } of response?.topics ?? [])
        if (name !== null && name !== '' && wanted.has(topicId)) names[topicId] = name;
      done(names);
    });
  }

  /** The brokers that there are, by id. */
  nodes(): readonly number[] {
    return this.#nodes;
  }

  /** The broker that is a host; −1: none, as for partitions without a leader. */
  nodeOf(host: number): number {
    return this.#hosts[host] ?? NOBODY;
  }

  place(slot: number): Place | undefined {
    return this.#places.get(slot);
  }

  /** The partitions that this broker leads, of topics that are known. */
  *ledBy(node: number): Generator<Place> {
    const host = this.#hostOf.get(node);
    for (const { partitions } of this.#topics.values())
      for (const partition of partitions) {
        const place = partition.host === host ? this.#places.get(partition.slot) : undefined;
        if (place !== undefined) yield place;
      }
  }

  /** The slot of a partition as a response names it: by id, or by name where it tells no ids. −1: not known. */
  slotOf(topic: string, topicId: string, partition: number): number {
    return this.#slots.get(keyOf(topic, topicId, partition)) ?? -1;
  }

  /** A leader has said that it is none, or is silent: what is known is looked at anew, at once, then with pauses while nothing gets better. */
  doubt(): void {
    this.#doubted = true;
    if (this.#refreshing || this.#doubts !== null || this.#closed || this.#topics.size === 0) return;
    const { clock } = this.#requests;
    const pauseMs = Math.min(DOUBT_MS_MAX, DOUBT_MS * 2 ** Math.min(this.#failures, 10));
    const waitMs = Math.max(0, this.#refreshedMs + pauseMs - clock.monotonicMs());
    this.#doubts = clock.after(waitMs, () => {
      this.#doubts = null;
      this.#refresh();
    });
  }

  close(): void {
    this.#closed = true;
    this.#doubts?.cancel();
  }

  #ask(
    names: readonly string[] | null,
    autoCreate: boolean,
    done: (error: number, rows: readonly TopicRow[] | null) => void,
    timeoutMs?: number,
  ): void {
    const topics = names === null ? null : names.map((name) => ({ topicId: ZERO_UUID, name }));
    const request = { ...PLAIN, topics, allowAutoTopicCreation: autoCreate };
    const heard = (error: number, response: Response | null): void => {
      if (this.#closed) return done(errors.CLOSED.code, null);
      if (response === null) return done(error, null);
      if (response.errorCode !== 0) return done(errors[errorName(response.errorCode)].code, null);
      this.clusterId = response.clusterId ?? '';
      this.#nodes = response.brokers.map(({ nodeId }) => nodeId);
      this.#requests.setNodes(response.brokers, response.controllerId);
      for (const nodeId of this.#nodes) this.#host(nodeId);
      done(0, response.topics);
    };
    this.#requests.send('any', metadata, request, heard, timeoutMs === undefined ? {} : { timeoutMs });
  }

  /** Takes in a row, and adds the name to `changed` when it says something else than what was known. */
  #learn(name: string, row: TopicRow | undefined, changed: string[]): TopicMetadata {
    const known = this.#topics.get(name);
    if (row === undefined || row.errorCode !== 0) {
      const error = row === undefined ? errors.UNKNOWN_TOPIC_OR_PARTITION.code : errors[errorName(row.errorCode)].code;
      if (known !== undefined && isGone(error)) {
        this.#forget(name, known);
        changed.push(name);
      }
      return { name, topicId: ZERO_UUID, error, partitions: [], durability: 'written', batchBytesMax: BATCH_BYTES_MAX };
    }
    const { topicId } = row;
    const before = known?.topicId === topicId ? known.partitions : [];
    if (known !== undefined && known.topicId !== topicId) this.#forget(name, known);
    const partitions = this.#partitionsOf(name, row, before);
    if (known !== undefined && (known.topicId !== topicId || !areSame(before, partitions))) changed.push(name);
    if (known === undefined && this.#topics.size >= limits.topicsMax)
      for (const [first, one] of this.#topics) if (this.#forget(first, one)) break;
    this.#topics.set(name, { topicId, partitions });
    return { name, topicId, error: 0, partitions, durability: 'written', batchBytesMax: BATCH_BYTES_MAX };
  }

  #partitionsOf(topic: string, { topicId, partitions: rows }: TopicRow, before: readonly PartitionMetadata[]): PartitionMetadata[] {
    const partitions: PartitionMetadata[] = [];
    for (const { partitionIndex: partition, leaderId, leaderEpoch } of [...rows].sort((a, b) => a.partitionIndex - b.partitionIndex)) {
      // Partitions are numbered without gaps, and found by their place in the list.
      if (partition !== partitions.length) break;
      const known = before[partition];
      // A broker that has not heard yet tells what was before.
      if (known !== undefined && leaderEpoch >= 0 && leaderEpoch < known.leaderEpoch) {
        partitions.push(known);
        continue;
      }
      const slot = known?.slot ?? this.#slot(topic, topicId, partition);
      const place = this.#places.get(slot);
      if (place !== undefined) place.leaderEpoch = leaderEpoch;
      partitions.push({ partition, slot, host: this.#host(leaderId), leaderEpoch });
    }
    return partitions;
  }

  #slot(topic: string, topicId: string, partition: number): number {
    const slot = this.#nextSlot++;
    // A response names topics by id, or in old versions by name.
    this.#slots.set(keyOf(topic, topicId, partition), slot);
    this.#slots.set(keyOf(topic, ZERO_UUID, partition), slot);
    this.#places.set(slot, { slot, topic, topicId, partition, leaderEpoch: -1 });
    return slot;
  }

  #forget(name: string, { topicId, partitions }: KnownTopic): boolean {
    for (const { slot, partition } of partitions) {
      this.#slots.delete(keyOf(name, topicId, partition));
      this.#slots.delete(keyOf(name, ZERO_UUID, partition));
      this.#places.delete(slot);
    }
    return this.#topics.delete(name);
  }

  /** Nobody is a host too, at which no port leads anywhere. */
  #host(node: number): number {
    const known = this.#hostOf.get(node);
    if (known !== undefined) return known;
    const host = this.#hosts.length;
    this.#hosts.push(node);
    this.#hostOf.set(node, host);
    if (node >= 0) this.#events.host(host, node);
    return host;
  }

  // Again.

  #refresh(): void {
    if (this.#closed || this.#refreshing || this.#topics.size === 0) return;
    this.#refreshing = true;
    this.#doubted = false;
    const names = [...this.#topics.keys()];
    this.metadata(names, false, (error) => {
      this.#refreshing = false;
      this.#refreshedMs = this.#requests.clock.monotonicMs();
      const isWhole = error === 0 && !this.#lacksLeaders();
      if (isWhole && !this.#doubted) {
        this.#failures = 0;
        return;
      }
      this.#failures++;
      this.doubt();
    });
  }

  #lacksLeaders(): boolean {
    const nobody = this.#hostOf.get(NOBODY);
    if (nobody === undefined) return false;
    for (const { partitions } of this.#topics.values()) for (const { host } of partitions) if (host === nobody) return true;
    return false;
  }

  #age(): void {
    this.#requests.clock.after(this.#maxAgeMs, () => {
      if (this.#closed) return;
      this.#refresh();
      this.#age();
    });
  }
}

function keyOf(topic: string, topicId: string, partition: number): string {
  return topicId === ZERO_UUID ? `${topic}/${partition}` : `${topicId}:${partition}`;
}

function isGone(error: number): boolean {
  return error === errors.UNKNOWN_TOPIC_OR_PARTITION.code || error === errors.UNKNOWN_TOPIC_ID.code;
}

function areSame(a: readonly PartitionMetadata[], b: readonly PartitionMetadata[]): boolean {
  return a.length === b.length && a.every(({ slot, host }, i) => slot === b[i].slot && host === b[i].host);
}

const PLAIN = { includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false };
/** What Kafka takes unless somebody says otherwise (message.max.bytes). */
const BATCH_BYTES_MAX = 1_048_588;
const NOBODY = -1;
const DOUBT_MS = 50;
const DOUBT_MS_MAX = 1000;
