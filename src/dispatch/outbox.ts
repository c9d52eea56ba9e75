/**
 * Where sealed batches lie from the moment they are sent until they are answered: one SharedArrayBuffer of fixed size per
 * dispatcher, which every host can read. An ask names a range of it; nothing is transferred, nothing is allocated per batch, and
 * when a host dies its batches are still here to be sent again. A range is given back only when no host can read it any more.
 */
import { assert } from '../base/assert.ts';

/** Ranges begin at multiples of this, so that two threads never write one cache line. */
const ALIGN = 64;

export class Outbox {
  readonly shared: SharedArrayBuffer;
  readonly bytes: Buffer;
  #used = 0;
  /** Free ranges, by position. First fit at the lowest position keeps the touched part small. */
  readonly #starts: number[];
  readonly #lengths: number[];

  /** Takes up the memory that the hosts were told of. */
  constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.bytes = Buffer.from(this.shared);
    this.#starts = [0];
    this.#lengths = [this.shared.byteLength];
  }

  get size(): number {
    return this.shared.byteLength;
  }

  get used(): number {
    return this.#used;
  }

  /** Whether these bytes lie here. */
  holds(bytes: Uint8Array): boolean {
    return bytes.buffer === this.shared;
  }

  /** Position of a free range of `length` bytes, or −1 when there is none. */
  take(length: number): number {
    const need = alignUp(length);
    for (let i = 0; i < this.#starts.length; i++) {
      if (this.#lengths[i] < need) continue;
      const position = this.#starts[i];
      if (this.#lengths[i] === need) {
        this.#starts.splice(i, 1);
        this.#lengths.splice(i, 1);
      } else {
        this.#starts[i] += need;
        this.#lengths[i] -= need;
      }
      this.#used += need;
      return position;
    }
    return -1;
  }

  /** Gives back a range that `take` gave, and joins it with its free neighbours. */
  give(position: number, length: number): void {
    const freed = alignUp(length);
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle] < position) low = middle + 1;
      else high = middle;
    }
    const end = position + freed;
    assert(low === 0 || this.#starts[low - 1] + this.#lengths[low - 1] <= position, 'a range is given back once');
    assert(low === this.#starts.length || end <= this.#starts[low], 'a range is given back once');
    this.#used -= freed;
    const joinsLeft = low > 0 && this.#starts[low - 1] + this.#lengths[low - 1] === position;
    const joinsRight = low < this.#starts.length && this.#starts[low] === end;
    if (joinsLeft && joinsRight) {
      this.#lengths[low - 1] += freed + this.#lengths[low];
      this.#starts.splice(low, 1);
      this.#lengths.splice(low, 1);
    } else if (joinsLeft) {
      this.#lengths[low - 1] += freed;
    } else if (joinsRight) {
      this.#starts[low] = position;
      this.#lengths[low] += freed;
    } else {
      this.#starts.splice(low, 0, position);
      this.#lengths.splice(low, 0, freed);
    }
  }
}

/** Memory for an outbox of `size` bytes. */
export function outboxMemory(size: number): SharedArrayBuffer {
  return new SharedArrayBuffer(alignUp(size));
}

function alignUp(value: number): number {
  return (value + ALIGN - 1) & ~(ALIGN - 1);
}
