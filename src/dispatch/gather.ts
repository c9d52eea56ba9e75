/**
 * Gathers records into batches per partition and carries each batch to its host until it is answered: size and linger, credit,
 * order, retries, idempotence. Callbacks only.
 *
 *   append ─▶ lane (one per partition): open batch ─seal─▶ outbox: queue ─▶ in flight ─▶ answered
 *                                                            ▲──────── retriable ─┘
 * A lane keeps its batches in the order of their sequences: what must be sent again goes before what was never sent.
 */
import { AssertionFailure } from '../base/assert.ts';
import { Deadlines } from '../base/deadlines.ts';
import { errors } from '../base/errors.ts';
import type { TopicMetadata } from '../coordinator/protocol.ts';
import type { BatchWriter, Header } from '../record/batch-write.ts';
import type { Timer } from '../world/clock.ts';
import { Delivery } from './delivery.ts';
import type { Dispatcher, Subscriber } from './dispatcher.ts';
import { Epochs } from './epochs.ts';
import type { GatherEvents, GatherOptions } from './gather-options.ts';
import { Identity } from './identity.ts';
import { type Batch, type Lane, makeLane, NO_PRODUCER, type RecordDone, takeSequences } from './lane.ts';
import { Writers } from './writers.ts';

/** Share of the buffer that may be used while the bus is throttled, or a quota is used up. */
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
  readonly #delivery: Delivery;
  /** Lanes whose sealed bytes wait for room in the outbox. */
  readonly #stuck = new Set<Lane>();
  readonly #writers: Writers;
  readonly #epochs = new Epochs();
  readonly #identity: Identity;
  #usedBytes = 0;
  #refused = false;
  /** The largest record that was refused since there was room: room is where that one fits. */
  #refusedBytes = 0;
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
    this.#writers = new Writers(options);
    this.#delivery = new Delivery(dispatcher, options, {
      finished: (batch) => {
        this.#count(-batch.length);
        this.#epochs.end(batch.epoch);
      },
      failed: (error, message, lane, records) => events.failed(error, message, lane.topic, lane.partition, records),
      answered: (lane) => {
        if (options.lingerMs === 0) this.#sealIfIdle(lane);
      },
      misplaced: (topic) => this.topicsChanged([topic]),
    });
    dispatcher.subscribe(this);
    const given = (): void => {
      for (const lane of [...this.#stuck]) this.#unstick(lane);
      this.turned();
    };
    const refused = (error: number): void => this.abort(error, 'no producer id could be had');
    this.#identity = new Identity(dispatcher, options.idempotent, options.retryBackoffMs, given, refused);
  }

  /** Batches and open batches that are not answered yet. */
  get outstanding(): number {
    return this.#epochs.outstanding;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether a batch would be taken now; if not, `drained` is called when it would. */
  hasRoomNow(): boolean {
    const isRoomy = this.#isRoomy();
    if (!isRoomy) this.#refused = true;
    return isRoomy;
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
      this.#refusedBytes = Math.max(this.#refusedBytes, size);
      return this.#refuse();
    }
    const lane = this.#lane(topic, partition);
    if (lane.sealed !== null) return this.#refuse();
    let writer = lane.writer;
    const hadFull = writer !== null;
    if (writer !== null) {
      const before = writer.bytes;
      const delta = writer.append(timestampMs, key, value, headers);
      if (delta >= 0) {
        this.#count(writer.bytes - before);
        if (done !== null) this.#wait(lane, delta, timestampMs, done);
        if (writer.bytes >= writer.bytesMax) this.#sealFull(lane);
        return true;
      }
      if (!this.#seal(lane, true)) return this.#refuse();
    }
    writer = this.#writers.take(topic);
    const delta = writer.append(timestampMs, key, value, headers);
    lane.writer = writer;
    lane.bornMs = this.#dispatcher.clock.monotonicMs();
    lane.epoch = this.#epochs.begin();
    this.#count(writer.bytes);
    if (done !== null) this.#wait(lane, delta, timestampMs, done);
    if (writer.bytes >= writer.bytesMax) this.#sealFull(lane);
    else this.#linger(lane);
    if (hadFull) this.#dispatcher.receive();
    return true;
  }

  /** Whether the lane of a partition has an open batch: the sticky partitioner stays until it is sealed. */
  isOpen(topic: string, partition: number): boolean {
    const lane = this.#lanes.get(topic)?.[partition];
    return lane !== undefined && lane.writer !== null && lane.sealed === null;
  }

  /** Sends all that is open now; `done` when everything appended before this call was answered or given up. */
  flush(done: () => void): void {
    for (const lane of this.#everyLane()) if (lane.writer !== null && lane.sealed === null) this.#seal(lane, false);
    if (this.#epochs.outstanding === 0) return this.#dispatcher.clock.next(done);
    this.#epochs.flush(done);
  }

  /** Gives up what is not answered; each record's callback gets `error`. The bytes in flight stay the host's until it answers. */
  abort(error: number, message: string): void {
    for (const lane of this.#everyLane()) {
      if (lane.writer !== null) this.#giveUpOpen(lane, error, message);
      for (const batch of [...lane.queue]) this.#delivery.giveUp(lane, batch, error, message);
    }
  }

  close(): void {
    this.#closed = true;
    this.#dispatcher.unsubscribe(this);
    this.#delivery.close();
    this.#identity.close();
    this.#timer?.cancel();
    this.#expiryTimer?.cancel();
  }

  /** Lists of lanes have holes where nothing was sent to a partition. */
  *#everyLane(): Generator<Lane> {
    for (const lanes of this.#lanes.values()) for (const lane of lanes) if (lane !== undefined) yield lane;
  }

  // What the dispatcher tells.

  turned(): void {
    for (const lane of this.#stuck) if (!this.#unstick(lane)) break;
    if (!this.#refused || !this.#isRoomy()) return;
    this.#refused = false;
    this.#refusedBytes = 0;
    this.#events.drained();
  }

  pressure(): void {
    this.turned();
  }

  hostUp(host: number): void {
    for (const lane of this.#everyLane()) if (lane.host === host) this.#delivery.sendAnew(lane);
  }

  topicsChanged(names: readonly string[]): void {
    const known = names.filter((name) => this.#lanes.has(name));
    if (known.length === 0) return;
    this.#dispatcher.reloadTopics(known, () => {
      for (const name of known) this.#relocate(name);
    });
  }

  closed(): void {
    this.abort(errors.CLOSED.code, 'the bus was closed');
  }

  // Room.

  /** Whether a batch would be taken, and the record that was refused. */
  #isRoomy(): boolean {
    return this.#identity.ready && this.#stuck.size === 0 && this.#hasRoom(Math.max(this.#options.batchSize, this.#refusedBytes));
  }

  #hasRoom(size: number): boolean {
    const { level } = this.#dispatcher;
    if (level === PAUSE) return false;
    const { bufferMemory } = this.#options;
    // What a quota holds back lies in the outbox, which is everybody's in this thread.
    const isSlow = level === THROTTLE || this.#delivery.isHeldBack;
    const bound = isSlow ? Math.min(bufferMemory, this.#dispatcher.outbox.size) / THROTTLED_SHARE : bufferMemory;
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
    const lanes = this.#lanes.get(topic.name) ?? [];
    if (lanes.length === 0) this.#lanes.set(topic.name, lanes);
    const known = lanes[partition];
    if (known?.topicId === topic.topicId) return known;
    if (known !== undefined) this.#giveUpLane(known);
    const made = makeLane(topic, partition, this.#epochs.current);
    lanes[partition] = made;
    return made;
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
    if (!this.#identity.ready) {
      this.#stuck.add(lane);
      return false;
    }
    lane.sealed ??= this.#sealBytes(lane, writer);
    if (lane.sealed === null) return true;
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
    this.#writers.give(writer);
    lane.queue.push(batch);
    this.#delivery.send(lane);
    if (urgent) this.#dispatcher.flushHost(lane.host);
    if (this.#expiryTimer === null) this.#scheduleExpiry();
    return true;
  }

  /** The bytes of the open batch, with its sequence; null when there can be none: then it is given up, and its sequence is free again. */
  #sealBytes(lane: Lane, writer: BatchWriter): Buffer | null {
    this.#lingering.remove(lane);
    if (this.#options.idempotent && lane.producerId === NO_PRODUCER) {
      lane.producerId = this.#identity.producerId;
      lane.producerEpoch = this.#identity.producerEpoch;
    }
    const { producerId, producerEpoch, nextSequence } = lane;
    const giveUp = (error: number, message: string): null => {
      lane.nextSequence = nextSequence;
      this.#giveUpOpen(lane, error, message);
      return null;
    };
    lane.sealedSequence = this.#options.idempotent ? takeSequences(lane, writer.count) : -1;
    let sealed: Buffer;
    try {
      sealed = writer.seal({ producerId, producerEpoch, baseSequence: lane.sealedSequence });
    } catch (error) {
      if (error instanceof AssertionFailure) throw error;
      // A codec that is native may lack this platform.
      return giveUp(errors.UNSUPPORTED_COMPRESSION_TYPE.code, `the batch could not be compressed: ${String(error)}`);
    }
    const { size } = this.#dispatcher.outbox;
    if (sealed.length <= size) return sealed;
    const advice = 'split the record, or open the bus with a larger memoryBytesMax';
    return giveUp(
      errors.MESSAGE_TOO_LARGE.code,
      `a batch of ${sealed.length} bytes is larger than the ${size} that can be in flight: ${advice}`,
    );
  }

  /** Answers are taken in while the user goes on pushing, so that hosts and disks have work all the time. Nothing may follow it. */
  #sealFull(lane: Lane): void {
    this.#seal(lane, true);
    this.#dispatcher.receive();
  }

  #unstick(lane: Lane): boolean {
    this.#stuck.delete(lane);
    return this.#seal(lane, true);
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
    for (const one of waiting ?? []) one.done(error, message, -1, -1, 'memory');
    this.#events.failed(error, message, lane.topic, lane.partition, count);
    this.#epochs.end(lane.epoch);
  }

  // Time.

  #setTimer(): void {
    const at = this.#lingering.nextMs;
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
    this.#setTimer();
  }

  /** Once a second at most: batches older than the delivery timeout are given up. */
  #scheduleExpiry(): void {
    const { clock } = this.#dispatcher;
    this.#expiryTimer = clock.after(Math.min(1000, Math.max(10, this.#options.deliveryTimeoutMs / 4)), () => {
      this.#expiryTimer = null;
      const nowMs = clock.monotonicMs();
      for (const lane of this.#everyLane()) {
        this.#delivery.expire(lane, nowMs);
        if (lane.writer === null || lane.queue.length > 0 || nowMs - lane.bornMs < this.#options.deliveryTimeoutMs) continue;
        const { error, message } = this.#delivery.lateness(lane);
        this.#giveUpOpen(lane, error, message);
      }
      if (this.#epochs.outstanding > 0 && !this.#closed) this.#scheduleExpiry();
    });
  }

  // Places.

  /** The topic's partitions have other places now, or the topic is gone. */
  #relocate(name: string): void {
    const lanes = this.#lanes.get(name);
    if (lanes === undefined) return;
    const topic = this.#dispatcher.topic(name);
    for (const lane of lanes) {
      if (lane === undefined) continue;
      const place = topic?.partitions[lane.partition];
      if (topic === undefined || place === undefined || topic.topicId !== lane.topicId) {
        delete lanes[lane.partition];
        this.#giveUpLane(lane);
        continue;
      }
      const moved = lane.slot !== place.slot || lane.host !== place.host;
      lane.slot = place.slot;
      lane.host = place.host;
      if (moved) this.#delivery.sendAnew(lane);
      else this.#delivery.send(lane);
    }
    if (topic === undefined) this.#lanes.delete(name);
  }

  /** Its topic was deleted. One made anew under the name is another: it may have other partitions, and its readers expect no old records. */
  #giveUpLane(lane: Lane): void {
    const message = `topic ${lane.topic} was deleted`;
    if (lane.writer !== null) this.#giveUpOpen(lane, errors.UNKNOWN_TOPIC_OR_PARTITION.code, message);
    for (const batch of [...lane.queue]) this.#delivery.giveUp(lane, batch, errors.UNKNOWN_TOPIC_OR_PARTITION.code, message);
  }
}

/** Lengths, attributes and deltas of a small record. */
const RECORD_OVERHEAD = 24;
