/** What all connections of a listener have done, and the bytes that they hold together: no client can have so much that nothing is left for the others. */
import { limits } from '../base/limits.ts';

/** Of what is left, this part is the most that one connection may take: so there is always some left for the next one. */
const SHARE = 4;

export class Tally {
  /** Requests that were begun. */
  requests = 0;
  receivedBytes = 0;
  sentBytes = 0;
  /** Of requests that are coming in, wait or are under way, and of responses that have not left. */
  heldBytes = 0;
  readonly #heldBytesMax: number;
  readonly #full: () => void;

  /** `full` is called when more is held than may be. */
  constructor(heldBytesMax: number, full: () => void) {
    this.#heldBytesMax = heldBytesMax;
    this.#full = full;
  }

  get isFull(): boolean {
    return this.heldBytes >= this.#heldBytesMax;
  }

  /** What one connection may hold before no more is read from it, and nothing more begun. */
  get shareBytes(): number {
    return Math.min(limits.connectionBytesMax, Math.floor((this.#heldBytesMax - this.heldBytes) / SHARE));
  }

  /** A connection holds so much more, or less. */
  hold(bytes: number): void {
    this.heldBytes += bytes;
    if (bytes > 0 && this.isFull) this.#full();
  }
}
