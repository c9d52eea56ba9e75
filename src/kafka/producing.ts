/**
 * One Produce under way: its batches go to their hosts in order, as far as there is room, and are answered together. What a paused or full
 * bus cannot take waits here, and its connection with it, until the request's time is over: then the client is told to try again.
 */
import { errors } from '../base/errors.ts';
import type { PartitionMetadata } from '../coordinator/protocol.ts';
import type { Acks, HostReplyOf } from '../partition/protocol.ts';
import type { Timer } from '../world/clock.ts';
import type { Call } from './handler.ts';
import { gateOf, isPaused, mute, pressureMs, whenKnown } from './quotas.ts';

/** One batch, and who is told how it ended: an error, or where it is. */
export interface Append {
  readonly place: PartitionMetadata;
  readonly batch: Uint8Array;
  done(error: number, answer: HostReplyOf<'append'> | null): void;
}

export interface ProduceWanted {
  acks: Acks;
  timeoutMs: number;
}

/** Where a batch lies in the outbox, and what is called when no host reads it any more. */
interface Put {
  readonly position: number;
  readonly done: () => void;
}

/** What memory has refused is tried again after so long. */
const AGAIN_MS = 50;
/** No request is over sooner, whatever the client says: a sync takes its time. */
const TIMEOUT_MS_MIN = 100;

/**
 * `done` is called once, when all are answered or the time is over, with how long the client is throttled. No further request of the
 * connection begins before the last batch is on its way, nor while the client is throttled.
 */
export function produceAll(call: Call, wanted: ProduceWanted, appends: readonly Append[], done: (throttleMs: number) => void): void {
  if (appends.length === 0) done(0);
  else new Producing(call, wanted, appends, done).start();
}

class Producing {
  readonly #call: Call;
  readonly #wanted: ProduceWanted;
  readonly #appends: readonly Append[];
  readonly #done: (throttleMs: number) => void;
  /** Those that have no answer yet. */
  readonly #open: Set<Append>;
  #sent = 0;
  #timer: Timer | null = null;
  #expired = false;
  /** How long the client is throttled; −1 while that is not known. */
  #throttleMs = -1;

  constructor(call: Call, wanted: ProduceWanted, appends: readonly Append[], done: (throttleMs: number) => void) {
    this.#call = call;
    this.#wanted = wanted;
    this.#appends = appends;
    this.#done = done;
    this.#open = new Set(appends);
  }

  start(): void {
    const { broker } = this.#call;
    const release = this.#call.hold();
    // Nobody waits for an answer with acks 0: what cannot be taken waits for as long as its connection lasts.
    if (this.#wanted.acks !== 0) this.#timer = broker.clock.after(Math.max(TIMEOUT_MS_MIN, this.#wanted.timeoutMs), () => this.#expire());
    const attempt = (): boolean => {
      if (!this.#sendAll()) return false;
      this.#throttle(release);
      return true;
    };
    broker.whenRoom(
      attempt,
      this.#appends.some(({ batch }) => !broker.dispatcher.outbox.holds(batch)),
    );
  }

  /** False: the rest has to wait. */
  #sendAll(): boolean {
    const { dispatcher } = this.#call.broker;
    while (this.#sent < this.#appends.length && !this.#isOver) {
      if (isPaused(dispatcher)) return false;
      const append = this.#appends[this.#sent];
      const put = this.#put(append.batch);
      if (put === null) return false;
      this.#sent++;
      this.#ask(append, put);
    }
    return true;
  }

  /** Sees to it that hosts can read the batch until the function that this gives is called; null: there is no room now. */
  #put(batch: Uint8Array): Put | null {
    const { dispatcher } = this.#call.broker;
    const { outbox } = dispatcher;
    if (outbox.holds(batch)) return { position: batch.byteOffset, done: this.#call.keep() };
    const { length } = batch;
    const position = outbox.take(length);
    if (position < 0) return null;
    outbox.bytes.set(batch, position);
    dispatcher.inFlightBytes += length;
    const done = (): void => {
      outbox.give(position, length);
      dispatcher.inFlightBytes -= length;
    };
    return { position, done };
  }

  /** Nobody will hear of what is not sent by now. */
  get #isOver(): boolean {
    return this.#expired || this.#call.connection.closed;
  }

  #ask(append: Append, put: Put): void {
    const { dispatcher, clock } = this.#call.broker;
    const { place, batch } = append;
    const ask = { slot: place.slot, acks: this.#wanted.acks, own: false, position: put.position, length: batch.length, batch: null };
    dispatcher.askHost(place.host, 'append', ask, (error, answer) => {
      // Memory is freed by and by; the batch stays in the outbox, and what the connection sends next stays behind it.
      if (error === errors.MEMORY_FULL.code && !this.#isOver) {
        const release = this.#call.hold();
        clock.after(AGAIN_MS, () => {
          release();
          this.#ask(append, put);
        });
        return;
      }
      put.done();
      this.#answered(append, error === errors.MEMORY_FULL.code ? errors.REQUEST_TIMED_OUT.code : error, answer);
    });
  }

  #answered(append: Append, error: number, answer: HostReplyOf<'append'> | null): void {
    if (!this.#open.delete(append)) return;
    append.done(error, answer);
    this.#endIfDone();
  }

  /** What has no answer by now may have been appended, or not: the client tries again. */
  #expire(): void {
    this.#expired = true;
    for (const append of [...this.#open]) this.#answered(append, errors.REQUEST_TIMED_OUT.code, null);
    this.#call.broker.roomMade();
  }

  /** Everything is on its way: counts it, and lets the next request begin when its time has come. */
  #throttle(release: () => void): void {
    const { dispatcher } = this.#call.broker;
    const gate = gateOf('produce', this.#call);
    gate?.pass(this.#appends.reduce((sum, { batch }) => sum + batch.length, 0));
    whenKnown(dispatcher, gate, (delayMs) => {
      this.#throttleMs = Math.max(delayMs, pressureMs(dispatcher));
      mute(this.#call, gate, this.#throttleMs, release);
      this.#endIfDone();
    });
  }

  #endIfDone(): void {
    if (this.#open.size > 0 || this.#throttleMs < 0) return;
    this.#timer?.cancel();
    this.#done(this.#throttleMs);
  }
}
