/** The world of a bus without threads in real time: no delays but the event loop's own. */
import { realClock } from '../../src/world/clock.ts';
import type { World } from './actor.ts';

export const realWorld: World = {
  clock: realClock,
  later: (_lane, _what, then) => realClock.soon(then),
  latenessMs: () => 0,
  carry: (message) => message,
  ran: () => {},
};
