/**
 * Groups under random members of both protocols, by a seed: they join, leave, die, stall and lose answers, topics come and go, the
 * coordinator restarts. At every step the invariants are looked at; at the end the faults stop, and every group has to settle within
 * twice the session timeout.
 */
import { errorName, errors } from '../../src/base/errors.ts';
import type { GroupCoreAsk } from '../../src/coordinator/groups/decision.ts';
import { stateOfGroup } from '../../src/coordinator/groups/describe.ts';
import { mayCommit } from '../../src/coordinator/groups/groups.ts';
import { refuseGroupAsk } from '../../src/coordinator/groups/refuse.ts';
import type { Group } from '../../src/coordinator/groups/state.ts';
import type { CoordinatorReply } from '../../src/coordinator/protocol.ts';
import { type Random, seededRandom } from '../../src/world/random.ts';
import { GroupBench, type Reply } from './bench.ts';
import { ClassicMember, type Member, type MemberOptions, ModernMember, type Surroundings } from './members.ts';

export const SESSION_MS = 6000;
const REBALANCE_MS = 4000;
const HEARTBEAT_MS = 1000;

export interface Outcome {
  seed: number;
  steps: number;
  rebalances: number;
  restarts: number;
  migrations: number;
  fenced: number;
  /** The longest that a group took to settle after the faults had stopped. */
  settledMs: number;
}

/** Runs one life of a group; throws when an invariant is broken. */
export function liveOnce(seed: number, steps: number): Outcome {
  return new Life(seed).run(steps);
}

type Kind = 'modern' | 'eager' | 'cooperative';

