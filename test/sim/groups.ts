/** The groups of one simulation, over all its lives: who takes part, whether they got to the end, and what they leave. */
import type { Auditor } from './auditor.ts';
import { GroupAuditor, isBehind, type Standing, tellStanding } from './group-auditor.ts';
import type { GroupPlan, MemberHabits } from './group-plan.ts';
import { type Company, type Seat, takePart } from './members.ts';
import type { User } from './users.ts';

export class Groups implements Company {
  readonly auditor: GroupAuditor;
  readonly seats = new Set<Seat>();
  readonly #auditor: Auditor;
  readonly #plans: readonly GroupPlan[];
  readonly #recesses = new Set<string>();
  #over = false;

  constructor(plans: readonly GroupPlan[], auditor: Auditor) {
    this.#plans = plans;
    this.#auditor = auditor;
    this.auditor = new GroupAuditor(auditor);
  }

  /** A life begins; the first member of each group is on the main thread. */
  begin(members: readonly MemberHabits[], start: (thread: number, run: (user: User) => Promise<void>) => void): void {
    this.#over = false;
    this.seats.clear();
    this.#recesses.clear();
    members.forEach((habits, i) => {
      const isFirst = members.findIndex(({ group }) => group === habits.group) === i;
      start(isFirst ? 0 : i, (user) => takePart(user, this.#plans[habits.group], habits, this));
    });
  }

  isOver(): boolean {
    return this.#over;
  }

  /** Groups whose offsets are moved now and then. */
  get reset(): readonly GroupPlan[] {
    return this.#plans.filter(({ resets }) => resets);
  }

  isInRecess(groupId: string): boolean {
    return this.#recesses.has(groupId);
  }

  /** All members of a group go, and come back when it is over. */
  recess(groupId: string): void {
    this.#recesses.add(groupId);
    for (const seat of this.seats) if (seat.groupId === groupId) seat.interrupt();
  }

  endRecess(groupId: string): void {
    this.#recesses.delete(groupId);
  }

  threadEnded(thread: number): void {
    for (const seat of this.seats) {
      if (seat.thread !== thread) continue;
      this.seats.delete(seat);
      this.auditor.claimantEnded(seat);
    }
  }

  /** The process ended: members are gone, logs may have lost their ends. */
  lost(): void {
    this.auditor.lost();
  }

  /** What no member has got to, or was handled by none and committed. */
  behind(ends: ReadonlyMap<string, number>): string[] {
    return [
      ...this.standings(ends).filter(isBehind).map(tellStanding),
      ...this.#plans.flatMap(({ groupId }) => this.auditor.uncommitted(groupId)),
    ];
  }

  /** Where the groups stand in all that they read. */
  standings(ends: ReadonlyMap<string, number>): Standing[] {
    return this.#plans.flatMap(({ groupId, topics }) => this.auditor.standings(groupId, topics, ends));
  }

  /** Members leave for good. */
  close(): void {
    this.#over = true;
    for (const { consumer } of this.seats) void consumer.close();
  }

  /** Everyone has left in peace: what was handled is committed. */
  checkLeft(): void {
    for (const { groupId } of this.#plans) for (const what of this.auditor.uncommitted(groupId)) this.#auditor.violated(what);
  }

  tell(): string[] {
    const seats = [...this.seats].map(({ name, consumer }) => {
      const { groupId, memberId, epoch } = consumer.groupMetadata();
      const held = consumer.assignment().map(({ topic, partition, position }) => `${topic}-${partition}@${position}`);
      return `${name} is ${memberId} of ${groupId} in epoch ${epoch} with ${held.join(', ')}`;
    });
    return [...this.auditor.tell(), ...seats];
  }
}
