/**
 * One thread of a simulated process: what it may touch (clock, ports, disk, arena) is handed to it through this file, so that it can be
 * stopped at any call of any of them. A dead actor never runs again: its timers, syncs and reads are dropped, its posts go nowhere.
 *
 *   actor ──post──▶ [on its way: a delay, in order per wire] ──▶ loopback queue ──wake──▶ actor at the other end
 */
import { Arena, type ArenaHandle } from '../../src/world/arena.ts';
import type { Clock, Timer } from '../../src/world/clock.ts';
import { type Disk, DiskError, type DiskFile } from '../../src/world/disk.ts';
import { loopback, type Port } from '../../src/world/port.ts';

/** What ends: the actor's thread, or the process with all its threads. */
export type CrashOf = 'thread' | 'process';

/** Thrown out of a call of the world, in the middle of a turn. */
export class Crash extends Error {
  override name = 'Crash';
  readonly of: CrashOf;
  constructor(of: CrashOf) {
    super(`the ${of} was stopped`);
    this.of = of;
  }
}

/** Things that happen in order: a later one is never before an earlier one. */
export interface Lane {
  lastMs: number;
}

/** Where actors live: real time without delays, or the simulation. */
export interface World {
  readonly clock: Clock;
  /** Calls `then` after a delay that suits `what`, behind everything that was put on this lane before. */
  later(lane: Lane, what: 'post' | 'soon', then: () => void): void;
  /** How late a timer fires, in milliseconds. */
  latenessMs(): number;
  /** A message as it arrives at the other thread: itself, or a copy as MessagePort makes it. */
  carry<T>(message: T, transfer: readonly ArrayBuffer[] | undefined): T;
  /** Work of this actor was done; microtasks of its may wait. */
  ran(actor: Actor): void;
}

export class Actor {
  readonly name: string;
  readonly world: World;
  readonly clock: Clock;
  /** Whether promises are used on this thread, so that microtasks must be let run after its events. */
  readonly promises: boolean;
  alive = true;
  /** Told once when it throws: a Crash that was asked for, or what nobody asked for. */
  onThrow: (error: unknown) => void = (error) => {
    throw error;
  };
  /** Nothing of this actor runs before: its thread got no time. */
  stalledUntilMs = 0;
  readonly #soon: Lane = { lastMs: 0 };
  readonly #wires: { close(): void }[] = [];
  #ended = false;
  #stepsLeft = Number.POSITIVE_INFINITY;
  #crash: CrashOf = 'thread';
  /** Thrown and not told yet: what ran may take it for an error of its disk and go on. */
  #thrown: Crash | null = null;