class Life {
  readonly #random: Random;
  readonly #bench: GroupBench;
  readonly #seed: number;
  #members: Member[] = [];
  /** Members that still act but that nobody waits for: stalled ones come back by themselves. */
  readonly #stalled = new Map<Member, number>();
  readonly #waiting = new Map<number, { ask: GroupCoreAsk; answered: (reply: CoordinatorReply) => void }>();
  readonly #due: { atMs: number; arrive: () => void }[] = [];
  #calm = false;
  #next = 1;
  #epoch = 0;
  #type = '';
  readonly #kinds: readonly Kind[];
  readonly #outcome: Outcome;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = seededRandom(seed);
    this.#bench = new GroupBench({ seed, settings: { firstRebalanceDelayMs: this.#random.below(3) === 0 ? 500 : 0 } });
    const classic = this.#random.below(2) === 0 ? 'eager' : 'cooperative';
    const mixes: Kind[][] = [['modern'], [classic], ['modern', classic]];
    this.#kinds = mixes[this.#random.below(mixes.length)];
    this.#outcome = { seed, steps: 0, rebalances: 0, restarts: 0, migrations: 0, fenced: 0, settledMs: 0 };
    for (const name of ['t', 'u']) this.#bench.setTopic(name, 1 + this.#random.below(8));
  }

  run(steps: number): Outcome {
    for (let step = 0; step < steps; step++) {
      this.#act();
      this.#pass(this.#random.below(600));
      this.#outcome.steps++;
    }
    this.#calm = true;
    this.#stalled.clear();
    const from = this.#bench.monotonicMs;
    while (!this.#isSettled()) {
      this.#outcome.settledMs = this.#bench.monotonicMs - from;
      if (this.#outcome.settledMs > 2 * SESSION_MS)
        this.#fail(`the group has not settled after ${this.#outcome.settledMs} ms: ${this.#describe()}`);
      this.#pass(100);
    }
    return this.#outcome;
  }

  #act(): void {
    const member = this.#members[this.#random.below(Math.max(1, this.#members.length))];
    const roll = this.#random.below(100);
    if (roll < 14 && this.#members.length < 6) return this.#join();
    if (member === undefined) return this.#join();
    if (roll < 20) return this.#end(member, () => member.leave(this.#random.below(2) === 0));
    if (roll < 26) return this.#end(member, () => {});
    if (roll < 32) {
      this.#stalled.set(member, this.#bench.monotonicMs + this.#random.below(3 * SESSION_MS));
      return;
    }
    if (roll < 34) return this.#restart();
    if (roll < 37) return this.#answer(this.#bench.setTopic(['t', 'u', 'ux', 'v'][this.#random.below(4)], 1 + this.#random.below(9)));
    if (roll < 39) return this.#answer(this.#bench.deleteTopic(['u', 'ux', 'v'][this.#random.below(3)]));
    if (roll < 41) return member.resubscribe([['t'], ['t', 'u'], ['u', 'v']][this.#random.below(3)]);
  }

  #join(): void {
    const kind = this.#kinds[this.#random.below(this.#kinds.length)];
    const instance = this.#random.below(4) === 0 ? `i${this.#random.below(3)}` : null;
    // Two that run with one instance id at a time is the user's mistake; the group must bear it, but here the first has ended.
    if (instance !== null && this.#members.some(({ options }) => options.instanceId === instance)) return;
    const options: MemberOptions = {
      name: `m${this.#next++}.${kind}`,
      instanceId: instance,
      topics: [['t'], ['t', 'u'], ['u', 'v'], ['t']][this.#random.below(4)],
      regex: kind === 'modern' && this.#random.below(4) === 0 ? 'u.*' : '',
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      heartbeatIntervalMs: HEARTBEAT_MS,
      groupId: 'g',
    };
    this.#members.push(
      kind === 'modern' ? new ModernMember(options, this.#world) : new ClassicMember(options, this.#world, kind === 'cooperative'),
    );
  }

  #end(member: Member, how: () => void): void {
    how();
    this.#members = this.#members.filter((one) => one !== member);
  }

  #restart(): void {
    this.#outcome.restarts++;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#answer(this.#bench.restart());
    for (const { ask, answered } of waiting) answered(refuseGroupAsk(ask, errors.COORDINATOR_NOT_AVAILABLE.code, ''));
  }

  readonly #world: Surroundings = {
    nowMs: () => this.#bench.monotonicMs,
    below: (bound) => this.#random.below(bound),
    topicId: (name) => this.#bench.topics.get(name)?.topicId,
    topicName: (topicId) => this.#bench.view.byId(topicId)?.name,
    partitionsOf: (name) => this.#bench.topics.get(name)?.partitions,
    ask: (ask, then) => {
      const isLost = !this.#calm && this.#random.below(25) === 0;
      this.#bench.facts = [];
      const { token, replies } = this.#bench.ask(ask);
      this.#check(ask.verb, replies, token);
      if (!isLost) this.#waiting.set(token, { ask, answered: then });
      this.#answer(replies);
    },
  };

  /** A fenced member changes nothing. */
  #check(verb: string, replies: readonly Reply[], token: number): void {
    const reply = replies.find((one) => one.token === token)?.reply;
    if (reply === undefined || verb === 'joinGroup') return;
    const error = errorName(reply.error);
    if (!['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH', 'FENCED_INSTANCE_ID', 'ILLEGAL_GENERATION', 'UNRELEASED_INSTANCE_ID'].includes(error))
      return;
    this.#outcome.fenced++;
    if (this.#bench.facts.length > 0) this.#fail(`${verb} is refused with ${error} and changes ${JSON.stringify(this.#bench.facts)}`);
  }

  #answer(replies: readonly Reply[]): void {
    this.#watch();
    for (const { token, reply } of replies) {
      const asked = this.#waiting.get(token);
      this.#waiting.delete(token);
      // Answers travel: what they say may be old when they arrive.
      if (asked !== undefined)
        this.#due.push({ atMs: this.#bench.monotonicMs + this.#random.below(this.#calm ? 5 : 80), arrive: () => asked.answered(reply) });
    }
  }

  #pass(ms: number): void {
    const endMs = this.#bench.monotonicMs + ms;
    for (;;) {
      const members = this.#members.filter((member) => !member.ended && (this.#stalled.get(member) ?? 0) <= this.#bench.monotonicMs);
      this.#members = this.#members.filter((member) => !member.ended);
      const beat = members.sort((a, b) => a.nextMs - b.nextMs)[0];
      const due = this.#due.sort((a, b) => a.atMs - b.atMs)[0];
      const atMs = Math.min(beat?.nextMs ?? endMs, due?.atMs ?? endMs, endMs);
      if (atMs > this.#bench.monotonicMs) this.#answer(this.#bench.pass(atMs - this.#bench.monotonicMs));
      if (due !== undefined && due.atMs <= this.#bench.monotonicMs) {
        this.#due.shift();
        due.arrive();
      } else if (beat !== undefined && beat.nextMs <= this.#bench.monotonicMs) beat.beat();
      else if (this.#bench.monotonicMs >= endMs) return;
      this.#watch();
    }
  }

  /** The invariants that hold at every step. */
  #watch(): void {
    const group = this.#bench.groups.byId.get('g');
    if (group === undefined) return;
    if (group.row.epoch < this.#epoch && this.#type === group.row.type && group.row.type === 'consumer') {
      this.#fail(`the group's epoch goes back from ${this.#epoch} to ${group.row.epoch}`);
    }
    if (group.row.epoch > this.#epoch) this.#outcome.rebalances += group.row.epoch - this.#epoch;
    if (this.#type !== '' && this.#type !== group.row.type) this.#outcome.migrations++;
    this.#epoch = group.row.epoch;
    this.#type = group.row.type;
    this.#oneOwner(group);
    this.#sameWhenStored(group);
  }

  /** A partition is believed owned by one at most of those whose commits would be taken. */
  #oneOwner(group: Group): void {
    const owners = new Map<string, string>();
    for (const member of this.#members) {
      if (member.owned.size === 0 || member.ended) continue;
      const { memberId, epoch } = member.identity;
      const permission = mayCommit(
        this.#bench.groups,
        { groupId: 'g', memberId, instanceId: member.options.instanceId, epoch },
        this.#bench.around,
      );
      if (permission.error !== 0) continue;
      for (const key of member.owned) {
        const other = owners.get(key);
        if (other !== undefined)
          this.#fail(`${key} is owned by ${other} and ${memberId} in ${group.row.type} epoch ${group.row.epoch}: ${this.#describe()}`);
        owners.set(key, memberId);
      }
    }
  }

  /** What is stored of a group that is at rest is what is known of it. */
  #sameWhenStored(group: Group): void {
    const stored = this.#bench.stored.byId.get('g');
    if (stored === undefined) return this.#fail('a group is stored when it is made');
    if (group.row.type === 'classic' && group.round?.state !== 'Stable') return;
    if (stored.row !== group.row || stored.members.size !== group.members.size)
      this.#fail(`stored is ${JSON.stringify(stored.row)}, known ${JSON.stringify(group.row)}`);
    for (const [memberId, { row }] of group.members) {
      if (stored.members.get(memberId)?.row !== row) this.#fail(`${memberId} is stored otherwise than it is known`);
    }
  }

  /** Everything that somebody reads is owned by one who knows it, and nobody has anything to do. */
  #isSettled(): boolean {
    const group = this.#bench.groups.byId.get('g');
    if (group === undefined || this.#members.length === 0) return true;
    if (stateOfGroup(group) !== 'Stable' || group.members.size !== this.#members.length) return false;
    const owned = new Set<string>();
    for (const member of this.#members) {
      if (!member.isSettled) return false;
      for (const key of member.owned) owned.add(key);
    }
    return [...this.#wanted()].every((key) => owned.has(key));
  }

  #wanted(): Set<string> {
    const wanted = new Set<string>();
    for (const { options } of this.#members) {
      const regex = options.regex === '' ? null : new RegExp(`^(?:${options.regex})$`);
      for (const { name, topicId, partitions } of this.#bench.topics.values()) {
        if (!options.topics.includes(name) && regex?.test(name) !== true) continue;
        for (let partition = 0; partition < partitions; partition++) wanted.add(`${topicId} ${partition}`);
      }
    }
    return wanted;
  }

  #describe(): string {
    const group = this.#bench.groups.byId.get('g');
    const members = this.#members.map(
      (member) => `${member.options.name}=${member.identity.memberId}@${member.identity.epoch}[${[...member.owned]}]`,
    );
    const known = [...(group?.members.values() ?? [])].map(
      ({ row }) =>
        `${row.memberId}@${row.epoch} ${row.state} has ${JSON.stringify(row.assigned)} gives ${JSON.stringify(row.revoking)} is to have ${JSON.stringify(row.target)}`,
    );
    const history = group?.history.slice(-25).map(({ atMs, epoch, text }) => `${atMs - 1_000_000} ${epoch} ${text}`);
    return `\nmembers ${members.join(' ')}\n${group === undefined ? '' : stateOfGroup(group)} ${JSON.stringify(group?.row)}\n${known.join('\n')}\n${history?.join('\n')}`;
  }

  #fail(message: string): never {
    throw new Error(`seed ${this.#seed} at ${this.#bench.monotonicMs} ms: ${message}`);
  }
}
