/**
 * The coordinator of a simulated bus: started, introduced to hosts and dispatchers, followed by a successor when it fails, as
 * src/bus/coordinator-thread.ts does it. It is given up only where it is doomed: a disk that refuses one after the other is repaired in
 * the end.
 */
import { BusError, errorName } from '../../src/base/errors.ts';
import { Coordinator } from '../../src/coordinator/coordinator.ts';
import { type Fact, isStoredFact, type Store } from '../../src/coordinator/facts.ts';
import { PostedStore } from '../../src/coordinator/posted-store.ts';
import type { ControlAnswer, ControlPost, TurnStage } from '../../src/coordinator/protocol.ts';
import { applyAll, emptyState, factsOf, type State } from '../../src/coordinator/state.ts';
import type { ArenaHandle } from '../../src/world/arena.ts';
import type { Timer } from '../../src/world/clock.ts';
import { type Disk, DiskError } from '../../src/world/disk.ts';
import type { Port } from '../../src/world/port.ts';
import { type Actor, ActorArena, wire } from './actor.ts';
import type { SimBusSetup } from './bus-setup.ts';
import type { GroupAuditor } from './group-auditor.ts';

export interface CoordinatorAround {
  setup: SimBusSetup;
  arena: ArenaHandle;
  main: Actor;
  /** An actor of that name; `died` is told when its thread is stopped. */
  makeActor(died: (actor: Actor) => void): Actor;
  disk(actor: Actor): Disk;
  hostReady(host: number): void;
  refused(error: BusError): void;
  /** Hosts and dispatchers are to be introduced to a successor. */
  succeeding(): void;
  /** None follows any more. */
  lost(error: BusError): void;
}

const RESTART_MS = 10;
const RESTART_MS_MAX = 2000;
const PROVEN_MS = 10_000;
/** A doomed one is followed so often. */
const FAILURES_MAX = 8;

export class SimCoordinator {
  crashes = 0;
  readonly #around: CoordinatorAround;
  readonly #ended: Promise<void>;
  /** What a bus without a folder knows. */
  readonly #known: State;
  #resolveEnded: () => void = () => {};
  #actor!: Actor;
  #control: Port<ControlPost, ControlAnswer> | null = null;
  #restart: Timer | null = null;
  #failures = 0;
  /** It has closed because it was asked to, or was refused its folder. */
  #hasClosed = false;
  #stopping = false;
  #retired = false;
  #doom: { isTaken: boolean; steps: number } | null = null;

  constructor(around: CoordinatorAround) {
    this.#around = around;
    this.#known = emptyState(around.arena.slotsMax);
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#run(false);
  }

  /** The present one, or the last. */
  get actor(): Actor {
    return this.#actor;
  }

  /** Null: there is none just now, and `succeeding` will ask again. */
  get control(): Port<ControlPost, ControlAnswer> | null {
    return this.#control;
  }

