/**
 * Carries sealed batches to their hosts until they are answered: credit, order, retries, and a new identity for a lane whose sequences
 * have a gap. What must be sent again goes before what was never sent. A batch's bytes are given back when no host can read them any more.
 */
import { Deadlines } from '../base/deadlines.ts';
import { errorName, errors, isRetriable } from '../base/errors.ts';
import type { Acks, HostReplyOf } from '../partition/protocol.ts';
import { stampProducer } from '../record/batch-layout.ts';
import type { RefusedRecord } from '../record/record-rules.ts';
import type { Timer } from '../world/clock.ts';
import type { Dispatcher } from './dispatcher.ts';
import { type Batch, type Lane, NO_PRODUCER, settle, settleRefused, takeSequences } from './lane.ts';
import type { Gate } from './throttles.ts';

export interface DeliveryOptions {
  /** Whose quota it is. */
  clientId: string;
  acks: Acks;
  /** Batches in flight per partition (Kafka: max.in.flight.requests.per.connection). */
  maxInFlight: number;
  retries: number;
  retryBackoffMs: number;
  deliveryTimeoutMs: number;
}

export interface DeliveryEvents {
  /** The batch has ended one way or another, and its bytes are free. */
  finished(batch: Batch): void;
  /** A batch was given up. */
  failed(error: number, message: string, lane: Lane, records: number): void;
  /** An answer came: the lane may have credit for its open batch. */
  answered(lane: Lane): void;
  /** The topic's place is not what it was. */
  misplaced(topic: string): void;
}

export class Delivery {
  readonly #dispatcher: Dispatcher;
  readonly #options: DeliveryOptions;
  readonly #events: DeliveryEvents;
  readonly #retrying = new Deadlines<Lane>();
  #timer: Timer | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  /** Its quota is used up for now, and these lanes have something to send. */
  readonly #gate: Gate;
  readonly #gated = new Set<Lane>();
  #closed = false;

  constructor(dispatcher: Dispatcher, options: DeliveryOptions, events: DeliveryEvents) {
    this.#dispatcher = dispatcher;
    this.#options = options;
    this.#events = events;
    this.#gate = dispatcher.throttles.enter('produce', options.clientId);
  }

  /** Batches wait for a quota. */
  get isHeldBack(): boolean {
    return this.#gated.size > 0;
  }

  /** Sends what the lane's credit allows. */
  send(lane: Lane): void {
    if (lane.gap || lane.queue.length === 0) return;
    if (lane.retryAtMs > 0) {
      if (this.#dispatcher.clock.monotonicMs() < lane.retryAtMs) return;
      lane.retryAtMs = 0;
    }
    const { acks } = this.#options;
    // A host takes any sequence from a producer that it does not know: a second batch must not get there before the first.
    const credit = lane.proved || lane.producerId === NO_PRODUCER ? this.#options.maxInFlight : 1;
    for (const batch of lane.queue) {
      if (lane.inFlight >= credit) return;
      if (batch.sent || batch.settled) continue;
      if (!this.#gate.isOpen) return this.#waitForQuota(lane);
      this.#gate.pass(batch.length);
      batch.sent = true;
      batch.attempts++;
      lane.inFlight++;
      const ask = { slot: lane.slot, acks, own: true, position: batch.position, length: batch.length, batch: null };
      this.#dispatcher.askHost(lane.host, 'append', ask, (error, reply) => {
        this.#answered(lane, batch, error, reply);
      });
    }
  }

  /** The lane has another host now: what waits is sent at once. */
  sendAnew(lane: Lane): void {
    lane.proved = false;
    lane.retryAtMs = 0;
    this.#retrying.remove(lane);
    this.send(lane);
  }

  /** Gives up a batch. Its records are told now; its bytes stay the host's until it answers. */
  giveUp(lane: Lane, batch: Batch, error: number, message: string, refused?: readonly RefusedRecord[]): void {
    if (!batch.settled) {
      if (refused === undefined) settle(batch, error, message);
      else settleRefused(batch, error, message, refused);
      this.#events.failed(error, message, lane, batch.count);
    }
    if (!batch.sent) this.#finish(lane, batch);
  }

