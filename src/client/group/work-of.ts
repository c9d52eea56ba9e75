/** A consumer's side of the agreement with what runs the user's handlers (work.ts). */
import { BusError } from '../../base/errors.ts';
import type { Dispatcher } from '../../dispatch/dispatcher.ts';
import type { Intake } from '../intake.ts';
import type { Participation } from './participation.ts';
import type { Runner, Work } from './work.ts';

export interface Employer<K, V, H> {
  readonly intake: Intake<K, V, H>;
  /** Null for a consumer without a group: what is finished is known, and committed by nobody. */
  readonly group: Participation<K, V, H> | null;
  readonly closing: boolean;
  /** Asks for more, as a read of the user's does. */
  step(): void;
  more(timeoutMs?: number): Promise<void>;
}

/** Throws BusError INVALID_ARGUMENT when another runner is at work. */
export function workOf<K, V, H>(employer: Employer<K, V, H>, runner: Runner): Work<K, V, H> {
  const { intake, group } = employer;
  checkUnemployed(intake, 'a second runner');
  intake.runner = runner;
  return {
    get closing() {
      return employer.closing;
    },
    take() {
      employer.step();
      const taken = intake.takeBatch();
      if (taken === null) {
        intake.throwFirst();
        return null;
      }
      return { batch: taken.batch, tenure: taken.one.tenure };
    },
    more: (timeoutMs) => (employer.closing ? Promise.resolve() : employer.more(timeoutMs)),
    finished(topic, partition, nextOffset, tenure) {
      const one = intake.find({ topic, partition });
      if (one === undefined || one.tenure !== tenure) return false;
      one.finished = Math.max(one.finished, nextOffset);
      return true;
    },
    holds: (topic, partition, tenure) => intake.find({ topic, partition })?.tenure === tenure,
    hold: (topic, partition) => shut(topic, partition, true),
    release: (topic, partition) => shut(topic, partition, false),
    commit: async () => group?.commit(group.allToCommit()),
    end() {
      if (intake.runner === runner) intake.runner = null;
    },
  };

  function shut(topic: string, partition: number, held: boolean): void {
    const one = intake.find({ topic, partition });
    if (one !== undefined) intake.shut(one, { held });
  }
}

/** Throws BusError INVALID_ARGUMENT: of two that read, neither would know what is finished. */
export function checkUnemployed<K, V, H>(intake: Intake<K, V, H>, what: string): void {
  if (intake.runner === null) return;
  throw new BusError('INVALID_ARGUMENT', `handlers read from this consumer already, so ${what} cannot; use another consumer`);
}

/** What a runner has not finished within the time, in words. */
export function endRunner({ clock }: Dispatcher, runner: Runner, ms: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => resolve(['handlers were still running']), true);
    // Named handlers tell more than this: they come first.
    runner
      .closing(ms * 0.9)
      .then(resolve, reject)
      .finally(timer.cancel);
  });
}
