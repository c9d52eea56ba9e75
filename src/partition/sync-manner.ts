/**
 * Whether a sync is waited for within the turn or handed to the thread pool. Waiting spares two changes of thread, which cost a lone
 * sender a third of its rate; but everything else of the host waits too. So only a partition that has been the only one to sync for a
 * while may, with little to sync, on a disk whose last sync was quick.
 */

/** More than that is synced off the turn, so that the next batches are taken in meanwhile. */
const SMALL_BYTES = 16 * 1024;
/** A turn may take that long. */
const QUICK_MS = 1;
/** Syncs of one partition alone, one after the other, before it is taken for the only one. */
const STREAK = 4;

export class SyncManner {
  readonly #monotonicMs: () => number;
  /** The partition that was synced last, and how often in a row. */
  #last: object | null = null;
  #streak = 0;
  /** How long the sync that ended last took. */
  #lastMs = Number.POSITIVE_INFINITY;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** `isAlone`: no other partition of the host has anything to sync, and nobody else waits for the turn. */
  isHere(partition: object, bytes: number, isAlone: boolean): boolean {
    if (!isAlone || partition !== this.#last || bytes > SMALL_BYTES) this.#streak = 0;
    else this.#streak++;
    this.#last = partition;
    return this.#streak >= STREAK && this.#lastMs < QUICK_MS;
  }

  /** A sync begins; what is returned goes to `end`. */
  begin(): number {
    return this.#monotonicMs();
  }

  end(began: number): void {
    this.#lastMs = this.#monotonicMs() - began;
  }
}
