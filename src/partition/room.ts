/** Keeps free frames at hand: clean resident bytes are given back first, the largest holders before the small; then memory topics are spilled. */
import { MiB } from '../base/bytes.ts';
import type { Arena } from '../world/arena.ts';
import type { Partition } from './partition.ts';

/** Above this share of the arena clean frames are given back, down to the second. */
const EVICT_ABOVE = 0.85;
const EVICT_TO = 0.75;
/** The most that is spilled in one turn. */
const SPILL_BYTES = 8 * MiB;

export class Room {
  readonly #arena: Arena;
  readonly #partitions: () => Iterable<Partition>;
  readonly #canSpill: boolean;
  /** Why the last spill could not write, or empty. */
  spillFailed = '';

  constructor(arena: Arena, partitions: () => Iterable<Partition>, canSpill: boolean) {
    this.#arena = arena;
    this.#partitions = partitions;
    this.#canSpill = canSpill;
  }

  /** At the end of a turn: makes room before it is needed. */
  keep(monotonicMs: number): void {
    const { used, framesMax, frameBytes, level } = this.#arena;
    if (used <= framesMax * EVICT_ABOVE && level === 0) return;
    const target = framesMax * EVICT_TO;
    if (used > target) this.free((used - target) * frameBytes, monotonicMs);
  }

  /** Frees frames of about `bytes`; less when nothing more may be let go. */
  free(bytes: number, monotonicMs: number): void {
    // A batch may begin and end within a frame.
    const wanted = bytes + 2 * this.#arena.frameBytes;
    let left = wanted - this.#evict(wanted);
    if (left <= 0 || !this.#canSpill) return;
    this.spillFailed = '';
    let spilled = 0;
    for (const partition of this.#byUnwritten()) {
      spilled += partition.log.unwrittenBytes;
      if (!partition.spill(monotonicMs)) this.spillFailed = partition.lastDiskError;
      left -= this.#evict(left);
      if (left <= 0 || spilled >= SPILL_BYTES) return;
    }
  }

  #evict(bytes: number): number {
    let left = bytes;
    const holders = [...this.#partitions()].filter((partition) => cleanBytes(partition) > 0).sort((a, b) => cleanBytes(b) - cleanBytes(a));
    for (const partition of holders) {
      if (left <= 0) break;
      left -= partition.log.evict(Math.min(left, Math.max(cleanBytes(partition) / 2, this.#arena.frameBytes)));
    }
    return bytes - left;
  }

  #byUnwritten(): Partition[] {
    return [...this.#partitions()].filter(({ log }) => log.unwrittenBytes > 0).sort((a, b) => b.log.unwrittenBytes - a.log.unwrittenBytes);
  }
}

function cleanBytes({ log }: Partition): number {
  return log.residentBytes - log.unwrittenBytes;
}
