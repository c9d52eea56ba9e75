/**
 * The store of a data folder, as long as a thread holds the folder: taken by its coordinator, left open when that one fails, taken by the
 * successor. It is the lock of the folder: closed before the hosts have ended, another process could take the folder from under them.
 */
import type { Disk } from '../world/disk.ts';
import type { Store } from './facts.ts';

export class HeldStore {
  #store: Store | null = null;

  /** SQLite is loaded by those alone who have a folder, so that a bus without one opens fast. Throws what `openStore` does. */
  async take(folder: string, disk: Disk, pid: number): Promise<Store> {
    if (this.#store === null) {
      const { openStore } = await import('./store.ts');
      this.#store = openStore({ folder, disk, pid });
    }
    return this.#store;
  }

  /** The coordinator has closed it. */
  closed(): void {
    this.#store = null;
  }

  /** No coordinator will take it. */
  letGo(): void {
    this.#store?.close();
    this.#store = null;
  }
}
