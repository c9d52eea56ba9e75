/** What each partition of a member waits for, as its heartbeats tell it: the watchdog's source. Looked at now and then, not at each record. */
import type { PartitionProgress } from '../../coordinator/groups/protocol.ts';
import type { Clock } from '../../world/clock.ts';
import type { Held, Intake } from '../intake.ts';
import { keyOf } from '../places.ts';

type Doing = Pick<PartitionProgress, 'doing' | 'detail'>;

interface Seen {
  doing: PartitionProgress['doing'];
  position: number;
  sinceMs: number;
}

export class Watch<K, V, H> {
  readonly #clock: Clock;
  readonly #intake: Intake<K, V, H>;
  /** What was seen of each partition, where, and when first. */
  #seen = new Map<string, Seen>();

  constructor(clock: Clock, intake: Intake<K, V, H>) {
    this.#clock = clock;
    this.#intake = intake;
  }

  /** All partitions. `isAsked`: the user waits for more right now. */
  look(isAsked: boolean): PartitionProgress[] {
    const nowMs = this.#clock.nowMs();
    const seen = new Map<string, Seen>();
    const told = this.#intake.all().map((one): PartitionProgress => {
      const { topic, partition } = one;
      const { runner } = this.#intake;
      // To the user's eyes it stands at the first record that he, or his handlers, have not finished.
      const position = Math.max(0, one.finished >= 0 && (runner !== null || this.#intake.isGiven(one)) ? one.finished : one.position);
      const ran = runner?.progress(topic, partition) ?? null;
      if (ran !== null) return { topic, partition, position, ...ran };
      const { doing, detail } = this.#doing(one, isAsked);
      const key = keyOf(one);
      const before = this.#seen.get(key);
      const isSame = before?.doing === doing && before.position === position;
      const sinceMs = isSame ? before.sinceMs : nowMs;
      seen.set(key, { doing, position, sinceMs });
      return { topic, partition, position, doing, sinceMs, detail };
    });
    this.#seen = seen;
    return told;
  }

  #doing(one: Held<K, V, H>, isAsked: boolean): Doing {
    if (one.position < 0)
      return {
        doing: 'stopped',
        detail: 'the group has committed nothing of it, and it waits for its host to say where it begins, or for a seek',
      };
    if (one.paused) return { doing: 'paused', detail: '' };
    if (one.held) return { doing: 'queue-full', detail: 'its handler has enough to do' };
    if (this.#intake.isGiven(one) && !isAsked) return { doing: 'handling', detail: '' };
    const isBehind = one.position < this.#intake.highWatermark(one);
    if (isBehind && !isAsked) return { doing: 'queue-full', detail: 'records are here and nobody asks for them' };
    return isBehind ? { doing: 'fetching', detail: '' } : { doing: 'idle', detail: '' };
  }
}
