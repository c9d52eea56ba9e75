/**
 * A partition as its host drives it, and the auditor's notes on it: what was appended at each offset, what was acknowledged, what
 * may be gone. The notes are made before a call for what may happen, after it for what must have happened.
 */
import type { Durability, LogConfig } from '../../src/log/config.ts';
import { Log } from '../../src/log/log.ts';
import type { ProducerEntry } from '../../src/log/producer-snapshot.ts';
import { stampBatch } from '../../src/record/batch-layout.ts';
import { BatchWriter } from '../../src/record/batch-write.ts';
import type { Arena } from '../../src/world/arena.ts';
import { type Disk, DiskError } from '../../src/world/disk.ts';
import { config } from '../log/fixtures.ts';

export interface Notes {
  folder: string;
  topicId: string;
  config: LogConfig;
  /** Whether the partition is there, for certain. While it is made or removed, it may be. */
  certain: boolean;
  /** Values that were ever appended at an offset. */
  values: Map<number, string[]>;
  /** Below: answered as committed at the topic's durability. */
  committed: number;
  /** Below: in the files, as the log says. */
  written: number;
  /** Below: on the disk, as the log says. Promised for `synced` topics alone. */
  synced: number;
  /** The start offset is at least this (deleteBefore was answered), and at most that (it, or retention, was begun). */
  startAtLeast: number;
  startAtMost: number;
}

export class Actor {
  readonly topic: string;
  readonly slot: number;
  log: Log | null = null;
  notes: Notes;
  problems: string[] = [];
  readonly #disk: Disk;
  readonly #arena: Arena;
  #told: Told = { lastOffset: -1 };
  #turnStart = 0;
  #version = 0;
  #syncing = false;
  #syncFailed = false;

  constructor(disk: Disk, arena: Arena, slot: number, topic: string, durability: Durability, changes: Partial<LogConfig>) {
    this.#disk = disk;
    this.#arena = arena;
    this.slot = slot;
    this.topic = topic;
    this.notes = freshNotes(topic, '0', { ...config, durability, segmentBytes: 900, indexIntervalBytes: 150, ...changes });
  }

