/**
 * The turn of a partition host: drain the mailboxes, accept, flush, satisfy parked reads, and answer each port with one post.
 * It carries many partition actors, runs to the end of a turn without waiting, and holds no promise.
 */
import { assert, unreachable } from '../base/assert.ts';
import { KiB, MiB } from '../base/bytes.ts';
import { errors } from '../base/errors.ts';
import type { LogShared } from '../log/shared.ts';
import type { Arena } from '../world/arena.ts';
import type { Clock, Timer } from '../world/clock.ts';
import { type Disk, DiskError } from '../world/disk.ts';
import type { Logger } from '../world/logger.ts';
import type { Port } from '../world/port.ts';
import { Appends, refuse } from './appends.ts';
import { Carried } from './carried.ts';
import { type Connection, makeConnection, nextAsk, sendAnswers } from './connection.ts';
import { ParkedReads } from './parked.ts';
import type { Partition } from './partition.ts';
import type { HostAnswer, HostAsk, HostAskOf, HostPost } from './protocol.ts';
import { deleteRecords, describeProducers, listOffsets, verify } from './queries.ts';
import { Room } from './room.ts';
import { settleLogs } from './settle-logs.ts';

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
  /** What its logs share; absent: what all logs of the thread do. */
  shared?: LogShared;
  /** Called once, when a close ask has been carried out: the thread may end. */
  closed: () => void;
}

/** An answer of so many bytes is copied on its way: a transfer costs 6 µs more than the copy of a small one. */
const COPIED_BYTES_MAX = 4 * KiB;
/** One turn takes in at most this many bytes of appends before it flushes and answers, so that no reader waits for a long queue. */
const TURN_BYTES = 4 * MiB;
const LOAD_EVERY_MS = 50;
const TICK_MS = 200;
/** Of one turn, spent on opening partitions. */
const OPENING_MS = 5;

export class Host {
  readonly #setup: HostSetup;
  readonly #carried: Carried<Connection>;
  readonly #room: Room;
  readonly #appends: Appends;
  readonly #reads: ParkedReads;
  readonly #connections = new Set<Connection>();
  #coordinator: Connection | null = null;
  #turnScheduled = false;
  #inTurn = false;
  #timer: Timer | null = null;
  #ticker: Timer | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #nextRetentionMs: number;
  #nextLoadMs = 0;
  #closing: { connection: Connection; ask: HostAskOf<'close'> } | null = null;
  #settling: 'no' | 'runs' | 'done' = 'no';
  #isClosed = false;
  /** What a dead host left is adopted as partitions are opened: a successor is not closed before it was told which are its. */
  #wasOpened = false;

