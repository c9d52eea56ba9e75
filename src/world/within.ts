/** What is waited for so long and no longer. Nothing is left behind that would keep the process alive. */
import type { Clock, Timer } from './clock.ts';

/** What `promise` gives, or `late` after `ms`. */
export function within<T, L>(clock: Clock, ms: number, promise: Promise<T>, late: L): Promise<T | L> {
  let timer: Timer | undefined;
  const expired = new Promise<L>((resolve) => {
    timer = clock.after(ms, () => resolve(late), true);
  });
  return Promise.race([promise, expired]).finally(() => timer?.cancel());
}
