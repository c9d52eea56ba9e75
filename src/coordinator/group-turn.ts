/**
 * Groups' part of the coordinator's turn: what is asked, what is due and what becomes of topics goes to the pure cores (groups/,
 * offsets/), and comes back as outcomes: facts to be stored, and the replies that may leave once they are. Joins and syncs that wait for
 * others are kept here, by the token that the core answers them with.
 */
import { assert, unreachable } from '../base/assert.ts';
import { errors } from '../base/errors.ts';
import type { Clock } from '../world/clock.ts';
import type { Random } from '../world/random.ts';
import type { BusConfigs } from './config-values.ts';
import type { Dispatcher } from './dispatchers.ts';
import type { Fact } from './facts.ts';
import { GroupWatch, type GroupWatchSetup } from './group-watch.ts';
import { AwakeClock } from './groups/awake.ts';
import { type GroupDecision, type GroupReply, type GroupSurroundings, viewTopics } from './groups/decision.ts';
import { alterGroupConfigs, describeGroupConfigs, settingsOf } from './groups/group-configs.ts';
import { beginGroups, decideGroup, expireGroups, topicsChanged } from './groups/groups.ts';
import { type GroupAsk, refuseGroupAsk } from './groups/refuse.ts';
import { nextGroupsMs } from './groups/state.ts';
import { expireOffsets } from './offsets/expiry.ts';
import { commitOffsets, deleteOffsets, fetchOffsets } from './offsets/offsets.ts';
import { alterQuotas, describeQuotas } from './offsets/quotas.ts';
import { Rates } from './offsets/rates.ts';
import type { ClientLoad, ClientThrottle, CoordinatorReply } from './protocol.ts';
import { apply, applyAll, type State } from './state.ts';

/** A reply that may leave when the facts are stored, and what is sent in its place when they cannot be. */
export interface GroupAnswer {
  dispatcher: Dispatcher;
  ask: GroupAsk;
  reply: CoordinatorReply;
}

export interface GroupOutcome {
  /** Applied already. */
  facts: readonly Fact[];
  answers: readonly GroupAnswer[];
  /** Somebody waits for the disk. */
  synced: boolean;
}

interface Asked {
  dispatcher: Dispatcher;
  ask: GroupAsk;
}

export interface GroupTurnSetup extends Pick<GroupWatchSetup, 'describe' | 'tell'> {
  clock: Clock;
  random: Random;
  state(): State;
}

export class GroupTurn {
  readonly #setup: GroupTurnSetup;
  readonly #bus: BusConfigs;
  readonly #watch: GroupWatch;
  readonly #rates: Rates;
  /** Joins and syncs that wait, by token. */
  readonly #waiting = new Map<number, Asked>();
  readonly #toTell = new Set<string>();
  readonly #awake: AwakeClock;
  #nextToken = 1;
  /** The sessions of the present state have not begun. */
  #mustBegin = false;
  #sweptAtMs: number;

