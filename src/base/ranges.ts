/** Which parts of a memory of fixed size are taken: an allocator that keeps its books apart from the bytes, which it never touches. */
import { assert } from './assert.ts';

/** Ranges begin at multiples of this, so that two threads never write one cache line. */
const ALIGN = 64;

export class Ranges {
  /** Bytes in all. */
  readonly size: number;
  #used = 0;
  /** Free ranges, by position. First fit at the lowest position keeps the touched part small. */
  readonly #starts: number[];
  readonly #lengths: number[];

  constructor(size: number) {
    this.size = size;
    this.#starts = [0];
    this.#lengths = [size];
  }

  get used(): number {
    return this.#used;
  }

  /** Position of a free range of `length` bytes, or −1 when there is none. */
  take(length: number): number {
    const need = aligned(length);
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
    const freed = aligned(length);
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

/** As much as a range of `length` bytes takes. */
export function aligned(length: number): number {
  return (length + ALIGN - 1) & ~(ALIGN - 1);
}
