/**
 * Which slot, and so which host, a new partition gets: the partitions of a topic go round the hosts, beginning with the host that
 * carries least. Deterministic, since the slot is all that is remembered: its host is slot mod hosts.
 */
import type { State } from './state.ts';

/** Slots to give away within one decision; the state itself changes when the facts are applied. */
export class Placement {
  readonly #hosts: number;
  readonly #taken: Uint8Array;
  readonly #loads: number[];
  /** Where the search for a free slot of each host goes on. */
  readonly #cursors: number[];
  free: number;

  constructor(state: State) {
    this.#hosts = state.hosts;
    this.#taken = state.taken.slice();
    this.#loads = state.loads.slice();
    this.#cursors = Array.from({ length: state.hosts }, (_, host) => host);
    this.free = this.#taken.length - state.owners.size;
  }

  /** `count` slots for a topic whose present slots are `present`; null when that many are not free. */
  place(count: number, present: readonly number[] = []): number[] | null {
    if (count > this.free) return null;
    const own = new Array<number>(this.#hosts).fill(0);
    for (const slot of present) own[slot % this.#hosts]++;
    const slots: number[] = [];
    for (let i = 0; i < count; i++) slots.push(this.#takeOne(own));
    this.free -= count;
    return slots;
  }

  #takeOne(own: number[]): number {
    let best = -1;
    for (let host = 0; host < this.#hosts; host++) {
      if (this.#cursorOf(host) >= this.#taken.length) continue;
      if (best === -1 || own[host] < own[best] || (own[host] === own[best] && this.#loads[host] < this.#loads[best])) best = host;
    }
    const slot = this.#cursorOf(best);
    this.#taken[slot] = 1;
    own[best]++;
    this.#loads[best]++;
    return slot;
  }

  /** The lowest free slot of a host; beyond the end when it has none. */
  #cursorOf(host: number): number {
    let slot = this.#cursors[host];
    while (slot < this.#taken.length && this.#taken[slot] === 1) slot += this.#hosts;
    this.#cursors[host] = slot;
    return slot;
  }
}
