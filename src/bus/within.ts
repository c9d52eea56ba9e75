/** What is waited for so long and no longer. Nothing is left behind that would keep the process alive. */
import { realClock } from '../world/clock.ts';

/** What `promise` gives, or `late` after `ms`. */
export function within<T, L>(ms: number, promise: Promise<T>, late: L): Promise<T | L> {
  let timer: { cancel(): void } | undefined;
  const expired = new Promise<L>((resolve) => {
    timer = realClock.after(ms, () => resolve(late), true);
  });
  return Promise.race([promise, expired]).finally(() => timer?.cancel());
}
