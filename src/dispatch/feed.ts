/** A partition that is followed, what was fetched of it, of which host, and whose turn it is to be handed out. */
import type { FetchPart } from '../partition/protocol.ts';

/** Whole batches of one partition, in order. Records below `offset` were not asked for. */
export interface Chunk {
  topic: string;
  partition: number;
  offset: number;
  nextOffset: number;
  highWatermark: number;
  bytes: Buffer;
  /** What holds the bytes, where it can be given back before the garbage collector finds it. */
  memory?: ChunkMemory | null;
}

/** One piece of memory under the chunks of an answer. */
export interface ChunkMemory {
  buffer: ArrayBuffer;
  /** Chunks that lie in it and were not given back. */
  chunks: number;
}

/** A chunk will not be looked at any more. With the last chunk its memory is free at once: detached, it is no load to the collector. */
export function giveBack(memory: ChunkMemory): void {
  const { buffer } = memory;
  // Its user may have transferred it to another thread.
  if (--memory.chunks > 0 || buffer.detached) return;
  const takeBack = origins.get(buffer);
  if (takeBack === undefined) buffer.transfer(0);
  else takeBack(buffer);
}

/** Who made this memory and can use it again takes it back then, detaching it too. */
export function cameFrom(buffer: ArrayBuffer, takeBack: (buffer: ArrayBuffer) => void): void {
  origins.set(buffer, takeBack);
}

const origins = new WeakMap<ArrayBuffer, (buffer: ArrayBuffer) => void>();

/** A chunk in a queue. One of a cold slice has no bytes until it was read. */
export interface Fetched {
  chunk: Chunk;
  loaded: boolean;
  length: number;
  /** No chunk but the end of them: why the partition cannot go on here. It is told when all before it was handed out. */
  stop: FetchPart | null;
}

export interface Feed {
  topic: string;
  topicId: string;
  partition: number;
  slot: number;
  host: number;
  /** Where the next fetch goes on. */
  offset: number;
  highWatermark: number;
  paused: boolean;
  /** Waits for a seek after an error. */
  stopped: boolean;
  /** In order; a chunk of a cold slice has no bytes until it was read. */
  queue: Fetched[];
  /** Counts seeks: what was under way before one is dropped. */
  generation: number;
  /** Is in the ring of feeds that have something to give. */
  ringed: boolean;
}

/** What a reader has with one host. */
export interface HostSession {
  host: number;
  id: number;
  fresh: boolean;
  /** What the next fetch must tell the host. */
  changes: Map<number, Feed | null>;
  outstanding: boolean;
  /** When the last fetch was sent (monotonic). */
  sentMs: number;
  /** The outstanding fetch was told to return. */
  woken: boolean;
  /** The next fetch is sent when what has come was handed out. */
  resting: boolean;
  feeds: number;
}

export function newSession(host: number, id: number): HostSession {
  const idle = { outstanding: false, sentMs: 0, woken: false, resting: false };
  return { host, id, fresh: true, changes: new Map(), ...idle, feeds: 0 };
}

/** What the next records of a partition wait for, in words. */
export function waitOf({ queue, stopped, paused, host, offset }: Feed, { outstanding, sentMs }: HostSession, nowMs: number): string {
  if (queue.length > 0) return `${queue.length} batches are here to be taken`;
  if (stopped) return 'an error was told, and it waits for a seek';
  if (paused) return 'it is paused';
  if (outstanding) return `host ${host} was asked ${Math.round(nowMs - sentMs)} ms ago for what comes from offset ${offset} on`;
  return `host ${host} is to be asked for offset ${offset}: it is away, or a quota or what is here already holds that back`;
}

/** Feeds with a loaded chunk at the head of their queue, the longest unserved first. */
export class Ring {
  readonly #feeds: Feed[] = [];

  get isEmpty(): boolean {
    return this.#feeds.length === 0;
  }

  /** Enters a feed when it has something to hand out and is not in yet. */
  add(feed: Feed): void {
    if (feed.ringed || feed.paused || feed.queue.length === 0 || !feed.queue[0].loaded) return;
    feed.ringed = true;
    this.#feeds.push(feed);
  }

  remove(feed: Feed): void {
    if (!feed.ringed) return;
    feed.ringed = false;
    this.#feeds.splice(this.#feeds.indexOf(feed), 1);
  }

  /** The next chunk of the feed whose turn it is. */
  take(): Fetched | undefined {
    for (let feed = this.#feeds.shift(); feed !== undefined; feed = this.#feeds.shift()) {
      feed.ringed = false;
      if (feed.paused || feed.queue.length === 0 || !feed.queue[0].loaded) continue;
      const fetched = feed.queue.shift();
      this.add(feed);
      return fetched;
    }
    return undefined;
  }

  clear(): void {
    this.#feeds.length = 0;
  }
}
