/**
 * One fetch of a session: asks every host that carries something of it, waits until one has enough or the time is over, and reads what lies
 * in files. Gives what each partition has; how a version says it is the handler's.
 */
import { errors } from '../base/errors.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { isSound, readSlice } from '../dispatch/slices.ts';
import type { FetchPart, HostReplyOf } from '../partition/protocol.ts';
import { DiskError, type DiskFile } from '../world/disk.ts';
import type { FetchSession, Followed } from './fetch-sessions.ts';
import type { ReadBuffers } from './read-buffers.ts';
import type { ReadManner } from './read-manner.ts';
import type { Topics } from './topics.ts';

export interface Fetched {
  followed: Followed;
  error: number;
  highWatermark: number;
  startOffset: number;
  /** Whole batches; the first may begin before the offset that was asked for. */
  records: Buffer | null;
}

/** Where fetches are carried out: a broker. */
export interface FetchGround {
  readonly dispatcher: Dispatcher;
  readonly topics: Topics;
  readonly readBuffers: ReadBuffers;
  readonly readManner: ReadManner;
}

export interface FetchWanted {
  bytesMin: number;
  bytesMax: number;
  waitMs: number;
}

/** `done` is called once, later, with what is new. The session is busy until then. */
export function fetchSession(ground: FetchGround, session: FetchSession, wanted: FetchWanted, done: (fetched: Fetched[]) => void): void {
  new Fetching(ground, session, wanted, done).start();
}

/** What was fetched has left, or nobody wants it. */
export function freeFetched({ readBuffers }: FetchGround, fetched: readonly Fetched[]): void {
  for (const { records } of fetched) if (records !== null) readBuffers.give(records);
}

class Fetching {
  readonly #dispatcher: Dispatcher;
  readonly #topics: Topics;
  readonly #readBuffers: ReadBuffers;
  readonly #readManner: ReadManner;
  readonly #session: FetchSession;
  readonly #wanted: FetchWanted;
  readonly #done: (fetched: Fetched[]) => void;
  readonly #fetched: Fetched[] = [];
  readonly #failed = new Set<Followed>();
  /** Hosts that have not answered yet. */
  readonly #asked = new Set<number>();
  /** Slices that are being read from files. */
  #reading = 0;
  /** Bytes of slices that were read at once. */
  #readBytes = 0;
  #woken = false;

  constructor(ground: FetchGround, session: FetchSession, wanted: FetchWanted, done: (fetched: Fetched[]) => void) {
    this.#dispatcher = ground.dispatcher;
    this.#topics = ground.topics;
    this.#readBuffers = ground.readBuffers;
    this.#readManner = ground.readManner;
    this.#session = session;
    this.#wanted = wanted;
    this.#done = done;
  }

  start(): void {
    const session = this.#session;
    session.busy = true;
    if (session.topicsVersion !== this.#topics.version) this.#place();
    const changes = this.#changes();
    const hosts = [...session.hosts.keys()].filter((host) => changes.has(host) || hasAny(session, host));
    const immediately = this.#fetched.length > 0;
    // Nothing to wait for: so it is with the fetch by which a client closes its session.
    if (hosts.length === 0) return this.#dispatcher.clock.next(() => this.#end());
    for (const host of hosts) this.#asked.add(host);
    for (const host of hosts) this.#ask(host, changes.get(host) ?? [], hosts.length, immediately);
  }

  /** Looks up where partitions lie. */
  #place(): void {
    const session = this.#session;
    const { version } = this.#topics;
    for (const followed of session.partitions.values()) {
      const place = this.#topics.partition(followed, followed.partition);
      session.place(followed, place?.slot ?? -1, place?.host ?? -1);
      if (place === undefined) this.#fail(followed, this.#topics.find(followed) ? UNKNOWN_PARTITION : this.#topics.refusalOf(followed));
    }
    session.topicsVersion = version;
  }

  /** What hosts must be told, by host: (slot, offset, bytesMax) triples. Partitions that cannot be read get their error here. */
  #changes(): Map<number, number[]> {
    const session = this.#session;
    const changes = new Map<number, number[]>();
    for (const [host, { forget }] of session.hosts) {
      if (forget.size === 0) continue;
      changes.set(
        host,
        [...forget].flatMap((slot) => [slot, 0, 0]),
      );
      forget.clear();
    }
    for (const followed of session.stale) {
      const { slot, host, leaderEpoch } = followed;
      if (slot === -1) {
        if (!this.#failed.has(followed)) this.#fail(followed, this.#topics.refusalOf(followed));
        continue;
      }
      const epochError = wrongEpoch(leaderEpoch, this.#topics.partition(followed, followed.partition)?.leaderEpoch ?? 0);
      if (epochError !== 0) {
        this.#fail(followed, epochError);
        continue;
      }
      session.stale.delete(followed);
      const offset = behindDamage(followed);
      if (followed.hostOffset === offset) continue;
      followed.hostOffset = offset;
      let ofHost = changes.get(host);
      if (ofHost === undefined) {
        ofHost = [];
        changes.set(host, ofHost);
      }
      ofHost.push(slot, offset, Math.max(1, followed.bytesMax));
    }
    return changes;
  }

  #ask(host: number, changes: readonly number[], hosts: number, immediately: boolean): void {
    const session = this.#session;
    const { bytesMin, bytesMax, waitMs } = this.#wanted;
    const state = session.hosts.get(host);
    const fresh = state?.known !== true;
    if (state !== undefined) state.known = true;
    const ask = {
      session: session.hostSession,
      fresh,
      changes: Float64Array.from(changes),
      bytesMin,
      bytesMax: Math.max(1, Math.ceil(bytesMax / hosts)),
      waitMs: immediately ? 0 : waitMs,
    };
    this.#dispatcher.askHost(host, 'fetch', ask, (error, reply) => this.#answered(host, error, reply));
  }

