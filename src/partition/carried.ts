/** The partitions that a host carries: opened one by one, looked up by slot, those that could not be opened remembered with the reason. */
import { errors } from '../base/errors.ts';
import type { LogConfig } from '../log/config.ts';
import { Log, type LogEvent } from '../log/log.ts';
import type { LogShared } from '../log/shared.ts';
import type { Arena } from '../world/arena.ts';
import type { Disk } from '../world/disk.ts';
import type { Logger } from '../world/logger.ts';
import { noteHeader, Partition } from './partition.ts';
import { blankDescription, type HostNotice, type OpenResult, type PartitionDescription, type PartitionSpec } from './protocol.ts';
import { Sequences } from './sequences.ts';

export interface CarriedSetup {
  /** The data folder; null for a bus without one. */
  folder: string | null;
  disk: Disk;
  arena: Arena;
  log: Logger;
  /** A host before this one died: its frames in the arena are adopted. */
  successor: boolean;
  /** What its logs share; absent: what all logs of the thread do. */
  shared?: LogShared;
}

/** A partition that could not be opened, and when it is tried again. */
interface Offline {
  spec: PartitionSpec;
  reason: string;
  waitMs: number;
  /** Monotonic. */
  againAtMs: number;
}

/** A disk that refused may be well in a moment; one that does not get well is asked ever more rarely. */
const AGAIN_MS = 250;
const AGAIN_MS_MAX = 30_000;

/** Partitions that an ask wants open, and what came of those that were tried. */
export interface Opening<Asker> {
  asker: Asker;
  id: number;
  specs: PartitionSpec[];
  clean: boolean;
  results: OpenResult[];
}

export class Carried<Asker> {
  readonly #setup: CarriedSetup;
  readonly #notice: (notice: HostNotice) => void;
  readonly #partitions = new Map<number, Partition>();
  readonly #offline = new Map<number, Offline>();
  readonly #opening: Opening<Asker>[] = [];

  constructor(setup: CarriedSetup, notice: (notice: HostNotice) => void) {
    this.#setup = setup;
    this.#notice = notice;
  }

  get(slot: number): Partition | undefined {
    return this.#partitions.get(slot);
  }

  all(): IterableIterator<Partition> {
    return this.#partitions.values();
  }

  get isOpening(): boolean {
    return this.#opening.length > 0;
  }

  startOpening(opening: Opening<Asker>): void {
    this.#opening.push(opening);
  }

  /**
   * Opens one partition, so that the others are served while many recover. Gives the opened partition, and the ask when it was its last.
   */
  openNext(nowMs: number, monotonicMs: number): { partition: Partition | null; done: Opening<Asker> | null } {
    const work = this.#opening[0];
    const spec = work.specs.shift();
    const partition = spec === undefined ? null : this.#openOne(spec, work.clean, { nowMs, monotonicMs }, work.results);
    if (work.specs.length > 0) return { partition, done: null };
    this.#opening.shift();
    return { partition, done: work };
  }

