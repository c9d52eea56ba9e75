/**
 * Looks after groups that have members: asks the hosts now and then where the logs end, has the watchdog judge who gets nowhere, and
 * explains on request. A look costs one ask per host, and is made only while some group has members.
 */
import { errors } from '../base/errors.ts';
import type { PartitionDescription } from '../partition/protocol.ts';
import type { Clock } from '../world/clock.ts';
import type { Dispatcher } from './dispatchers.ts';
import type { Fact } from './facts.ts';
import type { GroupSurroundings } from './groups/decision.ts';
import { describeGroup, describeMissing } from './groups/describe.ts';
import { emptySinceMs, isMember } from './groups/groups.ts';
import type { GroupDescription } from './groups/protocol.ts';
import { refuseGroupAsk } from './groups/refuse.ts';
import { committedOf } from './offsets/state.ts';
import type { CoordinatorAskOf, CoordinatorNotice, CoordinatorReplyOf } from './protocol.ts';
import type { State } from './state.ts';
import { explain, type Place } from './watch/explain.ts';
import { type Owned, type Turned, Watchdog } from './watch/watchdog.ts';

export interface GroupWatchSetup {
  clock: Clock;
  /** group.stall.ms */
  stallMs: number;
  state(): State;
  around(): GroupSurroundings;
  /** Asks the hosts how partitions stand. */
  describe(slots: readonly number[], done: (partitions: readonly PartitionDescription[]) => void): void;
  tell(notice: CoordinatorNotice): void;
}

interface Explaining {
  dispatcher: Dispatcher;
  ask: CoordinatorAskOf<'explainGroup'>;
  untilMs: number;
}

/** Looks of a stall's length: so soon after it began a stall is told. */
const LOOKS_PER_STALL = 5;
const LOOK_EVERY_MS_MAX = 5000;
/** A host that is busy opening its partitions may not answer for long: then ends are told as unknown. */
const EXPLAIN_MS_MAX = 3000;

export class GroupWatch {
  readonly #setup: GroupWatchSetup;
  readonly #everyMs: number;
  readonly #watchdog = new Watchdog();
  readonly #explaining = new Set<Explaining>();
  #nextLookMs: number;
  #looking = false;
  /** What groups are to remember of the last look. */
  #turned: Turned[] = [];

  constructor(setup: GroupWatchSetup) {
    this.#setup = setup;
    this.#everyMs = Math.min(LOOK_EVERY_MS_MAX, Math.ceil(setup.stallMs / LOOKS_PER_STALL));
    this.#nextLookMs = setup.clock.monotonicMs() + this.#everyMs;
  }

