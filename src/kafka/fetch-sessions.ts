/**
 * What readers on the wire follow. A session (KIP-227) remembers its partitions, so that a fetch names only what changed; one that a
 * client holds has an id and an epoch that grows by one, one of a connection stands behind its fetches without a session. Each goes with
 * a session of the hosts of its own, which is told only what differs from what the host knows.
 */
import { errors } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { ZERO_UUID } from './schema.ts';

/** One partition as a reader follows it. */
export interface Followed {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** What the reader wants: where to go on, and how much at once. */
  offset: number;
  bytesMax: number;
  leaderEpoch: number;
  /** Where it lies; slot −1: not known, or not there. */
  slot: number;
  host: number;
  /** What the host's session has: −1 when it does not follow the partition. */
  hostOffset: number;
  /** What the reader was told last. */
  highWatermark: number;
  startOffset: number;
  /** Damage that the reader was told of: reads at or after `from` go on at `to`. */
  damage: { from: number; to: number } | null;
}

export class FetchSession {
  /** Names it for the hosts. */
  readonly hostSession: number;
  /** 0: of a connection. */
  readonly id: number;
  /** Whether topics are named by id: all of them, or none. */
  readonly usesIds: boolean;
  epoch = 0;
  readonly partitions = new Map<string, Followed>();
  readonly bySlot = new Map<number, Followed>();
  /** Partitions whose host may not know what is wanted. */
  readonly stale = new Set<Followed>();
  /** Per host: whether it knows the session, and slots that it is to forget. */
  readonly hosts = new Map<number, { known: boolean; forget: Set<number> }>();
  /** Of the topics when slots were looked up. */
  topicsVersion = -1;
  busy = false;

  constructor(hostSession: number, id: number, usesIds: boolean) {
    this.hostSession = hostSession;
    this.id = id;
    this.usesIds = usesIds;
  }

  follow(topic: string, topicId: string, partition: number, wanted: { offset: number; bytesMax: number; leaderEpoch: number }): void {
    const key = keyOf(topic, topicId, partition);
    const known = this.partitions.get(key);
    if (known !== undefined) {
      if (known.offset === wanted.offset && known.bytesMax === wanted.bytesMax && known.leaderEpoch === wanted.leaderEpoch) return;
      // A host learns a new size with a new offset.
      if (known.bytesMax !== wanted.bytesMax) known.hostOffset = -1;
      Object.assign(known, wanted);
      this.stale.add(known);
      return;
    }
    const unknown = { slot: -1, host: -1, hostOffset: -1, highWatermark: -1, startOffset: -1, damage: null };
    const followed: Followed = { topic, topicId, partition, ...wanted, ...unknown };
    this.partitions.set(key, followed);
    this.stale.add(followed);
    // Where it lies is looked up with the others that are not placed.
    this.topicsVersion = -1;
  }

  forget(topic: string, topicId: string, partition: number): void {
    const key = keyOf(topic, topicId, partition);
    const known = this.partitions.get(key);
    if (known === undefined) return;
    this.partitions.delete(key);
    this.stale.delete(known);
    this.place(known, -1, -1);
  }

  /** Forgets all that a full fetch does not name. */
  retain(named: ReadonlySet<string>): void {
    if (named.size === this.partitions.size) return;
    for (const [key, { topic, topicId, partition }] of [...this.partitions]) if (!named.has(key)) this.forget(topic, topicId, partition);
  }

  /** Notes where a partition lies now. */
  place(followed: Followed, slot: number, host: number): void {
    if (followed.slot === slot && followed.host === host) return;
    if (followed.slot !== -1) {
      this.bySlot.delete(followed.slot);
      if (followed.hostOffset !== -1) this.hosts.get(followed.host)?.forget.add(followed.slot);
    }
    followed.slot = slot;
    followed.host = host;
    followed.hostOffset = -1;
    if (slot === -1) return;
    this.bySlot.set(slot, followed);
    this.stale.add(followed);
    if (!this.hosts.has(host)) this.hosts.set(host, { known: false, forget: new Set() });
  }

