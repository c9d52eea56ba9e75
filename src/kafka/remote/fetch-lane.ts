/**
 * One connection for fetches, one Fetch on it at a time, and the fetch session that the broker keeps for it (KIP-227): a request names only
 * what differs from what the broker was told. A broker that keeps none is told everything each time.
 */
import { errors } from '../../base/errors.ts';
import type { HostAskOf } from '../../partition/protocol.ts';
import { fetch } from '../api/01-fetch.ts';
import type { Encodable } from '../schema.ts';
import type { Place } from './cluster.ts';
import type { Answered, BrokerConnection } from './connection.ts';
import type { Followed } from './fetches.ts';
import type { HostSetup } from './host.ts';

type Request = Encodable<typeof fetch.request>;
type PartitionRow = Request['topics'][number]['partitions'][number];

interface Told {
  readonly place: Place;
  readonly offset: number;
  readonly bytesMax: number;
  readonly leaderEpoch: number;
}

export class FetchLane {
  readonly #setup: HostSetup;
  #connection: BrokerConnection | null = null;
  #busy = false;
  #closed = false;
  /** Since when a Fetch is under way (monotonic). */
  busySinceMs = 0;
  #sessionId = 0;
  /** 0 begins a session. */
  #epoch = 0;
  /** By slot: what the broker was told last. */
  readonly #told = new Map<number, Told>();

  constructor(setup: HostSetup) {
    this.#setup = setup;
  }

  get isBusy(): boolean {
    return this.#busy;
  }

  /** From where on a partition was asked for last; −1: it was not. */
  offsetOf(slot: number): number {
    return this.#told.get(slot)?.offset ?? -1;
  }

  /** Whether the broker was told something else than what is followed now. */
  isStale(followed: ReadonlyMap<number, Followed>): boolean {
    if (followed.size !== this.#told.size) return true;
    for (const { slot, offset } of followed.values()) if (this.offsetOf(slot) !== offset) return true;
    return false;
  }

  /** `done` is called once, when the broker has answered or cannot be reached; never after `close`. */
  send(ask: HostAskOf<'fetch'>, followed: ReadonlyMap<number, Followed>, done: Answered<typeof fetch.response>): void {
    const { requests, node, requestTimeoutMs } = this.#setup;
    if (this.#connection === null || this.#connection.closed) {
      this.#connection = requests.connectionTo(node);
      this.#heard(0, 0);
    }
    this.#busy = true;
    this.busySinceMs = requests.clock.monotonicMs();
    const answered: Answered<typeof fetch.response> = (error, response, frame) => {
      this.#busy = false;
      if (this.#closed) return;
      if (response !== null) this.#heard(response.errorCode, response.sessionId);
      done(error, response, frame);
    };
    if (this.#connection === null) return requests.clock.next(() => answered(errors.HOST_DOWN.code, null, null));
    const request = this.#request(ask, followed);
    this.#connection.send(fetch, request, { timeoutMs: ask.waitMs + requestTimeoutMs }, answered);
  }

  /** What is under way is not answered any more. */
  close(): void {
    this.#closed = true;
    this.#connection?.close();
  }

  #heard(errorCode: number, sessionId: number): void {
    if (errorCode !== 0 || sessionId === 0) {
      this.#sessionId = 0;
      this.#epoch = 0;
      return;
    }
    this.#sessionId = sessionId;
    this.#epoch = this.#epoch === 0x7fff_ffff ? 1 : this.#epoch + 1;
  }

  #request({ bytesMin, bytesMax, waitMs }: HostAskOf<'fetch'>, followed: ReadonlyMap<number, Followed>): Request {
    const topics = new Map<string, { topic: string; topicId: string; partitions: PartitionRow[] }>();
    const forgotten = new Map<string, { topic: string; topicId: string; partitions: number[] }>();
    if (this.#epoch === 0) this.#told.clear();
    for (const [slot, { place }] of this.#told) {
      if (followed.has(slot)) continue;
      this.#told.delete(slot);
      rowOf(forgotten, place).partitions.push(place.partition);
    }
    for (const one of followed.values()) {
      const place = this.#setup.cluster.place(one.slot);
      const told = this.#told.get(one.slot);
      if (place === undefined || (told !== undefined && isTold(told, one, place))) continue;
      this.#told.set(one.slot, { place, offset: one.offset, bytesMax: one.bytesMax, leaderEpoch: place.leaderEpoch });
      rowOf(topics, place).partitions.push({
        partition: place.partition,
        currentLeaderEpoch: place.leaderEpoch,
        fetchOffset: one.offset,
        partitionMaxBytes: one.bytesMax,
      });
    }
    return {
      maxWaitMs: waitMs,
      minBytes: bytesMin,
      maxBytes: bytesMax,
      isolationLevel: this.#setup.isolation,
      sessionId: this.#sessionId,
      sessionEpoch: this.#epoch,
      topics: [...topics.values()],
      forgottenTopicsData: [...forgotten.values()],
    };
  }
}

function isTold(told: Told, { offset, bytesMax }: Followed, { leaderEpoch }: Place): boolean {
  return told.offset === offset && told.bytesMax === bytesMax && told.leaderEpoch === leaderEpoch;
}

function rowOf<P>(
  rows: Map<string, { topic: string; topicId: string; partitions: P[] }>,
  { topic, topicId }: Place,
): { topic: string; topicId: string; partitions: P[] } {
  const key = `${topic}/${topicId}`;
  const known = rows.get(key);
  if (known !== undefined) return known;
  const made = { topic, topicId, partitions: [] };
  rows.set(key, made);
  return made;
}
