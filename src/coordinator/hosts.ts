/**
 * The coordinator's end of the partition hosts: what each was asked and has not answered, and what waits for those answers. A host
 * may die at any moment; what it was asked is then asked again of the next one, as part of opening everything that it carries.
 */
import { assert } from '../base/assert.ts';
import { errorName } from '../base/errors.ts';
import type { LogConfig } from '../log/config.ts';
import type { HostAnswer, HostAsk, HostNotice, HostPost, HostReply, PartitionDescription, PartitionSpec } from '../partition/protocol.ts';
import type { Port } from '../world/port.ts';
import type { Remnant } from './remains.ts';

export type HostPort = Port<HostPost, HostAnswer>;

/** Something that hosts have to do before a reply may go out. */
export class Errand {
  /** Answers still missing. */
  left = 0;
  /** By slot: what went wrong there. */
  readonly failures = new Map<number, { error: number; message: string }>();
  readonly #then: (() => void)[] = [];

  get isDone(): boolean {
    return this.left === 0;
  }

  /** Calls `then` when all answers are there. */
  whenDone(then: () => void): void {
    if (this.isDone) then();
    else this.#then.push(then);
  }

  answered(): void {
    assert(this.left > 0, 'an errand gets no more answers than it has asks');
    if (--this.left === 0) for (const then of this.#then) then();
  }
}

type CoordinatorAsk = Extract<HostAsk, { verb: 'open' | 'configure' | 'drop' }>;

interface Link {
  port: HostPort | null;
  /** Carries partitions since before this coordinator began, and has not been connected to it: nothing is done behind its back. */
  awaited: boolean;
  /** Whether an earlier host under this number has died: frames of it may lie in the arena. */
  succeeded: boolean;
  /** Gathered in this turn. */
  outgoing: HostAsk[];
  inFlight: Map<number, { ask: CoordinatorAsk; errands: Errand[] }>;
  /** What it was asked about and has not answered. */
  looks: Map<number, (partitions: readonly PartitionDescription[]) => void>;
  /** A host opens over many of its turns: what presumes open partitions is held until it has answered. */
  opening: number;
  held: { ask: CoordinatorAsk; errands: Errand[] }[];
  /** Wait for the next host to have opened its partitions. */
  waiting: Errand[];
}

/** What the coordinator does when a host has answered. */
export interface HostEvents {
  /** Every partition of the host is open, or is in `failures`, by slot. */
  ready(host: number, failures: Errand['failures']): void;
  notice(host: number, notice: HostNotice): void;
  /** A host was asked to drop these slots and has answered or died: see that nothing is left of them. */
  dropped(slots: readonly number[], hostDied: boolean): Remnant[];
}

export class Hosts {
  readonly #links: Link[];
  readonly #events: HostEvents;
  #nextId = 1;

