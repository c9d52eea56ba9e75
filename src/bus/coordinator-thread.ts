/**
 * The thread of the coordinator: started, connected to the hosts and to every dispatcher, followed by a successor when it fails. The
 * hosts go on meanwhile. Facts of a bus with a folder lie in its database; those of a bus without one are kept here.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { BusError, type ErrorName, errorName } from '../base/errors.ts';
import type { ControlAnswer, ControlPost } from '../coordinator/protocol.ts';
import { applyAll, emptyState, factsOf, type State } from '../coordinator/state.ts';
import { Pool } from '../dispatch/pool.ts';
import type { ArenaHandle } from '../world/arena.ts';
import { realClock, type Timer } from '../world/clock.ts';
import type { LogLevel } from '../world/logger.ts';
import { type Port, threadPort } from '../world/port.ts';
import { within } from '../world/within.ts';

/** What every coordinator of a bus is started with. */
export interface CoordinatorStart {
  folder: string | null;
  arena: ArenaHandle;
  hosts: number;
  /** By bus-level names. */
  defaults: Record<string, string>;
  memoryBytesMax: number;
  /** Infinity: no fence. */
  rssBytesMax: number;
  logLevel: LogLevel;
}

export interface CoordinatorEvents {
  /** A host has opened its partitions. */
  hostReady(host: number): void;
  /** The first coordinator was refused its folder, or its settings. */
  refused(error: BusError): void;
  /** The hosts are to be introduced to a successor: `hostUp` for each. */
  succeeding(): void;
  /** A successor knows what there is to know. */
  up(): void;
  down(error: unknown, failures: number, againAfterMs: number): void;
  /** There will be no further one. The folder is still held until `destroy`, unless another process has it (FOLDER_LOCKED). */
  lost(error: BusError): void;
}

/** One that fails is followed after 10 ms, 20 ms … */
const RESTART_MS = 10;
const RESTART_MS_MAX = 2000;
/** One that lived this long has proved itself. */
const PROVEN_MS = 10_000;
/** After so many failures in a row, within a second and a half, there is no further one. */
const FAILURES_MAX = 8;

export class CoordinatorThread {
  readonly #pool: Pool;
  readonly #start: CoordinatorStart;
  readonly #events: CoordinatorEvents;
  /** By dispatcher: hands it the port of a coordinator. */
  readonly #dispatchers = new Map<number, (port: MessagePort) => void>();
  /** What a bus without a folder knows. */
  readonly #known: State;
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => {};
  #control: { port: Port<ControlPost, ControlAnswer>; raw: MessagePort } | null = null;
  #refusal: BusError | null = null;
  #restart: Timer | null = null;
  #failures = 0;
  #busId = '';
  #stopping = false;
  #retired = false;

  constructor(entry: string, start: CoordinatorStart, events: CoordinatorEvents) {
    this.#pool = new Pool(entry);
    this.#start = start;
    this.#known = emptyState(start.arena.slotsMax);
    this.#events = events;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#run(false);
  }

  /** The cluster id; '' until the first coordinator has begun. */
  get busId(): string {
    return this.#busId;
  }

  /** It has answered its close: even if it fails now, none follows. Resolves when it has ended. */
  retire(): Promise<void> {
    this.#retired = true;
    if (this.#restart !== null) {
      this.#restart.cancel();
      this.#resolveEnded();
    }
    return this.#ended;
  }

  /** Connects a dispatcher, now and with every successor. */
  attach(index: number, connect: (port: MessagePort) => void): void {
    this.#dispatchers.set(index, connect);
    this.#introduce(index, connect);
  }

  detach(index: number): void {
    this.#dispatchers.delete(index);
  }

  /** A host can be reached by a new port. False when there is no coordinator just now: `succeeding` will ask for another. */
  hostUp(host: number, port: MessagePort): boolean {
    return this.#post({ control: 'hostUp', host, port }, port);
  }

  /** Has the coordinator fail: for tests of what happens then. */
  fail(stage: Extract<ControlPost, { control: 'fail' }>['stage'], turns: number): void {
    this.#post({ control: 'fail', stage, turns });
  }