  /** Tries those again that could not be opened and are due; gives those that are open now. */
  openOffline(nowMs: number, monotonicMs: number): Partition[] {
    const opened: Partition[] = [];
    for (const { spec, againAtMs } of [...this.#offline.values()]) {
      if (monotonicMs < againAtMs) continue;
      const partition = this.#openOne(spec, false, { nowMs, monotonicMs }, []);
      if (partition !== null) opened.push(partition);
    }
    return opened;
  }

  /** A partition that could not be opened will be with this configuration. */
  configureOffline(slot: number, config: LogConfig): void {
    const offline = this.#offline.get(slot);
    if (offline !== undefined) this.#offline.set(slot, { ...offline, spec: { ...offline.spec, config } });
  }

  /** Takes a partition away; undefined when it is not here. */
  remove(slot: number): Partition | undefined {
    this.#offline.delete(slot);
    const partition = this.#partitions.get(slot);
    this.#partitions.delete(slot);
    return partition;
  }

  /** Why there is no partition under this slot. */
  unknownSlot(slot: number): number {
    if (this.#offline.has(slot)) return errors.KAFKA_STORAGE_ERROR.code;
    const opening = this.#opening.some(({ specs }) => specs.some((spec) => spec.slot === slot));
    return opening ? errors.LEADER_NOT_AVAILABLE.code : errors.NOT_LEADER_OR_FOLLOWER.code;
  }

  describe(slots: number[] | null): PartitionDescription[] {
    const described: PartitionDescription[] = [];
    for (const slot of slots ?? [...this.#partitions.keys(), ...this.#offline.keys()]) {
      const partition = this.#partitions.get(slot);
      if (partition !== undefined) described.push(partition.describe());
      const offline = this.#offline.get(slot);
      if (offline !== undefined) described.push(blankDescription(offline.spec, errors.KAFKA_STORAGE_ERROR.code, 'offline'));
    }
    return described;
  }

  #openOne(spec: PartitionSpec, clean: boolean, now: { nowMs: number; monotonicMs: number }, results: OpenResult[]): Partition | null {
    const known = this.#partitions.get(spec.slot);
    if (known !== undefined) {
      // A coordinator that took over tells what it knows: the one before may not have come to it.
      known.configure(spec.config, now.monotonicMs);
      results.push(openResult(spec.slot, known.log, 0, ''));
      return known;
    }
    const { topic, partition, slot } = spec;
    try {
      const sequences = new Sequences();
      const log = this.#openLog(spec, sequences, clean, now.nowMs);
      const made = new Partition(spec, log, sequences, {
        state: (state, reason) => {
          this.#setup.log.warn({ topic, partition, state, reason }, 'a partition changed its state');
          this.#notice({ notice: 'state', slot, topic, partition, state, reason });
        },
      });
      this.#partitions.set(slot, made);
      if (this.#offline.delete(slot)) this.#notice({ notice: 'state', slot, topic, partition, state: 'online', reason: '' });
      results.push(openResult(slot, log, 0, ''));
      return made;
    } catch (error) {
      // One partition that cannot be opened must not keep the others from their users.
      const reason = error instanceof Error ? error.message : String(error);
      this.#setOffline(spec, reason, now.monotonicMs);
      results.push(openResult(slot, null, errors.KAFKA_STORAGE_ERROR.code, reason));
      return null;
    }
  }

  #setOffline(spec: PartitionSpec, reason: string, monotonicMs: number): void {
    const before = this.#offline.get(spec.slot);
    const waitMs = before === undefined ? AGAIN_MS : Math.min(before.waitMs * 2, AGAIN_MS_MAX);
    this.#offline.set(spec.slot, { spec, reason, waitMs, againAtMs: monotonicMs + waitMs });
    if (before?.reason === reason) return;
    const { slot, topic, partition } = spec;
    this.#setup.log.error({ topic, partition, reason }, 'a partition cannot be opened; it is tried again');
    this.#notice({ notice: 'state', slot, topic, partition, state: 'offline', reason });
  }

  #openLog(spec: PartitionSpec, sequences: Sequences, clean: boolean, nowMs: number): Log {
    const { folder, disk, arena, successor } = this.#setup;
    const { topic, partition, slot, topicId, leaderEpoch, config } = spec;
    return Log.open({
      folder: folder === null ? null : `${folder}/${topic}-${partition}`,
      disk,
      arena,
      slot: arena.placeOf(slot),
      config,
      topicId,
      leaderEpoch,
      nowMs,
      clean: clean && !successor,
      adopt: successor,
      ...(this.#setup.shared === undefined ? {} : { shared: this.#setup.shared }),
      report: (event) => this.#reportEvent(spec, event),
      loadProducers: (entries) => sequences.load(entries),
      visitBatch: (header, at, baseOffset) => noteHeader(sequences, header, at, baseOffset, nowMs),
      snapshotProducers: () => sequences.snapshot(),
    });
  }

  #reportEvent({ slot, topic, partition }: PartitionSpec, event: LogEvent): void {
    if (event.kind === 'damage') {
      this.#setup.log.warn({ topic, partition, ...event.damage }, 'damage was found');
      this.#notice({ notice: 'damage', slot, topic, partition, ...event.damage });
    } else this.#notice({ notice: 'recovery', topic, partition, ...event.progress });
  }
}

function openResult(slot: number, log: Log | null, error: number, message: string): OpenResult {
  return { slot, error, message, startOffset: log?.startOffset ?? -1, endOffset: log?.endOffset ?? -1 };
}
