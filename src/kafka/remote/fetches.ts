/**
 * What readers of this process follow at one broker. A reader has one fetch outstanding; behind it stands a connection on which the broker
 * lets a Fetch wait, with a fetch session of the broker's (KIP-227). A Fetch that waits there cannot be called back, so a seek while one
 * waits goes over a second connection; what the first brings is given out only where the reader still stands there.
 */
import { errorName, errors } from '../../base/errors.ts';
import type { FetchPart, HostAskOf } from '../../partition/protocol.ts';
import type { fetch } from '../api/01-fetch.ts';
import type { IncomingResponseOf } from '../schema.ts';
import { FetchLane } from './fetch-lane.ts';
import { type Answer, type HostSetup, isMisplaced } from './host.ts';
import { partsOf } from './parts.ts';

type Ask = HostAskOf<'fetch'>;
type Response = IncomingResponseOf<typeof fetch>;
type Row = Response['responses'][number]['partitions'][number];

/** A partition that a reader follows, and where it stands. */
export interface Followed {
  readonly slot: number;
  offset: number;
  bytesMax: number;
}

interface Session {
  readonly followed: Map<number, Followed>;
  readonly lanes: FetchLane[];
  /** The fetch of the reader that is not answered. */
  ask: Ask | null;
  /** Connections that were given up since the broker has answered on one. */
  givenUp: number;
}

export class Fetches {
  readonly #setup: HostSetup;
  readonly #answer: Answer;
  readonly #sessions = new Map<number, Session>();

  constructor(setup: HostSetup, answer: Answer) {
    this.#setup = setup;
    this.#answer = answer;
  }

  fetch(ask: Ask): void {
    let session = this.#sessions.get(ask.session);
    if (session === undefined) {
      if (!ask.fresh) return this.#reply(ask, errors.FETCH_SESSION_ID_NOT_FOUND.code, [], null);
      session = { followed: new Map(), lanes: [], ask: null, givenUp: 0 };
      this.#sessions.set(ask.session, session);
    }
    if (ask.fresh) session.followed.clear();
    follow(session.followed, ask.changes);
    const gone = this.#partsGone(session);
    if (gone.length > 0) return this.#reply(ask, 0, gone, null);
    session.ask = ask;
    if (session.followed.size > 0) this.#send(session);
    else this.#park(session, ask);
  }

  /** Topics that were deleted before the reader was told: nothing can be asked of them. */
  #partsGone({ followed }: Session): FetchPart[] {
    const parts: FetchPart[] = [];
    const error = errors.UNKNOWN_TOPIC_OR_PARTITION.code;
    for (const { slot, offset } of followed.values()) {
      if (this.#setup.cluster.place(slot) !== undefined) continue;
      followed.delete(slot);
      parts.push({ ...EMPTY, slot, error, offset, nextOffset: offset, highWatermark: -1, startOffset: -1 });
    }
    return parts;
  }

