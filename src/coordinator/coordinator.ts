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
import { type BusConfigs, type Configs, parseBusConfigs, toLogConfig } from './config-values.ts';
import type { Fact } from './facts.ts';
import { removePartition, writeCleanMarker } from './folder.ts';
import { Errand, type HostPort, Hosts } from './hosts.ts';
import { Loads, type LoadsSetup } from './loads.ts';
import { type Failure, Parking } from './parking.ts';
import type * as protocol from './protocol.ts';
import type { CoordinatorAsk, CoordinatorAskOf, CoordinatorNotice, CoordinatorReply } from './protocol.ts';
import { refuse } from './refuse.ts';
import { applyAll, hostOf, type State, type Topic } from './state.ts';
import { decide, LEADER_EPOCH, type TopicAsk } from './topics.ts';

export interface CoordinatorSetup extends BeginSetup, LoadsSetup {
  /** What the bus was configured with, by bus-level names (log.retention.ms, num.partitions …). */
  defaults: Configs;
  control: Port<protocol.ControlAnswer, protocol.ControlPost>;
  /** Makes a port of what a control post carries: a MessagePort in a thread, a loopback's end in the simulator. */
  toPort: <Out, In>(raw: unknown) => Port<Out, In>;
  /** Called once, when the coordinator has closed or was refused: the thread may end. */
  closed: () => void;
}

type DispatcherPort = Port<protocol.CoordinatorAnswer, protocol.CoordinatorPost>;

interface Dispatcher {
  readonly number: number;
  readonly port: DispatcherPort;
  /** Of this turn. */
  replies: CoordinatorReply[];
  parked: number;
}

/** What one ask came to, until the turn's facts are stored. */
interface Outcome {
  dispatcher: Dispatcher;
  ask: TopicAsk;
  reply: CoordinatorReply;
  facts: readonly Fact[];
}

const TICK_MS = 50;
/** Events that nobody has heard are kept for the first dispatcher that comes. */
const EVENTS_KEPT_MAX = 1000;

export class Coordinator {
  readonly #setup: CoordinatorSetup;
  readonly #hosts: Hosts;
  readonly #loads: Loads;
  readonly #parking = new Parking();
  readonly #dispatchers = new Map<number, Dispatcher>();
  /** By topic id: partitions that no host has opened yet. Metadata of these topics waits. */
  readonly #creating = new Map<string, Errand>();
  #bus!: BusConfigs;
  #state!: State;
  #clean = false;
  #running = false;
  #closing: { dispatcher: Dispatcher; ask: CoordinatorAskOf<'close'> } | null = null;
  /** Gathered in this turn. */
  #notices: CoordinatorNotice[] = [];
  #changed = new Set<string>();
  #consequences: Fact[] = [];
  #keptEvents: CoordinatorNotice[] = [];

