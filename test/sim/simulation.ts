/**
 * One simulation: the lives of one process on one machine, one after the other. Each life opens the bus, compares what is there with
 * what was promised, lets users and faults loose, and ends as the plan says. After the last one everything heals, and then nothing
 * may hang: sends end, readers arrive, memory is given back.
 */
import { BusError } from '../../src/base/errors.ts';
import { MemoryStore } from '../../src/coordinator/memory-store.ts';
import { type Random, seededRandom } from '../../src/world/random.ts';
import { Auditor } from './auditor.ts';
import { Bounds } from './bounds.ts';
import { SimBus } from './bus.ts';
import { Crowd } from './crowd.ts';
import { Groups } from './groups.ts';
import { Machine } from './machine.ts';
import { EXPELLED, GONE } from './members.ts';
import { allCommitted, endsOf, insist, repeatedly, Stuck } from './patience.ts';
import { type Closing, type Ending, type Fault, type Life, makePlan, type Plan } from './plan.ts';
import { watchProgress } from './progress.ts';
import { Scanner } from './scan.ts';
import { FOLDER, setupOf } from './setup.ts';
import { safetyOf } from './shadow.ts';
import { SimWorld } from './sim-world.ts';
import { strike } from './strike.ts';
import { listeningLogger, type Outcome, tellAll, timeOf } from './tell.ts';

export interface SimulationOptions {
  verbose?: (line: string) => void;
}

/** After the faults stopped: time until every send has ended, and until every reader has arrived. */
const SENDS_END_MS = 120_000;
const READERS_ARRIVE_MS = 60_000;
const GROUPS_ARRIVE_MS = 30_000;
const OPENS_WITHIN_MS = 60_000;
const HEALS_WITHIN_MS = 60_000;
const LOST_WITHIN_MS = 60_000;
const GIVEN_BACK_WITHIN_MS = 5000;
const EVENTS_MAX = 3_000_000;

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const { verbose = () => {} } = options;
  // Members whose plan is to be too slow are warned of it.
  const { emitWarning } = process;
  process.emitWarning = ((warning: unknown, ...more: never[]) => {
    if (warning instanceof BusError) verbose(`warning: ${warning.message}`);
    else Reflect.apply(emitWarning, process, [warning, ...more]);
  }) as typeof emitWarning;
  try {
    return await new Simulation(makePlan(seed), options).run();
  } finally {
    process.emitWarning = emitWarning;
  }
}

