/** How far the walk through logs after an unclean end has come, while a bus opens: told as it goes on, and once at its end. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { BusEvents } from '../../client/events.ts';
import { durationOf, Progress, sizeOf } from '../progress.ts';
import type { Surroundings } from '../verb.ts';

const channel = 'spillway:recovery';

type Setup = Pick<Surroundings, 'terminal' | 'clock'> & {
  isQuiet: boolean;
  notice(line: string): void;
};

/** Watches from now on, until its end is called, which is told once. */
export function watchRecovery({ terminal, clock, isQuiet, notice }: Setup): { end(): void } {
  const logs = new Map<string, { doneBytes: number; totalBytes: number }>();
  const startMs = clock.monotonicMs();
  const progress = new Progress(terminal, clock, 'recovering');
  const sum = (of: 'doneBytes' | 'totalBytes'): number => [...logs.values()].reduce((bytes, log) => bytes + log[of], 0);
  const heard = (message: unknown): void => {
    const { topic, partition, doneBytes, totalBytes } = message as BusEvents['recovery'];
    logs.set(`${topic}-${partition}`, { doneBytes, totalBytes });
    if (isQuiet) return;
    // Logs that were not begun are not counted yet, so the whole grows.
    progress.update({ bytes: sum('doneBytes'), share: sum('totalBytes') === 0 ? 1 : sum('doneBytes') / sum('totalBytes') });
  };
  subscribe(channel, heard);
  return {
    end() {
      if (!unsubscribe(channel, heard) || logs.size === 0) return;
      terminal.draw('');
      const what = `${sizeOf(sum('totalBytes'))} of ${logs.size} partition${logs.size === 1 ? '' : 's'}`;
      notice(`recovered after an unclean end: walked ${what} in ${durationOf(clock.monotonicMs() - startMs)}`);
    },
  };
}