  constructor(setup: HostSetup) {
    this.#setup = setup;
    this.#carried = new Carried(setup, (notice) => this.#coordinator?.notices.push(notice));
    this.#room = new Room(setup.arena, () => this.#carried.all(), setup.folder !== null);
    this.#reads = new ParkedReads(this.#carried);
    this.#appends = new Appends(this.#carried, this.#room, setup.clock, {
      moved: (slot) => this.#reads.stir(slot),
      wake: () => this.#wake(),
    });
    this.#nextRetentionMs = setup.clock.monotonicMs() + setup.retentionCheckMs;
    this.#ticker = setup.clock.after(TICK_MS, () => this.#tick());
  }

  /** Takes up a port. Its asks are handled from the next turn on. */
  connect(port: Port<HostAnswer, HostPost>, outbox: SharedArrayBuffer | null, isCoordinator: boolean): void {
    const connection = makeConnection(port, outbox);
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
    if (this.#carried.isOpening) this.#openSome(nowMs, monotonicMs);
    const more = this.#drain(nowMs, monotonicMs);
    this.#appends.flush(monotonicMs);
    this.#appends.sync(monotonicMs, !more && !this.#carried.isOpening && this.#closing === null);
    this.#room.keep(monotonicMs);
    this.#reads.serve(monotonicMs);
    // The coordinator comes last: its thread, once awake, may take the core from those who wait for their records.
    for (const connection of this.#connections) if (connection !== this.#coordinator) sendAnswers(connection);
    this.#reportLoad(monotonicMs, false);
    if (this.#coordinator !== null) sendAnswers(this.#coordinator);
    this.#inTurn = false;
    if (more || this.#carried.isOpening) this.#schedule();
    const isToClose = this.#closing !== null && this.#wasOpened && !more && !this.#carried.isOpening;
    if (isToClose && this.#settling === 'done') return this.#close();
    if (isToClose) this.#settle();
    this.#setTimer();
  }

  /** A sync has ended: between turns as a rule, within one when it could not even begin. */
  #wake(): void {
    if (this.#inTurn) this.#schedule();
    else this.#turn();
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
      for (let ask = nextAsk(connection); ask !== undefined; ask = nextAsk(connection)) {
        this.#handle(connection, ask, nowMs, monotonicMs);
        if (ask.verb === 'append') budget -= ask.length;
        if (budget > 0) continue;
        // The next turn begins with another port, so that none starves behind a loud one.
        this.#connections.delete(connection);
        this.#connections.add(connection);
        return true;
      }
    }
    return false;
  }

  #handle(connection: Connection, ask: HostAsk, nowMs: number, monotonicMs: number): void {
    switch (ask.verb) {
      case 'append':
        if (this.#closing === null) this.#appends.take(connection, ask, nowMs, monotonicMs);
        else refuse(connection, ask, errors.CLOSED.code, 'the bus is closing');
        return;
      case 'fetch':
        return this.#reads.fetch(connection, ask, monotonicMs, ({ error, parts, bytes }) => {
          if (bytes !== null && bytes.byteLength > COPIED_BYTES_MAX) connection.transfers.push(bytes);
          connection.replies.push({ verb: 'fetch', id: ask.id, error, parts, bytes });
        });
      case 'wakeFetch':
        this.#reads.wake(connection, ask.session, ask.forget);
        connection.replies.push({ verb: 'wakeFetch', id: ask.id, error: 0 });
        return;
      case 'listOffsets':
        connection.replies.push(listOffsets(this.#carried, ask));
        return;
      case 'deleteRecords':
        connection.replies.push(deleteRecords(this.#carried, ask));
        this.#reads.stir(ask.slot);
        return;
      case 'describeProducers':
        connection.replies.push(describeProducers(this.#carried, ask));
        return;
      case 'verify':
        connection.replies.push(verify(this.#carried, ask));
        return;
      case 'describe':
        connection.replies.push({ verb: 'describe', id: ask.id, error: 0, partitions: this.#carried.describe(ask.slots) });
        return;
      case 'open':
        this.#wasOpened = true;
        this.#carried.startOpening({ asker: connection, id: ask.id, specs: [...ask.partitions], clean: ask.clean, results: [] });
        return;
      case 'configure':
        connection.replies.push({ verb: 'configure', id: ask.id, error: this.#configure(ask, nowMs, monotonicMs) });
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

  /** Opens partitions for some milliseconds, so that others are served while many recover. */
  #openSome(nowMs: number, monotonicMs: number): void {
    while (this.#carried.isOpening) {
      const { partition, done } = this.#carried.openNext(nowMs, monotonicMs);
      if (partition !== null) this.#opened(partition);
      if (done !== null) done.asker.replies.push({ verb: 'open', id: done.id, error: 0, results: done.results });
      if (this.#setup.clock.monotonicMs() - monotonicMs >= OPENING_MS) return;
    }
  }

  /** What was adopted from a dead host may have to be written now, since nobody may append for long. */
  #opened(partition: Partition): void {
    this.#appends.touch(partition);
    this.#reads.stir(partition.spec.slot);
  }

  #configure(ask: HostAskOf<'configure'>, nowMs: number, monotonicMs: number): number {
    let error = 0;
    for (const slot of ask.slots) {
      const partition = this.#carried.get(slot);
      if (partition === undefined) {
        this.#carried.configureOffline(slot, ask.config);
        continue;
      }
      if (!partition.configure(ask.config, monotonicMs)) error = errors.KAFKA_STORAGE_ERROR.code;
      this.#retain(partition, nowMs);
      this.#appends.touch(partition);
    }
    return error;
  }

  #drop(slots: number[]): number {
    let failed = 0;
    for (const slot of slots) {
      // Appends of this turn are answered before their log goes.
      this.#appends.flush(this.#setup.clock.monotonicMs());
      const partition = this.#carried.remove(slot);
      if (partition === undefined) continue;
      this.#appends.forget(partition);
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
    for (const partition of this.#carried.openOffline(nowMs, monotonicMs)) this.#opened(partition);
    for (const partition of this.#carried.all()) {
      if (partition.isAiling) {
        partition.tick(monotonicMs);
        this.#appends.touch(partition);
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
    for (const { log } of this.#carried.all()) {
      residentBytes += log.residentBytes;
      unwrittenBytes += log.unwrittenBytes;
    }
    this.#coordinator.notices.push({
      notice: 'load',
      residentBytes,
      unwrittenBytes,
      parkedReads: this.#reads.parkedCount,
      heapBytes: this.#setup.heapBytes(),
      appendedBytes: this.#appends.bytes,
      diskFull: this.#room.spillFailed !== '',
    });
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

  /** First what is written is synced, which takes turns; then comes the close. */
  #settle(): void {
    if (this.#settling !== 'no') return;
    this.#settling = 'runs';
    settleLogs(
      [...this.#carried.all()].map(({ log }) => log),
      () => {
        this.#settling = 'done';
        this.#schedule();
      },
    );
  }

  /** Closes every log cleanly, answers, and lets the thread end. Runs after the syncs in flight have ended, or at the deadline. */
  #close(): void {
    const closing = this.#closing;
    if (closing === null) return;
    const unfinished: string[] = [];
    for (const partition of this.#carried.all()) {
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
    for (const connection of this.#connections) sendAnswers(connection);
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