  /** Gives up the batches whose delivery timeout is over, for the reason for which they could not be delivered. */
  expire(lane: Lane, nowMs: number): void {
    for (const batch of [...lane.queue]) {
      if (batch.settled || nowMs - batch.bornMs < this.#options.deliveryTimeoutMs) continue;
      const { error, message } = this.lateness(lane);
      this.giveUp(lane, batch, error, message);
    }
  }

  /** Why records of this lane are late. */
  lateness(lane: Lane): { error: number; message: string } {
    const late = `not delivered within deliveryTimeoutMs=${this.#options.deliveryTimeoutMs}`;
    if (lane.refusal === null) return { error: errors.REQUEST_TIMED_OUT.code, message: late };
    const { error, message } = lane.refusal;
    return { error, message: `${late}: ${message === '' ? errorName(error) : message}` };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#gate.forget(this.#goOn);
    this.#dispatcher.throttles.leave('produce', this.#gate);
    if (this.#gated.size > 0) this.#dispatcher.release();
    this.#gated.clear();
  }

  readonly #goOn = (): void => {
    if (this.#gated.size === 0) return;
    this.#dispatcher.release();
    const lanes = [...this.#gated];
    this.#gated.clear();
    for (const lane of lanes) this.send(lane);
  };

  #waitForQuota(lane: Lane): void {
    if (this.#closed) return;
    if (this.#gated.size === 0) this.#dispatcher.hold();
    this.#gated.add(lane);
    this.#gate.wait(this.#goOn);
  }

  #answered(lane: Lane, batch: Batch, error: number, reply: HostReplyOf<'append'> | null): void {
    lane.inFlight--;
    batch.sent = false;
    if (error === 0) {
      lane.refusal = null;
      lane.proved = true;
      if (reply !== null) settle(batch, 0, '', this.#options.acks === 0 ? { ...reply, baseOffset: -1 } : reply);
      this.#finish(lane, batch);
    } else if (batch.settled) this.#finish(lane, batch);
    else this.#refused(lane, batch, error, reply?.message ?? '', reply?.refused);
    if (lane.gap && lane.inFlight === 0) this.#rekey(lane);
    this.#events.answered(lane);
    this.send(lane);
  }

  #refused(lane: Lane, batch: Batch, error: number, message: string, records?: readonly RefusedRecord[]): void {
    const isGap = error === errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code;
    if (!isGap) lane.refusal = { error, message };
    // A host that was replaced, or whose disk failed, may have forgotten this producer.
    lane.proved = false;
    if (!this.#mayRetry(lane, batch, error)) {
      // A gap is the consequence of an earlier batch's refusal: that is what there is to tell.
      const told = isGap && lane.refusal !== null ? lane.refusal : { error, message };
      return this.giveUp(lane, batch, told.error, told.message, records);
    }
    // The first of the lane is refused for good; what else is in flight behind it will be refused as well.
    if (isGap && lane.queue[0] === batch) lane.gap = true;
    lane.retryAtMs = this.#dispatcher.clock.monotonicMs() + this.#options.retryBackoffMs;
    this.#retrying.set(lane, lane.retryAtMs);
    this.#setTimer();
    if (error === errors.UNKNOWN_TOPIC_OR_PARTITION.code || error === errors.NOT_LEADER_OR_FOLLOWER.code)
      this.#events.misplaced(lane.topic);
  }

  #mayRetry(lane: Lane, batch: Batch, error: number): boolean {
    if (batch.attempts > this.#options.retries || this.#dispatcher.closed) return false;
    if (this.#dispatcher.clock.monotonicMs() - batch.bornMs >= this.#options.deliveryTimeoutMs) return false;
    // A gap before a batch is no fault of its own: an earlier batch of the lane is to be sent again, or was given up.
    if (error === errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code) return lane.producerId !== NO_PRODUCER;
    return isRetriable(error);
  }

  /** An earlier batch was given up, so the sequences have a gap that the host will not accept: the lane goes on as a new producer. */
  #rekey(lane: Lane): void {
    if (lane.rekeying || this.#closed) return;
    lane.rekeying = true;
    this.#dispatcher.askCoordinator('initProducerId', {}, (error, reply) => {
      lane.rekeying = false;
      if (error !== 0 || reply === null) {
        if (!isRetriable(error)) for (const batch of [...lane.queue]) this.giveUp(lane, batch, error, 'no new producer id could be had');
        else this.#dispatcher.clock.after(this.#options.retryBackoffMs, () => this.#rekey(lane), true);
        return;
      }
      lane.producerId = reply.producerId;
      lane.producerEpoch = reply.producerEpoch;
      lane.nextSequence = 0;
      lane.proved = false;
      lane.gap = false;
      for (const batch of lane.queue) {
        batch.baseSequence = takeSequences(lane, batch.count);
        const bytes = this.#dispatcher.outbox.bytes.subarray(batch.position, batch.position + batch.length);
        stampProducer(bytes, 0, { producerId: lane.producerId, producerEpoch: lane.producerEpoch, baseSequence: batch.baseSequence });
      }
      if (lane.sealed !== null && lane.writer !== null) {
        lane.sealedSequence = takeSequences(lane, lane.writer.count);
        stampProducer(lane.sealed, 0, {
          producerId: lane.producerId,
          producerEpoch: lane.producerEpoch,
          baseSequence: lane.sealedSequence,
        });
      }
      this.send(lane);
    });
  }

  /** The host will not read the batch again: its range is free. */
  #finish(lane: Lane, batch: Batch): void {
    const at = lane.queue.indexOf(batch);
    if (at < 0) return;
    lane.queue.splice(at, 1);
    this.#dispatcher.outbox.give(batch.position, batch.length);
    this.#events.finished(batch);
  }

  #setTimer(): void {
    const at = this.#retrying.nextMs;
    if (at >= this.#timerAtMs || this.#closed) return;
    this.#timer?.cancel();
    this.#timerAtMs = at;
    const { clock } = this.#dispatcher;
    const due = (): void => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      const nowMs = clock.monotonicMs();
      for (let lane = this.#retrying.takeDue(nowMs); lane !== undefined; lane = this.#retrying.takeDue(nowMs)) {
        lane.retryAtMs = 0;
        this.send(lane);
      }
      this.#setTimer();
    };
    this.#timer = clock.after(Math.max(0, at - clock.monotonicMs()), due, true);
  }
}
