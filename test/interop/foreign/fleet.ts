/**
 * Members of foreign clients in groups over one topic that foreign producers write to: who read what, whatever happens to the broker or
 * the groups meanwhile. Nothing acknowledged may be missing in any group, and no group may stand still.
 */
import { pause } from './cases/trial.ts';
import { type ForeignClient, foreignClients } from './clients.ts';
import type { Assignor, Place, Witness } from './witness.ts';

export interface Members {
  client: string;
  assignor: Assignor;
}

interface Member extends Members {
  name: string;
  owned: number[];
  /** When it was asked last what it has got, of those asks that it has answered. */
  askedMs: number;
}

interface Group {
  name: string;
  members: Member[];
  read: Set<string>;
  /** Acknowledged, and not read yet. */
  unread: Set<string>;
  repeated: number;
  errors: Map<string, number>;
}

const keyOf = ({ partition, offset }: Place): string => `${partition} ${offset}`;

export class Fleet {
  readonly #bootstrap: string;
  readonly #topic: string;
  readonly #witnesses = new Map<string, Witness>();
  readonly #groups = new Map<string, Group>();
  /** When each record was acknowledged. */
  readonly #written = new Map<string, number>();
  #slowestMs = 0;
  #lastMember = 0;
  #lastRecord = 0;

  constructor(bootstrap: string, topic: string) {
    this.#bootstrap = bootstrap;
    this.#topic = topic;
  }

  async open(clients: readonly string[]): Promise<void> {
    await Promise.all(
      clients.map(async (name) => {
        const client = foreignClients.find((one) => one.name === name) as ForeignClient;
        this.#witnesses.set(name, await client.open(this.#bootstrap));
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#witnesses.values()].map((witness) => witness.close()));
  }

  witness(client: string): Witness {
    const witness = this.#witnesses.get(client);
    if (witness === undefined) throw new Error(`${client} was not opened`);
    return witness;
  }

  async join(group: string, { client, assignor }: Members): Promise<void> {
    const name = `${group}-${client.replaceAll(/[^\w-]/g, '')}-${++this.#lastMember}`;
    await this.witness(client).ask('join', { member: name, group, topics: [this.#topic], assignor, withinMs: 60_000 });
    this.#group(group).members.push({ name, client, assignor, owned: [], askedMs: performance.now() });
  }

  /** The member at that place. */
  async leave(group: string, at: number): Promise<void> {
    const state = this.#group(group);
    const [member] = state.members.splice(at, 1);
    const { taken, errors } = await this.witness(member.client).ask('leave', { member: member.name, withinMs: 60_000 });
    this.#note(state, taken, errors);
  }

  members(group: string): readonly Members[] {
    return this.#group(group).members;
  }

  /** Records with keys; resolves when the client has been told of all of them. */
  async send(client: string, count: number, withinMs = 60_000): Promise<void> {
    const records = Array.from({ length: count }, () => {
      const text = Buffer.from(`${client} ${++this.#lastRecord}`).toString('base64');
      return { key: text, value: text, headers: [] };
    });
    const { placed = [] } = await this.witness(client).ask('produce', {
      topic: this.#topic,
      codec: 'none',
      idempotent: true,
      records,
      withinMs,
    });
    const nowMs = performance.now();
    for (const place of placed) {
      const key = keyOf(place);
      this.#written.set(key, nowMs);
      for (const { read, unread } of this.#groups.values()) if (!read.has(key)) unread.add(key);
    }
  }

  /** Asks every member what it has got. */
  async poll(): Promise<void> {
    const all = [...this.#groups.values()].flatMap((group) => group.members.map((member) => ({ group, member })));
    await Promise.all(
      all.map(async ({ group, member }) => {
        const askedMs = performance.now();
        const { owned, taken, errors } = await this.witness(member.client).ask('poll', { member: member.name });
        member.askedMs = askedMs;
        member.owned = owned[this.#topic] ?? [];
        this.#note(group, taken, errors);
      }),
    );
  }

  /** Polls until every group has read all that was acknowledged. */
  async untilRead(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    for (;;) {
      await this.poll();
      const late = this.late(0);
      if (late.length === 0) return;
      if (performance.now() > end)
        throw new Error(`not read within ${withinMs} ms: ${late.join('; ')}\n${JSON.stringify(this.report(), null, 1)}`);
      await pause(50);
    }
  }

  /**
   * Groups with members that have not read what was acknowledged so long ago, in words. Counted from when the members were asked last: one
   * round of asking waits for the slowest client, and on a busy machine that alone took longer than a stall.
   */
  late(ms: number): string[] {
    return [...this.#groups.values()]
      .filter(({ members }) => members.length > 0)
      .flatMap(({ name, unread, members }) => {
        const before = Math.min(...members.map(({ askedMs }) => askedMs)) - ms;
        const missing = [...unread].filter((key) => (this.#written.get(key) ?? 0) <= before);
        const owned = members.map(({ name, owned }) => `${name} has ${owned.join(',') || 'nothing'}`);
        return missing.length === 0 ? [] : [`${name} has not read ${missing.length} (${missing.slice(0, 5)}); ${owned.join(', ')}`];
      });
  }

  /** The longest from an acknowledgement until a group was seen to have read the record. */
  get slowestMs(): number {
    return Math.round(this.#slowestMs);
  }

  report(): { written: number; groups: Record<string, object> } {
    const groups = [...this.#groups.values()].map(({ name, read, repeated, members, errors }) => [
      name,
      { members: members.length, read: read.size, repeated, errors: Object.fromEntries(errors) },
    ]);
    return { written: this.#written.size, groups: Object.fromEntries(groups) };
  }

  #group(name: string): Group {
    const group = this.#groups.get(name) ?? {
      name,
      members: [],
      read: new Set(),
      unread: new Set(this.#written.keys()),
      repeated: 0,
      errors: new Map(),
    };
    this.#groups.set(name, group);
    return group;
  }

  #note(group: Group, taken: readonly Place[], errors: readonly string[]): void {
    for (const place of taken) {
      const key = keyOf(place);
      if (group.read.has(key)) group.repeated++;
      else this.#slowestMs = Math.max(this.#slowestMs, performance.now() - (this.#written.get(key) ?? Number.POSITIVE_INFINITY));
      group.read.add(key);
      group.unread.delete(key);
    }
    for (const error of errors) group.errors.set(error.slice(0, 200), (group.errors.get(error.slice(0, 200)) ?? 0) + 1);
  }
}