  constructor(name: string, world: World, { promises }: { promises: boolean }) {
    this.name = name;
    this.world = world;
    this.promises = promises;
    const { clock } = world;
    this.clock = {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      after: (ms, then, keepAlive) =>
        this.alive ? clock.after(ms + world.latenessMs(), () => this.run(then), keepAlive) : (NO_TIMER satisfies Timer),
      soon: (then) => {
        if (this.alive) world.later(this.#soon, 'soon', () => this.run(then));
      },
      next: (then) => clock.next(() => this.#runNow(then)),
    };
  }

  /** Stops the actor at its n-th call of the world from now on. */
  crashAfter(steps: number, of: CrashOf): void {
    this.#stepsLeft = steps;
    this.#crash = of;
  }

  /** Every call of the world passes here. */
  step(): void {
    if (!this.alive) throw new Crash(this.#crash);
    if (--this.#stepsLeft > 0) return;
    this.alive = false;
    this.#thrown = new Crash(this.#crash);
    throw this.#thrown;
  }

  /** Runs an event of this actor, now or when its thread gets time again. */
  run(then: () => void): void {
    const { clock } = this.world;
    if (!this.alive) return;
    if (this.stalledUntilMs > clock.monotonicMs()) {
      clock.after(this.stalledUntilMs - clock.monotonicMs(), () => this.run(then));
      return;
    }
    this.#runNow(then);
    this.world.ran(this);
  }

  #runNow(then: () => void): void {
    if (!this.alive) return;
    try {
      then();
    } catch (error) {
      this.alive = false;
      this.#thrown = null;
      this.onThrow(error);
    }
    if (this.#thrown === null) return;
    const thrown = this.#thrown;
    this.#thrown = null;
    this.onThrow(thrown);
  }

  owns(wire: { close(): void }): void {
    if (this.#ended) wire.close();
    else this.#wires.push(wire);
  }

  /** Its thread has ended: ports close behind what was posted, nothing of it runs any more. */
  end(): void {
    this.alive = false;
    this.#ended = true;
    for (const wire of this.#wires) wire.close();
  }

  /** Its process has ended: not even that. */
  vanish(): void {
    this.alive = false;
  }
}

const NO_TIMER: Timer = { cancel: () => {} };

/** Two ends of a channel between two actors. */
export function wire<A, B>(left: Actor, right: Actor): [Port<A, B>, Port<B, A>] {
  const [leftEnd, rightEnd] = loopback<A, B>(left.world.clock);
  return [new Wire(left, leftEnd), new Wire(right, rightEnd)];
}

class Wire<Out, In> implements Port<Out, In> {
  readonly #actor: Actor;
  readonly #end: Port<Out, In>;
  readonly #lane: Lane = { lastMs: 0 };
  #open = true;

  constructor(actor: Actor, end: Port<Out, In>) {
    this.#actor = actor;
    this.#end = end;
    actor.owns({ close: () => this.#leave() });
  }

  post(message: Out, transfer?: readonly ArrayBuffer[]): void {
    this.#actor.step();
    if (!this.#open) return;
    const carried = this.#actor.world.carry(message, transfer);
    this.#actor.world.later(this.#lane, 'post', () => this.#end.post(carried));
  }

  take(): In | undefined {
    if (!this.#actor.alive || !this.#open) return undefined;
    this.#actor.step();
    return this.#end.take();
  }

  listen(wake: () => void, closed: () => void): void {
    this.#end.listen(
      () => this.#actor.run(wake),
      () => this.#actor.run(closed),
    );
  }

  ref(): void {}

  close(): void {
    this.#actor.step();
    this.#leave();
  }

  #leave(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#actor.world.later(this.#lane, 'post', () => this.#end.close());
  }
}

/** The arena as one actor sees it. */
export class ActorArena extends Arena {
  readonly #actor: Actor;

  constructor(handle: ArenaHandle, actor: Actor) {
    super(handle);
    this.#actor = actor;
  }

  override take(slot: number, number: number): number {
    this.#actor.step();
    return super.take(slot, number);
  }

  override give(id: number): void {
    this.#actor.step();
    super.give(id);
  }

  override writeWord(slot: number, word: number, value: number): void {
    this.#actor.step();
    super.writeWord(slot, word, value);
  }
}

/** Those who want to know of the files that an actor has open. */
export interface FileEvents {
  opened(file: DiskFile, isWriting: boolean): void;
  closed(file: DiskFile): void;
}

/** The disk as one actor sees it. */
export function actorDisk(disk: Disk, actor: Actor, events?: FileEvents): Disk {
  const call = <T>(work: () => T): T => {
    actor.step();
    return work();
  };
  return {
    open: (path, mode) =>
      call(() => {
        const file = new ActorFile(disk.open(path, mode), actor, events);
        events?.opened(file, mode !== 'read');
        return file;
      }),
    list: (folder) => call(() => disk.list(folder)),
    stat: (path) => call(() => disk.stat(path)),
    makeFolder: (path) => call(() => disk.makeFolder(path)),
    rename: (from, to) => call(() => disk.rename(from, to)),
    remove: (path) => call(() => disk.remove(path)),
    removeFolder: (path) => call(() => disk.removeFolder(path)),
    syncFolder: (path) => call(() => disk.syncFolder(path)),
    freeBytes: (path) => call(() => disk.freeBytes(path)),
    totalBytes: (path) => call(() => disk.totalBytes(path)),
  };
}

class ActorFile implements DiskFile {
  readonly path: string;
  readonly #file: DiskFile;
  readonly #actor: Actor;
  readonly #events: FileEvents | undefined;

  constructor(file: DiskFile, actor: Actor, events: FileEvents | undefined) {
    this.path = file.path;
    this.#file = file;
    this.#actor = actor;
    this.#events = events;
  }

  size(): number {
    this.#actor.step();
    return this.#file.size();
  }

  read(into: Uint8Array, position: number): number {
    this.#actor.step();
    return this.#file.read(into, position);
  }

  readLater(into: Uint8Array, position: number, done: (error: DiskError | null, count: number) => void): void {
    this.#actor.step();
    this.#file.readLater(into, position, (error, count) => this.#actor.run(() => done(error, count)));
  }

  write(chunks: readonly Uint8Array[], position: number): number {
    this.#actor.step();
    return this.#file.write(chunks, position);
  }

  truncate(size: number): void {
    this.#actor.step();
    this.#file.truncate(size);
  }

  sync(): void {
    this.#actor.step();
    this.#file.sync();
  }

  syncLater(done: (error: DiskError | null) => void): void {
    this.#actor.step();
    this.#file.syncLater((error) => this.#actor.run(() => done(error)));
  }

  close(): void {
    this.#file.close();
    this.#events?.closed(this);
  }
}

/** A disk that nobody may touch: that of a bus without a folder. */
export const noDisk: Disk = {
  open: refuse,
  list: refuse,
  stat: refuse,
  makeFolder: refuse,
  rename: refuse,
  remove: refuse,
  removeFolder: refuse,
  syncFolder: refuse,
  freeBytes: refuse,
  totalBytes: refuse,
};

function refuse(path: string): never {
  throw new DiskError('ENODISK', 'any call', path);
}
