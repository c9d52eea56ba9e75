/** A coordinator that answers when the test says so, on a clock that the test winds. */
import { type ErrorName, errors } from '../../../src/base/errors.ts';
import type { Dispatcher } from '../../../src/dispatch/dispatcher.ts';
import { seededRandom } from '../../../src/world/random.ts';
import { settlePromises, VirtualClock } from '../../sim/virtual-clock.ts';

interface Asked {
  verb: string;
  fields: Record<string, unknown>;
  done: (error: number, reply: object | null) => void;
}

export class ScriptedCoordinator {
  readonly clock = new VirtualClock();
  /** What was asked and not answered, in order. */
  readonly asked: Asked[] = [];
  closed = false;
  readonly dispatcher: Dispatcher;

  constructor() {
    const isClosed = (): boolean => this.closed;
    this.dispatcher = {
      index: 0,
      clock: this.clock,
      random: seededRandom(1),
      get closed() {
        return isClosed();
      },
      subscribe: () => {},
      unsubscribe: () => {},
      askCoordinator: (verb: string, fields: Record<string, unknown>, done: Asked['done']) => void this.asked.push({ verb, fields, done }),
    } as unknown as Dispatcher;
  }

  /** Answers the oldest ask; an error without a reply means that the coordinator has gone away. */
  async answer(reply: object | null, error: ErrorName = 'NONE'): Promise<void> {
    await settlePromises();
    const asked = this.asked.shift();
    if (asked === undefined) throw new Error('nothing was asked');
    const { code } = errors[error];
    asked.done(code, reply === null ? null : { error: code, message: '', ...reply });
    await settlePromises();
  }

  /** Lets time pass, and what is due happen. */
  async pass(ms: number): Promise<void> {
    await settlePromises();
    let isOver = false;
    this.clock.after(ms, () => {
      isOver = true;
    });
    while (!isOver && this.clock.step()) await settlePromises();
  }
}
