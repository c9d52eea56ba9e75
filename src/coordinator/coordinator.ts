/**
 * The coordinator's turn: take what waits at every port, decide, store all facts in one transaction, have the hosts act, answer. It
 * decides nothing itself (topics.ts, pressure.ts), knows no SQL (store.ts), and owns no thread, and no timer but the clock's.
 *
 *   drain control, hosts, asks ─▶ decide, apply ─▶ store ─▶ asks to hosts ─▶ replies and notices
 *                                                              └─ replies that need hosts are parked until these have answered
 *
 * Facts are applied as they are decided, so that the second ask of a turn sees the first; nothing leaves before they are stored; if
 * they cannot be stored, the state is made anew from the store and the askers are refused.
 */
import { assert, unreachable } from '../base/assert.ts';
import { BusError, errorName, errors } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { HostNotice, PartitionSpec } from '../partition/protocol.ts';
import type { Port } from '../world/port.ts';
import { type BeginSetup, beginState, reloadState } from './begin.ts';
import { type BusConfigs, type Configs, parseBusConfigs } from './config-values.ts';
import { type Dispatcher, type DispatcherPort, Dispatchers } from './dispatchers.ts';
import { endState } from './end.ts';
import { type Fact, isStoredFact, mustBeSynced } from './facts.ts';
import { Fault } from './fault.ts';
import { folderRefusal } from './folder.ts';
import { type GroupOutcome, GroupTurn } from './group-turn.ts';
import { isGroupAsk, refuseGroupAsk } from './groups/refuse.ts';
import { type Errand, type HostPort, Hosts } from './hosts.ts';
import { Loads, type LoadsSetup } from './loads.ts';
import { type Failure, Parking } from './parking.ts';
import type * as protocol from './protocol.ts';
import type { CoordinatorAsk, CoordinatorAskOf, CoordinatorNotice, CoordinatorReply } from './protocol.ts';
import { refuse } from './refuse.ts';
import { removeRemains } from './remains.ts';
import { applyAll, hostOf, type State, topicOf } from './state.ts';
import { TopicErrands } from './topic-errands.ts';
import { decide, type TopicAsk, toSpecs } from './topics.ts';
import { TopicsCopy } from './topics-copy.ts';

export interface CoordinatorSetup extends BeginSetup, LoadsSetup {
  /** What the bus was configured with, by bus-level names (log.retention.ms, num.partitions …). */
  defaults: Configs;
  control: Port<protocol.ControlAnswer, protocol.ControlPost>;
  /** Makes a port of what a control post carries: a MessagePort in a thread, a loopback's end in the simulator. */
  toPort: <Out, In>(raw: unknown) => Port<Out, In>;
  /** Called once: the coordinator has closed or was refused, its store is closed and the thread may end; or it failed with `error`. */
  closed: (error?: unknown) => void;
}

/** What one ask came to, until the turn's facts are stored. */
interface TopicOutcome {
  dispatcher: Dispatcher;
  ask: TopicAsk;
  reply: CoordinatorReply;
  facts: readonly Fact[];
}

type Outcome = TopicOutcome | GroupOutcome;

const TICK_MS = 50;
const SETTLE_AGAIN_MS = 1000;

export class Coordinator {
  readonly #setup: CoordinatorSetup;
  readonly #hosts: Hosts;
  readonly #loads: Loads;
  readonly #parking = new Parking();
  readonly #dispatchers: Dispatchers;
  #bus!: BusConfigs;
  #state!: State;
  #groups!: GroupTurn;
  #errands!: TopicErrands;
  #clean = false;
  #running = false;
  readonly #fault = new Fault();
  readonly #copy: TopicsCopy;
  #closing: { dispatcher: Dispatcher; ask: CoordinatorAskOf<'close'> } | null = null;
  /** Topics of which metadata has changed in this turn. */
  #changed = new Set<string>();
  /** Facts that follow from what hosts answered, until they are stored. */
  #consequences: Fact[] = [];
  /** They are not tried before (monotonic). */
  #settleAtMs = 0;

