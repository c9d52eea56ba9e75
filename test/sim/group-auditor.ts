/**
 * Watches groups from outside: what the coordinators have stored, what members were told that they own, what they were given and what was
 * committed for them. It knows no machine of either protocol; what it compares are facts and claims.
 *
 *   - a partition has one owner: by the stored rows at every moment, and by what members were told in every generation
 *   - a member that keeps its place keeps a partition until it has given it up
 *   - commits are those of members that may, never go back, and never pass over what nobody was given
 */
import { decodeAssignment } from '../../src/assign/consumer-protocol.ts';
import type { Fact } from '../../src/coordinator/facts.ts';
import type { GroupRow, MemberRow } from '../../src/coordinator/groups/facts.ts';
import type { CoordinatorAskOf } from '../../src/coordinator/protocol.ts';
import type { Auditor, Cursor, SeenRecord } from './auditor.ts';

export type CommitAsk = CoordinatorAskOf<'offsetCommit'>;

/** What a claim needs of the consumer that makes it. */
export interface Claimant {
  readonly name: string;
  /** One who comes back under this name takes the place that it had, in the same generation. */
  readonly instanceId: string | null;
  groupMetadata(): { memberId: string; epoch: number };
  /** Whether it holds this partition by now. */
  holds(topic: string, partition: number): boolean;
  position(topic: string, partition: number): number;
}

/** A partition that a member was told to be its own. */
interface Claim {
  readonly claimant: Claimant;
  readonly groupId: string;
  readonly memberId: string;
  readonly key: string;
  readonly fromEpoch: number;
  /** The last that it is known to be held in. */
  toEpoch: number;
  /** Which group of this name it was. */
  readonly era: number;
  open: boolean;
  /** It has been told to give it up, and the group may go on before it has. */
  revoked: boolean;
  readonly cursor: Cursor;
}

/** How far a group is with a partition. */
export interface Standing {
  groupId: string;
  partition: string;
  /** −1: nobody reads it. */
  position: number;
  end: number;
  /** Who holds it. */
  names: string[];
}

export function isBehind({ position, end }: Standing): boolean {
  return end > 0 && position < end;
}

export function tellStanding({ groupId, partition, position, end, names }: Standing): string {
  return `${groupId} is at ${partition}@${position} of ${end}, held by ${names.length === 0 ? 'nobody' : names.join(' and ')}`;
}

interface StoredGroup {
  row: GroupRow;
  members: Map<string, MemberRow>;
  /** Member ids by partition ("name-partition"). */
  owners: Map<string, string>;
}

export class GroupAuditor {
  readonly counts = { claims: 0, generations: 0, commits: 0, resets: 0, membersGone: 0, groupRecords: 0 };
  readonly #auditor: Auditor;
  readonly #groups = new Map<string, StoredGroup>();
  readonly #names = new Map<string, string>();
  /** How many groups of each name are gone: the next one counts its epochs anew. */
  readonly #eras = new Map<string, number>();
  /** Of which of them each member was last, by group and member id: who is told late may be of one that is gone, or out of the present one. */
  readonly #erasOfMembers = new Map<string, number>();
  /** By group and partition. */
  readonly #claims = new Map<string, Claim[]>();
  readonly #committed = new Map<string, number>();
  /** One past the highest offset that anyone in the group was given. */
  readonly #given = new Map<string, number>();
  /** Commits that were taken by a coordinator and not answered. */
  readonly #asked = new Set<CommitAsk>();
  /** Logs that may have lost their ends while the group stood behind them: it begins elsewhere, and commits that. */
  readonly #mayGoBack = new Set<string>();

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  // What coordinators do.

  /** A coordinator begins: what the one before had taken and not answered comes to nothing. */
  began(): void {
    this.#asked.clear();
  }

  asked(ask: CommitAsk): void {
    this.#asked.add(ask);
  }

  answered(ask: CommitAsk): void {
    this.#asked.delete(ask);
  }