  constructor(setup: GroupTurnSetup, bus: BusConfigs) {
    this.#setup = setup;
    this.#bus = bus;
    this.#sweptAtMs = setup.clock.monotonicMs();
    this.#rates = new Rates(bus.quotaWindow);
    this.#awake = new AwakeClock(this.#sweptAtMs);
    this.#watch = new GroupWatch({ ...setup, stallMs: bus.stallMs, around: () => this.#around(setup.state()) });
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** The state was loaded, for the first time or anew: sessions begin. */
  begin(): GroupOutcome {
    const state = this.#setup.state();
    return this.#outcome(state, beginGroups(state.groups, this.#around(state)));
  }

  /**
   * The state was made anew of what is stored: whoever waits is not known to it any more. Their joins are refused with a code that has
   * them join again, and sessions begin anew with the next look at what is due.
   */
  restart(): void {
    this.#refuseWaiting(errors.COORDINATOR_NOT_AVAILABLE.code, 'what was decided could not be stored; try again');
    this.#toTell.clear();
    this.#mustBegin = true;
  }

  take(dispatcher: Dispatcher, ask: GroupAsk): GroupOutcome {
    const state = this.#setup.state();
    switch (ask.verb) {
      case 'offsetCommit':
        return answered(state, dispatcher, ask, commitOffsets(state, ask, this.#around(state)), ask.synced);
      case 'offsetFetch':
        return answered(state, dispatcher, ask, { facts: [], reply: fetchOffsets(state, ask) });
      case 'offsetDelete':
        return answered(state, dispatcher, ask, deleteOffsets(state, ask));
      case 'describeGroupConfigs':
        return answered(state, dispatcher, ask, { facts: [], reply: describeGroupConfigs(state, ask, this.#bus.groups) });
      case 'alterGroupConfigs':
        return answered(state, dispatcher, ask, alterGroupConfigs(state, ask, this.#bus.groups));
      case 'describeQuotas':
        return answered(state, dispatcher, ask, { facts: [], reply: describeQuotas(state, ask) });
      case 'alterQuotas':
        return answered(state, dispatcher, ask, alterQuotas(state, ask));
      case 'reportProgress':
        return answered(state, dispatcher, ask, { facts: [], reply: this.#watch.report(ask) });
      case 'explainGroup':
        this.#watch.explain(dispatcher, ask);
        return { facts: [], answers: [], synced: false };
      case 'joinGroup':
      case 'syncGroup':
      case 'heartbeat':
      case 'leaveGroup':
      case 'consumerGroupHeartbeat':
      case 'listGroups':
      case 'describeGroups':
      case 'deleteGroups':
      case 'groupHistory': {
        const token = this.#nextToken++;
        this.#waiting.set(token, { dispatcher, ask });
        const around = this.#around(state);
        const settings = 'groupId' in ask ? settingsOf(state, ask.groupId, around.settings) : around.settings;
        return this.#outcome(state, decideGroup(state.groups, ask, { ...around, settings }, token));
      }
      default:
        return unreachable(ask);
    }
  }

  /** What a thread tells of its clients, and how long they have to wait for their quotas. */
  throttle(clients: readonly ClientLoad[]): ClientThrottle[] {
    return this.#rates.told(clients, this.#setup.state().quotas, this.#setup.clock.monotonicMs());
  }

  /** Topics of these names were made, grew or went. */
  topicsChanged(names: readonly string[]): GroupOutcome {
    const state = this.#setup.state();
    return this.#outcome(state, topicsChanged(state.groups, names, this.#around(state)));
  }

  /** What is due now, or null. */
  due(): GroupOutcome | null {
    const { clock } = this.#setup;
    const state = this.#setup.state();
    const monotonicMs = clock.monotonicMs();
    if (this.#mustBegin) {
      this.#mustBegin = false;
      return this.begin();
    }
    const facts: Fact[] = [];
    const answers: GroupAnswer[] = [];
    if (nextGroupsMs(state.groups) <= this.#awake.look(monotonicMs)) {
      const expired = this.#outcome(state, expireGroups(state.groups, this.#around(state)));
      facts.push(...expired.facts);
      answers.push(...expired.answers);
    }
    if (monotonicMs - this.#sweptAtMs >= this.#bus.offsets.checkMs) {
      this.#sweptAtMs = monotonicMs;
      const swept = expireOffsets(state, { nowMs: clock.nowMs(), retentionMs: this.#bus.offsets.retentionMs });
      applyAll(state, swept);
      facts.push(...swept);
    }
    const seen = this.#watch.due();
    applyAll(state, seen);
    facts.push(...seen);
    return facts.length === 0 && answers.length === 0 ? null : { facts, answers, synced: false };
  }

  close(): void {
    this.#refuseWaiting(errors.CLOSED.code, 'the bus is closing');
    this.#watch.close();
  }

  #refuseWaiting(error: number, message: string): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { dispatcher, ask } of waiting) dispatcher.replies.push(refuseGroupAsk(ask, error, message));
  }

  /** Groups whose members have something to hear, since this was asked last. */
  takeToTell(): string[] {
    const groupIds = [...this.#toTell];
    this.#toTell.clear();
    return groupIds;
  }

  #outcome(state: State, { facts, replies }: GroupDecision): GroupOutcome {
    for (const fact of facts) {
      const told = groupToTell(state, fact);
      if (told !== null) this.#toTell.add(told);
      apply(state, fact);
    }
    return { facts, answers: replies.map((reply) => this.#claim(reply)), synced: false };
  }

  #claim({ token, reply }: GroupReply): GroupAnswer {
    const asked = this.#waiting.get(token);
    assert(asked !== undefined, 'a reply answers an ask that waits');
    this.#waiting.delete(token);
    return { ...asked, reply };
  }

  #around(state: State): GroupSurroundings {
    const { clock, random } = this.#setup;
    return {
      nowMs: clock.nowMs(),
      monotonicMs: this.#awake.look(clock.monotonicMs()),
      random,
      topics: viewTopics(state),
      settings: this.#bus.groups,
    };
  }
}

function answered(
  state: State,
  dispatcher: Dispatcher,
  ask: GroupAsk,
  { facts, reply }: { facts: readonly Fact[]; reply: CoordinatorReply },
  synced = false,
): GroupOutcome {
  applyAll(state, facts);
  return { facts, answers: [{ dispatcher, ask, reply }], synced: synced && facts.length > 0 };
}

/** The group in which others than the one who asked may have something to do now; null: none. */
function groupToTell(state: State, fact: Fact): string | null {
  switch (fact.fact) {
    case 'groupChanged':
      return fact.group.groupId;
    case 'memberChanged':
    case 'memberGone':
      return fact.groupId;
    case 'groupMoved': {
      const begins =
        fact.round?.state === 'PreparingRebalance' && state.groups.byId.get(fact.group.groupId)?.round?.state !== 'PreparingRebalance';
      return begins ? fact.group.groupId : null;
    }
    default:
      return null;
  }
}
