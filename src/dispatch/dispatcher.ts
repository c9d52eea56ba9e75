/**
 * A thread's way into the bus: links to the coordinator and to every host, the outbox, and the metadata of topics. The same class
 * serves the main thread, a worker of the user's and the listener; it does not know whether a port leads to a thread or a function.
 */

import { type BusError, errors, isPassing, isRetriable } from '../base/errors.ts';
import type {
  CoordinatorAnswer,
  CoordinatorAsk,
  CoordinatorNotice,
  CoordinatorPost,
  CoordinatorReply,
  CoordinatorReplyOf,
  CoordinatorVerb,
  CoordinatorVerbs,
  PressureReport,
  TopicMetadata,
} from '../coordinator/protocol.ts';
import type { HostAnswer, HostAsk, HostNotice, HostPost, HostReply, HostReplyOf, HostVerb, HostVerbs } from '../partition/protocol.ts';
import type { Arena } from '../world/arena.ts';
import type { Clock } from '../world/clock.ts';
import type { Disk } from '../world/disk.ts';
import type { ThreadMemory } from '../world/memory.ts';
import type { Port } from '../world/port.ts';
import type { Random } from '../world/random.ts';
import { Link } from './link.ts';
import { Outbox } from './outbox.ts';
import { type Strain, strainOf } from './strain.ts';
import { TELL_EVERY_MS, Throttles } from './throttles.ts';

export interface DispatcherSetup {
  /** Its number on the bus: 0 is the main thread's. */
  index: number;
  clock: Clock;
  random: Random;
  /** Reads the file slices that fetches answer with. */
  disk: Disk;
  arena: Arena;
  /** Absent: `coordinatorUp` brings it. */
  coordinator?: Port<CoordinatorPost, CoordinatorAnswer>;
  outbox: SharedArrayBuffer;
  /** Memory of this thread in bytes, told to the governor. */
  memory?: () => ThreadMemory;
  /** Keeps the thread from ending for want of anything else to do, or lets it. Absent: something else keeps it. */
  keepAlive?: (alive: boolean) => void;
}

/** Those in this thread that want to know: producers and consumers. */
export interface Subscriber {
  topicsChanged?(names: readonly string[]): void;
  hostUp?(host: number): void;
  /** A coordinator has taken over from one that failed: what only that one knew is to be told again. */
  coordinatorUp?(): void;
  pressure?(report: PressureReport): void;
  /** The coordinator has something for the members of these groups. */
  groupsChanged?(groupIds: readonly string[]): void;
  event?(name: string, fields: Readonly<Record<string, string | number>>): void;
  /** The thread's heap came nearer to its limit, or went away from it. */
  strained?(): void;
  /** Some answers came in: there may be room again. */
  turned?(): void;
  /** The bus will end, for this reason, but what was sent to hosts may still get there. */
  lost?(reason: BusError): void;
  /** The bus is gone: it was closed, or it failed. */
  closed?(failed: boolean): void;
}

/** Told when topics were asked for: an error when nothing was learnt, and the codes of those that were refused. */
type Loaded = (error: number, refusals: ReadonlyMap<string, number>) => void;

type CoordinatorLink = Link<CoordinatorAsk, CoordinatorReply, CoordinatorNotice>;
type HostLink = Link<HostAsk, HostReply, HostNotice>;

const RELOAD_MS = 50;