class Simulation {
  readonly #plan: Plan;
  readonly #say: (line: string) => void;
  readonly #world: SimWorld;
  readonly #machine: Machine;
  readonly #random: Random;
  readonly #auditor: Auditor;
  readonly #groups: Groups;
  readonly #store: MemoryStore | null;
  readonly #counts = {
    lives: 0,
    hostCrashes: 0,
    coordinatorCrashes: 0,
    coordinatorsLost: 0,
    processDeaths: 0,
    workersEnded: 0,
    diskErrors: 0,
    faults: 0,
    spill: 0,
    throttle: 0,
    pause: 0,
  };
  #bus!: SimBus;
  readonly #scanner = new Scanner();
  #crowd!: Crowd;
  #bounds!: Bounds;
  #died = false;
  #onDeath: () => void = () => {};
  #stopping = false;

  constructor(plan: Plan, { verbose }: SimulationOptions) {
    this.#plan = plan;
    this.#say = verbose ?? (() => {});
    this.#world = new SimWorld(plan.seed);
    this.#random = seededRandom(plan.seed ^ 0x5eed);
    this.#machine = new Machine(this.#world, plan.seed + 1);
    this.#machine.disk.makeFolder(FOLDER);
    this.#machine.disk.syncFolder('/');
    this.#store = plan.folder ? new MemoryStore() : null;
    this.#auditor = new Auditor(() => this.#world.clock.nowMs());
    this.#groups = new Groups(plan.groups, this.#auditor);
    this.#world.afterEvent = () => {
      if (this.#world.clock.executed % 16 === 0) this.#bounds?.check();
    };
  }

  async run(): Promise<Outcome> {
    const { lives } = this.#plan;
    try {
      for (let i = 0; i < lives.length && this.#auditor.violations.length === 0; i++)
        await this.#live(lives[i], i === 0, i === lives.length - 1);
      if (this.#auditor.violations.length === 0 && this.#plan.folder) await this.#look();
    } catch (error) {
      if (!(error instanceof Stuck)) throw error;
      this.#auditor.violated(error.message);
    }
    const { clock, trace } = this.#world;
    return {
      seed: this.#plan.seed,
      violations: this.#auditor.violations,
      trace,
      events: clock.executed,
      virtualMs: Math.round(clock.monotonicMs()),
      counts: {
        ...this.#counts,
        diskErrors: this.#machine.errors,
        ...this.#auditor.counts,
        ...this.#groups.auditor.counts,
        ...this.#auditor.refusals,
      },
    };
  }

  /** One life of the process. */
  async #live(life: Life, first: boolean, last: boolean): Promise<void> {
    this.#stopping = false;
    if (!(await this.#open())) return this.#end(life.ending === 'close' ? 'kill' : life.ending);
    if (first) await this.#makeTopics();
    else await this.#scan();
    const users = this.#crowd.begin(life);
    const bus = this.#bus;
    for (const { atMs, fault } of life.faults)
      this.#world.clock.after(atMs, () => {
        // The process may have ended early; its successor has faults of its own.
        if (this.#bus === bus) this.#strike(fault);
      });
    const untilMs = this.#world.clock.monotonicMs() + life.ms;
    await this.#world.run(() => this.#died || this.#world.clock.monotonicMs() >= untilMs || this.#broken, life.ms + 1000);
    if (this.#broken) return;
    if (!this.#died && !last && life.ending === 'close' && life.closing.when !== 'settled') return this.#part(users, life.closing);
    if (!this.#died && (last || life.ending === 'close')) {
      await this.#settle(users);
      if (this.#broken) return;
      await this.#scan();
      this.#bounds.checkIdle();
      await this.#close({ ...life.closing, when: 'settled' });
      return;
    }
    this.#end(life.ending === 'close' ? 'kill' : life.ending);
  }

  get #broken(): boolean {
    if (this.#world.clock.executed > EVENTS_MAX) this.#auditor.violated(`more than ${EVENTS_MAX} events: something goes round in circles`);
    return this.#auditor.violations.length > 0;
  }

  /** One more start after the last life, to see that a clean close keeps everything. */
  async #look(): Promise<void> {
    this.#machine.heal();
    if (!(await this.#open())) return this.#auditor.violated('the bus did not open after everything had healed');
    await this.#scan();
    this.#bounds.checkIdle();
    await this.#close({ when: 'settled', crashes: [], coordinatorSteps: 0 });
    const kept = this.#machine.disk.list(FOLDER).filter((name) => /-delete$|\.tmp$|\.next$/.test(name));
    if (kept.length > 0) this.#auditor.violated(`a clean close left ${kept.join(', ')}`);
  }

  // Opening and ending.

  /** False: the process ended while it opened. */
  async #open(): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      this.#died = false;
      this.#counts.lives++;
      this.#bus = this.#makeBus();
      this.#bounds = new Bounds(this.#bus, (what) => this.#auditor.violated(what));
      this.#crowd = new Crowd({
        plan: this.#plan,
        bus: this.#bus,
        bounds: this.#bounds,
        groups: this.#groups,
        auditor: this.#auditor,
        random: this.#random,
        stopping: () => this.#stopping,
      });
      this.#say(`${this.#at()} opening`);
      const opened = await this.#untilOpened();
      if (this.#died || this.#broken) return false;
      if (opened === undefined) throw new Stuck('the bus does not open', await this.#dump());
      if ('value' in opened) return true;
      this.#say(`${this.#at()} refused: ${String(opened.error)}`);
      if (!(opened.error instanceof BusError)) throw opened.error;
      if (attempt > 5) this.#auditor.violated(`the bus is refused again and again: ${opened.error.message}`);
      // Someone repairs the disk and starts it again.
      this.#bus.kill();
      this.#machine.heal();
      if (this.#broken) return false;
    }
  }

  #untilOpened(): Promise<{ value: unknown } | { error: unknown } | undefined> {
    const stopped = new Promise<void>((resolve) => {
      this.#onDeath = resolve;
    });
    return this.#world.settled(Promise.race([this.#bus.opened, stopped]), OPENS_WITHIN_MS);
  }

  #makeBus(): SimBus {
    const log = listeningLogger((line) => this.#say(`${this.#at()} ${line}`), this.#auditor);
    const random = seededRandom(this.#random.below(1 << 30));
    return new SimBus({
      groups: this.#groups.auditor,
      ...setupOf(this.#plan, { world: this.#world, machine: this.#machine, store: this.#store, random, log }),
      died: () => {
        this.#say(`${this.#at()} the process is stopped in the middle of a turn`);
        this.#died = true;
        this.#bus.kill();
        this.#onDeath();
      },
      failed: (actor, error) => {
        this.#auditor.violated(`${actor} failed: ${error instanceof Error ? error.stack : String(error)}`);
      },
    });
  }

  /** The process or the machine stops. */
  #end(ending: Exclude<Ending, 'close'>): void {
    this.#say(`${this.#at()} ends by ${ending}`);
    this.#bus.kill();
    this.#counts.processDeaths++;
    this.#count();
    this.#machine.heal();
    this.#machine.restart(ending);
    this.#auditor.lost(ending === 'kill' ? 'kill' : 'power');
    this.#groups.lost();
  }

  /** What the bus did until its end. */
  #count(): void {
    this.#counts.hostCrashes += this.#bus.crashes;
    this.#counts.coordinatorCrashes += this.#bus.coordinator.crashes;
    for (const level of ['spill', 'throttle', 'pause'] as const) this.#counts[level] += this.#bounds.levels[level];
  }

  /** Closes the bus while it is used; on a sick disk what could not be written is told, and may be lost. */
  async #part(users: Promise<void>[], closing: Closing): Promise<void> {
    this.#disarm();
    if (closing.when === 'sick') this.#machine.fail(this.#random.below(60), 30, 60_000);
    else this.#machine.heal();
    if (closing.when === 'lost' || closing.when === 'taken') await this.#loseCoordinator(closing);
    const told = await this.#close(closing, users);
    for (const sent of this.#auditor.open)
      this.#auditor.violated(`record ${sent.n} was neither acknowledged nor refused when the bus closed`);
    if (told.length > 0) this.#auditor.lost('kill');
    this.#groups.lost();
    this.#machine.heal();
  }

  /** No coordinator follows any more, or another process has the folder by then: the bus closes by itself. */
  async #loseCoordinator({ when, coordinatorSteps }: Closing): Promise<void> {
    this.#counts.coordinatorsLost++;
    this.#say(`${this.#at()} the coordinator is lost for good`);
    if (this.#store !== null) this.#store.failNext = 0;
    this.#bus.coordinator.doom({ isTaken: when === 'taken', steps: 1 + coordinatorSteps });
    if (!(await this.#world.run(() => this.#bus.lost, LOST_WITHIN_MS)))
      throw new Stuck('a bus without a coordinator goes on', await this.#dump());
    if (when === 'taken') this.#machine.refuseWrites((what) => this.#auditor.violated(`${what}, after another process had the folder`));
  }

  /** Answers what was told to be unfinished, which is nothing unless the disk is sick. */
  async #close({ when, crashes, coordinatorSteps }: Closing, users: Promise<void>[] = []): Promise<string[]> {
    this.#say(`${this.#at()} closes ${when}, ${crashes.length} hosts crash in it`);
    const { coordinator } = this.#bus;
    const { crashes: before } = coordinator;
    const sinceMs = this.#world.clock.monotonicMs();
    const closing = this.#bus.close({ deadlineMs: 30_000 });
    for (const { host, steps } of crashes) this.#bus.crashHost(host, steps);
    if (coordinatorSteps > 0) coordinator.crash(coordinatorSteps);
    const closed = await this.#world.settled(closing, 40_000);
    if (closed === undefined) throw new Stuck('the bus does not close', await this.#dump());
    if ('error' in closed) throw closed.error;
    // What a sick disk kept of a deleted topic is removed by the next start, and so is what a coordinator was about to remove when it went, or
    // was held up: hosts that have closed by then remove nothing. A handler that hangs does so as its plan says; a close that comes while
    // its thread is held up cannot hand over what the group has taken from its members meanwhile.
    const mayKeep = this.#machine.errors > 0 || coordinator.crashes > before || coordinator.actor.stalledUntilMs > sinceMs;
    const unfinished = closed.value.unfinished
      .filter((what) => !mayKeep || !what.endsWith('still being deleted'))
      .filter((what) => !GONE.test(what))
      .filter((what) => when === 'settled' || !(/^the handler of .* did not end within/.test(what) || EXPELLED.test(what)))
      // Without a coordinator there are no commits, and no places of topics that have changed; hosts that it had reached close in order.
      .filter((what) => when !== 'lost' || what.startsWith('host '));
    if (unfinished.length > 0 && (when === 'settled' || when === 'hurried'))
      this.#auditor.violated(`closed with work unfinished: ${unfinished.join('; ')}`);
    // Whoever sends or reads is told that the bus is closed.
    this.#stopping = true;
    if ((await this.#world.settled(Promise.all(users), SENDS_END_MS)) === undefined)
      throw new Stuck('users of a closed bus do not end', this.#bounds.tell().join('\n    '));
    const { openFiles } = this.#bus;
    if (openFiles.length > 0) this.#auditor.violated(`closed with files open: ${openFiles.join(', ')}`);
    this.#bus.kill();
    this.#count();
    this.#say(`${this.#at()} closed`);
    // The arena is gone with its process; the disk has it all.
    this.#machine.restart('kill');
    return unfinished;
  }

  async #makeTopics(): Promise<void> {
    const { topics } = this.#plan;
    for (const { name, durability, partitions, retentionMs, retentionBytes } of topics)
      this.#auditor.topicMade(name, { durability, partitions, retentionMs, retainsBytes: retentionBytes >= 0 });
    const asked = topics.map(({ name, partitions, configs }) => ({ name, partitions, configs }));
    const made = await this.#world.settled(this.#bus.admin().createTopics(asked), 10_000);
    if (made === undefined) throw new Stuck('topics are not made', await this.#dump());
    if ('error' in made) throw made.error;
  }

  // Users and faults.

  #strike(fault: Fault): void {
    if (this.#stopping || this.#died || this.#bus.dead) return;
    this.#counts.faults++;
    this.#say(`${this.#at()} ${JSON.stringify(fault)}`);
    if (fault.kind === 'end worker') this.#counts.workersEnded += this.#crowd.endWorker(this.#bus.threads - 1) ? 1 : 0;
    else strike(fault, { bus: this.#bus, world: this.#world, machine: this.#machine, store: this.#store, auditor: this.#auditor });
  }

  /** No actor is stopped any more that was to be. */
  #disarm(): void {
    for (const actor of this.#bus.actors) actor.crashAfter(Number.POSITIVE_INFINITY, 'thread');
  }

  // Arriving.

  /** Faults stop, users end what they began. */
  async #settle(users: Promise<void>[]): Promise<void> {
    this.#say(`${this.#at()} heals`);
    this.#stopping = true;
    this.#machine.heal();
    if (this.#store !== null) this.#store.failNext = 0;
    this.#disarm();
    const endWatch = this.#watchProgress();
    const run = (until: () => boolean, ms: number): Promise<boolean> => this.#world.run(() => this.#broken || until(), ms);
    // Without a folder a bus that is full stays full: who waits for room would wait for ever.
    if (!this.#plan.folder) this.#bounds.closeProducers();
    if (!(await run(() => this.#auditor.open.length === 0 && this.#bounds.isIdle, SENDS_END_MS)))
      throw new Stuck('sends do not end', await this.#dump());
    if (this.#broken) return;
    this.#say(`${this.#at()} sends have ended`);
    if (!(await run(allCommitted(this.#world.clock, this.#bus), HEALS_WITHIN_MS)))
      throw new Stuck('not everything is committed', await this.#dump());
    if (this.#broken) return;
    // A reader may wait for a partition that it has paused itself.
    for (const { consumer, paused } of this.#crowd.readings) {
      paused.clear();
      consumer.resume();
    }
    const ends = await this.#ends();
    // What retention removed is never given out; the position moves over it.
    const arrived = (): boolean =>
      this.#crowd.readings.every(({ consumer }) =>
        consumer.assignment().every(({ topic, partition, position }) => position >= (ends.get(`${topic}-${partition}`) ?? 0)),
      );
    if (!(await run(arrived, READERS_ARRIVE_MS))) throw new Stuck('readers do not arrive', await this.#dump(ends));
    if (this.#broken) return;
    this.#say(`${this.#at()} readers have arrived`);
    for (const { cursors } of this.#crowd.readings)
      for (const cursor of cursors.values())
        this.#auditor.passedOver(cursor, ends.get(`${cursor.topic}-${cursor.partition}`) ?? cursor.next);
    const arrivedTogether = repeatedly(this.#world.clock, async () => this.#groups.behind(ends).length === 0);
    if (!(await run(arrivedTogether, GROUPS_ARRIVE_MS))) throw new Stuck(this.#groups.behind(ends).join('; '), await this.#dump(ends));
    if (this.#broken) return;
    this.#say(`${this.#at()} groups have arrived`);
    endWatch();
    for (const { consumer } of this.#crowd.readings) void consumer.close();
    this.#groups.close();
    const ended = await this.#world.settled(Promise.all(users), SENDS_END_MS);
    if (ended === undefined) throw new Stuck('users do not end', await this.#dump());
    this.#groups.checkLeft();
    // The last administrator may have raised a durability: what was committed is then committed once more.
    if (!(await run(allCommitted(this.#world.clock, this.#bus), HEALS_WITHIN_MS)))
      throw new Stuck('not everything is committed', await this.#dump());
    if (this.#broken) return;
    let left: string[] = [];
    const isEmpty = async (): Promise<boolean> => {
      const described = await this.#bus.admin().describeLogDirs();
      left = this.#bounds.leftover(described.reduce((sum, { residentBytes }) => sum + residentBytes, 0));
      return left.length === 0;
    };
    if (!(await run(repeatedly(this.#world.clock, isEmpty), GIVEN_BACK_WITHIN_MS))) throw new Stuck(left.join('; '), await this.#dump());
  }

  #ends(): Promise<Map<string, number>> {
    return endsOf(this.#plan.topics, (name) => this.#ask(() => this.#bus.admin().listOffsets(name, 'latest')));
  }

  /** From now on until groups have arrived, none of their partitions may stand still. Answers what ends that. */
  #watchProgress(): () => void {
    if (this.#plan.groups.length === 0) return () => {};
    const admin = this.#bus.admin();
    return watchProgress({
      clock: this.#world.clock,
      ends: () => endsOf(this.#plan.topics, (name) => admin.listOffsets(name, 'latest')),
      standings: (ends) => this.#groups.standings(ends),
      violated: (what) => this.#auditor.violated(what),
    });
  }

  /** Reads everything and compares it. */
  async #scan(): Promise<void> {
    for (const { name } of this.#plan.topics) {
      const { scans, durability } = await this.#ask(() => this.#scanner.scan(this.#bus.client(), name));
      // What a start finds lies in files; what is `synced` was synced by the start.
      const found = safetyOf[!this.#plan.folder ? 'memory' : durability === 'synced' ? 'synced' : 'written'];
      for (const scan of scans) {
        this.#auditor.scanned(scan, found);
        this.#groups.auditor.found(name, scan.partition, scan.endOffset);
      }
    }
    this.#auditor.scannedAll();
  }

  // Telling.

  #at(): string {
    return timeOf(this.#world);
  }

  /** Who waits for what. */
  #dump(ends?: Map<string, number>): Promise<string> {
    const parts = {
      auditor: this.#auditor,
      readings: this.#crowd.readings,
      scanner: this.#scanner,
      bounds: this.#bounds,
      bus: this.#bus,
      groups: this.#groups,
    };
    return tellAll(this.#world, parts, ends);
  }

  /** Asks until it is answered: what a fault has left may heal only after some time. */
  #ask<T>(call: () => Promise<T>): Promise<T> {
    return insist(this.#world, call, HEALS_WITHIN_MS, () => this.#dump());
  }
}
