/**
 * The appends of a host: accepted as they come, flushed once per turn, synced off the turn, and answered when their `acks` say so.
 */
import { assert } from '../base/assert.ts';
import { asBuffer } from '../base/bytes.ts';
import { errors } from '../base/errors.ts';
import type { Durability } from '../log/config.ts';
import type { RefusedRecord } from '../record/record-rules.ts';
import type { Clock } from '../world/clock.ts';
import type { Carried } from './carried.ts';
import type { Connection } from './connection.ts';
import type { Partition } from './partition.ts';
import type { Acks, HostAskOf } from './protocol.ts';
import type { Room } from './room.ts';
import { SyncManner } from './sync-manner.ts';

export interface AppendEvents {
  /** More of this partition is committed, or may be. */
  moved(slot: number): void;
  /** A sync has ended outside a turn: a turn is due. */
  wake(): void;
}

/** An append that was accepted in this turn. */
interface Answering {
  partition: Partition;
  connection: Connection;
  ask: HostAskOf<'append'>;
  baseOffset: number;
  endOffset: number;
  logAppendTimeMs: number;
}

export class Appends {
  readonly #carried: Carried<Connection>;
  readonly #room: Room;
  readonly #events: AppendEvents;
  /** Of this turn, answered after the flush. */
  #answering: Answering[] = [];
  readonly #touched = new Set<Partition>();
  /** Partitions with bytes that are written and may have to be synced. */
  readonly #toSync = new Set<Partition>();
  readonly #syncManner: SyncManner;
  /** All bytes ever appended. */
  bytes = 0;

  constructor(carried: Carried<Connection>, room: Room, clock: Clock, events: AppendEvents) {
    this.#syncManner = new SyncManner(() => clock.monotonicMs());
    this.#carried = carried;
    this.#room = room;
    this.#events = events;
  }

  take(connection: Connection, ask: HostAskOf<'append'>, nowMs: number, monotonicMs: number): void {
    const partition = this.#carried.get(ask.slot);
    if (partition === undefined)
      return refuse(connection, ask, this.#carried.unknownSlot(ask.slot), 'this host does not carry the partition');
    const batch = ask.batch === null ? outboxSlice(connection, ask.position, ask.length) : asBuffer(ask.batch);
    let accepted = partition.accept(batch, ask.own, nowMs, monotonicMs);
    if (accepted.full) {
      this.#room.free(batch.length, monotonicMs);
      accepted = partition.accept(batch, ask.own, nowMs, monotonicMs);
    }
    if (accepted.full) {
      const { spillFailed } = this.#room;
      if (spillFailed === '') return refuse(connection, ask, errors.MEMORY_FULL.code, 'the memory of the bus is full');
      return refuse(connection, ask, errors.DISK_FULL.code, `the memory of the bus is full and nothing can be spilled: ${spillFailed}`);
    }
    if (accepted.error !== 0) {
      const { error, message, refused = [] } = accepted;
      return refuse(connection, ask, error, message, { startOffset: partition.log.startOffset, refused });
    }
    this.bytes += batch.length;
    this.#touched.add(partition);
    const { baseOffset, endOffset, logAppendTimeMs } = accepted;
    this.#answering.push({ partition, connection, ask, baseOffset, endOffset, logAppendTimeMs });
  }

  /** Writes what the turn appended; answers acks 0 and 1, and those of 'all' that are committed by it. */
  flush(monotonicMs: number): void {
    if (this.#touched.size === 0) return;
    const failed = new Map<Partition, number>();
    for (const partition of this.#touched) {
      const error = partition.flush(monotonicMs);
      if (error !== 0) failed.set(partition, error);
      else this.#events.moved(partition.spec.slot);
      // A fenced partition that cannot be written either must not be forgotten.
      this.#watch(partition);
    }
    for (const append of this.#answering) answer(append, failed.get(append.partition) ?? 0);
    this.#answering = [];
    for (const partition of this.#touched) partition.settle();
    this.#touched.clear();
  }

  /** Flushes this partition at the end of the turn, and sees to its syncs, even if nothing is appended to it. */
  touch(partition: Partition): void {
    this.#touched.add(partition);
  }

  /** Sees to it that what this partition has written is synced. */
  #watch(partition: Partition): void {
    if (needsSync(partition)) this.#toSync.add(partition);
  }

  forget(partition: Partition): void {
    this.#toSync.delete(partition);
  }

  /** Asks for a sync of each partition that needs one and has none running. `idle`: nothing else waits for this turn to end. */
  sync(monotonicMs: number, idle: boolean): void {
    for (const partition of this.#toSync) {
      if (partition.syncing) continue;
      const isAlone = idle && this.#toSync.size === 1;
      const here = this.#syncManner.isHere(partition, partition.log.unsyncedBytes, isAlone);
      const began = this.#syncManner.begin();
      partition.syncIfNeeded(monotonicMs, here, () => {
        this.#syncManner.end(began);
        // It may have been dropped while its sync ran.
        if (this.#carried.get(partition.spec.slot) !== partition) return;
        partition.settle();
        this.#events.moved(partition.spec.slot);
        if (here) return;
        this.#toSync.add(partition);
        this.#events.wake();
      });
      if (!needsSync(partition)) this.#toSync.delete(partition);
    }
  }
}

/** A fenced partition is looked after until it is online, even if nothing of it is left to be synced. */
function needsSync({ log, state }: Partition): boolean {
  return (log.config.durability === 'synced' && log.unsynced) || state === 'fenced';
}

function answer(append: Answering, error: number): void {
  const { partition, connection, ask, endOffset } = append;
  if (error !== 0) return refuse(connection, ask, error, partition.lastDiskError);
  if (ask.acks !== -1) return reply(append, 0);
  partition.whenCommitted(endOffset, (code) => reply(append, code));
}

function reply({ partition, connection, ask, baseOffset, logAppendTimeMs }: Answering, error: number): void {
  connection.replies.push({
    verb: 'append',
    id: ask.id,
    error,
    baseOffset: error === 0 ? baseOffset : -1,
    logAppendTimeMs,
    durability: promised(partition, ask.acks),
    startOffset: partition.log.startOffset,
    message: '',
  });
}

/** What was seen in the log, or in the batch, by one who has looked. */
interface Found {
  startOffset: number;
  refused: readonly RefusedRecord[];
}

/** Answers an append with a code. */
export function refuse(connection: Connection, ask: HostAskOf<'append'>, error: number, message: string, found: Found = NOTHING): void {
  const told = found.refused.length === 0 ? {} : { refused: found.refused };
  connection.replies.push({
    verb: 'append',
    id: ask.id,
    error,
    baseOffset: -1,
    logAppendTimeMs: -1,
    startOffset: found.startOffset,
    durability: 'memory',
    message,
    ...told,
  });
}

/** What an answer given now promises. */
function promised({ log }: Partition, acks: Acks): Durability {
  const { durability } = log.config;
  return acks === -1 ? durability : acks === 0 || durability === 'memory' ? 'memory' : 'written';
}

function outboxSlice(connection: Connection, position: number, length: number): Buffer {
  const { outbox } = connection;
  assert(outbox !== null && position >= 0 && length > 0 && position + length <= outbox.length, 'a batch lies within its outbox');
  return outbox.subarray(position, position + length);
}

const NOTHING: Found = { startOffset: -1, refused: [] };
