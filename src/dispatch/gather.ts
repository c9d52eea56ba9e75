/**
 * Gathers records into batches per partition and carries each batch to its host until it is answered: size and linger, credit,
 * order, retries, idempotence. Callbacks only.
 *
 *   append ─▶ lane (one per partition): open batch ─seal─▶ outbox: queue ─▶ in flight ─▶ answered
 *                                                            ▲──────── retriable ─┘
 * A lane keeps its batches in the order of their sequences: what must be sent again goes before what was never sent.
 */
import { Deadlines } from '../base/deadlines.ts';
import { errors, isRetriable } from '../base/errors.ts';
import type { TopicMetadata } from '../coordinator/protocol.ts';
import type { Acks } from '../partition/protocol.ts';
import { stampProducer } from '../record/batch-layout.ts';
import { BatchWriter, type Header } from '../record/batch-write.ts';
import type { CompressionId } from '../record/compression.ts';
import type { Timer } from '../world/clock.ts';
import type { Dispatcher, Subscriber } from './dispatcher.ts';

export interface GatherOptions {
  /** Bytes of a batch before compression (Kafka: batch.size). */
  batchSize: number;
  /** How long an open batch waits for more records (Kafka: linger.ms); 0: until the running JavaScript yields. */
  lingerMs: number;
  /** Bytes that may wait or be in flight (Kafka: buffer.memory). */
  bufferMemory: number;
  acks: Acks;
  /** Batches in flight per partition (Kafka: max.in.flight.requests.per.connection). */
  maxInFlight: number;
  retries: number;
  retryBackoffMs: number;
  deliveryTimeoutMs: number;
  compression: CompressionId;
  compressionLevel: number | undefined;
  idempotent: boolean;
}

/** The outcome of one record. `offset` is −1 with acks 0 and on errors. */
export type RecordDone = (error: number, message: string, offset: number, timestampMs: number) => void;

export interface GatherEvents {
  /** There is room again after an append that was refused. */
  drained(): void;
  /** A batch was given up. */
  failed(error: number, message: string, topic: string, partition: number, records: number): void;
}

interface Batch {
  position: number;
  length: number;
  count: number;
  baseSequence: number;
  /** When its first record was appended (monotonic). */
  bornMs: number;
  attempts: number;
  sent: boolean;
  settled: boolean;
  epoch: Epoch;
  /** Offset deltas and callbacks of the records that want to know, in pairs; null when none does. */
  waiting: { delta: number; timestampMs: number; done: RecordDone }[] | null;
}

/** What was appended between two flushes: the later one waits until all of it has ended. */
interface Epoch {
  left: number;
  done: (() => void) | null;
}

interface Lane {
  topic: string;
  partition: number;
  slot: number;
  host: number;
  writer: BatchWriter | null;
  /** The writer's bytes, sealed, while the outbox has no room for them. */
  sealed: Buffer | null;
  sealedSequence: number;
  bornMs: number;
  epoch: Epoch;
  waiting: Batch['waiting'];
  queue: Batch[];
  inFlight: number;
  producerId: number;
  producerEpoch: number;
  nextSequence: number;
  /** A new producer id is being asked for: nothing is sent meanwhile. */
  rekeying: boolean;
  retryAtMs: number;
}

const NO_PRODUCER = -1;
/** Share of the buffer that may be used while the bus is throttled. */
const THROTTLED_SHARE = 8;
const THROTTLE = 2;
const PAUSE = 3;

