/** Which of many things is due: a binary heap over times, with removal by key. It holds no timer; the caller brings the time. */

export class Deadlines<K> {
  readonly #keys: K[] = [];
  readonly #times: number[] = [];
  readonly #at = new Map<K, number>();

  get size(): number {
    return this.#keys.length;
  }

  /** When the first is due, or Infinity. */
  get nextMs(): number {
    return this.#times.length === 0 ? Number.POSITIVE_INFINITY : this.#times[0];
  }

  /** When `key` is due; Infinity when it has no deadline. */
  at(key: K): number {
    const at = this.#at.get(key);
    return at === undefined ? Number.POSITIVE_INFINITY : this.#times[at];
  }

  /** Sets or moves the deadline of `key`. */
  set(key: K, atMs: number): void {
    const known = this.#at.get(key);
    if (known === undefined) {
      this.#keys.push(key);
      this.#times.push(atMs);
      this.#at.set(key, this.#keys.length - 1);
      this.#up(this.#keys.length - 1);
      return;
    }
    this.#times[known] = atMs;
    this.#up(known);
    this.#down(this.#at.get(key) as number);
  }

  remove(key: K): void {
    const at = this.#at.get(key);
    if (at === undefined) return;
    const last = this.#keys.length - 1;
    if (at !== last) this.#swap(at, last);
    this.#keys.pop();
    this.#times.pop();
    this.#at.delete(key);
    if (at === last) return;
    const moved = this.#keys[at];
    this.#up(at);
    this.#down(this.#at.get(moved) as number);
  }

  /** Takes out one key that is due at `nowMs`, the earliest first; undefined when none is. */
  takeDue(nowMs: number): K | undefined {
    if (this.#times.length === 0 || this.#times[0] > nowMs) return undefined;
    const key = this.#keys[0];
    this.remove(key);
    return key;
  }

  /** Up to so many keys that are due at `nowMs`, in no order; they stay. */
  due(nowMs: number, atMost: number): K[] {
    const keys: K[] = [];
    const queue = [0];
    for (let at = queue.pop(); at !== undefined && keys.length < atMost; at = queue.pop()) {
      if (at >= this.#times.length || this.#times[at] > nowMs) continue;
      keys.push(this.#keys[at]);
      queue.push(2 * at + 1, 2 * at + 2);
    }
    return keys;
  }

  #up(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#times[parent] <= this.#times[at]) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #down(from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= this.#times.length) return;
      const right = left + 1;
      const least = right < this.#times.length && this.#times[right] < this.#times[left] ? right : left;
      if (this.#times[at] <= this.#times[least]) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(a: number, b: number): void {
    const key = this.#keys[a];
    this.#keys[a] = this.#keys[b];
    this.#keys[b] = key;
    const time = this.#times[a];
    this.#times[a] = this.#times[b];
    this.#times[b] = time;
    this.#at.set(this.#keys[a], a);
    this.#at.set(this.#keys[b], b);
  }
}