export class Dispatcher {
  readonly index: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly outbox: Outbox;
  /** Quotas as they are felt here. */
  readonly throttles: Throttles;
  /** Bytes of this thread's producers that wait or are in flight. */
  inFlightBytes = 0;
  readonly #arena: Arena;
  readonly #memory: (() => ThreadMemory) | undefined;
  readonly #keepAlive: ((alive: boolean) => void) | undefined;
  #coordinator: CoordinatorLink | null = null;
  /** Called when there is a coordinator again, or never will be. */
  #awaiting: (() => void)[] = [];
  readonly #hosts: (HostLink | null)[] = [];
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #subscribers = new Set<Subscriber>();
  #metadataWaiting: { names: Set<string>; autoCreate: boolean; done: Loaded[] } | null = null;
  #loadReporting = false;
  #strain: Strain = 'none';
  #loadIsNew = false;
  #receiving = false;
  #holds = 0;
  #hadCoordinator = false;
  /** There will be no further coordinator. */
  #lost = false;
  #closed = false;
  /** The bus is being closed: its end is no failure. */
  #closing = false;

  constructor(setup: DispatcherSetup) {
    this.index = setup.index;
    this.clock = setup.clock;
    this.random = setup.random;
    this.disk = setup.disk;
    this.throttles = new Throttles(setup.clock, setup.memory === undefined ? null : () => this.clock.next(() => this.#tellLoad()));
    this.outbox = new Outbox(setup.outbox);
    this.#arena = setup.arena;
    this.#memory = setup.memory;
    this.#keepAlive = setup.keepAlive;
    if (setup.coordinator !== undefined) this.coordinatorUp(setup.coordinator);
    if (this.#memory !== undefined) this.#scheduleLoad();
  }

  get closed(): boolean {
    return this.#closed;
  }

  get hostCount(): number {
    return this.#hosts.length;
  }

  /** The pressure level of the bus now: 0 calm, 1 spill, 2 throttle, 3 pause. */
  get level(): number {
    return this.#arena.level;
  }

  /** How near this thread's heap is to its limit: readers take less then. */
  get strain(): Strain {
    return this.#strain;
  }

  subscribe(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
  }

  unsubscribe(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
  }

  /** The coordinator can be reached by this port: the first one, or one that took over. */
  coordinatorUp(port: Port<CoordinatorPost, CoordinatorAnswer>): void {
    if (this.#closed) return port.close();
    this.#coordinator?.close();
    // Within its close a bus has refused whatever it still had to say.
    const goneError = (): number => (this.#closing || this.#closed ? errors.CLOSED.code : errors.COORDINATOR_NOT_AVAILABLE.code);
    const link: CoordinatorLink = new Link(port, this.clock, goneError, {
      notice: (notice) => this.#noticed(notice),
      closed: () => {
        if (this.#coordinator === link) this.#coordinator = null;
        if (this.#closing) this.abandon();
      },
      turned: () => {},
    });
    this.#coordinator = link;
    this.#refresh();
    this.#endWait();
    if (!this.#hadCoordinator) this.#hadCoordinator = true;
    else for (const subscriber of this.#subscribers) subscriber.coordinatorUp?.();
  }

  /** A host can be reached (again) by this port. */
  hostUp(host: number, port: Port<HostPost, HostAnswer>): void {
    // The end of the port before may not have been told yet: what was asked there is refused before anything is asked here.
    this.#hosts[host]?.close();
    const link: HostLink = new Link(port, this.clock, () => errors.HOST_DOWN.code, {
      notice: () => {},
      closed: () => {
        if (this.#hosts[host] === link) this.#hosts[host] = null;
      },
      turned: () => {
        for (const subscriber of this.#subscribers) subscriber.turned?.();
      },
    });
    while (this.#hosts.length <= host) this.#hosts.push(null);
    this.#hosts[host] = link;
    for (const subscriber of this.#subscribers) subscriber.hostUp?.(host);
  }

  askHost<V extends HostVerb>(
    host: number,
    verb: V,
    fields: HostVerbs[V]['ask'],
    done: (error: number, reply: HostReplyOf<V> | null) => void,
  ): void {
    const link = this.#hosts[host];
    if (link === null || link === undefined)
      return this.clock.next(() => done(this.#closed ? errors.CLOSED.code : errors.HOST_DOWN.code, null));
    link.ask({ verb, ...fields } as Omit<HostAsk, 'id'>, done as (error: number, reply: HostReply | null) => void);
  }

  /** Posts the asks to this host now: a full batch gains from leaving before the turn ends. */
  flushHost(host: number): void {
    this.#hosts[host]?.flush();
  }

  /** Takes in what hosts have answered, and posts what that lets go, without waiting for the event loop. */
  receive(): void {
    // What is told of an answer may push, and so come here again.
    if (this.#receiving) return;
    this.#receiving = true;
    for (const link of this.#hosts) link?.receive();
    for (const link of this.#hosts) link?.flush();
    this.#receiving = false;
  }

  askCoordinator<V extends CoordinatorVerb>(
    verb: V,
    fields: CoordinatorVerbs[V]['ask'],
    done: (error: number, reply: CoordinatorReplyOf<V> | null) => void,
  ): void {
    if (this.#coordinator === null) {
      const error = this.#closed || this.#lost ? errors.CLOSED.code : errors.COORDINATOR_LOAD_IN_PROGRESS.code;
      return this.clock.next(() => done(error, null));
    }
    this.#coordinator.ask(
      { verb, ...fields } as Omit<CoordinatorAsk, 'id'>,
      done as (error: number, reply: CoordinatorReply | null) => void,
    );
  }

  /** What is known of a topic; undefined when it was not asked for yet or has changed since. */
  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name);
  }

  /**
   * Learns about topics; `done` gets an error only when nothing could be learnt, and the codes of the topics that were refused. Asks of
   * one turn go out as one.
   */
  loadTopics(names: readonly string[], autoCreate: boolean, done: Loaded): void {
    let waiting = this.#metadataWaiting;
    if (waiting === null || waiting.autoCreate !== autoCreate) {
      const made = { names: new Set<string>(), autoCreate, done: [] as Loaded[] };
      waiting = made;
      this.#metadataWaiting = made;
      this.clock.next(() => {
        if (this.#metadataWaiting === made) this.#metadataWaiting = null;
        this.#load(made.names, autoCreate, (error, refusals) => {
          for (const one of made.done) one(error, refusals);
        });
      });
    }
    for (const name of names) waiting.names.add(name);
    waiting.done.push(done);
  }

  /** For who follows these topics and was told that they have changed: nobody will say so again, so it is asked until it is answered. */
  reloadTopics(names: readonly string[], done: () => void): void {
    this.loadTopics(names, false, (error, refusals) => {
      // One that has no leader at the moment is not gone.
      const isLater = error === 0 ? names.some((name) => isPassing(refusals.get(name) ?? 0)) : isRetriable(error);
      if (!isLater) return error === 0 ? done() : undefined;
      if (!this.#closed) this.clock.after(RELOAD_MS, () => this.reloadTopics(names, done));
    });
  }

  /** A coordinator that goes before it has answered is no answer: its successor is asked. */
  #load(names: ReadonlySet<string>, autoCreate: boolean, done: Loaded): void {
    this.askCoordinator('metadata', { topics: [...names], autoCreate }, (error, reply) => {
      if (reply === null && !this.#closed && !this.#lost) return this.#awaitCoordinator(() => this.#load(names, autoCreate, done));
      const refusals = new Map<string, number>();
      for (const topic of reply?.topics ?? []) {
        if (topic.error === 0) this.#topics.set(topic.name, topic);
        else {
          this.#topics.delete(topic.name);
          refusals.set(topic.name, topic.error);
        }
      }
      done(error, refusals);
    });
  }

  /** What was told between two coordinators was told to nobody: what is known of topics is compared with what the new one says. */
  #refresh(): void {
    if (this.#topics.size === 0) return;
    const before = new Map(this.#topics);
    this.askCoordinator('metadata', { topics: [...before.keys()], autoCreate: false }, (error, reply) => {
      if (error !== 0 || reply === null) return;
      const stale = reply.topics
        .filter((topic) => this.#topics.get(topic.name) === before.get(topic.name))
        .filter((topic) => {
          return JSON.stringify(topic) !== JSON.stringify(before.get(topic.name));
        });
      const names = stale.map(({ name }) => name);
      for (const name of names) this.#topics.delete(name);
      if (names.length > 0) for (const subscriber of this.#subscribers) subscriber.topicsChanged?.(names);
    });
  }

  #awaitCoordinator(then: () => void): void {
    if (this.#coordinator !== null) return this.clock.next(then);
    if (this.#awaiting.length === 0) this.hold();
    this.#awaiting.push(then);
  }

  #endWait(): void {
    const awaiting = this.#awaiting;
    if (awaiting.length === 0) return;
    this.#awaiting = [];
    this.release();
    for (const then of awaiting) then();
  }

  /** Somebody in this thread waits for what no ask in flight will bring: a host's return, room, a partition that is resumed. */
  hold(): void {
    if (this.#holds++ === 0) this.#keepAlive?.(true);
  }

  release(): void {
    if (--this.#holds === 0) this.#keepAlive?.(false);
  }

  forgetTopic(name: string): void {
    this.#topics.delete(name);
  }

  close(): void {
    this.#closing = true;
    this.abandon();
  }

  /** There is no coordinator any more, and none will follow: the bus ends. */
  lose(reason: BusError): void {
    this.#lost = true;
    this.#endWait();
    for (const subscriber of this.#subscribers) subscriber.lost?.(reason);
  }

  /** Ends as `close` does, but is told as a failure: nobody has asked for it. */
  abandon(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const link of this.#hosts) link?.close();
    this.#coordinator?.close();
    this.#endWait();
    for (const subscriber of this.#subscribers) subscriber.closed?.(!this.#closing);
  }

  #noticed(notice: CoordinatorNotice): void {
    if (notice.notice === 'topics') {
      for (const name of notice.names) this.#topics.delete(name);
      for (const subscriber of this.#subscribers) subscriber.topicsChanged?.(notice.names);
    } else if (notice.notice === 'pressure') {
      for (const subscriber of this.#subscribers) subscriber.pressure?.(notice.report);
    } else if (notice.notice === 'groups') {
      for (const subscriber of this.#subscribers) subscriber.groupsChanged?.(notice.groupIds);
    } else if (notice.notice === 'event') {
      for (const subscriber of this.#subscribers) subscriber.event?.(notice.name, notice.fields);
    } else this.#closing = true;
  }

  #scheduleLoad(): void {
    this.clock.after(TELL_EVERY_MS, () => {
      if (this.#closed) return;
      this.#feelStrain();
      this.#tellLoad();
      this.#scheduleLoad();
    });
  }

  /** Also while nobody can be told of it. */
  #feelStrain(): void {
    if (this.#memory === undefined) return;
    const { heapUsedBytes, heapLimitBytes } = this.#memory();
    const before = this.#strain;
    this.#strain = strainOf(before, heapUsedBytes, heapLimitBytes);
    if (this.#strain !== before) for (const subscriber of this.#subscribers) subscriber.strained?.();
  }

  /** Tells the governor what this thread holds, and what its clients have passed, one report at a time. */
  #tellLoad(): void {
    if (this.#closed || this.#memory === undefined) return;
    if (this.#loadReporting) {
      this.#loadIsNew = true;
      return;
    }
    this.#loadReporting = true;
    this.#loadIsNew = false;
    const load = { dispatcher: this.index, inFlightBytes: this.inFlightBytes, ...this.#memory(), clients: this.throttles.take() };
    this.askCoordinator('reportLoad', load, (error, reply) => {
      this.#loadReporting = false;
      this.throttles.set(error === 0 && reply !== null ? reply.throttles : null);
      // Somebody waits to hear of what came since. A coordinator that is gone is told when the next one may be there.
      if (this.#loadIsNew && error === 0) this.#tellLoad();
    });
  }
}