export class Gather implements Subscriber {
  readonly #dispatcher: Dispatcher;
  readonly #options: GatherOptions;
  readonly #events: GatherEvents;
  readonly #lanes = new Map<string, Lane[]>();
  /** Lanes with an open batch to seal when the running JavaScript yields (linger 0). */
  #open: Lane[] = [];
  readonly #lingering = new Deadlines<Lane>();
  readonly #retrying = new Deadlines<Lane>();
  /** Lanes whose sealed bytes wait for room in the outbox. */
  readonly #stuck = new Set<Lane>();
  readonly #writers: BatchWriter[] = [];
  #epoch: Epoch = { left: 0, done: null };
  /** Epochs that ended in a flush, oldest first. */
  readonly #flushing: Epoch[] = [];
  #producerId = NO_PRODUCER;
  #producerEpoch = -1;
  #ready: boolean;
  #usedBytes = 0;
  #outstanding = 0;
  #refused = false;
  #sealScheduled = false;
  #timer: Timer | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #expiryTimer: Timer | null = null;
  #closed = false;
  readonly #sealOpen = (): void => {
    this.#sealScheduled = false;
    const open = this.#open;
    this.#open = [];
    for (const lane of open) this.#sealIfIdle(lane);
  };

  constructor(dispatcher: Dispatcher, options: GatherOptions, events: GatherEvents) {
    this.#dispatcher = dispatcher;
    this.#options = options;
    this.#events = events;
    this.#ready = !options.idempotent;
    dispatcher.subscribe(this);
    if (options.idempotent) this.#askProducerId();
  }

  /** Batches and open batches that are not answered yet. */
  get outstanding(): number {
    return this.#outstanding;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether a batch would be taken now; if not, `drained` is called when it would. */
  hasRoomNow(): boolean {
    const hasRoom = this.#ready && this.#stuck.size === 0 && this.#hasRoom(this.#options.batchSize);
    if (!hasRoom) this.#refused = true;
    return hasRoom;
  }

  /**
   * Takes a record, or returns false when the buffer is full or the bus is paused; `drained` is called when it is worth trying
   * again. The record's bytes are copied before this returns.
   */
  append(
    topic: TopicMetadata,
    partition: number,
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly Header[] | null,
    done: RecordDone | null,
  ): boolean {
    const size = (key === null ? 0 : key.length) + (value === null ? 0 : value.length) + RECORD_OVERHEAD;
    if (!this.#hasRoom(size)) {
      this.#refused = true;
      return false;
    }
    const lane = this.#lane(topic, partition);
    if (lane.sealed !== null) return this.#refuse();
    let writer = lane.writer;
    if (writer !== null) {
      const before = writer.bytes;
      const delta = writer.append(timestampMs, key, value, headers);
      if (delta >= 0) {
        this.#count(writer.bytes - before);
        if (done !== null) this.#wait(lane, delta, timestampMs, done);
        if (writer.bytes >= this.#options.batchSize) this.#seal(lane, true);
        return true;
      }
      if (!this.#seal(lane, true)) return this.#refuse();
    }
    writer = this.#writers.pop() ?? this.#makeWriter();
    const delta = writer.append(timestampMs, key, value, headers);
    lane.writer = writer;
    lane.bornMs = this.#dispatcher.clock.monotonicMs();
    lane.epoch = this.#epoch;
    lane.epoch.left++;
    this.#outstanding++;
    this.#count(writer.bytes);
    if (done !== null) this.#wait(lane, delta, timestampMs, done);
    if (writer.bytes >= this.#options.batchSize) this.#seal(lane, true);
    else this.#linger(lane);
    return true;
  }

  /** Whether the lane of a partition has an open batch: the sticky partitioner stays until it is sealed. */
  isOpen(topic: string, partition: number): boolean {
    const lane = this.#lanes.get(topic)?.[partition];
    return lane !== undefined && lane.writer !== null && lane.sealed === null;
  }

  /** Sends all that is open now; `done` when everything appended before this call was answered or given up. */
  flush(done: () => void): void {
    for (const lanes of this.#lanes.values())
      for (const lane of lanes) if (lane?.writer != null && lane.sealed === null) this.#seal(lane, false);
    if (this.#outstanding === 0) return this.#dispatcher.clock.next(done);
    this.#epoch.done = done;
    this.#flushing.push(this.#epoch);
    this.#epoch = { left: 0, done: null };
    this.#endEpochs();
  }

  /** Gives up what is not answered; each record's callback gets `error`. The bytes in flight stay the host's until it answers. */
  abort(error: number, message: string): void {
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes) {
        if (lane === undefined) continue;
        if (lane.writer !== null) this.#giveUpOpen(lane, error, message);
        for (const batch of lane.queue.filter((one) => !one.sent)) this.#giveUp(lane, batch, error, message);
        for (const batch of lane.queue) this.#settle(batch, error, message, -1, -1);
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#dispatcher.unsubscribe(this);
    this.#timer?.cancel();
    this.#expiryTimer?.cancel();
  }

  // What the dispatcher tells.

  turned(): void {
    for (const lane of this.#stuck) if (!this.#unstick(lane)) break;
    if (this.#refused && this.#ready && this.#stuck.size === 0 && this.#hasRoom(this.#options.batchSize)) {
      this.#refused = false;
      this.#events.drained();
    }
  }

  pressure(): void {
    this.turned();
  }

  hostUp(host: number): void {
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes) {
        if (lane === undefined || lane.host !== host) continue;
        lane.retryAtMs = 0;
        this.#retrying.remove(lane);
        this.#send(lane);
      }
    }
  }

  topicsChanged(names: readonly string[]): void {
    const known = names.filter((name) => this.#lanes.has(name));
    if (known.length === 0) return;
    this.#dispatcher.loadTopics(known, false, () => {
      for (const name of known) this.#relocate(name);
    });
  }

  closed(): void {
    this.abort(errors.CLOSED.code, 'the bus was closed');
  }

  // Room.

  #hasRoom(size: number): boolean {
    const { level } = this.#dispatcher;
    if (level === PAUSE) return false;
    const bound = level === THROTTLE ? this.#options.bufferMemory / THROTTLED_SHARE : this.#options.bufferMemory;
    // A record larger than the whole buffer's share still passes when nothing else waits.
    return this.#usedBytes + size <= bound || this.#usedBytes === 0;
  }

  #refuse(): false {
    this.#refused = true;
    return false;
  }

  #count(bytes: number): void {
    this.#usedBytes += bytes;
    this.#dispatcher.inFlightBytes += bytes;
  }

  #wait(lane: Lane, delta: number, timestampMs: number, done: RecordDone): void {
    if (lane.waiting === null) lane.waiting = [];
    lane.waiting.push({ delta, timestampMs, done });
  }

  // Open batches.

  #lane(topic: TopicMetadata, partition: number): Lane {
    let lanes = this.#lanes.get(topic.name);
    if (lanes === undefined) {
      lanes = [];
      this.#lanes.set(topic.name, lanes);
    }
    const known = lanes[partition];
    if (known !== undefined) return known;
    const { slot, host } = topic.partitions[partition];
    const made: Lane = {
      topic: topic.name,
      partition,
      slot,
      host,
      writer: null,
      sealed: null,
      sealedSequence: -1,
      bornMs: 0,
      epoch: this.#epoch,
      waiting: null,
      queue: [],
      inFlight: 0,
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
      nextSequence: 0,
      rekeying: false,
      retryAtMs: 0,
    };
    lanes[partition] = made;
    return made;
  }

  #makeWriter(): BatchWriter {
    const { batchSize, compression, compressionLevel } = this.#options;
    return new BatchWriter({ bytesMax: batchSize, compression, compressionLevel });
  }

  #linger(lane: Lane): void {
    if (this.#options.lingerMs > 0) {
      this.#lingering.set(lane, lane.bornMs + this.#options.lingerMs);
      this.#setTimer();
      return;
    }
    this.#open.push(lane);
    if (this.#sealScheduled) return;
    this.#sealScheduled = true;
    this.#dispatcher.clock.next(this.#sealOpen);
  }

  /** With linger 0 a batch leaves at once while credit lasts; else it grows until an answer comes (so load makes larger batches). */
  #sealIfIdle(lane: Lane): void {
    if (lane.writer === null || lane.sealed !== null) return;
    if (lane.queue.length < this.#options.maxInFlight) this.#seal(lane, false);
  }

  /** Closes the open batch and puts its bytes into the outbox; false when there is no room there yet. */
  #seal(lane: Lane, urgent: boolean): boolean {
    const { writer } = lane;
    if (writer === null) return true;
    if (!this.#ready) {
      this.#stuck.add(lane);
      return false;
    }
    if (lane.sealed === null) {
      this.#lingering.remove(lane);
      if (this.#options.idempotent && lane.producerId === NO_PRODUCER) {
        lane.producerId = this.#producerId;
        lane.producerEpoch = this.#producerEpoch;
      }
      lane.sealedSequence = this.#options.idempotent ? lane.nextSequence : -1;
      lane.sealed = writer.seal({ producerId: lane.producerId, producerEpoch: lane.producerEpoch, baseSequence: lane.sealedSequence });
      if (this.#options.idempotent) lane.nextSequence = (lane.nextSequence + writer.count) % 0x8000_0000;
    }
    const position = this.#dispatcher.outbox.take(lane.sealed.length);
    if (position < 0) {
      this.#stuck.add(lane);
      return false;
    }
    this.#dispatcher.outbox.bytes.set(lane.sealed, position);
    const batch: Batch = {
      position,
      length: lane.sealed.length,
      count: writer.count,
      baseSequence: lane.sealedSequence,
      bornMs: lane.bornMs,
      attempts: 0,
      sent: false,
      settled: false,
      epoch: lane.epoch,
      waiting: lane.waiting,
    };
    this.#count(batch.length - writer.bytes);
    lane.sealed = null;
    lane.writer = null;
    lane.waiting = null;
    writer.reset();
    if (this.#writers.length < WRITERS_KEPT) this.#writers.push(writer);
    lane.queue.push(batch);
    this.#send(lane);
    if (urgent) this.#dispatcher.flushHost(lane.host);
    if (this.#expiryTimer === null) this.#scheduleExpiry();
    return true;
  }

  #unstick(lane: Lane): boolean {
    this.#stuck.delete(lane);
    return this.#seal(lane, true);
  }

  // Sealed batches.

  #send(lane: Lane): void {
    if (lane.rekeying || lane.queue.length === 0) return;
    if (lane.retryAtMs > 0) {
      const nowMs = this.#dispatcher.clock.monotonicMs();
      if (nowMs < lane.retryAtMs) return;
      lane.retryAtMs = 0;
    }
    for (const batch of lane.queue) {
      if (lane.inFlight >= this.#options.maxInFlight) return;
      if (batch.sent) continue;
      batch.sent = true;
      batch.attempts++;
      lane.inFlight++;
      this.#dispatcher.askHost(
        lane.host,
        'append',
        { slot: lane.slot, acks: this.#options.acks, own: true, position: batch.position, length: batch.length, batch: null },
        (error, reply) => this.#answered(lane, batch, error, reply?.message ?? '', reply?.baseOffset ?? -1, reply?.logAppendTimeMs ?? -1),
      );
    }
  }

  #answered(lane: Lane, batch: Batch, error: number, message: string, baseOffset: number, logAppendTimeMs: number): void {
    lane.inFlight--;
    batch.sent = false;
    if (error === 0) {
      this.#settle(batch, 0, '', this.#options.acks === 0 ? -1 : baseOffset, logAppendTimeMs);
      this.#finish(lane, batch);
    } else if (batch.settled) {
      this.#finish(lane, batch);
    } else if (this.#mayRetry(lane, batch, error)) {
      this.#retry(lane, batch, error);
    } else {
      this.#giveUp(lane, batch, error, message);
    }
    if (lane.queue.length < this.#options.maxInFlight && lane.writer !== null && this.#options.lingerMs === 0) this.#seal(lane, false);
    this.#send(lane);
  }

  #mayRetry(lane: Lane, batch: Batch, error: number): boolean {
    if (batch.attempts > this.#options.retries) return false;
    if (this.#dispatcher.closed) return false;
    if (this.#dispatcher.clock.monotonicMs() - batch.bornMs >= this.#options.deliveryTimeoutMs) return false;
    // A gap before a batch is no fault of its own: an earlier batch of the lane is to be sent again, or was given up.
    if (error === errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code) return lane.producerId !== NO_PRODUCER;
    return isRetriable(error);
  }

  #retry(lane: Lane, batch: Batch, error: number): void {
    if (error === errors.OUT_OF_ORDER_SEQUENCE_NUMBER.code && lane.queue[0] === batch && lane.inFlight === 0) return this.#rekey(lane);
    lane.retryAtMs = this.#dispatcher.clock.monotonicMs() + this.#options.retryBackoffMs;
    this.#retrying.set(lane, lane.retryAtMs);
    this.#setTimer();
    if (error === errors.UNKNOWN_TOPIC_OR_PARTITION.code || error === errors.NOT_LEADER_OR_FOLLOWER.code) this.topicsChanged([lane.topic]);
  }

  /** An earlier batch was given up, so the sequences have a gap that the host will not accept: the lane goes on as a new producer. */
  #rekey(lane: Lane): void {
    if (lane.rekeying) return;
    lane.rekeying = true;
    this.#dispatcher.askCoordinator('initProducerId', {}, (error, reply) => {
      lane.rekeying = false;
      if (error !== 0 || reply === null) return this.abort(errors.CLOSED.code, 'the coordinator is gone');
      lane.producerId = reply.producerId;
      lane.producerEpoch = reply.producerEpoch;
      lane.nextSequence = 0;
      for (const batch of lane.queue) {
        batch.baseSequence = lane.nextSequence;
        lane.nextSequence = (lane.nextSequence + batch.count) % 0x8000_0000;
        const bytes = this.#dispatcher.outbox.bytes.subarray(batch.position, batch.position + batch.length);
        stampProducer(bytes, 0, { producerId: lane.producerId, producerEpoch: lane.producerEpoch, baseSequence: batch.baseSequence });
      }
      if (lane.sealed !== null && lane.writer !== null) {
        lane.sealedSequence = lane.nextSequence;
        lane.nextSequence = (lane.nextSequence + lane.writer.count) % 0x8000_0000;
        stampProducer(lane.sealed, 0, {
          producerId: lane.producerId,
          producerEpoch: lane.producerEpoch,
          baseSequence: lane.sealedSequence,
        });
      }
      this.#send(lane);
    });
  }

  #giveUp(lane: Lane, batch: Batch, error: number, message: string): void {
    if (!batch.settled) {
      this.#settle(batch, error, message, -1, -1);
      this.#events.failed(error, message, lane.topic, lane.partition, batch.count);
    }
    if (!batch.sent) this.#finish(lane, batch);
  }

  #giveUpOpen(lane: Lane, error: number, message: string): void {
    const { writer, waiting } = lane;
    if (writer === null) return;
    const count = writer.count;
    this.#lingering.remove(lane);
    this.#stuck.delete(lane);
    lane.writer = null;
    lane.sealed = null;
    lane.waiting = null;
    this.#count(-writer.bytes);
    writer.reset();
    for (const one of waiting ?? []) one.done(error, message, -1, -1);
    this.#events.failed(error, message, lane.topic, lane.partition, count);
    this.#ended(lane.epoch);
  }

  /** Tells the records' callbacks, once. */
  #settle(batch: Batch, error: number, message: string, baseOffset: number, logAppendTimeMs: number): void {
    if (batch.settled) return;
    batch.settled = true;
    const { waiting } = batch;
    if (waiting === null) return;
    batch.waiting = null;
    for (const { delta, timestampMs, done } of waiting) {
      done(error, message, baseOffset < 0 ? -1 : baseOffset + delta, logAppendTimeMs >= 0 ? logAppendTimeMs : timestampMs);
    }
  }

  /** The host will not read the batch again: its range is free. */
  #finish(lane: Lane, batch: Batch): void {
    const at = lane.queue.indexOf(batch);
    if (at < 0) return;
    lane.queue.splice(at, 1);
    this.#dispatcher.outbox.give(batch.position, batch.length);
    this.#count(-batch.length);
    this.#ended(batch.epoch);
  }

  #ended(epoch: Epoch): void {
    this.#outstanding--;
    epoch.left--;
    this.#endEpochs();
  }

  #endEpochs(): void {
    while (this.#flushing.length > 0 && this.#flushing[0].left === 0) this.#flushing.shift()?.done?.();
  }

  // Time.

  #setTimer(): void {
    const at = Math.min(this.#lingering.nextMs, this.#retrying.nextMs);
    if (at >= this.#timerAtMs || this.#closed) return;
    this.#timer?.cancel();
    this.#timerAtMs = at;
    const { clock } = this.#dispatcher;
    this.#timer = clock.after(
      Math.max(0, at - clock.monotonicMs()),
      () => {
        this.#timerAtMs = Number.POSITIVE_INFINITY;
        this.#due(clock.monotonicMs());
      },
      true,
    );
  }

  #due(nowMs: number): void {
    for (;;) {
      const lane = this.#lingering.takeDue(nowMs);
      if (lane === undefined) break;
      this.#seal(lane, false);
    }
    for (;;) {
      const lane = this.#retrying.takeDue(nowMs);
      if (lane === undefined) break;
      lane.retryAtMs = 0;
      this.#send(lane);
    }
    this.#setTimer();
  }

  /** Once a second at most: batches older than the delivery timeout are given up. */
  #scheduleExpiry(): void {
    const { clock } = this.#dispatcher;
    this.#expiryTimer = clock.after(Math.min(1000, Math.max(10, this.#options.deliveryTimeoutMs / 4)), () => {
      this.#expiryTimer = null;
      const nowMs = clock.monotonicMs();
      const message = `not delivered within deliveryTimeoutMs=${this.#options.deliveryTimeoutMs}`;
      for (const lanes of this.#lanes.values()) {
        for (const lane of lanes) {
          if (lane === undefined) continue;
          for (const batch of [...lane.queue]) {
            if (nowMs - batch.bornMs >= this.#options.deliveryTimeoutMs) this.#giveUp(lane, batch, errors.REQUEST_TIMED_OUT.code, message);
          }
          if (lane.writer !== null && lane.queue.length === 0 && nowMs - lane.bornMs >= this.#options.deliveryTimeoutMs) {
            this.#giveUpOpen(lane, errors.REQUEST_TIMED_OUT.code, message);
          }
        }
      }
      if (this.#outstanding > 0 && !this.#closed) this.#scheduleExpiry();
    });
  }

  // Producer ids and places.

  #askProducerId(): void {
    this.#dispatcher.askCoordinator('initProducerId', {}, (error, reply) => {
      if (this.#closed) return;
      if (error !== 0 || reply === null) {
        if (!isRetriable(error)) return this.abort(error, 'no producer id could be had');
        this.#dispatcher.clock.after(this.#options.retryBackoffMs, () => this.#askProducerId(), true);
        return;
      }
      this.#producerId = reply.producerId;
      this.#producerEpoch = reply.producerEpoch;
      this.#ready = true;
      for (const lane of [...this.#stuck]) this.#unstick(lane);
      this.turned();
    });
  }

  /** The topic's partitions have other places now, or the topic is gone. */
  #relocate(name: string): void {
    const lanes = this.#lanes.get(name);
    if (lanes === undefined) return;
    const topic = this.#dispatcher.topic(name);
    for (const lane of lanes) {
      if (lane === undefined) continue;
      const place = topic?.partitions[lane.partition];
      if (place === undefined) {
        const message = `topic ${name} does not exist any more`;
        if (lane.writer !== null) this.#giveUpOpen(lane, errors.UNKNOWN_TOPIC_OR_PARTITION.code, message);
        for (const batch of [...lane.queue]) this.#giveUp(lane, batch, errors.UNKNOWN_TOPIC_OR_PARTITION.code, message);
        continue;
      }
      lane.slot = place.slot;
      lane.host = place.host;
      this.#send(lane);
    }
    if (topic === undefined) this.#lanes.delete(name);
  }
}

/** Lengths, attributes and deltas of a small record. */
const RECORD_OVERHEAD = 24;
const WRITERS_KEPT = 64;
