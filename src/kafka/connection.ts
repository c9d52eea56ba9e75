/**
 * One client: its bytes become requests, begun in order as far as the bounds allow and answered in order. A frame that is malformed ends
 * this connection, for a reason that is counted, and touches nothing else. It reads no clock; the listener tells it the time.
 */
import { limits } from '../base/limits.ts';
import type { Socket } from '../world/net.ts';
import type { Broker } from './broker.ts';
import { FrameCutter, type FrameRoom, type RequestHeader, readRequestHeader, writeResponseHeader } from './frame.ts';
import { type Call, type CallConnection, spokenBy } from './handler.ts';
import { readRequest } from './read-fields.ts';
import { Malformed, Reader } from './reader.ts';
import type { Tally } from './tally.ts';
import { writeResponse } from './write-fields.ts';
import type { Writer } from './writer.ts';

/** A request that was begun; its response waits for those before it. */
interface Begun {
  readonly header: RequestHeader;
  /** Of the request, and of its response while that waits. */
  bytes: number;
  /** Where it lies. */
  readonly frame: Buffer;
  /** Who needs its bytes: the response, and who has said so. */
  uses: number;
  isAnswered: boolean;
  /** Null until it is answered. */
  pieces: Buffer[] | null;
  /** Told when the pieces have left. */
  left: (() => void) | null;
}

/** What it shares with the other connections of its listener. */
export interface Around {
  broker: Broker;
  writer: Writer;
  tally: Tally;
  /** The most that a request may have. */
  requestBytesMax: number;
  closed(connection: Connection, reason: string): void;
}

const UNSUPPORTED_VERSION = 35;
/** JoinGroup and SyncGroup are answered when the other members have asked, which may be never: a listener that closes waits for neither. */
const waitsForOthers: ReadonlySet<number> = new Set([11, 14]);

export class Connection implements CallConnection, FrameRoom {
  readonly #socket: Socket;
  readonly #broker: Broker;
  readonly #around: Around;
  readonly #cutter: FrameCutter;
  /** Frames that are not begun yet. */
  #frames: Buffer[] = [];
  #frameBytes = 0;
  /** Begun and not answered, or answered and waiting for those before. */
  readonly #begun: Begun[] = [];
  #begunBytes = 0;
  /** As the tally has it. */
  #heldBytes = 0;
  /** What leaves at the end of this turn, and who is told when it has. */
  #out: Buffer[] = [];
  #outBytes = 0;
  #leaving: (() => void)[] = [];
  #holds = 0;
  #paused = false;
  #pumping = false;
  #reason = '';
  /** What is begun is its last. */
  #isEnding = false;
  /** It was told to close. */
  #isGoing = false;
  #closed = false;
  readonly #whenClosed: (() => void)[] = [];
  /** When it moved last: a frame came in whole, or bytes left. */
  activeMs: number;

