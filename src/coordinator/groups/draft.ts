/**
 * A group as a decision is changing it: reads see the changes so far, the state below stays as it is, and `end` tells the facts.
 * Members that are not touched cost nothing, so that a heartbeat is as cheap in a group of thousands.
 */
import { assert } from '../../base/assert.ts';
import type { CoordinatorReply } from '../protocol.ts';
import type { GroupDecision, GroupReply, GroupSurroundings } from './decision.ts';
import type { GroupFact, GroupRow, Member, MemberLive, MemberRow, Partitions, Round, Waiting } from './facts.ts';
import type { GroupEvent, GroupType } from './protocol.ts';
import { type Group, NEVER, ownerOf } from './state.ts';

export class Draft {
  readonly around: GroupSurroundings;
  row: GroupRow;
  round: Round | null;
  readonly replies: GroupReply[] = [];
  readonly #base: Group | undefined;
  readonly #changed = new Map<string, Member>();
  readonly #gone = new Set<string>();
  readonly #events: GroupEvent[] = [];
  #size: number;
  #isSaved: boolean;
  #isRowSaved = false;
  #isChecked = false;
  #isRefused = false;

  /** `row` is given for a group that is not there yet. */
  constructor(base: Group | undefined, around: GroupSurroundings, row?: GroupRow) {
    const begun = row ?? base?.row;
    assert(begun !== undefined, 'a group that is not there begins with a row');
    this.#base = base;
    this.around = around;
    this.row = begun;
    this.round = base?.round ?? null;
    this.#size = base?.members.size ?? 0;
    this.#isSaved = base === undefined;
  }

  get groupId(): string {
    return this.row.groupId;
  }

  get size(): number {
    return this.#size;
  }

