/**
 * Follows partitions: one fetch session and one outstanding fetch per host, a bounded queue of what came, cold slices read and
 * checked here. It hands out chunks in order per partition, fairly among partitions. Callbacks only; it decodes nothing.
 */
import { errors, isRetriable } from '../base/errors.ts';
import type { TopicMetadata } from '../coordinator/protocol.ts';
import type { FetchPart, HostReplyOf } from '../partition/protocol.ts';
import type { Dispatcher, Subscriber } from './dispatcher.ts';
import { type Chunk, type ChunkMemory, type Feed, type Fetched, type HostSession, newSession, Ring, waitOf } from './feed.ts';
import { isSound, readSlice } from './slices.ts';
import { allowanceOf } from './strain.ts';
import type { Gate } from './throttles.ts';

export interface ReaderOptions {
  /** Whose quota it is. */
  clientId: string;
  /** Bytes that one answer of a host may hold (Kafka: fetch.max.bytes). */
  fetchBytesMax: number;
  /** Bytes of one partition in it (Kafka: max.partition.fetch.bytes). */
  partitionBytesMax: number;
  /** A fetch waits for this many bytes (Kafka: fetch.min.bytes) … */
  fetchBytesMin: number;
  /** … or this long (Kafka: fetch.max.wait.ms). */
  fetchWaitMs: number;
  /** Bytes that may wait here for the user; no further fetch is sent meanwhile. */
  queuedBytesMax: number;
}

export interface ReaderEvents {
  /** `take` may give something now. */
  ready(): void;
  /**
   * A partition cannot go on at `offset`: OFFSET_OUT_OF_RANGE (the log begins at `startOffset`), CORRUPT_MESSAGE (what lies in
   * [offset, nextOffset) is damaged), UNKNOWN_TOPIC_OR_PARTITION. It is not fetched again until `seek`.
   */
  stopped(
    topic: string,
    partition: number,
    error: number,
    offset: number,
    nextOffset: number,
    startOffset: number,
    highWatermark: number,
  ): void;
}

const RETRY_MS = 50;

let nextSessionId = 1;

export class Reader implements Subscriber {
  readonly #dispatcher: Dispatcher;
  readonly #options: ReaderOptions;
  readonly #events: ReaderEvents;
  readonly #feeds = new Map<string, Feed>();
  readonly #bySlot = new Map<number, Feed>();
  readonly #sessions: (HostSession | undefined)[] = [];
  readonly #ring = new Ring();
  readonly #gate: Gate;
  readonly #goOn = (): void => this.#pumpAll();
  readonly strained = this.#goOn;
  #queuedBytes = 0;
  #closed = false;

  constructor(dispatcher: Dispatcher, options: ReaderOptions, events: ReaderEvents) {
    this.#dispatcher = dispatcher;
    this.#options = options;
    this.#events = events;
    this.#gate = dispatcher.throttles.enter('fetch', options.clientId);
    dispatcher.subscribe(this);
  }