  stored(facts: readonly Fact[]): void {
    const changed = new Set<StoredGroup>();
    for (const fact of facts) {
      const group = this.#apply(fact);
      if (group !== null) changed.add(group);
    }
    for (const group of changed) this.#checkOwners(group);
  }

  #apply(fact: Fact): StoredGroup | null {
    switch (fact.fact) {
      case 'topicCreated':
        this.#names.set(fact.topicId, fact.name);
        return null;
      case 'groupReplaced': {
        const group = this.#enter(fact.group);
        const before = group.members;
        group.members = new Map(fact.members.map((row) => [row.memberId, row]));
        for (const { memberId } of fact.members) this.#enroll(fact.group.groupId, memberId);
        for (const memberId of before.keys()) if (!group.members.has(memberId)) this.counts.membersGone++;
        return group;
      }
      case 'groupChanged':
        return this.#enter(fact.group);
      case 'memberChanged': {
        const group = this.#groups.get(fact.groupId);
        if (group === undefined) return this.#lost(`a member of ${fact.groupId} changed, which is not stored`);
        group.members.set(fact.member.memberId, fact.member);
        this.#enroll(fact.groupId, fact.member.memberId);
        return group;
      }
      case 'memberGone': {
        const group = this.#groups.get(fact.groupId);
        if (group?.members.delete(fact.memberId) === true) this.counts.membersGone++;
        return group ?? null;
      }
      case 'groupGone':
        this.#groups.delete(fact.groupId);
        this.#eras.set(fact.groupId, this.#eraOf(fact.groupId) + 1);
        for (const key of [...this.#committed.keys()]) if (key.startsWith(`${fact.groupId} `)) this.#committed.delete(key);
        return null;
      case 'offsetsCommitted':
        for (const { topicId, partition, offset } of fact.rows) this.#commit(fact.groupId, topicId, partition, offset);
        return null;
      case 'offsetsDropped':
        for (const { topicId, partition } of fact.rows) this.#committed.delete(`${fact.groupId} ${this.#names.get(topicId)}-${partition}`);
        return null;
      default:
        return null;
    }
  }

  #enroll(groupId: string, memberId: string): void {
    this.#erasOfMembers.set(`${groupId} ${memberId}`, this.#eraOf(groupId));
  }