  #answered(host: number, error: number, reply: HostReplyOf<'fetch'> | null): void {
    this.#asked.delete(host);
    if (error !== 0 || reply === null) {
      this.#session.lost(host);
      for (const followed of this.#session.partitions.values()) {
        // A host that has lost the session is told all of it with the next fetch; nothing is wrong with the partitions.
        if (followed.host === host && error !== errors.FETCH_SESSION_ID_NOT_FOUND.code) this.#fail(followed, error);
      }
    } else for (const part of reply.parts) this.#arrived(part, reply.bytes);
    this.#wakeOthers();
    this.#endIfDone();
  }

  #arrived(part: FetchPart, bytes: ArrayBuffer | null): void {
    const followed = this.#session.bySlot.get(part.slot);
    if (followed === undefined) return;
    if (part.highWatermark >= 0) followed.highWatermark = part.highWatermark;
    if (part.startOffset >= 0) followed.startOffset = part.startOffset;
    if (part.error !== 0) {
      followed.hostOffset = -1;
      // Told once; the next fetch of the same offset goes on behind it.
      if (part.error === errors.CORRUPT_MESSAGE.code) followed.damage = { from: followed.offset, to: part.nextOffset };
      return this.#fail(followed, part.error);
    }
    followed.hostOffset = part.nextOffset;
    // Unless the next fetch goes on there, the host must be told.
    this.#session.stale.add(followed);
    const { highWatermark, startOffset } = part;
    const fetched: Fetched = { followed, error: 0, highWatermark, startOffset, records: null };
    this.#fetched.push(fetched);
    if (part.path !== '') this.#load(fetched, part);
    else if (bytes !== null) fetched.records = Buffer.from(bytes, part.position, part.length);
  }

  #load(fetched: Fetched, part: FetchPart): void {
    const { path, position, length } = part;
    const into = this.#readBuffers.take(length);
    if (this.#readManner.isHere(this.#readBytes + length)) {
      this.#readBytes += length;
      return this.#loaded(fetched, part, into, this.#read(part, into));
    }
    this.#reading++;
    readSlice(
      this.#dispatcher.disk,
      path,
      position,
      length,
      (_error, bytes) => {
        this.#loaded(fetched, part, into, bytes?.length ?? -1);
        this.#reading--;
        this.#endIfDone();
      },
      into,
    );
  }

  /** Reads a slice at once; gives how many bytes there were, −1 if it could not be read. */
  #read({ path, position }: FetchPart, into: Buffer): number {
    const { disk, clock } = this.#dispatcher;
    const beganMs = clock.monotonicMs();
    let file: DiskFile | null = null;
    try {
      file = disk.open(path, 'read');
      return file.read(into, position);
    } catch (error) {
      if (error instanceof DiskError) return -1;
      throw error;
    } finally {
      file?.close();
      this.#readManner.took(clock.monotonicMs() - beganMs);
    }
  }

  /** A slice that is gone (retention) or wrong (damage) is left out: the host has looked when the next fetch comes. */
  #loaded(fetched: Fetched, { slot, offset, nextOffset, checked }: FetchPart, into: Buffer, count: number): void {
    if (count === into.length && (checked === true || isSound(into, offset, nextOffset))) {
      fetched.records = into;
      return;
    }
    this.#readBuffers.give(into);
    fetched.followed.hostOffset = -1;
    this.#reading++;
    this.#dispatcher.askHost(fetched.followed.host, 'verify', { slot, offset }, () => {
      this.#reading--;
      this.#endIfDone();
    });
  }

  #fail(followed: Followed, error: number): void {
    this.#failed.add(followed);
    this.#session.stale.add(followed);
    const { highWatermark, startOffset } = followed;
    this.#fetched.push({ followed, error, highWatermark, startOffset, records: null });
  }

  /** One host has enough: the others answer with what they have. */
  #wakeOthers(): void {
    if (this.#woken || this.#asked.size === 0) return;
    this.#woken = true;
    for (const host of this.#asked)
      this.#dispatcher.askHost(host, 'wakeFetch', { session: this.#session.hostSession, forget: false }, () => {});
  }

  #endIfDone(): void {
    if (this.#asked.size === 0 && this.#reading === 0) this.#end();
  }

  #end(): void {
    this.#session.busy = false;
    this.#done(this.#fetched);
  }
}

function hasAny(session: FetchSession, host: number): boolean {
  for (const followed of session.bySlot.values()) if (followed.host === host) return true;
  return false;
}

function behindDamage({ offset, damage }: Followed): number {
  return damage !== null && offset >= damage.from && offset < damage.to ? damage.to : offset;
}

/** KIP-320: what the asker believes of the leader's epoch is held against it. −1: it does not say. */
export function wrongEpoch(asked: number, leaderEpoch: number): number {
  if (asked === -1 || asked === leaderEpoch) return 0;
  return asked < leaderEpoch ? errors.FENCED_LEADER_EPOCH.code : errors.UNKNOWN_LEADER_EPOCH.code;
}

const UNKNOWN_PARTITION = errors.UNKNOWN_TOPIC_OR_PARTITION.code;
