/** Facts of groups and their members in their tables. A member is one JSON text: it is read whole, at start, and by nobody else. */
import { unreachable } from '../../base/assert.ts';
import type { GroupRow, MemberRow, StoredGroupFact } from '../groups/facts.ts';
import type { GroupType } from '../groups/protocol.ts';
import type { Sqlite } from './sqlite.ts';

interface StoredGroup {
  key: number;
  group_id: string;
  type: string;
  epoch: number;
  assignment_epoch: number;
  assignor: string;
  protocol_type: string;
  leader: string;
  topics_digest: string;
  empty_since_ms: number;
}

export class GroupTables {
  readonly #statements;
  /** What was looked up; forgotten with every group that goes and every transaction that fails. */
  readonly #keys = new Map<string, number>();

  constructor(database: Sqlite) {
    this.#statements = prepare(database);
  }

  load(): StoredGroupFact[] {
    const members = Map.groupBy(this.#statements.allMembers.all(), ({ group_key }) => group_key);
    return this.#statements.allGroups.all().map((stored) => {
      this.#keys.set(stored.group_id, stored.key);
      const rows = (members.get(stored.key) ?? []).map(({ row }) => memberOf(row));
      return { fact: 'groupReplaced', group: groupOf(stored), members: rows };
    });
  }

  write(fact: StoredGroupFact): void {
    const statements = this.#statements;
    switch (fact.fact) {
      case 'groupReplaced':
        return this.#replace(fact.group, fact.members);
      case 'groupChanged':
        this.#put(fact.group);
        return;
      case 'memberChanged':
        statements.putMember.run(this.keyOf(fact.groupId), fact.member.memberId, textOf(fact.member));
        return;
      case 'memberGone':
        statements.dropMember.run(this.keyOf(fact.groupId), fact.memberId);
        return;
      case 'groupGone':
        statements.dropMembers.run(this.keyOf(fact.groupId));
        statements.dropGroup.run(fact.groupId);
        this.#keys.delete(fact.groupId);
        return;
      default:
        unreachable(fact);
    }
  }

  /** The number that names a group in other tables; −1 when there is no such group. */
  keyOf(groupId: string): number {
    let key = this.#keys.get(groupId);
    if (key === undefined) {
      key = this.#statements.groupKey.get(groupId) ?? -1;
      if (key >= 0) this.#keys.set(groupId, key);
    }
    return key;
  }

  /** By the number that names it in other tables. */
  ids(): Map<number, string> {
    return new Map([...this.#keys].map(([groupId, key]) => [key, groupId]));
  }

  forgetKeys(): void {
    this.#keys.clear();
  }

  #replace(group: GroupRow, members: readonly MemberRow[]): void {
    const before = this.#statements.groupType.get(group.groupId);
    this.#put(group);
    const key = this.keyOf(group.groupId);
    // As in the state: who stays keeps his place, unless the group has changed its protocol.
    if (before !== group.type) this.#statements.dropMembers.run(key);
    const kept = new Set(members.map(({ memberId }) => memberId));
    for (const memberId of this.#statements.memberIds.all(key)) if (!kept.has(memberId)) this.#statements.dropMember.run(key, memberId);
    for (const member of members) this.#statements.putMember.run(key, member.memberId, textOf(member));
  }

  #put(group: GroupRow): void {
    const { groupId, type, epoch, assignmentEpoch, assignor, protocolType, leader, topicsDigest, emptySinceMs } = group;
    this.#statements.putGroup.run(groupId, type, epoch, assignmentEpoch, assignor, protocolType, leader, topicsDigest, emptySinceMs);
  }
}

function groupOf(stored: StoredGroup): GroupRow {
  return {
    groupId: stored.group_id,
    type: stored.type as GroupType,
    epoch: stored.epoch,
    assignmentEpoch: stored.assignment_epoch,
    assignor: stored.assignor,
    protocolType: stored.protocol_type,
    leader: stored.leader,
    topicsDigest: stored.topics_digest,
    emptySinceMs: stored.empty_since_ms,
  };
}

/** The fields of bytes are the only ones that JSON has no word for. */
function textOf(member: MemberRow): string {
  const protocols = member.protocols?.map(({ name, metadata }) => ({ name, metadata: base64Of(metadata) })) ?? null;
  return JSON.stringify({ ...member, protocols, assignmentBytes: base64Of(member.assignmentBytes) });
}

type StoredMember = Omit<MemberRow, 'protocols' | 'assignmentBytes'> & {
  protocols: { name: string; metadata: string }[] | null;
  assignmentBytes: string;
};

function memberOf(text: string): MemberRow {
  const stored = JSON.parse(text) as StoredMember;
  const protocols = stored.protocols?.map(({ name, metadata }) => ({ name, metadata: bytesOf(metadata) })) ?? null;
  return { ...stored, protocols, assignmentBytes: bytesOf(stored.assignmentBytes) };
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** An array of its own: it may be transferred to another thread. */
function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function prepare(database: Sqlite) {
  return {
    allGroups: database.prepare<[], StoredGroup>('SELECT * FROM groups ORDER BY key'),
    allMembers: database.prepare<[], { group_key: number; row: string }>('SELECT group_key, row FROM members ORDER BY place'),
    groupKey: database.prepare<[string], number>('SELECT key FROM groups WHERE group_id = ?').pluck(),
    groupType: database.prepare<[string], string>('SELECT type FROM groups WHERE group_id = ?').pluck(),
    putGroup: database.prepare<[string, string, number, number, string, string, string, string, number]>(`
      INSERT INTO groups (group_id, type, epoch, assignment_epoch, assignor, protocol_type, leader, topics_digest, empty_since_ms)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (group_id) DO UPDATE SET type = excluded.type, epoch = excluded.epoch, assignment_epoch = excluded.assignment_epoch,
        assignor = excluded.assignor, protocol_type = excluded.protocol_type, leader = excluded.leader,
        topics_digest = excluded.topics_digest, empty_since_ms = excluded.empty_since_ms`),
    dropGroup: database.prepare<[string]>('DELETE FROM groups WHERE group_id = ?'),
    memberIds: database.prepare<[number], string>('SELECT member_id FROM members WHERE group_key = ?').pluck(),
    putMember: database.prepare<[number, string, string]>(`
      INSERT INTO members (group_key, member_id, row) VALUES (?, ?, ?)
      ON CONFLICT (group_key, member_id) DO UPDATE SET row = excluded.row`),
    dropMember: database.prepare<[number, string]>('DELETE FROM members WHERE group_key = ? AND member_id = ?'),
    dropMembers: database.prepare<[number]>('DELETE FROM members WHERE group_key = ?'),
  };
}
