/**
 * Fetch sessions and parked reads. A session remembers which partitions its reader follows and how far each was delivered; its
 * one outstanding fetch waits here until enough bytes are committed or its time is over. Work per turn follows the partitions that
 * changed, not the partitions that are followed.
 */
import { Deadlines } from '../base/deadlines.ts';
import { errors } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { LogRead } from '../log/log.ts';
import type { Partition } from './partition.ts';
import type { FetchPart, HostAskOf } from './protocol.ts';

/** One partition as a session follows it. */
interface Followed {
  slot: number;
  offset: number;
  bytesMax: number;
}

export interface FetchAnswer {
  error: number;
  parts: FetchPart[];
  bytes: ArrayBuffer | null;
}

export interface Session {
  /** Names it for its dispatcher; 0 for a fetch that brings its whole list. */
  readonly id: number;
  /** Its place among its owner's. */
  readonly key: number;
  readonly owner: object;
  readonly followed: Map<number, Followed>;
  /** Slots that may have something to deliver, the longest unserved first. */
  readonly hot: Set<number>;
  parked: { ask: HostAskOf<'fetch'>; done: (answer: FetchAnswer) => void; deadlineMs: number } | null;
}

export interface Partitions {
  get(slot: number): Partition | undefined;
}

export class ParkedReads {
  readonly #partitions: Partitions;
  /** By owner (a connection), then by session id. */
  readonly #sessions = new Map<object, Map<number, Session>>();
  /** Which sessions follow a slot. */
  readonly #readers = new Map<number, Set<Session>>();
  readonly #deadlines = new Deadlines<Session>();
  /** Parked sessions with something new since they were last looked at. */
  readonly #stirred = new Set<Session>();
  /** Sessions that outlive their answer, the longest unused first. */
  readonly #kept = new Set<Session>();
  #parkedCount = 0;

  constructor(partitions: Partitions) {
    this.#partitions = partitions;
  }

  get parkedCount(): number {
    return this.#parkedCount;
  }

  get nextDeadlineMs(): number {
    return this.#deadlines.nextMs;
  }

  /** Takes up a fetch; it is answered by `serve`, now or later. */
  fetch(owner: object, ask: HostAskOf<'fetch'>, nowMs: number, done: (answer: FetchAnswer) => void): void {
    const session = this.#sessionOf(owner, ask);
    if (typeof session === 'number') return done({ error: session, parts: [], bytes: null });
    if (session.parked !== null) this.#answer(session, []);
    if (this.#parkedCount >= limits.parkedReadsMax) {
      this.#remove(session);
      return done({ error: errors.LIMIT_REACHED.code, parts: [], bytes: null });
    }
    const changes = ask.changes ?? NOTHING;
    for (let at = 0; at + 2 < changes.length; at += 3) this.#follow(session, changes[at], changes[at + 1], changes[at + 2]);
    session.parked = { ask, done, deadlineMs: nowMs + ask.waitMs };
    this.#parkedCount++;
    this.#deadlines.set(session, session.parked.deadlineMs);
    this.#stirred.add(session);
  }

  /** Ends a parked read now; `forget` ends its session too. */
  wake(owner: object, id: number, forget: boolean): void {
    const session = this.#sessions.get(owner)?.get(id);
    if (session === undefined) return;
    if (session.parked !== null) this.#serveOne(session, true);
    if (forget) this.#remove(session);
  }

  /** The committed offset or the start offset of a partition moved, or it went away. */
  stir(slot: number): void {
    const readers = this.#readers.get(slot);
    if (readers === undefined) return;
    for (const session of readers) {
      session.hot.add(slot);
      if (session.parked !== null) this.#stirred.add(session);
    }
  }

