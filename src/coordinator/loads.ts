/** What hosts and dispatchers told of their load, and the governor fed with it. Keeps the last word of each and forgets the gone. */
import type { HostNotice } from '../partition/protocol.ts';
import type { Arena } from '../world/arena.ts';
import type { Clock } from '../world/clock.ts';
import type { Disk } from '../world/disk.ts';
import type { Logger } from '../world/logger.ts';
import { calmGovernor, type Fences, type Gauges, type Governor, govern, toReport } from './pressure.ts';
import { type PressureReport, pressureLevels } from './protocol.ts';

export interface LoadsSetup {
  folder: string | null;
  disk: Disk;
  clock: Clock;
  arena: Arena;
  log: Logger;
  memoryBytesMax: number;
  /** Fences of the governor beyond these (pressure.ts); absent: none. */
  heapBytesMax?: number;
  rssBytesMax?: number;
}

export type HostLoad = Extract<HostNotice, { notice: 'load' }>;
export interface DispatcherLoad {
  inFlightBytes: number;
  heapBytes: number;
  rssBytes: number;
  heapUsedBytes: number;
  /** 0: not known. */
  heapLimitBytes: number;
}

const EVALUATE_EVERY_MS = 50;
const DISK_FREE_EVERY_MS = 1000;

export class Loads {
  readonly #setup: LoadsSetup;
  readonly #fences: Fences;
  readonly #hosts = new Map<number, HostLoad>();
  readonly #dispatchers = new Map<number, DispatcherLoad>();
  #governor: Governor;
  #evaluatedAtMs = Number.NEGATIVE_INFINITY;
  #diskFreeBytes = Number.POSITIVE_INFINITY;
  #diskFreeAtMs = Number.NEGATIVE_INFINITY;

  constructor(setup: LoadsSetup) {
    this.#setup = setup;
    // The level of a coordinator that failed stands until the dwell time is over: by then everybody has told their load.
    this.#governor = {
      ...calmGovernor(setup.clock.nowMs()),
      level: setup.arena.level,
      wantedAtMs: setup.clock.monotonicMs(),
    };
    this.#fences = {
      folder: setup.folder !== null,
      arenaBytesMax: setup.arena.framesMax * setup.arena.frameBytes,
      memoryBytesMax: setup.memoryBytesMax,
      heapBytesMax: setup.heapBytesMax ?? Number.POSITIVE_INFINITY,
      rssBytesMax: setup.rssBytesMax ?? Number.POSITIVE_INFINITY,
    };
  }

  get isCalm(): boolean {
    return this.#governor.level === 0;
  }

  hostReported(host: number, load: HostLoad): void {
    this.#hosts.set(host, load);
  }

  hostGone(host: number): void {
    this.#hosts.delete(host);
  }

  dispatcherReported(dispatcher: number, load: DispatcherLoad): void {
    this.#dispatchers.set(dispatcher, load);
  }

  dispatcherGone(dispatcher: number): void {
    this.#dispatchers.delete(dispatcher);
  }

  /** Reads the gauges, at most every 50 ms. True when the level has changed. */
  evaluate(): boolean {
    const { arena, clock, log } = this.#setup;
    const monotonicMs = clock.monotonicMs();
    if (monotonicMs - this.#evaluatedAtMs < EVALUATE_EVERY_MS) return false;
    this.#evaluatedAtMs = monotonicMs;
    const before = this.#governor;
    this.#governor = govern(before, this.#gauges(), this.#fences, { nowMs: clock.nowMs(), monotonicMs });
    if (this.#governor.level === before.level) return false;
    arena.level = this.#governor.level;
    const told = { from: pressureLevels[before.level], to: pressureLevels[this.#governor.level], reasons: this.#governor.reasons };
    // Spilling is what a bus with a folder is made for; from throttle on, someone waits.
    const slows = this.#governor.level > before.level && pressureLevels[this.#governor.level] !== 'spill';
    if (slows) log.warn(told, 'pressure rises');
    else log.info(told, 'pressure changes');
    return true;
  }

  report(): PressureReport {
    return toReport(this.#governor, this.#gauges());
  }

  #gauges(): Gauges {
    const gauges: Gauges = {
      residentBytes: this.#setup.arena.usedBytes,
      unwrittenBytes: 0,
      inFlightBytes: 0,
      heapBytes: 0,
      threadHeapBytes: 0,
      threadHeapWhere: '',
      threadHeapBytesMax: Number.POSITIVE_INFINITY,
      hostHeapBytes: 0,
      hostHeapWhere: '',
      rssBytes: 0,
      diskFreeBytes: this.#readDiskFree(),
      diskFullWhere: '',
    };
    for (const [host, load] of this.#hosts) {
      gauges.unwrittenBytes += load.unwrittenBytes;
      if (load.diskFull) gauges.diskFullWhere = `host ${host}`;
      gauges.heapBytes = Math.max(gauges.heapBytes, load.heapBytes);
      if (load.heapBytes <= gauges.hostHeapBytes) continue;
      gauges.hostHeapBytes = load.heapBytes;
      gauges.hostHeapWhere = `host ${host}`;
    }
    for (const [dispatcher, load] of this.#dispatchers) {
      gauges.inFlightBytes += load.inFlightBytes;
      gauges.rssBytes = Math.max(gauges.rssBytes, load.rssBytes);
      gauges.heapBytes = Math.max(gauges.heapBytes, load.heapBytes);
      const { heapUsedBytes, heapLimitBytes } = load;
      if (heapLimitBytes <= 0 || heapUsedBytes / heapLimitBytes <= gauges.threadHeapBytes / gauges.threadHeapBytesMax) continue;
      gauges.threadHeapBytes = heapUsedBytes;
      gauges.threadHeapBytesMax = heapLimitBytes;
      gauges.threadHeapWhere = `thread ${dispatcher}`;
    }
    return gauges;
  }

  #readDiskFree(): number {
    const { clock, disk, folder, log } = this.#setup;
    if (folder === null || clock.monotonicMs() - this.#diskFreeAtMs < DISK_FREE_EVERY_MS) return this.#diskFreeBytes;
    this.#diskFreeAtMs = clock.monotonicMs();
    try {
      this.#diskFreeBytes = disk.freeBytes(folder);
    } catch (error) {
      // The last reading stands; a disk that fails shows itself to the hosts.
      log.warn({ error: String(error) }, 'free space of the data folder could not be read');
    }
    return this.#diskFreeBytes;
  }
}
