/**
 * Which slot, and so which host, a new partition gets: the partitions of a topic go round the hosts, beginning with the host that
 * carries least. Deterministic, since the slot is all that is remembered: its host is slot mod hosts, its place in the arena slot mod the
 * places that there are.
 *
 * An ask names a partition by its slot, and one that was sent before a topic's deletion may come after it. So slots only rise: their places
 * are used again, the longest unused first, but no slot is given twice.
 */
import type { State } from './state.ts';

/** Slots to give away within one decision; the state itself changes when the facts are applied. */
export class Placement {
  readonly #hosts: number;
  /** By place. */
  readonly #taken: Uint8Array;
  readonly #loads: number[];
  /** Where the search for a free slot of each host goes on. */
  readonly #cursors: number[];
  free: number;

  constructor(state: State) {
    this.#hosts = state.hosts;
    this.#taken = state.taken.slice();
    this.#loads = state.loads.slice();
    const { hosts, nextSlot } = state;
    this.#cursors = Array.from({ length: hosts }, (_, host) => nextSlot + ((host - (nextSlot % hosts) + hosts) % hosts));
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
      if (this.#cursorOf(host) === Number.POSITIVE_INFINITY) continue;
      if (best === -1 || own[host] < own[best] || (own[host] === own[best] && this.#loads[host] < this.#loads[best])) best = host;
    }
    const slot = this.#cursorOf(best);
    this.#taken[slot % this.#taken.length] = 1;
    own[best]++;
    this.#loads[best]++;
    return slot;
  }

  /** The next slot of a host that has a free place, round and round the places; Infinity when it has none. */
  #cursorOf(host: number): number {
    const places = this.#taken.length;
    let slot = this.#cursors[host];
    for (let tried = 0; tried < places && slot !== Number.POSITIVE_INFINITY; tried++) {
      if (this.#taken[slot % places] === 0) {
        this.#cursors[host] = slot;
        return slot;
      }
      slot += this.#hosts;
    }
    this.#cursors[host] = Number.POSITIVE_INFINITY;
    return Number.POSITIVE_INFINITY;
  }
}