  /** Answers every parked read that can be answered, and every one whose time is over. */
  serve(nowMs: number): void {
    for (const session of this.#stirred) this.#serveOne(session, false);
    this.#stirred.clear();
    for (;;) {
      const due = this.#deadlines.takeDue(nowMs);
      if (due === undefined) return;
      if (due.parked !== null) this.#serveOne(due, true);
    }
  }

  /** A dispatcher is gone: its sessions and parked reads go too. */
  forgetOwner(owner: object): void {
    const sessions = this.#sessions.get(owner);
    if (sessions === undefined) return;
    for (const session of [...sessions.values()]) {
      if (session.parked !== null) {
        session.parked = null;
        this.#parkedCount--;
      }
      this.#remove(session);
    }
    this.#sessions.delete(owner);
  }

  /** Answers all parked reads with what there is: the host closes. */
  endAll(): void {
    for (const sessions of this.#sessions.values()) {
      for (const session of [...sessions.values()]) if (session.parked !== null) this.#answer(session, []);
    }
  }

  /** The session of a fetch, known or new, or why it has none. */
  #sessionOf(owner: object, ask: HostAskOf<'fetch'>): Session | number {
    let sessions = this.#sessions.get(owner);
    if (sessions === undefined) {
      sessions = new Map();
      this.#sessions.set(owner, sessions);
    }
    // Fetches that bring their whole list are sessions of one answer, kept under negative ids while they are parked.
    const key = ask.session === 0 ? -ask.id - 1 : ask.session;
    const known = sessions.get(key);
    if (known !== undefined && !ask.fresh) {
      this.#kept.delete(known);
      this.#kept.add(known);
      return known;
    }
    if (ask.session !== 0 && !ask.fresh) return errors.FETCH_SESSION_ID_NOT_FOUND.code;
    if (known !== undefined) {
      this.#answer(known, []);
      this.#remove(known);
    }
    if (ask.session !== 0 && !this.#hasRoom()) return errors.LIMIT_REACHED.code;
    const made: Session = { id: ask.session, key, owner, followed: new Map(), hot: new Set(), parked: null };
    sessions.set(key, made);
    if (made.id !== 0) this.#kept.add(made);
    return made;
  }

  /** Whether one more session may be kept, if need be in the place of the one that is idle for longest. */
  #hasRoom(): boolean {
    if (this.#kept.size < limits.fetchSessionsMax) return true;
    for (const session of this.#kept) {
      if (session.parked !== null) continue;
      this.#remove(session);
      return true;
    }
    return false;
  }

  #follow(session: Session, slot: number, offset: number, bytesMax: number): void {
    if (bytesMax <= 0) {
      session.followed.delete(slot);
      session.hot.delete(slot);
      this.#unread(slot, session);
      return;
    }
    session.followed.set(slot, { slot, offset, bytesMax });
    session.hot.add(slot);
    let readers = this.#readers.get(slot);
    if (readers === undefined) {
      readers = new Set();
      this.#readers.set(slot, readers);
    }
    readers.add(session);
  }