  report(ask: CoordinatorAskOf<'reportProgress'>): CoordinatorReplyOf<'reportProgress'> {
    const { groupId, memberId, partitions, id } = ask;
    if (!isMember(this.#setup.state().groups, groupId, memberId))
      return { verb: 'reportProgress', id, error: errors.UNKNOWN_MEMBER_ID.code };
    this.#watchdog.told(groupId, memberId, partitions);
    return { verb: 'reportProgress', id, error: 0 };
  }

  /** Answers when the hosts have said where the logs end. */
  explain(dispatcher: Dispatcher, ask: CoordinatorAskOf<'explainGroup'>): void {
    const [group] = this.#describe([ask.groupId]);
    if (group.error !== 0) {
      dispatcher.replies.push(refuseGroupAsk(ask, group.error, group.message));
      return;
    }
    const explaining: Explaining = { dispatcher, ask, untilMs: this.#setup.clock.monotonicMs() + EXPLAIN_MS_MAX };
    this.#explaining.add(explaining);
    this.#setup.describe(this.#slotsOf(this.#placesOf(group)), (partitions) => this.#explained(explaining, partitions));
  }

  /** Begins a look when it is time; answers what groups are to remember of the one before. */
  due(): Fact[] {
    const monotonicMs = this.#setup.clock.monotonicMs();
    for (const explaining of this.#explaining) if (monotonicMs >= explaining.untilMs) this.#explained(explaining, []);
    if (monotonicMs >= this.#nextLookMs && !this.#looking) {
      this.#nextLookMs = monotonicMs + this.#everyMs;
      this.#look();
    }
    const turned = this.#turned;
    this.#turned = [];
    return turned.flatMap((one) => this.#remembered(one));
  }

  close(): void {
    for (const { dispatcher, ask } of this.#explaining)
      dispatcher.replies.push(refuseGroupAsk(ask, errors.CLOSED.code, 'the bus is closing'));
    this.#explaining.clear();
  }

  #look(): void {
    const alive: string[] = [];
    for (const [groupId, { members }] of this.#setup.state().groups.byId) if (members.size > 0) alive.push(groupId);
    const places = this.#describe(alive).flatMap(({ members }) => members.flatMap(({ assignment }) => placesIn(assignment)));
    this.#looking = true;
    this.#setup.describe(this.#slotsOf(places), (partitions) => {
      this.#looking = false;
      this.#judge(this.#describe(alive), new Map(partitions.map((one) => [one.slot, one])));
    });
  }

  #judge(groups: readonly GroupDescription[], ends: ReadonlyMap<number, PartitionDescription>): void {
    const { clock, stallMs, tell } = this.#setup;
    const shown = new Map(
      groups.map(({ groupId, members }): [string, Owned[]] => [
        groupId,
        members.flatMap((member) => placesIn(member.assignment).map((place) => ({ ...this.#stand(groupId, place, ends), member }))),
      ]),
    );
    const nowMs = clock.nowMs();
    for (const one of this.#watchdog.look(shown, stallMs, { nowMs, monotonicMs: clock.monotonicMs() })) {
      const group = groups.find(({ groupId }) => groupId === one.groupId);
      if (group === undefined) continue;
      const { text: why, position } = this.#explainOne(group, one.owned, nowMs);
      const { topic, partition, member, committed, highWatermark } = one.owned;
      const { memberId, clientId, clientHost } = member;
      const where = { groupId: one.groupId, topic, partition, memberId, clientId, clientHost, committed, position, highWatermark };
      const fields = { ...where, lag: one.lag, sinceMs: one.standing.sinceMs, why };
      if (one.kind === 'stalled') tell({ notice: 'event', name: 'groupStalled', fields });
      else tell({ notice: 'event', name: 'groupResumed', fields });
      this.#turned.push(one);
    }
  }

  #remembered({ kind, groupId, owned: { topic, partition, member }, lag }: Turned): Fact[] {
    const group = this.#setup.state().groups.byId.get(groupId);
    if (group === undefined) return [];
    const text = kind === 'stalled' ? `${topic}-${partition} has stalled, ${lag} records behind` : `${topic}-${partition} goes on`;
    const event = { atMs: this.#setup.clock.nowMs(), epoch: group.row.epoch, text, kind, memberId: member.memberId };
    const { row, round } = group;
    return [{ fact: 'groupMoved', group: row, round, members: [], gone: [], events: [event], isChecked: false }];
  }

  #explained(explaining: Explaining, partitions: readonly PartitionDescription[]): void {
    if (!this.#explaining.delete(explaining)) return;
    const { dispatcher, ask } = explaining;
    const [group] = this.#describe([ask.groupId]);
    const nowMs = this.#setup.clock.nowMs();
    const ends = new Map(partitions.map((one) => [one.slot, one]));
    const rows = this.#placesOf(group).map((place) => this.#explainOne(group, this.#stand(ask.groupId, place, ends), nowMs));
    const { error, message } = group;
    dispatcher.replies.push({ verb: 'explainGroup', id: ask.id, error, message, group, partitions: rows });
  }

  #explainOne(group: GroupDescription, place: Place, nowMs: number) {
    const { groupId } = group;
    const { groups } = this.#setup.state();
    const owner = group.members.find(({ assignment }) =>
      assignment.some((one) => one.topic === place.topic && one.partitions.includes(place.partition)),
    );
    return explain({
      place,
      group,
      history: groups.byId.get(groupId)?.history ?? [],
      progress: owner === undefined ? undefined : this.#watchdog.progressOf(groupId, owner.memberId, place),
      standing: this.#watchdog.standingOf(groupId, place),
      emptySinceMs: emptySinceMs(groups, groupId),
      nowMs,
    });
  }

  #stand(groupId: string, { topic: name, partition }: Named, ends: ReadonlyMap<number, PartitionDescription>): Place {
    const state = this.#setup.state();
    const topic = state.byName.get(name);
    const committed = topic === undefined ? undefined : committedOf(state.offsets, groupId, topic.topicId, partition);
    const end = topic === undefined ? undefined : ends.get(topic.slots[partition]);
    const { startOffset = -1, highWatermark = -1 } = end ?? {};
    return { topic: name, partition, committed: committed?.offset ?? -1, startOffset, highWatermark };
  }

  #describe(groupIds: string[]): GroupDescription[] {
    const { state, around } = this.#setup;
    const { byId } = state().groups;
    return groupIds.map((groupId) => {
      const group = byId.get(groupId);
      return group === undefined ? describeMissing(groupId) : describeGroup(group, around());
    });
  }

  /** All that members have, are to have or subscribe to, and all that has something committed. */
  #placesOf({ groupId, members }: GroupDescription): Named[] {
    const state = this.#setup.state();
    const found = new Map<string, Named>();
    const add = (topic: string, partition: number): void => {
      found.set(`${topic}\u0000${partition}`, { topic, partition });
    };
    for (const { assignment, targetAssignment, subscribedTopics } of members) {
      for (const { topic, partition } of [...placesIn(assignment), ...placesIn(targetAssignment)]) add(topic, partition);
      for (const name of subscribedTopics) {
        const count = state.byName.get(name)?.slots.length ?? 0;
        for (let partition = 0; partition < count; partition++) add(name, partition);
      }
    }
    for (const [topicId, partitions] of state.offsets.byGroup.get(groupId) ?? []) {
      const name = state.byId.get(topicId)?.name;
      if (name !== undefined) for (const partition of partitions.keys()) add(name, partition);
    }
    return [...found.values()].sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition));
  }

  #slotsOf(places: readonly Named[]): number[] {
    const { byName } = this.#setup.state();
    const slots = new Set<number>();
    for (const { topic, partition } of places) {
      const slot = byName.get(topic)?.slots[partition];
      if (slot !== undefined) slots.add(slot);
    }
    return [...slots];
  }
}

interface Named {
  topic: string;
  partition: number;
}

function placesIn(assignment: readonly { topic: string; partitions: readonly number[] }[]): Named[] {
  return assignment.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
