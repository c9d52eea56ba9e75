/**
 * One connection to a broker: it greets (ApiVersions), sends requests in the highest version that both sides speak, one behind the other
 * without waiting, and gives out the responses in order. Bytes that are no response end it. It never connects again: whoever holds it
 * makes another.
 */
import { errors } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Clock, Timer } from '../../world/clock.ts';
import { type Address, type ClientSocket, connectTo } from '../../world/net.ts';
import { apiVersions } from '../api/18-api-versions.ts';
import { readResponseHeader, writeRequestHeader } from '../frame.ts';
import { readResponse } from '../read-fields.ts';
import { Malformed, Reader } from '../reader.ts';
import type { Api, Decoded, Encodable, Shape } from '../schema.ts';
import { writeRequest } from '../write-fields.ts';
import type { Writer } from '../writer.ts';
import type { FrameMemory } from './frame-memory.ts';
import { ResponseCutter } from './responses.ts';

/**
 * error 0: the decoded response, and the bytes that it is a view of. Else a code of base/errors.ts, and no response: HOST_DOWN was not
 * sent, NETWORK_EXCEPTION and REQUEST_TIMED_OUT may have been carried out, UNSUPPORTED_VERSION cannot be said to this broker.
 */
export type Answered<P extends Shape> = (error: number, response: Decoded<P> | null, frame: Buffer | null) => void;

interface Request {
  readonly api: Api;
  readonly message: unknown;
  readonly done: Answered<Shape>;
  readonly endMs: number;
  /** False: the broker does not answer this one (Produce with acks 0). */
  readonly answered: boolean;
  readonly clientId: string;
  version: number;
  correlationId: number;
}

export interface ConnectionSetup {
  readonly address: Address;
  readonly clientId: string;
  readonly clock: Clock;
  /** Shared by all connections of a thread. */
  readonly writer: Writer;
  readonly connectTimeoutMs: number;
  /** Where large responses lie; null: each in memory of its own. */
  readonly memory: FrameMemory | null;
  /** It is not begun before (monotonic). */
  readonly beginMs: number;
  /** `reason`: why it ended, in words; '' when it was closed from here. */
  closed(reason: string): void;
  /** It can be written to. */
  greeted?(): void;
}

export class BrokerConnection {
  readonly #setup: ConnectionSetup;
  readonly #cutter: ResponseCutter;
  /** Null while its time has not come. */
  #socket: ClientSocket | null = null;
  #begin: Timer | null = null;
  /** By API key; null until the broker has told. */
  #versions: ReadonlyMap<number, readonly [number, number]> | null = null;
  /** Asked before the broker can be written to, or while it wants to be left alone. */
  #held: Request[] = [];
  /** Sent and not answered, in order. */
  readonly #sent: Request[] = [];
  #nextCorrelationId = 1;
  #timer: Timer | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #quiet: Timer | null = null;
  #reason = '';
  #ownEnd = false;
  #closed = false;
  /** When a response came or a request was sent last. */
  activeMs: number;

