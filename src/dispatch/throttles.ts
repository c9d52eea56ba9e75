/**
 * Quotas as they are felt in one thread: what each client id of it has sent and fetched is counted and told to the coordinator with the
 * load, and what the coordinator answers closes a gate for a while. Producers and consumers pass their gate before each ask, so a quota
 * is a delay and never an error.
 *
 * Between two answers a gate lets pass what the rate allows for that time, so that a quota is not first overshot and then paid for.
 */
import { MiB } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { ClientLoad, ClientThrottle } from '../coordinator/protocol.ts';
import type { Clock, Timer } from '../world/clock.ts';

export type Flow = 'produce' | 'fetch';

/** How long what passed a gate may stay untold. */
export const TELL_EVERY_MS = 100;
/** What may pass before it is known whether there is a quota: the answer comes before the first topic's. */
const UNKNOWN_BYTES_MAX = MiB;

export class Gate {
  readonly clientId: string;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  /** Who wants to know what the coordinator says of what has passed: since it was told last, and within what it was told. */
  #asking: (() => void)[] = [];
  #asked: (() => void)[] = [];
  /** Passed since it was told last. */
  #bytes = 0;
  /** Bytes per second that all of this client id may pass together; null: no quota, undefined: nobody has said yet. */
  #rate: number | null | undefined;
  /** Closed until then (monotonic). */
  #untilMs = 0;
  #timer: Timer | null = null;
  #opened = 0;

  constructor(clientId: string, clock: Clock, isTold: boolean) {
    this.clientId = clientId;
    this.#clock = clock;
    this.#rate = isTold ? undefined : null;
  }

  get isOpen(): boolean {
    if (this.#rate === null) return true;
    if (this.#rate === undefined) return this.#bytes <= UNKNOWN_BYTES_MAX;
    return this.#bytes <= (this.#rate * TELL_EVERY_MS) / 1000 && this.#clock.monotonicMs() >= this.#untilMs;
  }

  /** Somebody has said whether there is a quota. */
  get isKnown(): boolean {
    return this.#rate !== undefined;
  }

  /** Bytes per second that may pass, of all of this client id together; null: as much as there is, or it is not known yet. */
  get rate(): number | null {
    return this.#rate ?? null;
  }

  /** Whether there is something to be told of it, or to be heard. What nobody uses and nothing holds back is left out. */
  get hasNews(): boolean {
    return this.#bytes > 0 || this.#rate === undefined || this.#waiting.size > 0 || this.#asking.length > 0 || this.delayMs > 0;
  }

  /** Milliseconds until it opens, as far as is known: what Kafka's clients are told as throttle_time_ms. */
  get delayMs(): number {
    if (this.#rate === null || this.#rate === undefined) return 0;
    return Math.max(0, Math.ceil(this.#untilMs - this.#clock.monotonicMs()));
  }

  pass(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Calls `then` once, when it is worth trying again. */
  wait(then: () => void): void {
    this.#waiting.add(then);
    this.#setTimer();
  }

  forget(then: () => void): void {
    this.#waiting.delete(then);
  }

  /** Use `Throttles.whenTold`: `delayMs` is then what follows from all that has passed. */
  whenTold(then: () => void): void {
    this.#asking.push(then);
  }

  /** What passed since this was asked last. */
  take(): number {
    const bytes = this.#bytes;
    this.#bytes = 0;
    this.#asked.push(...this.#asking);
    this.#asking = [];
    return bytes;
  }

  /** What the coordinator says: the rate, and how long nothing may pass. */
  set(rate: number | null, delayMs: number): void {
    this.#rate = rate;
    this.#untilMs = this.#clock.monotonicMs() + delayMs;
    this.#timer?.cancel();
    this.#timer = null;
    this.#answer();
    if (this.isOpen) this.#open();
    else if (this.#waiting.size > 0) this.#setTimer();
  }

  /** Nobody has answered: what may pass as far as is known goes on. */
  retry(): void {
    this.#answer();
    if (this.isOpen) this.#open();
  }

  #answer(): void {
    const asked = this.#asked;
    if (asked.length === 0) return;
    this.#asked = [];
    for (const then of asked) then();
  }

  #setTimer(): void {
    // What closed by itself opens when it has been told.
    if (this.#timer !== null || this.delayMs === 0) return;
    this.#timer = this.#clock.after(this.delayMs, () => {
      this.#timer = null;
      if (this.isOpen) this.#open();
      else this.#setTimer();
    });
  }

  #open(): void {
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    // The first may take all that passes: each is the first in its turn.
    const first = this.#opened++ % waiting.length;
    for (let i = 0; i < waiting.length; i++) waiting[(first + i) % waiting.length]();
  }
}

interface Used {
  gate: Gate;
  users: number;
}

export class Throttles {
  readonly #clock: Clock;
  readonly #tell: (() => void) | null;
  readonly #gates: Record<Flow, Map<string, Used>> = { produce: new Map(), fetch: new Map() };

  /** `tell`: the coordinator is to hear of a client id soon; null: nobody tells it anything, and there are no quotas. */
  constructor(clock: Clock, tell: (() => void) | null) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** The gate of a client id, shared by all of this thread that have it; given back by `leave`. */
  enter(flow: Flow, clientId: string): Gate {
    const gates = this.#gates[flow];
    let used = gates.get(clientId);
    if (used === undefined) {
      used = { gate: new Gate(clientId, this.#clock, this.#tell !== null && gates.size < limits.clientsToldMax), users: 0 };
      gates.set(clientId, used);
      this.#tell?.();
    }
    used.users++;
    return used.gate;
  }

  leave(flow: Flow, gate: Gate): void {
    const used = this.#gates[flow].get(gate.clientId);
    if (used !== undefined && --used.users === 0) this.#gates[flow].delete(gate.clientId);
  }

  /** Calls `then` once, when the coordinator has heard what has passed this gate by now. */
  whenTold(gate: Gate, then: () => void): void {
    gate.whenTold(then);
    this.#tell?.();
  }

  /** To be told: the client ids of this thread of which there is something to tell, with what they passed since this was asked last. */
  take(): ClientLoad[] {
    const { produce, fetch } = this.#gates;
    const clientIds = new Set<string>();
    for (const gates of [produce, fetch]) for (const [clientId, { gate }] of gates) if (gate.hasNews) clientIds.add(clientId);
    return [...clientIds].slice(0, limits.clientsToldMax).map((clientId) => ({
      clientId,
      producedBytes: produce.get(clientId)?.gate.take() ?? 0,
      fetchedBytes: fetch.get(clientId)?.gate.take() ?? 0,
    }));
  }

  /** The answer; null: there was none. */
  set(throttles: readonly ClientThrottle[] | null): void {
    if (throttles === null) {
      for (const gates of Object.values(this.#gates)) for (const { gate } of gates.values()) gate.retry();
      return;
    }
    for (const { clientId, producerByteRate, produceDelayMs, consumerByteRate, fetchDelayMs } of throttles) {
      this.#gates.produce.get(clientId)?.gate.set(producerByteRate, produceDelayMs);
      this.#gates.fetch.get(clientId)?.gate.set(consumerByteRate, fetchDelayMs);
    }
  }
}
