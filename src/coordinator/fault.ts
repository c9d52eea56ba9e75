/** A failure that a test has asked for, at a moment of a turn: what supervision is tested with. */
import type { TurnStage } from './protocol.ts';

export class Fault {
  #armed: { stage: TurnStage; turns: number } | null = null;

  /** Fails the `turns`-th time from now that `stage` is reached; 0: the next. */
  arm(stage: TurnStage, turns: number): void {
    this.#armed = { stage, turns };
  }

  reach(stage: TurnStage): void {
    if (this.#armed?.stage === stage && this.#armed.turns-- <= 0) throw new Error(`the coordinator was told to fail when ${stage}`);
  }
}