  /** Ends the thread. A coordinator that was not asked to close closes its database and goes. */
  async destroy(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#restart?.cancel();
    this.#control?.port.close();
    this.#control = null;
    // One that failed left its database open to a successor: it is closed within its thread.
    const gone = this.#ended.then(() => (this.#failures > 0 ? this.#pool.run({ giveUp: true }, []) : undefined)).catch(() => {});
    if (this.#restart !== null) this.#resolveEnded();
    await within(realClock, graceMs, gone, undefined);
    await this.#pool.destroy();
  }

  #run(successor: boolean): void {
    const { port1, port2 } = new MessageChannel();
    const control = threadPort<ControlPost, ControlAnswer>(port1);
    control.listen(
      () => this.#hear(control),
      () => {},
    );
    this.#control = { port: control, raw: port1 };
    this.#refusal = null;
    this.#restart = null;
    const facts = successor && this.#start.folder === null ? factsOf(this.#known) : [];
    const startedMs = realClock.monotonicMs();
    this.#pool.run({ ...this.#start, successor, facts, control: port2 }, [port2]).then(
      () => {
        this.#hear(control);
        this.#control = null;
        control.close();
        this.#resolveEnded();
      },
      (error: unknown) => this.#failed(control, startedMs, error),
    );
    if (!successor) return;
    this.#events.succeeding();
    for (const [index, connect] of this.#dispatchers) this.#introduce(index, connect);
  }

  #introduce(index: number, connect: (port: MessagePort) => void): void {
    const { port1, port2 } = new MessageChannel();
    if (this.#post({ control: 'dispatcherUp', dispatcher: index, port: port2 }, port2)) connect(port1);
    else port1.close();
  }

  #post(post: ControlPost, port?: MessagePort): boolean {
    this.#control?.raw.postMessage(post, port === undefined ? [] : [port]);
    return this.#control !== null;
  }

  #hear(control: Port<ControlPost, ControlAnswer>): void {
    for (let answer = control.take(); answer !== undefined; answer = control.take()) {
      switch (answer.control) {
        case 'facts':
          applyAll(this.#known, answer.facts);
          break;
        case 'hostReady':
          this.#events.hostReady(answer.host);
          break;
        case 'ready':
          this.#busId = answer.busId;
          if (this.#failures > 0) this.#events.up();
          break;
        case 'refused':
          this.#refusal = new BusError(errorName(answer.error), answer.message, { details: answer.details });
          if (this.#failures === 0) this.#events.refused(this.#refusal);
          break;
        default:
      }
    }
  }

  #failed(control: Port<ControlPost, ControlAnswer>, startedMs: number, error: unknown): void {
    // What it posted before its end is known before a successor begins.
    this.#hear(control);
    this.#control = null;
    control.close();
    if (this.#stopping || this.#retired) return this.#resolveEnded();
    const lived = realClock.monotonicMs() - startedMs;
    this.#failures = lived > PROVEN_MS ? 1 : this.#failures + 1;
    const cause = this.#refusal ?? error;
    const isTaken = this.#refusal?.code === 'FOLDER_LOCKED';
    if (this.#failures >= FAILURES_MAX || isTaken) {
      this.#resolveEnded();
      return this.#events.lost(lostError(cause, this.#failures));
    }
    const afterMs = Math.min(RESTART_MS_MAX, RESTART_MS * 2 ** (this.#failures - 1));
    this.#events.down(cause, this.#failures, afterMs);
    this.#restart = realClock.after(afterMs, () => this.#run(true), true);
  }
}

function lostError(cause: unknown, failures: number): BusError {
  const code: ErrorName = cause instanceof BusError ? cause.code : 'COORDINATOR_NOT_AVAILABLE';
  const why = cause instanceof Error ? cause.message : String(cause);
  const what = code === 'FOLDER_LOCKED' ? 'lost its data folder' : `failed ${failures} times in a row`;
  return new BusError(code, `the coordinator ${what}: ${why}. The bus closes; open it again`, { cause });
}
