/**
 * The watchdog: tells a member that is assigned, has records to read and gets nowhere from a healthy one. It remembers what members say
 * of themselves and when each partition last moved on; what it is shown at each look (groups, commits, ends of logs) it is given.
 *
 * A partition moves on when its group commits, when its member says that it has got further, or when there is nothing left to read.
 */
import type { MemberDescription, PartitionProgress } from '../groups/protocol.ts';

/** A partition that a member owns, as it is now. */
export interface Owned {
  topic: string;
  partition: number;
  member: MemberDescription;
  /** −1: nothing is committed. */
  committed: number;
  /** −1: the host has not said. */
  startOffset: number;
  highWatermark: number;
}

/** What is remembered of a partition of a group between two looks. */
export interface Standing {
  memberId: string;
  committed: number;
  position: number;
  /** Where the log ended when it was first seen: what a member that tells and commits nothing has to read lies behind it. */
  endAtFirst: number;
  /** When it last moved on: on the clock of deadlines, and on the wall's. */
  movedAtMs: number;
  sinceMs: number;
  isStalled: boolean;
}

export interface Turned {
  kind: 'stalled' | 'resumed';
  groupId: string;
  owned: Owned;
  standing: Standing;
  lag: number;
}

export interface Now {
  nowMs: number;
  monotonicMs: number;
}

export class Watchdog {
  /** By group, member and partition. */
  readonly #told = new Map<string, Map<string, Map<string, PartitionProgress>>>();
  /** By group and partition. */
  readonly #standings = new Map<string, Map<string, Standing>>();

  /** What a member says of all that it owns; what it said before counts no more. */
  told(groupId: string, memberId: string, partitions: readonly PartitionProgress[]): void {
    let members = this.#told.get(groupId);
    if (members === undefined) {
      members = new Map();
      this.#told.set(groupId, members);
    }
    members.set(memberId, new Map(partitions.map((one) => [placeOf(one), one])));
  }

  progressOf(groupId: string, memberId: string, place: { topic: string; partition: number }): PartitionProgress | undefined {
    return this.#told.get(groupId)?.get(memberId)?.get(placeOf(place));
  }

  standingOf(groupId: string, place: { topic: string; partition: number }): Standing | undefined {
    return this.#standings.get(groupId)?.get(placeOf(place));
  }

  /** A look at every group that has members: what has stalled since the last look, and what goes on again. Groups not shown are forgotten. */
  look(groups: ReadonlyMap<string, readonly Owned[]>, stallMs: number, now: Now): Turned[] {
    for (const groupId of [...this.#standings.keys(), ...this.#told.keys()]) if (!groups.has(groupId)) this.forget(groupId);
    const turned: Turned[] = [];
    for (const [groupId, owned] of groups) turned.push(...this.#lookAt(groupId, owned, stallMs, now));
    return turned;
  }

  forget(groupId: string): void {
    this.#standings.delete(groupId);
    this.#told.delete(groupId);
  }

  #lookAt(groupId: string, owned: readonly Owned[], stallMs: number, now: Now): Turned[] {
    const before = this.#standings.get(groupId);
    const after = new Map<string, Standing>();
    const turned: Turned[] = [];
    const members = new Set(owned.map(({ member }) => member.memberId));
    const told = this.#told.get(groupId);
    for (const memberId of told?.keys() ?? []) if (!members.has(memberId)) told?.delete(memberId);
    for (const one of owned) {
      const position = this.progressOf(groupId, one.member.memberId, one)?.position ?? -1;
      const known = before?.get(placeOf(one));
      const standing = moved(known, one, position, now);
      after.set(placeOf(one), standing);
      const lag = lagOf(one, standing);
      if (lag === 0) Object.assign(standing, { movedAtMs: now.monotonicMs, sinceMs: now.nowMs });
      const isStalled = lag > 0 && now.monotonicMs - standing.movedAtMs >= stallMs;
      if (isStalled !== standing.isStalled) turned.push({ kind: isStalled ? 'stalled' : 'resumed', groupId, owned: one, standing, lag });
      standing.isStalled = isStalled;
    }
    this.#standings.set(groupId, after);
    return turned;
  }
}

/** Records that wait to be read; 0 when that is not known. */
export function lagOf(
  { highWatermark, committed }: Pick<Owned, 'highWatermark' | 'committed'>,
  standing: Pick<Standing, 'position' | 'endAtFirst'>,
): number {
  if (highWatermark < 0) return 0;
  // What is read and not committed is not done yet: a member that commits is measured by that.
  const done = committed >= 0 ? committed : standing.position >= 0 ? standing.position : standing.endAtFirst;
  return done < 0 ? 0 : Math.max(0, highWatermark - done);
}

function moved(known: Standing | undefined, owned: Owned, position: number, now: Now): Standing {
  const { committed, highWatermark, member } = owned;
  const isSame = known !== undefined && known.memberId === member.memberId;
  if (isSame && known.endAtFirst < 0) known.endAtFirst = highWatermark;
  if (isSame && known.committed === committed && known.position === position) return known;
  // A new owner has its own time to begin; a stall that was told ends when something moves, not with a change of hands.
  return {
    memberId: member.memberId,
    committed,
    position,
    endAtFirst: isSame ? known.endAtFirst : highWatermark,
    movedAtMs: now.monotonicMs,
    sinceMs: now.nowMs,
    isStalled: known?.isStalled ?? false,
  };
}

export function placeOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}\u0000${partition}`;
}