  constructor(setup: CoordinatorSetup) {
    assert(setup.folder === null || setup.store !== null, 'a bus with a folder has a store');
    assert(setup.hosts >= 1 && setup.hosts <= limits.hostsMax, 'a bus has 1 to 64 hosts');
    this.#setup = setup;
    this.#loads = new Loads(setup);
    this.#copy = new TopicsCopy(setup);
    this.#dispatchers = new Dispatchers({
      wake: () => this.#turn(),
      gone: (number) => this.#guard(() => this.#loads.dispatcherGone(number)),
    });
    this.#hosts = new Hosts(
      setup.hosts,
      {
        ready: (host, failures) => this.#hostReady(host, failures),
        notice: (host, notice) => this.#hear(host, notice),
        dropped: (slots, hostDied) => removeRemains(setup, this.#state, slots, hostDied),
      },
      setup.successor,
    );
  }

  /** Brings back what the store knows and begins to listen. A folder that cannot be used is told to the supervisor as `refused`. */
  start(): void {
    const { control, log, store } = this.#setup;
    try {
      this.#begin();
    } catch (error) {
      const { code, message, details } = folderRefusal(error, this.#setup.folder ?? '');
      log.error({ code }, message);
      // A successor's hosts go on, so the folder is kept.
      if (this.#setup.successor !== true) store?.close();
      control.post({ control: 'refused', error: errors[code].code, message, details });
      control.close();
      this.#setup.closed(this.#setup.successor === true ? error : undefined);
      return;
    }
    this.#running = true;
    control.listen(
      () => this.#turn(),
      () => this.#end(),
    );
    control.post({ control: 'ready', busId: this.#state.busId });
    this.#tick();
  }

  #begin(): void {
    const { defaults, folder, memoryBytesMax } = this.#setup;
    const parsed = parseBusConfigs(defaults, { folder: folder !== null, memoryBytesMax });
    if (parsed.message !== undefined) throw new BusError('INVALID_ARGUMENT', parsed.message);
    this.#bus = parsed.ok;
    const { state, clean, events } = beginState(this.#setup);
    this.#state = state;
    this.#clean = clean;
    this.#errands = new TopicErrands({
      hosts: this.#hosts,
      bus: this.#bus,
      state: () => this.#state,
      changed: (name) => void this.#changed.add(name),
      follows: (fact) => void this.#consequences.push(fact),
    });
    for (const event of events) this.#dispatchers.tell({ notice: 'event', ...event });
    for (const topic of state.byId.values()) if (topic.deleting) this.#errands.drop(topic);
    this.#settle();
    const { clock, random } = this.#setup;
    this.#groups = new GroupTurn(
      {
        clock,
        random,
        state: () => this.#state,
        describe: (slots, done) => this.#hosts.describe(slots, done),
        tell: (notice) => this.#dispatchers.tell(notice),
      },
      this.#bus,
    );
    this.#finish([this.#groups.begin()]);
  }

  #tick(): void {
    this.#setup.clock.after(TICK_MS, () => {
      if (!this.#running) return;
      this.#guard(() => {
        this.#parking.expire(this.#setup.clock.monotonicMs());
        this.#settle();
        const due = this.#groups.due();
        if (due !== null) this.#finish([due]);
        this.#evaluate();
        this.#hosts.flush();
        this.#answer();
        this.#copy.save(this.#state, this.#setup.clock.monotonicMs());
      });
      this.#tick();
    });
  }

  #turn(): void {
    if (this.#running) this.#guard(() => this.#work());
  }

  /** A broken invariant ends the actor, in order, and is then the supervisor's: a thread must not die with its database open. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#setup.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'the coordinator failed');
      this.#end(error);
    }
  }

  #work(): void {
    this.#drainControl();
    this.#hosts.drain();
    const outcomes: Outcome[] = [];
    this.#dispatchers.drain((dispatcher, ask) => this.#take(dispatcher, ask, outcomes));
    const names = outcomes.flatMap(({ facts }) => facts.flatMap((fact) => this.#nameChanged(fact)));
    if (names.length > 0) outcomes.push(this.#groups.topicsChanged(names));
    this.#finish(outcomes);
    this.#settle();
    this.#evaluate();
    this.#hosts.flush();
    this.#answer();
    this.#fault.reach('answered');
    if (this.#closing !== null) this.#close(this.#closing.dispatcher, this.#closing.ask);
  }

  #drainControl(): void {
    const { control, toPort } = this.#setup;
    for (let post = control.take(); post !== undefined; post = control.take()) {
      switch (post.control) {
        case 'hostUp':
          this.#hostUp(post.host, toPort(post.port));
          break;
        case 'dispatcherUp':
          this.#dispatcherUp(post.dispatcher, toPort(post.port));
          break;
        case 'fail':
          this.#fault.arm(post.stage, post.turns);
          break;
        default:
          unreachable(post);
      }
    }
  }

  #hostUp(host: number, port: HostPort): void {
    assert(host >= 0 && host < this.#hosts.count, 'a host has a number below the count of hosts');
    const partitions: PartitionSpec[] = [];
    for (const topic of this.#state.byName.values()) {
      const slots = topic.slots.filter((slot) => hostOf(this.#state, slot) === host);
      partitions.push(...toSpecs(this.#state, topic, slots, this.#bus));
    }
    this.#loads.hostGone(host);
    this.#hosts.up(host, port, partitions, this.#clean);
    port.listen(
      () => this.#turn(),
      () => {
        this.#guard(() => this.#hosts.gone(host, port) && this.#loads.hostGone(host));
        this.#turn();
      },
    );
  }

  #hostReady(host: number, failures: Errand['failures']): void {
    const { control, log } = this.#setup;
    for (const [slot, { error, message }] of failures) {
      const owner = this.#state.owners.get(slot);
      if (owner === undefined) continue;
      const fields = { host, topic: owner.topic.name, partition: owner.partition, error: errorName(error), reason: message };
      log.error(fields, 'a partition could not be opened');
      this.#dispatchers.tell({ notice: 'event', name: 'openFailed', fields });
    }
    control.post({ control: 'hostReady', host });
  }

  #dispatcherUp(number: number, port: DispatcherPort): void {
    const pressure: CoordinatorNotice[] = this.#loads.isCalm ? [] : [{ notice: 'pressure', report: this.#loads.report() }];
    if (this.#dispatchers.up(number, port, pressure)) return;
    this.#setup.log.warn({ dispatcher: number }, `a bus has at most ${limits.dispatchersMax} dispatchers; one more was turned away`);
  }

  #take(dispatcher: Dispatcher, ask: CoordinatorAsk, outcomes: Outcome[]): void {
    switch (ask.verb) {
      case 'pressure':
        dispatcher.replies.push({ verb: 'pressure', id: ask.id, error: 0, report: this.#loads.report() });
        return;
      case 'reportLoad':
        this.#loads.dispatcherReported(dispatcher.number, ask);
        dispatcher.replies.push({ verb: 'reportLoad', id: ask.id, error: 0, throttles: this.#groups.throttle(ask.clients) });
        return;
      case 'close':
        this.#closing = { dispatcher, ask };
        return;
      default:
    }
    const isClosing = this.#closing !== null;
    if (isGroupAsk(ask)) {
      if (isClosing) dispatcher.replies.push(refuseGroupAsk(ask, errors.CLOSED.code, 'the bus is closing'));
      else outcomes.push(this.#groups.take(dispatcher, ask));
    } else if (isClosing) dispatcher.replies.push(refuse(ask, errors.CLOSED.code, 'the bus is closing'));
    else if (dispatcher.parked >= limits.asksInFlightMax) {
      dispatcher.replies.push(refuse(ask, errors.LIMIT_REACHED.code, `${dispatcher.parked} asks wait already: await some of them first`));
    } else {
      const { clock, random } = this.#setup;
      const { facts, reply } = decide(this.#state, ask, { nowMs: clock.nowMs(), random, bus: this.#bus });
      applyAll(this.#state, facts);
      outcomes.push({ dispatcher, ask, reply, facts });
    }
  }

  /** Stores what the asks came to, then lets their replies go, or wait for hosts. */
  #finish(outcomes: readonly Outcome[]): void {
    const synced = outcomes.some((outcome) => 'answers' in outcome && outcome.synced);
    const decided = outcomes.flatMap(({ facts }) => facts);
    if (decided.length > 0) this.#fault.reach('decided');
    const failure = this.#store(decided, synced);
    if (decided.length > 0) this.#fault.reach('stored');
    // A fact that is not stored taints all that was decided after it.
    let tainted = false;
    for (const outcome of outcomes) {
      tainted ||= failure !== null && outcome.facts.some(isStoredFact);
      const refusal = tainted ? failure : null;
      if ('answers' in outcome) {
        for (const { dispatcher, ask, reply } of outcome.answers) {
          dispatcher.replies.push(refusal === null ? reply : refuseGroupAsk(ask, refusal.error, refusal.message));
        }
      } else if (refusal !== null) outcome.dispatcher.replies.push(refuse(outcome.ask, refusal.error, refusal.message));
      else this.#carryOut(outcome.dispatcher, outcome.reply, outcome.facts);
    }
  }

  #carryOut(dispatcher: Dispatcher, reply: CoordinatorReply, facts: readonly Fact[]): void {
    const errands = facts.map((fact) => this.#errands.act(fact));
    if (reply.verb === 'metadata') errands.push(...reply.topics.map(({ topicId }) => this.#errands.opening(topicId)));
    const pending = [...new Set(errands)].filter((errand) => errand !== undefined && !errand.isDone) as Errand[];
    if (pending.length === 0) {
      dispatcher.replies.push(reply);
      return;
    }
    dispatcher.parked++;
    this.#parking.park(reply, pending, {
      nowMs: this.#setup.clock.monotonicMs(),
      failuresOf: (errand) => this.#failuresOf(errand),
      send: (complete) => {
        dispatcher.parked--;
        dispatcher.replies.push(complete);
      },
    });
  }

  /** Stores and applies what followed from the hosts' answers. A store that refuses is asked again: nobody else will say it. */
  #settle(): void {
    const monotonicMs = this.#setup.clock.monotonicMs();
    if (this.#consequences.length === 0 || (monotonicMs < this.#settleAtMs && this.#closing === null)) return;
    const facts = this.#consequences;
    if (this.#store(facts, false) === null) {
      applyAll(this.#state, facts);
      this.#consequences = [];
    } else this.#settleAtMs = monotonicMs + SETTLE_AGAIN_MS;
  }

  /** Null when the facts are stored. Otherwise the state is made anew of what is. */
  #store(facts: readonly Fact[], synced: boolean): { error: number; message: string } | null {
    const { log, store } = this.#setup;
    if (store === null || facts.length === 0) return null;
    try {
      store.commit(facts, { synced: synced || facts.some((fact) => isStoredFact(fact) && mustBeSynced(fact)) });
      this.#copy.stored(facts);
      return null;
    } catch (error) {
      const known = error instanceof BusError ? error : new BusError('KAFKA_STORAGE_ERROR', String(error));
      log.error({ code: known.code, error: String(error) }, 'facts could not be stored; their askers are refused');
      this.#state = reloadState(this.#setup);
      this.#groups.restart();
      return { error: errors[known.code].code, message: known.message };
    }
  }

  /** The name of the topic of which a fact changes what groups see; a list of one or none. */
  #nameChanged(fact: Fact): string[] {
    const isSeen = fact.fact === 'topicCreated' || fact.fact === 'partitionsAdded' || fact.fact === 'topicDeleting';
    return isSeen ? [topicOf(this.#state, fact.topicId).name] : [];
  }

  #hear(host: number, notice: HostNotice): void {
    if (notice.notice === 'load') {
      this.#loads.hostReported(host, notice);
      return;
    }
    const { notice: name, ...fields } = notice;
    const { log } = this.#setup;
    if (name === 'damage') log.warn(fields, 'damage was found in a log');
    if (name === 'state') log.warn(fields, 'a partition changed its state');
    this.#dispatchers.tell({ notice: 'event', name, fields: { host, ...fields } });
  }

  #evaluate(): void {
    if (this.#loads.evaluate()) this.#dispatchers.tell({ notice: 'pressure', report: this.#loads.report() });
  }

  #answer(): void {
    if (this.#changed.size > 0) {
      this.#dispatchers.tell({ notice: 'topics', epoch: this.#state.epoch, names: [...this.#changed] });
      this.#changed.clear();
    }
    const groupIds = this.#groups.takeToTell();
    if (groupIds.length > 0) this.#dispatchers.tell({ notice: 'groups', groupIds });
    this.#dispatchers.flush();
  }

  #close(dispatcher: Dispatcher, ask: CoordinatorAskOf<'close'>): void {
    this.#parking.close();
    this.#groups.close();
    this.#copy.save(this.#state, Number.POSITIVE_INFINITY);
    const ended = endState(this.#setup, this.#state, ask.clean);
    this.#fault.reach('closing');
    dispatcher.replies.push({ verb: 'close', id: ask.id, ...ended });
    this.#dispatchers.tell({ notice: 'closing' });
    this.#setup.store?.close();
    this.#answer();
    this.#end();
  }

  /**
   * Lets go of everything. The marker is not written here: without a close ask nobody knows how the hosts ended. One that fails leaves
   * the store open to the thread, for its successor: the hosts go on, and the store is the lock of their folder.
   */
  #end(error?: unknown): void {
    if (!this.#running) return;
    this.#running = false;
    if (error === undefined) this.#setup.store?.close();
    this.#hosts.close();
    this.#dispatchers.close();
    this.#setup.control.close();
    this.#setup.closed(error);
  }

  #failuresOf(errand: Errand): Failure[] {
    return [...errand.failures].map(([slot, { error, message }]) => {
      const owner = this.#state.owners.get(slot);
      return { topic: owner?.topic.name ?? '', error, message: `partition ${owner?.partition ?? '?'}: ${message}` };
    });
  }
}