  constructor(setup: ConnectionSetup) {
    this.#setup = setup;
    this.#cutter = new ResponseCutter((frame) => this.#received(frame), setup.memory);
    this.activeMs = setup.clock.monotonicMs();
    const waitMs = setup.beginMs - setup.clock.monotonicMs();
    if (waitMs <= 0) this.#connect();
    else this.#begin = setup.clock.after(waitMs, () => this.#connect(), true);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Requests that wait for an answer, or to be sent. */
  get outstanding(): number {
    return this.#held.length + this.#sent.length;
  }

  /** It can be written to: versions are known. */
  get ready(): boolean {
    return this.#versions !== null && !this.#closed;
  }

  /** The highest version of an API that both sides speak; −1: none, or not known yet. */
  versionOf(api: Api): number {
    const theirs = this.#versions?.get(api.key);
    if (theirs === undefined) return -1;
    const version = Math.min(theirs[1], api.versions[1]);
    return version >= theirs[0] && version >= api.versions[0] ? version : -1;
  }

  /** Sends a request, or keeps it until it may be sent. `done` is called once, never within this call. */
  send<Q extends Shape, P extends Shape>(
    api: Api<Q, P>,
    message: Encodable<Q>,
    {
      timeoutMs,
      answered = true,
      clientId = this.#setup.clientId,
    }: { timeoutMs: number; answered?: boolean; clientId?: string | undefined },
    done: Answered<P>,
  ): void {
    const { clock } = this.#setup;
    const request: Request = {
      api: api as unknown as Api,
      message,
      done: done as unknown as Answered<Shape>,
      endMs: clock.monotonicMs() + timeoutMs,
      answered,
      clientId,
      version: -1,
      correlationId: 0,
    };
    if (this.#closed || this.outstanding >= limits.requestsInFlightMax) return clock.next(() => done(errors.HOST_DOWN.code, null, null));
    this.#expect(request.endMs);
    if (this.#versions === null || this.#quiet !== null) this.#held.push(request);
    else this.#send(request);
    this.#socket?.ref(true);
  }

  /** Ends it now; what is under way is refused. */
  close(reason = ''): void {
    this.#end(reason === '', reason);
  }

  #end(own: boolean, reason: string): void {
    if (this.#closed) return;
    this.#ownEnd ||= own;
    if (this.#reason === '') this.#reason = reason;
    this.#socket?.destroy();
    this.#ended(reason);
  }

  #ended(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#begin?.cancel();
    this.#timer?.cancel();
    this.#quiet?.cancel();
    const { clock } = this.#setup;
    const told = this.#reason === '' ? reason : this.#reason;
    const held = this.#held;
    const sent = this.#sent.splice(0);
    this.#held = [];
    const late = clock.monotonicMs();
    // Never within a call of theirs.
    clock.next(() => {
      for (const { done, endMs } of sent) done(late >= endMs ? errors.REQUEST_TIMED_OUT.code : errors.NETWORK_EXCEPTION.code, null, null);
      for (const { done } of held) done(errors.HOST_DOWN.code, null, null);
      this.#setup.closed(this.#ownEnd ? '' : told);
    });
  }

  // The greeting.

  #connect(): void {
    this.#begin = null;
    this.#socket = connectTo(this.#setup.address, this.#setup.connectTimeoutMs, {
      connected: () => this.#greet(GREETING),
      room: () => this.#cutter.room(),
      filled: (bytes) => this.#guard(() => this.#cutter.filled(bytes)),
      closed: (error) => this.#ended(error === null ? 'it closed the connection' : error.message),
    });
    this.#socket.ref(this.#held.length > 0);
  }

