/**
 * The turn of a partition host: drain the mailboxes, accept, flush, satisfy parked reads, and answer each port with one post.
 * It carries many partition actors, runs to the end of a turn without waiting, and holds no promise.
 */
import { assert, unreachable } from '../base/assert.ts';
import { MiB } from '../base/bytes.ts';
import { errors } from '../base/errors.ts';
import { Log } from '../log/log.ts';
import type { Arena } from '../world/arena.ts';
import type { Clock, Timer } from '../world/clock.ts';
import { type Disk, DiskError } from '../world/disk.ts';
import type { Logger } from '../world/logger.ts';
import type { Port } from '../world/port.ts';
import { ParkedReads } from './parked.ts';
import { noteHeader, Partition } from './partition.ts';
import type {
  FetchPart,
  HostAnswer,
  HostAsk,
  HostAskOf,
  HostNotice,
  HostPost,
  HostReply,
  OpenResult,
  PartitionDescription,
  PartitionSpec,
} from './protocol.ts';
import { Sequences } from './sequences.ts';

export interface HostSetup {
  /** The data folder; null for a bus without one. */
  folder: string | null;
  disk: Disk;
  clock: Clock;
  arena: Arena;
  log: Logger;
  /** A host before this one died: its frames in the arena are adopted. */
  successor: boolean;
  /** log.retention.check.interval.ms */
  retentionCheckMs: number;
  /** producer.id.expiration.ms */
  producerIdExpirationMs: number;
  /** Heap in use on this thread, in bytes, for the governor. */
  heapBytes: () => number;
  /** Called once, when a close ask has been carried out: the thread may end. */
  closed: () => void;
}

/** One turn takes in at most this many bytes of appends before it flushes and answers, so that no reader waits for a long queue. */
const TURN_BYTES = 4 * MiB;
/** Above this share of the arena clean frames are given back, down to the second. */
const EVICT_ABOVE = 0.85;
const EVICT_TO = 0.75;
/** The most that is spilled in one turn. */
const SPILL_BYTES = 8 * MiB;
const LOAD_EVERY_MS = 50;
const TICK_MS = 200;

interface Connection {
  port: Port<HostAnswer, HostPost>;
  /** The dispatcher's outbox, or null for the coordinator, which appends nothing. */
  outbox: Buffer | null;
  replies: HostReply[];
  notices: HostNotice[];
  transfers: ArrayBuffer[];
  /** Asks taken from the port and not yet handled: a turn had its fill. */
  held: HostAsk[];
  heldAt: number;
}

interface Answering {
  partition: Partition;
  connection: Connection;
  ask: HostAskOf<'append'>;
  baseOffset: number;
  endOffset: number;
  logAppendTimeMs: number;
}

export class Host {
  readonly #setup: HostSetup;
  readonly #partitions = new Map<number, Partition>();
  readonly #offline = new Map<number, { spec: PartitionSpec; reason: string }>();
  readonly #reads: ParkedReads;
  readonly #connections = new Set<Connection>();
  #coordinator: Connection | null = null;
  /** Appends of this turn, answered after the flush. */
  #answering: Answering[] = [];
  readonly #touched = new Set<Partition>();
  /** Partitions whose syncs ended or must be asked for. */
  readonly #toSync = new Set<Partition>();
  readonly #opening: { connection: Connection; id: number; specs: PartitionSpec[]; clean: boolean; results: OpenResult[] }[] = [];
  #turnScheduled = false;
  #inTurn = false;
  #timer: Timer | null = null;
  #ticker: Timer | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #nextRetentionMs: number;
  #nextLoadMs = 0;
  #appendedBytes = 0;
  #spillFailed = '';
  #closing: { connection: Connection; ask: HostAskOf<'close'> } | null = null;
  #isClosed = false;

  constructor(setup: HostSetup) {
    this.#setup = setup;
    this.#reads = new ParkedReads(this.#partitions);
    this.#nextRetentionMs = setup.clock.monotonicMs() + setup.retentionCheckMs;
    this.#ticker = setup.clock.after(TICK_MS, () => this.#tick());
  }