  /** Opens the log; a disk that refuses is asked again, as a host does. */
  open(how: { clean: boolean; adopt: boolean }): void {
    for (let tries = 0; this.log === null; tries++) {
      this.#told = { lastOffset: -1 };
      try {
        this.log = openNoted(this.#disk, this.#arena, this.slot, this.notes, how, () => producersOf(this.#told.lastOffset), this.#told);
      } catch (error) {
        if (!(error instanceof DiskError) || tries > 200) throw error;
      }
    }
    this.#turnStart = this.log.endOffset;
    this.#syncing = false;
    this.#syncFailed = false;
    this.notes.certain = true;
    this.note();
  }

  /** Appends batches of random shape. False when the arena is full and the disk does not take what is in it. */
  append(batches: number, below: (bound: number) => number, nowMs: number): boolean {
    const log = this.#live();
    for (let i = 0; i < batches; i++) {
      const batch = this.#batch(log.endOffset, 1 + below(3), below(60), nowMs);
      if (log.append(batch)) {
        this.#told.lastOffset = log.endOffset - 1;
        continue;
      }
      if (!this.flush()) return false;
      log.evict(1e9);
      if (!log.append(this.#batch(log.endOffset, 1, 1, nowMs))) return false;
      this.#told.lastOffset = log.endOffset - 1;
    }
    return true;
  }

  /** As a host ends a turn: what cannot be written is taken back, and refused. */
  flush(): boolean {
    const log = this.#live();
    try {
      log.flush();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.note();
      if (log.config.durability !== 'memory') log.truncateTo(Math.max(log.writtenOffset, this.#turnStart));
      this.#told.lastOffset = log.endOffset - 1;
      this.#turnStart = log.endOffset;
      return false;
    }
    this.#turnStart = log.endOffset;
    this.note();
    return true;
  }

  /** Asks for a sync unless one runs; after one that failed, the bytes are written again first. */
  sync(): void {
    const log = this.#live();
    if (log.config.durability !== 'synced' || this.#syncing) return;
    if (this.#syncFailed) {
      try {
        log.rehomeUnsynced();
        this.#syncFailed = false;
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        return;
      }
    }
    if (!log.unsynced) return;
    this.#syncing = true;
    log.syncLater((error) => {
      if (this.log !== log) return;
      this.#syncing = false;
      if (error !== null) this.#syncFailed = true;
      this.note();
    });
  }

  deleteBefore(offset: number): void {
    this.notes.startAtMost = Math.max(this.notes.startAtMost, offset);
    this.#attempt((log) => {
      log.deleteBefore(offset);
      this.notes.startAtLeast = Math.max(this.notes.startAtLeast, offset);
    });
  }

  /** `most` is where retention will let the log begin, when a run without faults has told. */
  retain(nowMs: number, changes: Partial<LogConfig>, most: number | undefined): number {
    const log = this.#live();
    log.configure({ ...log.config, ...changes });
    this.notes.startAtMost = Math.max(this.notes.startAtMost, most ?? log.endOffset);
    this.#attempt(() => log.retain(nowMs));
    log.configure({ ...log.config, retentionMs: -1, retentionBytes: -1 });
    if (most === undefined) this.notes.startAtMost = Math.max(this.notes.startAtLeast, log.startOffset);
    return log.startOffset;
  }

  evict(bytes: number): void {
    this.#live().evict(bytes);
  }

  rollIfDue(nowMs: number): void {
    this.#live().rollIfDue(nowMs);
  }

  verify(): void {
    this.#attempt((log) => log.verify(log.startOffset));
  }

  /** True when it was closed cleanly. */
  close(clean: boolean): boolean {
    const log = this.#live();
    this.log = null;
    try {
      log.close(clean);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return false;
    }
    if (clean) this.notes.written = this.notes.synced = this.notes.committed = log.endOffset;
    return clean;
  }

  /** The host dies; its frames stay. */
  abandon(): void {
    this.log = null;
  }

  destroy(): void {
    this.notes.certain = false;
    const log = this.#live();
    this.log = null;
    for (let tries = 0; ; tries++) {
      try {
        log.destroy();
        break;
      } catch (error) {
        if (!(error instanceof DiskError) || tries > 200) throw error;
      }
    }
    this.notes = { ...freshNotes(this.topic, String(Number(this.notes.topicId.slice(-1)) + 1), this.notes.config), certain: false };
  }

  /** Notes what the log says now. */
  note(): void {
    const { log, notes } = this;
    if (log === null) return;
    notes.written = Math.max(notes.written, log.writtenOffset);
    notes.synced = Math.max(notes.synced, log.syncedOffset);
    if (log.config.durability !== 'memory') notes.committed = Math.max(notes.committed, log.committedOffset);
  }

  #live(): Log {
    if (this.log === null) throw new Error(`${this.topic} is not open`);
    return this.log;
  }

  #attempt(action: (log: Log) => unknown): void {
    try {
      action(this.#live());
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
    this.note();
  }

  #batch(offset: number, records: number, valueBytes: number, nowMs: number): Buffer {
    const writer = new BatchWriter({ bytesMax: 1 << 20, compression: 0 });
    const version = ++this.#version;
    for (let i = 0; i < records; i++) {
      const value = `${offset + i}:${version}:`.padEnd(valueBytes, 'x');
      writer.append(nowMs, null, Buffer.from(value), null);
      this.notes.values.set(offset + i, [...(this.notes.values.get(offset + i) ?? []), value]);
    }
    const batch = Buffer.from(writer.seal({ producerId: 1, producerEpoch: 0, baseSequence: offset }));
    stampBatch(batch, 0, offset, 0);
    return batch;
  }
}

function freshNotes(topic: string, incarnation: string, of: LogConfig): Notes {
  return {
    folder: `/data/${topic}-0`,
    topicId: incarnation.padStart(32, 'a'),
    config: of,
    certain: false,
    values: new Map(),
    committed: 0,
    written: 0,
    synced: 0,
    startAtLeast: 0,
    startAtMost: 0,
  };
}

/** The one producer of these logs, whose last batch ended at an offset. */
export function producersOf(lastOffset: number): ProducerEntry[] {
  if (lastOffset < 0) return [];
  const entry = { producerId: 1, producerEpoch: 0, lastSequence: lastOffset, lastOffset, offsetDelta: 0, timestampMs: 1 };
  return [{ ...entry, coordinatorEpoch: -1, currentTxnFirstOffset: -1 }];
}

/** What a start told about producers: the last offset of producer 1, from the snapshot or the batches after it. */
export interface Told {
  lastOffset: number;
}

export function openNoted(
  disk: Disk,
  arena: Arena,
  slot: number,
  notes: Notes,
  how: { clean: boolean; adopt: boolean },
  snapshotProducers: () => ProducerEntry[],
  told: Told = { lastOffset: -1 },
): Log {
  return Log.open({
    folder: notes.folder,
    disk,
    arena,
    slot,
    config: notes.config,
    topicId: notes.topicId,
    leaderEpoch: 0,
    nowMs: 0,
    ...how,
    report: () => {},
    loadProducers: ([entry]) => {
      if (entry !== undefined) told.lastOffset = entry.lastOffset;
    },
    visitBatch: (header, at, baseOffset) => {
      told.lastOffset = baseOffset + header.readInt32BE(at + 23);
    },
    snapshotProducers,
  });
}