  constructor(socket: Socket, around: Around, nowMs: number) {
    this.#socket = socket;
    this.#broker = around.broker;
    this.#around = around;
    this.activeMs = nowMs;
    this.#cutter = new FrameCutter({ room: this, bytesMax: around.requestBytesMax });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Nothing is under way: it may be closed without harm. */
  get idle(): boolean {
    const isAwaited = this.#begun.some(({ header }) => !waitsForOthers.has(header.api.key));
    const isAsked = this.#frames.length > 0 && !this.#isEnding;
    return !isAwaited && !isAsked && this.#out.length === 0 && this.#socket.waitingBytes === 0;
  }

  /** It begins no more requests. */
  beginNoMore(): void {
    this.#isEnding = true;
  }

  /** It waits for the client: for a request, the rest of one, or that it reads its responses. Else it waits for the bus. */
  get waitsForClient(): boolean {
    return this.#socket.waitingBytes > 0 || (this.#begun.length === 0 && this.#frames.length === 0);
  }

  /** Its address, as Kafka writes addresses. */
  get remote(): string {
    return this.#socket.remote;
  }

  /** Bytes that it holds of what all connections may hold together. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Where the next bytes are to be read to. */
  room(): Buffer {
    const { shared } = this.#broker.landing;
    return this.#closed ? shared : this.#cutter.next(shared);
  }

  /** A frame that could not begin at once would keep its range of the outbox from those that can. */
  take(bytes: number, head: Buffer): Buffer | null {
    if (this.#frames.length > 0 || this.#broker.isFull || !this.#mayBegin()) return null;
    return this.#broker.landing.take(bytes, head);
  }

  came(frame: Buffer): void {
    this.#broker.landing.came(frame);
  }

  drop(room: Buffer): void {
    this.#broker.landing.drop(room);
  }

  received(bytes: Buffer, nowMs: number): void {
    if (this.#isGoing) return;
    this.#around.tally.receivedBytes += bytes.length;
    try {
      this.#cutter.feed(bytes, (frame) => {
        this.activeMs = nowMs;
        this.#frames.push(frame);
        this.#frameBytes += frame.length;
      });
    } catch (error) {
      return this.#refuse(error);
    }
    this.#pump();
  }

  drained(nowMs: number): void {
    this.activeMs = nowMs;
    this.#pump();
  }

  /** Looks whether there is room by now: of little that has left nobody tells, nor of what other connections have let go. */
  look(): void {
    this.#pump();
  }

  /** The socket is gone. */
  ended(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cutter.drop();
    for (const frame of this.#frames) this.#giveBack(frame);
    this.#frames = [];
    for (const begun of this.#begun) {
      begun.left?.();
      this.#finish(begun);
    }
    for (const left of this.#leaving) left();
    this.#out = [];
    this.#leaving = [];
    this.#letGo();
    this.#around.closed(this, this.#reason);
    for (const then of this.#whenClosed) then();
  }

  close(reason: string): void {
    if (this.#closed) return;
    if (this.#reason === '') this.#reason = reason;
    this.#letGo();
    this.#socket.destroy();
  }

  /** What it holds is nobody's any more. */
  #letGo(): void {
    this.#isGoing = true;
    this.#around.tally.hold(-this.#heldBytes);
    this.#heldBytes = 0;
  }

  /** Closes when what was answered has left. */
  end(): void {
    this.#socket.end();
  }

  whenClosed(then: () => void): void {
    if (this.#closed) then();
    else this.#whenClosed.push(then);
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#frames.length > 0 && this.#mayBegin() && !this.#closed) {
      const frame = this.#frames.shift() as Buffer;
      this.#frameBytes -= frame.length;
      this.#begin(frame);
    }
    this.#pumping = false;
    this.#flow();
  }

  #mayBegin(): boolean {
    if (this.#holds > 0 || this.#isEnding || this.#isGoing) return false;
    if (this.#begun.length >= limits.connectionRequestsMax) return false;
    const underWay = this.#begunBytes + this.#outBytes + this.#socket.waitingBytes;
    return underWay === 0 || underWay < this.#around.tally.shareBytes;
  }

  /** Reads on while there is room. A request that is coming in comes in whole, when nothing else is under way. */
  #flow(): void {
    if (this.#isGoing) return;
    const { tally } = this.#around;
    const underWay = this.#frameBytes + this.#begunBytes + this.#outBytes + this.#socket.waitingBytes;
    const held = underWay + this.#cutter.heldBytes;
    if (held !== this.#heldBytes) {
      tally.hold(held - this.#heldBytes);
      this.#heldBytes = held;
    }
    const pause = (underWay > 0 && underWay >= tally.shareBytes) || this.#frames.length >= limits.connectionRequestsMax;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#socket.pause();
    else this.#socket.resume();
  }

  #begin(frame: Buffer): void {
    let handled = false;
    try {
      const reader = new Reader(frame);
      const header = readRequestHeader(reader);
      const begun: Begun = { header, bytes: frame.length, frame, uses: 1, isAnswered: false, pieces: null, left: null };
      if (!header.known) {
        this.#add(begun);
        return this.#answer(begun, { errorCode: UNSUPPORTED_VERSION, apiKeys: spokenBy(this.#broker.handlers) }, 0);
      }
      const handler = this.#broker.handlerOf(header.api.key);
      if (handler === undefined) throw new Malformed('unknown-api', `${header.api.name} is not spoken`);
      const request = readRequest(header.api, header.version, reader);
      this.#add(begun);
      handled = true;
      handler.handle(request, this.#callOf(begun), (response, left) => this.#answer(begun, response, header.version, left));
    } catch (error) {
      // Of a request that was begun, hosts may be reading.
      if (!handled) this.#giveBack(frame);
      this.#refuse(error);
    }
  }

  /** It was answered, or nobody waits for that any more. */
  #finish(begun: Begun): void {
    if (begun.isAnswered) return;
    begun.isAnswered = true;
    this.#unuse(begun);
  }

  #unuse(begun: Begun): void {
    if (--begun.uses === 0) this.#giveBack(begun.frame);
  }

  #giveBack(frame: Buffer): void {
    if (this.#broker.landing.holds(frame)) this.#broker.landing.give(frame);
  }

  #add(begun: Begun): void {
    this.#around.tally.requests++;
    this.#begun.push(begun);
    this.#begunBytes += begun.bytes;
  }

  #callOf(begun: Begun): Call {
    const { version, clientId } = begun.header;
    return {
      broker: this.#broker,
      version,
      clientId: clientId ?? '',
      clientHost: this.#socket.remote,
      connection: this,
      hold: () => {
        this.#holds++;
        let held = true;
        return () => {
          if (!held) return;
          held = false;
          this.#holds--;
          this.#pump();
        };
      },
      keep: () => {
        begun.uses++;
        return () => this.#unuse(begun);
      },
    };
  }

  #answer(begun: Begun, response: unknown, version: number, left: (() => void) | null = null): void {
    this.#finish(begun);
    if (this.#closed || begun.pieces !== null) return left?.();
    begun.left = left;
    begun.pieces = response === null ? [] : this.#encode(begun, response, version);
    // It may have to wait for those before it.
    for (const { length } of begun.pieces) {
      begun.bytes += length;
      this.#begunBytes += length;
    }
    while (this.#begun.length > 0 && this.#begun[0].pieces !== null) {
      const first = this.#begun.shift() as Begun;
      this.#begunBytes -= first.bytes;
      if (first.pieces !== null) this.#send(first.pieces, first.left);
    }
    this.#pump();
  }

  #encode({ header }: Begun, response: unknown, version: number): Buffer[] {
    const { writer } = this.#around;
    try {
      const sized = writer.sized();
      writeResponseHeader(writer, header.api, version, header.correlationId);
      writeResponse(header.api, version, writer, response as Record<string, never>);
      sized();
      return writer.take();
    } catch (error) {
      writer.drop();
      throw error;
    }
  }

  /** All responses of this turn leave in one gathered write. */
  #send(pieces: readonly Buffer[], left: (() => void) | null): void {
    if (pieces.length === 0) return left?.();
    if (left !== null) this.#leaving.push(left);
    if (this.#out.length === 0) {
      this.#broker.clock.next(() => {
        const out = this.#out;
        const leaving = this.#leaving;
        this.#out = [];
        this.#leaving = [];
        if (out.length === 0 || this.#closed) return;
        this.#around.tally.sentBytes += this.#outBytes;
        this.#outBytes = 0;
        if (leaving.length === 0) this.#socket.write(out);
        else
          this.#socket.write(out, () => {
            for (const then of leaving) then();
          });
        this.#pump();
      });
    }
    for (const piece of pieces) {
      this.#out.push(piece);
      this.#outBytes += piece.length;
    }
  }

  #refuse(error: unknown): void {
    const reason = error instanceof Malformed ? error.reason : 'internal-error';
    const told = { client: this.#socket.remote, reason, error: String(error) };
    if (error instanceof Malformed) this.#broker.log.warn(told, 'a connection is closed: its bytes are no request');
    else this.#broker.log.error({ ...told, stack: (error as Error).stack }, 'a request could not be handled; its connection is closed');
    this.close(reason);
  }
}
