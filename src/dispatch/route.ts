/** Which partition a record goes to, when it names none. */
import { partitionOfKey } from '../base/murmur2.ts';
import type { Random } from '../world/random.ts';

/** The user's choice. Returns a partition in [0, partitions), or undefined to leave it to the key's hash or the sticky one. */
export type Partitioner = (topic: string, key: Uint8Array | null, value: Uint8Array | null, partitions: number) => number | undefined;

/** Records without a key stay on one partition until its batch is sealed, then move on (KIP-480): full batches, even load. */
export class StickyPartitions {
  readonly #random: Random;
  readonly #current = new Map<string, number>();

  constructor(random: Random) {
    this.#random = random;
  }

  choose(topic: string, partitions: number, isOpen: (topic: string, partition: number) => boolean): number {
    const current = this.#current.get(topic);
    if (current !== undefined && current < partitions && (partitions === 1 || isOpen(topic, current))) return current;
    // Any other one, each as likely as the next.
    const next =
      current === undefined || current >= partitions
        ? this.#random.below(partitions)
        : (current + 1 + this.#random.below(partitions - 1)) % partitions;
    this.#current.set(topic, next);
    return next;
  }
}

/** murmur2 of the key, as Kafka's Java client. */
export { partitionOfKey };
