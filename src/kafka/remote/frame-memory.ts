/**
 * Memory of large responses, used again when their reader has given it back (`release`): to allocate a megabyte for each has the collector
 * look through the whole heap once per hundred. What comes back is moved to a new ArrayBuffer, so that old views of it are empty, not wrong.
 */
import { KiB, MiB } from '../../base/bytes.ts';
import { cameFrom } from '../../dispatch/feed.ts';

export class FrameMemory {
  /** Free ones, by the power of two that is their size. */
  readonly #free = new Map<number, ArrayBuffer[]>();
  #keptBytes = 0;

  /** A buffer of so many bytes, from the beginning of its ArrayBuffer; what it holds is anything. */
  take(bytes: number): Buffer {
    if (bytes < SMALLEST || bytes > LARGEST) return Buffer.allocUnsafeSlow(bytes);
    const size = 2 ** Math.ceil(Math.log2(bytes));
    const kept = this.#free.get(size)?.pop();
    if (kept !== undefined) this.#keptBytes -= size;
    const memory = kept ?? (Buffer.allocUnsafeSlow(size).buffer as ArrayBuffer);
    cameFrom(memory, this.#takeBack);
    return Buffer.from(memory, 0, bytes);
  }

  readonly #takeBack = (memory: ArrayBuffer): void => {
    const size = memory.byteLength;
    if (this.#keptBytes + size > KEPT_BYTES_MAX) return void memory.transfer(0);
    const free = this.#free.get(size) ?? [];
    if (free.length === 0) this.#free.set(size, free);
    free.push(memory.transfer());
    this.#keptBytes += size;
  };
}

const SMALLEST = 64 * KiB;
const LARGEST = 16 * MiB;
/** As much as a reader holds ahead of its user, twice. */
const KEPT_BYTES_MAX = 16 * MiB;