  #enter(row: GroupRow): StoredGroup {
    let group = this.#groups.get(row.groupId);
    if (group === undefined) {
      group = { row, members: new Map(), owners: new Map() };
      this.#groups.set(row.groupId, group);
    }
    if (row.epoch < group.row.epoch) this.#auditor.violated(`group ${row.groupId} went from epoch ${group.row.epoch} to ${row.epoch}`);
    if (row.epoch > group.row.epoch) this.counts.generations++;
    group.row = row;
    return group;
  }

  #checkOwners(group: StoredGroup): void {
    const { groupId } = group.row;
    const owners = new Map<string, string>();
    for (const row of group.members.values())
      for (const partition of this.#ownedBy(group, row)) {
        const other = owners.get(partition);
        if (other !== undefined) this.#auditor.violated(`${groupId}: ${partition} belongs to ${other} and to ${row.memberId}`);
        owners.set(partition, row.memberId);
      }
    for (const [partition, before] of group.owners) {
      if (owners.get(partition) === before || !group.members.has(before)) continue;
      // It keeps its place: it must have given this up.
      const held = this.#openClaims(groupId, partition).find(({ memberId }) => memberId === before);
      if (held !== undefined && group.row.type === 'consumer')
        this.#auditor.violated(`${groupId}: ${partition} was taken from ${held.claimant.name}, which holds it and was not fenced`);
    }
    group.owners = owners;
  }

  #ownedBy({ row: { type } }: StoredGroup, row: MemberRow): string[] {
    if (type === 'consumer')
      return [...row.assigned, ...row.revoking].flatMap(({ topicId, partitions }) =>
        partitions.map((partition) => this.#placeOf(topicId, partition)),
      );
    const assignment = decodeAssignment(row.assignmentBytes);
    if (assignment === null) return this.#lost(`${row.memberId} was given an assignment that cannot be read`) ?? [];
    return assignment.partitions.flatMap(({ topic, partitions }) => partitions.map((partition) => `${topic}-${partition}`));
  }

  /** A partition by name; of one topic among several that had a name one after the other, by its id too. */
  #placeOf(topicId: string, partition: number): string {
    const name = this.#names.get(topicId) ?? '';
    return this.#auditor.isPassing(name) ? `${name}#${topicId}-${partition}` : `${name}-${partition}`;
  }

  #eraOf(groupId: string): number {
    return this.#eras.get(groupId) ?? 0;
  }

  #commit(groupId: string, topicId: string, partition: number, offset: number): void {
    this.counts.commits++;
    const topic = this.#names.get(topicId) ?? '';
    const key = `${groupId} ${topic}-${partition}`;
    const by = [...this.#asked].filter(
      (ask) =>
        ask.groupId === groupId && ask.offsets.some((one) => one.topic === topic && one.partition === partition && one.offset === offset),
    );
    const group = this.#groups.get(groupId);
    const isAllowed = ({ memberId }: CommitAsk): boolean => {
      if (memberId === '') return group === undefined || group.members.size === 0;
      const row = group?.members.get(memberId);
      if (group === undefined || row === undefined) return false;
      if (group.row.type === 'consumer') return this.#ownedBy(group, row).includes(this.#placeOf(topicId, partition));
      // What it gives up cooperatively it has finished when its new assignment is stored already.
      const owner = group.owners.get(`${topic}-${partition}`);
      return owner === undefined || owner === memberId;
    };
    if (!by.some(isAllowed)) {
      const who = by.map(({ memberId }) => memberId).join(', ');
      this.#auditor.violated(`${key} was committed at ${offset} by ${who === '' ? 'nobody' : `${who}, which may not`}`);
    }
    // Of one that was made anew under its name, offsets begin anew.
    if (this.#auditor.isPassing(topic)) return;
    if (by.some((ask) => ask.memberId === '' && isAllowed(ask))) {
      // An administrator: the group goes on from there, wherever it was.
      this.counts.resets++;
      this.#committed.set(key, offset);
      this.#given.set(key, offset);
      return;
    }
    const before = this.#committed.get(key) ?? -1;
    if (offset < before && !this.#mayGoBack.has(key)) this.#auditor.violated(`${key} went back from ${before} to ${offset}`);
    this.#committed.set(key, offset);
    const given = this.#given.get(key) ?? 0;
    // What lies between must be gone.
    if (offset > given && !this.#mayGoBack.has(key))
      this.#auditor.passedOver({ name: `the commit of ${groupId}`, topic, partition, next: given }, offset);
  }

  // What members are told.

  assigned(groupId: string, claimant: Claimant, topic: string, partition: number): void {
    this.counts.claims++;
    const { memberId, epoch } = claimant.groupMetadata();
    const place = `${topic}-${partition}`;
    const key = `${groupId} ${place}`;
    this.#checkOwner('assigned', groupId, claimant, topic, partition);
    const claims = this.#claims.get(key) ?? [];
    this.#claims.set(key, claims);
    const era = this.#erasOfMembers.get(`${groupId} ${memberId}`) ?? this.#eraOf(groupId);
    const isPassing = this.#auditor.isPassing(topic);
    for (const other of claims) {
      this.#look(other);
      const isSame = other.claimant === claimant && other.open;
      if (isSame && other.revoked) other.open = false;
      else if (isSame) this.#auditor.violated(`${claimant.name} was assigned ${key} again`);
      else if (
        !isPassing &&
        other.era === era &&
        other.memberId !== memberId &&
        !isSameInstance(other.claimant, claimant) &&
        other.fromEpoch <= epoch &&
        epoch <= other.toEpoch
      )
        this.#auditor.violated(
          `${key} was given to ${claimant.name} in epoch ${epoch}; ${other.claimant.name} has it from ${other.fromEpoch} to ${other.toEpoch}`,
        );
    }
    const cursor = { name: claimant.name, topic, partition, next: claimant.position(topic, partition) };
    this.#begins(key, cursor);
    claims.push({ claimant, groupId, memberId, key, fromEpoch: epoch, toEpoch: epoch, era, open: true, revoked: false, cursor });
  }

  /** What lies between what anyone was given and where it begins must be gone. */
  #begins(key: string, { name, topic, partition, next }: Cursor): void {
    const given = this.#given.get(key) ?? 0;
    if (next > given && !this.#auditor.isPassing(topic) && !this.#mayGoBack.has(key))
      this.#auditor.passedOver({ name, topic, partition, next: given }, next);
  }

  /** It is told to give it up, and has not yet: nobody else has it. */
  revoking(groupId: string, claimant: Claimant, topic: string, partition: number): void {
    this.#checkOwner('revoked', groupId, claimant, topic, partition);
    for (const claim of this.#claimsOf(groupId, claimant, topic, partition)) claim.revoked = true;
  }

  /** By the stored rows: one that keeps its place is told of what is its own. */
  #checkOwner(what: string, groupId: string, claimant: Claimant, topic: string, partition: number): void {
    const group = this.#groups.get(groupId);
    const { memberId } = claimant.groupMetadata();
    if (group?.members.has(memberId) !== true || this.#auditor.isPassing(topic)) return;
    const owner = group.owners.get(`${topic}-${partition}`);
    if (owner !== undefined && owner !== memberId)
      this.#auditor.violated(`${claimant.name} was told that ${groupId} ${topic}-${partition} is ${what}, which is ${owner}'s`);
  }

  /** It has given it up. */
  ended(groupId: string, claimant: Claimant, topic: string, partition: number): void {
    for (const claim of this.#claimsOf(groupId, claimant, topic, partition)) if (claim.revoked) claim.open = false;
  }

  /** It was told that it is others'. */
  hasLost(groupId: string, claimant: Claimant, topic: string, partition: number): void {
    for (const claim of this.#claimsOf(groupId, claimant, topic, partition)) claim.open = false;
  }

  #claimsOf(groupId: string, claimant: Claimant, topic: string, partition: number): Claim[] {
    return (this.#claims.get(`${groupId} ${topic}-${partition}`) ?? []).filter((claim) => claim.claimant === claimant);
  }

  /** Its thread has ended, or the process. */
  claimantEnded(claimant: Claimant): void {
    for (const claims of this.#claims.values()) for (const claim of claims) if (claim.claimant === claimant) claim.open = false;
  }

  read(groupId: string, claimant: Claimant, record: SeenRecord): void {
    this.counts.groupRecords++;
    const key = `${groupId} ${record.topic}-${record.partition}`;
    const claim = this.#claims.get(key)?.findLast((one) => one.claimant === claimant);
    if (claim === undefined) return this.#auditor.violated(`${claimant.name} was given ${key}, which it was not assigned`);
    if (!this.#isOpen(claim)) this.#auditor.violated(`${claimant.name} was given ${key}@${record.offset} after it had given it up`);
    if (record.offset < claim.cursor.next && this.#mayGoBack.has(key)) {
      // The group stood behind the end that the log has now.
      claim.cursor.next = record.offset;
      this.#given.set(key, record.offset);
    }
    if (claim.cursor.next < 0) {
      // Its host could not say where it begins when it was assigned.
      claim.cursor.next = record.offset;
      this.#begins(key, claim.cursor);
    }
    this.#auditor.read(claim.cursor, record);
    if (!this.#auditor.isPassing(record.topic)) this.#given.set(key, Math.max(this.#given.get(key) ?? 0, record.offset + 1));
  }

  /** It reads again from where it stands: what was not handled comes again. */
  goesBack(claimant: Claimant): void {
    for (const claims of this.#claims.values())
      for (const claim of claims) {
        if (claim.claimant !== claimant || !this.#isOpen(claim)) continue;
        claim.cursor.next = claimant.position(claim.cursor.topic, claim.cursor.partition);
      }
  }

  /** Logs may have lost their ends. */
  lost(): void {
    for (const claims of this.#claims.values()) for (const claim of claims) claim.open = false;
    for (const key of this.#claims.keys()) this.#mayGoBack.add(key);
  }

  /** What a start has found of a log. */
  found(topic: string, partition: number, endOffset: number): void {
    for (const key of this.#claims.keys()) {
      if (!key.endsWith(` ${topic}-${partition}`)) continue;
      const committed = this.#committed.get(key) ?? -1;
      const given = Math.min(this.#given.get(key) ?? 0, endOffset);
      // Where it stands, it may have stood when the log had lost its end and grew again.
      this.#given.set(key, committed <= endOffset ? Math.max(given, committed) : given);
      if (committed <= endOffset) this.#mayGoBack.delete(key);
    }
  }

  /** Where those who hold them are in the partitions of these topics. */
  standings(groupId: string, topics: readonly string[], ends: ReadonlyMap<string, number>): Standing[] {
    return [...ends]
      .filter(([partition]) => topics.includes(split(partition).topic))
      .map(([partition, end]) => {
        const claims = this.#openClaims(groupId, partition);
        const position = Math.max(-1, ...claims.map(({ claimant, cursor }) => claimant.position(cursor.topic, cursor.partition)));
        return { groupId, partition, position, end, names: claims.map(({ claimant }) => claimant.name) };
      });
  }

  /** Partitions of which more was given out than was committed: those aside whose logs have lost their ends, or what was given out. */
  uncommitted(groupId: string): string[] {
    const owed: string[] = [];
    for (const [key, given] of this.#given) {
      const committed = this.#committed.get(key) ?? -1;
      if (!key.startsWith(`${groupId} `) || committed >= given || this.#mayGoBack.has(key)) continue;
      const { topic, number } = split(key.slice(groupId.length + 1));
      if (this.#auditor.mayBeGone(topic, number, Math.max(0, committed))) continue;
      owed.push(`${key} was given out up to ${given} and is committed at ${committed}`);
    }
    return owed;
  }

  tell(): string[] {
    return [...this.#groups.values()].map(({ row, members, owners }) => {
      const all = [...members.values()].map(({ memberId, epoch, state, clientHost }) => `${memberId} (${clientHost}) ${state} in ${epoch}`);
      const owned = [...owners].map(([partition, memberId]) => `${partition} of ${memberId.slice(0, 6)}`);
      return `${row.type} group ${row.groupId} in epoch ${row.epoch}: ${all.join(', ')}; ${owned.join(', ')}`;
    });
  }

  #openClaims(groupId: string, partition: string): Claim[] {
    return (this.#claims.get(`${groupId} ${partition}`) ?? []).filter((claim) => this.#isOpen(claim));
  }

  #isOpen(claim: Claim): boolean {
    this.#look(claim);
    return claim.open;
  }

  #look(claim: Claim): void {
    if (!claim.open) return;
    const { claimant, cursor, memberId } = claim;
    const now = claimant.groupMetadata();
    if (now.memberId !== memberId || !claimant.holds(cursor.topic, cursor.partition)) claim.open = false;
    else claim.toEpoch = Math.max(claim.toEpoch, now.epoch);
  }

  #lost(what: string): null {
    this.#auditor.violated(what);
    return null;
  }
}

function isSameInstance(a: Claimant, b: Claimant): boolean {
  return a.instanceId !== null && a.instanceId === b.instanceId;
}

function split(partition: string): { topic: string; number: number } {
  const at = partition.lastIndexOf('-');
  return { topic: partition.slice(0, at), number: Number(partition.slice(at + 1)) };
}