  get(memberId: string): Member | undefined {
    if (this.#gone.has(memberId)) return undefined;
    return this.#changed.get(memberId) ?? this.#base?.members.get(memberId);
  }

  /** A member that the caller knows to be there. */
  member(memberId: string): Member {
    const member = this.get(memberId);
    assert(member !== undefined, `a member is asked for that the group has, not ${memberId}`);
    return member;
  }

  /** The member that has this instance id. */
  static(instanceId: string): Member | undefined {
    for (const member of this.#changed.values()) if (member.row.instanceId === instanceId) return member;
    const memberId = this.#base?.instances.get(instanceId);
    const member = memberId === undefined ? undefined : this.get(memberId);
    return member?.row.instanceId === instanceId ? member : undefined;
  }

  /** Every member, in the order in which they came. */
  all(): Member[] {
    const all: Member[] = [];
    for (const [memberId, member] of this.#base?.members ?? []) {
      if (!this.#gone.has(memberId)) all.push(this.#changed.get(memberId) ?? member);
    }
    for (const [memberId, member] of this.#changed) if (this.#base?.members.has(memberId) !== true) all.push(member);
    return all;
  }

  /** Who owns a partition of a consumer group, or has not given it up yet. */
  ownerOf(topicId: string, partition: number): string | undefined {
    const owner = this.#base?.row.type === 'consumer' ? ownerOf(this.#base, topicId, partition) : undefined;
    if (owner !== undefined && !this.#gone.has(owner) && !this.#changed.has(owner)) return owner;
    for (const { row } of this.#changed.values()) {
      if (holds(row.assigned, topicId, partition) || holds(row.revoking, topicId, partition)) return row.memberId;
    }
    return undefined;
  }

  put(row: MemberRow, live: MemberLive): void {
    if (this.get(row.memberId) === undefined) this.#size++;
    assert(!this.#gone.has(row.memberId), 'a member that went does not come back within one decision');
    this.#changed.set(row.memberId, { row, live });
  }

  /** Changes what only the living know of a member. */
  touch(memberId: string, live: Partial<MemberLive>): void {
    const member = this.member(memberId);
    this.put(member.row, { ...member.live, ...live });
  }

  /** It was heard: its session begins anew. */
  heard(memberId: string, sessionMs: number): void {
    const { nowMs, monotonicMs } = this.around;
    this.touch(memberId, { heardMs: nowMs, sessionByMs: sessionMs === NEVER ? NEVER : monotonicMs + sessionMs });
  }

  remove(memberId: string): void {
    if (this.get(memberId) === undefined) return;
    this.#size--;
    this.#changed.delete(memberId);
    if (this.#base?.members.has(memberId) === true) this.#gone.add(memberId);
  }

  change(row: Partial<GroupRow>): void {
    this.row = { ...this.row, ...row };
  }

  /** Stores the group as a whole. */
  save(): void {
    this.#isSaved = true;
  }

  /** Stores the group's own row; its members stay as they are stored. */
  saveRow(): void {
    this.#isRowSaved = true;
  }

  /** Every deadline was looked at. */
  checked(): void {
    this.#isChecked = true;
  }

  tell(kind: GroupEvent['kind'], memberId: string, text: string): void {
    this.#events.push({ atMs: this.around.nowMs, epoch: this.row.epoch, kind, memberId, text });
  }

  reply(token: number, reply: CoordinatorReply): void {
    this.replies.push({ token, reply });
  }

  /** The ask is refused: nothing of what was drafted for it happens. */
  refuse(token: number, reply: CoordinatorReply): void {
    this.#isRefused = true;
    this.replies.length = 0;
    this.reply(token, reply);
  }

  end(): GroupDecision {
    if (this.#isRefused) return { facts: [], replies: this.replies };
    const facts: GroupFact[] = [];
    const groupId = this.groupId;
    const isEmpty = this.#size === 0;
    if (isEmpty !== (this.row.emptySinceMs !== -1)) this.change({ emptySinceMs: isEmpty ? this.around.nowMs : -1 });
    if (this.#isSaved || this.row.type !== this.#base?.row.type) {
      facts.push({ fact: 'groupReplaced', group: this.row, members: this.all().map(({ row }) => row) });
    } else if (this.row.type === 'consumer') {
      // Who goes, goes first: what it had is free for those who come.
      for (const memberId of this.#gone) facts.push({ fact: 'memberGone', groupId, memberId });
      for (const { row } of this.#changed.values()) {
        if (row !== this.#base?.members.get(row.memberId)?.row) facts.push({ fact: 'memberChanged', groupId, member: row });
      }
      if (this.row !== this.#base.row) facts.push({ fact: 'groupChanged', group: this.row });
    } else if (this.#isRowSaved) facts.push({ fact: 'groupChanged', group: this.row });
    const hasMoved = this.row !== this.#base?.row || this.#changed.size > 0 || this.#gone.size > 0 || this.round !== this.#base?.round;
    if (hasMoved || this.#events.length > 0 || this.#isChecked) {
      facts.push({
        fact: 'groupMoved',
        group: this.row,
        round: this.row.type === 'classic' ? this.round : null,
        members: [...this.#changed.values()],
        gone: [...this.#gone],
        events: this.#events,
        isChecked: this.#isChecked,
      });
    }
    return { facts, replies: this.replies };
  }
}

/** A group that is not there yet. */
export function blankGroup(groupId: string, type: GroupType, { nowMs }: GroupSurroundings): GroupRow {
  return {
    groupId,
    type,
    epoch: 0,
    assignmentEpoch: type === 'consumer' ? 0 : -1,
    assignor: '',
    protocolType: type === 'consumer' ? 'consumer' : '',
    leader: '',
    topicsDigest: '',
    emptySinceMs: nowMs,
  };
}

/** An ask that is to be answered later. */
export function waiting(ask: { id: number }, token: number): Waiting {
  return { token, id: ask.id };
}

export function holds(partitions: Partitions, topicId: string, partition: number): boolean {
  for (const one of partitions) if (one.topicId === topicId) return one.partitions.includes(partition);
  return false;
}