  /** Takes up a port. Its asks are handled from the next turn on. */
  connect(port: Port<HostAnswer, HostPost>, outbox: SharedArrayBuffer | null, isCoordinator: boolean): void {
    const connection: Connection = {
      port,
      outbox: outbox === null ? null : Buffer.from(outbox),
      replies: [],
      notices: [],
      transfers: [],
      held: [],
      heldAt: 0,
    };
    if (isCoordinator) this.#coordinator = connection;
    this.#connections.add(connection);
    port.listen(
      () => this.#turn(),
      () => {
        this.#connections.delete(connection);
        if (this.#coordinator === connection) this.#coordinator = null;
        this.#reads.forgetOwner(connection);
      },
    );
  }

  #turn(): void {
    if (this.#isClosed) return;
    assert(!this.#inTurn, 'a turn runs to its end');
    this.#inTurn = true;
    const nowMs = this.#setup.clock.nowMs();
    const monotonicMs = this.#setup.clock.monotonicMs();
    if (this.#opening.length > 0) this.#openNext(nowMs);
    const more = this.#drain(nowMs, monotonicMs);
    this.#flush(nowMs);
    this.#sync(nowMs);
    this.#makeRoom(nowMs);
    this.#reads.serve(monotonicMs);
    this.#reportLoad(monotonicMs, false);
    this.#send();
    this.#inTurn = false;
    if (more || this.#opening.length > 0) this.#schedule();
    if (this.#closing !== null && !more && this.#opening.length === 0) this.#close();
    else this.#setTimer();
  }

  #schedule(): void {
    if (this.#turnScheduled || this.#isClosed) return;
    this.#turnScheduled = true;
    this.#setup.clock.soon(() => {
      this.#turnScheduled = false;
      this.#turn();
    });
  }

  /** Handles what waits at the ports; true when some had to be left for the next turn. */
  #drain(nowMs: number, monotonicMs: number): boolean {
    let budget = TURN_BYTES;
    for (const connection of this.#connections) {
      for (;;) {
        if (connection.heldAt === connection.held.length) {
          const post = connection.port.take();
          if (post === undefined) break;
          connection.held = post.asks;
          connection.heldAt = 0;
        }
        while (connection.heldAt < connection.held.length) {
          if (budget <= 0) return true;
          const ask = connection.held[connection.heldAt++];
          if (ask.verb === 'append') budget -= ask.length;
          this.#handle(connection, ask, nowMs, monotonicMs);
        }
      }
    }
    return false;
  }

  #handle(connection: Connection, ask: HostAsk, nowMs: number, monotonicMs: number): void {
    switch (ask.verb) {
      case 'append':
        return this.#append(connection, ask, nowMs);
      case 'fetch':
        return this.#reads.fetch(connection, ask, monotonicMs, ({ error, parts, bytes }) => {
          if (bytes !== null) connection.transfers.push(bytes);
          connection.replies.push({ verb: 'fetch', id: ask.id, error, parts, bytes });
        });
      case 'wakeFetch':
        this.#reads.wake(connection, ask.session, ask.forget);
        connection.replies.push({ verb: 'wakeFetch', id: ask.id, error: 0 });
        return;
      case 'listOffsets':
        connection.replies.push(this.#listOffsets(ask));
        return;
      case 'deleteRecords':
        connection.replies.push(this.#deleteRecords(ask));
        return;
      case 'verify':
        connection.replies.push(this.#verify(ask));
        return;
      case 'describe':
        connection.replies.push({ verb: 'describe', id: ask.id, error: 0, partitions: this.#describe(ask.slots) });
        return;
      case 'open':
        this.#opening.push({ connection, id: ask.id, specs: [...ask.partitions], clean: ask.clean, results: [] });
        return;
      case 'configure':
        connection.replies.push({ verb: 'configure', id: ask.id, error: this.#configure(ask, nowMs) });
        return;
      case 'drop':
        connection.replies.push({ verb: 'drop', id: ask.id, error: this.#drop(ask.slots) });
        return;
      case 'close':
        this.#closing = { connection, ask };
        return;
      default:
        unreachable(ask);
    }
  }

  #append(connection: Connection, ask: HostAskOf<'append'>, nowMs: number): void {
    const partition = this.#partitions.get(ask.slot);
    if (partition === undefined)
      return this.#refuseAppend(connection, ask, this.#unknownSlot(ask.slot), 'this host does not carry the partition');
    if (this.#closing !== null) return this.#refuseAppend(connection, ask, errors.CLOSED.code, 'the bus is closing');
    const batch = ask.batch === null ? outboxSlice(connection, ask.position, ask.length) : asOwnBuffer(ask.batch);
    let accepted = partition.accept(batch, ask.own, nowMs);
    if (accepted.full) {
      this.#freeFrames(batch.length + 2 * this.#setup.arena.frameBytes, nowMs);
      accepted = partition.accept(batch, ask.own, nowMs);
    }
    if (accepted.full) {
      const code = this.#setup.folder === null || this.#spillFailed === '' ? errors.MEMORY_FULL.code : errors.DISK_FULL.code;
      return this.#refuseAppend(connection, ask, code, this.#spillFailed === '' ? 'the memory of the bus is full' : this.#spillFailed);
    }
    if (accepted.error !== 0) return this.#refuseAppend(connection, ask, accepted.error, accepted.message);
    this.#appendedBytes += batch.length;
    this.#touched.add(partition);
    const { baseOffset, endOffset, logAppendTimeMs } = accepted;
    this.#answering.push({ partition, connection, ask, baseOffset, endOffset, logAppendTimeMs });
  }

  /** Writes what the turn appended; answers acks 1, and those of 'all' that are committed by it. */
  #flush(nowMs: number): void {
    if (this.#touched.size === 0) return;
    const failed = new Map<Partition, number>();
    for (const partition of this.#touched) {
      const error = partition.flush(nowMs);
      if (error !== 0) failed.set(partition, error);
      else {
        this.#reads.stir(partition.spec.slot);
        if (partition.log.unsynced) this.#toSync.add(partition);
      }
    }
    for (const append of this.#answering) this.#answerAppend(append, failed.get(append.partition) ?? 0);
    this.#answering.length = 0;
    for (const partition of this.#touched) partition.settle();
    this.#touched.clear();
  }

  #answerAppend(append: Answering, error: number): void {
    const { partition, connection, ask } = append;
    if (error !== 0) return this.#refuseAppend(connection, ask, error, partition.lastDiskError);
    if (ask.acks === 0) return this.#replyAppend(append, 0);
    if (ask.acks === 1) return this.#replyAppend(append, 0);
    partition.whenCommitted(append.endOffset, (code) => this.#replyAppend(append, code));
  }

  #replyAppend({ partition, connection, ask, baseOffset, logAppendTimeMs }: Answering, error: number): void {
    connection.replies.push({
      verb: 'append',
      id: ask.id,
      error,
      baseOffset: error === 0 ? baseOffset : -1,
      logAppendTimeMs,
      startOffset: partition.log.startOffset,
      message: '',
    });
  }

  #refuseAppend(connection: Connection, ask: HostAskOf<'append'>, error: number, message: string): void {
    connection.replies.push({ verb: 'append', id: ask.id, error, baseOffset: -1, logAppendTimeMs: -1, startOffset: -1, message });
  }

  #sync(nowMs: number): void {
    for (const partition of this.#toSync) {
      if (partition.syncing) continue;
      partition.syncIfNeeded(nowMs, () => {
        partition.settle();
        this.#reads.stir(partition.spec.slot);
        this.#toSync.add(partition);
        this.#turn();
      });
      if (!partition.log.unsynced) this.#toSync.delete(partition);
    }
  }

  /** Keeps free frames at hand: clean ones are given back first, then memory topics are spilled. */
  #makeRoom(nowMs: number): void {
    const { arena } = this.#setup;
    const used = arena.used;
    const spill = arena.level > 0;
    if (used <= arena.framesMax * EVICT_ABOVE && !spill) return;
    const target = arena.framesMax * EVICT_TO;
    if (used > target) this.#freeFrames((used - target) * arena.frameBytes, nowMs);
  }

  /** Gives back frames of about `bytes`, from the partitions that hold most; spills what is held by memory alone where there is a disk. */
  #freeFrames(bytes: number, nowMs: number): void {
    let left = bytes - this.#evict(bytes);
    if (left <= 0 || this.#setup.folder === null) return;
    this.#spillFailed = '';
    let spilled = 0;
    for (const partition of this.#byUnwritten()) {
      spilled += partition.log.unwrittenBytes;
      if (!partition.spill(nowMs)) this.#spillFailed = partition.lastDiskError;
      left -= this.#evict(left);
      if (left <= 0 || spilled >= SPILL_BYTES) return;
    }
  }

  #evict(bytes: number): number {
    let left = bytes;
    const holders = [...this.#partitions.values()].filter(({ log }) => log.residentBytes > log.unwrittenBytes);
    holders.sort((a, b) => b.log.residentBytes - b.log.unwrittenBytes - (a.log.residentBytes - a.log.unwrittenBytes));
    for (const { log } of holders) {
      if (left <= 0) break;
      left -= log.evict(Math.min(left, Math.max((log.residentBytes - log.unwrittenBytes) / 2, this.#setup.arena.frameBytes)));
    }
    return bytes - left;
  }

  #byUnwritten(): Partition[] {
    return [...this.#partitions.values()]
      .filter(({ log }) => log.unwrittenBytes > 0)
      .sort((a, b) => b.log.unwrittenBytes - a.log.unwrittenBytes);
  }

  /** Opens one partition a turn, so that the others are served while many recover. */
  #openNext(nowMs: number): void {
    const work = this.#opening[0];
    const spec = work.specs.shift();
    if (spec !== undefined) work.results.push(this.#open(spec, work.clean, nowMs));
    if (work.specs.length > 0) return;
    this.#opening.shift();
    work.connection.replies.push({ verb: 'open', id: work.id, error: 0, results: work.results });
  }

  #open(spec: PartitionSpec, clean: boolean, nowMs: number): OpenResult {
    const known = this.#partitions.get(spec.slot);
    if (known !== undefined) return openResult(spec.slot, known.log, 0, '');
    const sequences = new Sequences();
    const notice = (fields: HostNotice): void => void this.#coordinator?.notices.push(fields);
    const { topic, partition, slot } = spec;
    try {
      const log = Log.open({
        folder: this.#setup.folder === null ? null : `${this.#setup.folder}/${topic}-${partition}`,
        disk: this.#setup.disk,
        arena: this.#setup.arena,
        slot,
        config: spec.config,
        topicId: spec.topicId,
        leaderEpoch: spec.leaderEpoch,
        nowMs,
        clean: clean && !this.#setup.successor,
        adopt: this.#setup.successor,
        report: (event) =>
          notice(
            event.kind === 'damage'
              ? { notice: 'damage', slot, topic, partition, ...event.damage }
              : { notice: 'recovery', topic, partition, ...event.progress },
          ),
        loadProducers: (entries) => sequences.load(entries),
        visitBatch: (header, at, baseOffset) => noteHeader(sequences, header, at, baseOffset),
        snapshotProducers: () => sequences.snapshot(),
      });
      const made = new Partition(spec, log, sequences, {
        state: (state, reason) => {
          this.#setup.log.warn({ topic, partition, state, reason }, 'a partition changed its state');
          notice({ notice: 'state', slot, topic, partition, state, reason });
        },
      });
      this.#partitions.set(slot, made);
      this.#offline.delete(slot);
      if (log.unsynced) this.#toSync.add(made);
      this.#reads.stir(slot);
      return openResult(slot, log, 0, '');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#setup.log.error({ topic, partition, reason }, 'a partition cannot be opened');
      this.#offline.set(slot, { spec, reason });
      notice({ notice: 'state', slot, topic, partition, state: 'offline', reason });
      return openResult(slot, null, errors.KAFKA_STORAGE_ERROR.code, reason);
    }
  }

  #unknownSlot(slot: number): number {
    if (this.#offline.has(slot)) return errors.KAFKA_STORAGE_ERROR.code;
    const opening = this.#opening.some(({ specs }) => specs.some((spec) => spec.slot === slot));
    return opening ? errors.LEADER_NOT_AVAILABLE.code : errors.NOT_LEADER_OR_FOLLOWER.code;
  }

  #listOffsets(ask: HostAskOf<'listOffsets'>): HostReply {
    const reply = (error: number, offset: number, timestampMs: number, leaderEpoch: number): HostReply => ({
      verb: 'listOffsets',
      id: ask.id,
      error,
      offset,
      timestampMs,
      leaderEpoch,
    });
    const partition = this.#partitions.get(ask.slot);
    if (partition === undefined) return reply(this.#unknownSlot(ask.slot), -1, -1, -1);
    const { log, spec } = partition;
    if (ask.timestampMs === -1) return reply(0, log.committedOffset, -1, spec.leaderEpoch);
    if (ask.timestampMs === -2) return reply(0, log.startOffset, -1, spec.leaderEpoch);
    try {
      const found = ask.timestampMs === -3 ? log.maxTimestamp() : log.offsetForTimestamp(ask.timestampMs);
      if (found === null || found.offset >= log.committedOffset) return reply(0, -1, -1, -1);
      return reply(0, found.offset, found.timestampMs, spec.leaderEpoch);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return reply(errors.KAFKA_STORAGE_ERROR.code, -1, -1, -1);
    }
  }

  #deleteRecords(ask: HostAskOf<'deleteRecords'>): HostReply {
    const reply = (error: number, startOffset: number): HostReply => ({ verb: 'deleteRecords', id: ask.id, error, startOffset });
    const partition = this.#partitions.get(ask.slot);
    if (partition === undefined) return reply(this.#unknownSlot(ask.slot), -1);
    const { log } = partition;
    const before = ask.beforeOffset === -1 ? log.committedOffset : ask.beforeOffset;
    if (before < 0 || before > log.committedOffset) return reply(errors.OFFSET_OUT_OF_RANGE.code, log.startOffset);
    try {
      log.deleteBefore(before);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return reply(errors.KAFKA_STORAGE_ERROR.code, log.startOffset);
    }
    this.#reads.stir(ask.slot);
    return reply(0, log.startOffset);
  }

  #verify(ask: HostAskOf<'verify'>): HostReply {
    const partition = this.#partitions.get(ask.slot);
    if (partition === undefined) return { verb: 'verify', id: ask.id, error: this.#unknownSlot(ask.slot), nextOffset: -1 };
    try {
      return { verb: 'verify', id: ask.id, error: 0, nextOffset: partition.log.verify(ask.offset) };
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return { verb: 'verify', id: ask.id, error: errors.KAFKA_STORAGE_ERROR.code, nextOffset: -1 };
    }
  }

  #describe(slots: number[] | null): PartitionDescription[] {
    const described: PartitionDescription[] = [];
    for (const slot of slots ?? [...this.#partitions.keys(), ...this.#offline.keys()]) {
      const partition = this.#partitions.get(slot);
      if (partition !== undefined) described.push(partition.describe());
      const offline = this.#offline.get(slot);
      if (offline !== undefined) described.push(describeOffline(offline.spec));
    }
    return described;
  }

  #configure(ask: HostAskOf<'configure'>, nowMs: number): number {
    try {
      for (const slot of ask.slots) {
        const partition = this.#partitions.get(slot);
        if (partition === undefined) continue;
        partition.configure(ask.config, nowMs);
        this.#retain(partition, nowMs);
        if (partition.log.unsynced) this.#toSync.add(partition);
        this.#touched.add(partition);
      }
      return 0;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return errors.KAFKA_STORAGE_ERROR.code;
    }
  }

  #drop(slots: number[]): number {
    let failed = 0;
    for (const slot of slots) {
      this.#offline.delete(slot);
      const partition = this.#partitions.get(slot);
      if (partition === undefined) continue;
      // Appends of this turn are answered before their log goes.
      this.#flush(this.#setup.clock.nowMs());
      this.#partitions.delete(slot);
      this.#toSync.delete(partition);
      partition.refuseWaiting(errors.UNKNOWN_TOPIC_OR_PARTITION.code);
      this.#reads.stir(slot);
      try {
        partition.log.destroy();
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        this.#setup.log.error({ topic: partition.spec.topic, reason: error.message }, 'files of a deleted topic could not be removed');
        failed = errors.KAFKA_STORAGE_ERROR.code;
      }
    }
    return failed;
  }

  #retain(partition: Partition, nowMs: number): void {
    try {
      partition.log.rollIfDue(nowMs);
      const { segments } = partition.log.retain(nowMs);
      if (segments > 0) this.#reads.stir(partition.spec.slot);
      partition.sequences.expire(nowMs - this.#setup.producerIdExpirationMs);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#setup.log.warn(
        { topic: partition.spec.topic, partition: partition.spec.partition, reason: error.message },
        'retention could not be applied',
      );
    }
  }

  /** What happens by time alone: retention, a sick disk asked again, load told. */
  #tick(): void {
    if (this.#isClosed) return;
    const nowMs = this.#setup.clock.nowMs();
    const monotonicMs = this.#setup.clock.monotonicMs();
    const retain = monotonicMs >= this.#nextRetentionMs;
    if (retain) this.#nextRetentionMs = monotonicMs + this.#setup.retentionCheckMs;
    for (const partition of this.#partitions.values()) {
      if (partition.state !== 'online') {
        partition.tick(nowMs);
        if (partition.log.unsynced) this.#toSync.add(partition);
      }
      if (retain) this.#retain(partition, nowMs);
    }
    this.#reportLoad(monotonicMs, true);
    this.#ticker = this.#setup.clock.after(TICK_MS, () => this.#tick());
    this.#turn();
  }

  #reportLoad(monotonicMs: number, force: boolean): void {
    if (this.#coordinator === null || (!force && monotonicMs < this.#nextLoadMs)) return;
    this.#nextLoadMs = monotonicMs + LOAD_EVERY_MS;
    let residentBytes = 0;
    let unwrittenBytes = 0;
    for (const { log } of this.#partitions.values()) {
      residentBytes += log.residentBytes;
      unwrittenBytes += log.unwrittenBytes;
    }
    this.#coordinator.notices.push({
      notice: 'load',
      residentBytes,
      unwrittenBytes,
      parkedReads: this.#reads.parkedCount,
      heapBytes: this.#setup.heapBytes(),
      appendedBytes: this.#appendedBytes,
      diskFull: this.#spillFailed !== '',
    });
  }

  #send(): void {
    for (const connection of this.#connections) {
      if (connection.replies.length === 0 && connection.notices.length === 0) continue;
      connection.port.post({ replies: connection.replies, notices: connection.notices }, connection.transfers);
      connection.replies = [];
      connection.notices = [];
      connection.transfers = [];
    }
  }

  #setTimer(): void {
    const at = this.#reads.nextDeadlineMs;
    if (at >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = at;
    this.#timer = this.#setup.clock.after(Math.max(0, at - this.#setup.clock.monotonicMs()), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#turn();
    });
  }

