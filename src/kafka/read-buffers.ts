/**
 * Buffers that slices of files are read into on their way to a socket, used again when the socket has taken them: memory that is new at
 * each read costs the kernel its pages and the garbage collector its rounds, together more than to read and to send.
 */
import { KiB, MiB } from '../base/bytes.ts';

/** Sizes are powers of two from here on; a smaller slice gets memory of its own. */
const BYTES_MIN = 64 * KiB;
/** What lies unused is at most this much. */
const KEPT_BYTES_MAX = 4 * MiB;

export class ReadBuffers {
  /** By the logarithm of their size. */
  readonly #free: readonly Buffer[][] = Array.from({ length: 32 }, () => []);
  #freeBytes = 0;

  /** Bytes that lie unused. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** A buffer of at least so many bytes; what it holds is not told. */
  take(bytes: number): Buffer {
    if (bytes < BYTES_MIN) return Buffer.allocUnsafeSlow(bytes);
    const log = Math.ceil(Math.log2(bytes));
    const size = 2 ** log;
    const free = this.#free[log].pop();
    if (free === undefined) return Buffer.allocUnsafeSlow(size);
    this.#freeBytes -= size;
    return free;
  }

  /** Nobody reads it any more. */
  give(buffer: Buffer): void {
    const size = buffer.length;
    if (size < BYTES_MIN || this.#freeBytes + size > KEPT_BYTES_MAX) return;
    this.#free[Math.log2(size)].push(buffer);
    this.#freeBytes += size;
  }
}
