/**
 * Whether a slice of a file is read at once or by the thread pool. A read of what lies in the page cache takes less than the way to the
 * pool and back, and leaves the bytes in the cache of the core that sends them; one that has to wait for the disk holds up all
 * connections. So slices are read at once until one was slow; then the pool has the next ones, more each time that the first one after
 * them was slow again.
 */
import { MiB } from '../base/bytes.ts';

/** Longer ones are for the pool; and one fetch reads at most this much at once. */
export const HERE_BYTES_MAX = 4 * MiB;
/** A turn may take that long for a slice: 1 MiB takes 0.1 to 0.25 ms out of the page cache. */
const QUICK_MS = 2;
const POOLED_MIN = 16;
const POOLED_MAX = 1024;

export class ReadManner {
  /** Slices that go to the pool before the next one is tried. */
  #left = 0;
  #pooled = POOLED_MIN;

  /** `bytes`: of the slice, and of those that the same fetch has read at once. */
  isHere(bytes: number): boolean {
    if (bytes > HERE_BYTES_MAX) return false;
    if (this.#left === 0) return true;
    this.#left--;
    return false;
  }

  /** One that was read at once took so long. */
  took(ms: number): void {
    if (ms <= QUICK_MS) {
      this.#pooled = POOLED_MIN;
      return;
    }
    this.#left = this.#pooled;
    this.#pooled = Math.min(POOLED_MAX, 2 * this.#pooled);
  }
}
