/** Waiting in simulated time: until something is so, until something is answered, and what to say when neither comes. */
import { BusError } from '../../src/base/errors.ts';
import type { Clock } from '../../src/world/clock.ts';
import type { SimBus } from './bus.ts';
import type { SimWorld } from './sim-world.ts';

export class Stuck extends Error {
  constructor(what: string, dump: string) {
    super(`stuck: ${what}\n    ${dump}`);
  }
}

const AGAIN_MS = 50;

/** Asks again and again until it is so; tells whether it was. */
export function repeatedly(clock: Clock, isSo: () => Promise<boolean>): () => boolean {
  let was = false;
  const again = (): void => {
    if (was) return;
    const later = (answer: boolean): void => {
      was = answer;
      clock.after(AGAIN_MS, again);
    };
    isSo().then(later, () => later(false));
  };
  again();
  return () => was;
}

/** Whether every partition has committed what it holds, as it was told last. */
export function allCommitted(clock: SimWorld['clock'], bus: SimBus): () => boolean {
  return repeatedly(clock, async () => {
    const partitions = await bus.admin().describeLogDirs();
    return partitions.every(({ state, highWatermark, endOffset }) => state === 'online' && highWatermark === endOffset);
  });
}

/** End offsets of all partitions of these topics, by "topic-partition". */
export async function endsOf(
  topics: readonly { name: string }[],
  list: (name: string) => Promise<{ partition: number; offset: number }[]>,
): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  for (const { name } of topics) for (const { partition, offset } of await list(name)) ends.set(`${name}-${partition}`, offset);
  return ends;
}

/** Calls until it is answered; refusals that pass are waited for. Throws Stuck with what `dump` tells. */
export async function insist<T>(world: SimWorld, call: () => Promise<T>, withinMs: number, dump: () => Promise<string>): Promise<T> {
  const { clock } = world;
  const untilMs = clock.monotonicMs() + withinMs;
  for (;;) {
    const answer = await world.settled(call(), withinMs);
    if (answer === undefined) throw new Stuck('no answer', await dump());
    if ('value' in answer) return answer.value;
    const { error } = answer;
    if (!(error instanceof BusError) || !error.retriable || clock.monotonicMs() > untilMs)
      throw new Stuck(`refused: ${error instanceof Error ? error.stack : String(error)}`, await dump());
    await world.settled(new Promise<void>((resolve) => void clock.after(2 * AGAIN_MS, resolve)), 1000);
  }
}
