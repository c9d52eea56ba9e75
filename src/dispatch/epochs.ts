/** What a flush waits for: everything that was begun before it. Work is counted by the flush that it precedes. */

/** The work between two flushes. */
export interface Epoch {
  left: number;
  done: (() => void) | null;
}

export class Epochs {
  #current: Epoch = { left: 0, done: null };
  /** Those that ended in a flush, oldest first. */
  readonly #flushing: Epoch[] = [];
  #outstanding = 0;

  /** Work that has not ended. */
  get outstanding(): number {
    return this.#outstanding;
  }

  get current(): Epoch {
    return this.#current;
  }

  /** Counts a piece of work; give its epoch back to `end`. */
  begin(): Epoch {
    this.#outstanding++;
    this.#current.left++;
    return this.#current;
  }

  end(epoch: Epoch): void {
    this.#outstanding--;
    epoch.left--;
    this.#release();
  }

  /** Calls `done` when all work that was begun before this call has ended. */
  flush(done: () => void): void {
    this.#current.done = done;
    this.#flushing.push(this.#current);
    this.#current = { left: 0, done: null };
    this.#release();
  }

  #release(): void {
    while (this.#flushing.length > 0 && this.#flushing[0].left === 0) this.#flushing.shift()?.done?.();
  }
}
