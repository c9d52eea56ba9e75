/**
 * Where sealed batches lie from the moment they are sent until they are answered: one SharedArrayBuffer of fixed size per
 * dispatcher, which every host can read. An ask names a range of it; nothing is transferred, nothing is allocated per batch, and
 * when a host dies its batches are still here to be sent again. A range is given back only when no host can read it any more.
 */
import { aligned, Ranges } from '../base/ranges.ts';

export class Outbox {
  readonly shared: SharedArrayBuffer;
  readonly bytes: Buffer;
  readonly #ranges: Ranges;

  /** Takes up the memory that the hosts were told of. */
  constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.bytes = Buffer.from(this.shared);
    this.#ranges = new Ranges(shared.byteLength);
  }

  get size(): number {
    return this.#ranges.size;
  }

  get used(): number {
    return this.#ranges.used;
  }

  /** Whether these bytes lie here. */
  holds(bytes: Uint8Array): boolean {
    return bytes.buffer === this.shared;
  }

  /** Position of a free range of `length` bytes, or −1 when there is none. */
  take(length: number): number {
    return this.#ranges.take(length);
  }

  /** Gives back a range that `take` gave. */
  give(position: number, length: number): void {
    this.#ranges.give(position, length);
  }
}

/** Memory for an outbox of `size` bytes. */
export function outboxMemory(size: number): SharedArrayBuffer {
  return new SharedArrayBuffer(aligned(size));
}
