/** A store that outlives the coordinator but not the process: for the simulator, which brings coordinators down and up again. */
import { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { type Fact, isStoredFact, type Store } from './facts.ts';
import { apply, emptyState, factsOf } from './state.ts';

export class MemoryStore implements Store {
  readonly damaged = null;
  readonly #state = emptyState(limits.partitionsMax);
  /** The next this many commits fail, as on a full disk. */
  failNext = 0;
  commits = 0;

  load(): Fact[] {
    return factsOf(this.#state);
  }

  commit(facts: readonly Fact[]): void {
    if (this.failNext > 0) {
      this.failNext--;
      throw new BusError('DISK_FULL', 'the simulated store has no space left');
    }
    this.commits++;
    for (const fact of facts) if (isStoredFact(fact)) apply(this.#state, fact);
  }

  checkpoint(): void {}
  close(): void {}
}