  /** Bytes that were fetched and not taken. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Begins to fetch a partition at `offset`. */
  follow({ name: topic, topicId, partitions }: TopicMetadata, partition: number, offset: number): void {
    this.unfollow(topic, partition);
    const { slot, host } = partitions[partition];
    const feed: Feed = {
      topic,
      topicId,
      partition,
      slot,
      host,
      offset,
      highWatermark: -1,
      paused: false,
      stopped: false,
      queue: [],
      generation: 0,
      ringed: false,
    };
    this.#feeds.set(keyOf(topic, partition), feed);
    this.#bySlot.set(slot, feed);
    this.#session(host).feeds++;
    this.#change(feed, false);
    // It has changed since this was learnt: nobody will say so again.
    if (this.#dispatcher.topic(topic) === undefined) this.topicsChanged([topic]);
  }

  /** Whether a partition is followed, and is of this topic. */
  follows(topic: string, partition: number, topicId: string): boolean {
    return this.#feeds.get(keyOf(topic, partition))?.topicId === topicId;
  }

  unfollow(topic: string, partition: number): void {
    const feed = this.#feeds.get(keyOf(topic, partition));
    if (feed === undefined) return;
    this.#feeds.delete(keyOf(topic, partition));
    this.#drop(feed);
    feed.generation++;
    this.#change(feed, true);
    this.#bySlot.delete(feed.slot);
    this.#session(feed.host).feeds--;
    this.#pumpAll();
  }

  /** Goes on at another offset; what was fetched before is dropped. */
  seek(topic: string, partition: number, offset: number): void {
    const feed = this.#feeds.get(keyOf(topic, partition));
    if (feed === undefined) return;
    this.#drop(feed);
    feed.generation++;
    feed.offset = offset;
    feed.stopped = false;
    if (!feed.paused) this.#change(feed, false);
    this.#pumpAll();
  }

  /** Stops giving out and fetching. What waits here is fetched again later: kept, it would take the room of the others for as long. */
  pause(topic: string, partition: number): void {
    const feed = this.#feeds.get(keyOf(topic, partition));
    if (feed === undefined || feed.paused) return;
    feed.paused = true;
    if (feed.queue.length > 0) {
      feed.offset = feed.queue[0].chunk.offset;
      feed.stopped = false;
      feed.generation++;
      this.#drop(feed);
    }
    this.#change(feed, true);
    this.#pumpAll();
  }

  resume(topic: string, partition: number): void {
    const feed = this.#feeds.get(keyOf(topic, partition));
    if (feed === undefined || !feed.paused) return;
    feed.paused = false;
    if (!feed.stopped) this.#change(feed, false);
  }

  /** The next chunk, or undefined when none is here yet. */
  take(): Chunk | undefined {
    for (let fetched = this.#ring.take(); fetched !== undefined; fetched = this.#ring.take()) {
      const { chunk, length, stop } = fetched;
      this.#queuedBytes -= length;
      if (stop === null) {
        this.#pumpAll();
        return chunk;
      }
      this.#events.stopped(chunk.topic, chunk.partition, stop.error, stop.offset, stop.nextOffset, stop.startOffset, stop.highWatermark);
    }
    return undefined;
  }

  explain(topic: string, partition: number): string {
    const feed = this.#feeds.get(keyOf(topic, partition));
    return feed === undefined ? 'nobody has been asked yet' : waitOf(feed, this.#session(feed.host), this.#dispatcher.clock.monotonicMs());
  }

  /** The last high watermark that came with data; −1 before any. */
  highWatermark(topic: string, partition: number): number {
    return this.#feeds.get(keyOf(topic, partition))?.highWatermark ?? -1;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#gate.forget(this.#goOn);
    this.#dispatcher.throttles.leave('fetch', this.#gate);
    this.#dispatcher.unsubscribe(this);
    for (const session of this.#sessions) {
      if (session !== undefined && !session.fresh)
        this.#dispatcher.askHost(session.host, 'wakeFetch', { session: session.id, forget: true }, () => {});
    }
    this.#feeds.clear();
    this.#bySlot.clear();
    this.#ring.clear();
  }

  // What the dispatcher tells.

  hostUp(host: number): void {
    const session = this.#sessions[host];
    if (session === undefined) return;
    this.#renew(session);
    this.#pump(session);
  }

  topicsChanged(names: readonly string[]): void {
    const known = names.filter((name) => [...this.#feeds.values()].some((feed) => feed.topic === name));
    if (known.length === 0) return;
    this.#dispatcher.reloadTopics(known, () => {
      if (!this.#closed) for (const name of known) this.#relocate(name);
    });
  }

  #relocate(name: string): void {
    const topic = this.#dispatcher.topic(name);
    for (const feed of [...this.#feeds.values()]) {
      if (feed.topic !== name) continue;
      const place = topic?.partitions[feed.partition];
      // One made anew under the name is another: its records begin at 0 again.
      if (topic === undefined || place === undefined || topic.topicId !== feed.topicId) {
        if (feed.stopped) continue;
        feed.stopped = true;
        this.#change(feed, true);
        this.#events.stopped(name, feed.partition, errors.UNKNOWN_TOPIC_OR_PARTITION.code, feed.offset, feed.offset, -1, -1);
      } else if (place.slot !== feed.slot || place.host !== feed.host) {
        const { partition, offset, paused } = feed;
        this.follow(topic, partition, offset);
        if (paused) this.pause(name, partition);
      }
    }
  }

  // Sessions.

  #session(host: number): HostSession {
    let session = this.#sessions[host];
    if (session === undefined) {
      session = newSession(host, nextSessionId++);
      this.#sessions[host] = session;
    }
    return session;
  }

  #change(feed: Feed, forget: boolean): void {
    const session = this.#session(feed.host);
    session.changes.set(feed.slot, forget ? null : feed);
    if (session.outstanding && !session.woken) {
      session.woken = true;
      this.#dispatcher.askHost(session.host, 'wakeFetch', { session: session.id, forget: false }, () => {});
    }
    this.#pump(session);
  }

  /** The host does not know the session (any more): the next fetch brings the whole list. */
  #renew(session: HostSession): void {
    session.fresh = true;
    session.changes.clear();
    for (const feed of this.#feeds.values())
      if (feed.host === session.host && !feed.paused && !feed.stopped) session.changes.set(feed.slot, feed);
  }

  #pumpAll(): void {
    for (const session of this.#sessions) if (session !== undefined && !session.outstanding) this.#pump(session);
  }

  #pump(session: HostSession): void {
    if (session.outstanding || session.resting || this.#closed) return;
    const allowance = allowanceOf(this.#dispatcher.strain, this.#options);
    if (this.#queuedBytes >= allowance.queuedBytesMax) return;
    if (!this.#gate.isOpen) return this.#gate.wait(this.#goOn);
    if (session.feeds === 0 && session.changes.size === 0) return;
    const sent = session.changes;
    // An array costs 5 µs on its way, even an empty one; a flow that is settled changes nothing and makes none.
    const changes = sent.size === 0 ? null : this.#toTell(sent);
    if (changes !== null) session.changes = new Map();
    session.outstanding = true;
    session.sentMs = this.#dispatcher.clock.monotonicMs();
    session.woken = false;
    const { fetchBytesMin, fetchWaitMs } = this.#options;
    const ask = {
      session: session.id,
      fresh: session.fresh,
      changes,
      bytesMin: Math.min(fetchBytesMin, allowance.fetchBytesMax),
      bytesMax: allowance.fetchBytesMax,
      waitMs: session.feeds === 0 ? 0 : fetchWaitMs,
    };
    session.fresh = false;
    this.#dispatcher.askHost(session.host, 'fetch', ask, (error, reply) =>
      this.#answered(session, changes === null ? NONE : sent, error, reply),
    );
  }

  #toTell(changed: ReadonlyMap<number, Feed | null>): Float64Array {
    const changes = new Float64Array(changed.size * 3);
    let at = 0;
    for (const [slot, feed] of changed) {
      changes[at++] = slot;
      changes[at++] = feed?.offset ?? 0;
      changes[at++] = feed === null ? 0 : this.#options.partitionBytesMax;
    }
    return changes;
  }

  #answered(session: HostSession, sent: ReadonlyMap<number, Feed | null>, error: number, reply: HostReplyOf<'fetch'> | null): void {
    session.outstanding = false;
    if (this.#closed) return;
    if (error !== 0 || reply === null) {
      for (const [slot, feed] of sent) if (!session.changes.has(slot)) session.changes.set(slot, feed);
      this.#renew(session);
      if (error === errors.LIMIT_REACHED.code) return this.#stopAll(session, error);
      // A host that died comes back with hostUp; other refusals are tried again soon.
      if (error !== errors.HOST_DOWN.code && error !== errors.CLOSED.code)
        this.#dispatcher.clock.after(RETRY_MS, () => this.#pump(session), true);
      return;
    }
    let isMore = reply.parts.length === 0;
    const memory: ChunkMemory | null = reply.bytes === null ? null : { buffer: reply.bytes, chunks: 0 };
    for (const part of reply.parts) {
      if (part.error === 0) this.#gate.pass(part.length);
      this.#arrived(session, part, memory);
      if (part.nextOffset < part.highWatermark) isMore = true;
    }
    if (isMore) this.#pump(session);
    else this.#pumpAfterwards(session);
    if (!this.#ring.isEmpty) this.#events.ready();
  }

  /** Nothing more waits at the host: who waits for these records goes before the post of the next fetch, which takes 10 to 40 µs. */
  #pumpAfterwards(session: HostSession): void {
    session.resting = true;
    this.#dispatcher.clock.soon(() => {
      session.resting = false;
      this.#pump(session);
    });
  }

