/** Questions about partitions of one broker: those of a post go out as one request of each kind. */
import { errorName, errors } from '../../base/errors.ts';
import { blankDescription, type HostAskOf, type HostVerbs, times } from '../../partition/protocol.ts';
import { listOffsets } from '../api/02-list-offsets.ts';
import { deleteRecords } from '../api/21-delete-records.ts';
import { describeLogDirs } from '../api/35-describe-log-dirs.ts';
import { describeProducers } from '../api/61-describe-producers.ts';
import type { Api, Decoded, Encodable, Shape } from '../schema.ts';
import type { Place } from './cluster.ts';
import { type Answer, type HostSetup, isMisplaced } from './host.ts';

type Verb = 'listOffsets' | 'deleteRecords' | 'describeProducers' | 'describe';
type Ask = { [V in Verb]: HostAskOf<V> }[Verb];
type OffsetRow = { errorCode: number; timestamp: number; offset: number; leaderEpoch: number };
type OffsetDone = (error: number, row: OffsetRow | null) => void;

export class Lookups {
  readonly #setup: HostSetup;
  readonly #answer: Answer;
  #offsets: { place: Place; timestampMs: number; done: OffsetDone }[] = [];
  #deletes: HostAskOf<'deleteRecords'>[] = [];

  constructor(setup: HostSetup, answer: Answer) {
    this.#setup = setup;
    this.#answer = answer;
  }

  add(ask: Ask): void {
    switch (ask.verb) {
      case 'listOffsets':
        return this.#listOffsets(ask);
      case 'deleteRecords':
        this.#deletes.push(ask);
        return;
      case 'describeProducers':
        return this.#describeProducers(ask);
      case 'describe':
        return this.#describe(ask);
    }
  }

