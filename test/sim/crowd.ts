/** Everyone who uses a simulated bus in one life of its process, on whichever thread, and what becomes of them when a thread ends. */
import { type Random, seededRandom } from '../../src/world/random.ts';
import { administer, comeAndGo, moveOffsets } from './administrators.ts';
import type { Auditor } from './auditor.ts';
import type { Bounds } from './bounds.ts';
import type { SimBus } from './bus.ts';
import type { Groups } from './groups.ts';
import { type Life, type Plan, passingNames } from './plan.ts';
import { codeOf, produce, type Reading, readOn, type User } from './users.ts';

interface Around {
  plan: Plan;
  bus: SimBus;
  bounds: Bounds;
  groups: Groups;
  auditor: Auditor;
  random: Random;
  stopping: () => boolean;
}

export class Crowd {
  /** Of readers, as they are looked at from outside. */
  readings: Reading[] = [];
  readonly #around: Around;
  /** Those on each thread, for when it ends. */
  readonly #users: { user: User; thread: number; leave: () => void }[] = [];

  constructor(around: Around) {
    this.#around = around;
  }

  /** Everyone of a life begins; resolves when each has ended, or his thread. */
  begin(life: Life): Promise<void>[] {
    const { bus, bounds, auditor, groups, random, plan, stopping } = this.#around;
    const running: Promise<void>[] = [];
    const start = (kind: string, thread: number, run: (user: User) => Promise<void>): void => {
      const user: User = {
        name: `${kind} ${running.length}`,
        client: bus.client(thread % bus.threads),
        sources: [],
        random: seededRandom(random.below(1 << 30)),
        auditor,
        stopping,
      };
      const ended = run(user).catch((error: unknown) => {
        if (codeOf(user, error) !== 'CLOSED') auditor.violated(`${user.name} ended: ${String(error)}`);
      });
      // What waits on a thread that ended waits for ever.
      running.push(
        new Promise((leave) => {
          this.#users.push({ user, thread: thread % bus.threads, leave });
          void ended.then(leave);
        }),
      );
    };
    life.producers.forEach((habits, i) => {
      start('producer', i, (user) => produce(user, habits, (producer) => bounds.addProducer(user.name, i % bus.threads, producer, habits)));
    });
    life.readers.forEach((habits, i) => {
      start('reader', i, (user) =>
        readOn(user, habits, (reading) => {
          this.readings.push(reading);
          bounds.addReader(i % bus.threads, reading, habits);
        }),
      );
    });
    groups.begin(life.members, (thread, run) => start('member', thread, run));
    // On the main thread: no recess is left unended while the process lives.
    for (const group of groups.reset) start('mover', 0, (user) => moveOffsets(user, group, groups));
    for (let i = 0; i < life.administrators; i++) start('administrator', i, (user) => administer(user, plan.topics));
    for (let i = 0; i < life.passing; i++) start('passing', i, (user) => comeAndGo(user, passingNames[i]));
    return running;
  }

  /** The thread of some users ends; nobody hears of what they had asked. False: there is none to end. */
  endWorker(ended: number): boolean {
    const { bus, bounds, groups, auditor } = this.#around;
    if (ended === 0 || bus.isGone(ended)) return false;
    bus.endWorker(ended);
    bounds.threadEnded(ended);
    groups.threadEnded(ended);
    for (const { user, thread, leave } of this.#users) {
      if (thread !== ended) continue;
      for (const source of user.sources) auditor.sourceEnded(source);
      this.readings = this.readings.filter(({ name }) => name !== user.name);
      leave();
    }
    return true;
  }
}