  /** The host takes no more readers: nothing is read there until a seek tries it again. */
  #stopAll(session: HostSession, error: number): void {
    session.changes.clear();
    for (const feed of this.#feeds.values()) {
      if (feed.host !== session.host || feed.stopped) continue;
      const { slot, offset, highWatermark } = feed;
      this.#stop(feed, { slot, error, offset, nextOffset: offset, startOffset: -1, highWatermark, path: '', position: 0, length: 0 });
    }
    if (!this.#ring.isEmpty) this.#events.ready();
  }

  #arrived(session: HostSession, part: FetchPart, memory: ChunkMemory | null): void {
    const feed = this.#bySlot.get(part.slot);
    // What was asked before a seek, a pause or another assignment does not count any more.
    if (feed === undefined || session.changes.has(part.slot) || part.offset !== feed.offset) return;
    if (part.error !== 0) return this.#refused(session, feed, part);
    feed.highWatermark = part.highWatermark;
    const isHere = memory !== null && part.path === '';
    const chunk = this.#chunkOf(feed, part, isHere ? Buffer.from(memory.buffer, part.position, part.length) : EMPTY);
    if (isHere) {
      memory.chunks++;
      chunk.memory = memory;
    }
    feed.offset = part.nextOffset;
    const entry: Fetched = { chunk, loaded: part.path === '', length: part.length, stop: null };
    feed.queue.push(entry);
    this.#queuedBytes += part.length;
    if (entry.loaded) this.#ring.add(feed);
    else this.#load(feed, entry, part);
  }

  #refused(session: HostSession, feed: Feed, part: FetchPart): void {
    if (part.error !== errors.CORRUPT_MESSAGE.code && isRetriable(part.error)) {
      // The partition is being opened, its disk refuses, or the topic changed: the metadata tells.
      const { generation } = feed;
      this.#dispatcher.clock.after(
        RETRY_MS,
        () => {
          if (this.#closed || feed.generation !== generation || feed.stopped || feed.paused) return;
          session.changes.set(feed.slot, feed);
          this.topicsChanged([feed.topic]);
          this.#pump(session);
        },
        true,
      );
      return;
    }
    this.#stop(feed, part);
  }

  #stop(feed: Feed, part: FetchPart): void {
    feed.stopped = true;
    feed.queue.push({ chunk: this.#chunkOf(feed, part, EMPTY), loaded: true, length: 0, stop: part });
    this.#ring.add(feed);
  }

  #chunkOf({ topic, partition }: Feed, { offset, nextOffset, highWatermark }: FetchPart, bytes: Buffer): Chunk {
    return { topic, partition, offset, nextOffset, highWatermark, bytes, memory: null };
  }

  // Cold slices.

  #load(feed: Feed, entry: Fetched, part: FetchPart): void {
    readSlice(this.#dispatcher.disk, part.path, part.position, part.length, (error, bytes) => {
      // A seek, or doubt about an earlier slice, may have dropped it meanwhile; doubt about a later one has not.
      if (this.#closed || !feed.queue.includes(entry)) return;
      const damaged = bytes !== null && bytes.length === part.length && !isSound(bytes, part.offset, part.nextOffset);
      if (error !== null || bytes === null || damaged || bytes.length < part.length) return this.#doubt(feed, entry, damaged);
      entry.chunk.bytes = bytes;
      entry.chunk.memory = { buffer: bytes.buffer as ArrayBuffer, chunks: 1 };
      entry.loaded = true;
      this.#ring.add(feed);
      this.#events.ready();
    });
  }

  /** The slice was gone (retention) or wrong (damage): what follows is dropped and fetched again, after the host has looked. */
  #doubt(feed: Feed, entry: Fetched, damaged: boolean): void {
    const at = feed.queue.indexOf(entry);
    for (const { length } of feed.queue.splice(at)) this.#queuedBytes -= length;
    feed.generation++;
    feed.offset = entry.chunk.offset;
    feed.stopped = false;
    this.#pumpAll();
    const { generation } = feed;
    const again = (): void => {
      if (this.#closed || feed.generation !== generation || feed.paused) return;
      this.#change(feed, false);
    };
    // A disk that goes on refusing is not asked without end.
    if (!damaged) return void this.#dispatcher.clock.after(RETRY_MS, again, true);
    this.#dispatcher.askHost(feed.host, 'verify', { slot: feed.slot, offset: feed.offset }, again);
  }

  /** What was dropped may have kept every host waiting for room: who calls this pumps them all. */
  #drop(feed: Feed): void {
    for (const { length } of feed.queue) this.#queuedBytes -= length;
    feed.queue.length = 0;
    this.#ring.remove(feed);
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic}\u0000${partition}`;
}

const EMPTY = Buffer.alloc(0);
const NONE: ReadonlyMap<number, Feed | null> = new Map();