  /** A reader that follows nothing here asks again at once when it is answered: it waits its time, as at a host, or until it is woken. */
  #park(session: Session, ask: Ask): void {
    const expired = (): void => {
      if (session.ask !== ask) return;
      session.ask = null;
      this.#reply(ask, 0, [], null);
    };
    this.#setup.requests.clock.after(ask.waitMs, expired, true);
  }

  /** The reader's fetch is answered with what there is: nothing. What the broker sends later is looked at when it comes. */
  wake(ask: HostAskOf<'wakeFetch'>): void {
    const session = this.#sessions.get(ask.session);
    if (session !== undefined) {
      if (session.ask !== null) this.#reply(session.ask, 0, [], null);
      session.ask = null;
      if (ask.forget) this.#forget(ask.session, session);
    }
    this.#answer<'wakeFetch'>(ask, 0, {});
  }

  close(): void {
    for (const [id, session] of this.#sessions) this.#forget(id, session);
  }

  #forget(id: number, session: Session): void {
    this.#sessions.delete(id);
    session.ask = null;
    for (const lane of session.lanes) lane.close();
  }

  #send(session: Session): void {
    const { ask, lanes } = session;
    // One that waits for just this is as good as another.
    if (ask === null || lanes.some((one) => one.isBusy && !one.isStale(session.followed))) return;
    let lane = lanes.find((one) => !one.isBusy);
    if (lane === undefined) {
      if (lanes.length >= LANES_MAX && !this.#isParked(session)) return;
      lane = new FetchLane(this.#setup);
      lanes.push(lane);
    }
    const used = lane;
    used.send(ask, session.followed, (error, response, frame) => {
      if (error === 0 && response !== null && frame !== null) this.#arrived(session, used, response, frame);
      else this.#failed(session, used, error);
    });
  }

  /**
   * Every connection has a Fetch that waits at the broker, and what it waits for is not wanted any more: the oldest is given up, unless it is
   * so young that it may be bringing something. Then the next look is when it is old enough. How long a broker takes to answer is not known:
   * each that is given up in vain makes the next one older, or a reader that turns often would never hear a slow broker.
   */
  #isParked(session: Session): boolean {
    const { clock } = this.#setup.requests;
    const { lanes } = session;
    const youngMs = lanes[0].busySinceMs + PARKED_MS * 2 ** Math.min(session.givenUp, DOUBLINGS_MAX) - clock.monotonicMs();
    if (youngMs > 0) {
      clock.after(youngMs, () => this.#send(session), true);
      return false;
    }
    session.givenUp++;
    lanes.shift()?.close();
    return true;
  }

  #failed(session: Session, lane: FetchLane, error: number): void {
    lane.close();
    session.lanes.splice(session.lanes.indexOf(lane), 1);
    this.#setup.cluster.doubt();
    const { ask } = session;
    if (ask === null) return;
    session.ask = null;
    const code = error === errors.HOST_DOWN.code ? errors.NETWORK_EXCEPTION.code : error;
    this.#reply(ask, code, [], null);
  }

  #arrived(session: Session, lane: FetchLane, response: Response, frame: Buffer): void {
    session.givenUp = 0;
    const { ask } = session;
    if (ask === null) return;
    if (response.errorCode !== 0) return this.#refused(session, ask, response.errorCode);
    const parts = this.#partsOf(session, lane, response);
    // Nothing that this reader waits for, though its time may not be over: another connection asks for it, or this one does again.
    if (parts.length === 0 && (lane.isStale(session.followed) || response.responses.length > 0)) return this.#send(session);
    session.ask = null;
    this.#reply(ask, 0, parts, parts.some(({ length }) => length > 0) ? (frame.buffer as ArrayBuffer) : null);
  }

  /** The session is not what the broker thinks: the lane has forgotten it, and begins anew. */
  #refused(session: Session, ask: Ask, errorCode: number): void {
    if (isOfSession(errorCode)) return this.#send(session);
    session.ask = null;
    this.#reply(ask, errors[errorName(errorCode)].code, [], null);
  }

  #partsOf(session: Session, lane: FetchLane, { responses }: Response): FetchPart[] {
    const { cluster } = this.#setup;
    const parts: FetchPart[] = [];
    let isDoubtful = false;
    for (const { topic, topicId, partitions } of responses) {
      for (const row of partitions) {
        const slot = cluster.slotOf(topic, topicId, row.partitionIndex);
        const followed = session.followed.get(slot);
        // What was asked before a seek, or on another connection, does not count any more.
        if (followed === undefined || lane.offsetOf(slot) !== followed.offset) continue;
        const error = errors[errorName(row.errorCode)].code;
        isDoubtful ||= isMisplaced(error);
        this.#add(parts, followed, row, error);
        // Told once: the reader names it again when it wants it again.
        if (parts.at(-1)?.slot === slot && parts.at(-1)?.error !== 0) session.followed.delete(slot);
      }
    }
    if (isDoubtful) cluster.doubt();
    return parts;
  }

  #add(parts: FetchPart[], followed: Followed, row: Row, error: number): void {
    const { slot, offset } = followed;
    const highWatermark = this.#setup.isolation === 1 ? row.lastStableOffset : row.highWatermark;
    const { logStartOffset: startOffset } = row;
    if (error !== 0) return void parts.push({ ...EMPTY, slot, error, offset, nextOffset: offset, highWatermark, startOffset });
    const records = row.records as Buffer | null;
    if (records === null || records.length === 0) return;
    for (const part of partsOf(records, offset, this.#setup.isolation === 1 ? row.abortedTransactions : null)) {
      const position = records.byteOffset + part.position;
      parts.push({ ...part, slot, position, highWatermark, startOffset, path: '' });
      if (part.error === 0) followed.offset = part.nextOffset;
    }
  }

  #reply(ask: Ask, error: number, parts: FetchPart[], bytes: ArrayBuffer | null): void {
    this.#answer<'fetch'>(ask, error, { parts, bytes });
  }
}

/** Takes in (slot, offset, bytesMax) triples; bytesMax 0 forgets. */
function follow(followed: Map<number, Followed>, changes: Float64Array | null): void {
  for (let i = 0; changes !== null && i < changes.length; i += 3) {
    const [slot, offset, bytesMax] = changes.subarray(i, i + 3);
    if (bytesMax === 0) followed.delete(slot);
    else followed.set(slot, { slot, offset, bytesMax });
  }
}

function isOfSession(error: number): boolean {
  return (
    error === errors.FETCH_SESSION_ID_NOT_FOUND.code ||
    error === errors.INVALID_FETCH_SESSION_EPOCH.code ||
    error === errors.FETCH_SESSION_TOPIC_ID_ERROR.code
  );
}

const EMPTY = { path: '', position: 0, length: 0 };
/** Of one reader to one broker. */
const LANES_MAX = 2;
const PARKED_MS = 20;
/** 2.5 s: with a longer fetchWaitMs and nothing to read, no seek waits for more. */
const DOUBLINGS_MAX = 7;
