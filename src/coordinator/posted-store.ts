/** The store of a bus without a folder: its supervisor, in another thread, keeps the facts for the coordinator that comes after this one. */
import { type Fact, isStoredFact, type Store } from './facts.ts';
import { coalesceOffsets } from './offsets/coalesce.ts';

export class PostedStore implements Store {
  readonly damaged = null;
  readonly #known: readonly Fact[];
  readonly #post: (facts: readonly Fact[]) => void;

  /** `known`: what the coordinators before this one have posted, as `factsOf` gives it. */
  constructor(known: readonly Fact[], post: (facts: readonly Fact[]) => void) {
    this.#known = known;
    this.#post = post;
  }

  /** Asked once, by the start: a commit that is a post cannot fail, so no state is ever made anew. */
  load(): Fact[] {
    return [...this.#known];
  }

  commit(facts: readonly Fact[]): void {
    const lasting = coalesceOffsets(facts.filter(isStoredFact));
    if (lasting.length > 0) this.#post(lasting);
  }

  checkpoint(): void {}
  close(): void {}
}