  /** Closes every log cleanly, answers, and lets the thread end. Runs after the syncs in flight have ended, or at the deadline. */
  #close(): void {
    const closing = this.#closing;
    if (closing === null) return;
    const unfinished: string[] = [];
    for (const partition of this.#partitions.values()) {
      const name = `${partition.spec.topic}-${partition.spec.partition}`;
      try {
        partition.log.close(true);
        partition.settle();
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        unfinished.push(`${name}: ${error.message}`);
      }
      partition.refuseWaiting(errors.CLOSED.code);
    }
    this.#reads.endAll();
    closing.connection.replies.push({ verb: 'close', id: closing.ask.id, error: 0, unfinished });
    this.#send();
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#ticker?.cancel();
    // The posts above are on their way before the ports close behind them.
    this.#setup.clock.soon(() => {
      for (const connection of this.#connections) connection.port.close();
      this.#setup.closed();
    });
  }
}

function outboxSlice(connection: Connection, position: number, length: number): Buffer {
  assert(
    connection.outbox !== null && position >= 0 && length > 0 && position + length <= connection.outbox.length,
    'a batch lies within its outbox',
  );
  return connection.outbox.subarray(position, position + length);
}

function asOwnBuffer(batch: Uint8Array): Buffer {
  return Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength);
}

function openResult(slot: number, log: Log | null, error: number, message: string): OpenResult {
  return { slot, error, message, startOffset: log?.startOffset ?? -1, endOffset: log?.endOffset ?? -1 };
}

function describeOffline(spec: PartitionSpec): PartitionDescription {
  return {
    slot: spec.slot,
    topic: spec.topic,
    partition: spec.partition,
    error: errors.KAFKA_STORAGE_ERROR.code,
    state: 'offline',
    startOffset: -1,
    endOffset: -1,
    highWatermark: -1,
    logBytes: 0,
    residentBytes: 0,
    unwrittenBytes: 0,
    segments: 0,
    quarantined: [],
  };
}

export type { FetchPart };
