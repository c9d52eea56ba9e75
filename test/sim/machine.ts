/**
 * The machine under a simulated process: its disk with the faults that are on now, its memory and who takes how much of it, and what is
 * left of the disk when it loses power.
 */
import { type CrashKind, MemoryDisk, type StorageCall, type StorageFault, type StorageOperation } from '../../src/world/memory-disk.ts';
import { type Random, seededRandom } from '../../src/world/random.ts';
import type { Fault } from './plan.ts';
import type { SimWorld } from './sim-world.ts';

export type MachineFault = Extract<Fault, { kind: 'disk error' | 'disk full' | 'slow disk' | 'heap' | 'rss' }>;

interface Rule {
  operations: readonly StorageOperation[];
  fault: StorageFault;
}

/** What a disk may do wrong. The first ones are likelier. */
const rules: readonly Rule[] = [
  { operations: ['write'], fault: 'EIO' },
  { operations: ['write'], fault: 'ENOSPC' },
  { operations: ['write', 'create', 'makeFolder'], fault: 'ENOSPC' },
  { operations: ['write'], fault: 'short' },
  { operations: ['sync'], fault: 'EIO' },
  { operations: ['sync', 'syncFolder'], fault: 'EIO' },
  { operations: ['read'], fault: 'EIO' },
  { operations: ['rename', 'remove', 'removeFolder', 'truncate'], fault: 'EIO' },
  { operations: ['open', 'create', 'list', 'stat', 'size'], fault: 'EIO' },
  { operations: ['freeBytes'], fault: 'EIO' },
];

interface Active extends Rule {
  percent: number;
  untilMs: number;
}

export class Machine {
  disk: MemoryDisk;
  readonly #world: SimWorld;
  readonly #random: Random;
  readonly #options: ConstructorParameters<typeof MemoryDisk>[0];
  #active: Active[] = [];
  #slow = { latencyMs: 0, untilMs: 0 };
  readonly #strains = { heap: { share: 0, untilMs: 0 }, rss: { share: 0, untilMs: 0 } };
  #errors = 0;

  constructor(world: SimWorld, seed: number) {
    this.#world = world;
    this.#random = seededRandom(seed);
    this.#options = { clock: world.clock, latencyMs: () => this.#latencyMs(), writebackBytes: 1 << 20 };
    this.disk = new MemoryDisk(this.#options);
    this.#watch();
  }

  /** Errors that calls of the disk were answered with. */
  get errors(): number {
    return this.#errors;
  }

  strike(fault: MachineFault): void {
    switch (fault.kind) {
      case 'disk error':
        return this.fail(fault.rule, fault.percent, fault.ms);
      case 'disk full':
        return this.fill(fault.spareBytes, fault.ms);
      case 'slow disk':
        return this.slowDown(fault.latencyMs, fault.ms);
      default:
        return this.strain(fault.kind, fault.share, fault.ms);
    }
  }

  fail(rule: number, percent: number, ms: number): void {
    this.#active.push({ ...rules[Math.floor((rule / 100) ** 1.5 * rules.length)], percent, untilMs: this.#world.clock.monotonicMs() + ms });
  }

  fill(spareBytes: number, ms: number): void {
    const { disk } = this;
    disk.onCall = null;
    disk.spaceBytes = Number.MAX_SAFE_INTEGER;
    disk.spaceBytes = Number.MAX_SAFE_INTEGER - disk.freeBytes('/') + spareBytes;
    this.#watch();
    this.#world.clock.after(ms, () => {
      disk.spaceBytes = Number.POSITIVE_INFINITY;
    });
  }

  slowDown(latencyMs: number, ms: number): void {
    this.#slow = { latencyMs, untilMs: this.#world.clock.monotonicMs() + ms };
  }

  /** The heaps of the threads, or all of the process, take this share of what they may have, for so long. */
  strain(what: 'heap' | 'rss', share: number, ms: number): void {
    this.#strains[what] = { share, untilMs: this.#world.clock.monotonicMs() + ms };
  }

  /** The share that is taken now. */
  strainOf(what: 'heap' | 'rss'): number {
    const { share, untilMs } = this.#strains[what];
    return this.#world.clock.monotonicMs() < untilMs ? share : 0;
  }

  /**
   * Whoever changes something on this disk from now on is told of. A sync that was asked for before runs on the thread pool and cannot be
   * called back: it may end after. It adds nothing to the file: what it makes durable was written by then.
   */
  refuseWrites(told: (what: string) => void): void {
    const before = this.disk.asked;
    this.disk.onCall = ({ operation, path, changes, asked }) => {
      const isUnderWay = operation === 'sync' && asked <= before;
      if (changes && !isUnderWay) told(`${path} had a ${operation}`);
      return null;
    };
  }

  heal(): void {
    this.strain('heap', 0, 0);
    this.strain('rss', 0, 0);
    this.#active = [];
    this.#slow = { latencyMs: 0, untilMs: 0 };
    this.disk.spaceBytes = Number.POSITIVE_INFINITY;
  }

  /** The process or the machine stopped: the disk as the next process finds it. */
  restart(kind: CrashKind): void {
    this.disk.onCall = null;
    this.disk = this.disk.image(kind, this.#random.below(1 << 30));
    this.#watch();
  }

  #watch(): void {
    this.disk.onCall = (call) => this.#judge(call);
  }

  #judge({ operation }: StorageCall): StorageFault | null {
    if (this.#active.length === 0) return null;
    const nowMs = this.#world.clock.monotonicMs();
    for (const { operations, fault, percent, untilMs } of this.#active) {
      if (nowMs >= untilMs || !operations.includes(operation) || this.#random.below(100) >= percent) continue;
      this.#errors++;
      return fault;
    }
    return null;
  }

  #latencyMs(): number {
    const { latencyMs, untilMs } = this.#slow;
    const fast = (50 + this.#random.below(300)) / 1000;
    return this.#world.clock.monotonicMs() < untilMs ? fast + this.#random.below(latencyMs * 2000) / 1000 : fast;
  }
}