  /** Sends what was gathered. */
  send(): void {
    while (this.#offsets.length > 0) this.#sendOffsets();
    while (this.#deletes.length > 0) this.#sendDeletes();
  }

  #listOffsets(ask: HostAskOf<'listOffsets'>): void {
    const none = { offset: -1, timestampMs: -1, leaderEpoch: -1 };
    this.#offsetAt(ask.slot, ask.timestampMs, (error, row) => {
      if (row === null) return this.#answer<'listOffsets'>(ask, error, none);
      this.#answer<'listOffsets'>(ask, 0, { offset: row.offset, timestampMs: row.timestamp, leaderEpoch: row.leaderEpoch });
    });
  }

  #offsetAt(slot: number, timestampMs: number, done: OffsetDone): void {
    const place = this.#setup.cluster.place(slot);
    if (place === undefined) return done(errors.UNKNOWN_TOPIC_OR_PARTITION.code, null);
    this.#offsets.push({ place, timestampMs, done });
  }

  /** A request names a partition once. */
  #sendOffsets(): void {
    const { rows: wanted, left } = once(this.#offsets, ({ place }) => place.slot);
    this.#offsets = left;
    const topics = byTopic(wanted, ({ place: { partition: partitionIndex, leaderEpoch: currentLeaderEpoch }, timestampMs: timestamp }) => ({
      partitionIndex,
      currentLeaderEpoch,
      timestamp,
    }));
    const request = { replicaId: -1, isolationLevel: this.#setup.isolation, topics, timeoutMs: this.#setup.requestTimeoutMs };
    this.#send(listOffsets, request, (error, response) => {
      const rows = rowsOf(response?.topics ?? []);
      for (const { place, done } of wanted) {
        const row = rows.get(keyOf(place));
        const code = error !== 0 ? error : codeOf(row?.errorCode);
        this.#doubt(code);
        done(code, code === 0 && row !== undefined ? row : null);
      }
    });
  }

  #sendDeletes(): void {
    const { rows: asks, left } = once(this.#deletes, ({ slot }) => slot);
    this.#deletes = left;
    const wanted = asks.map((ask) => ({ ask, place: this.#setup.cluster.place(ask.slot) }));
    for (const { ask, place } of wanted)
      if (place === undefined) this.#answer<'deleteRecords'>(ask, errors.UNKNOWN_TOPIC_OR_PARTITION.code, { startOffset: -1 });
    const known = wanted.flatMap(({ ask, place }) => (place === undefined ? [] : [{ ask, place }]));
    if (known.length === 0) return;
    const topics = byTopic(known, ({ ask, place }) => ({ partitionIndex: place.partition, offset: ask.beforeOffset }));
    this.#send(deleteRecords, { topics, timeoutMs: this.#setup.requestTimeoutMs }, (error, response) => {
      const rows = rowsOf(response?.topics ?? []);
      for (const { ask, place } of known) {
        const row = rows.get(keyOf(place));
        const code = error !== 0 ? error : codeOf(row?.errorCode);
        this.#doubt(code);
        this.#answer<'deleteRecords'>(ask, code, { startOffset: row?.lowWatermark ?? -1 });
      }
    });
  }

  #describeProducers(ask: HostAskOf<'describeProducers'>): void {
    const place = this.#setup.cluster.place(ask.slot);
    if (place === undefined) return this.#answer<'describeProducers'>(ask, errors.UNKNOWN_TOPIC_OR_PARTITION.code, { producers: [] });
    const request = { topics: [{ name: place.topic, partitionIndexes: [place.partition] }] };
    this.#send(describeProducers, request, (error, response) => {
      const row = response?.topics[0]?.partitions[0];
      const code = error !== 0 ? error : codeOf(row?.errorCode);
      this.#doubt(code);
      const producers = (row?.activeProducers ?? []).map(({ producerId, producerEpoch, lastSequence, lastTimestamp }) => ({
        producerId,
        producerEpoch,
        lastSequence,
        timestampMs: lastTimestamp,
      }));
      this.#answer<'describeProducers'>(ask, code, { producers });
    });
  }

  // Descriptions: first and last offset of each partition, and what its broker says of its size.

  #describe(ask: HostAskOf<'describe'>): void {
    const { cluster, node } = this.#setup;
    const slots = ask.slots ?? [...cluster.ledBy(node)].map(({ slot }) => slot);
    const places = slots.flatMap((slot) => cluster.place(slot) ?? []);
    const partitions = new Map(places.map((place) => [place.slot, blankDescription(place, 0, 'online')]));
    const { clock } = this.#setup.requests;
    const endMs = clock.monotonicMs() + SETTLES_WITHIN_MS;
    let left = 1;
    const done = (): void => {
      if (--left === 0) this.#answer<'describe'>(ask, 0, { partitions: [...partitions.values()] } satisfies HostVerbs['describe']['reply']);
    };
    for (const { slot } of places) {
      const one = partitions.get(slot);
      if (one === undefined) continue;
      const learn = (timestampMs: number, take: (offset: number) => void): void => {
        left++;
        const attempt = (): void =>
          this.#offsetAt(slot, timestampMs, (error, row) => {
            if (row !== null) take(row.offset);
            else if (isMisplaced(error) && clock.monotonicMs() < endMs) return void clock.after(LOOK_EVERY_MS, again, true);
            else {
              one.error = error;
              one.state = 'offline';
            }
            done();
          });
        // Leaders that have just been chosen may not know it yet.
        const again = (): void => {
          attempt();
          this.send();
        };
        attempt();
      };
      learn(times.earliest, (offset) => {
        one.startOffset = offset;
      });
      learn(times.latest, (offset) => {
        one.endOffset = offset;
        one.highWatermark = offset;
      });
    }
    left++;
    this.#sizes(
      places,
      (place, bytes) => {
        const one = partitions.get(place.slot);
        if (one !== undefined) one.logBytes += bytes;
      },
      done,
    );
    done();
  }

  #sizes(places: readonly Place[], take: (place: Place, bytes: number) => void, done: () => void): void {
    const topics = byTopic(
      places.map((place) => ({ place })),
      ({ place }) => place.partition,
    ).map(({ name, partitions }) => ({ topic: name, partitions }));
    this.#send(describeLogDirs, { topics }, (_error, response) => {
      const byKey = new Map(places.map((place) => [keyOf(place), place]));
      for (const { topics: found } of response?.results ?? []) {
        for (const { name, partitions } of found) {
          for (const { partitionIndex, partitionSize, isFutureKey } of partitions) {
            const place = byKey.get(`${name}/${partitionIndex}`);
            if (place !== undefined && !isFutureKey) take(place, partitionSize);
          }
        }
      }
      done();
    });
  }

  #send<Q extends Shape, P extends Shape>(
    api: Api<Q, P>,
    request: Encodable<Q>,
    done: (error: number, response: Decoded<P> | null) => void,
  ): void {
    const { requests, node } = this.#setup;
    requests.send({ node }, api, request, (error, response) =>
      done(error === errors.HOST_DOWN.code ? errors.NETWORK_EXCEPTION.code : error, response),
    );
  }

  #doubt(error: number): void {
    if (isMisplaced(error)) this.#setup.cluster.doubt();
  }
}

/** Then it is told that the partition cannot be asked. */
const SETTLES_WITHIN_MS = 2000;
const LOOK_EVERY_MS = 20;

/** Splits a list so that each key is in `rows` once. */
function once<T>(list: readonly T[], keyOfOne: (one: T) => number): { rows: T[]; left: T[] } {
  const keys = new Set<number>();
  const rows: T[] = [];
  const left: T[] = [];
  for (const one of list) {
    const key = keyOfOne(one);
    (keys.has(key) ? left : rows).push(one);
    keys.add(key);
  }
  return { rows, left };
}

function byTopic<T extends { place: Place }, P>(list: readonly T[], rowOf: (one: T) => P): { name: string; partitions: P[] }[] {
  const topics = new Map<string, P[]>();
  for (const one of list) {
    const rows = topics.get(one.place.topic) ?? [];
    if (rows.length === 0) topics.set(one.place.topic, rows);
    rows.push(rowOf(one));
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

function rowsOf<R extends { partitionIndex: number }>(topics: readonly { name: string; partitions: readonly R[] }[]): Map<string, R> {
  return new Map(topics.flatMap(({ name, partitions }) => partitions.map((row) => [`${name}/${row.partitionIndex}`, row] as const)));
}

function keyOf({ topic, partition }: Place): string {
  return `${topic}/${partition}`;
}

/** A row that is not there is a partition that the broker does not know. */
function codeOf(errorCode: number | undefined): number {
  return errorCode === undefined ? errors.UNKNOWN_TOPIC_OR_PARTITION.code : errors[errorName(errorCode)].code;
}