  /** Asks which versions are spoken; a broker that does not know this version of the question answers in version 0, and is asked so. */
  #greet(version: number): void {
    const done: Answered<typeof apiVersions.response> = (error, response) => {
      if (error !== 0 || response === null) return;
      if (response.errorCode === errors.UNSUPPORTED_VERSION.code && version > 0) return this.#greet(0);
      if (response.errorCode !== 0) return this.#end(false, `it answers ApiVersions with error ${response.errorCode}`);
      this.#versions = new Map(response.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]]));
      this.#setup.greeted?.();
      this.#release();
    };
    const message = { clientSoftwareName: 'spillway', clientSoftwareVersion: '1' };
    const endMs = this.#setup.clock.monotonicMs() + this.#setup.connectTimeoutMs;
    this.#expect(endMs);
    this.#write({
      api: apiVersions as unknown as Api,
      message,
      done: done as unknown as Answered<Shape>,
      endMs,
      answered: true,
      clientId: this.#setup.clientId,
      version,
      correlationId: 0,
    });
  }

  // Requests.

  #release(): void {
    const held = this.#held;
    this.#held = [];
    for (let i = 0; i < held.length; i++) {
      if (this.#closed || this.#quiet !== null) this.#held.push(held[i]);
      else this.#send(held[i]);
    }
  }

  #send(request: Request): void {
    request.version = this.versionOf(request.api);
    if (request.version < 0) return this.#setup.clock.next(() => request.done(errors.UNSUPPORTED_VERSION.code, null, null));
    this.#write(request);
  }

  #write(request: Request): void {
    const { writer, clock } = this.#setup;
    request.correlationId = this.#nextCorrelationId;
    this.#nextCorrelationId = (this.#nextCorrelationId + 1) & 0x7fff_ffff;
    let pieces: Buffer[];
    try {
      const sized = writer.sized();
      writeRequestHeader(writer, request.api, request.version, request.correlationId, request.clientId);
      writeRequest(request.api, request.version, writer, request.message as Record<string, never>);
      sized();
      pieces = writer.take();
    } catch (error) {
      writer.drop();
      throw error;
    }
    this.activeMs = clock.monotonicMs();
    if (request.answered) this.#sent.push(request);
    else clock.next(() => request.done(0, null, null));
    this.#socket?.write(pieces);
  }

  #received(frame: Buffer): void {
    if (this.#closed) return;
    const request = this.#sent.shift();
    if (request === undefined) throw new Malformed('unknown-api', 'it answers what was not asked');
    const reader = new Reader(frame);
    const { api } = request;
    const version = api.key === apiVersions.key ? versionOfGreeting(frame, request.version) : request.version;
    let response: Decoded<Shape>;
    try {
      if (readResponseHeader(reader, api, version) !== request.correlationId)
        throw new Malformed('unknown-api', 'it answers another request than the one whose turn it is');
      response = readResponse(api, version, reader);
    } catch (error) {
      // Refused with the others: it was sent.
      this.#sent.unshift(request);
      throw error;
    }
    const { clock } = this.#setup;
    this.activeMs = clock.monotonicMs();
    if (this.outstanding === 0) {
      this.#socket?.ref(false);
      this.#timer?.cancel();
      this.#timer = null;
      this.#timerAtMs = Number.POSITIVE_INFINITY;
    }
    const { throttleTimeMs } = response as { throttleTimeMs?: number };
    if (throttleTimeMs !== undefined && throttleTimeMs > 0) this.#beQuiet(throttleTimeMs);
    request.done(0, response, frame);
  }

  /** The broker wants nothing more for so long, since a quota is used up (KIP-219). */
  #beQuiet(ms: number): void {
    this.#quiet?.cancel();
    this.#quiet = this.#setup.clock.after(
      Math.min(ms, QUIET_MS_MAX),
      () => {
        this.#quiet = null;
        this.#release();
      },
      true,
    );
  }

  // Time.

  #expect(endMs: number): void {
    if (endMs >= this.#timerAtMs) return;
    const { clock } = this.#setup;
    this.#timer?.cancel();
    this.#timerAtMs = endMs;
    this.#timer = clock.after(Math.max(0, endMs - clock.monotonicMs()), () => this.#due());
  }

  /** A response that is late may come when nobody waits for it any more, so the connection ends with it. */
  #due(): void {
    this.#timer = null;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#setup.clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { endMs } of this.#sent) nextMs = Math.min(nextMs, endMs);
    if (nextMs <= nowMs) return this.#end(false, 'it did not answer in time');
    const late = this.#held.filter(({ endMs }) => endMs <= nowMs);
    this.#held = this.#held.filter(({ endMs }) => endMs > nowMs);
    for (const { endMs } of this.#held) nextMs = Math.min(nextMs, endMs);
    if (nextMs < Number.POSITIVE_INFINITY) this.#expect(nextMs);
    for (const { done } of late) done(errors.HOST_DOWN.code, null, null);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#end(false, `what it sent is no response: ${error.message}`);
    }
  }
}

/** Behind the correlation id stands the error: a broker that does not know the version answers in version 0. */
function versionOfGreeting(frame: Buffer, version: number): number {
  return frame.length >= 6 && frame.readInt16BE(4) === errors.UNSUPPORTED_VERSION.code ? 0 : version;
}

const GREETING = apiVersions.versions[1];
/** What is longer is no throttle but a mistake. */
const QUIET_MS_MAX = 60_000;