  #unread(slot: number, session: Session): void {
    const readers = this.#readers.get(slot);
    if (readers === undefined) return;
    readers.delete(session);
    if (readers.size === 0) this.#readers.delete(slot);
  }

  #unfollowAll(session: Session): void {
    for (const slot of session.followed.keys()) this.#unread(slot, session);
    session.followed.clear();
    session.hot.clear();
  }

  #remove(session: Session): void {
    this.#unfollowAll(session);
    this.#deadlines.remove(session);
    this.#stirred.delete(session);
    this.#kept.delete(session);
    const sessions = this.#sessions.get(session.owner);
    if (sessions?.get(session.key) === session) sessions.delete(session.key);
  }

  #serveOne(session: Session, now: boolean): void {
    const { parked } = session;
    if (parked === null) return;
    const { parts, reads } = this.#gather(session, parked.ask.bytesMax);
    let bytes = 0;
    let urgent = now;
    for (const part of parts) {
      bytes += part.length;
      // More waits than the answer may hold: it would not grow by waiting.
      if (part.error !== 0 || part.nextOffset < part.highWatermark) urgent = true;
    }
    if (!urgent && (parts.length === 0 || bytes < parked.ask.bytesMin)) return;
    this.#answer(session, parts, reads);
  }

  /** What could be delivered now, the longest unserved partitions first, up to `bytesMax`. */
  #gather(session: Session, bytesMax: number): { parts: FetchPart[]; reads: (LogRead | null)[] } {
    const parts: FetchPart[] = [];
    const reads: (LogRead | null)[] = [];
    let left = Math.min(bytesMax, limits.fetchBytesMax);
    for (const slot of [...session.hot]) {
      if (left <= 0) break;
      const followed = session.followed.get(slot);
      if (followed === undefined) {
        session.hot.delete(slot);
        continue;
      }
      const partition = this.#partitions.get(slot);
      if (partition === undefined) {
        parts.push(emptyPart(slot, errors.UNKNOWN_TOPIC_OR_PARTITION.code, followed.offset, -1, -1));
        reads.push(null);
        continue;
      }
      const { log } = partition;
      const committed = log.committedOffset;
      if (followed.offset < log.startOffset || followed.offset > log.endOffset) {
        parts.push(emptyPart(slot, errors.OFFSET_OUT_OF_RANGE.code, followed.offset, committed, log.startOffset));
        reads.push(null);
        continue;
      }
      const damage = log.damageAt(followed.offset);
      if (damage !== undefined) {
        // Said aloud, once: what lies here was acknowledged and cannot be read.
        const part = emptyPart(slot, errors.CORRUPT_MESSAGE.code, followed.offset, committed, log.startOffset);
        parts.push({ ...part, nextOffset: damage.nextOffset });
        reads.push(null);
        continue;
      }
      const read = log.read(followed.offset, Math.min(left, followed.bytesMax), committed);
      if (read.kind === 'none') {
        if (read.nextOffset > followed.offset) followed.offset = read.nextOffset;
        session.hot.delete(slot);
        continue;
      }
      if (read.kind === 'error') {
        parts.push(emptyPart(slot, read.error, followed.offset, committed, log.startOffset));
        reads.push(null);
        continue;
      }
      const length = read.kind === 'resident' ? read.to - read.from : read.length;
      // The first batch comes whole even if it is larger than asked, but only one partition may stretch the answer so.
      if (length > left && parts.length > 0) continue;
      left -= length;
      parts.push({
        slot,
        error: 0,
        offset: followed.offset,
        // A read that ends at damage goes on behind it; its reader is told of the damage first.
        nextOffset: (read.kind === 'file' ? log.damageAt(read.nextOffset - 1)?.firstOffset : undefined) ?? read.nextOffset,
        highWatermark: committed,
        startOffset: log.startOffset,
        path: read.kind === 'file' ? read.path : '',
        position: read.kind === 'file' ? read.position : 0,
        length,
        checked: read.kind === 'file' && read.checked,
      });
      reads.push(read);
    }
    return { parts, reads };
  }

  /** Copies the resident bytes into one buffer, moves the session on, and answers. */
  #answer(session: Session, parts: FetchPart[], reads: (LogRead | null)[] = []): void {
    const { parked } = session;
    if (parked === null) return;
    session.parked = null;
    this.#parkedCount--;
    this.#deadlines.remove(session);
    let total = 0;
    for (const part of parts) if (part.path === '') total += part.length;
    const bytes = total === 0 ? null : new ArrayBuffer(total);
    const into = bytes === null ? null : Buffer.from(bytes);
    let at = 0;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      const read = reads[i];
      const followed = session.followed.get(part.slot);
      if (part.error !== 0) {
        // An error is told once; the reader follows the partition again when it knows where to go on.
        session.followed.delete(part.slot);
        session.hot.delete(part.slot);
        this.#unread(part.slot, session);
        continue;
      }
      if (read?.kind === 'resident' && into !== null) {
        this.#partitions.get(part.slot)?.log.copyResident(read.from, read.to, into, at);
        part.position = at;
        at += part.length;
      }
      if (followed === undefined) continue;
      followed.offset = part.nextOffset;
      session.hot.delete(part.slot);
      if (part.nextOffset < part.highWatermark) session.hot.add(part.slot);
    }
    if (session.id === 0) this.#remove(session);
    parked.done({ error: 0, parts, bytes });
  }
}

const NOTHING = new Float64Array(0);

function emptyPart(slot: number, error: number, offset: number, highWatermark: number, startOffset: number): FetchPart {
  return { slot, error, offset, nextOffset: offset, highWatermark, startOffset, path: '', position: 0, length: 0 };
}