  /** Its thread ends at its n-th call of the world from now on; 0: at once. */
  crash(steps: number): void {
    if (this.#control === null || !this.#actor.alive) return;
    if (steps > 0) return this.#actor.crashAfter(steps, 'thread');
    this.#actor.end();
  }

  /** It fails in the `turns`-th turn from now that gets to this stage, as by a broken invariant. */
  fail(stage: TurnStage, turns: number): void {
    this.#control?.post({ control: 'fail', stage, turns });
  }

  /** It ends at its n-th call from now on, and so does each that follows, until none does; or another process has its folder by then. */
  doom(doom: { isTaken: boolean; steps: number }): void {
    this.#doom = doom;
    this.crash(doom.steps);
  }

  /** It has answered its close: none follows. Resolves when it has ended. */
  retire(): Promise<void> {
    this.#retired = true;
    if (this.#restart !== null) {
      this.#restart.cancel();
      this.#resolveEnded();
    }
    return this.#ended;
  }

  stop(): void {
    this.#stopping = true;
    this.#restart?.cancel();
    this.#control?.close();
    this.#control = null;
  }

  #run(successor: boolean): void {
    const { setup, main, arena } = this.#around;
    const { folder, hosts, configs, memoryBytesMax, memory, random, log } = setup;
    const actor = this.#around.makeActor((died) => died.end());
    this.#actor = actor;
    if (this.#doom !== null) actor.crashAfter(this.#doom.steps, 'thread');
    this.#restart = null;
    const [control, theirs] = wire<ControlPost, ControlAnswer>(main, actor);
    this.#control = control;
    const startedMs = actor.clock.monotonicMs();
    control.listen(
      () => this.#hear(control),
      () => this.#over(control, startedMs),
    );
    const known = successor && folder === null ? factsOf(this.#known) : [];
    actor.clock.soon(() => {
      const post = (facts: readonly Fact[]): void => {
        theirs.post({ control: 'facts', facts });
        setup.groups?.stored(facts);
      };
      const store = setup.store === null ? new PostedStore(known, post) : steppingStore(setup.store, actor, setup.groups);
      setup.groups?.began();
      const coordinator = new Coordinator({
        folder,
        disk: this.#around.disk(actor),
        clock: actor.clock,
        random,
        arena: new ActorArena(arena, actor),
        hosts,
        successor,
        defaults: configs,
        memoryBytesMax,
        heapBytesMax: memory?.heapBytesMax ?? Number.POSITIVE_INFINITY,
        rssBytesMax: memory?.rssBytesMax ?? Number.POSITIVE_INFINITY,
        control: theirs,
        toPort: (port) => port as never,
        store,
        log,
        closed: (error) => {
          this.#hasClosed = error === undefined;
          // Of a successor that is refused its folder there is another one.
          if (error !== undefined && !isAskedFor(error) && !(error instanceof DiskError)) setup.failed('coordinator', error);
        },
      });
      coordinator.start();
    });
    if (successor) this.#around.succeeding();
  }

  #hear(control: Port<ControlPost, ControlAnswer>): void {
    for (let answer = control.take(); answer !== undefined; answer = control.take()) {
      if (answer.control === 'facts') applyAll(this.#known, answer.facts);
      if (answer.control === 'refused') this.#around.refused(new BusError(errorName(answer.error), answer.message));
      if (answer.control === 'hostReady') this.#around.hostReady(answer.host);
    }
  }

  /** Its thread has ended, and all that it posted has come. */
  #over(control: Port<ControlPost, ControlAnswer>, startedMs: number): void {
    const { main } = this.#around;
    this.#hear(control);
    control.close();
    this.#control = null;
    if (this.#hasClosed || this.#stopping || this.#retired) return this.#resolveEnded();
    this.crashes++;
    this.#failures = main.clock.monotonicMs() - startedMs > PROVEN_MS ? 1 : this.#failures + 1;
    if (this.#doom !== null && (this.#doom.isTaken || this.#failures >= FAILURES_MAX)) {
      this.#resolveEnded();
      const what = this.#doom.isTaken ? 'lost its data folder' : `failed ${this.#failures} times in a row`;
      return this.#around.lost(new BusError(this.#doom.isTaken ? 'FOLDER_LOCKED' : 'COORDINATOR_NOT_AVAILABLE', `the coordinator ${what}`));
    }
    this.#restart = main.clock.after(Math.min(RESTART_MS_MAX, RESTART_MS * 2 ** (this.#failures - 1)), () => this.#run(true));
  }
}

function isAskedFor(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('the coordinator was told to fail');
}

/** A thread may end before a commit, and after it. */
function steppingStore(store: Store, actor: Actor, groups: GroupAuditor | undefined): Store {
  return {
    damaged: store.damaged,
    load: () => {
      actor.step();
      return store.load();
    },
    commit: (facts, options) => {
      actor.step();
      store.commit(facts, options);
      groups?.stored(facts.filter(isStoredFact));
      actor.step();
    },
    checkpoint: () => store.checkpoint(),
    close: () => store.close(),
  };
}
