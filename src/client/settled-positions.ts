/**
 * How far a consumer has come where nothing is handed out: behind markers of transactions, damage, what was compacted away. A position is that of
 * a batch from the moment in which it is handed out, which is some microtasks before its reader sees it; who believes a position at once may
 * take a batch for read that is about to arrive. So what a look says holds at the next one, if no batch came in between.
 */
export interface Position {
  topic: string;
  partition: number;
  position: number;
}

export class SettledPositions {
  #noted: readonly Position[] = [];

  /** A batch has arrived: what was noted may have been its end. */
  arrived(): void {
    this.#noted = [];
  }

  /** Looks again, a while later; tells what held meanwhile. */
  look(now: readonly Position[]): readonly Position[] {
    const held = this.#noted;
    this.#noted = now;
    return held;
  }
}
