/**
 * A bus without threads: the actors of src/bus.ts wired over loopbacks, supervised in the same way (a host that dies is replaced, its
 * successor adopts its frames). One object is one life of one process. With a real clock it is the bus of the conformance suite.
 */
import { assert } from '../../src/base/assert.ts';
import type { BusError } from '../../src/base/errors.ts';
import type { Admin } from '../../src/client/admin.ts';
import { ask, askCoordinator } from '../../src/client/ask.ts';
import { Client } from '../../src/client/client.ts';
import type { Consumer } from '../../src/client/consumer.ts';
import type { ConsumerOptions } from '../../src/client/consumer-options.ts';
import type { Producer } from '../../src/client/producer.ts';
import type { ProducerOptions } from '../../src/client/producer-options.ts';
import type { SqliteDatabase } from '../../src/client/sqlite/database.ts';
import type { Outbox } from '../../src/client/sqlite/outbox.ts';
import type { OutboxOptions } from '../../src/client/sqlite/outbox-options.ts';
import type { CoordinatorAnswer, CoordinatorPost } from '../../src/coordinator/protocol.ts';
import { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { outboxMemory } from '../../src/dispatch/outbox.ts';
import { LogShared } from '../../src/log/shared.ts';
import { Host } from '../../src/partition/host.ts';
import type { HostAnswer, HostPost } from '../../src/partition/protocol.ts';
import { Arena } from '../../src/world/arena.ts';
import type { Timer } from '../../src/world/clock.ts';
import type { Disk, DiskFile } from '../../src/world/disk.ts';
import type { Port } from '../../src/world/port.ts';
import { Actor, ActorArena, actorDisk, Crash, type Lane, wire } from './actor.ts';
import type { SimBusSetup } from './bus-setup.ts';
import { SimCoordinator } from './coordinator.ts';
import { listening, tapped } from './ears.ts';

interface HostThread {
  actor: Actor;
  startedMs: number;
  failures: number;
  ready: boolean;
  down: boolean;
  /** Its end is no death. */
  retired: boolean;
  restart: Timer | null;
  ended: Promise<void>;
  end: () => void;
  /** As it told last. */
  parkedReads: number;
  connect(port: Port<HostAnswer, HostPost>, outbox: SharedArrayBuffer | null, isCoordinator: boolean): void;
}

interface Attached {
  actor: Actor;
  outbox: SharedArrayBuffer;
  client: Client;
  control: Lane;
  /** Its thread has ended without a word. */
  gone: boolean;
}

const RESTART_MS = 10;
const RESTART_MS_MAX = 2000;
const PROVEN_MS = 10_000;
const ENDS_WITHIN_MS = 1000;

export class SimBus {
  readonly arena: Arena;
  /** Resolves when every partition is ready; rejects with a BusError when the folder is refused. */
  readonly opened: Promise<void>;
  crashes = 0;
  readonly #setup: SimBusSetup;
  readonly #main: Actor;
  readonly #coordinator: SimCoordinator;
  readonly #hosts: HostThread[] = [];
  readonly #files = new Map<DiskFile, { actor: Actor; isWriting: boolean }>();
  readonly #attached: Attached[] = [];
  #resolveOpened: () => void = () => {};
  #rejectOpened: (error: BusError) => void = () => {};
  #closing: Promise<{ unfinished: string[] }> | null = null;
  /** A host that ends is not replaced. */
  #stopping = false;
  #dead = false;
  /** Why there is no coordinator any more. */
  #lost: BusError | null = null;

  constructor(setup: SimBusSetup) {
    this.#setup = setup;
    this.arena = Arena.create(setup.arena);
    this.opened = new Promise((resolve, reject) => {
      this.#resolveOpened = resolve;
      this.#rejectOpened = reject;
    });
    this.opened.catch(() => {});
    this.#main = this.#actor('main', true);
    this.#coordinator = new SimCoordinator({
      setup,
      arena: this.arena.handle,
      main: this.#main,
      makeActor: (died) => this.#thread('coordinator', died),
      disk: (actor) => this.#disk(actor),
      hostReady: (host) => {
        this.#hosts[host].ready = true;
        if (this.#hosts.every(({ ready }) => ready)) this.#resolveOpened();
      },
      refused: (error) => this.#rejectOpened(error),
      succeeding: () => this.#introduceAll(),
      lost: (error) => this.#lose(error),
    });
    for (let host = 0; host < setup.hosts; host++) this.#startHost(host, 0);
    for (let i = 0; i < setup.dispatchers; i++) this.#attach(i);
  }

  producer<K = string | Uint8Array, V = unknown>(options: ProducerOptions<K, V> = {}): Producer<K, V> {
    return this.client().producer(options);
  }

  consumer<K = string | Uint8Array, V = unknown>(options: ConsumerOptions<K, V> = {}): Consumer<K, V> {
    return this.client().consumer(options);
  }

  outbox<K = string | Uint8Array, V = unknown>(db: SqliteDatabase, options: OutboxOptions<K, V> = {}): Outbox<K, V> {
    return this.client().outbox(db, options);
  }

  admin(): Admin {
    return this.client().admin();
  }

  pressure(): ReturnType<Client['pressure']> {
    return this.client().pressure();
  }

  /** What the n-th thread does with the bus. */
  client(thread = 0): Client {
    return this.#attached[thread].client;
  }

  get threads(): number {
    return this.#attached.length;
  }

  /** Whether the n-th thread has ended before the bus. */
  isGone(thread: number): boolean {
    return this.#attached[thread].gone;
  }

  /** A worker of the user's ends in the middle of what it does: its ports close, nobody says goodbye. */
  endWorker(thread: number): void {
    const attached = this.#attached[thread];
    assert(attached.actor !== this.#main, 'the main thread ends with its process');
    attached.gone = true;
    attached.actor.end();
  }

  /** Files that are open on any thread. */
  get openFiles(): string[] {
    return [...this.#files.keys()].map(({ path }) => path);
  }

  /** The actors that can be stalled. */
  get actors(): Actor[] {
    return [
      this.#main,
      this.#coordinator.actor,
      ...this.#hosts.map(({ actor }) => actor),
      ...this.#attached.slice(1).map(({ actor }) => actor),
    ];
  }

  /** Calls of a disk by one actor. Two hosts never write to the same file. */
  #disk(actor: Actor): Disk {
    return actorDisk(this.#setup.disk, actor, {
      opened: (file, isWriting) => {
        for (const [{ path }, other] of this.#files)
          if (isWriting && other.isWriting && path === file.path && other.actor !== actor && other.actor.alive)
            this.#setup.failed(actor.name, new Error(`it writes to ${path}, which ${other.actor.name} has open`));
        this.#files.set(file, { actor, isWriting });
      },
      closed: (file) => this.#files.delete(file),
    });
  }

  get hosts(): readonly Readonly<HostThread>[] {
    return this.#hosts;
  }

  /** Stops a host at its n-th call of the world from now on; 0: at once. */
  crashHost(host: number, steps: number): void {
    const { actor } = this.#hosts[host];
    if (steps > 0) actor.crashAfter(steps, 'thread');
    else if (actor.alive) {
      actor.alive = false;
      this.#hostDied(host, actor);
    }
  }

  /** Those who bring the coordinator down, and count how often it went. */
  get coordinator(): SimCoordinator {
    return this.#coordinator;
  }

  /** The process ends here: nothing of it runs any more, nobody is told. */
  kill(): void {
    this.#dead = true;
    for (const actor of this.actors) actor.vanish();
  }

  get lost(): boolean {
    return this.#lost !== null;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** As Bus.close. */
  close({ deadlineMs = 30_000 }: { deadlineMs?: number } = {}): Promise<{ unfinished: string[] }> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  // Threads.

  #actor(name: string, promises: boolean): Actor {
    const actor = new Actor(name, this.#setup.world, { promises });
    actor.onThrow = (error) => {
      if (error instanceof Crash) this.#setup.died();
      else this.#setup.failed(name, error);
    };
    return actor;
  }

  /** An actor that works without promises, and whose thread may end alone. */
  #thread(name: string, died: (actor: Actor) => void): Actor {
    const actor = this.#actor(name, false);
    actor.onThrow = (error) => {
      if (!(error instanceof Crash)) this.#setup.failed(name, error);
      else if (error.of === 'process') this.#setup.died();
      else died(actor);
    };
    return actor;
  }

  #introduceAll(): void {
    for (let host = 0; host < this.#hosts.length; host++) this.#introduceHost(host);
    this.#attached.forEach((attached, index) => {
      this.#introduceDispatcher(index, attached);
    });
  }

  #introduceHost(index: number): void {
    const thread = this.#hosts[index];
    const { control, actor } = this.#coordinator;
    if (control === null || thread.down || thread.retired) return;
    const [toHost, toCoordinator] = wire<HostPost, HostAnswer>(actor, thread.actor);
    thread.connect(listening(toCoordinator, thread), null, true);
    control.post({ control: 'hostUp', host: index, port: toHost });
  }

  #introduceDispatcher(index: number, { actor, client, control: lane, gone }: Attached): void {
    const { control, actor: coordinator } = this.#coordinator;
    if (gone || control === null) return;
    const [port, theirs] = wire<CoordinatorPost, CoordinatorAnswer>(actor, coordinator);
    control.post({ control: 'dispatcherUp', dispatcher: index, port: tapped(theirs, this.#setup.groups) });
    const up = (): void => client.dispatcher.coordinatorUp(port);
    if (actor === this.#main) up();
    else this.#setup.world.later(lane, 'post', () => actor.run(up));
  }

  #startHost(index: number, failures: number): void {
    const { folder, world, retentionCheckMs, producerIdExpirationMs, memory, log } = this.#setup;
    const successor = this.#hosts[index] !== undefined;
    const actor = this.#thread(`host ${index}`, (died) => this.#hostDied(index, died));
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    let host: Host | null = null;
    actor.clock.soon(() => {
      host = new Host({
        folder,
        disk: this.#disk(actor),
        clock: actor.clock,
        arena: new ActorArena(this.arena.handle, actor),
        log,
        successor,
        retentionCheckMs,
        producerIdExpirationMs,
        heapBytes: memory?.heapBytes ?? (() => 0),
        shared: new LogShared(),
        closed: end,
      });
    });
    const connect: HostThread['connect'] = (port, outbox, isCoordinator) =>
      actor.clock.soon(() => host?.connect(port, outbox, isCoordinator));
    const thread: HostThread = {
      actor,
      startedMs: world.clock.monotonicMs(),
      failures,
      ready: false,
      down: false,
      retired: false,
      restart: null,
      ended,
      end,
      parkedReads: 0,
      connect,
    };
    this.#hosts[index] = thread;
    this.#introduceHost(index);
    for (const attached of this.#attached) this.#connect(index, attached);
  }

  /** The main thread's dispatcher is told at once, one on another thread through its control port. */
  #connect(index: number, { actor, client, control, outbox, gone }: Attached): void {
    if (gone) return;
    const { world } = this.#setup;
    const [toHost, toDispatcher] = wire<HostPost, HostAnswer>(actor, this.#hosts[index].actor);
    this.#hosts[index].connect(toDispatcher, outbox, false);
    const up = (): void => client.dispatcher.hostUp(index, toHost);
    if (actor === this.#main) up();
    else world.later(control, 'post', () => actor.run(up));
  }

  #hostDied(index: number, actor: Actor): void {
    const thread = this.#hosts[index];
    if (thread.actor !== actor || thread.down) return;
    thread.down = true;
    this.crashes++;
    actor.end();
    thread.end();
    for (const [file, owner] of this.#files) if (owner.actor === actor) this.#files.delete(file);
    if (this.#stopping || thread.retired) return;
    const lived = this.#setup.world.clock.monotonicMs() - thread.startedMs;
    const failures = lived > PROVEN_MS ? 1 : thread.failures + 1;
    thread.restart = this.#main.clock.after(Math.min(RESTART_MS_MAX, RESTART_MS * 2 ** (failures - 1)), () =>
      this.#startHost(index, failures),
    );
  }

  #attach(index: number): void {
    const { random, outboxBytes, memory } = this.#setup;
    const actor = index === 0 ? this.#main : this.#actor(`worker ${index}`, true);
    const outbox = outboxMemory(outboxBytes);
    const heap = () => ({ heapUsedBytes: memory?.heapBytes() ?? 0, heapLimitBytes: memory?.heapBytesMax ?? 0 });
    const dispatcher = new Dispatcher({
      index,
      clock: actor.clock,
      random,
      disk: this.#disk(actor),
      arena: new ActorArena(this.arena.handle, actor),
      outbox,
      memory: () => ({ heapBytes: 0, rssBytes: memory?.rssBytes() ?? 0, ...heap() }),
    });
    const attached: Attached = { actor, outbox, client: new Client(dispatcher), control: { lastMs: 0 }, gone: false };
    this.#attached.push(attached);
    this.#introduceDispatcher(index, attached);
    for (let host = 0; host < this.#hosts.length; host++) if (!this.#hosts[host].down) this.#connect(host, attached);
  }

  /** As Bus: what can be saved is, and the bus closes. */
  #lose(error: BusError): void {
    this.#lost = error;
    this.#rejectOpened(error);
    for (const { actor, client, control, gone } of this.#attached) {
      const lose = (): void => client.dispatcher.lose(error);
      if (gone) continue;
      if (actor === this.#main) lose();
      else this.#setup.world.later(control, 'post', () => actor.run(lose));
    }
    if (error.code === 'FOLDER_LOCKED') {
      this.client().dispatcher.abandon();
      this.#stopping = true;
      for (let host = 0; host < this.#hosts.length; host++) this.crashHost(host, 0);
    }
    void this.close();
  }

  // Closing.

  async #close(deadlineMs: number): Promise<{ unfinished: string[] }> {
    const { clock } = this.#main;
    const endMs = clock.monotonicMs() + deadlineMs;
    const left = (): number => Math.max(0, endMs - clock.monotonicMs());
    const unfinished: string[] = [];
    for (const { client, gone } of this.#attached.slice(1)) {
      // Of those on other threads the bus that was lost knows nothing; they end with it.
      if (gone || this.#lost !== null) continue;
      unfinished.push(...(await client.drain(left() * 0.5)));
      client.dispatcher.close();
    }
    unfinished.push(...(await this.client().drain(left() * 0.5)));
    // A host that dies meanwhile is still replaced: its successor writes out what the dead one held.
    const hosts = await Promise.all(this.#hosts.map((_, host) => this.#closeHost(host, left)));
    this.#stopping = true;
    for (const { restart } of this.#hosts) restart?.cancel();
    unfinished.push(...hosts.flat());
    const clean = hosts.every((problems) => problems.length === 0);
    unfinished.push(...(await this.#closeCoordinator(clean, left)));
    if (this.#lost === null) this.client().dispatcher.close();
    else for (const { client, gone } of this.#attached) if (!gone) client.dispatcher.abandon();
    this.#coordinator.stop();
    this.#dead = true;
    return { unfinished };
  }

  async #closeHost(index: number, left: () => number): Promise<string[]> {
    const ms = left();
    const closing = async (): Promise<string[]> => {
      const { unfinished } = await ask(this.client().dispatcher, index, 'close', { deadlineMs: left() }, left());
      const thread = this.#hosts[index];
      thread.retired = true;
      thread.restart?.cancel();
      const ended = thread.ended.then(() => unfinished);
      return (await this.#within(ENDS_WITHIN_MS, ended, null)) ?? Promise.race([ended, closing()]);
    };
    return this.#within(ms, closing(), [`host ${index} did not close in time`]).catch((error: unknown) => [`host ${index}: ${error}`]);
  }

  async #closeCoordinator(clean: boolean, left: () => number): Promise<string[]> {
    if (this.#lost !== null) return [`the coordinator: ${this.#lost.message}`];
    const closing = async (): Promise<string[]> => {
      const { unfinished } = await askCoordinator(this.client().dispatcher, 'close', { deadlineMs: left(), clean }, left());
      await this.#within(ENDS_WITHIN_MS, this.#coordinator.retire(), undefined);
      return unfinished;
    };
    const late = ['the coordinator did not close in time'];
    return this.#within(left() + 1000, closing(), late).catch((error: unknown) => [`the coordinator: ${error}`]);
  }

  #within<T, L>(ms: number, promise: Promise<T>, late: L): Promise<T | L> {
    let timer: { cancel(): void } | undefined;
    const expired = new Promise<L>((resolve) => {
      timer = this.#main.clock.after(ms, () => resolve(late), true);
    });
    return Promise.race([promise, expired]).finally(() => timer?.cancel());
  }
}