  /** The host does not know the session (any more). */
  lost(host: number): void {
    const state = this.hosts.get(host);
    if (state === undefined) return;
    state.known = false;
    state.forget.clear();
    for (const followed of this.partitions.values()) {
      if (followed.host !== host) continue;
      followed.hostOffset = -1;
      this.stale.add(followed);
    }
  }
}

export function keyOf(topic: string, topicId: string, partition: number): string {
  return `${topicId === ZERO_UUID ? topic : topicId} ${partition}`;
}

/** What a fetch says of its session. */
export interface SessionWanted {
  sessionId: number;
  sessionEpoch: number;
  /** Null: it names no topic, and a session of none is not made. */
  usesIds: boolean | null;
}

const INITIAL_EPOCH = 0;
const FINAL_EPOCH = -1;
const EPOCH_MAX = 2_147_483_647;

export class FetchSessions {
  readonly #dispatcher: Dispatcher;
  /** By id, the longest unused first. */
  readonly #sessions = new Map<number, FetchSession>();
  readonly #ofConnections = new Set<FetchSession>();
  #nextHostSession = 1;
  #waits = true;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The session of a fetch, made or known, or the code why there is none; null: the fetch stands alone. */
  open(wanted: SessionWanted): FetchSession | number | null {
    const { sessionId, sessionEpoch } = wanted;
    if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
      if (sessionId !== 0) this.#close(sessionId);
      return sessionEpoch === FINAL_EPOCH || wanted.usesIds === null ? null : this.#make(wanted.usesIds);
    }
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return errors.FETCH_SESSION_ID_NOT_FOUND.code;
    if (wanted.usesIds !== null && session.usesIds !== wanted.usesIds) return errors.FETCH_SESSION_TOPIC_ID_ERROR.code;
    if (session.epoch !== sessionEpoch || session.busy) return errors.INVALID_FETCH_SESSION_EPOCH.code;
    session.epoch = nextEpoch(session.epoch);
    this.#sessions.delete(sessionId);
    this.#sessions.set(sessionId, session);
    return session;
  }

  /** One that stands behind the fetches of a connection that have no session. */
  ofConnection(usesIds: boolean): FetchSession {
    const session = new FetchSession(this.#nextHostSession++, 0, usesIds);
    this.#ofConnections.add(session);
    return session;
  }

  /** Hosts forget it too; a fetch of it that is parked there ends. */
  drop(session: FetchSession): void {
    this.#ofConnections.delete(session);
    if (session.id !== 0) this.#sessions.delete(session.id);
    this.#wake(session, true);
  }

  /** Whether a fetch may wait for records. */
  get waits(): boolean {
    return this.#waits;
  }

  /** Fetches that wait are answered with what there is, and those to come do not wait. */
  waitNoMore(): void {
    this.#waits = false;
    for (const session of [...this.#sessions.values(), ...this.#ofConnections]) if (session.busy) this.#wake(session, false);
  }

  hostUp(host: number): void {
    for (const session of this.#sessions.values()) session.lost(host);
    for (const session of this.#ofConnections) session.lost(host);
  }

  #make(usesIds: boolean): FetchSession | null {
    if (this.#sessions.size >= limits.wireSessionsMax && !this.#evict()) return null;
    let id = 0;
    while (id === 0 || this.#sessions.has(id)) id = 1 + this.#dispatcher.random.below(EPOCH_MAX);
    const session = new FetchSession(this.#nextHostSession++, id, usesIds);
    session.epoch = nextEpoch(INITIAL_EPOCH);
    this.#sessions.set(id, session);
    return session;
  }

  /** The session that was not used for longest makes room, unless it is in use now. */
  #evict(): boolean {
    for (const session of this.#sessions.values()) {
      if (session.busy) continue;
      this.drop(session);
      return true;
    }
    return false;
  }

  #wake({ hosts, hostSession }: FetchSession, forget: boolean): void {
    for (const [host, { known }] of hosts) {
      if (known) this.#dispatcher.askHost(host, 'wakeFetch', { session: hostSession, forget }, () => {});
    }
  }

  #close(id: number): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) this.drop(session);
  }
}

function nextEpoch(epoch: number): number {
  return epoch === EPOCH_MAX ? 1 : epoch + 1;
}
