/** Watches groups when the faults have stopped: each partition of which a group is behind gets on within a bound, until it is not behind. */
import type { Clock } from '../../src/world/clock.ts';
import { isBehind, type Standing, tellStanding } from './group-auditor.ts';
import { repeatedly } from './patience.ts';

/** Of virtual time: a session, a rebalance and a slow handler, one after the other, take less. */
export const PROGRESS_WITHIN_MS = 30_000;
const LOOKS_EVERY_MS = 500;

/** Who gets on, and who has not for too long. */
export class Progress {
  readonly #violated: (what: string) => void;
  /** By group and partition: how far it had got, and when. */
  readonly #best = new Map<string, { position: number; atMs: number }>();

  constructor(violated: (what: string) => void) {
    this.#violated = violated;
  }

  look(standings: readonly Standing[], nowMs: number): void {
    for (const standing of standings) {
      const key = `${standing.groupId} ${standing.partition}`;
      const best = this.#best.get(key);
      if (best === undefined || standing.position > best.position || !isBehind(standing))
        this.#best.set(key, { position: standing.position, atMs: nowMs });
      else if (nowMs - best.atMs > PROGRESS_WITHIN_MS)
        this.#violated(`no progress for ${Math.round(nowMs - best.atMs)} ms: ${tellStanding(standing)}`);
    }
  }
}

interface Watch {
  clock: Clock;
  /** End offsets by partition, asked for again and again. */
  ends: () => Promise<Map<string, number>>;
  standings: (ends: ReadonlyMap<string, number>) => Standing[];
  violated: (what: string) => void;
}

/** Looks at intervals, until what it answers is called. */
export function watchProgress({ clock, ends, standings, violated }: Watch): () => void {
  const progress = new Progress(violated);
  let known = new Map<string, number>();
  let isOver = false;
  repeatedly(clock, async () => {
    known = await ends();
    return isOver;
  });
  const look = (): void => {
    if (isOver) return;
    progress.look(standings(known), clock.monotonicMs());
    clock.after(LOOKS_EVERY_MS, look);
  };
  look();
  return () => {
    isOver = true;
  };
}