  /** `awaited`: the hosts were another coordinator's, and may carry anything that it told them to. */
  constructor(count: number, events: HostEvents, awaited = false) {
    this.#events = events;
    this.#links = Array.from({ length: count }, () => ({
      port: null,
      awaited,
      succeeded: awaited,
      outgoing: [],
      inFlight: new Map(),
      looks: new Map(),
      opening: 0,
      held: [],
      waiting: [],
    }));
  }

  get count(): number {
    return this.#links.length;
  }

  /** A host is there, for the first time or again: it opens `partitions`. */
  up(host: number, port: HostPort, partitions: PartitionSpec[], clean: boolean): void {
    const link = this.#links[host];
    this.down(host);
    link.port = port;
    link.awaited = false;
    const errands = link.waiting;
    link.waiting = [];
    const opened = new Errand();
    opened.left = 1;
    opened.whenDone(() => this.#events.ready(host, opened.failures));
    this.#send(host, { verb: 'open', id: this.#nextId++, partitions, clean: clean && !link.succeeded }, [...errands, opened], false);
  }

  /** The host is gone: what it was asked waits for the next one, and what it should have removed is removed without it. */
  down(host: number): void {
    const link = this.#links[host];
    if (link.port === null) return;
    link.port.close();
    link.port = null;
    link.succeeded = true;
    link.outgoing = [];
    link.opening = 0;
    const lost = [...link.inFlight.values(), ...link.held];
    link.inFlight = new Map();
    link.held = [];
    for (const { ask, errands } of lost) this.#lose(link, ask, errands);
    const looks = [...link.looks.values()];
    link.looks.clear();
    for (const take of looks) take([]);
  }

  /** The other end of a host's port is gone; false when another host has come up under its number. */
  gone(host: number, port: HostPort): boolean {
    if (this.#links[host].port !== port) return false;
    this.down(host);
    return true;
  }

  /** Asks the hosts of these partitions to open them. */
  open(partitions: readonly PartitionSpec[], errand: Errand): void {
    for (const [host, specs] of this.#byHost(partitions, ({ slot }) => slot)) {
      errand.left++;
      // A host that is down opens all its partitions when it is back, these among them.
      if (this.#links[host].port === null) this.#links[host].waiting.push(errand);
      else this.#send(host, { verb: 'open', id: this.#nextId++, partitions: specs, clean: false }, [errand], false);
    }
  }

  configure(slots: readonly number[], config: LogConfig, errand: Errand): void {
    for (const [host, own] of this.#byHost(slots, (slot) => slot)) {
      // A host that is down is told the present configuration when it opens.
      if (this.#links[host].port === null) continue;
      errand.left++;
      this.#send(host, { verb: 'configure', id: this.#nextId++, slots: own, config }, [errand], true);
    }
  }

  drop(slots: readonly number[], errand: Errand): void {
    for (const [host, own] of this.#byHost(slots, (slot) => slot)) {
      errand.left++;
      const link = this.#links[host];
      const ask: CoordinatorAsk = { verb: 'drop', id: this.#nextId++, slots: own };
      if (link.awaited) link.held.push({ ask, errands: [errand] });
      else if (link.port === null) this.#lose(link, ask, [errand]);
      else this.#send(host, ask, [errand], true);
    }
  }

  /** Asks how these partitions stand. A host that is down, or dies meanwhile, has nothing to say of its own. */
  describe(slots: readonly number[], done: (partitions: readonly PartitionDescription[]) => void): void {
    const found: PartitionDescription[] = [];
    let left = 1;
    const take = (partitions: readonly PartitionDescription[]): void => {
      for (const one of partitions) found.push(one);
      if (--left === 0) done(found);
    };
    for (const [host, own] of this.#byHost(slots, (slot) => slot)) {
      const link = this.#links[host];
      if (link.port === null) continue;
      left++;
      const id = this.#nextId++;
      link.looks.set(id, take);
      link.outgoing.push({ verb: 'describe', id, slots: own });
    }
    take([]);
  }

  /** Takes what the hosts have posted. */
  drain(): void {
    for (let host = 0; host < this.#links.length; host++) {
      const link = this.#links[host];
      for (let post = link.port?.take(); post !== undefined; post = link.port?.take()) {
        for (const notice of post.notices) this.#events.notice(host, notice);
        for (const reply of post.replies) this.#answered(host, reply);
      }
    }
  }

  /** Sends what was gathered: one post per host. */
  flush(): void {
    for (const link of this.#links) {
      if (link.outgoing.length === 0 || link.port === null) continue;
      link.port.post({ asks: link.outgoing });
      link.outgoing = [];
    }
  }

  close(): void {
    for (const link of this.#links) {
      link.port?.close();
      link.port = null;
    }
  }

  #send(host: number, ask: CoordinatorAsk, errands: Errand[], presumesOpen: boolean): void {
    const link = this.#links[host];
    if (presumesOpen && link.opening > 0) {
      link.held.push({ ask, errands });
      return;
    }
    link.outgoing.push(ask);
    link.inFlight.set(ask.id, { ask, errands });
    if (ask.verb === 'open') link.opening++;
  }

  #answered(host: number, reply: HostReply): void {
    const link = this.#links[host];
    if (reply.verb === 'describe') {
      const take = link.looks.get(reply.id);
      link.looks.delete(reply.id);
      return take?.(reply.partitions);
    }
    const asked = link.inFlight.get(reply.id);
    if (asked === undefined) return;
    link.inFlight.delete(reply.id);
    this.#takeFailures(asked.ask, reply, asked.errands);
    if (asked.ask.verb === 'drop') this.#dropped(asked.ask.slots, link.succeeded, asked.errands);
    for (const errand of asked.errands) errand.answered();
    if (asked.ask.verb === 'open' && --link.opening === 0) this.#release(host);
  }

  #takeFailures(ask: CoordinatorAsk, reply: HostReply, errands: readonly Errand[]): void {
    if (reply.error === 0) {
      if (reply.verb === 'open') for (const { slot, error, message } of reply.results) fail(errands, slot, error, message);
      return;
    }
    // What a host says about a drop does not matter: the coordinator looks for itself.
    const slots = ask.verb === 'open' ? ask.partitions.map(({ slot }) => slot) : ask.verb === 'configure' ? ask.slots : [];
    for (const slot of slots) fail(errands, slot, reply.error, `its host answered ${errorName(reply.error)}`);
  }

  #release(host: number): void {
    const held = this.#links[host].held;
    this.#links[host].held = [];
    for (const { ask, errands } of held) this.#send(host, ask, errands, true);
  }

  #lose(link: Link, ask: CoordinatorAsk, errands: Errand[]): void {
    if (ask.verb !== 'drop') {
      link.waiting.push(...errands);
      return;
    }
    this.#dropped(ask.slots, link.succeeded, errands);
    for (const errand of errands) errand.answered();
  }

  #dropped(slots: readonly number[], hostDied: boolean, errands: readonly Errand[]): void {
    for (const { slot, error, message } of this.#events.dropped(slots, hostDied)) fail(errands, slot, error, message);
  }

  #byHost<T>(items: readonly T[], slotOf: (item: T) => number): Map<number, T[]> {
    const found = new Map<number, T[]>();
    for (const item of items) {
      const host = slotOf(item) % this.#links.length;
      const list = found.get(host);
      if (list === undefined) found.set(host, [item]);
      else list.push(item);
    }
    return found;
  }
}

function fail(errands: readonly Errand[], slot: number, error: number, message: string): void {
  if (error !== 0) for (const errand of errands) errand.failures.set(slot, { error, message });
}
