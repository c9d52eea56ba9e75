/**
 * Which offset of a partition may be committed while its records end in any order: the first that is not finished. It knows offsets
 * alone; which records may begin is the scheduler's to say.
 *
 *   begun:     4  5  7  8          6 does not exist: offsets may have gaps, ends of batches are told by `passTo`
 *   finished:  4     7             next = 5, and when 5 ends: 8
 */
import { assert } from '../../base/assert.ts';

const COMPACT_AT = 1024;

export class OffsetTracker {
  /** Begun and not yet passed, in order, from `#head` on. */
  readonly #offsets: number[] = [];
  readonly #finished = new Set<number>();
  #head = 0;
  /** What comes after everything that was begun. */
  #end: number;

  constructor(nextOffset: number) {
    this.#end = nextOffset;
  }

  /** All below is finished: what may be committed. */
  get next(): number {
    return this.#head < this.#offsets.length ? this.#offsets[this.#head] : this.#end;
  }

  /** Records from the first that is not finished to the last that was begun. */
  get gap(): number {
    return this.#offsets.length - this.#head;
  }

  /** A record begins. */
  begin(offset: number): void {
    assert(offset >= this.#end, 'records of a partition begin in their order');
    this.#offsets.push(offset);
    this.#end = offset + 1;
  }

  /** Nothing lies between the last record that was begun and `nextOffset`. */
  passTo(nextOffset: number): void {
    if (nextOffset > this.#end) this.#end = nextOffset;
  }

  /** What was begun at `offset` is finished up to `to`, and goes on there: a batch of which a part is handled. Gives `next`. */
  advance(offset: number, to: number): number {
    const at = this.#find(offset);
    assert(at >= 0 && !this.#finished.has(offset), 'what goes on was begun, and is not finished');
    assert(to >= offset && to <= (this.#offsets[at + 1] ?? this.#end), 'what goes on stays before what follows it');
    this.#offsets[at] = to;
    return this.next;
  }

  /** A record ends. Gives `next`. */
  finish(offset: number): number {
    assert(this.#find(offset) >= 0 && !this.#finished.has(offset), 'a record that was begun is finished once');
    this.#finished.add(offset);
    while (this.#head < this.#offsets.length && this.#finished.delete(this.#offsets[this.#head])) this.#head++;
    if (this.#head === this.#offsets.length || this.#head >= COMPACT_AT) {
      this.#offsets.splice(0, this.#head);
      this.#head = 0;
    }
    return this.next;
  }

  /** Where an offset lies among those that were begun; −1: it does not. */
  #find(offset: number): number {
    let low = this.#head;
    let high = this.#offsets.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.#offsets[middle] === offset) return middle;
      if (this.#offsets[middle] < offset) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}