  constructor(setup: CoordinatorSetup) {
    assert((setup.folder === null) === (setup.store === null), 'a bus has a store exactly when it has a folder');
    assert(setup.hosts >= 1 && setup.hosts <= limits.hostsMax, 'a bus has 1 to 64 hosts');
    this.#setup = setup;
    this.#loads = new Loads(setup);
    this.#hosts = new Hosts(setup.hosts, {
      ready: (host, failures) => this.#hostReady(host, failures),
      notice: (host, notice) => this.#hear(host, notice),
      dropped: (slots, hostDied) => this.#endDrop(slots, hostDied),
    });
  }

  /** The id of the bus, as Kafka's cluster id. */
  get busId(): string {
    return this.#state.busId;
  }

  /** Brings back what the store knows and begins to listen. A folder that cannot be used is told to the supervisor as `refused`. */
  start(): void {
    const { control, log, store } = this.#setup;
    try {
      this.#begin();
    } catch (error) {
      const known = error instanceof BusError ? error : new BusError('FOLDER_INVALID', String(error), { cause: error });
      log.error({ code: known.code }, known.message);
      store?.close();
      control.post({ control: 'refused', error: errors[known.code].code, message: known.message });
      control.close();
      this.#setup.closed();
      return;
    }
    this.#running = true;
    control.listen(
      () => this.#turn(),
      () => this.#end(),
    );
    control.post({ control: 'ready' });
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
    for (const event of events) this.#keep({ notice: 'event', ...event });
    for (const topic of state.byId.values()) if (topic.deleting) this.#drop(topic);
    this.#settle();
  }

  #tick(): void {
    this.#setup.clock.after(TICK_MS, () => {
      if (!this.#running) return;
      this.#parking.expire(this.#setup.clock.monotonicMs());
      this.#evaluate();
      this.#answer();
      this.#tick();
    });
  }

  #turn(): void {
    if (!this.#running) return;
    this.#drainControl();
    this.#hosts.drain();
    const outcomes: Outcome[] = [];
    for (const dispatcher of this.#dispatchers.values()) {
      for (let post = dispatcher.port.take(); post !== undefined; post = dispatcher.port.take()) {
        for (const ask of post.asks) this.#take(dispatcher, ask, outcomes);
      }
    }
    this.#finish(outcomes);
    this.#settle();
    this.#evaluate();
    this.#hosts.flush();
    this.#answer();
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
        default:
          unreachable(post);
      }
    }
  }

  #hostUp(host: number, port: HostPort): void {
    assert(host >= 0 && host < this.#hosts.count, 'a host has a number below the count of hosts');
    const partitions: PartitionSpec[] = [];
    for (const topic of this.#state.byName.values()) partitions.push(...this.#specsOf(topic, topic.slots, host));
    this.#loads.hostGone(host);
    this.#hosts.up(host, port, partitions, this.#clean);
    port.listen(
      () => this.#turn(),
      () => {
        if (this.#hosts.gone(host, port)) this.#loads.hostGone(host);
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
      this.#notices.push({ notice: 'event', name: 'openFailed', fields });
    }
    control.post({ control: 'hostReady', host });
  }

  #dispatcherUp(number: number, port: DispatcherPort): void {
    if (this.#dispatchers.size >= limits.dispatchersMax && !this.#dispatchers.has(number)) {
      this.#setup.log.warn({ dispatcher: number }, `a bus has at most ${limits.dispatchersMax} dispatchers; one more was turned away`);
      port.close();
      return;
    }
    const dispatcher: Dispatcher = { number, port, replies: [], parked: 0 };
    this.#dispatchers.get(number)?.port.close();
    this.#dispatchers.set(number, dispatcher);
    port.listen(
      () => this.#turn(),
      () => {
        if (this.#dispatchers.get(number) !== dispatcher) return;
        this.#dispatchers.delete(number);
        this.#loads.dispatcherGone(number);
      },
    );
    const notices = this.#keptEvents;
    this.#keptEvents = [];
    if (!this.#loads.isCalm) notices.push({ notice: 'pressure', report: this.#loads.report() });
    if (notices.length > 0) port.post({ replies: [], notices });
  }

  #take(dispatcher: Dispatcher, ask: CoordinatorAsk, outcomes: Outcome[]): void {
    switch (ask.verb) {
      case 'pressure':
        dispatcher.replies.push({ verb: 'pressure', id: ask.id, error: 0, report: this.#loads.report() });
        return;
      case 'reportLoad':
        this.#loads.dispatcherReported(dispatcher.number, ask);
        dispatcher.replies.push({ verb: 'reportLoad', id: ask.id, error: 0 });
        return;
      case 'close':
        this.#closing = { dispatcher, ask };
        return;
      default:
    }
    if (this.#closing !== null) dispatcher.replies.push(refuse(ask, errors.CLOSED.code, 'the bus is closing'));
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
    const failure = this.#store(outcomes.flatMap(({ facts }) => facts));
    // A fact that is not stored taints all that was decided after it.
    let tainted = false;
    for (const { dispatcher, ask, reply, facts } of outcomes) {
      tainted ||= failure !== null && facts.length > 0;
      if (failure !== null && tainted) dispatcher.replies.push(refuse(ask, failure.error, failure.message));
      else this.#carryOut(dispatcher, reply, facts);
    }
  }

  #carryOut(dispatcher: Dispatcher, reply: CoordinatorReply, facts: readonly Fact[]): void {
    const errands = facts.map((fact) => this.#act(fact));
    if (reply.verb === 'metadata') errands.push(...reply.topics.map(({ topicId }) => this.#creating.get(topicId)));
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

  /** What hosts have to do about a fact, and the errand that is done when they have. */
  #act(fact: Fact): Errand | undefined {
    switch (fact.fact) {
      case 'topicCreated':
      case 'partitionsAdded':
        return this.#open(this.#topic(fact.topicId), fact.slots);
      case 'configsChanged': {
        const topic = this.#topic(fact.topicId);
        const errand = new Errand();
        this.#hosts.configure(topic.slots, toLogConfig(topic.configs, this.#bus), errand);
        this.#changed.add(topic.name);
        return errand;
      }
      case 'topicDeleting': {
        const topic = this.#topic(fact.topicId);
        this.#changed.add(topic.name);
        return this.#drop(topic);
      }
      default:
        return undefined;
    }
  }

  #open(topic: Topic, slots: readonly number[]): Errand {
    const errand = new Errand();
    this.#hosts.open(this.#specsOf(topic, slots), errand);
    this.#creating.set(topic.topicId, errand);
    errand.whenDone(() => {
      if (this.#creating.get(topic.topicId) === errand) this.#creating.delete(topic.topicId);
      this.#changed.add(topic.name);
    });
    return errand;
  }

  #drop(topic: Topic): Errand {
    const errand = new Errand();
    this.#hosts.drop(topic.slots, errand);
    errand.whenDone(() => {
      // What could not be removed is tried again by the next start; until then its slots stay taken.
      if (errand.failures.size === 0) this.#consequences.push({ fact: 'topicDeleted', topicId: topic.topicId });
    });
    return errand;
  }

  /** A host has dropped these slots, or died: nothing may be left of them, in the folder or in the arena. */
  #endDrop(slots: readonly number[], hostDied: boolean): { slot: number; error: number; message: string }[] {
    const { arena, disk, folder, log } = this.#setup;
    const failures: { slot: number; error: number; message: string }[] = [];
    for (const slot of slots) {
      if (hostDied) for (const frame of arena.framesOf(slot).values()) arena.give(frame);
      const owner = this.#state.owners.get(slot);
      if (folder === null || owner === undefined) continue;
      const { name, topicId } = owner.topic;
      try {
        removePartition(disk, folder, { topic: name, partition: owner.partition, topicId });
      } catch (error) {
        log.error({ topic: name, partition: owner.partition, error: String(error) }, 'files of a deleted topic could not be removed');
        failures.push({ slot, error: errors.KAFKA_STORAGE_ERROR.code, message: `${error}; the next start tries again` });
      }
    }
    if (folder !== null) disk.syncFolder(folder);
    return failures;
  }

  /** Stores and applies what followed from the hosts' answers. */
  #settle(): void {
    if (this.#consequences.length === 0) return;
    const facts = this.#consequences;
    this.#consequences = [];
    if (this.#store(facts) === null) applyAll(this.#state, facts);
  }

  /** Null when the facts are stored. Otherwise the state is made anew of what is. */
  #store(facts: readonly Fact[]): { error: number; message: string } | null {
    const { log, store } = this.#setup;
    if (store === null || facts.length === 0) return null;
    try {
      store.commit(facts);
      return null;
    } catch (error) {
      const known = error instanceof BusError ? error : new BusError('KAFKA_STORAGE_ERROR', String(error));
      log.error({ code: known.code, error: String(error) }, 'facts could not be stored; their askers are refused');
      this.#state = reloadState(this.#setup);
      return { error: errors[known.code].code, message: known.message };
    }
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
    this.#notices.push({ notice: 'event', name, fields: { host, ...fields } });
  }

  #evaluate(): void {
    if (this.#loads.evaluate()) this.#notices.push({ notice: 'pressure', report: this.#loads.report() });
  }

  /** One post to each dispatcher that has something to hear. */
  #answer(): void {
    const notices = this.#notices;
    this.#notices = [];
    if (this.#changed.size > 0) {
      notices.push({ notice: 'topics', epoch: this.#state.epoch, names: [...this.#changed] });
      this.#changed.clear();
    }
    if (this.#dispatchers.size === 0) for (const notice of notices) if (notice.notice === 'event') this.#keep(notice);
    for (const dispatcher of this.#dispatchers.values()) {
      if (dispatcher.replies.length === 0 && notices.length === 0) continue;
      dispatcher.port.post({ replies: dispatcher.replies, notices });
      dispatcher.replies = [];
    }
  }

  #keep(event: CoordinatorNotice): void {
    if (this.#keptEvents.length < EVENTS_KEPT_MAX) this.#keptEvents.push(event);
  }

  #close(dispatcher: Dispatcher, ask: CoordinatorAskOf<'close'>): void {
    const { clock, disk, folder, store } = this.#setup;
    const unfinished: string[] = [];
    for (const topic of this.#state.byId.values()) if (topic.deleting) unfinished.push(`topic ${topic.name} is still being deleted`);
    this.#parking.close();
    let error = 0;
    try {
      store?.checkpoint();
      // Before the lock is given up: afterwards the folder may be another's.
      if (folder !== null && ask.clean) writeCleanMarker(disk, folder, clock.nowMs());
    } catch (failure) {
      error = errors.KAFKA_STORAGE_ERROR.code;
      unfinished.push(String(failure));
    }
    dispatcher.replies.push({ verb: 'close', id: ask.id, error, unfinished });
    store?.close();
    this.#answer();
    this.#end();
  }

  /** Lets go of everything. The marker is not written here: without a close ask nobody knows how the hosts ended. */
  #end(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#setup.store?.close();
    this.#hosts.close();
    for (const { port } of this.#dispatchers.values()) port.close();
    this.#setup.control.close();
    this.#setup.closed();
  }

  #specsOf(topic: Topic, slots: readonly number[], onlyHost = -1): PartitionSpec[] {
    const config = toLogConfig(topic.configs, this.#bus);
    const specs: PartitionSpec[] = [];
    for (const slot of slots) {
      if (onlyHost !== -1 && hostOf(this.#state, slot) !== onlyHost) continue;
      const partition = this.#state.owners.get(slot)?.partition ?? -1;
      specs.push({ slot, topic: topic.name, topicId: topic.topicId, partition, leaderEpoch: LEADER_EPOCH, config });
    }
    return specs;
  }

  #failuresOf(errand: Errand): Failure[] {
    return [...errand.failures].map(([slot, { error, message }]) => {
      const owner = this.#state.owners.get(slot);
      return { topic: owner?.topic.name ?? '', error, message: `partition ${owner?.partition ?? '?'}: ${message}` };
    });
  }

  #topic(topicId: string): Topic {
    const topic = this.#state.byId.get(topicId);
    assert(topic !== undefined, 'a fact that was just applied is about a topic that exists');
    return topic;
  }
}
